"""Page events: on `/backend` of the backend's Socket.IO listener, and from devices where that is allowed."""

import contextlib

import pytest

from conftest import running
from harness.backend import Backend
from harness.driver import Device
from harness.ports import free_port

# Client and transport.
CALLERS = [("java-0.8.3", "upgrade"), ("js-1.7.4", "polling"), ("js-4.8.4", "websocket")]


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    sockets = f"127.0.0.1:{free_port()}"
    with running(tmp_path_factory.mktemp("pages"), TIDINGS_BACKEND__SOCKETS=sockets) as product:
        product.sockets = sockets
        yield product


@pytest.fixture
def clients(tmp_path):
    """`clients(kind, transport, uid, url)`: a real client, not yet connected, that ends with the test."""
    with contextlib.ExitStack() as stack:
        def make(kind, transport, uid, url):
            made = Device(kind, transport, uid, url, tmp_path)
            stack.callback(made.close)
            return made.ready()
        yield make


def on_backend(client):
    """Joins `/backend`: with Java the namespace is the URL's path."""
    if client.kind.startswith("java"):
        client.url += "/backend"
        return client.connect()
    return client.connect(ns="/backend")


def registered(client):
    client.settled(client.connect())
    client.register()
    return client


def acked(client, event, *args, n=1):
    since = client.mark()
    client.order("emit_ack", event=event, args=list(args), n=n)
    return client.wait(lambda fact: fact["on"] == "ack" and fact["n"] == n, since=since, what=f"the ack to {event}")["args"][0]


def has(data):
    return lambda fact: fact["on"] == "event" and isinstance(fact["args"][0], dict) and fact["args"][0].get("data") == data


@pytest.mark.parametrize("kind, transport", CALLERS)
def test_what_a_page_emits_on_backend_reaches_the_devices(product, clients, kind, transport):
    phone = registered(clients("js-4.8.4", "websocket", f"42 {kind}", product.devices_url))
    caller = clients(kind, transport, "caller", f"http://{product.sockets}")
    caller.order("listen", event="_error")
    caller.wait_on("connected", 30, on_backend(caller))

    answer = acked(caller, "broadcast", {"data": "all é€😀"})
    assert answer["ok"] is True and len(answer["id"]) == 36
    phone.wait(has("all é€😀"))
    assert acked(caller, "p2p", {"id": phone.uid, "data": {"n": [1, None]}})["ok"] is True
    assert acked(caller, "p2p", {"id": phone.token, "data": "by token"})["ok"] is True
    phone.wait(has("by token"))
    assert phone.received()[-2:] == [(phone.token, {"n": [1, None]}), (phone.token, "by token")]

    refused = acked(caller, "p2p", {"id": "nobody", "data": 1})["error"]
    assert (refused["code"], refused["field"]) == ("unknown_target", "id")
    assert acked(caller, "broadcast", {"data": 1, "uid": "42"})["error"]["code"] == "unknown_field"
    assert acked(caller, "broadcast", {"data": "x" * 5000})["error"]["code"] == "payload_too_large"
    assert acked(caller, "register", {"data": "42"})["error"]["code"] == "not_found"
    assert acked(caller, "my event", {"data": "hello"}) == {"ok": True}
    since = caller.mark()
    caller.order("emit", event="p2p", args=[{"data": "to whom?"}])
    error = caller.wait(lambda fact: fact["on"] == "event" and fact["name"] == "_error", since=since)["args"][0]
    assert (error["code"], error["field"]) == ("invalid_field", "id")
    assert not [event for event in caller.events() if event["name"] == "app broadcast"], "a page is no device"


def test_events_of_one_page_are_stored_in_their_order(product, clients):
    phone = registered(clients("js-4.8.4", "websocket", "order", product.devices_url))
    caller = clients("js-4.8.4", "upgrade", "caller", f"http://{product.sockets}")
    caller.wait_on("connected", 30, on_backend(caller))
    for number in range(200):
        caller.order("emit", event="p2p", args=[{"id": "order", "data": number}])
    phone.wait(has(199))
    assert [data for _, data in phone.received()] == list(range(200))


