"""TLS on both listeners, with real clients that check the certificate."""

import contextlib
import http.client
import json
import signal
import socket
import ssl
import time

import pytest

from conftest import running
from harness.certificate import Authority
from harness.driver import Device
from harness.product import Product

CELLS = [("js-4.8.4", "polling"), ("js-4.8.4", "websocket"), ("js-4.8.4", "upgrade"), ("java-0.8.3", "upgrade"), ("java-2.1.2", "websocket")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(tmp_path, authority):
    cert, key = authority.sign("first")
    settings = {"TIDINGS_DEVICES__TLS__CERT": str(cert), "TIDINGS_DEVICES__TLS__KEY": str(key), "TIDINGS_LEGACY__LISTEN_DELAY_MS": "0",
                "TIDINGS_LIMITS__PAYLOAD": "65536"}
    with running(tmp_path, **settings) as product:
        product.certificate = (cert, key)
        yield product


@pytest.fixture
def device(server, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(authority.cert))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-Djavax.net.ssl.trustStore={authority.trust_store()} -Djavax.net.ssl.trustStorePassword=changeit")
    with contextlib.ExitStack() as stack:
        def make(kind, transport, uid):
            made = Device(kind, transport, uid, f"https://localhost:{server.devices_port}", tmp_path)
            stack.callback(made.close)
            made.settled(made.connect(), patience=60)
            made.register()
            return made
        yield make


@pytest.mark.parametrize("kind, transport", CELLS)
def test_every_transport_carries_and_proves_over_tls(server, device, kind, transport):
    phone = device(kind, transport, "42")
    sent = ["small", "x" * 60_000, "ünï 🍜"]
    reported = server.backend.follow("message.reported")
    for data in sent:
        server.backend.send(data, uid="42")
    phone.wait(lambda fact: len(phone.received()) == 3, what="three messages")
    assert [data for _, data in phone.received()] == sent
    is_proven = lambda events: sum(event["data"]["state"] == "reached" for event in events) == 3  # noqa: E731
    assert reported.until(is_proven, 20, time.monotonic)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_reader_that_stops_for_a_while_over_tls_misses_nothing(server, device, transport):
    phone = device("js-4.8.4", transport, "42")
    phone.process.process.send_signal(signal.SIGSTOP)
    for number in range(900):
        server.backend.send([number, "x" * 3_900], uid="42")
    phone.process.process.send_signal(signal.SIGCONT)
    phone.wait(lambda fact: len(phone.received()) >= 900, patience=40, what="all messages")
    assert [data[0] for _, data in phone.received()] == list(range(900))


def test_who_speaks_no_tls_is_closed_and_the_door_stays_open(server, device):
    with socket.create_connection(("127.0.0.1", server.devices_port), timeout=10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = plain.recv(100)
        assert answer == b"" or answer[0] == 21, "an alert of TLS, or nothing"
    device("js-4.8.4", "websocket", "42")


def serial(server, authority):
    context = ssl.create_default_context(cafile=authority.cert)
    with socket.create_connection(("127.0.0.1", server.devices_port), timeout=10) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        return tls.getpeercert()["serialNumber"]


def test_sighup_serves_the_new_certificate_and_drops_no_socket(server, device, authority):
    phone = device("js-4.8.4", "websocket", "42")
    before = serial(server, authority)
    cert, key = authority.sign("second")
    server.certificate[0].write_bytes(cert.read_bytes())
    server.certificate[1].write_bytes(key.read_bytes())
    server.signal(signal.SIGHUP)
    server.until_logged("certificates were read again")
    assert serial(server, authority) != before
    server.backend.send("still there", uid="42")
    phone.wait(lambda fact: phone.received() != [], what="the message")
    assert phone.events()[-1]["args"] == [{"data": "still there"}]
    assert not [fact for fact in phone.facts if fact["on"] == "disconnected"]


def test_a_certificate_that_cannot_be_used_leaves_the_old_one(server, authority):
    before = serial(server, authority)
    server.certificate[0].write_text("no certificate")
    server.signal(signal.SIGHUP)
    server.until_logged("stay as they were")
    assert serial(server, authority) == before


def test_the_backend_answers_over_tls(tmp_path, authority):
    cert, key = authority.sign("backend")
    product = Product(tmp_path, TIDINGS_BACKEND__TLS__CERT=str(cert), TIDINGS_BACKEND__TLS__KEY=str(key))
    with contextlib.closing(product):
        product.spawn()
        product.until_logged(f"backend  https://127.0.0.1:{product.backend_port}")
        context = ssl.create_default_context(cafile=authority.cert)
        connection = http.client.HTTPSConnection("localhost", product.backend_port, timeout=10, context=context)
        connection.request("POST", "/message", json.dumps({"data": 1}), {"Accept": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["state"]) == (200, "accepted")
