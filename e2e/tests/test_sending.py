"""What `POST /v1/messages` adds, as real clients meet it: events and arguments of their own, and the call that returns when a phone has it."""

import concurrent.futures

import pytest

ACCENTS = "é € 😀"
CLIENTS = (("java-0.8.3", "polling", "poll"), ("java-0.8.3", "websocket", "peer"), ("js-4.8.4", "polling", "poll"), ("js-4.8.4", "websocket", "engine"))


def send(backend, to, headers=None, **message):
    return backend.call("POST", "/v1/messages", {"to": to, **message}, headers, timeout=40)


def is_news(*args):
    return lambda fact: fact["on"] == "event" and (fact["name"], fact["args"]) == ("news", list(args))


@pytest.mark.parametrize(("kind", "transport", "grade"), CLIENTS)
def test_an_existing_handler_is_called_with_the_arguments_it_expects_and_the_call_returns_when_it_was(backend, device, kind, transport, grade):
    phone = device(kind, transport)
    phone.order("listen", event="news")
    since = phone.connect()
    phone.settled(since)
    phone.register()
    reached = send(backend, {"uid": "42"}, {"Prefer": "wait=20"}, args=[ACCENTS, {"n": 1.5}, None], event_name="news")
    assert (reached.status, reached.headers["preference-applied"]) == (200, "wait=20"), reached
    assert (reached.json["state"], reached.json["proof"], reached.json["device_id"]) == ("reached", grade, None)
    assert 0 <= reached.json["after_ms"] < 20_000
    phone.wait(is_news(ACCENTS, {"n": 1.5}, None), 5, since, "the event with its arguments")
    assert send(backend, {"all": True}, data=ACCENTS, event_name="news").status == 202
    phone.wait(is_news({"data": ACCENTS}), 10, since, "the broadcast under its own name")


def test_a_phone_that_was_away_gets_the_newest_and_its_return_ends_the_wait(backend, device):
    phone = device("js-4.8.4", "websocket")
    phone.order("listen", event="news")
    since = phone.connect()
    phone.settled(since)
    phone.register()
    phone.order("disconnect")
    phone.wait_on("disconnected", 20, since)
    for number in range(3):
        assert send(backend, {"uid": "42"}, data=number, event_name="news", collapse_key="score").status == 202
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, backend, {"uid": "42"}, {"Prefer": "wait=30", "Idempotency-Key": "once"}, data="last", event_name="news")
        back = phone.connect(register_on_connect="42")
        reached = waiting.result(40)
    assert (reached.status, reached.json["proof"]) == (200, "engine"), reached
    phone.wait(is_news({"data": "last"}), 5, back, "the message that was waited for")
    assert phone.received(back) == [("news", 2), ("news", "last")]
    # A caller that lost the answer asks again, and is told the same.
    again = send(backend, {"uid": "42"}, {"Prefer": "wait=30", "Idempotency-Key": "once"}, data="last", event_name="news")
    assert (again.status, again.body, again.headers["idempotency-replay"]) == (200, reached.body, "true")
