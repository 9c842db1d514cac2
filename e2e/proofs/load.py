"""Both ends of the backend's side: messages without a pause, and what is told of them as reached."""

import http.client
import json
import threading
import time

from .truth import Sent

# Between two rounds where a load must last for some of a worker's lives or for a heartbeat.
LONG_PAUSE_S = 0.06


class Publisher:
    """One keep-alive connection to the backend listener; an error is the test's."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.connect()

    def send(self, cell, text):
        at = time.monotonic()
        body = json.dumps({"data": text, "uid": cell.uid})
        self.connection.request("POST", "/message", body, {"Content-Type": "application/json", "Accept": "application/json"})
        answer = self.connection.getresponse()
        said = answer.read()
        assert answer.status == 200, f"POST /message was refused: {answer.status} {said[:300]!r}"
        said = json.loads(said)
        cell.sent.append(Sent(said["id"], int(said["seq"]), at, text))
        return said["id"]


class Load:
    """One message to each device, again and again, by a thread of its own: `with Load(...) as load: load.until(round)`."""

    def __init__(self, run, cells):
        self.run, self.cells, self.done = run, cells, 0
        self.changed = threading.Condition()
        self.failure = None
        self.thread = threading.Thread(target=self._send, name=f"load on {run.name}")

    def _send(self):
        try:
            publisher = Publisher(self.run.way.backend.port)
            for _ in range(self.run.size.rounds):
                for cell in self.cells:
                    publisher.send(cell, self.run.text())
                with self.changed:
                    self.done += 1
                    self.changed.notify_all()
                time.sleep(self.run.size.pause_s if self.run.path.is_quick else LONG_PAUSE_S)
        except Exception as problem:  # told by the thread that waits for it
            self.failure = problem
        with self.changed:
            self.done = self.run.size.rounds
            self.changed.notify_all()

    def __enter__(self):
        self.thread.start()
        return self

    def until(self, share):
        """Until this share of the rounds is sent."""
        with self.changed:
            self.changed.wait_for(lambda: self.done >= share * self.run.size.rounds)

    def __exit__(self, kind, *_):
        self.thread.join()
        if self.failure and kind is None:
            raise self.failure


class Reached:
    """What the server tells of as reached: uid -> {message id -> proof}."""

    def __init__(self, backend):
        self.follower, self.of = backend.follow("message.reported"), {}

    def read(self, wait_s=0):
        for event in self.follower.read(wait_s):
            told = event["data"]
            if told["state"] == "reached":
                self.of.setdefault(told["uid"], {})[told["message_id"]] = told["proof"]
        self.follower.seen.clear()

    def until(self, done, patience):
        end = time.monotonic() + patience
        while not done() and time.monotonic() < end:
            self.read(wait_s=1)
