"""Socket.IO devices over python-socketio (4.x or 5.x, whichever this interpreter has), told what to do by JSON lines.

Deliberately no more than what an application would write around the library: it attaches handlers, emits, and says what it saw.
The line protocol is described in e2e/README.md.
"""

import asyncio
import json
import os
import sys
import time

import socketio

TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}


def told(value):
    """Binary travels in the lines as {"$bytes": "0102"}, at any depth."""
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": value.hex()}
    if isinstance(value, dict):
        return {key: told(part) for key, part in value.items()}
    return [told(part) for part in value] if isinstance(value, (list, tuple)) else value


def meant(value):
    if isinstance(value, dict):
        return bytes.fromhex(value["$bytes"]) if "$bytes" in value else {key: meant(part) for key, part in value.items()}
    return [meant(part) for part in value] if isinstance(value, list) else value


class Device:
    def __init__(self, cell):
        self.cell = cell
        self.client = None
        self.listened = []
        self.namespaces = ["/"]
        self.away = True
        self.tasks = set()

    def say(self, ns="/", **fact):
        place = {} if self.cell is None else {"cell": self.cell}
        place.update({} if ns == "/" else {"ns": ns})
        sys.stdout.write(json.dumps({**place, **fact, "t": time.time()}, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def attach(self, ns, name):
        """An event that asks for an answer gets its own arguments back."""
        def handler(*args):
            self.say(ns, on="event", name=name, args=told(args))
            return args
        self.client.on(name, handler, namespace=ns)

    async def pour(self, ns, event, count):
        """Events with running numbers, about one a millisecond."""
        for number in range(count):
            await self.client.emit(event, number, namespace=ns)
            await asyncio.sleep(0.001)

    def listen_to_token(self, ns, token, after_ms):
        """`after_ms`: as an app does that hands the token to its main thread first."""
        def late():
            self.attach(ns, token)
            self.say(ns, on="listening")
        if after_ms is None:
            self.attach(ns, token)
        else:
            asyncio.get_running_loop().call_later(after_ms / 1000, late)

    def watch(self, ns, register_on_connect, stream_on_connect, listen_after_ms):
        client = self.client

        def connected():
            if stream_on_connect is not None:
                self.spawn(self.pour(ns, **stream_on_connect))
            self.say(ns, on="connected", id=client.get_sid(ns) if hasattr(client, "get_sid") else client.sid)
            if register_on_connect is not None:
                self.spawn(client.emit("register", {"data": register_on_connect}, namespace=ns))

        def registered(answer):
            self.listen_to_token(ns, answer["token"], listen_after_ms)
            self.say(ns, on="registered", token=answer["token"])

        def left(*reason):
            self.away = True
            self.say(ns, on="disconnected", reason=str(reason[0]) if reason else "")

        client.on("connect", connected, namespace=ns)
        client.on("disconnect", left, namespace=ns)
        client.on("connect_error", lambda *why: self.say(ns, on="connect_error", why=[plain(part) for part in why]), namespace=ns)
        client.on("_register", registered, namespace=ns)
        client.on("_register_error", lambda answer: self.say(ns, on="register_error", answer=answer), namespace=ns)
        for name in ["app broadcast", *self.listened]:
            self.attach(ns, name)

    async def connect(self, url, transports="upgrade", query="", auth=None, reconnect=False, register_on_connect=None,
                      stream_on_connect=None, listen_after_ms=None, ns="/", also=()):
        client = self.client = socketio.AsyncClient(reconnection=reconnect, reconnection_delay=1, reconnection_delay_max=2)
        self.namespaces = [ns, *also]
        for name in self.namespaces:
            self.watch(name, register_on_connect, stream_on_connect, listen_after_ms)
        options = {"auth": auth} if auth else {}
        await client.connect(url + ("/?" + query if query else ""), transports=TRANSPORTS[transports], namespaces=self.namespaces, **options)
        self.say(on="transport", name=client.transport() if callable(client.transport) else client.eio.current_transport)

    async def register(self, uid):
        await self.client.emit("register", {"data": uid}, namespace=self.namespaces[0])

    async def emit(self, event, args, ns=None):
        await self.client.emit(event, tuple(meant(args)), namespace=ns or self.namespaces[0])

    async def emit_ack(self, event, args, n=0, ns=None, times=1):
        ns = ns or self.namespaces[0]
        for _ in range(times):
            await self.client.emit(event, tuple(meant(args)), namespace=ns,
                                   callback=lambda *answer: self.say(ns, on="ack", n=n, args=told(answer)))

    async def listen(self, event):
        self.listened.append(event)
        if self.client is not None:
            for name in self.namespaces:
                self.attach(name, event)

    async def disconnect(self):
        """4.x tells its handler of a disconnection only when the server began it."""
        self.away = False
        await self.client.disconnect()
        if not self.away:
            self.away = True
            self.say(on="disconnected", reason="io client disconnect")

    async def kill(self):
        os._exit(9)

    async def obey(self, order):
        try:
            await getattr(self, order.pop("do"))(**order)
        except Exception as problem:  # an order that fails is a finding for the test, not the end of the driver
            self.say(on="failed", why=f"{type(problem).__name__}: {problem}")


def plain(why):
    """An error as text: objects bring it as `message`."""
    return str(why["message"]) if isinstance(why, dict) and "message" in why else str(why)


class Cells:
    """The devices of this process. Each obeys in order, all side by side."""

    def __init__(self):
        self.queues = {}

    def obey(self, order):
        cell = order.pop("cell", None)
        if cell not in self.queues:
            self.queues[cell] = asyncio.Queue()
            self.queues[cell].task = asyncio.ensure_future(self.live(Device(cell), self.queues[cell]))
        self.queues[cell].put_nowait(order)

    async def live(self, device, orders):
        while True:
            await device.obey(await orders.get())


async def main():
    cells = Cells()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    version = getattr(socketio, "__version__", "")
    sys.stdout.write(json.dumps({"on": "ready", "client": f"python-socketio {version}".strip(), "t": time.time()}) + "\n")
    sys.stdout.flush()
    while line := await reader.readline():
        cells.obey(json.loads(line))
    os._exit(0)


asyncio.run(main())
