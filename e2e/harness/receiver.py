"""A business server's end of a webhook: a process that checks signatures with the official library and writes down what it takes.

As a program: `python -m harness.receiver PORT FOLDER [CERTIFICATE KEY]`. What it took is on disk before it says so, so it may be killed; how it behaves is told to it
over its own HTTP, and forgotten with the process.
"""

import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .ports import free_port

HERE = pathlib.Path(__file__).resolve().parents[1]


class Receiver:
    """The process, from the outside."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.is_tls = False

    def url(self, host="127.0.0.1", path="/hooks"):
        return f"http{'s' if self.is_tls else ''}://{host}:{self.port}{path}"

    def start(self, secret, certificate=()):
        """`secret`: any of several, or None: nothing is checked. `certificate`: a chain and its key, for TLS."""
        self.is_tls = bool(certificate)
        (self.folder / "secret").write_text(secret or "")
        command = [sys.executable, "-m", "harness.receiver", str(self.port), str(self.folder), *map(str, certificate)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=HERE)
        end = time.monotonic() + 20
        while not self.listens():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)
        return self

    def listens(self):
        try:
            return self.tell({}) == 204
        except OSError:
            return False

    def tell(self, behaviour):
        if self.is_tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("PUT", "/behaviour", json.dumps(behaviour))
            return connection.getresponse().status
        finally:
            connection.close()

    def behave(self, **behaviour):
        """`status` (of how many answers: `times`), `headers`, `delay_s`, `refuses` (a text in the body: 422), `dies_after` (events)."""
        assert self.tell(behaviour) == 204

    def tries(self):
        """Each POST: its headers, what the library said of it, and what was answered."""
        return self.lines("tries")

    def taken(self):
        """Each event that it said it took, in the order in which it came."""
        return self.lines("taken")

    def lines(self, name):
        path = self.folder / name
        whole = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in whole]

    def until(self, done, patience=20, what="that"):
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"{what} was not within {patience} s; last tries: {self.tries()[-3:]}"
            time.sleep(0.02)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def ended(self, patience=20):
        return self.process.wait(timeout=patience)


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    folder = None
    webhook = None
    behaviour = {}

    def do_PUT(self):
        type(self).behaviour = json.loads(self.body())
        self.reply(204)

    def do_POST(self):
        body = self.body()
        with self.lock:
            said = self.judge(body)
            if said == "good" and self.behaviour.get("dies_after") is not None:
                self.take(json.loads(body)["events"][:self.behaviour["dies_after"]])
                os._exit(1)
            status = self.status(said, body)
            self.write("tries", {"headers": {key.lower(): value for key, value in self.headers.items()}, "path": self.path,
                                 "events": len(json.loads(body)["events"]), "said": said, "status": status})
            if status == 204:
                self.take(json.loads(body)["events"])
        time.sleep(self.behaviour.get("delay_s", 0))
        self.reply(status, self.behaviour.get("headers", {}))

    def judge(self, body):
        if self.webhook is None:
            return "unchecked"
        try:
            self.webhook.verify(body, dict(self.headers))
            return "good"
        except Exception as error:  # noqa: BLE001: whatever the library says is written down
            return f"{type(error).__name__}: {error}"

    def status(self, said, body):
        told = self.behaviour
        if said not in ("good", "unchecked"):
            return 401
        if told.get("refuses") and told["refuses"] in body:
            return 422
        if "status" in told and told.get("times", 1) > 0:
            told["times"] = told.get("times", 1) - 1
            return told["status"]
        return 204

    def take(self, events):
        for event in events:
            self.write("taken", event if self.path == "/hooks" else {**event, "at_path": self.path})

    def write(self, name, value):
        with open(self.folder / name, "a") as lines:
            lines.write(json.dumps(value) + "\n")

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0))).decode()

    def reply(self, status, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main(port, folder, *certificate):
    Desk.folder = pathlib.Path(folder)
    secret = (Desk.folder / "secret").read_text()
    if secret:
        from standardwebhooks.webhooks import Webhook
        Desk.webhook = Webhook(secret)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Desk)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
