"""Ice clients of other languages at our door. What they ask and are told is one table, peers/cases.json: all hear the same."""

import contextlib
import json

import pytest

from harness.driver import Drivers
from harness.ports import free_port
from harness.product import Product

from .backends import PEERS
from .conftest import HERE, client_of, echo_binary, key, processes_in

CASES = json.loads((HERE / "peers" / "cases.json").read_text())
DEVICE = "python-5.18.1"


def named(section):
    return [pytest.param(case, id=case["name"].replace(" ", "-")) for case in CASES[section]]


def filled(value, names):
    """What stands for something that differs from run to run: `$name`, and long texts."""
    if isinstance(value, dict):
        if "$repeat" in value:
            return "x" * value["$repeat"]
        if "$text" in value:
            return json.dumps("x" * value["$text"])
        return {each: filled(inner, names) for each, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"${name}", text)
    return value


def holds(told, expected):
    """Whether all that is expected is there; what else there is, is not asked."""
    if isinstance(expected, dict) and isinstance(told, dict):
        return all(name in told and holds(told[name], inner) for name, inner in expected.items())
    return told == expected


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """`processes(name, command)`, for the whole file."""
    with processes_in(tmp_path_factory.mktemp("peers")) as make:
        yield make


@pytest.fixture(scope="module")
def shared_echo(processes):
    made = processes("echo", [echo_binary()])
    made.port = int(made.line())
    return made


@pytest.fixture(scope="module", params=PEERS)
def at_echo(request, processes, shared_echo):
    return client_of(processes, shared_echo.port, peer=request.param, name=f"{request.param}-echo")


@pytest.mark.parametrize("case", named("contract"))
def test_the_contract_is_the_same_for_every_peer(at_echo, shared_echo, case):
    names = {"at": f"tcp -h 127.0.0.1 -p {shared_echo.port}"}
    told = at_echo.ask(**filled(case["ask"], names))
    assert holds(told, filled(case["answer"], names)), told


@pytest.fixture(scope="module")
def keyed_door(tmp_path_factory):
    port = free_port()
    with contextlib.closing(Product(tmp_path_factory.mktemp("door"), "--ice", f"127.0.0.1:{port}")) as product:
        product.ice = port
        product.start()
        admin = key(product, ["admin"])
        product.keys = {"all": key(product, ["send", "send:all", "read", "devices"], admin), "read": key(product, ["read"], admin)}
        yield product


@pytest.fixture(scope="module")
def phones(tmp_path_factory, keyed_door):
    """`phones(uid)`: a registered device of that user, always the same."""
    made = {}
    with Drivers(tmp_path_factory.mktemp("phones")) as drivers:
        def phone(uid):
            if uid not in made:
                device = made[uid] = drivers.device(DEVICE, "websocket", uid, keyed_door.devices_url)
                device.ready()
                device.settled(device.connect())
                device.register()
                for event in ("news", "pair"):
                    device.order("listen", event=event)
            return made[uid]
        yield phone


@pytest.fixture(scope="module", params=PEERS)
def at_door(request, processes, keyed_door, phones):
    made = client_of(processes, keyed_door.ice, peer=request.param, name=f"{request.param}-door")
    made.uid = f"of {request.param}"
    made.phone = phones(made.uid)
    return made


@pytest.mark.parametrize("case", named("door"))
def test_the_door_says_the_same_to_every_peer(at_door, keyed_door, case):
    names = {"uid": at_door.uid, "phone": at_door.phone.token, **keyed_door.keys}
    told = at_door.ask(**filled(case["ask"], names))
    assert holds(told, filled(case["answer"], names)), told


def test_what_every_peer_sent_reaches_its_phone_which_it_then_disconnects(at_door, keyed_door):
    phone, last = at_door.phone, f"to all from {at_door.uid}"
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": last}])
    got = [(fact["name"], fact["args"]) for fact in phone.events() if fact["name"] != "app broadcast"]
    direct = phone.token
    assert got == [("news", [{"data": {"n": 1}}]), (direct, [{"data": 2}]), (direct, [{"data": 3}]), ("pair", [4, "b"])]
    assert [fact["args"] for fact in phone.events() if fact["args"] == [{"data": last}]] == [[{"data": last}]]
    told = at_door.ask(do="call", op="disconnect", args=[at_door.uid], context={"token": keyed_door.keys["all"]})
    assert told == {"value": 1}
    phone.wait_on("disconnected")


