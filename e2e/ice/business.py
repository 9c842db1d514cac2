"""A business server on Debian's Ice for Python, as good or as bad as it is asked to be; says what it is told as JSON lines.

Runs under /usr/bin/python3. Arguments: its behaviour as JSON, its port, then Ice properties as Name=Value; `ssl` among these makes its
endpoint one. Behaviour: `kind` (`events`; `push`; `singles`: an interface without batches; `partial`: a servant that lacks two methods),
`busy` and `unauthorized` (calls that are answered so, before others), `refuses` (a uid), `slow_ms` (each call), `dies_after` (events: then
it is gone, in the middle of a call).
"""

import json
import os
import pathlib
import signal
import sys
import tempfile
import time

import Ice

SLICE = pathlib.Path(__file__).resolve().parents[2] / "idl" / "Push.ice"
Ice.loadSlice("", ["--all", str(SLICE)])
import Push  # noqa: E402

# A listener of before there were batches.
OLD = """#include <Push.ice>
module Old { interface Listener {
    idempotent void registered(Push::Registration r) throws Push::PushError;
    idempotent void reported(Push::Report r) throws Push::PushError;
} }"""


def load_old():
    with tempfile.NamedTemporaryFile("w", suffix=".ice") as file:
        file.write(OLD)
        file.flush()
        Ice.loadSlice("", [f"-I{SLICE.parent}", "--all", file.name])


def say(**fact):
    print(json.dumps(fact), flush=True)


class Behaviour:
    def __init__(self, asked):
        self.busy, self.unauthorized = asked.get("busy", 0), asked.get("unauthorized", 0)
        self.refuses, self.slow_ms, self.lives = asked.get("refuses"), asked.get("slow_ms", 0), asked.get("dies_after")

    def takes(self, operation, told):
        """All of them, or raises."""
        say(on="called", operation=operation, count=len(told))
        time.sleep(self.slow_ms / 1000)
        if self.busy > 0:
            self.busy -= 1
            raise Push.Busy(reason="overloaded", text="not now", retryAfterMs=100)
        if self.unauthorized > 0:
            self.unauthorized -= 1
            raise Push.Unauthorized(reason="invalid_key", text="who are you?")
        if self.refuses and any(uid(each) == self.refuses for each in told):
            raise Push.InvalidArgument(reason="invalid_field", text="no such user", field="uid")
        for each in told:
            self.take(operation, each)

    def take(self, operation, each):
        say(on="told", operation=operation, **vars(each))
        if self.lives is not None:
            self.lives -= 1
            if self.lives <= 0:
                os._exit(9)


def uid(told):
    return json.loads(told.payload).get("uid") if hasattr(told, "payload") else told.uid


class Base:
    def __init__(self, behaviour):
        self.behaviour = behaviour


class Events(Base, Push.EventListener):
    def events(self, es, current):
        self.behaviour.takes("events", es)


class Singles(Base):
    def registered(self, r, current):
        self.behaviour.takes("registered", [r])

    def reported(self, r, current):
        self.behaviour.takes("reported", [r])


class Partial(Singles, Push.PushListener):
    """What it lacks fails in Python, which its peer cannot tell from any other failure."""


class Full(Singles, Push.PushListener):
    def registeredBatch(self, rs, current):
        self.behaviour.takes("registeredBatch", rs)

    def reportedBatch(self, rs, current):
        self.behaviour.takes("reportedBatch", rs)


def old(behaviour):
    load_old()
    import Old
    return type("OldListener", (Singles, Old.Listener), {})(behaviour)


KINDS = {"events": Events, "push": Full, "partial": Partial, "singles": old}


def main():
    asked, port = json.loads(sys.argv[1]), sys.argv[2]
    properties = [f"--{each}" for each in sys.argv[3:] if each != "ssl"]
    with Ice.initialize(properties) as communicator:
        transport = "ssl" if "ssl" in sys.argv else "tcp"
        adapter = communicator.createObjectAdapterWithEndpoints("a", f"{transport} -h 127.0.0.1 -p {port}")
        adapter.add(KINDS[asked["kind"]](Behaviour(asked)), Ice.stringToIdentity("pushListener"))
        adapter.activate()
        signal.signal(signal.SIGTERM, lambda *_: communicator.shutdown())
        say(on="ready")
        communicator.waitForShutdown()


main()
