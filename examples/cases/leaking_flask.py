"""A Flask app that leaks: `gunicorn --threads 16 leaking_flask:app`.

/report builds a report and answers with its size. A report wants to know when prices change, so it subscribes to the
feed; nobody takes it off the list again when the request is over. With LISTENERS=weak in the environment the feed
keeps no report alive.
"""

import os
import random
import weakref

import flask

app = flask.Flask(__name__)


class PriceFeed:
    """Whoever subscribes is called when prices change."""

    def __init__(self):
        self.listeners = []

    def subscribe(self, listener):
        if os.environ.get("LISTENERS") == "weak":
            listener = weakref.WeakMethod(listener, self.listeners.remove)
        self.listeners.append(listener)


FEED = PriceFeed()


class Report:
    def __init__(self, seed):
        draw = random.Random(seed)
        self.seed = seed
        self.lines = [{"article": "A-%06d" % draw.randrange(10 ** 6), "price": draw.random() * 100, "stock": draw.randrange(5000)}
                      for _ in range(1500)]
        FEED.subscribe(self.refresh)

    def refresh(self, prices):
        for line in self.lines:
            line["price"] = prices.get(line["article"], line["price"])


@app.route("/report")
def report():
    made = Report(flask.request.args.get("seed", "1"))
    return {"lines": len(made.lines), "pid": os.getpid()}


@app.route("/health")
def health():
    return {"pid": os.getpid()}
