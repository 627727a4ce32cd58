#!/usr/bin/env python3
"""Starts an app of this folder under Debian's gunicorn, lets 16 clients ask for reports, and keeps it running.

    serve_flask.py [APP] [--trim] [NAME=VALUE ...]

APP is threaded_flask or leaking_flask. NAME=VALUE go to the environment of the service; --trim has it call malloc_trim(0) after the load. Prints "PID N" of
the worker and "ready", and ends the service with itself. Exit 77: gunicorn or Flask is not installed.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
GUNICORN = "/usr/bin/gunicorn"
PORT = 18000 + os.getpid() % 2000
CLIENTS, REQUESTS = 16, 6


def ask(path):
    with urllib.request.urlopen("http://127.0.0.1:%d%s" % (PORT, path), timeout=60) as answer:
        return answer.read()


def load(client):
    for i in range(REQUESTS):
        ask("/report?seed=%d" % (client * 1000 + i))


def main():
    words = sys.argv[1:]
    if not os.path.exists(GUNICORN) or subprocess.run(["/usr/bin/python3", "-c", "import flask"], stderr=subprocess.DEVNULL).returncode:
        print("gunicorn and python3-flask of Debian are not installed")
        return 77
    environment = dict(os.environ, **dict(word.split("=", 1) for word in words if "=" in word))
    app = next((word for word in words if "=" not in word and not word.startswith("-")), "threaded_flask")
    service = subprocess.Popen([GUNICORN, "--threads", "16", "--workers", "1", "-b", "127.0.0.1:%d" % PORT, app + ":app"],
                               cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for _ in range(200):
            try:
                ask("/health")
                break
            except OSError:
                time.sleep(.1)
        clients = [threading.Thread(target=load, args=(i,)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if "--trim" in words:
            ask("/trim")
        pid = ask("/health").decode().split(":")[1].strip(" }\n")
        print("PID %s\nready" % pid, flush=True)
        while True:
            time.sleep(3600)
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    sys.exit(main())
