"""A thousand devices that come and go at random under a steady stream: nothing lost, order kept, each repeat explained."""

import asyncio
import collections
import os
import random
import resource
import time

import pytest

from conftest import running
from harness.ledger import Ledger, repeats
from harness.raw import PollingLife, RawDevice
from harness.web import Publisher

# By wire: Engine.IO 4 and 3 on WebSocket, and polling.
EIO4, EIO3, POLLING = 700, 200, 100
DEVICES = EIO4 + EIO3 + POLLING
SECONDS = 20
BROADCASTS_PER_S, DIRECTS_PER_S = 5, 200
WAYS = ("fin", "rst", "41", "1")
# An answer that was written this shortly before a RST may have been thrown away with the connection.
RST_LOSES_S = 0.25
# A pong counts only if 250 ms later the client has not left; twice that allows for a busy machine.
PONG_COUNTS_AFTER_S = 0.5
# A GET only after 400 ms.
GET_COUNTS_AFTER_S = 0.8


class Storm:
    def __init__(self, server, seed):
        self.server, self.dice = server, random.Random(seed)
        port = server.devices_port
        self.devices = [RawDevice(f"four{number}", port) for number in range(EIO4)]
        self.devices += [RawDevice(f"three{number}", port, revision=3) for number in range(EIO3)]
        self.devices += [RawDevice(f"poll{number}", port, PollingLife) for number in range(POLLING)]
        self.ledger = Ledger()
        self.gate = asyncio.Semaphore(100)  # of a thousand at once, the rest would measure the event loop here
        self.over = asyncio.Event()
        self.connects = 0

    async def connect(self, device):
        async with self.gate:
            while True:
                try:
                    if await device.connect():
                        self.connects += 1
                        return
                except ConnectionError:
                    await asyncio.sleep(0.05)


async def come_and_go(storm, device):
    """Ends connected."""
    while not storm.over.is_set():
        await pause(storm, storm.dice.uniform(0.3, 6))
        if not storm.over.is_set():
            device.leave(storm.dice.choice(WAYS))
            await asyncio.sleep(storm.dice.uniform(0, 1.5))
            await storm.connect(device)


async def pause(storm, seconds):
    try:
        await asyncio.wait_for(storm.over.wait(), seconds)
    except asyncio.TimeoutError:
        pass


async def stream(storm, name, per_s, direct):
    publisher, sent, began = Publisher(storm.server.backend_port), 0, time.monotonic()
    while not storm.over.is_set():
        data, uid = f"{name}{sent}", storm.dice.choice(storm.devices).uid if direct else None
        storm.ledger.add(data, await publisher.publish(data, {"data": data, "uid": uid} if direct else {"data": data}), uid)
        sent += 1
        await asyncio.sleep(max(0, began + sent / per_s - time.monotonic()))


async def scenario(storm):
    await asyncio.gather(*(storm.connect(device) for device in storm.devices))
    load = [stream(storm, "all", BROADCASTS_PER_S, False), *(stream(storm, f"to{n}-", DIRECTS_PER_S / 4, True) for n in range(4))]
    tasks = [asyncio.ensure_future(work) for work in load]
    tasks += [asyncio.ensure_future(come_and_go(storm, device)) for device in storm.devices]
    await asyncio.sleep(SECONDS)
    storm.over.set()
    await asyncio.gather(*tasks)
    end = time.monotonic() + 45
    while time.monotonic() < end and any(storm.ledger.lost(device) for device in storm.devices):
        await asyncio.sleep(0.5)


@pytest.fixture(scope="module")
def storm(tmp_path_factory):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    seed = int(os.environ.get("TIDINGS_SEED") or random.randrange(1 << 32))
    with running(tmp_path_factory.mktemp("storm")) as server:
        async def whole():
            storm = Storm(server, seed)
            await scenario(storm)
            return storm
        storm = asyncio.run(whole())
        print(f"seed {seed}: {storm.connects} connects, {len(storm.ledger.positions)} messages, "
              f"{sum(device.count() for device in storm.devices)} deliveries")
        yield storm


def test_the_storm_was_one(storm):
    assert storm.connects > 3 * DEVICES and len(storm.ledger.broadcasts) > 50 and len(storm.ledger.directs) > DEVICES / 2


def test_no_message_was_lost(storm):
    lost = {device.uid: missing for device in storm.devices if (missing := storm.ledger.lost(device))}
    assert lost == {}, f"{sum(map(len, lost.values()))} lost on {len(lost)} devices"


def test_no_device_got_what_is_not_its_own(storm):
    assert {device.uid: wrong for device in storm.devices if (wrong := storm.ledger.strangers(device) + device.faults)} == {}


def test_order_held_from_each_registration_on(storm):
    assert {device.uid: wrong[:3] for device in storm.devices if (wrong := storm.ledger.disorder(device))} == {}


def certain(life):
    """How many of its messages a life has proven for certain: an answer must have been sent long enough before the end."""
    if isinstance(life, PollingLife):
        return life.proven(GET_COUNTS_AFTER_S)
    if life.revision == 3:
        return life.proven(PONG_COUNTS_AFTER_S)
    return life.proven(RST_LOSES_S if life.how == "rst" else 0)


def reason(storm, device, entry, life, index):
    """Why a message that `life` had came again; None if nothing explains it."""
    if index >= life.proven():
        return "no question was answered after it"
    if index >= certain(life):
        return "the client left right behind its answer"
    if index < life.before and (certain(life) <= life.before or storm.ledger.ahead_of_a_gap(device, entry, life, certain)):
        return "it came live, before `_register`: what was missed before it was not proven"
    return None


def test_every_repeat_is_explained_by_a_missing_proof(storm):
    reasons, unexplained = collections.Counter(), []
    for device in storm.devices:
        for entry, life, index in repeats(device):
            why = reason(storm, device, entry, life, index)
            reasons[why] += 1
            if why is None:
                unexplained.append((device.uid, entry.data, device.lives.index(life), index, life.how))
    print("repeats:", dict(reasons) or "none")
    assert unexplained == []
