"""What becomes of direct messages, as the business server is told it: each ends once, on each device, also across a kill."""

import time

import pytest

from conftest import running
from harness.driver import Drivers

KIND = ("js-4.8.4", "websocket")


@pytest.fixture
def drivers(tmp_path):
    with Drivers(tmp_path) as made:
        yield made


def publish(server, uid, data, **more):
    answer = server.backend.call("POST", "/v1/messages", {"to": {"uid": uid}, "data": data, **more})
    assert answer.status == 202, answer
    return answer.json["id"]


def recall(server, message):
    answer = server.backend.call("DELETE", f"/v1/messages/{message}")
    assert (answer.status, answer.json) == (202, {"id": message, "state": "recalled"})


def told(server, wanted, patience):
    """What was told of messages by id, once it is what was wanted; a moment later it still is."""
    follower = server.backend.follow("message.reported")

    def states(seen):
        by_id = {}
        for event in seen:
            by_id.setdefault(event["data"]["message_id"], []).append(event["data"]["state"])
        return by_id
    follower.until(lambda seen: all(message in states(seen) for message in wanted), patience, time.monotonic)
    follower.read(wait_s=1)
    assert states(follower.seen) == {message: [state] for message, state in wanted.items()}
    return follower.seen


def until(server, uid, online):
    end = time.monotonic() + 10
    while server.backend.call("GET", f"/v1/users/{uid}").json.get("online") is not online:
        assert time.monotonic() < end, f"{uid} did not become {'online' if online else 'offline'}"
        time.sleep(0.02)


def join(drivers, server, uid, query=None):
    device = drivers.device(*KIND, uid, server.devices_url)
    if query:
        since = device.connect(query=f"uid={uid}&{query}")
        device.settled(since)
        # Registered silently: only the server can say that it is.
        until(server, uid, online=True)
        return device
    device.settled(device.connect())
    device.register()
    return device


def leave(server, device, uid):
    since = device.mark()
    device.order("disconnect")
    device.wait_on("disconnected", since=since)
    # The server has noticed, so that nothing is written to the old socket.
    until(server, uid, online=False)


def test_every_message_to_a_phone_that_is_away_is_told_to_have_arrived_or_why_not(server, drivers):
    phone = join(drivers, server, "42")
    arrived = publish(server, "42", "hello", meta="order 7")
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "hello"}])
    told(server, {arrived: "reached"}, 10)
    leave(server, phone, "42")
    now_or_never, short = publish(server, "42", "x", ttl=0), publish(server, "42", "x", ttl=1)
    older, newer = (publish(server, "42", data, collapse_key="k", meta="m") for data in ("older", "newer"))
    mistake = publish(server, "42", "mistake")
    recall(server, mistake)
    recall(server, mistake)
    at_once = {arrived: "reached", older: "superseded", mistake: "recalled"}
    seen = told(server, at_once, 5)
    end = next(event["data"] for event in seen if event["data"]["message_id"] == older)
    assert (end["uid"], end["token"], end["device_id"], end["reason"], end["meta"]) == ("42", phone.token, None, "superseded", "m")
    assert (end["proof"], end["status"], end["inferred"]) == (None, None, False)

    server.restart()
    since = phone.connect(register_on_connect="42")
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "newer"}], 20, since)
    told(server, {**at_once, newer: "reached", now_or_never: "expired", short: "expired"}, 20)
    assert [data for _, data in phone.received(since)] == ["newer"]
    assert server.backend.call("DELETE", f"/v1/messages/{short}").status == 202
    for nothing in ("01900000-0000-7000-8000-000000000000", "nothing"):
        refused = server.backend.call("DELETE", f"/v1/messages/{nothing}")
        assert (refused.status, refused.json["error"]["code"], refused.json["error"]["field"]) == (404, "not_found", "id")


def test_what_a_mailbox_or_a_user_has_no_room_for_is_told(tmp_path, drivers):
    with running(tmp_path, TIDINGS_LIMITS__MAILBOX_MESSAGES="3", TIDINGS_LIMITS__DEVICES_PER_UID="1") as server:
        old = join(drivers, server, "7", "device=old")
        leave(server, old, "7")
        cut, kept = ([publish(server, "7", n, event_name="note") for n in some] for some in (range(2), range(2, 5)))
        since = old.connect(query="uid=7&device=old")
        old.order("listen", event="note")
        old.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": 4}], 20, since)
        fates = {**dict.fromkeys(cut, "overflow"), **dict.fromkeys(kept, "reached")}
        seen = told(server, fates, 10)
        assert {event["data"]["device_id"] for event in seen} == {"old"}
        leave(server, old, "7")
        fates[publish(server, "7", "for the old one")] = "unregistered"
        join(drivers, server, "7", "device=new")
        told(server, fates, 10)


def test_an_erased_users_messages_end_untold(server, drivers):
    phone = join(drivers, server, "9")
    leave(server, phone, "9")
    publish(server, "9", "secret")
    other = join(drivers, server, "10")
    leave(server, other, "10")
    assert server.backend.call("DELETE", "/v1/users/9").status == 202
    short = publish(server, "10", "x", collapse_key="k")
    publish(server, "10", "y", collapse_key="k")
    told(server, {short: "superseded"}, 10)


@pytest.mark.parametrize("to", ["uid", "all"])
def test_a_message_that_was_taken_back_before_it_was_written_never_arrives(server, drivers, to):
    """A socket gets nothing until the app listens, a second after it registered."""
    phone = drivers.device(*KIND, "42", server.devices_url)
    phone.settled(phone.connect())
    phone.register()
    since = phone.mark()
    target = {"uid": "42"} if to == "uid" else {"all": True}
    answer = server.backend.call("POST", "/v1/messages", {"to": target, "data": "mistake"})
    recall(server, answer.json["id"])
    server.backend.call("POST", "/v1/messages", {"to": target, "data": "after"})
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "after"}], 20, since)
    assert [data for _, data in phone.received(since)] == ["after"]
