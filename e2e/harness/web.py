"""A keep-alive HTTP/1.1 client for asyncio, and a publisher that never gives a message up."""

import asyncio
import json
import time


class Web:
    """One connection at a time; an error closes it, the next call opens another."""

    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port
        self.reader = self.writer = None

    async def call(self, method, path, body=b"", headers=()):
        """(status, headers, body); OSError, EOFError or TimeoutError if the answer did not come."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
            lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", *headers]
            if method != "GET":
                lines.append(f"Content-Length: {len(body)}")
            self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return await asyncio.wait_for(self._answer(), 60)
        except BaseException:
            self.close()
            raise

    async def _answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in rest)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(first.split()[1]), headers, body

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


BROKEN = (OSError, EOFError, asyncio.TimeoutError)
RETRY = {429, 500, 503, 504}


class Publisher:
    """Publishes with an Idempotency-Key and asks again with the same one until it is answered."""

    def __init__(self, port):
        self.web = Web(port)
        self.acknowledged = {}  # key -> the answer's {id, seq, ...}
        self.retries = 0

    async def publish(self, key, body, patience=60):
        end = time.monotonic() + patience
        payload = json.dumps(body).encode()
        headers = ("Content-Type: application/json", "Accept: application/json", f"Idempotency-Key: {key}")
        while True:
            try:
                status, _, answer = await self.web.call("POST", "/message", payload, headers)
            except BROKEN:
                status, answer = 0, b""
            if status == 200:
                self.acknowledged[key] = json.loads(answer)
                return self.acknowledged[key]
            if status not in RETRY and status != 0:
                raise AssertionError(f"{body} was refused: {status} {answer[:300]!r}")
            if time.monotonic() > end:
                raise AssertionError(f"{body} was not accepted within {patience} s: {status} {answer[:300]!r}")
            self.retries += 1
            await asyncio.sleep(0.02)
