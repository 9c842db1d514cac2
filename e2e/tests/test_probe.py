"""All that a client library can do, by each library on each transport, side by side against the conformance server's probe."""

import threading
import time

import pytest

from harness.conformance import Conformance
from harness.driver import PAIRS, Drivers

HEARD = ("hello", "echo-back", "message", "bin-back", "slash-ok", "cafe-ok", "room-msg", "big-back", "b", "question", "answer")
WORDS = [1, "two", {"three": [True, None]}, "héllo €😀"]
BINARY = [{"deep": [{"$bytes": "00ff10203040"}, "é"], "flat": {"$bytes": "04"}}, "behind", {"$bytes": "ffd8"}]
BIG, BURST, ACKS = 150_000, 100, 200
# Four heartbeats. The timeout leaves room for forty clients on two busy cores.
HEARTBEAT = ("--ping-interval", "1000", "--ping-timeout", "20000")
QUIET_S = 4.5
# npm 1.3.6 sends the whole pool of a modern Node's Buffer: the client's fault, on any server.
NO_BINARY = {"js-1.3.6"}
PATIENCE = 60


class Checks:
    """One client's way through all of it, up to the first check that fails. `failed`: what did not come true, and why."""

    def __init__(self, device):
        self.device = device
        self.failed = {}
        self.python = device.kind.startswith("python")

    def run(self):
        self.device.ready(60)
        for name in HEARD:
            self.device.order("listen", event=name)
        for check in (self.connect, self.echo, self.message, self.names, self.acks, self.question, self.room, self.big, self.burst,
                      self.many_acks, self.unhandled, self.binary, self.quiet, self.leave, self.chat_beside, self.chat_alone,
                      self.unknown, self.refused, self.admitted, self.kicked):
            try:
                check()
            except AssertionError as why:
                self.failed[check.__name__] = str(why)
                return

    def event(self, name, since, ns="/"):
        def wanted(fact):
            return fact["on"] == "event" and fact["name"] == name and fact.get("ns", "/") == ns
        return self.device.wait(wanted, PATIENCE, since, f"event {name} of {ns}")["args"]

    def said(self, on, since, ns="/"):
        return self.device.wait(lambda fact: fact["on"] == on and fact.get("ns", "/") == ns, PATIENCE, since, f"{on} of {ns}")

    def ask(self, event, *args, answer, ns="/"):
        """An event, and the arguments of the one that answers it."""
        since = self.device.mark()
        self.device.order("emit", event=event, args=list(args), ns=ns)
        return self.event(answer, since, ns)

    def acked(self, event, *args):
        since = self.device.mark()
        self.device.order("emit_ack", event=event, args=list(args), n=since)
        return self.device.wait(lambda fact: fact["on"] == "ack" and fact["n"] == since, PATIENCE, since, f"the ack of {event}")["args"]

    def connect(self):
        since = self.device.connect()
        self.device.settled(since, PATIENCE)
        [hello] = self.event("hello", since)
        assert hello["ns"] == "/"

    def echo(self):
        assert self.ask("echo", *WORDS, answer="echo-back") == WORDS

    def message(self):
        assert self.ask("message", *WORDS, answer="message") == WORDS

    def names(self):
        assert self.ask("a/b", 1, answer="slash-ok") == [1]
        assert self.ask("café", answer="cafe-ok") == []

    def acks(self):
        assert self.acked("echo-ack", *WORDS) == WORDS
        assert self.acked("echo-ack") == []

    def question(self):
        assert self.ask("ask", "who? é", answer="answer") == ["who? é"]

    def room(self):
        assert self.acked("join", "room é") == ["room é"]
        assert self.ask("cast", "room é", {"to": "all €"}, answer="room-msg") == [{"to": "all €"}]

    def big(self):
        [text] = self.ask("big", BIG, answer="big-back")
        assert text == "x" * BIG
        long = "é😀" * 20_000
        assert self.ask("echo", long, answer="echo-back") == [long]

    def burst(self):
        since = self.device.mark()
        self.device.order("emit", event="burst", args=[BURST])
        self.device.wait(lambda fact: fact["on"] == "event" and fact["name"] == "b" and fact["args"] == [BURST - 1], PATIENCE, since, "the last of a burst")
        assert [fact["args"][0] for fact in self.device.events(since) if fact["name"] == "b"] == list(range(BURST))

    def many_acks(self):
        since = self.device.mark()
        self.device.order("emit_ack", event="echo-ack", args=["é"], n=-1, times=ACKS)
        end = time.monotonic() + PATIENCE
        at = since
        for _ in range(ACKS):
            answer = self.device.wait(lambda fact: fact["on"] == "ack" and fact["n"] == -1, end - time.monotonic(), at, f"{ACKS} acks")
            at = self.device.facts.index(answer, at) + 1

    def unhandled(self):
        self.device.order("emit", event='we"ird', args=[])
        assert self.ask("echo", "behind it", answer="echo-back") == ["behind it"]

    def binary(self):
        if self.device.kind not in NO_BINARY:
            assert self.ask("bin", *BINARY, answer="bin-back") == BINARY
            assert self.acked("bin-ack", *BINARY) == BINARY

    def quiet(self):
        since = self.device.mark()
        time.sleep(QUIET_S)
        assert not [fact for fact in self.device.facts[since:] if fact["on"] == "disconnected"], "it was disconnected"
        assert self.ask("echo", "still", answer="echo-back") == ["still"]

    def leave(self):
        since = self.device.mark()
        self.device.order("disconnect")
        reason = self.said("disconnected", since)["reason"]
        assert self.python or reason == "io client disconnect", reason

    def chat_beside(self):
        """Two namespaces on one connection; where the library can leave one, the other lives on."""
        since = self.device.connect(also=["/chat"])
        self.said("connected", since, "/chat")
        assert self.event("hello", since, "/chat")[0]["ns"] == "/chat"
        assert self.ask("echo", "in chat", answer="echo-back", ns="/chat") == ["in chat"]
        assert self.ask("echo", "in root", answer="echo-back") == ["in root"]
        if not self.python:
            self.device.order("disconnect", ns="/chat")
            self.said("disconnected", since, "/chat")
            assert self.ask("echo", "root lives", answer="echo-back") == ["root lives"]
        self.device.order("disconnect")
        self.said("disconnected", since)

    def chat_alone(self):
        since = self.device.connect(ns="/chat")
        self.said("connected", since, "/chat")
        assert self.ask("echo", "é", answer="echo-back", ns="/chat") == ["é"]
        self.device.order("disconnect", ns="/chat") if not self.python else self.device.order("disconnect")

    def unknown(self):
        assert "Invalid namespace" in str(self.error_of("/nope"))

    def refused(self):
        assert "Not authorized" in str(self.error_of("/admin"))

    def error_of(self, ns):
        since = self.device.connect(ns=ns)
        return self.said("connect_error", since, ns)["why"]

    def admitted(self):
        """By the query, and where the protocol has it by the auth object."""
        for credentials in [{"query": "token=good"}] + [{"auth": {"token": "good"}}] * (self.device.revision == 4):
            since = self.device.connect(ns="/admin", **credentials)
            self.said("connected", since, "/admin")
            self.device.order("disconnect", **({} if self.python else {"ns": "/admin"}))

    def kicked(self):
        since = self.device.connect()
        self.device.settled(since, PATIENCE)
        self.device.order("emit", event="kick", args=[])
        reason = self.said("disconnected", since)["reason"]
        assert self.python or reason == "io server disconnect", reason


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """(kind, transport) -> its checks, all of them run at once."""
    began = time.monotonic()
    with Conformance("--probe", *HEARTBEAT) as server, Drivers(tmp_path_factory.mktemp("probe")) as drivers:
        checks = {(kind, transport): Checks(drivers.device(kind, transport, "probe", server.url)) for kind, transport in PAIRS}
        threads = [threading.Thread(target=each.run, name=each.device.name) for each in checks.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"all checks of all clients took {time.monotonic() - began:.1f} s")
    return checks


@pytest.mark.parametrize(("kind", "transport"), PAIRS)
def test_a_client_can_do_all_that_its_library_can(outcomes, kind, transport):
    for check, why in outcomes[kind, transport].failed.items():
        pytest.fail(f"{check}: {why}", pytrace=False)
