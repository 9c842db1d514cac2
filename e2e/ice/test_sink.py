"""Events to a business server over Ice: each scenario a server of its own, played beside the others, as most of its time is waiting.

The truth is the outbox over HTTP: in the end the business server was told each event at least once, and what it was told, without
repetitions, is the outbox, in its order.
"""

import concurrent.futures
import json
import pathlib
import subprocess
import time

import pytest

from harness.certificate import Authority
from harness.driver import Device, Drivers, Process
from harness.ports import free_port
from harness.product import Product

from .backends import PYTHON, java
from .conftest import ROOT

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = ("device.registered", "message.reported")
MANY = {"TIDINGS_LIMITS__REPORTS_PER_SOCKET_PER_MIN": "10000", "TIDINGS_LEGACY__LISTEN_DELAY_MS": "0"}


class Stage:
    """One server, one business server, and the devices that make events."""

    def __init__(self, folder, drivers, name, **behaviour):
        self.folder = folder / name
        self.folder.mkdir()
        self.drivers, self.name = drivers, name
        self.port = free_port()
        self.kind = behaviour.get("kind", "events")
        self.behaviour = {"kind": self.kind, **behaviour}
        self.starts = []
        self.product = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.starts:
            process.close()
        if self.product:
            self.product.close()
            print(f"--- {self.name}: the server's last lines ---\n{self.product.log()}")

    def serve(self, *flags, transport="tcp", **settings):
        listener = f"pushListener:{transport} -h 127.0.0.1 -p {self.port}"
        self.product = Product(self.folder, *flags, **{**MANY, "TIDINGS_SYNC__ICE_LISTENER": listener, **settings})
        self.product.start()

    def business(self, *properties, **instead):
        """The business server starts, or starts again as somebody else."""
        command = [PYTHON, str(HERE / "business.py"), json.dumps({**self.behaviour, **instead}), str(self.port), *properties]
        self.starts.append(Process(self.name, command, self.folder / f"business-{len(self.starts)}.log"))
        self.starts[-1].wait_on("ready")
        return self.starts[-1]

    def phone(self, uid="42"):
        device = self.drivers.device("python-5.18.1", "websocket", f"{self.name}-{uid}", self.product.devices_url)
        device.settled(device.connect())
        device.register()
        return device

    def reports(self, device, count):
        """They are durable as this returns."""
        since = device.mark()
        for n in range(count):
            device.order("emit_ack", event="report", args=[{"status": f"{since}-{n}"}], n=n)
        device.wait(lambda fact: fact["on"] == "ack" and fact["n"] == count - 1, since=since, what="the last ack")

    def told(self):
        return [fact for process in self.starts for fact in process.facts if fact["on"] == "told"]

    def outbox(self):
        types = () if self.kind == "events" else CARRIED
        return self.product.backend.events(*types)

    def settles(self, patience=40, without=()):
        """Waits until all that the outbox has was told (but these uids); the facts without their repetitions, which are the outbox."""
        end = time.monotonic() + patience
        while True:
            wanted = [event["id"] for event in self.outbox() if event["data"].get("uid") not in without]
            first = {fact["eventId"]: fact for fact in reversed(self.told())}
            told = list(dict.fromkeys(fact["eventId"] for fact in self.told()))
            if set(wanted) <= set(told) or time.monotonic() > end:
                assert told == wanted
                return [first[each] for each in told]
            time.sleep(0.1)

    def operations(self):
        return {fact["operation"] for fact in self.told()}


def an_event_listener_is_told_everything(stage):
    stage.business()
    stage.serve(TIDINGS_SYNC__CLIENT_EVENTS="cart")
    phone = stage.phone()
    stage.reports(phone, 120)
    phone.order("emit_ack", event="cart", args=[{"n": 1}], n=1000)
    phone.wait(lambda fact: fact["on"] == "ack" and fact["n"] == 1000)
    told = stage.settles()
    for fact, event in zip(told, stage.outbox(), strict=True):
        assert (fact["type"], fact["app"], json.loads(fact["payload"])) == (event["type"], event["app"], event["data"])
    assert {fact["type"] for fact in told} >= {"device.registered", "device.online", "message.reported", "client.event"}
    assert stage.operations() == {"events"}


