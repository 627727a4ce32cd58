#!/usr/bin/env python3
"""A worker that has read its suppliers' catalogues with lxml and kept a few names of each: `read_catalogues.py [KEEP=text]`.

What XPath returns as text is a str that knows its element, and with it the whole document. With KEEP=text the names are copied.
Prints "PID N" and "ready", and waits. Exit 77: python3-lxml of Debian is not installed.
"""

import os
import subprocess
import sys
import time

PYTHON = "/usr/bin/python3"
SUPPLIERS, ARTICLES, KEPT_OF = 8, 20000, 100
NAMES = {}


def catalogue(supplier):
    articles = ("<article id='%d'><name>article %d of %d</name><price>%d</price><text>%s</text></article>"
                % (i, i, supplier, i * 7 % 1000, "in stock " * (i % 5)) for i in range(ARTICLES))
    return ("<catalogue>" + "".join(articles) + "</catalogue>").encode()


def read(supplier, copy):
    from lxml import etree
    document = etree.fromstring(catalogue(supplier))
    for name in document.xpath("article[@id mod %d = 0]/name/text()" % KEPT_OF):
        NAMES[supplier, len(NAMES)] = str(name) if copy else name


def main():
    if subprocess.run([PYTHON, "-c", "import lxml.etree"], stderr=subprocess.DEVNULL).returncode:
        print("python3-lxml of Debian is not installed")
        return 77
    if os.path.realpath(sys.executable) != os.path.realpath(PYTHON):
        os.execv(PYTHON, [PYTHON, *sys.argv])
    for supplier in range(SUPPLIERS):
        read(supplier, "KEEP=text" in sys.argv)
    print("PID %d\nready" % os.getpid(), flush=True)
    while True:
        time.sleep(3600)


sys.exit(main())
