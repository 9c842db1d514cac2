"""Engine.IO by hand, blocking: single requests, single frames, each under the test's control. For the protocol suites.

Deliberately no client: nothing is answered, repeated or timed unless the test says so.
"""

import base64
import contextlib
import os
import socket

from .socket import BINARY, CLOSE, TEXT, frame_at

PATIENCE_S = 3


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Stream:
    """A TCP connection with what was read too far."""

    def __init__(self, port, patience=PATIENCE_S):
        self.socket = socket.create_connection(("127.0.0.1", port), patience)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """False at the end of the stream, be it FIN or RST."""
        try:
            part = self.socket.recv(1 << 16)
        except ConnectionError:
            part = b""
        self.buffer += part
        return bool(part)

    def head(self):
        """The status line and the headers; None if the connection ends before they are complete."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        raw, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = raw.decode().split("\r\n")
        return int(first.split()[1]), {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}

    def take(self, size):
        while len(self.buffer) < size and self.more():
            pass
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def close(self):
        self.socket.close()


class Request:
    """A request under way: it is sent at once, and `reply()` waits for the answer."""

    def __init__(self, port, method, target, body=b"", headers=(), patience=PATIENCE_S):
        self.stream = Stream(port, patience)
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        self.stream.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reply(self):
        """None if the server ends the connection without an answer."""
        with contextlib.closing(self.stream):
            head = self.stream.head()
            return head and Reply(*head, self.stream.take(int(head[1].get("content-length", 0))))

    def is_open(self, seconds=0.1):
        """Nothing came within that time."""
        self.stream.socket.settimeout(seconds)
        try:
            return not self.stream.buffer and not self.stream.more() and False
        except TimeoutError:
            return True
        finally:
            self.stream.socket.settimeout(PATIENCE_S)


class Server:
    """One Engine.IO place of a server: a port, a path, a revision."""

    def __init__(self, port, eio, path="/socket.io/"):
        self.port, self.eio, self.path = port, eio, path

    def target(self, query):
        return f"{self.path}?EIO={self.eio}&{query}"

    def begin(self, method, query, body=b"", headers=(), patience=PATIENCE_S):
        return Request(self.port, method, self.target(query), body, headers, patience)

    def call(self, method, query, body=b"", headers=()):
        return self.begin(method, query, body, headers).reply()

    def poll(self, extra=""):
        """A polling session."""
        return Session(self, extra)

    def socket(self, query="transport=websocket"):
        return Socket(self, query)

    def upgrade_status(self, query):
        """The status with which an Upgrade request is answered."""
        stream = Stream(self.port)
        with contextlib.closing(stream):
            stream.send(upgrade(self.target(query)))
            return stream.head()[0]


def split(eio, body, content_type):
    """The packets of a polling answer, text as str and binary as bytes."""
    if content_type == "application/octet-stream":
        return list(octets(body))
    text = body.decode()
    if eio == 4:
        return [base64.b64decode(part[1:]) if part.startswith("b") else part for part in text.split("\x1e")]
    return list(counted(text))


def octets(body):
    """EIO3's binary framing."""
    while body:
        end = body.index(0xff)
        size, kind = int("".join(map(str, body[1:end]))), body[0]
        packet, body = body[end + 1:end + 1 + size], body[end + 1 + size:]
        assert len(packet) == size, f"a packet of {size} bytes is cut short"
        assert kind == 0 or packet[0] == 4, "a binary packet begins with its type byte"
        yield packet.decode() if kind == 0 else packet[1:]


def counted(text):
    """EIO3's text framing; the length counts UTF-16 code units."""
    units = text.encode("utf-16-le")
    while units:
        size, _, _ = units.decode("utf-16-le").partition(":")
        begin = 2 * (len(size) + 1)
        packet, units = units[begin:begin + 2 * int(size)].decode("utf-16-le"), units[begin + 2 * int(size):]
        yield base64.b64decode(packet[2:]) if packet.startswith("b4") else packet


def join(eio, packets):
    """A text payload of text packets."""
    if eio == 4:
        return "\x1e".join(packets).encode()
    return "".join(f"{len(packet.encode('utf-16-le')) // 2}:{packet}" for packet in packets).encode()


