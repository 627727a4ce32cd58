"""Convenience functions of GDB: $heap_type(addr), $heap_size(addr), $heap_owner(addr).

ADDR is any expression that has an address as its value; interior addresses are taken too.
"""

import gdb

from .engine import Failure


class Fact(gdb.Function):
    """One fact about the block that holds an address."""

    def __init__(self, name, meaning, query, missing):
        self.__doc__ = meaning
        self._query = query
        self._missing = missing
        super(Fact, self).__init__(name)

    def invoke(self, address):
        number = int(address.cast(gdb.lookup_type("unsigned long"))) & 0xffffffffffffffff
        try:
            for row in self._query("from 0x%x | show type, kind, size, owner" % number):
                return self.of(row)
        except Failure as error:
            if "no block lies there" not in str(error):
                raise gdb.GdbError(str(error))
        return self._missing


class Type(Fact):
    def of(self, row):
        return row.type or row.kind or "uncategorized"


class Size(Fact):
    def of(self, row):
        return row.size


class Owner(Fact):
    def of(self, row):
        return row.owner or 0


def register(query):
    Type("heap_type", "Type of the object at ADDR, or what else the block there holds; \"none\" where no block is.",
         query, "none")
    Size("heap_size", "Bytes of the block that holds ADDR; 0 where there is none.", query, 0)
    Owner("heap_owner", "The object that the buffer at ADDR belongs to; 0 where it belongs to none.", query, 0)
