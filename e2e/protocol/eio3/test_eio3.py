"""Engine.IO 3: what the public suite checks, and the three dialects of its polling (each by the client that speaks it)."""

import json

import pytest

OPEN = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
# What makes an answer octets: a stamped handshake without `b64` (JavaScript in a browser, python-socketio).
STAMPED, BASE64, PLAIN = "t=1", "b64=1", ""
DIALECTS = (STAMPED, BASE64, PLAIN)


def double(packets):
    """JavaScript 1.x: each packet is encoded to bytes, these count as characters, and HTTP encodes them once more."""
    bytewise = [packet.encode().decode("latin-1") for packet in packets]
    return "".join(f"{len(packet)}:{packet}" for packet in bytewise).encode()


def octets(packets):
    """Java 0.8.3, python-socketio 4: lengths in bytes, a digit a byte; text is 00, a binary message 01 and 04."""
    def one(packet):
        kind, body = (b"\0", packet.encode()) if isinstance(packet, str) else (b"\1", b"\4" + packet)
        return kind + bytes(int(digit) for digit in str(len(body))) + b"\xff" + body
    return b"".join(map(one, packets))


@pytest.mark.parametrize("extra", DIALECTS)
def test_polling_opens_with_all_five_keys(eio3, extra):
    session = eio3.poll(extra)
    opening = json.loads(session.packets[0][1:])
    assert set(opening) == OPEN and opening["upgrades"] == ["websocket"]
    wanted = "application/octet-stream" if extra == STAMPED else "text/plain; charset=utf-8"
    assert session.opening.headers["content-type"].lower() == wanted


def test_a_websocket_opens_without_upgrades(eio3):
    assert json.loads(eio3.socket().recv()[1:])["upgrades"] == []


@pytest.mark.parametrize("query", ["transport=unknown", "", "transport=polling&sid=unknown", "transport=websocket"])
def test_a_bad_handshake_is_refused(eio3, query):
    assert eio3.call("GET", query).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_only_get_opens_a_session(eio3, method):
    assert eio3.call(method, "transport=polling").status == 400


@pytest.mark.parametrize("extra", DIALECTS)
@pytest.mark.parametrize("packets", [["4hello"], ["4one", "4two"], ["4", "4" + "x" * 109]])
def test_text_comes_back_by_polling(eio3, extra, packets):
    session = eio3.poll(extra)
    reply = session.post(*packets)
    assert (reply.status, reply.text) == (200, "ok")
    assert session.get_until(packets[-1]) == packets


@pytest.mark.parametrize("spelled", [double, octets])
def test_each_dialect_of_non_ascii_is_understood(eio3, spelled):
    packets = ["4héllo €😀", "4plain", "4é"]
    session = eio3.poll(STAMPED)
    content_type = "application/octet-stream" if spelled is octets else "text/plain;charset=UTF-8"
    assert session.post_raw(spelled(packets), content_type).status == 200
    assert session.get_until("4é") == packets


def test_raw_non_ascii_counts_utf16_units(eio3):
    session = eio3.poll(STAMPED)
    assert session.post_raw("5:4€😀x2:4é".encode()).status == 200
    assert session.get_until("4é") == ["4€😀x", "4é"]


def test_once_raw_always_raw(eio3):
    """Characters beyond U+00FF show the dialect; from then on what could be the double one is taken as it stands."""
    session = eio3.poll(STAMPED)
    session.post_raw("2:4€".encode())
    session.post_raw("3:4Ã©".encode())
    assert session.get_until("4Ã©") == ["4€", "4Ã©"]


@pytest.mark.parametrize("extra", DIALECTS)
def test_binary_comes_back_by_polling(eio3, extra):
    session = eio3.poll(extra)
    assert session.post_raw(octets(["4before", b"\1\2\3\4", b""]), "application/octet-stream").status == 200
    found = []
    while len(found) < 3:
        found += session.get()
    assert found == ["4before", b"\1\2\3\4", b""]


def test_base64_is_read_and_answered_in_text(eio3):
    session = eio3.poll(BASE64)
    session.post_raw(b"10:b4AQIDBA==")
    reply = session.begin_get().reply()
    assert reply.body == b"10:b4AQIDBA=="


@pytest.mark.parametrize("body", [b"", b"abc", b"5:4x", b"12345678901:4", b"1:x", b"-1:4", b"2:3x", b"6:4hello6"])
def test_what_is_no_payload_ends_a_polling_session(eio3, body):
    session = eio3.poll()
    waiting = session.hold()
    assert session.post_raw(body).status == 400
    assert session.read(waiting.reply()) == ["1"]
    assert session.is_gone()


@pytest.mark.parametrize("body", [b"\0\1\xff", b"\0\xff", b"\2\1\xff4", b"\0\x0a\xff4", b"\0" + b"\1" * 11 + b"\xff4", b"\1\1\xff4"])
def test_what_is_no_binary_payload_ends_a_polling_session(eio3, body):
    session = eio3.poll()
    assert session.post_raw(body, "application/octet-stream").status == 400
    assert session.is_gone()