def mapped(stage):
    """What the typed operations say is what the same events say over HTTP; the rest of these events is passed over."""
    for fact, event in zip(stage.settles(), stage.outbox(), strict=True):
        data = event["data"]
        assert [fact[key] for key in ("app", "uid", "token", "deviceId")] == [
            event["app"], data["uid"], data["token"], data["device_id"] or ""]
        if event["type"] == "device.registered":
            assert fact["first"] == data["first"]
        else:
            assert (fact["messageId"], fact["state"], fact["proof"]) == tuple(data[key] or "" for key in ("message_id", "state", "proof"))
            assert (json.loads(fact["status"]) if fact["status"] else None) == data["status"]
    stage.product.until_logged("are passed over")


def some_reports(stage, count=30):
    stage.business()
    stage.serve()
    phone = stage.phone()
    stage.product.backend.send("hi", uid=phone.uid)
    stage.reports(phone, count)
    return phone


def a_push_listener_is_told_in_batches(stage):
    some_reports(stage)
    mapped(stage)
    assert stage.operations() == {"registeredBatch", "reportedBatch"}


def a_listener_without_batches_is_told_one_by_one(stage):
    some_reports(stage)
    mapped(stage)
    assert stage.operations() == {"registered", "reported"}


def a_servant_that_lacks_a_method_is_told_by_those_it_has(stage):
    some_reports(stage)
    mapped(stage)
    assert stage.operations() == {"registered", "reported"}


def a_busy_business_server_is_told_when_it_said(stage):
    some_reports(stage, 5)
    stage.settles()
    calls = [fact for fact in stage.starts[0].facts if fact["on"] == "called"]
    assert len(calls) >= 4


def one_who_calls_us_unauthorized_misses_nothing(stage):
    some_reports(stage, 5)
    stage.settles()


def a_refused_event_is_parked_alone_and_the_rest_comes(stage):
    stage.behaviour["refuses"] = f"{stage.name}-poison"
    stage.business()
    stage.serve()
    phone = stage.phone()
    stage.phone("poison")
    stage.reports(phone, 20)
    assert len(stage.settles(without=(f"{stage.name}-poison",))) == 21
    assert 'tidings_sink_parked_total{sink="ice"} 1\n' in stage.product.backend.call("GET", "/metrics").body


def one_who_dies_in_the_middle_of_a_batch_is_told_again_when_he_is_back(stage):
    stage.serve()
    stage.reports(stage.phone(), 30)
    dying = stage.business(dies_after=7)
    dying.wait_on("ended", 30)
    stage.business()
    stage.settles()
    # What was not answered came again.
    ids = [fact["eventId"] for fact in stage.told()]
    assert len(ids) > len(set(ids))


def a_slow_one_holds_up_nobody_but_himself(stage):
    stage.business()
    stage.serve()
    phone = stage.phone()
    stage.starts[0].wait_on("called")
    for n in range(20):
        stage.product.backend.send(n, uid=phone.uid)
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"][0].get("data") == 19)
    # The call from before them still runs, or the next one.
    assert {fact["type"] for fact in stage.told()} <= {"device.registered", "device.online"}
    stage.settles()


def kills_of_the_server_lose_nothing(stage):
    stage.business(slow_ms=20)
    stage.serve()
    for life in range(3):
        phone = stage.phone(str(life))
        stage.reports(phone, 60)
        stage.product.restart()
    stage.settles()


def tls_with_certificates_of_both(stage):
    authority = Authority(stage.folder)
    for who in ("server", "client"):
        authority.sign(who, "IP:127.0.0.1")
    stage.business("ssl", "Ice.Plugin.IceSSL=IceSSL:createIceSSL", f"IceSSL.DefaultDir={stage.folder}", "IceSSL.CAs=ca.pem",
                   "IceSSL.CertFile=server.pem", "IceSSL.KeyFile=server.key", "IceSSL.VerifyPeer=2")
    named = {name.upper(): str(stage.folder / file) for name, file in (("ca", "ca.pem"), ("cert", "client.pem"), ("key", "client.key"))}
    stage.serve(transport="ssl", **{f"TIDINGS_SYNC__ICE_TLS__{name}": path for name, path in named.items()})
    stage.reports(stage.phone(), 5)
    stage.settles()


