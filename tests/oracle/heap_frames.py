"""Builders of frames, generators and coroutines in every state: each returns what keeps its objects alive."""
from __future__ import print_function

import sys

from heap import skipping
from heap_kinds import *  # noqa: F401,F403


def in_states():
    """Generators: never started, waiting at several depths, in an exception, finished, closed."""
    def plain(first, second=2):
        third = [first, second]
        yield third
        del first
        fourth = (yield second)
        yield fourth

    def closing(number):
        shared = {"number": number}

        def uses():
            return shared, number
        later = None
        yield uses
        later = uses
        yield later

    def handling(text):
        try:
            raise ValueError(text)
        except ValueError as error:
            kept = error
            yield text
            kept = None
        finally:
            text = None

    def inner(level):
        try:
            yield level
            yield [level]
        finally:
            level = -1

    def outer(level):
        for item in inner(level):
            held = {"item": item}
            yield held

    keep = []
    for steps in range(5):
        for make in (lambda: plain(10 ** 6 + steps), lambda: closing("number %d" % steps), lambda: handling("text %d" % steps),
                     lambda: outer(1000 + steps)):
            one = make()
            try:
                for _ in range(steps):
                    next(one)
            except StopIteration:
                pass
            keep.append(one)
    closed = plain("closed", [3])
    next(closed)
    closed.close()
    keep.append(closed)
    keep.append((sum(i * j for j in [1, 2]) for i in [1, 2, 3]))
    next(keep[-1])
    return keep


def shown():
    """A generator whose frame was asked for, so that it is an object on every version."""
    def waits(argument):
        local = ["of a shown frame", argument]
        yield local
    keep = [waits(i) for i in range(6)]
    for one in keep[:4]:
        next(one)
    frames = [one.gi_frame for one in keep[1:]]
    for _ in keep[2]:
        pass
    return [keep, frames]


def outlived():
    """Frames that outlived their calls, alone and as chains."""
    def down(level, text="outlived"):
        local = [level, text]
        cell = {"level": level}

        def uses():
            return cell
        if level == 0:
            return sys._getframe(), local, uses
        return down(level - 1, text)
    return [down(level)[0] for level in range(5)]


def traced():
    """Code that a tracer looked at: instrumented from 3.12 on."""
    def runs(count):
        total = 0
        for i in range(count):
            total += i
        return total
    calls = []

    def tracer(frame, event, argument):
        if len(calls) < 100:
            calls.append(event)
        return tracer
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        runs(3)
    finally:
        sys.settrace(before)
    return [runs, calls]


ASYNC = '''
import asyncio
import sys
import types


class Waits(object):
    def __await__(self):
        got = yield "waiting"
        return got


async def deep(level):
    here = ["deep", level]
    if level:
        return await deep(level - 1)
    await Waits()
    return here


async def handles():
    try:
        {}["missing"]
    except KeyError as error:
        kept = error
        await Waits()
        return kept


async def produce(count):
    for i in range(count):
        item = {"produced": i}
        yield item
        await Waits()


async def consume(count):
    async for item in produce(count):
        held = item


@types.coroutine
def old_style(number):
    got = yield number
    return got


async def waits_for(future):
    return await future


async def fails():
    raise RuntimeError("failed task")


def step(one, times=1):
    for _ in range(times):
        one.send(None)
    return one


def coroutines():
    keep = [deep(2), step(deep(3)), step(handles()), step(old_style(5)), old_style(6), step(consume(2), 1), consume(3)]
    done = step(deep(0))
    try:
        step(done)
    except StopIteration:
        pass
    closed = step(deep(1))
    closed.close()
    wrapped = step(deep(1))
    keep += [done, closed, wrapped.__await__() if False else wrapped, deep(0).__await__()]
    sys_depth = getattr(sys, "set_coroutine_origin_tracking_depth", None)
    if sys_depth is not None:
        sys_depth(3)
        keep += [deep(0), step(deep(1))]
        sys_depth(0)
    return keep


def generators():
    keep = [produce(1)]
    first = produce(2)
    step_of = first.asend(None)
    try:
        step_of.send(None)
    except StopIteration:
        pass
    waiting = first.asend(["sent"])
    waiting.send(None)
    keep += [first, step_of, waiting]
    keep += [produce(3).asend(None), produce(4).athrow(ValueError), produce(5).aclose(), produce(6).__anext__()]
    done = produce(0)
    try:
        done.asend(None).send(None)
    except StopAsyncIteration:
        pass
    keep.append(done)
    if sys.version_info >= (3, 10):
        exec("keep.append(anext(produce(7), ['default']))", {"keep": keep, "produce": produce, "anext": anext})
    return keep


def tasks():
    """What a loop that stopped leaves behind: tasks that wait, that failed, that were cancelled."""
    loop = asyncio.new_event_loop()
    if sys.version_info < (3, 10):
        asyncio.set_event_loop(loop)
    future, other, done = loop.create_future(), loop.create_future(), loop.create_future()
    done.set_result(["result"])
    generator = produce(2)

    async def first_of():
        async for item in generator:
            return await waits_for(future)
    all_of = [loop.create_task(waits_for(future)), loop.create_task(fails()), loop.create_task(waits_for(other)),
              loop.create_task(waits_for(done))]
    all_of += [loop.create_task(waits_for(all_of[0]))]

    async def main():
        await asyncio.sleep(0)
        all_of[2].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    loop.run_until_complete(main())
    ready = loop.create_task(waits_for(future))
    try:
        all_of[1].exception()
    except BaseException:
        pass
    iterators = [iter(future) if hasattr(future, "__iter__") else future.__await__()]
    iterators.append(future.__await__())
    iterators[0].send(None)
    future.add_done_callback(print)
    future.add_done_callback(len)
    return [loop, future, other, done, all_of, ready, iterators, generator, first_of]
'''


@skipping("frames")
def build_frames(n, rng):
    return [in_states(), shown(), outlived(), traced()]


@skipping("asynchronous")
def build_asynchronous(n, rng):
    if not NEW:
        raise ImportError("syntax of Python 3")
    space = {"__name__": "oracle_asynchronous"}
    exec(compile(ASYNC, "oracle_asynchronous.py", "exec"), space)
    return [space, space["coroutines"](), space["generators"](), space["tasks"]()]
