"""SIGKILL at thirty random points under load: what was acknowledged is there, once and in order; every issued token too."""

import asyncio
import json
import os
import random
import time

import pytest

from conftest import running
from harness.ledger import Ledger, repeats
from harness.raw import PollingLife, RawDevice, stay
from harness.web import Publisher

KILLS = 30
# Six long lives let proofs and their bounds show; the others are cut anywhere, some before the server was ready.
LONG_LIVES = 6
PUBLISHERS = 4
PAUSE_S = 0.12
# The away device must not outgrow its mailbox (1,000 messages): from here on only the others are written to, however long the run takes.
AWAY_OWED = 900
# What a device may be asked to take again: the proof of a direct message is durable 2 s after it, a broadcast's 6 s.
DIRECT_AGAIN_S, BROADCAST_AGAIN_S = 2.0, 6.0


class Run:
    def __init__(self, server, seed):
        self.server, self.dice = server, random.Random(seed)
        port = server.devices_port
        self.present = [RawDevice("polling", port, PollingLife), RawDevice("eio3", port, revision=3), RawDevice("eio4", port)]
        self.absent = RawDevice("away", port)
        self.ledger = Ledger()
        self.tokens = {}  # uid -> token, for each `_register` that was read
        self.stop_load, self.stop_devices = asyncio.Event(), asyncio.Event()
        self.retries = 0

    @property
    def devices(self):
        return [*self.present, self.absent]


async def publish(run, number):
    """Direct messages to each device in turn and broadcasts between them, each until it is acknowledged."""
    publisher = Publisher(run.server.backend_port)
    turn = 0
    while not run.stop_load.is_set():
        data = f"m{number}-{turn}-é€😀"
        choice = (turn + number) % (len(run.devices) + 1)
        if len(run.ledger.owed("away")) >= AWAY_OWED:
            choice %= len(run.present)
        uid = run.devices[choice].uid if choice < len(run.devices) else None
        body = {"data": data} if uid is None else {"data": data, "uid": uid}
        run.ledger.add(data, await publisher.publish(data.encode("ascii", "backslashreplace").decode(), body), uid)
        turn += 1
        await asyncio.sleep(PAUSE_S)
    run.retries += publisher.retries


async def enrol(run):
    """New users register all the time; whoever read a token must find it again."""
    number = 0
    while not run.stop_load.is_set():
        device = RawDevice(f"user{number}", run.server.devices_port)
        try:
            token = await device.connect()
            if token:
                run.tokens[device.uid] = token
                device.leave("fin")
        except ConnectionError:
            pass
        number += 1
        await asyncio.sleep(0.2)


async def kill_often(run):
    lives = [run.dice.uniform(7, 8) for _ in range(LONG_LIVES)] + [run.dice.uniform(0, 2.5) for _ in range(KILLS - LONG_LIVES)]
    run.dice.shuffle(lives)
    for life in lives:
        await asyncio.sleep(life)
        run.server.kill()
        if run.dice.random() < 0.2:
            run.server.spawn()
            await asyncio.sleep(run.dice.uniform(0, 0.1))
            run.server.kill()
        await asyncio.to_thread(run.server.start)


async def all_of(run, patience):
    """Waits until nothing is owed any more; what is missing afterwards is lost."""
    end = time.monotonic() + patience
    while any(run.ledger.lost(device) for device in run.devices) and time.monotonic() < end:
        await asyncio.sleep(0.1)


async def scenario(run):
    for device in run.devices:
        run.tokens[device.uid] = await device.connect()
    run.absent.leave("fin")
    for device in run.present:
        device.leave("fin")
    keeping = [asyncio.ensure_future(stay(device, run.stop_devices)) for device in run.present]
    load = [asyncio.ensure_future(publish(run, number)) for number in range(PUBLISHERS)] + [asyncio.ensure_future(enrol(run))]
    await kill_often(run)
    run.stop_load.set()
    await asyncio.gather(*load)
    await run.absent.connect()
    await all_of(run, 30)
    run.stop_devices.set()
    await asyncio.gather(*keeping)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    seed = int(os.environ.get("TIDINGS_SEED") or random.randrange(1 << 32))
    print(f"seed {seed} (TIDINGS_SEED repeats the points, not the race)")
    with running(tmp_path_factory.mktemp("crash")) as server:
        async def whole():
            run = Run(server, seed)
            await scenario(run)
            return run
        run = asyncio.run(whole())
        print(f"{len(run.ledger.positions)} messages acknowledged, {run.retries} asked again, {len(run.tokens)} tokens")
        yield run


def test_the_load_was_real(run):
    assert len(run.ledger.positions) > 500 and run.retries > 0 and len(run.tokens) > 50
    assert len(run.ledger.owed("away")) < 1000, "the away device outgrew its mailbox: lower the rate"


def test_every_acknowledged_message_reached_every_device(run):
    assert {device.uid: run.ledger.lost(device) for device in run.devices} == {device.uid: [] for device in run.devices}


def test_nothing_came_that_was_not_acknowledged_or_not_theirs(run):
    assert {device.uid: run.ledger.strangers(device)[:5] + device.faults[:5] for device in run.devices} == {device.uid: [] for device in run.devices}


def test_each_connection_saw_the_order_of_the_log_from_its_registration_on(run):
    assert {device.uid: run.ledger.disorder(device)[:5] for device in run.devices} == {device.uid: [] for device in run.devices}


def test_repeats_stay_within_what_was_not_proven_yet(run):
    late, total = [], 0
    for device in run.devices:
        for entry, first, index in repeats(device):
            total += 1
            age = first.ended_at - first.received[index].at
            if age > (BROADCAST_AGAIN_S if entry.broadcast else DIRECT_AGAIN_S):
                late.append((device.uid, entry.data, "broadcast" if entry.broadcast else "direct", round(age, 2)))
    print(f"{total} repeats in {KILLS} kills, of {sum(device.count() for device in run.devices)} deliveries")
    assert late == []


def test_each_acknowledgement_names_a_message_of_its_own(run):
    assert len(set(run.ledger.positions.values())) == len(run.ledger.positions)


def test_every_issued_token_is_known_and_the_same(run):
    backend = run.server.backend
    refused = {uid: answer for uid, token in run.tokens.items()
               if (answer := backend.call("POST", "/message", {"data": "still there?", "token": token})).status != 200}
    assert refused == {}
    known = {}
    for event in backend.events("device.registered"):
        known.setdefault(event["data"]["uid"], set()).add(event["data"]["token"])
    assert {uid: known.get(uid) for uid in run.tokens} == {uid: {token} for uid, token in run.tokens.items()}


def test_the_devices_kept_their_tokens(run):
    assert {device.uid: device.tokens for device in run.devices} == {device.uid: {run.tokens[device.uid]} for device in run.devices}


def test_the_events_are_still_one_unbroken_line(run):
    ids = [tuple(map(int, event["id"].split("-"))) for event in run.server.backend.events()]
    assert ids == sorted(set(ids)), json.dumps(ids[:20])
