"""Real, unmodified clients of every generation on every transport, side by side on one server that is killed under them.

One scenario is run by all devices at once; each device is then judged by a test of its own.
"""

import time
import urllib.parse

import pytest

from conftest import running
from harness.driver import PAIRS, Drivers

WHILE_AWAY = 25
KILLED_AFTER = 12
ACCENTS = "é € 😀"
# 63,000 bytes; 171,000 where the wire is ASCII.
LARGE = "é😀x" * 9000


def grade(revision, transport):
    """The proof that this client must reach (DELIVERY, proof grades)."""
    if transport in ("polling", "jsonp"):
        return "poll"
    return "engine" if revision == 4 else "peer"


class Fleet:
    """What happened, for the tests below to judge."""

    def __init__(self, server, devices):
        self.server, self.devices = server, devices
        self.backend = server.backend
        self.live = {}  # device -> facts since this mark were received live
        self.away = {}  # device -> facts since this mark were received after the return
        self.alive = {}  # device -> facts since this mark were received by who was connected when the server was killed
        self.failed = {}  # device -> why it dropped out of the scenario
        self.tokens = {}
        self.direct_ids = {device: {"live": [], "away": [], "alive": []} for device in devices}
        self.missed = {device: [] for device in devices}
        self.reports = self.backend.follow("message.reported")

    def each(self, act):
        """`act(device)` for every device that is still in; one that fails drops out and fails its own tests only."""
        for device in self.devices:
            if device not in self.failed:
                try:
                    act(device)
                except AssertionError as why:
                    self.failed[device] = str(why)

    def each_soon(self, act, patience):
        """`act(device, left)`, with one patience for all of them together: they work side by side."""
        end = time.monotonic() + patience
        self.each(lambda device: act(device, max(0.5, end - time.monotonic())))

    def send_direct(self, device, phase, data):
        self.direct_ids[device][phase].append(self.backend.send(data, uid=device.uid)["id"])

    def reached(self, device, phase):
        """message id -> proof, for the direct messages of a phase that are known to be `reached`."""
        wanted = set(self.direct_ids[device][phase])
        return {event["data"]["message_id"]: event["data"]["proof"] for event in self.reports.seen
                if event["data"]["message_id"] in wanted and event["data"]["state"] == "reached"}

    def await_proofs(self, phase, patience):
        def done(_seen):
            return all(len(self.reached(device, phase)) >= len(self.direct_ids[device][phase])
                       for device in self.devices if device not in self.failed)
        self.reports.until(done, patience, time.monotonic)


def arrive(fleet):
    marks = {}
    fleet.each_soon(lambda device, left: device.ready(left), 60)
    fleet.each(lambda device: marks.update({device: device.connect()}))
    fleet.each_soon(lambda device, left: device.settled(marks[device], left), 40)
    fleet.each_soon(lambda device, left: fleet.tokens.update({device: device.register(left)}), 20)
    fleet.live = marks


def talk(fleet):
    """Token event, broadcast, both reports, a large one, and a last direct message whose proof covers all before it."""
    fleet.each(lambda device: fleet.send_direct(device, "live", f"direct {ACCENTS}"))
    fleet.backend.send(f"broadcast {ACCENTS}")
    fleet.each(lambda device: device.order("emit_ack", event="report", args=[{"status": f"seen {ACCENTS}"}], n=1))
    fleet.each_soon(lambda device, left: device.wait_on("ack", left, fleet.live[device]), 20)
    fleet.each(lambda device: device.order("emit", event="reporter", args=[f"seen again {ACCENTS}"]))
    fleet.each(lambda device: fleet.send_direct(device, "live", LARGE))
    fleet.each(lambda device: fleet.send_direct(device, "live", f"last {ACCENTS}"))
    fleet.each_soon(lambda device, left: device.wait(is_event(f"last {ACCENTS}"), left, fleet.live[device], "the last direct message"), 20)
    fleet.await_proofs("live", 20)


def leave(fleet):
    marks = {device: device.mark() for device in fleet.devices}
    fleet.each(lambda device: device.order("disconnect"))
    fleet.each_soon(lambda device, left: device.wait_on("disconnected", left, marks[device]), 20)


def miss(fleet):
    """25 messages of both kinds, alternating, and a SIGKILL among them."""
    for number in range(WHILE_AWAY):
        text = f"missed {number} {ACCENTS}"
        if number == KILLED_AFTER:
            fleet.server.restart()
        if number % 2:
            fleet.backend.send(text)
        else:
            fleet.each(lambda device: fleet.send_direct(device, "away", text))
        fleet.each(lambda device: fleet.missed[device].append((bool(number % 2), text)))


def come_back(fleet):
    fleet.each(lambda device: fleet.away.update({device: device.connect(register_on_connect=device.uid)}))
    fleet.each_soon(lambda device, left: device.settled(fleet.away[device], left), 40)
    last = f"missed {WHILE_AWAY - 1} {ACCENTS}"
    fleet.each_soon(lambda device, left: device.wait(is_event(last), left, fleet.away[device], "the last missed message"), 30)
    fleet.await_proofs("away", 20)


