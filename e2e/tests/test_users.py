"""What a backend may do to a user, as his real clients notice it: a bare end, after which they come back, and an erasure."""

import pytest

CLIENTS = (("java-0.8.3", "polling"), ("java-2.1.2", "websocket"), ("js-4.8.4", "upgrade"), ("python-5.18.1", "websocket"))


@pytest.mark.parametrize(("kind", "transport"), CLIENTS)
def test_a_disconnected_client_comes_back_by_itself_and_has_missed_nothing(server, device, kind, transport):
    phone = device(kind, transport)
    since = phone.connect(register_on_connect="42", reconnect=True)
    token = phone.registered(since)
    phone.settled(since)
    before = phone.mark()
    assert server.backend.call("POST", "/v1/users/42:disconnect").json == {"closed": 1}
    server.backend.send("while it was away", uid="42")
    phone.wait_on("disconnected", 10, before)
    assert phone.registered(before) == token
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "while it was away"}], 20, before, "what it missed")


@pytest.mark.parametrize(("kind", "transport"), CLIENTS)
def test_an_erased_users_client_is_ended_and_starts_afresh(server, device, kind, transport):
    phone = device(kind, transport)
    since = phone.connect(register_on_connect="42")
    token = phone.registered(since)
    phone.settled(since)
    before = phone.mark()
    assert server.backend.call("DELETE", "/v1/users/42").status == 202
    phone.wait_on("disconnected", 10, before)
    assert server.backend.call("GET", f"/v1/devices/{token}").status == 410
    assert [event for event in server.backend.events() if event["data"]["uid"] == "42"] == []
    since = phone.connect(register_on_connect="42")
    assert phone.registered(since) != token
