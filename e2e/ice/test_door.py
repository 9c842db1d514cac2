"""The real server's Ice door, called by Ice for Python 3.7: what `idl/Push.ice` promises, as far as `info` says that it is there."""

import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness.ports import free_port
from harness.product import Product, environment

from .backends import MADE, PYTHON, java, node
from .conftest import ROOT, key

BUILT = ["broadcast", "disconnect", "info", "online", "recall", "send", "sendMany", "sendTokens", "sendTopic", "status"]
UNSET = [None] * 5


def call(client, op, *args, **asked):
    return client.ask(do="call", op=op, args=list(args), **asked)


def refused(client, op, *args, **asked):
    """The exception's name, and its members without the id that differs each time."""
    told = call(client, op, *args, **asked)
    assert "members" in told, told
    assert told["members"].pop("requestId")
    return told["error"].removeprefix("::Push::"), told["members"]


def code(client, op, *args, **asked):
    name, members = refused(client, op, *args, **asked)
    return name, members["reason"]


def test_every_operation_that_is_there_does_what_its_http_form_does(door, client, phone):
    server = door()
    device = phone(server)
    python = client(server.ice)

    info = call(python, "info")["value"]
    assert (info["apiVersion"], info["maxPayloadBytes"], info["maxFrameBytes"], info["maxTargets"]) == (1, 4096, 1 << 20, 1000)
    assert [name for name in info["features"] if not name.startswith("options.")] == BUILT

    for event in ("news", "pair"):
        device.order("listen", event=event)
    since = device.mark()
    told = call(python, "send", "42", "{\"a\": 1}", 60, "r-1", "k", "news", {"label": "g", "meta": "m"})["value"]
    assert (told["state"], told["devices"], told["online"], told["replayed"], told["invalid"]) == ("accepted", 1, 1, False, [])
    assert call(python, "broadcast", "\"all\"")["value"]["devices"] == 1
    many = call(python, "sendMany", ["42", "nobody"], "2")["value"]
    assert (many["devices"], many["invalid"]) == (1, [{"value": "nobody", "reason": "unknown_target"}])
    tokens = call(python, "sendTokens", [device.token, "p_x"], "3")["value"]
    assert (tokens["devices"], [each["value"] for each in tokens["invalid"]]) == (1, ["p_x"])
    call(python, "send", "42", "", None, None, None, "pair", {"args": "[1, \"b\"]"})
    device.wait(lambda fact: fact["on"] == "event" and fact["name"] == "pair", since=since)
    assert [(fact["name"], fact["args"]) for fact in device.events(since)] == [
        ("news", [{"data": {"a": 1}}]), ("app broadcast", [{"data": "all"}]), (device.token, [{"data": 2}]), (device.token, [{"data": 3}]),
        ("pair", [1, "b"])]

    since = device.mark()
    into = server.backend.call("PUT", "/v1/topics/sport/subscribers", {"uids": ["42"]})
    assert into.json == {"results": [{"value": "42", "devices": 1}]}
    topic = call(python, "sendTopic", "sport", "\"goal\"", 60, "t-1", "k", None, {"label": "g"})["value"]
    assert (topic["state"], topic["devices"], topic["online"], topic["invalid"]) == ("accepted", 1, 1, [])
    assert call(python, "sendTopic", "nobody is in it", "1")["value"]["devices"] == 0
    device.wait(lambda fact: fact["on"] == "event", since=since)
    assert [(fact["name"], fact["args"]) for fact in device.events(since)] == [(device.token, [{"data": "goal"}])]

    dry = call(python, "send", "42", "1", None, "r-9", None, None, {"dry_run": "true"})["value"]
    assert (dry["id"], dry["seq"], dry["devices"]) == ("", "", 1)
    assert call(python, "online", ["nobody", "42"])["value"] == ["42"]
    since = device.mark()
    assert call(python, "disconnect", "42")["value"] == 1
    device.wait_on("disconnected", since=since)


def test_one_request_id_is_one_message_at_both_doors(door, client, phone):
    server = door()
    phone(server)
    python = client(server.ice)
    first = call(python, "send", "42", "{\"b\":1,\"a\":2}", 60, "r-1")["value"]
    again = call(python, "send", "42", "{ \"a\":2, \"b\":1 }", 60, "r-1")["value"]
    assert again == {**first, "replayed": True}
    body = {"to": {"uid": "42"}, "data": {"a": 2, "b": 1}, "ttl": 60}
    http = server.backend.call("POST", "/v1/messages", body, {"Idempotency-Key": "r-1"})
    assert (http.json["id"], http.headers["idempotency-replay"]) == (first["id"], "true")
    name, members = refused(python, "send", "42", "1", 60, "r-1")
    assert (name, members["reason"]) == ("InvalidArgument", "idempotency_mismatch")