def live_on(fleet):
    """With its uid in the URL and the library's own reconnecting, as an app that calls `register` nowhere any more."""
    fleet.each(lambda device: device.order("listen", event=fleet.tokens[device]))
    fleet.each(lambda device: fleet.alive.update({device: device.connect(query=f"uid={urllib.parse.quote(device.uid)}", reconnect=True)}))
    fleet.each_soon(lambda device, left: device.settled(fleet.alive[device], left), 40)
    fleet.each(lambda device: fleet.send_direct(device, "alive", f"before {ACCENTS}"))
    fleet.each_soon(lambda device, left: device.wait(is_event(f"before {ACCENTS}"), left, fleet.alive[device], "the one before"), 20)
    fleet.await_proofs("alive", 20)


def survive(fleet):
    marks = {device: device.mark() for device in fleet.devices}
    fleet.server.kill()
    fleet.each_soon(lambda device, left: device.wait_on("disconnected", left, marks[device]), 20)
    fleet.server.start()
    fleet.each(lambda device: fleet.send_direct(device, "alive", f"behind {ACCENTS}"))
    fleet.each_soon(lambda device, left: device.wait(is_event(f"behind {ACCENTS}"), left, fleet.alive[device], "the one behind"), 40)


def is_event(data):
    return lambda fact: fact["on"] == "event" and fact["args"] and fact["args"][0].get("data") == data


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    began = time.monotonic()
    with running(folder, TIDINGS_LIMITS__PAYLOAD="65536") as server, Drivers(folder) as drivers:
        devices = [drivers.device(kind, transport, f"{kind}:{transport}", server.devices_url) for kind, transport in PAIRS]
        fleet = Fleet(server, devices)
        for phase in (arrive, talk, leave, miss, come_back, leave, live_on, survive):
            phase(fleet)
            print(f"{phase.__name__}: {time.monotonic() - began:.1f} s")
        yield fleet


@pytest.fixture
def one(fleet, kind, transport):
    device = next(device for device in fleet.devices if (device.kind, device.transport) == (kind, transport))
    if device in fleet.failed:
        pytest.fail(f"it dropped out of the scenario: {fleet.failed[device]}", pytrace=False)
    return device


every = pytest.mark.parametrize(("kind", "transport"), PAIRS)


@every
def test_live_messages_arrive_as_the_tutorial_has_them(fleet, one):
    token = fleet.tokens[one]
    expected = [(token, f"direct {ACCENTS}"), ("app broadcast", f"broadcast {ACCENTS}"), (token, LARGE), (token, f"last {ACCENTS}")]
    assert one.received(fleet.live[one])[:4] == expected
    arguments = [fact["args"] for fact in one.events(fleet.live[one])]
    assert all(len(args) == 1 and list(args[0]) == ["data"] for args in arguments)


@every
def test_the_backend_hears_the_registration_and_the_report(fleet, one):
    registered = [event["data"] for event in fleet.backend.events("device.registered") if event["data"]["uid"] == one.uid]
    assert [data["token"] for data in registered][:1] == [fleet.tokens[one]]
    reports = [event["data"] for event in fleet.reports.seen if event["data"]["uid"] == one.uid and event["data"]["status"]]
    assert [data["status"] for data in reports] == [f"seen {ACCENTS}", f"seen again {ACCENTS}"]


@every
def test_the_token_is_the_same_after_a_sigkill(fleet, one):
    assert one.registered(fleet.away[one]) == fleet.tokens[one]


@every
def test_all_that_was_missed_arrives_once_and_in_order(fleet, one):
    token = fleet.tokens[one]
    expected = [("app broadcast" if broadcast else token, text) for broadcast, text in fleet.missed[one]]
    assert one.received(fleet.away[one])[:WHILE_AWAY] == expected


@every
def test_with_its_uid_in_the_url_it_goes_on_by_itself_after_a_sigkill(fleet, one):
    token = fleet.tokens[one]
    assert one.received(fleet.alive[one]) == [(token, f"before {ACCENTS}"), (token, f"behind {ACCENTS}")]
    assert not [fact for fact in one.facts[fleet.alive[one]:] if fact["on"] == "registered"]


@every
def test_each_client_reaches_its_proof_grade_live(fleet, one):
    wanted = grade(one.revision, one.transport)
    proofs = fleet.reached(one, "live")
    assert [proofs.get(message) for message in fleet.direct_ids[one]["live"]] == [wanted] * 3


@every
def test_each_replayed_direct_message_is_proven(fleet, one):
    """A client that upgrades may have had some of the replay before it did."""
    wanted = {grade(one.revision, one.transport)} | ({"poll"} if one.transport == "upgrade" else set())
    proofs = fleet.reached(one, "away")
    assert [message for message in fleet.direct_ids[one]["away"] if proofs.get(message) not in wanted] == []
