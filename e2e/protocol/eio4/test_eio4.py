"""Engine.IO 4: what the public suite checks, and what real clients were seen to depend on."""

import contextlib
import json
import socket

import pytest

from harness.wire import frame

OPEN = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
REFUSED = {
    "transport=unknown": '{"code":0,"message":"Transport unknown"}',
    "": '{"code":0,"message":"Transport unknown"}',
    "transport=polling&sid=unknown": '{"code":1,"message":"Session ID unknown"}',
    "transport=websocket": '{"code":3,"message":"Bad request"}',
}


def check_opening(text, upgrades):
    assert text[0] == "0"
    opening = json.loads(text[1:])
    assert set(opening) == OPEN and len(opening["sid"]) >= 16
    assert (opening["upgrades"], opening["pingInterval"], opening["pingTimeout"], opening["maxPayload"]) == (upgrades, 300, 200, 1_000_000)


def test_polling_opens_with_all_five_keys(eio4):
    session = eio4.poll()
    assert session.opening.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert session.opening.headers["cache-control"] == "no-store"
    check_opening(session.packets[0], ["websocket"])


def test_a_websocket_opens_with_all_five_keys(eio4):
    check_opening(eio4.socket().recv(), [])


@pytest.mark.parametrize("query", REFUSED)
def test_a_bad_handshake_is_told_why(eio4, query):
    reply = eio4.call("GET", query)
    assert (reply.status, reply.text, reply.headers["content-type"]) == (400, REFUSED[query], "application/json")


@pytest.mark.parametrize("eio", ["abc", "2", "5", ""])
def test_another_revision_is_refused(eio4, eio):
    eio4.eio = eio
    reply = eio4.call("GET", "transport=polling")
    assert (reply.status, reply.text) == (400, '{"code":5,"message":"Unsupported protocol version"}')
    assert eio4.upgrade_status("transport=websocket") == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_opens_a_session(eio4, method):
    reply = eio4.call(method, "transport=polling")
    assert (reply.status, reply.text) == (400, '{"code":2,"message":"Bad handshake method"}')


@pytest.mark.parametrize("query", ["transport=unknown", "", "transport=websocket&sid=unknown"])
def test_a_bad_websocket_handshake_is_refused(eio4, query):
    assert eio4.upgrade_status(query) == 400


def test_a_preflight_is_answered(eio4):
    reply = eio4.call("OPTIONS", "transport=polling", headers=("Origin: http://a.example", "Access-Control-Request-Method: POST",
                                                              "Access-Control-Request-Headers: x-one"))
    assert (reply.status, reply.headers["access-control-allow-origin"], reply.headers["access-control-allow-headers"]) == (204, "*", "x-one")


@pytest.mark.parametrize("packets", [["4hello"], ["4one", "4two", "4héllo €😀"], ["4"], ["4" + "x" * 200_000]])
def test_text_comes_back_by_polling(eio4, packets):
    session = eio4.poll()
    reply = session.post(*packets)
    assert (reply.status, reply.text) == (200, "ok")
    assert session.get_until(packets[-1]) == packets


@pytest.mark.parametrize("binary", ["bAQIDBA==", "b", "bAQID\nBA==\n", "bAQIDBA"])
def test_binary_comes_back_by_polling(eio4, binary):
    session = eio4.poll()
    session.post("4hello", binary, "4behind")
    assert session.get_until("4behind") == ["4hello", b"\1\2\3\4" if len(binary) > 1 else b"", "4behind"]


@pytest.mark.parametrize("body", ["abc", "", "7", "4x\x1e", "2", "0", "5", "b*"])
def test_what_is_no_payload_ends_a_polling_session(eio4, body):
    session = eio4.poll()
    waiting = session.begin_get()
    assert session.post_raw(body.encode()).status == 400
    assert session.read(waiting.reply()) == ["1"]
    assert session.is_gone()


def test_octets_end_a_polling_session(eio4):
    session = eio4.poll()
    assert session.post_raw(b"4hello", "application/octet-stream").status == 400
    assert session.is_gone()


