"""One way to the server, all clients on it side by side: each shows its grade and then goes away in every manner there is.

Messages are sent all the time while they do. What each device was sent, what its handlers wrote and what the server counted is kept for
the judge (truth.py).
"""

import contextlib
import dataclasses
import os
import pathlib
import random
import signal
import time

from harness.driver import KINDS, Device, Process

from .cells import Cell, LateCell
from .load import Load, Publisher, Reached
from .relay import Network
from .truth import judge

# Generous: others may have the machine.
PATIENCE_S = 120
# A frozen page has this long to give a proof.
FROZEN_S = 6
# For the last proofs; a message without one is no fault here.
SETTLES_WITHIN_S = 30
DELAYS_MS = (0, 16, 300)
# An app that attached its listener later than the server waits (1 s) was starved by the machine: that run says nothing.
LISTENS_WITHIN_S = 0.9


@dataclasses.dataclass(frozen=True)
class Size:
    rounds: int  # messages to each device in a load
    pause_s: float  # between two rounds
    leaves: int
    kills: int
    half_opens: int
    late: int  # times each delay


class Run:
    """`with Run(path, kinds...) as run: run.whole()`."""

    def __init__(self, path, pairs, size, folder, seed):
        self.path, self.pairs, self.size, self.folder = path, pairs, size, pathlib.Path(folder) / path.name
        self.name = path.name
        self.seed, self.dice = seed, random.Random(f"{seed} {path.name}")
        self.texts = 0
        self.processes, self.cells, self.late_cells = {}, [], []
        self.void = 0
        self.said = []
        self.began = time.monotonic()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.way = stack.enter_context(self.path.open(self.folder))
            self.network = stack.enter_context(Network())
            self.cells = [Cell(kind, transport, f"{kind}:{transport}", self.network.relay(self.way.port)) for kind, transport in self.pairs]
            self.reports = Reached(self.way.backend)
            stack.callback(lambda: [process.close() for process in self.processes.values()])
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def text(self):
        self.texts += 1
        return f"m{self.texts}"

    def say(self, what):
        self.said.append(f"{time.monotonic() - self.began:6.1f} s  {self.name}: {what}")
        print(self.said[-1], flush=True)

    @property
    def active(self):
        return [cell for cell in self.cells if not cell.failed]

    def each(self, cells, act):
        """`act(cell)`, all with one patience; who fails drops out with the reason, which fails its own tests only."""
        for cell in [cell for cell in cells if not cell.failed]:
            try:
                act(cell)
            except AssertionError as why:
                cell.failed = f"{type(why).__name__}: {why}"
                self.say(f"{cell.uid} dropped out: {cell.failed}")

    # -- coming and going

    def process(self, kind):
        command = tuple(KINDS[kind][0])
        if command not in self.processes:
            self.processes[command] = Process(f"{self.name} {kind}", command, self.folder / f"{kind}-{time.monotonic_ns()}.log")
        return self.processes[command]

    def start(self, cells):
        for cell in cells:
            cell.devices.append(Device(cell.kind, cell.transport, cell.uid, cell.relay.url, self.folder, self.process(cell.kind)))
        self.each(cells, lambda cell: cell.device.ready(PATIENCE_S))

    def connect(self, cells, **rest):
        end = time.monotonic() + PATIENCE_S
        marks = {}
        self.each(cells, lambda cell: marks.update({cell: cell.device.connect(register_on_connect=cell.uid, reconnect=True, **rest)}))
        self.each(cells, lambda cell: cell.device.settled(marks[cell], max(1, end - time.monotonic())))
        self.each(cells, lambda cell: cell.device.registered(marks[cell], max(1, end - time.monotonic())))

    def caught_up(self, cells, what):
        """Everything sent was recorded, or was told of as reached, which is for the judge."""
        end = time.monotonic() + PATIENCE_S
        waiting = [cell for cell in cells if not cell.failed]
        while waiting and time.monotonic() < end:
            self.reports.read()
            waiting = [cell for cell in waiting if not self.is_settled(cell)]
            if waiting:
                time.sleep(0.2)
        self.say(f"{what}{f'; waited in vain for {[cell.uid for cell in waiting]}' if waiting else ''}")

    def is_settled(self, cell):
        had, reached = cell.recorded(), self.reached(cell)
        return all(message.text in had or message.id in reached for message in cell.sent)

    def reached(self, cell):
        return self.reports.of.get(cell.uid, {})

    # -- the phases

    def whole(self):
        self.start(self.cells)
        for _ in range(self.size.late):
            self.listen_late()
        if self.path.for_loads:
            self.way.server.stop()
            self.way.server.settings = {**self.path.settings, **self.path.for_loads}
            self.way.server.start(PATIENCE_S)
        self.connect(self.cells)
        self.say("connected")
        self.show_grades()
        self.freeze([cell for cell in self.active if cell.page])
        for number in range(max(self.size.leaves, self.size.kills, self.size.half_opens)):
            if number < self.size.leaves:
                self.leave()
            if number < self.size.kills:
                self.kill()
            if number < self.size.half_opens:
                self.die_half_open(stopped_first=number % 2 == 0)
        self.settle()
        return self

    def show_grades(self):
        """Three messages in a row, while nothing goes wrong: by what they are proven."""
        publisher = Publisher(self.way.backend.port)
        ids = {cell: [publisher.send(cell, self.text()) for _ in range(3)] for cell in self.active}
        self.reports.until(lambda: all(set(ids[cell]) <= set(self.reached(cell)) for cell in ids), PATIENCE_S)
        for cell, mine in ids.items():
            cell.grades = [self.reached(cell).get(each) for each in mine]
        self.say("grades shown")

    def freeze(self, pages):
        """What the browser answers for a page whose scripts it has stopped, and whether the page has it all when it goes on."""
        if not pages:
            return
        publisher = Publisher(self.way.backend.port)
        self.caught_up(pages, "pages are quiet")
        self.each(pages, lambda cell: cell.device.freeze(True))
        had = {cell: len(cell.device.events()) for cell in pages if not cell.failed}
        ids = {cell: [publisher.send(cell, self.text()) for _ in range(3)] for cell in had}
        self.reports.until(lambda: False, FROZEN_S)
        for cell, mine in ids.items():
            ran = len(cell.device.events()) > had[cell]
            cell.frozen = "not frozen" if ran else self.reached(cell).get(mine[0], "none")
        self.each(pages, lambda cell: cell.device.freeze(False))
        self.caught_up(pages, "pages were frozen and went on")

    def load(self, share, act):
        """`act()` when that share of a load has been sent; returns when all of it has."""
        before = {cell: len(cell.sent) for cell in self.active}
        with self.way.fire():
            with Load(self, self.active) as load:
                load.until(share)
                act()
            self.reports.read()
        for cell in before:
            cell.in_load += sum(message.id in self.reached(cell) for message in cell.sent[before[cell]:])

    def leave(self):
        """`disconnect()` under load."""
        marks = {cell: cell.device.mark() for cell in self.active}

        def go():
            for cell in self.active:
                cell.left.setdefault(cell.device, []).append(time.monotonic())
                cell.device.order("disconnect")
        self.load(self.dice.uniform(0.3, 0.7), go)
        if not self.path.under_fire:  # there, a client between two connections has nothing to tell of
            self.each(self.active, lambda cell: cell.device.wait_on("disconnected", PATIENCE_S, marks[cell]))
        self.connect(self.active)
        self.count("left", self.active)
        self.caught_up(self.active, "left under load and came back")

    def kill(self):
        """SIGKILL under load. A page's facts leave it a moment after its handler, so pages are not killed."""
        mortal = [cell for cell in self.active if not cell.page]
        self.load(self.dice.uniform(0.3, 0.7), lambda: self.end(mortal))
        self.reborn(mortal)
        self.count("killed", mortal)
        self.caught_up(self.active, "killed under load and came back")

    def die_half_open(self, stopped_first):
        """The device is gone and nobody is told: first the process stands still while its kernel goes on acknowledging, or first the
        network goes while the process lives on."""
        mortal = [cell for cell in self.active if not cell.page]

        def stand_still():
            for process in self.processes_of(mortal):
                process.process.send_signal(signal.SIGSTOP)
            gone(mortal)

        def vanish():
            for cell in self.active:
                cell.relay.cut()
            gone(mortal)
        self.load(self.dice.uniform(0.2, 0.5), stand_still if stopped_first else vanish)
        vanish()
        self.end(mortal)
        pages = [cell for cell in self.active if cell.page]
        self.each(pages, lambda cell: cell.device.close_page())
        for cell in self.cells:
            cell.relay.mend()
        self.reborn(mortal)
        self.connect(pages)
        self.count("half-open", self.active)
        self.caught_up(self.active, f"died half-open ({'stopped' if stopped_first else 'cut'} first) and came back")

    def listen_late(self):
        """The app attaches its token's listener some time after `_register`; messages are sent right behind that."""
        cells = [LateCell(cell, delay, f"{cell.uid}:late{delay}:{len(self.late_cells)}") for cell in self.active
                 for delay in self.delays(cell)]
        self.start(cells)
        marks = {}
        self.each(cells, lambda cell: marks.update({cell: cell.device.connect(register_on_connect=cell.uid, reconnect=True, listen_after_ms=cell.delay_ms)}))

        def send(cell):
            """What cannot be sent before its token exists is sent the moment it does."""
            cell.device.registered(marks[cell], PATIENCE_S)
            publisher = Publisher(self.way.backend.port)
            for _ in range(3):
                publisher.send(cell, self.text())
        self.each(cells, send)
        self.each(cells, lambda cell: cell.device.wait_on("listening", PATIENCE_S, marks[cell]))
        starved = [cell for cell in cells if not cell.failed and starved_for(cell.device) > LISTENS_WITHIN_S]
        self.void += len(starved)
        heard = [cell for cell in cells if cell not in starved]
        self.caught_up(heard, "listened late")
        self.proven(heard)
        self.each(cells, lambda cell: cell.device.close_page() if cell.page else cell.device.order("disconnect"))
        self.late_cells += heard
        for cell in heard:
            cell.base.runs["late"] += not cell.failed

    def delays(self, cell):
        """A page costs a browser's context: it has one delay, its neighbours the others."""
        return [DELAYS_MS[self.cells.index(cell) % len(DELAYS_MS)]] if cell.page else DELAYS_MS

    def proven(self, cells):
        """Waits for the proofs too; that one is missing is no fault here."""
        self.reports.until(lambda: all({message.id for message in cell.sent} <= set(self.reached(cell)) for cell in cells if not cell.failed), SETTLES_WITHIN_S)

    def settle(self):
        """Everybody is there; what is still owed arrives and is proven."""
        self.caught_up([*self.active, *self.late_cells], "all is settled")
        everybody = [*self.active, *self.late_cells]
        self.proven(self.active)
        self.say(f"{sum(len(cell.sent) for cell in everybody)} messages")

    # -- deaths

    def processes_of(self, cells):
        return {id(process): process for process in (self.process(cell.kind) for cell in cells)}.values()

    def end(self, cells):
        for process in self.processes_of(cells):
            os.kill(process.process.pid, signal.SIGKILL)
        gone(cells)

    def reborn(self, cells):
        for process in self.processes_of(cells):
            process.close()
        for kind in {cell.kind for cell in cells}:
            self.processes.pop(tuple(KINDS[kind][0]), None)
        self.start(cells)
        self.connect(cells)

    def count(self, what, cells):
        for cell in cells:
            cell.runs[what] += not cell.failed

    def late_of(self, cell):
        return [late for late in self.late_cells if late.base is cell]

    def verdict(self, cell):
        """Of the device, then of its late-listening ones."""
        return [judge(each.sent, self.reached(each), each.lives) for each in [cell, *self.late_of(cell)]]


def gone(cells):
    """From now on nothing that is published can come into these processes."""
    now = time.monotonic()
    for cell in cells:
        cell.killed.setdefault(cell.device, now)


def starved_for(device):
    """Seconds between `_register` and the listener, by the app's own clock."""
    at = {fact["on"]: fact["t"] for fact in device.facts if fact["on"] in ("registered", "listening")}
    return at["listening"] - at["registered"]