def test_every_refusal_arrives_as_its_exception(door, client):
    server = door(TIDINGS_LIMITS__MESSAGES_PER_S="1")
    python = client(server.ice)
    name, members = refused(python, "send", "42", "\"" + "x" * 5000 + "\"")
    assert (name, members["reason"], members["maxBytes"], members["actualBytes"]) == ("TooLarge", "payload_too_large", 4096, 5002)
    assert members["extra"] == {"field": "payload", "limit": "4096", "actual": "5002"}
    for field, args in [("payload", ["42", "{"]), ("payload", ["42", ""]), ("uid", ["", "1"]), ("ttlSeconds", ["42", "1", -1]),
                        ("requestId", ["42", "1", None, ""]), ("collapseKey", ["42", "1", None, None, "a b"]),
                        ("eventName", ["42", "1", None, None, None, "ping"]), ("label", ["42", "1", *UNSET[:4], {"label": "x" * 101}])]:
        name, members = refused(python, "send", *args)
        assert (name, members["field"]) == ("InvalidArgument", field)
    assert code(python, "send", "42", "1,\"to\":{\"all\":true}") == ("InvalidArgument", "invalid_json")
    assert code(python, "send", "42", "1", *UNSET[:4], {"notification": "{}"}) == ("InvalidArgument", "unknown_field")
    assert code(python, "sendMany", [], "1") == ("InvalidArgument", "invalid_field")
    assert code(python, "online", ["u"] * 1001) == ("InvalidArgument", "invalid_field")
    assert refused(python, "disconnect", "42")[1]["id"] == "42"
    assert code(python, "send", "42", "1", context={"app": "/nowhere"}) == ("NotFound", "not_found")
    busy = [refused(python, "send", "42", "1") for _ in range(3) if "members" in call(python, "send", "42", "1")]
    assert busy and busy[0][1]["reason"] == "rate_limited" and busy[0][1]["retryAfterMs"] > 0


def status(client, id, until=lambda told: True):
    """How a message stands, once it is as was wanted; each answer on the way adds up."""
    end = time.monotonic() + 15
    while True:
        told = call(client, "status", id)["value"]
        assert told["targets"] == told["counts"]["reached"] + told["waiting"] + sum(told["lost"].values()), told
        assert told["waiting"] == sum(told["waitingWhy"].values()), told
        if until(told) or time.monotonic() > end:
            assert until(told), told
            return told
        time.sleep(0.05)


def test_a_message_is_followed_through_its_life(door, client, phone):
    server = door()
    device = phone(server)
    python = client(server.ice)
    sent = call(python, "send", "42", "1", 60, None, "k", None, {"label": "g", "meta": "m"})["value"]
    told = status(python, sent["id"], lambda told: told["state"] == "completed")
    assert (told["id"], told["seq"], told["app"], told["targets"]) == (sent["id"], sent["seq"], "/", 1)
    assert (told["createdMs"], told["expiresAtMs"]) == (sent["expiresAtMs"] - 60_000, sent["expiresAtMs"])
    assert told["extra"] == {"collapse_key": "k", "label": "g", "meta": "m"}
    assert {state: count for state, count in told["counts"].items() if count} == {"queued": 1, "sent": 1, "reached": 1}

    since = device.mark()
    device.order("disconnect")
    device.wait_on("disconnected", since=since)
    older, mistake = (call(python, "send", "42", "2", 60, None, collapse)["value"]["id"] for collapse in ("c", None))
    told = status(python, older, lambda told: told["waitingWhy"] == {"offline": 1})
    assert (told["state"], told["lost"], told["waiting"]) == ("active", {}, 1)
    newer = call(python, "send", "42", "3", 60, None, "c")["value"]["id"]
    assert status(python, older)["lost"] == {"superseded": 1}
    assert call(python, "recall", mistake) == {"value": None}
    assert call(python, "recall", mistake) == {"value": None}
    told = status(python, mistake)
    assert (told["state"], told["lost"], told["waiting"]) == ("recalled", {"recalled": 1}, 0)
    since = device.connect(register_on_connect="42")
    assert status(python, newer, lambda told: told["counts"]["reached"] == 1)["state"] == "completed"
    assert [data for _, data in device.received(since)] == [3]

    wide = call(python, "broadcast", "4", 60)["value"]["id"]
    told = call(python, "status", wide)["value"]
    assert (told["state"], told["targets"], told["counts"], told["waiting"], told["lost"]) == ("active", 1, {}, 0, {})
    call(python, "recall", wide)
    assert call(python, "status", wide)["value"]["state"] == "recalled"


