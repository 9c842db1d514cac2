"""Webhooks: whatever happens to either side, each event arrives in order, signed, and dedupe leaves exactly the set."""

import contextlib
import json
import subprocess
import time

import pytest

from conftest import running
from harness.certificate import Authority
from harness.driver import Device
from harness.ports import free_port
from harness.product import ROOT, environment
from harness.receiver import Receiver

INSIDE = {"TIDINGS_SYNC__WEBHOOK_ALLOW": "127.0.0.1", "TIDINGS_SYNC__CLIENT_EVENTS": "*", "TIDINGS_LEGACY__LISTEN_DELAY_MS": "0",
          "TIDINGS_LIMITS__CLIENT_EVENTS_PER_SOCKET_PER_MIN": "10000"}


class Webhook:
    """As its administrator sees it."""

    def __init__(self, backend, url, **rest):
        self.backend = backend
        self.made = call(backend, "POST", "/v1/webhooks", {"url": url, **rest}, 201)
        self.path = f"/v1/webhooks/{self.made['id']}"

    @property
    def secret(self):
        return self.made["secret"]

    def now(self):
        return call(self.backend, "GET", self.path)

    def change(self, **what):
        return call(self.backend, "PATCH", self.path, what)

    def replay(self, **where):
        return call(self.backend, "POST", f"{self.path}:replay", where)

    def test(self):
        return call(self.backend, "POST", f"{self.path}:test")

    def told(self):
        """What it must be told by now: the outbox behind its creation."""
        page, _ = self.backend.page(self.made["cursor"])
        return page

    def left(self, *types):
        """What it was not told yet."""
        return self.backend.page(self.now()["cursor"], types)[0]


def call(backend, method, path, body=None, status=200):
    answer = backend.call(method, path, body)
    assert answer.status == status, answer
    return answer.json


def until(done, patience=20):
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def dedupe(events):
    """As a receiver does: by id, the first of each."""
    return list({event["id"]: event for event in events}.values())


@pytest.fixture
def inside(tmp_path):
    """A server whose webhooks may come to this machine."""
    with running(tmp_path, **INSIDE) as product:
        yield product


@pytest.fixture
def receiver(tmp_path):
    receiver = Receiver(tmp_path / "receiver")
    yield receiver
    receiver.kill()


@contextlib.contextmanager
def phone(product, folder, uid="42"):
    """An app that is registered and can emit."""
    device = Device("js-4.8.4", "websocket", uid, product.devices_url, folder)
    try:
        device.ready().settled(device.connect())
        device.register()
        yield device
    finally:
        device.close()


def emit(device, *names):
    """One client.event of each name, each on disk."""
    for name in names:
        since = device.mark()
        device.order("emit_ack", event=name, args=[])
        assert device.wait_on("ack", since=since)["args"] == [{"ok": True}]


def names(events):
    return [event["data"]["event_name"] for event in events if event["type"] == "client.event"]


def test_whatever_happens_to_either_side_everything_arrives_in_order(inside, receiver, tmp_path):
    webhook = Webhook(inside.backend, receiver.url())
    with phone(inside, tmp_path) as device:
        # Nobody is there: the first step of the schedule, 5 s.
        emit(device, "a1", "a2")
        receiver.until(lambda: webhook.now()["last_error"] is not None, what="a first error")
        assert "refused" in webhook.now()["last_error"]["message"]
        receiver.start(webhook.secret)
        receiver.until(lambda: names(receiver.taken()) == ["a1", "a2"])
        # Slow, then 503 that says when.
        receiver.behave(status=503, headers={"Retry-After": "0"}, times=2, delay_s=0.3)
        emit(device, "b1", "b2", "b3")
        receiver.until(lambda: names(receiver.taken())[2:] == ["b1", "b2", "b3"])
        # 500, and the server is killed before it tries again.
        receiver.behave(status=500, times=1)
        emit(device, "c1")
        receiver.until(lambda: receiver.tries()[-1]["status"] == 500)
    inside.restart()
    receiver.until(lambda: names(receiver.taken())[-1] == "c1")
    # Both die over a batch, of which half was dealt with.
    webhook.change(state="paused")
    with phone(inside, tmp_path) as device:
        emit(device, *(f"d{n}" for n in range(10)))
        receiver.behave(dies_after=5)
        webhook.change(state="active")
        receiver.ended()
    inside.kill()
    receiver.start(webhook.secret)
    inside.start()
    receiver.until(lambda: names(receiver.taken())[-1] == "d9")
    receiver.until(lambda: dedupe(receiver.taken())[-1] == webhook.told()[-1])
    taken = receiver.taken()
    assert dedupe(taken) == webhook.told()
    assert len(taken) > len(dedupe(taken)), "half of a batch came twice"
    tries = receiver.tries()
    assert {each["said"] for each in tries} == {"good"}
    # A retry is known by its id, also across the restart.
    failed = [each["headers"]["webhook-id"] for each in tries if each["status"] >= 500]
    assert set(failed) < {each["headers"]["webhook-id"] for each in tries if each["status"] == 204}
    assert webhook.now()["last_error"] is None and webhook.now()["parked"] == []


