"""Tenants on the devices' door: each app is a namespace, and one connection serves one of them."""

import base64
import os
import socket
import time

import pytest

from harness.backend import Backend
from harness.socket import PING, PONG, TEXT, frame_at, masked

SHOP = {"Tidings-App": "/shop"}


class Wire:
    """A WebSocket that shows each text as it came, and answers what keeps it alive."""

    def __init__(self, server, revision, query=""):
        self.revision = revision
        self.socket = socket.create_connection(("127.0.0.1", server.devices_port), 10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /socket.io/?EIO={revision}&transport=websocket{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(65536)
        self.buffer = head.partition(b"\r\n\r\n")[2]
        assert self.next().startswith("0{")

    def say(self, text):
        self.socket.sendall(masked(TEXT, text.encode()))

    def next(self, patience=10):
        """The next Socket.IO packet; None: the connection has ended; TimeoutError: nothing came."""
        end = time.monotonic() + patience
        while True:
            found = frame_at(self.buffer, 0)
            if found is None:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.socket.settimeout(left)
                try:
                    read = self.socket.recv(65536)
                except ConnectionResetError:
                    return None
                if not read:
                    return None
                self.buffer += read
                continue
            opcode, payload, used = found
            self.buffer = self.buffer[used:]
            if opcode == PING:
                self.socket.sendall(masked(PONG, payload))
            elif opcode == TEXT and payload == b"2":
                self.say("3")
            elif opcode == TEXT and payload != b"3":
                return payload.decode()

    def join(self, namespace):
        self.say("40" if namespace == "/" else f"40{namespace}" if self.revision == 3 else f"40{namespace},")
        return self.next()

    def register(self, uid, namespace="/"):
        """The token; what comes before it is an error."""
        prefix = "" if namespace == "/" else namespace + ","
        self.say(f'42{prefix}["register",{{"data":"{uid}"}}]')
        answer = self.next()
        assert answer.startswith(f'42{prefix}["_register",{{"token":"p_'), answer
        return answer.split('"')[5]

    def is_silent(self, within=0.7):
        try:
            said = self.next(within)
        except TimeoutError:
            return True
        raise AssertionError(f"it got {said}")


@pytest.fixture
def wire(server):
    made = []

    def make(revision, query=""):
        made.append(Wire(server, revision, query))
        if revision == 3:
            assert made[-1].next() == "40"
        return made[-1]
    yield make
    for one in made:
        one.socket.close()


@pytest.fixture
def shop(server):
    answer = server.backend.call("POST", "/v1/apps", {"name": "/shop"})
    assert answer.status == 201, answer
    return answer.json


def send(server, data, app="/", **target):
    answer = server.backend.call("POST", "/message", {"data": data, **target}, {"Tidings-App": app, "Accept": "application/json"})
    assert answer.status == 200, answer
    return answer.json


@pytest.mark.parametrize(("revision", "refusal"), ((3, '44/nosuch,"Invalid namespace"'), (4, '44/nosuch,{"message":"Invalid namespace"}')))
def test_an_app_that_is_not_there_is_an_invalid_namespace(wire, shop, revision, refusal):
    one = wire(revision)
    assert one.join("/nosuch") == refusal
    assert one.join("/shop").startswith("40/shop,"), "the connection is as good as before"


@pytest.mark.parametrize("revision", (3, 4))
def test_a_device_of_an_app_gets_its_app_and_nothing_else(server, wire, shop, revision):
    one = wire(revision)
    assert one.join("/shop").startswith("40/shop,")
    token = one.register("42", "/shop")
    root = wire(revision)
    if revision == 4:
        root.join("/")
    other = root.register("42")
    assert other != token
    time.sleep(1.2)
    send(server, "root", uid="42")
    send(server, "root-all")
    send(server, "shop", "/shop", uid="42")
    send(server, "shop-all", "/shop")
    assert [one.next(), one.next()] == [f'42/shop,["{token}",{{"data":"shop"}}]', '42/shop,["app broadcast",{"data":"shop-all"}]']
    assert [root.next(), root.next()] == [f'42["{other}",{{"data":"root"}}]', '42["app broadcast",{"data":"root-all"}]']
    assert one.is_silent() and root.is_silent()
    for app, known in (("/", other), ("/shop", token)):
        events = server.backend.call("GET", "/v1/events?types=device.registered", headers={"Tidings-App": app}).body
        assert [known in events, (token if app == "/" else other) in events, f'"app":"{app}"' in events] == [True, False, True]
    foreign = server.backend.call("POST", "/message", {"data": "x", "token": token})
    assert foreign.status == 404, "a token of another app names nobody"


@pytest.mark.parametrize("revision", (3, 4))
def test_what_was_missed_comes_back_in_the_apps_own_namespace(server, wire, shop, revision):
    one = wire(revision)
    one.join("/shop")
    token = one.register("7", "/shop")
    one.socket.close()
    send(server, "missed", "/shop", uid="7")
    send(server, "all", "/shop")
    send(server, "not yours")
    again = wire(revision)
    again.join("/shop")
    assert again.register("7", "/shop") == token
    assert [again.next(), again.next()] == [f'42/shop,["{token}",{{"data":"missed"}}]', '42/shop,["app broadcast",{"data":"all"}]']
    assert again.is_silent()


@pytest.mark.parametrize(("revision", "form"), ((3, '44{ns}"this connection'), (4, '44{ns}{{"message":"this connection')))
def test_a_second_app_is_a_conflict(wire, shop, revision, form):
    first = wire(revision)
    if revision == 4:
        first.join("/")
    first.register("42")
    refusal = first.join("/shop")
    assert refusal.startswith(form.format(ns="/shop,")), refusal
    assert revision == 3 or '"data":{"code":"conflict"}' in refusal
    second = wire(revision)
    second.join("/shop")
    refusal = second.join("/") if revision == 4 else None
    assert refusal is None or '"code":"conflict"' in refusal
    second.register("42", "/shop")


def test_an_unregistered_eio3_socket_hears_nothing_beside_other_apps(server, wire):
    alone = wire(3)
    send(server, "alone")
    assert alone.next() == '42["app broadcast",{"data":"alone"}]'
    warning = server.backend.call("POST", "/v1/apps", {"name": "/shop"}).json["warning"]
    assert "Engine.IO 3" in warning
    send(server, "shared")
    assert alone.is_silent()
    newcomer = wire(3)
    modern = wire(4)
    modern.join("/")
    send(server, "shared too")
    assert modern.next() == '42["app broadcast",{"data":"shared too"}]'
    assert newcomer.is_silent()
    newcomer.register("42")
    time.sleep(1.2)
    send(server, "registered")
    assert newcomer.next() == '42["app broadcast",{"data":"registered"}]'
    assert alone.is_silent()
    assert server.backend.call("DELETE", "/v1/apps/shop").status == 204
    send(server, "alone again")
    assert alone.next() == '42["app broadcast",{"data":"alone again"}]'


def test_a_handshakes_uid_of_eio3_is_for_the_app_that_is_joined(server, wire, shop):
    one = wire(3, "&uid=42")
    assert one.join("/shop") == "40/shop,"
    time.sleep(1.5)
    send(server, "yours", "/shop", uid="42")
    assert one.next().endswith(',{"data":"yours"}]')
    registered = server.backend.call("GET", "/v1/events?types=device.registered").body
    assert registered == "", "nobody has registered on /"
    other = wire(3, "&uid=43")
    time.sleep(2.5)
    send(server, "root", uid="43")
    assert other.next().endswith(',{"data":"root"}]')


@pytest.mark.parametrize("revision", (3, 4))
def test_a_deleted_app_ends_its_sockets_and_no_others(server, wire, shop, revision):
    one, root = wire(revision), wire(revision)
    one.join("/shop")
    one.register("42", "/shop")
    if revision == 4:
        root.join("/")
    root.register("42")
    assert server.backend.call("DELETE", "/v1/apps/shop").status == 204
    assert (one.next(), one.next()) == ("41/shop,", None)
    assert "Invalid namespace" in wire(revision).join("/shop")
    time.sleep(1.2)
    send(server, "still here", uid="42")
    assert root.next().endswith(',{"data":"still here"}]')


@pytest.mark.parametrize("revision", (3, 4))
def test_a_disabled_app_serves_nobody_until_it_is_enabled(server, wire, shop, revision):
    one = wire(revision)
    one.join("/shop")
    token = one.register("42", "/shop")
    assert server.backend.call("PATCH", "/v1/apps/shop", {"disabled": True}).status == 200
    assert one.next() is None
    refusal = wire(revision).join("/shop")
    assert refusal.startswith("44/shop,") and (revision == 3 or '"code":"app_disabled"' in refusal)
    assert server.backend.call("PATCH", "/v1/apps/shop", {"disabled": False}).status == 200
    again = wire(revision)
    again.join("/shop")
    assert again.register("42", "/shop") == token, "what it has is kept"


def test_a_restart_keeps_apps_and_keys(server, wire, shop):
    key = server.backend.call("POST", "/v1/keys", {"scopes": ["admin", "send"]}).json["key"]
    server.restart()
    assert Backend(server.backend_port).call("POST", "/message", {"data": "x"}).status == 401
    answer = server.backend.call("GET", "/v1/apps", headers={"Authorization": f"Bearer {key}"})
    assert [app["name"] for app in answer.json["apps"]] == ["/", "/shop"]
    one = wire(4)
    assert one.join("/shop").startswith("40/shop,")


@pytest.mark.parametrize("kind", ("js-1.7.4", "js-4.8.4", "java-0.8.3", "java-2.1.2"))
def test_a_real_client_of_an_app_gets_what_is_its_own(server, device, shop, kind):
    app = device(kind)
    if kind.startswith("java"):
        app.url += "/shop"
        app.settled(app.connect())
    else:
        app.settled(app.connect(ns="/shop"))
    token = app.register()
    time.sleep(1.2)
    send(server, "not yours")
    send(server, "direct", "/shop", uid="42")
    send(server, "all", "/shop")
    app.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "all"}], what="the broadcast")
    assert app.received() == [(token, "direct"), ("app broadcast", "all")]
