"""What the server counts as reached, held against what the app's own handler wrote down.

A client process writes a line at the moment its handler runs, into a pipe that never makes it wait; what it wrote is there whatever
becomes of it afterwards.
"""

import dataclasses

# A killed process may have taken messages whose handler had not run yet. More than these at one kill are a violation: real
# clients hand a message to its handler within a few milliseconds.
IN_PROCESS_AT_A_KILL = 8

# Around a `disconnect()`, for telling a false proof that came of it.
LEAVING_S = 10


@dataclasses.dataclass
class Sent:
    """A message as its publish was answered."""

    id: str
    seq: int
    at: float  # when its publish was begun, by the harness's monotonic clock
    text: str


@dataclasses.dataclass
class Life:
    """One process's life as one device: what its handler wrote, in order, and when the process was stopped for good."""

    record: list  # texts
    killed_at: float | None = None
    left_at: list = dataclasses.field(default_factory=list)  # when its app called `disconnect()`


@dataclasses.dataclass
class Verdict:
    reached: int = 0
    recorded: int = 0
    repeats: int = 0
    false: list = dataclasses.field(default_factory=list)  # ids counted as reached that no handler ever saw
    overtaken: list = dataclasses.field(default_factory=list)  # those of them whose GET overtook the client's own `41`
    in_process: list = dataclasses.field(default_factory=list)  # ids allowed, because the process that had them was killed
    lost: list = dataclasses.field(default_factory=list)  # ids neither reached nor ever seen


def judge(sent, reached, lives):
    """`sent`: every message to the device; `reached`: id -> proof, as the server told; `lives`: in order."""
    seqs = {message.text: message.seq for message in sent}
    seen = [text for life in lives for text in life.record if text in seqs]
    had = set(seen)
    verdict = Verdict(reached=len(reached), recorded=len(had), repeats=len(seen) - len(had))
    allowance = [_allowance(life, sent, seqs) for life in lives if life.killed_at is not None]
    for message in sorted(sent, key=lambda message: message.seq):
        if message.text in had:
            continue
        if message.id not in reached:
            verdict.lost.append(message.id)
            continue
        taker = next((ids for ids in allowance if message.id in ids), None)
        if taker is None:
            verdict.false.append(message.id)
            if reached[message.id] == "poll" and any(abs(at - message.at) < LEAVING_S for life in lives for at in life.left_at):
                verdict.overtaken.append(message.id)
        else:
            taker.remove(message.id)
            verdict.in_process.append(message.id)
    return verdict


def _allowance(life, sent, seqs):
    """What may have been in this process when it was killed: the next few behind the last that its handler wrote down, as far as they
    had been published by then. A process handles in order, so nothing before that can have been on its way to the handler."""
    last = max((seqs[text] for text in life.record if text in seqs), default=0)
    behind = sorted((message for message in sent if message.seq > last and message.at < life.killed_at), key=lambda message: message.seq)
    return [message.id for message in behind[:IN_PROCESS_AT_A_KILL]]
