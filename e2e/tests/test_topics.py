"""Topics, as real clients of every generation meet them: live, from the mailbox, over a SIGKILL, and not at all for who is not in it."""

import subprocess
import time

import pytest

from harness.product import binary, environment

CLIENTS = (("java-0.8.3", "websocket"), ("js-4.8.4", "upgrade"), ("python-5.18.1", "websocket"))
TOPIC, PATH = "news/é 😀", "/v1/topics/news%2F%C3%A9%20%F0%9F%98%80"


class Town:
    """Phones that are users, and one user beside them who is in no topic."""

    def __init__(self, server, device):
        self.backend = server.backend
        self.phones = [device(kind, transport, f"u{number}") for number, (kind, transport) in enumerate(CLIENTS)]
        self.outsider = device("js-4.8.4", "websocket", "outsider")
        self.all = [*self.phones, self.outsider]

    def arrive(self, **how):
        marks = {phone: phone.connect(register_on_connect=phone.uid, **how) for phone in self.all}
        for phone, since in marks.items():
            phone.settled(since)
            phone.registered(since)
        return marks

    def leave(self):
        for phone in self.all:
            self.proven(phone.uid)
            since = phone.mark()
            phone.order("disconnect")
            phone.wait_on("disconnected", 20, since)

    def change(self, method, **who):
        answer = self.backend.call(method, f"{PATH}/subscribers", who)
        assert answer.status == 200, answer
        return [result["devices"] for result in answer.json["results"]]

    def tell(self, data):
        answer = self.backend.call("POST", "/v1/messages", {"to": {"topic": TOPIC}, "data": data})
        assert answer.status == 202, answer
        return answer.json["targets"]["devices"]

    def proven(self, uid, patience=20):
        """Nothing waits for the user any more: what he got is known to have arrived."""
        end = time.monotonic() + patience
        while any(device["mailbox"]["messages"] for device in self.backend.call("GET", f"/v1/users/{uid}").json["devices"]):
            assert time.monotonic() < end, f"mail waits for {uid}"
            time.sleep(0.1)

    def heard(self, phone, since, *texts):
        """The phone got these, each under its token, and nothing else, before a broadcast that goes to all."""
        phone.wait(lambda fact: fact["on"] == "event" and fact["name"] == "app broadcast", 20, since, "the broadcast")
        assert phone.received(since)[:-1] == [(phone.token, text) for text in texts], phone.name


@pytest.fixture
def town(server, device):
    return Town(server, device)


def test_who_is_in_a_topic_gets_its_messages_and_nobody_else_does(server, town):
    marks = town.arrive(reconnect=True)
    assert town.tell("nobody is in it") == 0
    first, second, third = town.phones
    assert town.change("PUT", uids=[first.uid, second.uid]) == [1, 1]
    assert town.change("PUT", tokens=[third.token]) == [1]
    assert town.tell("live") == 3
    town.backend.send("to all")
    for phone in town.phones:
        town.heard(phone, marks[phone], "live")
    town.heard(town.outsider, marks[town.outsider])
    for phone in town.all:
        town.proven(phone.uid)
    # They find back by themselves, and are in it still.
    marks = {phone: phone.mark() for phone in town.all}
    server.restart()
    for phone, since in marks.items():
        phone.registered(since, 40)
    assert town.backend.call("GET", PATH).json == {"topic": TOPIC, "devices": 3}
    assert town.change("DELETE", uids=[second.uid]) == [1]
    assert town.tell("behind the kill") == 2
    town.backend.send("to all again")
    for phone in (first, third):
        town.heard(phone, marks[phone], "behind the kill")
    for phone in (second, town.outsider):
        town.heard(phone, marks[phone])


def test_who_was_away_gets_what_was_sent_while_he_was_in_it(server, town):
    town.arrive()
    first, second, third = town.phones
    assert town.change("PUT", uids=[phone.uid for phone in town.phones]) == [1, 1, 1]
    town.leave()
    assert town.tell("one") == 3
    assert town.change("DELETE", uids=[second.uid]) == [1]
    server.restart()
    assert town.tell("two") == 2
    assert town.change("PUT", tokens=[second.token]) == [1]
    assert town.tell("three") == 3
    town.backend.send("to all")
    marks = town.arrive()
    town.heard(first, marks[first], "one", "two", "three")
    town.heard(second, marks[second], "one", "three")
    town.heard(third, marks[third], "one", "two", "three")
    town.heard(town.outsider, marks[town.outsider])


def test_what_a_user_registers_later_is_in_his_topics_and_what_is_beside_a_token_is_not(server, device, town):
    marks = town.arrive()
    first, second, _ = town.phones
    assert town.change("PUT", uids=[first.uid]) == [1]
    assert town.change("PUT", tokens=[second.token]) == [1]
    tablets = [device("js-4.8.4", "websocket", f"{phone.uid}") for phone in (first, second)]
    for tablet in tablets:
        marks[tablet] = tablet.connect(query="device=tablet", register_on_connect=tablet.uid)
        tablet.registered(marks[tablet])
    assert town.backend.call("GET", f"/v1/devices/{tablets[0].token}").json["topics"] == [TOPIC]
    assert town.backend.call("GET", f"/v1/devices/{tablets[1].token}").json["topics"] == []
    sent = subprocess.run([binary(), "send", "--url", server.backend_url, "--topic", TOPIC, '"from a terminal"'],
                          capture_output=True, text=True, timeout=20, env=environment())
    assert sent.stdout.endswith("  3 devices, 3 online\n"), sent
    town.backend.send("to all")
    for phone in (first, second, tablets[0]):
        town.heard(phone, marks[phone], "from a terminal")
    for phone in (tablets[1], town.outsider):
        town.heard(phone, marks[phone])