SCENARIOS = {
    an_event_listener_is_told_everything: {},
    a_push_listener_is_told_in_batches: {"kind": "push"},
    a_listener_without_batches_is_told_one_by_one: {"kind": "singles"},
    a_servant_that_lacks_a_method_is_told_by_those_it_has: {"kind": "partial"},
    a_busy_business_server_is_told_when_it_said: {"busy": 3},
    one_who_calls_us_unauthorized_misses_nothing: {"unauthorized": 1},
    a_refused_event_is_parked_alone_and_the_rest_comes: {"kind": "push"},
    one_who_dies_in_the_middle_of_a_batch_is_told_again_when_he_is_back: {},
    a_slow_one_holds_up_nobody_but_himself: {"slow_ms": 1000},
    kills_of_the_server_lose_nothing: {},
    tls_with_certificates_of_both: {},
}


class Lines:
    """An example: a program that says what it is told, line by line."""

    def __init__(self, command, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def until(self, begin):
        """The next line that begins so."""
        return next(line.rstrip("\n") for line in self.process.stdout if line.startswith(begin))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def pictured(stage, command, *flags):
    """The example in its place, and an old app's phone."""
    example = Lines(command, stage.folder / "example.log")
    stage.starts.append(example)
    assert example.until("listening") == f"listening pushListener:tcp -h 127.0.0.1 -p {stage.port}"
    stage.serve(*flags)
    phone = Device("java-0.8.3", "upgrade", "42", stage.product.devices_url, stage.folder)
    stage.starts.append(phone)
    phone.ready()
    phone.settled(phone.connect())
    phone.register()
    return example, phone


def the_tutorials_picture_comes_true(stage):
    """The phone registers, the business server is told by Ice, and answers by Ice; the phone has it, and the business server is told."""
    ice = free_port()
    command = [str(ROOT / "examples/ice/server.py"), "--listen", f"tcp -h 127.0.0.1 -p {stage.port}", "--push", f"push:tcp -p {ice}"]
    example, phone = pictured(stage, command, "--ice", f"127.0.0.1:{ice}")
    assert example.until("registered") == f"registered 42, token {phone.token}, new"
    greeting = example.until("greeted").removeprefix("greeted 42 with ")
    assert phone.wait_on("event")["args"] == [{"data": "welcome"}]
    assert example.until("reached").startswith(f"reached {greeting} by 42, proven by ")
    phone.order("emit", event="report", args=[{"status": "thanks"}])
    assert example.until("reported") == f'reported "thanks" by 42, about {greeting}'


def the_listener_in_java_is_told_by_an_old_app(stage):
    example, phone = pictured(stage, [*java("Listener"), f"tcp -h 127.0.0.1 -p {stage.port}"])
    assert example.until("registered") == f"registered 42, token {phone.token}, new"
    phone.order("emit", event="report", args=[{"status": "here"}])
    assert example.until("reported") == 'reported "here" by 42, about nothing we know'


SCENARIOS |= {the_tutorials_picture_comes_true: {}, the_listener_in_java_is_told_by_an_old_app: {}}


@pytest.fixture(scope="module")
def played(tmp_path_factory, request):
    """Each scenario that was asked for, as a future."""
    folder = tmp_path_factory.mktemp("sink")
    chosen = {item.callspec.params["scenario"] for item in request.session.items if "scenario" in getattr(item, "callspec", _NONE).params}
    with Drivers(folder) as drivers, concurrent.futures.ThreadPoolExecutor(len(SCENARIOS)) as pool:
        drivers.device("python-5.18.1", "websocket", "first", "").ready()
        yield {scenario: pool.submit(play, scenario, folder, drivers) for scenario in chosen}


class _NONE:
    params = ()


def play(scenario, folder, drivers):
    with Stage(folder, drivers, scenario.__name__.replace("_", "-")[:40], **SCENARIOS[scenario]) as stage:
        scenario(stage)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_sink(played, scenario):
    played[scenario].result(120)