@pytest.mark.parametrize("peer", PEERS)
def test_oneway_and_batch_calls_arrive(echo, client, peer):
    caller = client(echo().port, peer=peer)
    assert caller.ask(do="probe", op="recall", args=["m1"], oneway=True) == {"value": None}
    assert caller.ask(do="batch", count=150) == {"value": None}
    # A connection runs its requests side by side, so these are waited for by their count.
    for _ in range(2000):
        if runs(caller) == 151:
            break
    assert runs(caller) == 151


def runs(client):
    """How many sends and recalls our side has run."""
    return client.ask(do="call", op="disconnect", args=["anybody"])["value"]


@pytest.mark.parametrize("peer", PEERS)
def test_a_thousand_calls_at_once_are_all_answered(at_echo_of, peer):
    assert at_echo_of(peer).ask(do="many", uid="u", count=1000)["value"] == [str(n) for n in range(1000)]


@pytest.fixture
def at_echo_of(processes, shared_echo):
    return lambda peer: client_of(processes, shared_echo.port, peer=peer, name=f"{peer}-many")


@pytest.fixture
def pair(echo, client):
    """`pair(peer)`: two servers, and a client that goes to the second where the first is gone."""
    def make(peer):
        first, second = echo(), echo()
        at = [f"tcp -h 127.0.0.1 -p {each.port}" for each in (first, second)]
        caller = client(first.port, "Ice.Default.EndpointSelection=Ordered", peer=peer, proxy=f"push:{at[0]}:{at[1]}")
        other = client(first.port, name="other")
        assert runs(other) == 0
        return first, second, caller, other
    return make


@pytest.mark.parametrize("peer", PEERS)
def test_at_a_stop_a_running_call_is_answered_and_the_next_goes_elsewhere(pair, peer):
    first, second, caller, other = pair(peer)
    caller.say({"do": "call", "op": "send", "args": ["slow:700", "{}"]})
    while runs(other) < 1:
        pass
    first.terminate()
    assert caller.json()["value"]["state"] == "accepted"
    assert (first.line(), first.wait()) == ("drained 1", 0)
    assert caller.ask(do="call", op="send", args=["42", "{}"])["value"]["state"] == "accepted"
    second.terminate()
    assert second.line() == "drained 1"


@pytest.mark.parametrize("peer", PEERS)
def test_a_stop_under_load_loses_no_call_and_doubles_none(pair, peer):
    first, second, caller, other = pair(peer)
    caller.say({"do": "load", "count": 1000})
    while runs(other) < 100:
        pass
    first.terminate()
    assert caller.json() == {"value": []}
    second.terminate()
    before, after = (int(each.line().removeprefix("drained ")) for each in (first, second))
    assert (before + after, before < 1000) == (1000, True)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_a_restart_under_load_loses_no_send_and_doubles_none(door, client, phone, peer, stop):
    server = door()
    phone(server).close()
    caller = client(server.ice, peer=peer)
    caller.say({"do": "keyed", "uid": "42", "count": 120, "key": "r"})
    while mailbox(server) < 20:
        pass
    assert getattr(server, stop)() in (0, None)
    server.start()
    told = caller.json()["value"]
    assert told["repeats"] > 0
    assert (len(set(told["ids"])), mailbox(server)) == (120, 120)
    again = caller.ask(do="keyed", uid="42", count=120, key="r")["value"]
    assert (again["ids"], mailbox(server)) == (told["ids"], 120)


def mailbox(server):
    return server.backend.call("GET", "/v1/users/42").json["devices"][0]["mailbox"]["messages"]


def test_a_connection_that_nobody_used_for_95_seconds_is_still_there(idlers):
    """Begun with the session: the other tests are its wait."""
    idlers.timer.join()
    assert idlers.told == {peer: ({"value": []}, {"value": True}) for peer in idlers.callers}