def test_a_body_beyond_the_limit_is_refused_and_the_session_stays(eio4):
    session = eio4.poll()
    assert session.post_raw(b"4" + b"x" * 1_000_000).status == 413
    assert session.post("4still here").status == 200
    assert session.get() == ["4still here"]


def test_another_method_is_refused_and_the_session_stays(eio4):
    session = eio4.poll()
    assert eio4.call("PUT", session.query).status == 400
    assert session.post("4still here").status == 200


def test_two_polls_at_once_end_the_session(eio4):
    session = eio4.poll()
    first = session.begin_get()
    assert first.is_open()
    assert eio4.call("GET", session.query).status == 400
    assert session.read(first.reply()) == ["1"]
    assert session.is_gone()


def test_a_second_post_while_one_runs_ends_the_session(eio4):
    session = eio4.poll()
    waiting = session.begin_get()
    with contextlib.closing(session.begin_post(b"4he", 6)):
        assert session.post("4second").status == 400
        assert session.read(waiting.reply()) == ["1"]
    assert session.is_gone()


def test_a_post_whose_connection_dies_leaves_the_session_to_the_next(eio4):
    session = eio4.poll()
    dying = session.begin_post(b"4he", 6)
    dying.socket.shutdown(socket.SHUT_WR)
    assert dying.head() is None, "the server has seen the end"
    assert session.post("4next").text == "ok"
    assert session.get() == ["4next"]


def test_a_poll_that_takes_too_long_gets_the_heartbeat(eio4):
    session = eio4.poll()
    for _ in range(3):
        assert session.get() == ["2"]
        assert session.post("3").status == 200


def test_a_session_without_pong_is_gone(eio4):
    session = eio4.poll()
    assert session.get() == ["2"]
    waiting = session.begin_get()
    waiting.reply()
    assert session.is_gone()


def test_a_client_that_closes_gets_its_poll_answered(eio4):
    session = eio4.poll()
    waiting = session.begin_get()
    assert session.post("1").text == "ok"
    assert session.read(waiting.reply()) == ["6"]
    assert session.is_gone()


@pytest.mark.parametrize("message", ["4hello", "4héllo €😀", "4", b"\1\2\3\4", b"", "4" + "x" * 200_000])
def test_a_message_comes_back_on_a_websocket(eio4, message):
    ws = eio4.socket()
    ws.recv()
    ws.send(message)
    assert ws.recv() == message


@pytest.mark.parametrize("message", ["abc", "", "2", "0", "7", "bAQ=="])
def test_what_is_no_packet_ends_a_websocket(eio4, message):
    ws = eio4.socket()
    ws.recv()
    ws.send(message)
    assert ws.is_closed()


def test_a_message_in_fragments_is_whole(eio4):
    ws = eio4.socket()
    ws.recv()
    ws.stream.send(frame(1, b"4he", final=False) + frame(9, b"between") + frame(0, "ll\u00f6".encode(), final=True))
    assert ws.recv() == "4hell\u00f6"
    assert ws.controls == [(10, b"between")]


def test_a_message_beyond_the_limit_closes_with_1009(eio4):
    ws = eio4.socket()
    ws.recv()
    ws.send("4" + "x" * 1_000_001)
    assert ws.is_closed()
    assert ws.controls == [(8, (1009).to_bytes(2, "big"))]


def test_the_first_ping_is_not_sent_at_once_and_pongs_keep_it_open(eio4):
    ws = eio4.socket()
    ws.recv()
    assert ws.is_silent(0.2)
    for _ in range(3):
        assert ws.recv() == "2"
        ws.send("3")


def test_a_late_or_doubled_pong_is_harmless(eio4):
    ws = eio4.socket()
    ws.recv()
    ws.send("3")
    ws.send("3")
    assert ws.recv() == "2"
    ws.send("3")
    ws.send("3")
    ws.send("4still")
    assert ws.recv() == "4still"


def test_a_websocket_without_pong_is_closed(eio4):
    ws = eio4.socket()
    ws.recv()
    assert ws.recv() == "2"
    assert ws.is_closed()