def test_the_doors_share_nothing(product, clients):
    assert product.addresses()["sockets"] == product.sockets
    assert f"sockets  http://{product.sockets}" in product.log()
    wrong = clients("js-4.8.4", "websocket", "page", product.devices_url)
    assert wrong.wait_on("connect_error", 20, wrong.connect(ns="/backend"))["why"] == ["Invalid namespace"]
    device = clients("js-4.8.4", "websocket", "42", f"http://{product.sockets}")
    assert device.wait_on("connect_error", 20, device.connect())["why"] == ["Invalid namespace"]
    with_key = clients("js-4.8.4", "websocket", "page", f"http://{product.sockets}")
    # Where there are no keys none is wrong, as over HTTP.
    with_key.wait_on("connected", 20, with_key.connect(ns="/backend", auth={"key": "tdk_1_x"}))


def opening(product, **headers):
    """The status of a handshake on the backend's Socket.IO listener."""
    port = int(product.sockets.rsplit(":", 1)[1])
    return Backend(port).call("GET", "/socket.io/?EIO=4&transport=polling", headers=headers).status


def test_without_keys_no_web_page_reaches_the_listener(product):
    own = product.sockets
    assert opening(product) == 200
    assert opening(product, Origin=f"http://{own}") == 200
    assert opening(product, **{"Sec-Fetch-Site": "same-origin"}) == 200
    for headers in [
        {"Origin": "http://evil.example"},
        {"Origin": product.backend_url},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ]:
        assert opening(product, **headers) == 403, headers
    port = int(own.rsplit(":", 1)[1])
    assert Backend(port).call("POST", "/message", {"data": 1}).status == 404


def test_a_device_may_not_publish(product, clients):
    phone = registered(clients("java-0.8.3", "upgrade", "43", product.devices_url))
    assert acked(phone, "broadcast", {"data": "from a phone"})["error"]["code"] == "forbidden"
    phone.order("emit", event="p2p", args=[{"id": "43", "data": "from a phone, quietly"}])
    # Its own answer comes behind both.
    assert acked(phone, "my event", {"data": 1}, n=2) == {"ok": True}
    product.backend.send("from the backend", uid="43")
    phone.wait(has("from the backend"))
    assert [data for _, data in phone.received()] == ["from the backend"]


def test_a_device_may_publish_where_that_is_allowed(tmp_path, clients):
    with running(tmp_path, TIDINGS_LEGACY__CLIENT_PUBLISH="true") as product:
        assert "whoever reaches the devices' listener may send to everyone" in product.log()
        page = clients("java-0.8.3", "upgrade", "page", product.devices_url)
        page.settled(page.connect())
        phone = registered(clients("js-1.7.4", "websocket", "44", product.devices_url))
        assert acked(page, "broadcast", {"data": "all"})["ok"] is True
        assert acked(page, "p2p", {"id": "44", "data": "one"})["ok"] is True
        page.order("emit", event="p2p", args=[{"id": phone.token, "data": "quietly"}])
        phone.wait(has("quietly"))
        assert phone.received() == [("app broadcast", "all"), (phone.token, "one"), (phone.token, "quietly")]
        page.wait(has("all"))
        assert acked(page, "p2p", {"id": "nobody", "data": 1})["error"]["code"] == "unknown_target"
        assert acked(page, "nonsense", {})["error"]["code"] == "forbidden"


def test_where_credentials_are_asked_for_only_a_registered_device_may_publish(tmp_path, clients):
    (tmp_path / "secret").write_text("a secret of thirty-two bytes or more")
    settings = {"TIDINGS_REGISTRATION__AUTH": "signed", "TIDINGS_REGISTRATION__SIGNED__SECRET_FILE": str(tmp_path / "secret")}
    with running(tmp_path, TIDINGS_LEGACY__CLIENT_PUBLISH="true", **settings) as product:
        nobody = clients("js-1.7.4", "websocket", "nobody", product.devices_url)
        nobody.settled(nobody.connect())
        assert acked(nobody, "broadcast", {"data": 1})["error"]["code"] == "forbidden"


def test_a_stop_lets_pages_go(tmp_path, clients):
    sockets = f"127.0.0.1:{free_port()}"
    with running(tmp_path, TIDINGS_BACKEND__SOCKETS=sockets) as product:
        caller = clients("java-0.8.3", "upgrade", "caller", f"http://{sockets}")
        since = on_backend(caller)
        caller.settled(since)
        assert acked(caller, "broadcast", {"data": 1})["ok"] is True
        assert product.stop() == 0
        caller.wait_on("disconnected", 20, since)
