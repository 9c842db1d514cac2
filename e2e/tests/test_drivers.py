"""The drivers against the reference server: what a driver cannot do there must not be blamed on ours."""

import json
import subprocess
import time

import pytest

from harness.backend import Backend
from harness.driver import HERE, PAIRS, Drivers

pytestmark = pytest.mark.reference

# It serves the browser's 1.3.6 no binary framing without which that cannot even open.
UNSERVED = {("page-1.3.6", "polling"), ("page-1.3.6", "upgrade")}
SERVED = [pair for pair in PAIRS if pair not in UNSERVED]
# It ends these connections at the first non-ASCII text on polling (a double UTF-8 dialect that it does not speak).
DOUBLE = ("java-0.8.3", "js-1.3.6", "js-1.7.4", "page-1.3.6", "page-1.7.4")


@pytest.fixture(scope="module")
def reference():
    process = subprocess.Popen(["node", str(HERE / "node" / "reference.js")], stdout=subprocess.PIPE)
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def fleet(reference, tmp_path_factory):
    """All kinds on all transports at once, started together as in the tests that follow."""
    with Drivers(tmp_path_factory.mktemp("drivers")) as drivers:
        url = f"http://127.0.0.1:{reference}"
        yield {(kind, transport): drivers.device(kind, transport, f"{kind}:{transport}", url) for kind, transport in SERVED}


@pytest.mark.parametrize(("kind", "transport"), SERVED)
def test_a_driver_does_all_it_is_told(fleet, reference, kind, transport):
    device, backend = fleet[kind, transport], Backend(reference)
    device.ready(60)
    since = device.connect()
    device.settled(since, 30)
    token = device.register()
    text = "plain" if kind in DOUBLE and transport != "websocket" else "é € 😀"

    for number in range(3):
        backend.call("POST", "/message", {"uid": device.uid, "data": {"n": number, "text": text}})
    backend.call("POST", "/message", {"data": f"all {kind} {transport}"})
    device.wait(lambda fact: fact["on"] == "event" and fact["args"][0]["data"] == f"all {kind} {transport}", 10, since, "the broadcast")
    mine = [entry for entry in device.received(since) if entry[0] == token]
    assert mine == [(token, {"n": number, "text": text}) for number in range(3)]

    device.order("emit_ack", event="report", args=[{"status": text}], n=7)
    assert device.wait_on("ack", 10, since)["args"] == [{"ok": True}]
    device.order("disconnect")
    device.wait_on("disconnected", 10, since)

    back = device.connect(register_on_connect=device.uid)
    assert device.registered(back, 30) == token
    assert json.loads(backend.call("GET", "/reports").body).count({"status": text}) >= 1
    device.order("disconnect")
    device.wait_on("disconnected", 10, back)


def test_the_tutorial_app_registers_once_and_listens_late(reference, program):
    from harness.driver import java
    app = program("tutorial", java("0.8.3", "TutorialApp", f"http://127.0.0.1:{reference}", "2017", "300"))
    token = app.wait_on("registered", 20)["token"]
    backend = Backend(reference)
    backend.call("POST", "/message", {"uid": "2017", "data": "too early"})
    deadline = time.monotonic() + 10
    while not app.events() and time.monotonic() < deadline:
        backend.call("POST", "/message", {"uid": "2017", "data": "late enough"})
        time.sleep(0.1)
    assert [(fact["name"], fact["args"][0]["data"]) for fact in app.events()][0] == (token, "late enough")
