"""The way back: what real apps emit reaches the business server, as pages and as a stream, and outlives a kill once it is acknowledged."""

import json
import subprocess

import pytest

from conftest import running
from harness.driver import Device
from harness.page import Browser

ALLOWED = {"TIDINGS_SYNC__CLIENT_EVENTS": "order.*,cart", "TIDINGS_LEGACY__LISTEN_DELAY_MS": "0"}
KINDS = [("java-0.8.3", "upgrade"), ("js-4.8.4", "websocket")]


@pytest.fixture
def relay(tmp_path):
    with running(tmp_path, "--demo", **ALLOWED) as product:
        yield product


def emit(device, event, *args, n):
    """Emits with an ack; the answer."""
    since = device.mark()
    device.order("emit_ack", event=event, args=list(args), n=n)
    return device.wait(lambda fact: fact["on"] == "ack" and fact["n"] == n, since=since, what=f"the ack of {event}")["args"][0]


def joined(kind, transport, url, folder):
    device = Device(kind, transport, kind, url, folder).ready()
    since = device.connect()
    device.settled(since)
    device.register()
    return device


@pytest.mark.parametrize("kind, transport", KINDS)
def test_what_an_app_was_told_is_stored_outlives_a_kill(relay, tmp_path, kind, transport):
    device = joined(kind, transport, relay.devices_url, tmp_path)
    try:
        assert emit(device, "order.paid", {"id": 7, "dish": "phở 🍜"}, n=1) == {"ok": True}
        device.order("emit", event="cart", args=["no ack", 2])
        assert emit(device, "cart", "last", n=2) == {"ok": True}
        relay.restart()
        told = [(event["data"]["event_name"], event["data"]["args"], event["data"]["uid"], event["data"]["token"])
                for event in relay.backend.events("client.event")]
        assert told == [
            ("order.paid", [{"id": 7, "dish": "phở 🍜"}], kind, device.token),
            ("cart", ["no ack", 2], kind, device.token),
            ("cart", ["last"], kind, device.token),
        ]
    finally:
        device.close()


def test_what_is_not_allowed_is_refused_to_the_app_that_asks(relay, tmp_path):
    device = joined("js-4.8.4", "websocket", relay.devices_url, tmp_path)
    try:
        assert emit(device, "orders", 1, n=1)["error"]["code"] == "forbidden"
        refused = emit(device, "cart", "x" * 5000, n=2)["error"]
        assert (refused["code"], refused["field"]) == ("payload_too_large", "args")
        assert relay.backend.events("client.event") == []
    finally:
        device.close()


def test_curl_and_a_browsers_event_source_follow_the_outbox_across_a_restart(relay, tmp_path):
    url = relay.backend_url + "/v1/events?types=client.event"
    device = joined("js-4.8.4", "websocket", relay.devices_url, tmp_path)
    with Browser(tmp_path) as browser:
        page = browser.open(relay.backend_url + "/")
        page.evaluate("(url => { window.told = []; window.source = new EventSource(url);"
                      f" source.onmessage = message => told.push([message.lastEventId, JSON.parse(message.data)]); }})({json.dumps(url)})")
        curl = subprocess.Popen(["curl", "-sN", "-H", "Accept: text/event-stream", url], stdout=subprocess.PIPE, text=True)
        try:
            assert emit(device, "cart", 1, n=1) == {"ok": True}
            lines = iter(curl.stdout.readline, "")
            data = json.loads(next(line for line in lines if line.startswith("data: "))[len("data: "):])
            assert data["data"]["args"] == [1]
            page.until("told.length === 1")
            # It comes back by itself, behind what it has had.
            relay.stop()
            assert curl.wait(timeout=20) is not None
            relay.start()
            again = joined("js-4.8.4", "websocket", relay.devices_url, tmp_path)
            try:
                assert emit(again, "cart", 2, n=2) == {"ok": True}
            finally:
                again.close()
            page.until("told.length === 2")
            told = page.evaluate("told")
            assert [(event["id"] == last, event["data"]["args"]) for last, event in told] == [(True, [1]), (True, [2])]
            page.evaluate("source.close()")
        finally:
            curl.kill()
            curl.wait()
            device.close()
