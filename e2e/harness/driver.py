"""One real client as a process: orders in, facts out, both as JSON lines (e2e/README.md)."""

import json
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
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m", "-cp", path, main, *(args or [version])]


def node(alias):
    return ["node", str(HERE / "node" / "driver.js"), alias]


def python(major):
    return [str(CACHE / f"python-{major}" / "bin" / "python"), "-u", str(HERE / "python" / "driver.py")]


# kind -> (command, Engine.IO revision)
KINDS = {
    "java-0.8.3": (java("0.8.3"), 3),
    "java-1.0.2": (java("1.0.2"), 3),
    "java-2.1.2": (java("2.1.2"), 4),
    "js-1.7.4": (node("socket.io-client-1"), 3),
    "js-4.8.4": (node("socket.io-client-4"), 4),
    "python-4.6.1": (python(4), 3),
    "python-5.18.1": (python(5), 4),
}


class Process:
    """A program that says facts on standard output; a thread keeps them in order."""

    def __init__(self, name, command, log):
        self.name = name
        self.facts = []
        self.changed = threading.Condition()
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.reader = threading.Thread(target=self._read, name=f"facts of {name}", daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._add(json.loads(line))
        self._add({"on": "ended"})

    def _add(self, fact):
        with self.changed:
            self.facts.append(fact)
            self.changed.notify_all()

    def order(self, do, **rest):
        self.process.stdin.write(json.dumps({"do": do, **rest}).encode() + b"\n")
        self.process.stdin.flush()

    def mark(self):
        """A place in the facts: pass it as `since` to wait for what comes after."""
        with self.changed:
            return len(self.facts)

    def wait(self, wanted, patience=20, since=0, what=""):
        """The first fact at or after `since` for which `wanted` is true."""
        end = time.monotonic() + patience
        with self.changed:
            while True:
                for fact in self.facts[since:]:
                    if wanted(fact):
                        return fact
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"{self.name}: {what or 'the fact'} did not come within {patience} s; last facts: {self.facts[-6:]}")

    def wait_on(self, on, patience=20, since=0):
        return self.wait(lambda fact: fact["on"] == on, patience, since, on)

    def events(self, since=0):
        with self.changed:
            return [fact for fact in self.facts[since:] if fact["on"] == "event"]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


class Device(Process):
    """A client library of one kind on one transport, as the app of one user."""

    def __init__(self, kind, transport, uid, url, folder):
        command, self.revision = KINDS[kind]
        self.kind, self.transport, self.uid, self.url = kind, transport, uid, url
        self.token = None
        super().__init__(f"{kind} {transport}", command, pathlib.Path(folder) / f"{kind}-{transport}-{uid}.log")

    def connect(self, **rest):
        since = self.mark()
        self.order("connect", url=self.url, transports=self.transport, **rest)
        return since

    def settled(self, since, patience=30):
        """Connected, and on the transport that it is meant to end up on."""
        self.wait_on("connected", patience, since)
        final = "polling" if self.transport == "polling" else "websocket"
        self.wait(lambda fact: fact["on"] == "transport" and fact["name"] == final, patience, since, f"transport {final}")

    def register(self, patience=20):
        since = self.mark()
        self.order("register", uid=self.uid)
        return self.registered(since, patience)

    def registered(self, since, patience=20):
        self.token = self.wait_on("registered", patience, since)["token"]
        return self.token

    def received(self, since=0):
        """What the app got, as (event name, data), in order."""
        return [(fact["name"], fact["args"][0].get("data")) for fact in self.events(since)]
