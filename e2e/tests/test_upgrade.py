"""The change from polling to the WebSocket under traffic: nothing lost, nothing twice, nothing out of turn."""

import contextlib
import itertools
import threading
import time

import pytest

from conftest import running
from harness.conformance import Conformance
from harness.driver import MATRIX, Drivers
from harness.wire import Server

# About half a second of events, one a millisecond, which spans the upgrade of every client.
STREAM = 400
ROUNDS = 4
PATIENCE = 60


def numbers(device, since, name):
    return [fact["args"][0] for fact in device.events(since) if fact["name"] == name]


def streamed(device, since):
    """The numbers that came back, and why there may be none to come."""
    try:
        device.settled(since, PATIENCE)
        device.wait(lambda fact: fact["on"] == "event" and fact["args"] == [STREAM - 1], PATIENCE, since, "the last number")
        return numbers(device, since, "echo-back"), None
    except AssertionError as why:
        return numbers(device, since, "echo-back"), str(why)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """One process for each library, for all that follows."""
    with Drivers(tmp_path_factory.mktemp("drivers")) as drivers:
        yield drivers


@pytest.fixture(scope="module")
def echoed(drivers):
    """kind -> the numbers that came back to it, of those that it sent from its connection on."""
    with Conformance("--probe", "--ping-timeout", "20000") as server:
        devices = {kind: drivers.device(kind, "upgrade", "echo", server.url).ready(60) for kind in MATRIX}
        for device in devices.values():
            device.order("listen", event="echo-back")
        marks = {kind: device.connect(stream_on_connect={"event": "echo", "count": STREAM}) for kind, device in devices.items()}
        yield {kind: streamed(device, marks[kind]) for kind, device in devices.items()}


@pytest.mark.parametrize("kind", MATRIX)
def test_a_message_a_millisecond_both_ways_survives_the_upgrade(echoed, kind):
    back, why = echoed[kind]
    if why:
        pytest.fail(f"{len(back)} came back; {why}", pytrace=False)
    assert back == list(range(STREAM))


class Publisher(threading.Thread):
    """A message every few milliseconds, in turn for each and for all, until it is told to stop."""

    def __init__(self, backend, uids):
        super().__init__()
        self.backend, self.uids = backend, [*uids, None]
        self.sent = {uid: [] for uid in self.uids}
        self.stopping = threading.Event()

    def run(self):
        for number in itertools.count():
            uid = self.uids[number % len(self.uids)]
            self.backend.send(number, **({} if uid is None else {"uid": uid}))
            self.sent[uid].append(number)
            if self.stopping.wait(0.002):
                return

    def count(self):
        return sum(map(len, self.sent.values()))

    def owed(self, uid):
        return sorted(self.sent[uid] + self.sent[None])


@pytest.fixture(scope="module")
def published(drivers, tmp_path_factory):
    """The publisher, and kind -> what each of its short connections brought it, all of which upgraded meanwhile."""
    folder = tmp_path_factory.mktemp("published")
    # Without the patience for apps that attach their listener late: messages are to come while the transport changes.
    with running(folder, TIDINGS_LEGACY__LISTEN_DELAY_MS="0") as server:
        devices = {kind: drivers.device(kind, "upgrade", kind, server.devices_url).ready(60) for kind in MATRIX}
        for device in devices.values():
            device.settled(device.connect(), PATIENCE)
            device.register(PATIENCE)
        publisher = Publisher(server.backend, MATRIX)
        marks = [{kind: device.mark() for kind, device in devices.items()}]
        publisher.start()
        for number in range(ROUNDS):
            marks.append(reconnect(devices))
            while publisher.is_alive() and publisher.count() < 60 * (number + 1):
                time.sleep(0.01)
        publisher.stopping.set()
        publisher.join()
        server.backend.send("end")
        for kind, device in devices.items():
            with contextlib.suppress(AssertionError):  # who does not get it fails below
                device.wait(lambda fact: fact["on"] == "event" and fact["args"][0].get("data") == "end", PATIENCE, marks[-1][kind])
        ends = marks[1:] + [{kind: None for kind in devices}]
        yield publisher, {kind: [lived(device, begin[kind], end[kind]) for begin, end in zip(marks, ends)] for kind, device in devices.items()}


def lived(device, begin, end):
    """What came in one connection: before its `_register`, live and out of turn, and from there on."""
    facts = device.facts[begin:end]
    registered = next((at for at, fact in enumerate(facts) if fact["on"] == "registered"), 0)
    return [[fact["args"][0]["data"] for fact in part if fact["on"] == "event"] for part in (facts[:registered], facts[registered:])]