def test_two_polls_at_once_end_the_session(eio3):
    session = eio3.poll()
    first = session.hold()
    assert eio3.call("GET", session.query).status == 400
    assert session.read(first.reply()) == ["1"]
    assert session.is_gone()


@pytest.mark.parametrize(("body", "content_type"), [(b"1:2", "text/plain"), (b"\0\1\xff2", "application/octet-stream")])
def test_a_ping_is_answered_by_the_poll(eio3, body, content_type):
    session = eio3.poll()
    for _ in range(3):
        assert session.post_raw(body, content_type).text == "ok"
        assert session.get() == ["3"]


def test_a_silent_session_is_gone(quick3):
    session = quick3.poll()
    assert session.read(session.begin_get().reply()) in (["1"], ["6"])
    assert session.is_gone()


@pytest.mark.parametrize(("body", "content_type"), [(b"1:1", "text/plain"), (b"\0\1\xff1", "application/octet-stream")])
def test_a_client_that_closes_gets_its_poll_answered(eio3, body, content_type):
    session = eio3.poll()
    waiting = session.hold()
    assert session.post_raw(body, content_type).text == "ok"
    assert session.read(waiting.reply()) == ["6"]
    assert session.is_gone()


def test_the_noop_of_a_stamped_session_is_octets(eio3):
    session = eio3.poll(STAMPED)
    waiting = session.hold()
    session.post("1")
    assert waiting.reply().body == b"\0\1\xff6"


@pytest.mark.parametrize("message", ["4hello", "4héllo €😀", "4", b"\4\1\2\3", b"\4"])
def test_a_message_comes_back_on_a_websocket(eio3, message):
    ws = eio3.socket()
    ws.recv()
    ws.send(message)
    assert ws.recv() == message


def test_base64_on_a_websocket_stays_text(eio3):
    ws = eio3.socket("transport=websocket&b64=1")
    ws.recv()
    ws.send("b4AQIDBA==")
    assert ws.recv() == "b4AQIDBA=="


@pytest.mark.parametrize("message", ["abc", "", "3", "0", "7", "b2AQ==", b"\1\2", b""])
def test_what_is_no_packet_ends_a_websocket(eio3, message):
    ws = eio3.socket()
    ws.recv()
    ws.send(message)
    assert ws.is_closed()


def test_pings_keep_a_websocket_open_and_are_answered(quick3):
    ws = quick3.socket()
    ws.recv()
    for _ in range(4):
        assert ws.is_silent(0.2)
        ws.send("2")
        assert ws.recv() == "3"


def test_any_packet_keeps_it_open(quick3):
    ws = quick3.socket()
    ws.recv()
    for _ in range(4):
        assert ws.is_silent(0.2)
        ws.send("4x")
        assert ws.recv() == "4x"


def test_a_silent_websocket_is_closed(quick3):
    ws = quick3.socket()
    ws.recv()
    assert ws.is_closed()


def test_a_websocket_closed_by_the_client_is_closed_at_once(eio3):
    ws = eio3.socket()
    ws.recv()
    ws.send("1")
    assert ws.is_closed()


@pytest.mark.parametrize("extra", DIALECTS)
def test_an_upgrade_ends_the_open_poll_and_moves_the_traffic(eio3, extra):
    session = eio3.poll(extra)
    waiting = session.hold()
    ws = session.upgrade()
    assert session.read(waiting.reply()) == ["6"]
    ws.send("4hello é")
    assert ws.recv() == "4hello é"
    assert eio3.call("GET", session.query).status == 400
    assert eio3.upgrade_status(f"transport=websocket&sid={session.sid}") == 400
    ws.send("4still")
    assert ws.recv() == "4still"


def test_a_message_between_probe_and_upgrade_comes_once(eio3):
    session = eio3.poll()
    ws = session.socket()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    session.post("4one")
    ws.send("5")
    ws.send("4two")
    assert ws.recv_all(2) == ["4one", "4two"]



@pytest.mark.parametrize(("index", "shown"), [("0", "0"), ("12;alert(1)", "121"), ("7", "7")])
def test_jsonp_is_a_script_with_an_index_of_digits(eio3, index, shown):
    reply = eio3.call("GET", f"transport=polling&j={index}")
    assert reply.status == 200
    assert reply.text.startswith(f'___eio[{shown}]("') and reply.text.endswith('");')
    assert reply.headers["content-type"].lower().startswith("text/javascript")


def test_jsonp_both_ways(eio3):
    opening = eio3.call("GET", "transport=polling&j=0").text
    sid = opening.split('\\"sid\\":\\"')[1].split('\\"')[0]
    query = f"transport=polling&j=0&sid={sid}"
    # `\\n` in the form is the two characters, `\n` a newline.
    body = b"d=" + b"7%3A4a%5Cnb%5C%5Cnc"
    reply = eio3.call("POST", query, body, ("Content-Type: application/x-www-form-urlencoded",))
    assert (reply.status, reply.text) == (200, "ok")
    assert eio3.call("GET", query).text == '___eio[0]("7:4a\\nb\\\\nc");'
    eio3.call("POST", query, "d=4:4\u2028é€".encode(), ("Content-Type: application/x-www-form-urlencoded",))
    assert "\\u2028" in eio3.call("GET", query).text
