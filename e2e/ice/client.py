"""A backend on Debian's Ice for Python: does what JSON lines on its standard input ask, and answers each with one line.

Runs under /usr/bin/python3, as the peer is a system package. Arguments: the proxy, then Ice properties as Name=Value.
"""

import json
import pathlib
import sys
import threading
import time

import Ice

SLICE = pathlib.Path(__file__).resolve().parents[2] / "idl" / "Push.ice"
PROBE = pathlib.Path(__file__).resolve().parent / "peers" / "Probe.ice"
for each in (SLICE, PROBE):
    Ice.loadSlice("", ["--all", str(each)])
import Push  # noqa: E402


def plain(value):
    """JSON of what Slice's types hold. Unset is compared, never printed: 3.7 cannot."""
    if value is Ice.Unset:
        return None
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if hasattr(value, "__dict__"):
        return {key: plain(each) for key, each in vars(value).items()}
    return value


def failure(error):
    told = {"error": error.ice_id() if hasattr(error, "ice_id") else type(error).__name__}
    if isinstance(error, Push.PushError):
        told["members"] = plain(error)
    if hasattr(error, "unknown"):
        told["text"] = error.unknown
    return told


def given(arguments):
    return [Ice.Unset if each is None else each for each in arguments]


def call(proxy, ask):
    if ask.get("context"):
        proxy = Push.PushServicePrx.uncheckedCast(proxy.ice_context(ask["context"]))
    return getattr(proxy, ask["op"])(*given(ask.get("args", [])))


def probe(proxy, ask):
    """A call by a contract that is not ours: peers/Probe.ice."""
    return getattr(Push.ProbePrx.uncheckedCast(proxy), ask["op"])(*ask.get("args", []))


def many(proxy, ask):
    unset = [Ice.Unset] * 5
    futures = [proxy.sendAsync(f"{ask['uid']}{n}", str(n), *unset) for n in range(ask["count"])]
    return [future.result().extra["payload"] for future in futures]


def batch(proxy, ask):
    batched = Push.ProbePrx.uncheckedCast(proxy.ice_batchOneway())
    for _ in range(ask["count"]):
        batched.recall("m1")
    batched.ice_flushBatchRequests()


def cast(proxy, _):
    return {"as": Push.PushServicePrx.checkedCast(proxy) is not None,
            "not": Push.PushListenerPrx.checkedCast(proxy) is None,
            "ids": proxy.ice_ids(), "id": proxy.ice_id()}


def load(proxy, ask):
    """One call after the other, sends and reads in turn: which failed, and how."""
    failed = []
    for n in range(ask["count"]):
        try:
            proxy.send("42", str(n))
            proxy.online(["on"])
        except Ice.Exception as error:
            failed.append(failure(error))
    return failed


def flood(proxy, ask):
    """All at once; how many different messages came of it."""
    futures = [proxy.sendAsync(ask["uid"], str(n), *[Ice.Unset] * 5) for n in range(ask["count"])]
    return len({future.result().id for future in futures})


def keyed(proxy, ask):
    """Sends with a requestId each, repeated until it is answered: what became of each, and how often one was repeated."""
    ids, repeats = [], 0
    for n in range(ask["count"]):
        for _ in range(400):
            try:
                ids.append(proxy.send(ask["uid"], str(n), requestId=f"{ask['key']}-{n}").id)
                break
            except (Push.Busy, Ice.ConnectFailedException, Ice.ConnectionLostException):
                repeats += 1
                time.sleep(0.05)
    return {"ids": ids, "repeats": repeats}


def idle(proxy, _):
    """Returns once the connection, which nobody uses, is closed: by whom is in the properties."""
    closed = threading.Event()
    proxy.ice_getConnection().setCloseCallback(lambda _: closed.set())
    return closed.wait(20)


KEPT = []


def keep(proxy, _):
    """Whether the connection is that of the last time."""
    connection = proxy.ice_getConnection()
    same = KEPT == [connection]
    KEPT[:] = [connection]
    return same


ASKS = {"call": call, "probe": probe, "keep": keep, "many": many, "batch": batch, "cast": cast, "idle": idle, "load": load,
        "flood": flood, "keyed": keyed}


def answer(communicator, text, ask):
    try:
        proxy = Push.PushServicePrx.uncheckedCast(communicator.stringToProxy(ask.get("proxy", text)))
        if ask.get("oneway"):
            proxy = Push.PushServicePrx.uncheckedCast(proxy.ice_oneway())
        if ask.get("compress"):
            proxy = Push.PushServicePrx.uncheckedCast(proxy.ice_compress(True))
        return {"value": plain(ASKS[ask["do"]](proxy, ask))}
    except Ice.Exception as error:
        return failure(error)


def main():
    text, properties = sys.argv[1], [f"--{each}" for each in sys.argv[2:]]
    with Ice.initialize(properties) as communicator:
        for line in sys.stdin:
            print(json.dumps(answer(communicator, text, json.loads(line))), flush=True)


main()
