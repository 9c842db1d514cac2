"""The 2017 app, unchanged: it registers once, listens late, and reconnects without registering again."""

import time

import pytest

from harness.driver import java

DELAYS_MS = (0, 16, 300)


@pytest.fixture
def app(server, program):
    def start(uid, delay_ms, query=""):
        url = f"{server.devices_url}/{query}"
        return program(f"tutorial-{delay_ms}", java("0.8.3", "TutorialApp", url, uid, str(delay_ms)))
    return start


def received(app, since=0):
    return [(fact["name"], fact["args"][0]["data"]) for fact in app.events(since)]


def has(data):
    return lambda fact: fact["on"] == "event" and fact["args"][0]["data"] == data


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_a_message_sent_right_behind_the_registration_waits_for_a_late_listener(server, backend, app, delay_ms):
    phone = app("2017", delay_ms)
    token = phone.wait_on("registered", 20)["token"]
    backend.send("first é", uid="2017")
    backend.send("all €")
    backend.send("second 😀", token=token)
    phone.wait(has("second 😀"), 15, what="the second direct message")
    assert received(phone) == [(token, "first é"), ("app broadcast", "all €"), (token, "second 😀")]


def lose_the_server(server, backend, phone, token):
    """What is sent while the app is away, and the mark from which it is back."""
    backend.send("before", uid="2017")
    phone.wait(has("before"), 15, what="the first message")
    proven = backend.follow("message.reported")
    assert proven.until(lambda seen: any(event["data"]["state"] == "reached" for event in seen), 15, time.monotonic)
    since = phone.mark()
    server.kill()
    phone.wait_on("disconnected", 20, since)
    server.start()
    backend.send("missed direct é", uid="2017")
    backend.send("missed broadcast €")
    phone.wait_on("connected", 30, since)
    return since


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_with_its_uid_in_the_url_the_app_gets_all_it_missed(server, backend, app, delay_ms):
    phone = app("2017", delay_ms, "?uid=2017")
    token = phone.wait_on("registered", 20)["token"]
    since = lose_the_server(server, backend, phone, token)
    backend.send("live again 😀", uid="2017")
    phone.wait(has("live again 😀"), 30, since, "a live message after the return")
    assert received(phone, since) == [(token, "missed direct é"), ("app broadcast", "missed broadcast €"), (token, "live again 😀")]


def test_without_it_the_app_gets_broadcasts_only_until_it_registers(server, backend, app):
    phone = app("2017", 0)
    token = phone.wait_on("registered", 20)["token"]
    since = lose_the_server(server, backend, phone, token)
    backend.send("live direct", uid="2017")
    backend.send("live broadcast")
    phone.wait(has("live broadcast"), 20, since, "a broadcast after the return")
    assert received(phone, since) == [("app broadcast", "live broadcast")]

    again = phone.mark()
    phone.order("register")
    phone.wait(has("live direct"), 20, again, "what it missed, after it registered")
    assert received(phone, again) == [(token, "missed direct é"), ("app broadcast", "missed broadcast €"), (token, "live direct")]
