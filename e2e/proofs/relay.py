"""A stretch of network before each client that can be cut: what is sent over it then vanishes, and nobody is told.

Not a proxy: bytes pass as they are. One thread serves all relays of a run.
"""

import asyncio
import threading


class Network:
    """`with Network() as network: relay = network.relay(port)`."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.relays, self.ended = [], asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, name="network", daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.do(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _end(self):
        for relay in self.relays:
            relay.listener.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def relay(self, port):
        relay = Relay(self, port)
        self.relays.append(relay)
        return relay


class Wire:
    """One connection; a vanished one is read and forgotten, and neither end learns that the other ended."""

    def __init__(self, client):
        self.client, self.vanished = client, False


class Relay:
    def __init__(self, network, target):
        self.network, self.target = network, target
        self.is_cut, self.wires = False, set()
        self.listener = network.do(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=64))
        self.port = self.listener.sockets[0].getsockname()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self):
        """From now on nothing passes on what is connected, or connects meanwhile."""
        self.network.do(self._set(True))

    def mend(self):
        """New connections pass. A client that lives learns that its old ones are gone, as a phone on another network does; the server
        does not."""
        self.network.do(self._set(False))

    async def _set(self, cut):
        self.is_cut = cut
        for wire in list(self.wires):
            if cut:
                wire.vanished = True
            elif wire.vanished:
                wire.client.transport.abort()

    async def _accept(self, reader, writer):
        wire = Wire(writer)
        wire.vanished = self.is_cut
        self.wires.add(wire)
        onward = None
        try:
            onward = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(self._pump(wire, reader, onward[1]), self._pump(wire, onward[0], writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.wires.discard(wire)
            for each in (writer, onward and onward[1]):
                if each:
                    each.transport.abort()

    async def _pump(self, wire, reader, writer):
        try:
            while data := await reader.read(65536):
                if not wire.vanished:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        if wire.vanished:
            # What nobody refers to is collected, and would tell the other end: the network refers to whoever waits for its end.
            await self.network.ended.wait()
        writer.close()
