"""One Engine.IO 4 device on long polling, in step with its test: each call is a request, each packet is kept.

Deliberately not a client library: it says exactly what a test wants said, also what no library would say.
"""

import itertools
import json
import time
import urllib.parse

from .backend import Backend


class Polling:
    def __init__(self, port, connect="40", **query):
        self.door = Backend(port)
        self.stamps, self.acks = itertools.count(), itertools.count()
        self.query = {"EIO": 4, "transport": "polling", **query}
        self.events = []  # (name, argument)
        self.answers = {}  # ack id -> argument
        self.ended = False
        self.query["sid"] = json.loads(self.get()[0][1:])["sid"]
        if connect:
            self.say(connect)

    def path(self):
        return "/socket.io/?" + urllib.parse.urlencode({**self.query, "t": f"p{next(self.stamps)}"})

    def get(self):
        answer = self.door.call("GET", self.path(), timeout=30)
        assert answer.status == 200, answer
        return answer.body.split("\x1e")

    def say(self, text):
        answer = self.door.call("POST", self.path(), text.encode())
        assert answer.status == 200, answer

    def emit(self, name, argument):
        self.say("42" + json.dumps([name, argument]))

    def ask(self, name, argument):
        """The answer to an event that wants one."""
        number = next(self.acks)
        self.say(f"42{number}" + json.dumps([name, argument]))
        self.until(lambda: number in self.answers)
        return self.answers[number]

    def poll(self):
        for packet in self.get():
            if packet == "2":
                self.say("3")
            elif packet.startswith("42"):
                name, *arguments = json.loads(packet[2:])
                self.events.append((name, arguments[0]))
            elif packet.startswith("43"):
                number, _, rest = packet[2:].partition("[")
                self.answers[int(number)] = json.loads("[" + rest)[0]
            elif packet == "1":
                self.ended = True

    def until(self, done, patience=10):
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"it did not come; events: {self.events}"
            self.poll()

    def told(self, name):
        """The argument of the first event of that name that comes, or came."""
        self.until(lambda: any(event == name for event, _ in self.events))
        return next(argument for event, argument in self.events if event == name)

    def had(self, name):
        return [argument["data"] for event, argument in self.events if event == name]

    def rounds(self, count=3):
        """The server has dealt with everything that stood before these events."""
        for _ in range(count):
            assert self.ask("my event", {"data": 1}) == {"ok": True}
