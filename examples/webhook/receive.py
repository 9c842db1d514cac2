#!/usr/bin/env python3
"""A business server that Tidings tells what happens, by webhook. Python's standard library only.

    WEBHOOK_SECRET=whsec_... ./receive.py [PORT] [DATABASE]

It answers 204 only when the events are in its database, and an event's id is the key there: what comes twice, after
an answer that got lost or a replay, is in it once, and a restart of either side loses nothing.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
TOLERANCE_S = 300
BODY_MAX = 1 << 20


def is_genuine(headers, body):
    """Signed with our secret, and not long ago. During a change of secrets there are two signatures."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > TOLERANCE_S:
        return False
    digest = hmac.new(SECRET, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    return any(hmac.compare_digest(expected, given.encode()) for given in headers.get("webhook-signature", "").split(" "))


def deal_with(database, event):
    """Once for each event; in the transaction that also remembers its id."""
    print(event["type"], json.dumps(event["data"]), flush=True)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > BODY_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)
        if not is_genuine(self.headers, body):
            return self.answer(401)
        with self.server.database as database:  # one transaction
            for event in json.loads(body)["events"]:
                known = database.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", (event["id"], json.dumps(event)))
                if known.rowcount == 1:
                    deal_with(database, event)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    server = HTTPServer(("127.0.0.1", PORT), Receiver)
    server.database = sqlite3.connect(sys.argv[2] if len(sys.argv) > 2 else "events.db")
    server.database.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, event TEXT)")
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


main()
