"""Light raw devices: what a legacy client does on the wire, with a record of what it got and what it has proven.

Deliberately not a client library: no back-off, no buffering. Proof is seen from the client's side: what stood before a question
that it answered (a `2` on Engine.IO 4, a ping frame on 3) or in an answer after which it polled again.
"""

import asyncio
import itertools
import json
import time
import urllib.parse

from .socket import Refused, open_socket
from .web import BROKEN, Web


class Received:
    __slots__ = ("data", "broadcast", "at")

    def __init__(self, data, broadcast, at):
        self.data, self.broadcast, self.at = data, broadcast, at


class Connection:
    """One life of a device on the wire, in the order of arrival."""

    def __init__(self):
        self.received = []
        self.proven = 0  # how many of `received` a proof covers, as far as the client can know
        self.proven_at = None
        self.token = None
        self.ended_at = None
        self.how = None

    def end(self, how):
        if self.ended_at is None:
            self.ended_at, self.how = time.monotonic(), how


class RawDevice:
    """What the three wires have in common: registration and the record."""

    def __init__(self, uid, port, host="127.0.0.1"):
        self.uid, self.host, self.port = uid, host, port
        self.tokens = set()
        self.connections = []
        self.now = None
        self.registered = None
        self.gone = None
        self.count = 0
        self.watch = None  # called after each message
        self.faults = []  # what came and must never come to a legacy socket

    def begin(self):
        self.now = Connection()
        self.connections.append(self.now)
        loop = asyncio.get_running_loop()
        self.registered, self.gone = loop.create_future(), loop.create_future()

    def event(self, text):
        try:
            name, *args = json.loads(text)
        except ValueError:
            self.faults.append(f"no plain event: {text[:200]}")
            return
        if name == "_register":
            self.now.token = args[0]["token"]
            self.tokens.add(self.now.token)
            if not self.registered.done():
                self.registered.set_result(self.now.token)
        elif name == "_register_error":
            if not self.registered.done():
                self.registered.set_exception(AssertionError(f"{self.uid} was refused: {args}"))
        else:
            self.took(name, args)

    def took(self, name, args):
        if name != "app broadcast" and name not in self.tokens:
            self.faults.append(f"an event named {name}")
        if len(args) != 1 or list(args[0]) != ["data"]:
            self.faults.append(f"not exactly one argument with one key: {args}")
            return
        self.now.received.append(Received(args[0]["data"], name == "app broadcast", time.monotonic()))
        self.count += 1
        if self.watch:
            self.watch()

    def prove(self):
        self.now.proven, self.now.proven_at = len(self.now.received), time.monotonic()

    def finish(self, how):
        self.now.end(how)
        for future in (self.registered, self.gone):
            if not future.done():
                future.set_result(None)

    def register_text(self):
        return "42" + json.dumps(["register", {"data": self.uid}])

    def datas(self):
        return [entry.data for connection in self.connections for entry in connection.received]


class SocketDevice(RawDevice):
    """WebSocket only, either revision."""

    def __init__(self, uid, port, revision, **rest):
        super().__init__(uid, port, **rest)
        self.revision = revision
        self.socket = None
        self.leaving = None
        self.beat = None

    async def connect(self):
        """Registers and returns the token; None if the connection ended before; raises if there was none."""
        self.begin()
        self.leaving = None
        try:
            await open_socket(self, self.host, self.port, f"/socket.io/?EIO={self.revision}&transport=websocket")
        except (*BROKEN, Refused) as problem:
            self.finish(f"no connection: {problem!r}")
            raise ConnectionError(str(problem)) from problem
        return await self.registered

    def text(self, text):
        if self.leaving is not None:
            return
        if text.startswith("42"):
            self.event(text[2:])
        elif text == "2":
            self.prove()
            self.socket.send("3")
        elif text.startswith("0"):
            self.opened(json.loads(text[1:]))
        elif text.startswith("40"):
            self.socket.send(self.register_text())

    def opened(self, handshake):
        if self.revision == 4:
            self.socket.send("40")
        else:
            self.keep_alive(handshake["pingInterval"] / 1000)

    def keep_alive(self, interval):
        def beat():
            self.socket.send("2")
            self.keep_alive(interval)
        self.beat = asyncio.get_running_loop().call_later(interval, beat)

    def ping(self, payload):
        if self.leaving is not None:
            return
        if self.revision == 3:
            self.prove()
        self.socket.pong(payload)

    def leave(self, how):
        """`fin`, `rst`, `41` (then FIN) or `1` (then FIN); what arrives from now on is not read, as in an app that ended."""
        self.leaving = how
        self.now.end(how)
        if how in ("41", "1"):
            self.socket.send(how)
        if how == "rst":
            self.socket.abort()
        else:
            self.socket.close()

    def lost(self):
        if self.beat:
            self.beat.cancel()
        self.finish(self.leaving or "lost")


class PollingDevice(RawDevice):
    """Long polling on Engine.IO 4, with a cache buster that counts, as the JavaScript and Python clients have."""

    def __init__(self, uid, port, **rest):
        super().__init__(uid, port, **rest)
        self.stamps = itertools.count()
        self.poll = None

    def path(self, sid=None):
        query = {"EIO": 4, "transport": "polling", "t": f"s{next(self.stamps)}"}
        return "/socket.io/?" + urllib.parse.urlencode({**query, "sid": sid} if sid else query)

    async def connect(self):
        self.begin()
        gets, posts = Web(self.port, self.host), Web(self.port, self.host)
        try:
            status, _, body = await gets.call("GET", self.path())
            if status != 200:
                raise ConnectionError(f"handshake: {status}")
            sid = json.loads(body[1:])["sid"]
            await posts.call("POST", self.path(sid), b"40")
        except BROKEN as problem:
            self.finish(f"no connection: {problem!r}")
            raise ConnectionError(str(problem)) from problem
        self.poll = asyncio.ensure_future(self._poll(gets, posts, sid))
        return await self.registered

    async def _poll(self, gets, posts, sid):
        how = "closed"
        try:
            while True:
                status, _, body = await gets.call("GET", self.path(sid))
                if status != 200:
                    how = f"answered {status}"
                    break
                if not await self._packets(body.decode().split("\x1e"), posts, sid):
                    break
        except BROKEN as problem:
            how = f"lost: {problem!r}"
        except asyncio.CancelledError:
            how = "left"
        gets.close()
        posts.close()
        self.finish(how)

    async def _packets(self, packets, posts, sid):
        """False at a close packet. What came before this GET's number is proven by the server's reading it: see `prove`."""
        for packet in packets:
            if packet.startswith("42"):
                self.event(packet[2:])
            elif packet == "2":
                await posts.call("POST", self.path(sid), b"3")
            elif packet.startswith("40"):
                await posts.call("POST", self.path(sid), self.register_text().encode())
            elif packet == "1":
                return False
        self.prove()
        return True

    def leave(self, how="left"):
        self.now.end(how)
        self.poll.cancel()


async def stay(device, until):
    """Keeps a device connected until `until` is set: comes back at once whenever its connection ends."""
    while not until.is_set():
        try:
            await device.connect()
        except ConnectionError:
            await asyncio.sleep(0.05)
            continue
        stopped = asyncio.ensure_future(until.wait())
        await asyncio.wait({stopped, device.gone}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