def reconnect(devices):
    """Where in each one's facts its new connection begins."""
    for device in devices.values():
        since = device.mark()
        device.order("disconnect")
        device.wait_on("disconnected", PATIENCE, since)
    marks = {kind: device.connect(register_on_connect=device.uid) for kind, device in devices.items()}
    for kind, device in devices.items():
        device.settled(marks[kind], PATIENCE)
        device.registered(marks[kind], PATIENCE)
    return marks


@pytest.mark.parametrize("kind", MATRIX)
def test_what_is_published_during_upgrades_arrives_in_order(published, kind):
    """Over its connections nothing is lost (a later one may repeat what an earlier one did not prove); in each nothing comes twice from `_register` on."""
    publisher, lives = published
    owed = set(publisher.owed(kind))
    assert len(owed) > 20
    assert {data for life in lives[kind] for part in life for data in part} >= owed
    for early, ordered in lives[kind]:
        assert [data for data in ordered if data != "end"] == sorted({*ordered} - {"end"})
        # Before `_register` answers of polling are not kept: nobody knows whether the last of them came, so they come again.
        again = {*early} & {*ordered}
        assert again == {*early[len(early) - len(again):]}
    assert lives[kind][-1][1][-1] == "end"


@pytest.mark.parametrize("eio", [3, 4])
def test_a_probe_that_never_completes_is_closed_and_its_polling_goes_on(eio):
    with Conformance("--upgrade-timeout", "400", "--ping-interval", "5000") as fixture:
        session = Server(fixture.port, eio, "/engine.io/").poll()
        for half in (False, True):
            ws = session.socket()
            if half:
                ws.send("2probe")
                assert ws.recv() == "3probe"
                session.post("4while probed")
                assert session.get() == ["4while probed"]
                assert session.get() == ["6"]
            assert ws.is_closed()
            session.post("4behind")
            assert session.get_until("4behind")[-1] == "4behind"
        session.upgrade().send("4upgraded")


class Racer:
    """A client by hand that polls and posts as fast as it can, and upgrades in the midst of it, as the protocol asks."""

    def __init__(self, server):
        self.session = server.poll()
        self.got, self.sent = [], 0
        self.paused = threading.Event()

    def poll(self):
        while not self.paused.is_set():
            self.got += [packet for packet in self.session.get() if packet[0] == "4"]

    def post(self, count):
        for _ in range(count):
            assert self.session.post(f"4{self.sent}").status == 200
            self.sent += 1

    def run(self, before, between, behind):
        poller = threading.Thread(target=self.poll)
        poller.start()
        self.post(before)
        ws = self.session.socket()
        ws.send("2probe")
        assert ws.recv() == "3probe"
        self.post(between)
        self.paused.set()
        poller.join()
        ws.send("5")
        for _ in range(behind):
            ws.send(f"4{self.sent}")
            self.sent += 1
        while len(self.got) < self.sent:
            packet = ws.recv()
            assert packet is not None, f"closed after {len(self.got)} of {self.sent}"
            self.got += [packet] if packet[0] == "4" else []
        ws.close()


@pytest.mark.parametrize("eio", [3, 4])
def test_a_client_that_races_loses_nothing(eio):
    with Conformance("--ping-interval", "5000") as fixture:
        for number in range(30):
            racer = Racer(Server(fixture.port, eio, "/engine.io/"))
            racer.run(before=number % 4, between=number % 7, behind=20)
            assert racer.got == [f"4{sent}" for sent in range(racer.sent)]


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("kind", ["java-0.8.3", "java-1.0.2", "java-2.1.2"])
def test_a_java_client_notices_a_stop_at_once(stopped, kind, transport):
    """No Close frame, which its okhttp would not pass on: it would wait for the ping timeout of 45 s."""
    reason, seconds = stopped[kind, transport]
    assert reason in ("transport error", "transport close"), reason
    assert seconds < 10


@pytest.fixture(scope="module")
def stopped(drivers, tmp_path_factory):
    """(kind, transport) -> why it thinks it was disconnected, and how long after SIGTERM."""
    folder = tmp_path_factory.mktemp("stopped")
    with running(folder) as server:
        devices = {(kind, transport): drivers.device(kind, transport, f"{kind} {transport}", server.devices_url).ready(60)
                   for kind in ("java-0.8.3", "java-1.0.2", "java-2.1.2") for transport in ("polling", "websocket", "upgrade")}
        for device in devices.values():
            device.settled(device.connect(), PATIENCE)
            device.register()
        marks = {device: device.mark() for device in devices.values()}
        began = time.time()
        server.stop()
        left = {pair: device.wait_on("disconnected", PATIENCE, marks[device]) for pair, device in devices.items()}
        yield {pair: (fact["reason"], fact["t"] - began) for pair, fact in left.items()}