def test_an_event_that_is_refused_for_good_is_parked_and_can_be_had_again(inside, receiver, tmp_path):
    webhook = Webhook(inside.backend, receiver.url(), types=["client.event"])
    receiver.start(webhook.secret)
    receiver.behave(refuses="poison")
    webhook.change(state="paused")
    with phone(inside, tmp_path) as device:
        emit(device, "e1", "e2", "poison", "e3", "e4")
    webhook.change(state="active")
    receiver.until(lambda: names(receiver.taken())[-1:] == ["e4"])
    assert names(receiver.taken()) == ["e1", "e2", "e3", "e4"]
    [poison] = [event["id"] for event in webhook.told() if names([event]) == ["poison"]]
    receiver.until(lambda: webhook.now()["parked"] == [poison])
    receiver.behave()
    assert webhook.replay(**{"from": poison})["parked"] == []
    receiver.until(lambda: names(receiver.taken())[4:] == ["poison", "e3", "e4"])
    assert names(dedupe(receiver.taken())) == ["e1", "e2", "e3", "e4", "poison"]


def test_it_is_paused_filtered_moved_and_given_a_new_secret(inside, receiver, tmp_path):
    webhook = Webhook(inside.backend, receiver.url(path="/old"), types=["client.event", "device.registered"])
    receiver.start(webhook.secret)
    with phone(inside, tmp_path) as device:
        emit(device, "f1")
        receiver.until(lambda: names(receiver.taken()) == ["f1"])
        assert {event["type"] for event in receiver.taken()} == {"device.registered", "client.event"}
        webhook.change(state="paused")
        emit(device, "f2")
        # Whoever has either secret can check what is signed with both.
        rotated = webhook.change(rotate=True, url=receiver.url(path="/new"))
        assert rotated["secret"] != webhook.secret
        assert names(receiver.taken()) == ["f1"]
        webhook.change(state="active")
        receiver.until(lambda: names(receiver.taken()) == ["f1", "f2"])
        assert (receiver.tries()[0]["path"], receiver.tries()[-1]["path"]) == ("/old", "/new")
        assert receiver.tries()[-1]["headers"]["webhook-signature"].count("v1,") == 2
        webhook.change(retire=True)
        assert webhook.test()["status"] == 401
        receiver.kill()
        receiver.start(rotated["secret"])
        assert webhook.test() == {"ok": True, "status": 204, "ms": pytest.approx(0, abs=5000), "error": None}
        trial = receiver.taken()[-1]
        assert (trial["type"], trial["data"], trial["app"]) == ("webhook.test", {}, "/") and trial["id"].startswith("test_")
        emit(device, "f3")
        receiver.until(lambda: names(receiver.taken()) == ["f1", "f2", "f3"])
        receiver.kill()
        failed = webhook.test()
        assert (failed["ok"], failed["status"]) == (False, None) and "refused" in failed["error"]
        emit(device, "f4")
        until(lambda: webhook.now()["last_error"] is not None)
        # Said to be mended, it is not left to the schedule.
        receiver.start(rotated["secret"])
        assert webhook.change(state="active")["last_error"] is None
        receiver.until(lambda: names(receiver.taken())[-1] == "f4")
    assert inside.backend.call("DELETE", webhook.path).status == 204
    assert inside.backend.call("GET", webhook.path).status == 404


def test_a_webhook_is_told_of_its_own_app_alone(inside, receiver, tmp_path):
    assert inside.backend.call("POST", "/v1/apps", {"name": "/shop"}).status == 201
    shop = inside.backend.call("POST", "/v1/webhooks", {"url": receiver.url(path="/shop")}, {"Tidings-App": "/shop"}).json
    root = Webhook(inside.backend, receiver.url(path="/root"))
    receiver.start(None)
    with phone(inside, tmp_path) as device:
        emit(device, "h1")
        receiver.until(lambda: names(receiver.taken()) == ["h1"])
        device.order("connect", url=inside.devices_url, transports="websocket", ns="/shop", query="uid=43")
        receiver.until(lambda: {event["app"] for event in receiver.taken()} == {"/", "/shop"})
    paths = {path: {event["app"] for event in receiver.taken() if event["at_path"] == path} for path in ("/shop", "/root")}
    assert paths == {"/shop": {"/shop"}, "/root": {"/"}}
    assert inside.backend.call("DELETE", "/v1/apps/shop").status == 204
    assert [webhook["id"] for webhook in call(inside.backend, "GET", "/v1/webhooks")["webhooks"]] == [root.made["id"]] != [shop["id"]]