@pytest.mark.parametrize("goodbye", ["1", None])
def test_a_client_can_close_its_websocket(eio4, goodbye):
    ws = eio4.socket()
    ws.recv()
    ws.send(goodbye) if goodbye else ws.send(b"\x03\xe8", opcode=8)
    assert ws.is_closed()


def test_an_upgrade_ends_the_open_poll_and_moves_the_traffic(eio4):
    session = eio4.poll()
    waiting = session.begin_get()
    ws = session.upgrade()
    assert session.read(waiting.reply()) == ["6"]
    ws.send("4hello")
    assert ws.recv() == "4hello"
    ws.send(b"\1\2")
    assert ws.recv() == b"\1\2"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_after_an_upgrade_polling_is_refused_and_the_socket_lives(eio4, method):
    session = eio4.poll()
    ws = session.upgrade()
    reply = eio4.call(method, session.query, b"4x")
    assert (reply.status, reply.text) == (400, '{"code":3,"message":"Bad request"}')
    ws.send("4still")
    assert ws.recv() == "4still"


def test_a_post_that_is_still_coming_at_the_upgrade_is_refused_and_the_socket_lives(eio4):
    """A client ends its POSTs before it says `5`; what it was not told to have arrived, it knows to be lost."""
    session = eio4.poll()
    ws = session.socket()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    with contextlib.closing(session.begin_post(b"4lo", 5)) as late:
        ws.send("5")
        ws.send("4first")
        assert ws.recv() == "4first"
        late.send(b"st")
        assert late.head()[0] == 400
    ws.send("4second")
    assert ws.recv() == "4second"


def test_a_second_websocket_is_refused_while_and_after_the_first_upgrades(eio4):
    session = eio4.poll()
    first = session.socket()
    assert eio4.upgrade_status(f"transport=websocket&sid={session.sid}") == 400
    first.send("2probe")
    assert first.recv() == "3probe"
    assert eio4.upgrade_status(f"transport=websocket&sid={session.sid}") == 400
    first.send("5")
    assert eio4.upgrade_status(f"transport=websocket&sid={session.sid}") == 400
    first.send("4alive")
    assert first.recv() == "4alive"


@pytest.mark.parametrize("first", ["4hello", "5", "3probe", "2", "abc", b"\1"])
def test_a_probe_that_begins_otherwise_is_closed_and_the_session_stays(eio4, first):
    session = eio4.poll()
    ws = session.socket()
    ws.send(first)
    assert ws.is_closed()
    session.post("4still")
    assert session.get() == ["4still"]


def test_a_probe_that_dies_leaves_the_session_on_polling_and_free_to_try_again(eio4):
    session = eio4.poll()
    for half in (False, True):
        ws = session.socket()
        if half:
            ws.send("2probe")
            assert ws.recv() == "3probe"
        ws.close()
        session.post("4still")
        assert "4still" in session.get_until("4still")
    session.upgrade().send("4upgraded")


def test_polls_while_probed_are_answered_at_once(eio4):
    """JavaScript asks once more between the probe and the pause."""
    session = eio4.poll()
    ws = session.socket()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    for _ in range(3):
        assert session.get() == ["6"]
    session.post("4by polling")
    assert session.get() == ["4by polling"]
    ws.send("5")
    ws.send("4on the socket")
    assert ws.recv() == "4on the socket"


def test_what_is_queued_before_the_upgrade_comes_first_and_once(eio4):
    session = eio4.poll()
    ws = session.socket()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    session.post("4one")
    session.post("4two")
    ws.send("5")
    ws.send("4three")
    assert ws.recv_all(3) == ["4one", "4two", "4three"]


def test_at_most_sixteen_packets_come_in_one_answer(eio4):
    """python-engineio disconnects above it; a client that stamps its polls may be that one."""
    session = eio4.poll("t=a")
    session.post(*(f"4{number}" for number in range(40)))
    found = []
    for number in range(3):
        answer = session.get(f"&t=b{number}")
        assert len(answer) <= 16
        found += answer
    assert found == [f"4{number}" for number in range(40)]
