"""A business server's listener on Debian's Ice for Python: prints its port, then each call it got as a JSON line.

Runs under /usr/bin/python3. Arguments: what it is (`push`, `events`, `partial`), what it raises (`-` for nothing), the port
(0 for any), then Ice properties as Name=Value; `ssl` among these makes its endpoint one.
"""

import json
import pathlib
import signal
import sys

import Ice

SLICE = pathlib.Path(__file__).resolve().parents[2] / "idl" / "Push.ice"
Ice.loadSlice("", ["--all", str(SLICE)])
import Push  # noqa: E402

# Newer than anything Tidings knows.
NEWER = "#include <Push.ice>\nmodule Push { exception Newer extends PushError { int n; } exception NotOurs { string s; } }\n"


def load_newer(folder):
    path = pathlib.Path(folder) / "Newer.ice"
    path.write_text(NEWER)
    Ice.loadSlice("", [f"-I{SLICE.parent}", "--all", str(path)])


def error(name):
    base = {"reason": "some_code", "text": "some text"}
    return {
        "Busy": lambda: Push.Busy(**base, retryAfterMs=1500),
        "BusyUnset": lambda: Push.Busy(**base),
        "NotFound": lambda: Push.NotFound(**base, requestId="q-1", id="x"),
        "Newer": lambda: Push.Newer(**base, n=7),
        "crash": lambda: ValueError("not meant for others"),
    }[name]()


def say(raises, operation, *values):
    print(json.dumps([operation, *[vars(value) for value in values]]), flush=True)
    if raises != "-":
        raise error(raises)


class Full(Push.PushListener):
    def __init__(self, raises):
        self.raises = raises

    def registered(self, r, current):
        say(self.raises, "registered", r)

    def reported(self, r, current):
        say(self.raises, "reported", r)

    def registeredBatch(self, rs, current):
        say(self.raises, "registeredBatch", *rs)

    def reportedBatch(self, rs, current):
        say(self.raises, "reportedBatch", *rs)


class Partial(Push.PushListener):
    def registered(self, r, current):
        say("-", "registered", r)


class Events(Push.EventListener):
    def __init__(self, raises):
        self.raises = raises

    def events(self, es, current):
        say(self.raises, "events", *es)


def main():
    kind, raises, port, folder = sys.argv[1:5]
    servant = {"push": lambda: Full(raises), "partial": Partial, "events": lambda: Events(raises)}[kind]()
    properties = [f"--{each}" for each in sys.argv[5:] if each != "ssl"]
    if raises == "Newer":
        load_newer(folder)
    with Ice.initialize(properties) as communicator:
        transport = "ssl" if "ssl" in sys.argv else "tcp"
        adapter = communicator.createObjectAdapterWithEndpoints("a", f"{transport} -h 127.0.0.1 -p {port}")
        adapter.add(servant, Ice.stringToIdentity("pushListener"))
        adapter.activate()
        print(adapter.getEndpoints()[0].getInfo().port if transport == "tcp" else adapter.getEndpoints()[0].getInfo().underlying.port,
              flush=True)
        signal.signal(signal.SIGTERM, lambda *_: communicator.shutdown())
        communicator.waitForShutdown()


main()