def test_nothing_inside_is_reached_by_a_name_or_a_redirect(inside, receiver, tmp_path):
    receiver.start(None)
    refused = inside.backend.call("POST", "/v1/webhooks", {"url": receiver.url("[::1]")})
    assert (refused.status, refused.json["error"]["code"], refused.json["error"]["field"]) == (400, "invalid_field", "url")
    # The name is resolved when it is connected to: ::1 is not listed, 127.0.0.1 is.
    assert Webhook(inside.backend, receiver.url("localhost")).test()["ok"]
    receiver.behave(status=307, times=1, headers={"Location": receiver.url(path="/elsewhere")})
    redirected = Webhook(inside.backend, receiver.url()).test()
    assert redirected["status"] == 307 and "not followed" in redirected["error"]
    assert "/elsewhere" not in [each["path"] for each in receiver.tries()]
    tries = len(receiver.tries())
    strict_folder = tmp_path / "strict"
    strict_folder.mkdir()
    with running(strict_folder) as strict:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "10.0.0.1"):
            assert strict.backend.call("POST", "/v1/webhooks", {"url": receiver.url(host)}).status == 400
        said = Webhook(strict.backend, receiver.url("localhost")).test()
        assert (said["ok"], said["status"]) == (False, None) and "no public one" in said["error"]
    assert len(receiver.tries()) == tries


def test_over_tls_a_receiver_is_known_by_its_certificate(receiver, tmp_path):
    ours, others = tmp_path / "ours", tmp_path / "others"
    for folder in (ours, others):
        folder.mkdir()
    authority = Authority(ours)
    trusted, misnamed = authority.sign("trusted"), authority.sign("misnamed", "DNS:elsewhere.example")
    with running(tmp_path, **INSIDE, SSL_CERT_FILE=str(authority.cert)) as product:
        for certificate, why in ((trusted, None), (misnamed, "certificate"), (Authority(others).sign("stranger"), "certificate")):
            receiver.start(None, certificate)
            said = Webhook(product.backend, receiver.url()).test()
            assert said["ok"] == (why is None) and (why is None or why in said["error"]), said
            receiver.kill()


EXAMPLES = [(["python3", "receive.py"], "events.db"), (["node", "receive.mjs"], "events.ndjson")]


@pytest.mark.parametrize("command, file", EXAMPLES, ids=["python", "node"])
def test_the_examples_deal_with_each_event_once(inside, tmp_path, command, file):
    """Also where everything is told again to a receiver that has just started."""
    port = free_port()
    webhook = Webhook(inside.backend, f"http://127.0.0.1:{port}/", types=["client.event"])
    said = []
    with example(command, port, tmp_path / file, "whsec_" + "A" * 43 + "=") as lines:
        assert next(lines) == f"listening on 127.0.0.1:{port}"
        assert webhook.test()["status"] == 401
    with example(command, port, tmp_path / file, webhook.secret) as lines, phone(inside, tmp_path) as device:
        assert next(lines) == f"listening on 127.0.0.1:{port}"
        emit(device, "g1", "g2")
        said += [next(lines), next(lines)]
        # What is killed over a batch deals with it again: this one has answered.
        until(lambda: webhook.left("client.event") == [])
    with example(command, port, tmp_path / file, webhook.secret) as lines, phone(inside, tmp_path) as device:
        assert next(lines) == f"listening on 127.0.0.1:{port}"
        webhook.replay(cursor=webhook.made["cursor"])
        emit(device, "g3")
        said.append(next(lines))
    assert [json.loads(line.removeprefix("client.event "))["event_name"] for line in said] == ["g1", "g2", "g3"]


@contextlib.contextmanager
def example(command, port, file, secret):
    """The lines that it prints."""
    [program, script] = command
    started = subprocess.Popen([program, ROOT / "examples" / "webhook" / script, str(port), str(file)], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, env=environment(WEBHOOK_SECRET=secret))
    try:
        yield (line.rstrip("\n") for line in started.stdout)
    finally:
        started.kill()
        started.wait()
        started.stdout.close()