def test_a_message_that_is_not_there_or_not_ones_own_is_not_found(door, client):
    server = door()
    admin = key(server, ["admin"])
    assert server.backend.call("POST", "/v1/apps", {"name": "/shop"}, {"Authorization": f"Bearer {admin}"}).status == 201
    sender, reader, everyone = (key(server, [scope], admin) for scope in ("send", "read", "send:all"))
    shop = key(server, ["send", "send:all", "read"], admin, "/shop")
    python = client(server.ice)
    id = call(python, "broadcast", "1", context={"token": everyone})["value"]["id"]
    for other in (id, "01900000-0000-7000-8000-000000000000", "m1", ""):
        for op in ("status", "recall"):
            name, members = refused(python, op, other, context={"token": shop})
            assert (name, members["reason"], members["id"]) == ("NotFound", "not_found", other)
    assert code(python, "recall", id, context={"token": reader}) == ("Unauthorized", "scope_denied")
    assert code(python, "recall", id, context={"token": sender}) == ("Unauthorized", "scope_denied")
    assert code(python, "status", id, context={"token": sender}) == ("Unauthorized", "scope_denied")
    assert call(python, "recall", id, context={"token": everyone}) == {"value": None}
    assert call(python, "status", id, context={"token": reader})["value"]["state"] == "recalled"


def test_other_objects_facets_operations_and_modes_are_refused_and_the_connection_lives(door, client):
    server = door()
    python, at = client(server.ice), f":tcp -h 127.0.0.1 -p {server.ice}"
    assert call(python, "info", proxy="nobody" + at)["error"] == "::Ice::ObjectNotExistException"
    assert call(python, "info", proxy="push -f v2" + at)["error"] == "::Ice::FacetNotExistException"
    assert python.ask(do="probe", op="nothing")["error"] == "::Ice::OperationNotExistException"
    assert python.ask(do="probe", op="send", args=["42", "1"])["error"] == "::Ice::UnknownLocalException"
    assert python.ask(do="cast")["value"]["as"] is True
    assert call(python, "send", "42", "\"" + "x" * 900_000 + "\"")["error"] == "::Push::TooLarge"
    assert "value" in call(python, "info")


def test_a_key_says_who_calls_and_for_which_app(door, client):
    server = door()
    admin = key(server, ["admin"])
    made = server.backend.call("POST", "/v1/apps", {"name": "/shop"}, {"Authorization": f"Bearer {admin}"})
    assert made.status == 201, made
    sender, reader, shop = key(server, ["send"], admin), key(server, ["read"], admin), key(server, ["send:all"], admin, "/shop")
    python = client(server.ice)

    assert "value" in call(python, "info")
    assert code(python, "send", "42", "1") == ("Unauthorized", "invalid_key")
    assert code(python, "send", "42", "1", context={"app": "/shop"}) == ("Unauthorized", "invalid_key")
    assert code(python, "send", "42", "1", context={"token": "tdk_x_y"}) == ("Unauthorized", "invalid_key")
    assert "value" in call(python, "send", "42", "1", context={"token": sender, "unknown": "x"})
    assert code(python, "broadcast", "1", context={"token": sender}) == ("Unauthorized", "scope_denied")
    assert "value" in call(python, "broadcast", "1", context={"token": shop})
    assert code(python, "send", "42", "1", context={"token": reader}) == ("Unauthorized", "scope_denied")
    assert call(python, "online", ["42"], context={"token": reader}) == {"value": []}
    assert code(python, "online", ["42"], context={"token": sender}) == ("Unauthorized", "scope_denied")
    assert code(python, "disconnect", "42", context={"token": sender}) == ("Unauthorized", "scope_denied")
    assert code(python, "send", "42", "1", context={"token": sender, "app": "/shop"}) == ("NotFound", "not_found")


def test_a_thousand_sends_at_once_are_all_stored(door, client, phone):
    server = door()
    phone(server)
    python = client(server.ice)
    assert python.ask(do="flood", uid="42", count=1000)["value"] == 1000


def test_a_stop_closes_each_connection_gracefully(door):
    server = door()
    with socket.create_connection(("127.0.0.1", server.ice)) as raw:
        assert raw.recv(14)[8] == 3
        server.signal()
        assert raw.recv(14) == b"IceP\1\0\1\0\4\0\x0e\0\0\0"
    assert server.wait() == 0


def test_the_door_is_off_by_default_and_told_where_it_is_on(door, tmp_path):
    server = door()
    assert server.addresses()["ice"] == f"127.0.0.1:{server.ice}"
    server.until_logged(f"ice      tcp -h 127.0.0.1 -p {server.ice}")
    (tmp_path / "off").mkdir()
    off = Product(tmp_path / "off")
    try:
        off.start()
        assert off.addresses()["ice"] is None
    finally:
        off.close()


