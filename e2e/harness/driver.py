"""Real clients as processes: orders in, facts out, both as JSON lines (e2e/README.md). One process can be several devices."""

import json
import os
import pathlib
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parents[1]
CACHE = HERE / ".cache"
TRANSPORTS = ("polling", "websocket", "upgrade")


def java(version, main="Driver", *args):
    home = CACHE / "java" / f"client-{version}"
    path = ":".join([str(home / "classes"), *sorted(str(jar) for jar in (home / "lib").glob("*.jar"))])
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx96m", "-cp", path, main, *(args or [version])]


def node(alias):
    return ["node", str(HERE / "node" / "driver.js"), alias]


# One browser is all its clients: a device's orders say which bundle its page loads.
PAGE = ["node", str(HERE / "node" / "browser.js")]


def python(major):
    return [str(CACHE / f"python-{major}" / "bin" / "python"), "-u", str(HERE / "python" / "driver.py")]


# kind -> (command, Engine.IO revision)
KINDS = {
    "java-0.8.3": (java("0.8.3"), 3),
    "java-1.0.2": (java("1.0.2"), 3),
    "java-2.1.2": (java("2.1.2"), 4),
    "js-1.3.6": (node("socket.io-client-1.3"), 3),
    "js-1.7.4": (node("socket.io-client-1"), 3),
    "js-2.5.0": (node("socket.io-client-2"), 3),
    "js-3.1.3": (node("socket.io-client-3"), 4),
    "js-4.8.4": (node("socket.io-client-4"), 4),
    "page-1.3.6": (PAGE, 3),
    "page-1.7.4": (PAGE, 3),
    "page-2.5.0": (PAGE, 3),
    "page-4.8.4": (PAGE, 4),
    "python-4.6.1": (python(4), 3),
    "python-5.18.1": (python(5), 4),
}
BUNDLES = {
    "page-1.3.6": "socket.io-client-1.3",
    "page-1.7.4": "socket.io-client-1",
    "page-2.5.0": "socket.io-client-2",
    "page-4.8.4": "socket.io-client-4",
}
JSONP = ("page-1.3.6", "page-1.7.4", "page-2.5.0")
# Where every generation is meant; with TIDINGS_SOAK=1 those too that differ little from their neighbours and cost a browser's page each.
MATRIX = tuple(kind for kind in KINDS if os.environ.get("TIDINGS_SOAK") or kind not in ("page-1.7.4", "page-2.5.0"))


def transports(kind):
    return (*TRANSPORTS, "jsonp") if kind in JSONP else TRANSPORTS


PAIRS = [(kind, transport) for kind in MATRIX for transport in transports(kind)]


class Facts:
    """What somebody said, in order; others wait for it."""

    def __init__(self, name):
        self.name = name
        self.facts = []
        self.changed = threading.Condition()

    def add(self, fact):
        with self.changed:
            self.facts.append(fact)
            self.changed.notify_all()

    def mark(self):
        """A place in the facts: pass it as `since` to wait for what comes after."""
        with self.changed:
            return len(self.facts)

    def wait(self, wanted, patience=20, since=0, what=""):
        """The first fact at or after `since` for which `wanted` is true."""
        end = time.monotonic() + patience
        with self.changed:
            at = since
            while True:
                for fact in self.facts[at:]:
                    at += 1
                    if wanted(fact):
                        return fact
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    last = " ".join(str(fact)[:200] for fact in self.facts[-6:])
                    raise AssertionError(f"{self.name}: {what or 'the fact'} did not come within {patience:.1f} s; last facts: {last}")

    def wait_on(self, on, patience=20, since=0):
        return self.wait(lambda fact: fact["on"] == on, patience, since, on)

    def events(self, since=0):
        with self.changed:
            return [fact for fact in self.facts[since:] if fact["on"] == "event"]


