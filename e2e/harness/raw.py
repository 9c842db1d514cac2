"""Light raw devices: what a legacy client does on the wire, with a record of what it got and what it has proven.

Deliberately not a client library: no back-off, no buffering. Proof is seen from the client's side: what stood before a question
that it answered (a `2` on Engine.IO 4, a ping frame on 3), or in an answer after which it sent the next GET.
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


class Life:
    """One connection of a device, from its first byte to its end, in the order of arrival."""

    def __init__(self, device):
        self.device = device
        self.received = []
        self.before = None  # how many of them came before the first `_register`, live and out of turn: order is promised from there on
        self.answers = []  # (how many of `received` it covers, when it was sent) for each answer that can prove them
        self.ended_at = self.how = None
        loop = asyncio.get_running_loop()
        self.registered, self.gone = loop.create_future(), loop.create_future()

    def event(self, text):
        try:
            name, *args = json.loads(text)
        except ValueError:
            self.device.faults.append(f"no plain event: {text[:200]}")
            return
        if name == "_register":
            self.device.tokens.add(args[0]["token"])
            if not self.registered.done():
                self.before = len(self.received)
                self.registered.set_result(args[0]["token"])
        elif name == "_register_error":
            if not self.registered.done():
                self.registered.set_exception(AssertionError(f"{self.device.uid} was refused: {args}"))
        else:
            self.took(name, args)

    def took(self, name, args):
        if name != "app broadcast" and name not in self.device.tokens:
            self.device.faults.append(f"an event named {name}")
        if len(args) != 1 or list(args[0]) != ["data"]:
            self.device.faults.append(f"not exactly one argument with one key: {args}")
            return
        self.received.append(Received(args[0]["data"], name == "app broadcast", time.monotonic()))

    def prove(self):
        self.answers.append((len(self.received), time.monotonic()))

    def proven(self, margin_s=0.0):
        """How many of `received` are covered by what was answered at least so long before the end."""
        latest = float("inf") if self.ended_at is None else self.ended_at - margin_s
        return max((covers for covers, at in self.answers if at <= latest), default=0)

    def end(self, how):
        """From now on nothing is read, as in an app that ended; the connection itself may live a moment longer."""
        if self.ended_at is None:
            self.ended_at, self.how = time.monotonic(), how

    def over(self, how):
        self.end(how)
        for future in (self.registered, self.gone):
            if not future.done():
                future.set_result(None)

    def register_text(self):
        return "42" + json.dumps(["register", {"data": self.device.uid}])


class SocketLife(Life):
    """On a WebSocket; the user of `WebSocket`."""

    def __init__(self, device):
        super().__init__(device)
        self.revision = device.revision
        self.socket = None
        self.beat = None

    async def open(self):
        path = f"/socket.io/?EIO={self.revision}&transport=websocket"
        await open_socket(self, self.device.host, self.device.port, path)

    def text(self, text):
        if self.ended_at is not None:
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
        if self.ended_at is not None:
            return
        if self.revision == 3:
            self.prove()
        self.socket.pong(payload)

    def leave(self, how):
        """`fin`, `rst`, `41` (then FIN) or `1` (then FIN)."""
        self.end(how)
        if how in ("41", "1"):
            self.socket.send(how)
        if how == "rst":
            self.socket.abort()
        else:
            self.socket.close()

    def lost(self):
        if self.beat:
            self.beat.cancel()
        self.over("lost")


class PollingLife(Life):
    """Long polling on Engine.IO 4, with a cache buster that counts, as the JavaScript and Python clients have."""

    def __init__(self, device):
        super().__init__(device)
        self.gets, self.posts = Web(device.port, device.host), Web(device.port, device.host)
        self.stamps = itertools.count()
        self.sid = self.polling = None

    def path(self):
        query = {"EIO": 4, "transport": "polling", "t": f"s{next(self.stamps)}"}
        return "/socket.io/?" + urllib.parse.urlencode({**query, "sid": self.sid} if self.sid else query)

    async def post(self, text):
        await self.posts.call("POST", self.path(), text.encode())

    async def open(self):
        status, _, body = await self.gets.call("GET", self.path())
        if status != 200:
            raise Refused(f"handshake: {status}")
        self.sid = json.loads(body[1:])["sid"]
        await self.post("40")
        self.polling = asyncio.ensure_future(self.poll())

    async def poll(self):
        how = "closed"
        try:
            while how == "closed":
                self.prove()
                status, _, body = await self.gets.call("GET", self.path())
                if self.ended_at is not None:
                    break  # an answer that came in the very moment of leaving swallows the cancellation
                if status != 200:
                    how = f"answered {status}"
                elif not await self.packets(body.decode().split("\x1e")):
                    break
        except BROKEN as problem:
            how = f"lost: {problem!r}"
        except asyncio.CancelledError:
            how = "left"
        self.gets.close()
        self.posts.close()
        self.over(how)

    async def packets(self, packets):
        """False at a close packet."""
        for packet in packets:
            if packet.startswith("42"):
                self.event(packet[2:])
            elif packet == "2":
                await self.post("3")
            elif packet.startswith("40"):
                await self.post(self.register_text())
            elif packet == "1":
                return False
        return True

    def leave(self, how):
        self.end(how)
        self.polling.cancel()


class RawDevice:
    """One installation: the same uid, any number of lives, one at a time."""

    def __init__(self, uid, port, life=SocketLife, revision=4, host="127.0.0.1"):
        self.uid, self.host, self.port = uid, host, port
        self.life, self.revision = life, revision
        self.tokens = set()
        self.lives = []
        self.faults = []  # what came and must never come to a legacy socket

    @property
    def now(self):
        return self.lives[-1]

    async def connect(self):
        """Registers and returns the token; None if the connection ended before; ConnectionError if there was none."""
        life = self.life(self)
        self.lives.append(life)
        try:
            await life.open()
        except (*BROKEN, Refused) as problem:
            life.over(f"no connection: {problem!r}")
            raise ConnectionError(str(problem)) from problem
        return await life.registered

    def leave(self, how):
        self.now.leave(how)

    def datas(self):
        return [entry.data for life in self.lives for entry in life.received]

    def count(self):
        return sum(len(life.received) for life in self.lives)


async def stay(device, until):
    """Keeps a device connected until `until` is set: comes back at once whenever its connection ends."""
    while not until.is_set():
        try:
            await device.connect()
        except ConnectionError:
            await asyncio.sleep(0.05)
            continue
        stopped = asyncio.ensure_future(until.wait())
        await asyncio.wait({stopped, device.now.gone}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
