"""A Socket.IO device over python-socketio (4.x or 5.x, whichever this interpreter has), told what to do by JSON lines.

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


def say(**fact):
    fact["t"] = time.time()
    sys.stdout.write(json.dumps(fact, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Device:
    def __init__(self):
        self.client = None
        self.listened = []
        self.away = True
        self.tasks = set()

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def left(self, *reason):
        self.away = True
        say(on="disconnected", reason=str(reason[0]) if reason else "")

    def attach(self, client, name):
        client.on(name, lambda *args: say(on="event", name=name, args=list(args)))

    async def connect(self, url, transports="upgrade", query="", reconnect=False, register_on_connect=None):
        client = self.client = socketio.AsyncClient(reconnection=reconnect, reconnection_delay=1, reconnection_delay_max=2)

        def connected():
            say(on="connected", id=client.sid)
            if register_on_connect is not None:
                self.spawn(client.emit("register", {"data": register_on_connect}))

        def registered(answer):
            self.attach(client, answer["token"])
            say(on="registered", token=answer["token"])

        client.on("connect", connected)
        client.on("disconnect", self.left)
        client.on("connect_error", lambda *why: say(on="connect_error", why=[str(part) for part in why]))
        client.on("_register", registered)
        client.on("_register_error", lambda answer: say(on="register_error", answer=answer))
        self.attach(client, "app broadcast")
        for name in self.listened:
            self.attach(client, name)
        await client.connect(url + ("/?" + query if query else ""), transports=TRANSPORTS[transports])
        say(on="transport", name=client.transport() if callable(client.transport) else client.eio.current_transport)

    async def register(self, uid):
        await self.client.emit("register", {"data": uid})

    async def emit(self, event, args):
        await self.client.emit(event, tuple(args))

    async def emit_ack(self, event, args, n=0):
        await self.client.emit(event, tuple(args), callback=lambda *answer: say(on="ack", n=n, args=list(answer)))

    async def listen(self, event):
        self.listened.append(event)
        if self.client is not None:
            self.attach(self.client, event)

    async def disconnect(self):
        """4.x tells its handler of a disconnection only when the server began it."""
        self.away = False
        await self.client.disconnect()
        if not self.away:
            self.left("io client disconnect")

    async def kill(self):
        os._exit(9)

    async def obey(self, order):
        try:
            await getattr(self, order.pop("do"))(**order)
        except Exception as problem:  # an order that fails is a finding for the test, not the end of the driver
            say(on="failed", why=f"{type(problem).__name__}: {problem}")


async def main():
    device = Device()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say(on="ready", client=f"python-socketio {getattr(socketio, '__version__', '')}".strip())
    while line := await reader.readline():
        await device.obey(json.loads(line))
    os._exit(0)


asyncio.run(main())