class Process(Facts):
    """A program that says facts on standard output. A fact with a `cell` belongs to the device of that name in it."""

    def __init__(self, name, command, log):
        super().__init__(name)
        self.cells = {}
        self.writing = threading.Lock()
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.reader = threading.Thread(target=self._read, name=f"facts of {name}", daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                fact = json.loads(line)
            except ValueError:
                # Cut off as it was written: the program was killed.
                assert not line.endswith(b"\n"), line
                break
            self.cells.get(fact.pop("cell", None), self).add(fact)
        for each in (self, *self.cells.values()):
            each.add({"on": "ended"})

    def order(self, do, **rest):
        with self.writing:
            self.process.stdin.write(json.dumps({"do": do, **rest}).encode() + b"\n")
            self.process.stdin.flush()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


class Device(Facts):
    """A client library of one kind on one transport, as the app of one user; in a process of its own unless it is given one."""

    def __init__(self, kind, transport, uid, url, folder, process=None):
        command, self.revision = KINDS[kind]
        self.kind, self.transport, self.uid, self.url = kind, transport, uid, url
        self.token = None
        super().__init__(f"{kind} {transport}")
        self.cell = f"{kind} {transport} {uid}"
        self.page = {"bundle": BUNDLES[kind]} if kind in BUNDLES else {}
        self.alone = process is None
        self.process = process or Process(self.name, command, pathlib.Path(folder) / f"{kind}-{transport}-{uid}.log".replace("/", "_"))
        self.process.cells[self.cell] = self

    def ready(self, patience=30):
        """The library is loaded."""
        self.process.wait_on("ready", patience)
        return self

    def order(self, do, **rest):
        self.process.order(do, cell=self.cell, **self.page, **rest)

    def connect(self, **rest):
        since = self.mark()
        self.order("connect", url=self.url, transports=self.transport, **rest)
        return since

    def settled(self, since, patience=30):
        """Connected, and on the transport that it is meant to end up on."""
        self.wait_on("connected", patience, since)
        final = "polling" if self.transport in ("polling", "jsonp") else "websocket"
        self.wait(lambda fact: fact["on"] == "transport" and fact["name"] == final, patience, since, f"transport {final}")

    def register(self, patience=20):
        since = self.mark()
        self.order("register", uid=self.uid)
        return self.registered(since, patience)

    def registered(self, since, patience=20):
        self.token = self.wait_on("registered", patience, since)["token"]
        return self.token

    def freeze(self, on):
        """Stops a page's scripts at their next statement, or lets them go on."""
        self._ask_page("freeze", on=on)

    def close_page(self):
        """Closes the page when what it had to say is said; the next order opens another."""
        self._ask_page("evaluate", script="new Promise((said) => setTimeout(said, 50))")
        self._ask_page("close")

    def _ask_page(self, do, **rest):
        since = self.process.mark()
        self.process.order(do, page=self.cell, n=since, **rest)
        answer = self.process.wait(lambda fact: fact["on"] == "result" and fact["page"] == self.cell, 60, since, f"the answer to {do}")
        assert "failed" not in answer, answer["failed"]

    def received(self, since=0):
        """What the app got, as (event name, data), in order."""
        return [(fact["name"], fact["args"][0].get("data")) for fact in self.events(since)]

    def close(self):
        """Ends its process, if that is its own."""
        if self.alone:
            self.process.close()


class Drivers:
    """One process for each library (one browser for all pages), however many devices: `with Drivers(folder) as drivers`."""

    def __init__(self, folder):
        self.folder, self.processes = pathlib.Path(folder), {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.close()

    def device(self, kind, transport, uid, url):
        """Not yet connected, and perhaps not yet ready."""
        command = KINDS[kind][0]
        if tuple(command) not in self.processes:
            self.processes[tuple(command)] = Process(kind, command, self.folder / f"{kind}.log")
        return Device(kind, transport, uid, url, self.folder, self.processes[tuple(command)])
