"""What a business server does: publishes by `POST /message` and reads `GET /v1/events`. Standard library only."""

import http.client
import json
import urllib.parse

# One page of events; the server's own bound.
PAGE = 1000


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class Backend:
    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port

    def call(self, method, path, body=None, headers=None, timeout=15):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            payload = body if body is None or isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            connection.request(method, path, payload, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def ready(self):
        try:
            return self.call("GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def send(self, data, **target):
        """Publishes and returns the answer's `{id, seq, ...}`; anything but 200 fails the test."""
        answer = self.call("POST", "/message", {"data": data, **target}, {"Accept": "application/json"})
        assert answer.status == 200, f"POST /message {target} was refused: {answer}"
        return answer.json

    def page(self, cursor=None, types=(), wait_s=0):
        query = {"limit": PAGE, "wait_s": wait_s}
        if cursor:
            query["cursor"] = cursor
        if types:
            query["types"] = ",".join(types)
        answer = self.call("GET", "/v1/events?" + urllib.parse.urlencode(query), timeout=wait_s + 15)
        assert answer.status == 200, f"GET /v1/events was refused: {answer}"
        return [json.loads(line) for line in answer.body.splitlines() if line], answer.headers["tidings-next-cursor"]

    def events(self, *types):
        """All events that are kept, oldest first."""
        found, cursor = [], None
        while True:
            page, cursor = self.page(cursor, types)
            found += page
            if len(page) < PAGE:
                return found

    def follow(self, *types):
        return Follower(self, types)


class Follower:
    """A pull sink with its own cursor: reads on from where it was."""

    def __init__(self, backend, types):
        self.backend, self.types = backend, types
        self.cursor, self.seen = None, []

    def read(self, wait_s=0):
        page, self.cursor = self.backend.page(self.cursor, self.types, wait_s)
        self.seen += page
        return page

    def until(self, done, patience, clock):
        """Reads until `done(seen)` is true, or the patience ends; the last verdict."""
        end = clock() + patience
        while not done(self.seen) and clock() < end:
            self.read(wait_s=1)
        return done(self.seen)