class Session:
    """A polling session: `get` and `post` of whole packets, or of raw bytes where the test wants those."""

    def __init__(self, server, extra=""):
        self.server = server
        self.query = "transport=polling" + (f"&{extra}" if extra else "")
        self.opening = server.call("GET", self.query)
        assert self.opening.status == 200, f"no session: {self.opening}"
        self.packets = split(server.eio, self.opening.body, self.opening.headers["content-type"])
        self.sid = self.packets[0].split('"sid":"')[1].split('"')[0]
        self.query += f"&sid={self.sid}"

    def begin_get(self, extra="", patience=PATIENCE_S):
        return self.server.begin("GET", self.query + extra, patience=patience)

    def hold(self):
        """A GET that the server holds."""
        request = self.begin_get()
        assert request.is_open(), "the poll was answered at once"
        return request

    def read(self, reply):
        assert reply is not None and reply.status == 200, f"the poll was answered {reply}"
        return split(self.server.eio, reply.body, reply.headers["content-type"])

    def get(self, extra=""):
        """The packets of one answer."""
        return self.read(self.begin_get(extra).reply())

    def get_until(self, last):
        """All packets up to that one."""
        found = []
        while last not in found:
            found += self.get()
        return found

    def post(self, *packets):
        return self.post_raw(join(self.server.eio, packets))

    def post_raw(self, body, content_type="text/plain;charset=UTF-8"):
        return self.server.call("POST", self.query, body, (f"Content-Type: {content_type}",))

    def begin_post(self, begun, length):
        """A POST of which only the beginning is sent; it is in the server when this returns. Its stream."""
        stream = Stream(self.server.port)
        stream.send(f"POST {self.server.target(self.query)} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n".encode())
        assert stream.head()[0] == 100
        stream.send(begun)
        return stream

    def is_gone(self):
        reply = self.server.call("GET", self.query)
        return reply.status == 400 and reply.text == '{"code":1,"message":"Session ID unknown"}'

    def socket(self):
        """The WebSocket of its upgrade, not yet probed."""
        return Socket(self.server, f"transport=websocket&sid={self.sid}")

    def upgrade(self):
        """The whole ceremony; the WebSocket that is the session's now."""
        upgraded = self.socket()
        upgraded.send("2probe")
        assert upgraded.recv() == "3probe"
        upgraded.send("5")
        return upgraded


def upgrade(target):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


class Socket:
    """A WebSocket: `recv` is the next data frame, text as str and binary as bytes; None at the end."""

    def __init__(self, server, query):
        self.stream = Stream(server.port)
        self.stream.send(upgrade(server.target(query)))
        status, self.headers = self.stream.head()
        assert status == 101, f"no WebSocket: {status}"
        self.controls = []

    def send(self, data, opcode=None):
        payload = data if isinstance(data, bytes) else data.encode()
        code = opcode if opcode is not None else (BINARY if isinstance(data, bytes) else TEXT)
        self.stream.send(frame(code, payload))

    def recv(self):
        while True:
            found = frame_at(self.stream.buffer, 0)
            if found is None:
                if not self.stream.more():
                    return None
                continue
            opcode, payload, at = found
            self.stream.buffer = self.stream.buffer[at:]
            if opcode == TEXT:
                return payload.decode()
            if opcode == BINARY:
                return payload
            self.controls.append((opcode, payload))
            if opcode == CLOSE:
                return None

    def recv_all(self, count):
        return [self.recv() for _ in range(count)]

    def is_closed(self):
        """The server ends it; what still comes before that is passed over. Not answering is a failure of the test."""
        while self.recv() is not None:
            pass
        return True

    def is_silent(self, seconds):
        """No data frame comes within that time, and no end."""
        self.stream.socket.settimeout(seconds)
        try:
            return self.recv() is Ellipsis
        except TimeoutError:
            return True
        finally:
            self.stream.socket.settimeout(PATIENCE_S)

    def close(self):
        self.stream.close()


def frame(opcode, payload, final=True):
    """One client frame, masked by four bytes that are not zero."""
    mask = b"\x11\x22\x33\x44"
    size = len(payload)
    head = bytes(((0x80 if final else 0) | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
