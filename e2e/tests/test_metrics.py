"""`/metrics`: every documented number is there, and those that a working day moves do move."""

import pathlib
import re
import socket
import time

import pytest

from conftest import running
from harness.driver import Device
from harness.ports import free_port

OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "OPERATIONS.md"

# What only a broken disk, a full table or a day's work moves. That each shows the right number is tested beside the table itself
# (crates/tidings/src/metrics/tests.rs).
STILL = {"tidings_accept_pauses_total", "tidings_sockets_overrun_total", "tidings_writes_blocked_total", "tidings_copied_device_ids_total",
         "tidings_replays_repeated_total", "tidings_log_append_failures_total", "tidings_log_undurable_facts", "tidings_store_read_only",
         "tidings_ice_connections_refused_total", "tidings_ice_failures_total", "tidings_snapshots_total", "tidings_snapshots_failed_total",
         "tidings_log_segments_removed_total", "tidings_api_failures_total", "tidings_sink_delivered_total", "tidings_sink_gaps_total",
         "tidings_sink_parked_total", "tidings_sink_paused",
         "process_max_fds", "process_start_time_seconds"}


def documented():
    table = OPERATIONS.read_text().split("<!-- metrics: made from the source -->")[1].split("<!-- end of metrics -->")[0]
    return set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


def read(server):
    answer = server.backend.call("GET", "/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text") and answer.body.endswith("# EOF\n")
    samples = (line.split(" ") for line in answer.body.splitlines() if not line.startswith("#"))
    return {name.split("{")[0]: float(value) for name, value in samples}


@pytest.fixture
def server(tmp_path):
    # Room for few connections, so that one more is refused.
    with running(tmp_path, "--ice", "127.0.0.1:0", TIDINGS_DEVICES__MAX_CONNECTIONS="8", TIDINGS_LEGACY__LISTEN_DELAY_MS="0",
                 TIDINGS_DEVICES__WORKERS="2", TIDINGS_SYNC__CLIENT_EVENTS="cart", TIDINGS_SYNC__WEBHOOK_ALLOW="127.0.0.1") as product:
        # A sink whose receiver is down.
        assert product.backend.call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{free_port()}/"}).status == 201
        yield product


# An Ice call of `ice_ping`, for an object that is not there.
PING = bytes.fromhex("4963655001000100" "0000" "2c000000" "01000000" "066e6f626f6479" "0000" "086963655f70696e67" "0200" "060000000101")


def ice(server):
    """An open connection of the Ice listener, which has refused a call."""
    host, port = server.addresses()["ice"].split(":")
    made = socket.create_connection((host, int(port)), timeout=10)
    made.sendall(PING)
    heard = b""
    while len(heard) < 14 + 37:
        heard += made.recv(100)
    assert (heard[8], heard[14 + 8], heard[14 + 18]) == (3, 2, 2), "it is validated, and the object does not exist"
    return made


def following(server):
    """A connection on which somebody follows the events."""
    made = socket.create_connection(("127.0.0.1", server.backend_port), timeout=10)
    made.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    assert made.recv(12) == b"HTTP/1.1 200"
    return made


def test_what_is_documented_is_there_and_a_working_day_moves_it(server, tmp_path):
    before = read(server)
    assert set(before) == documented()
    seen = dict.fromkeys(before, False)

    def look():
        now = read(server)
        for name, value in now.items():
            seen[name] |= value != before[name]
        return now

    devices = [Device("js-4.8.4", "websocket", uid, server.devices_url, tmp_path) for uid in ("41", "42", "43")]
    crowd = [ice(server), following(server)]
    try:
        for device in devices:
            device.settled(device.connect())
        look()
        for device in devices:
            device.register()
        server.backend.send("to all")
        for device in devices:
            server.backend.send("to one", uid=device.uid)
            device.wait(lambda fact, device=device: len(device.received()) == 2, what="both messages")
        assert server.backend.call("POST", "/message", {"data": 1, "uid": "nobody"}).status == 404
        look()
        devices[0].order("emit", event="register", args=[{}])
        devices[0].wait_on("register_error")
        devices[0].order("emit", event="p2p", args=[{"id": "42", "data": "from a device"}])
        devices[0].order("emit", event="cart", args=["of an app"])
        # The same device id twice: the newer socket takes the older one's place.
        twins = [Device("js-4.8.4", transport, uid, server.devices_url, tmp_path) for transport, uid in (("polling", "twin a"), ("websocket", "twin b"))]
        devices += twins
        devices[2].close()
        for twin in twins:
            twin.settled(twin.connect(query="uid=44&device=d"))
            look()
        # More than there is room for.
        crowd += [socket.create_connection(("127.0.0.1", server.devices_port), timeout=5) for _ in range(9)]
        end = time.monotonic() + 20
        while not all(moved for name, moved in seen.items() if name not in STILL) and time.monotonic() < end:
            look()
            time.sleep(0.1)
    finally:
        for one in [*crowd, *devices]:
            one.close()
    assert sorted(name for name in seen if not seen[name] and name not in STILL) == []
