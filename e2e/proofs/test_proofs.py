"""No false proof moves a cursor: real clients on every way to the server, each dying in every manner under load.

One run for each way, side by side; each client is then judged by tests of its own. With TIDINGS_SOAK=1 all clients, more deaths, and
the results are written to docs/PROOFS.md; TIDINGS_KINDS=python-5.18.1,js-4.8.4 runs these clients only, in the place of what they did last.
"""

import concurrent.futures
import faulthandler
import os
import random
import signal
import threading
import time

import pytest

from harness.driver import PAIRS

from . import document
from .cells import expected
from .paths import LIE, PATHS
from .scenario import Run, Size
from .truth import IN_PROCESS_AT_A_KILL, Life, Sent, judge

faulthandler.register(signal.SIGUSR1)
SOAK = bool(os.environ.get("TIDINGS_SOAK"))
WAYS = tuple(name for name in PATHS if SOAK or name != "unlisted")
ONLY = os.environ.get("TIDINGS_KINDS", "").split(",") if os.environ.get("TIDINGS_KINDS") else None
CLIENTS = [pair for pair in PAIRS if (pair[0] in ONLY if ONLY else SOAK or pair[0] in ("java-0.8.3", "js-4.8.4"))]
SIZE = Size(30, 0.005, leaves=4, kills=2, half_opens=2, late=1) if SOAK else Size(60, 0.005, leaves=2, kills=1, half_opens=2, late=1)
AT_ONCE = 2 if SOAK else len(WAYS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proofs")
    seed = int(os.environ.get("TIDINGS_SEED") or random.randrange(1 << 32))
    print(f"seed {seed} (TIDINGS_SEED repeats the points, not the race)")

    writing = threading.Lock()

    def of(name):
        with Run(PATHS[name], CLIENTS, SIZE, folder, seed) as run:
            run.whole()
        if SOAK:
            with writing:
                document.write(run)
        return run
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = {name: pool.submit(of, name) for name in WAYS}
        concurrent.futures.wait(done.values())
    found = {name: future.result() for name, future in done.items() if not future.exception()}
    yield {**done, **found}


@pytest.fixture
def run(runs, way):
    """The way's run; one that broke fails its tests with what broke it."""
    return runs[way] if isinstance(runs[way], Run) else runs[way].result()


@pytest.fixture
def cell(run, kind, transport):
    cell = next(cell for cell in run.cells if (cell.kind, cell.transport) == (kind, transport))
    if cell.failed:
        pytest.fail(f"it dropped out of the scenario: {cell.failed}", pytrace=False)
    return cell


every_way = pytest.mark.parametrize("way", WAYS)
every_client = pytest.mark.parametrize(("kind", "transport"), CLIENTS)


@every_way
@every_client
def test_nothing_counted_as_reached_is_missing_from_the_apps_own_record(run, cell, way):
    verdicts = run.verdict(cell)
    false = [message for verdict in verdicts for message in verdict.false]
    assert false == []


@every_way
@every_client
def test_all_that_was_sent_came_to_the_app(run, cell, way):
    assert [message for verdict in run.verdict(cell) for message in verdict.lost] == []


@every_way
@every_client
def test_the_client_reaches_its_grade(run, cell, way):
    assert cell.grades == [expected(cell, run.path)] * 3


@every_way
def test_the_deaths_were_real(run, way):
    for cell in run.active:
        dies = 0 if cell.page else SIZE.kills
        assert (cell.runs["left"], cell.runs["killed"], cell.runs["half-open"]) == (SIZE.leaves, dies, SIZE.half_opens)
        own, *late = run.verdict(cell)
        assert min(own.recorded, own.reached) > SIZE.rounds
        assert [verdict.reached for verdict in late] == [3] * len(late), "its last messages were proven while it listened late"


def test_a_message_that_no_handler_saw_is_found_by_its_id():
    sent = [Sent(f"id-{number}", number, float(number), f"m{number}") for number in range(1, 21)]
    record = [f"m{number}" for number in range(1, 6)]
    reached = {message.id: "poll" for message in sent if message.id != "id-20"}
    survivor = judge(sent, reached, [Life(record)])
    assert survivor.false == [f"id-{number}" for number in range(6, 20)] and survivor.lost == ["id-20"] and survivor.overtaken == []
    left = judge(sent, {**reached, "id-7": "peer"}, [Life(record, left_at=[10.0])])
    assert left.overtaken == [f"id-{number}" for number in range(6, 20) if number != 7], "only a poll can overtake, and only near the end"


def test_only_what_a_killed_process_can_have_had_is_forgiven():
    sent = [Sent(f"id-{number}", number, float(number), f"m{number}") for number in range(1, 31)]
    everything = {message.id: "peer" for message in sent}
    hole = judge(sent, everything, [Life(["m1", "m2", "m4"], killed_at=4.5), Life([f"m{number}" for number in range(5, 31)])])
    assert hole.false == ["id-3"], "what comes before the last that was handled was lost, not on its way"
    later = judge(sent, everything, [Life(["m1", "m2"], killed_at=2.5), Life([f"m{number}" for number in range(5, 31)])])
    assert later.false == ["id-3", "id-4"], "published after the kill: that process never had it"
    many = judge(sent, everything, [Life(["m1"], killed_at=30.5)])
    assert len(many.in_process) == IN_PROCESS_AT_A_KILL and many.false == [f"id-{number}" for number in range(10, 31)]


def test_a_real_false_proof_is_found(tmp_path):
    """A proxy that answers pings, declared a tunnel, proves for a client that stands still: this harness must see it."""
    size = Size(rounds=40, pause_s=0.02, leaves=0, kills=0, half_opens=1, late=0)
    with Run(LIE, [("java-0.8.3", "websocket")], size, tmp_path, time.time()) as run:
        run.whole()
        cell, = run.cells
        assert not cell.failed, cell.failed
        assert len(run.verdict(cell)[0].false) > 3, run.said


def test_the_document_is_what_the_results_say():
    assert document.PAGE.read_text() == document.page(document.results())