@pytest.mark.parametrize(("settings", "why"), [
    ({}, "ice.allow_plaintext"),
    ({"TIDINGS_ICE__ALLOW_PLAINTEXT": "true"}, "there are no keys"),
])
def test_beyond_loopback_it_needs_a_key_and_tls_or_a_word(tmp_path, settings, why):
    product = Product(tmp_path, "--ice", f"0.0.0.0:{free_port()}", **settings)
    product.spawn()
    assert product.wait() == 2
    assert why in product.log()


def files(folder):
    """Settings of a door whose clients have to show a certificate of this authority."""
    return {f"TIDINGS_ICE__TLS__{name}": str(folder / file) for name, file in
            [("CERT", "server.pem"), ("KEY", "server.key"), ("CLIENT_CA", "ca.pem")]}


def secured(folder, trusted):
    """Properties of a client with a certificate of its own, which trusts that authority."""
    given = {"DefaultDir": folder, "CAs": trusted / "ca.pem", "CertFile": "client.pem", "KeyFile": "client.key", "CheckCertName": 1}
    return ["Ice.Plugin.IceSSL=IceSSL:createIceSSL", *[f"IceSSL.{each}={value}" for each, value in given.items()]]


def test_over_tls_only_clients_with_a_certificate_get_in(door, client, authority):
    ours, others = authority(), authority("others")
    server = door(**files(ours))
    server.until_logged("ice      ssl -h ")
    assert "value" in call(client(server.ice, *secured(ours, ours), transport="ssl", name="ours"), "send", "42", "1")
    assert "error" in call(client(server.ice, *secured(others, ours), transport="ssl", name="others"), "info")


def serial(server, folder):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "client.pem", folder / "client.key")
    with socket.create_connection(("127.0.0.1", server.ice), timeout=10) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
        assert tls.recv(14)[8] == 3
        return tls.getpeercert()["serialNumber"]


def test_sighup_serves_the_new_certificate_and_closes_no_connection(door, client, authority):
    ours = authority()
    server = door(**files(ours))
    python = client(server.ice, *secured(ours, ours), transport="ssl")
    assert python.ask(do="keep") == {"value": False}
    before = serial(server, ours)
    # Another certificate for the same address.
    for end in ("pem", "key"):
        (ours / f"server.{end}").write_bytes((ours / f"client.{end}").read_bytes())
    server.signal(signal.SIGHUP)
    server.until_logged("certificates were read again")
    assert serial(server, ours) != before
    assert python.ask(do="keep") == {"value": True}
    (ours / "server.pem").write_text("no certificate")
    renewed = serial(server, ours)
    server.signal(signal.SIGHUP)
    server.until_logged("stay as they were")
    assert serial(server, ours) == renewed


def test_the_example_sends(door, phone):
    server = door()
    device = phone(server)

    def run(*words):
        proxy = f"push:tcp -h 127.0.0.1 -p {server.ice}"
        return subprocess.run([PYTHON, str(ROOT / "examples" / "ice" / "send.py"), "--proxy", proxy, *words],
                              capture_output=True, text=True, timeout=30, check=False)
    since = device.mark()
    sent = run("--uid", "42", "{\"hi\":1}")
    assert sent.stdout.endswith(" for 1 devices, 1 of them connected\n"), sent
    device.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": {"hi": 1}}], since=since)
    refusal = run("--all", "{")
    assert (refusal.returncode, refusal.stderr.split(":")[0]) == (1, "invalid_json")


SENDERS = {"java": lambda: java("Send"), "node": lambda: node(ROOT / "examples" / "ice" / "send.js", str(MADE / "node" / "Push.js"))}


@pytest.mark.parametrize("language", SENDERS)
def test_the_examples_of_other_languages_send(door, phone, language):
    server = door()
    device = phone(server)

    def run(*words, **more):
        command = [*SENDERS[language](), f"push:tcp -h 127.0.0.1 -p {server.ice}", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment(**more))
    since = device.mark()
    sent = run("42", "{\"hi\":1}")
    assert sent.stdout.endswith(" for 1 devices, 1 of them connected\n"), sent
    device.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": {"hi": 1}}], since=since)
    refusal = run("42", "{")
    assert (refusal.returncode, refusal.stderr.split(":")[0]) == (1, "invalid_json")
    admin = key(server, ["admin"])
    sender = key(server, ["send"], admin)
    assert run("42", "1").stderr.startswith("invalid_key: ")
    assert run("42", "1", TIDINGS_KEY=sender).returncode == 0
