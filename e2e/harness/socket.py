"""A WebSocket client as an asyncio protocol: small enough that one process holds a thousand of them.

Deliberately no Engine.IO: text frames in and out, control frames as they come. Server frames are unmasked and never fragmented here.
"""

import asyncio
import base64
import os

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The upgrade was answered by something other than 101."""


def masked(opcode, payload):
    """One client frame; the mask is zero, which is as valid as any and needs no work."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


class WebSocket(asyncio.Protocol):
    """Calls `user.text(str)`, `user.ping(bytes)` and, once, `user.lost()`; sets `user.socket`."""

    def __init__(self, user, path, host):
        self.user, self.path, self.host = user, path, host
        self.transport = None
        self.buffer = b""
        self.upgraded = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.user.socket = self  # the first frame may come in the same read as the head
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: raw/1\r\n\r\n".encode())

    def data_received(self, data):
        self.buffer = self.buffer + data if self.buffer else data
        if not self.upgraded.done() and not self._head():
            return
        self._frames()

    def _head(self):
        head, gap, rest = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self.upgraded.set_exception(Refused(head.split(b"\r\n")[0].decode()))
            self.transport.close()
            return False
        self.buffer = rest
        self.upgraded.set_result(None)
        return True

    def _frames(self):
        buffer, at = self.buffer, 0
        while (found := frame_at(buffer, at)) is not None:
            opcode, payload, at = found
            if opcode == TEXT:
                self.user.text(payload.decode())
            elif opcode == PING:
                self.user.ping(payload)
            elif opcode == CLOSE:
                self.transport.close()
        self.buffer = buffer[at:] if at else buffer

    def eof_received(self):
        return False

    def connection_lost(self, problem):
        if not self.upgraded.done():
            self.upgraded.set_exception(Refused("closed before the answer"))
        self.upgraded.exception()
        self.user.lost()

    def send(self, text):
        self.transport.write(masked(TEXT, text.encode()))

    def pong(self, payload):
        self.transport.write(masked(PONG, payload))

    def close(self):
        """FIN behind what was written, without a Close frame."""
        self.transport.close()

    def abort(self):
        """RST."""
        self.transport.abort()


def frame_at(buffer, at):
    """(opcode, payload, where the next frame begins), or None while the frame is not complete."""
    have = len(buffer) - at
    if have < 2:
        return None
    opcode, size, head = buffer[at] & 15, buffer[at + 1], 2
    if size == 126:
        head = 4
        size = int.from_bytes(buffer[at + 2:at + 4], "big")
    elif size == 127:
        head = 10
        size = int.from_bytes(buffer[at + 2:at + 10], "big")
    if have < head or have < head + size:
        return None
    return opcode, buffer[at + head:at + head + size], at + head + size


async def open_socket(user, host, port, path):
    """The upgraded socket; `Refused` or `OSError` otherwise."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: WebSocket(user, path, f"{host}:{port}"), host, port)
    await asyncio.wait_for(asyncio.shield(socket.upgraded), 10)
    return socket
