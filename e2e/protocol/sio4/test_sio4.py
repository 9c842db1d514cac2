"""Socket.IO 4 (over Engine.IO 3): `/` is joined unasked, refusals are strings, text framing is ASCII."""

import json

import pytest


@pytest.fixture
def ws(sio4):
    """A WebSocket past its greeting."""
    socket = sio4.socket()
    assert socket.recv()[0] == "0"
    assert socket.recv_all(2) == ["40", '42["auth",{}]']
    return socket


@pytest.mark.parametrize("extra", ["", "t=1", "b64=1"])
def test_the_root_is_joined_unasked_and_first(sio4, extra):
    session = sio4.poll(extra)
    packets = session.packets[1:] + session.get_until('42["auth",{}]')
    assert packets == ["40", '42["auth",{}]']


@pytest.mark.parametrize("connect", ["40/custom", "40/custom,"])
def test_a_namespace_is_joined_with_or_without_its_comma(ws, connect):
    ws.send(connect)
    assert ws.recv_all(2) == ["40/custom,", '42/custom,["auth",{}]']


def test_a_namespace_query_is_the_namespaces_own(ws):
    ws.send("40/custom?token=a%20b&uid=1,")
    assert ws.recv_all(2) == ["40/custom,", '42/custom,["auth",{"token":"a b","uid":"1"}]']


def test_an_unknown_namespace_is_refused_with_a_string_and_the_transport_stays(ws):
    ws.send("40/nope")
    assert ws.recv() == '44/nope,"Invalid namespace"'
    ws.send('42["message",1]')
    assert ws.recv() == '42["message-back",1]'


def test_a_second_connect_of_the_root_is_ignored(ws):
    ws.send("40")
    ws.send('42["message"]')
    assert ws.recv() == '42["message-back"]'


def test_a_second_connect_of_another_namespace_closes(ws):
    ws.send("40/custom")
    ws.recv_all(2)
    ws.send("40/custom")
    assert ws.is_closed()


@pytest.mark.parametrize(("sent", "back"), [
    ('42["message",1,"two",{"three":[true,null]}]', '42["message-back",1,"two",{"three":[true,null]}]'),
    (r'42["mess\u0061ge","a\/b"]', '42["message-back","a/b"]'),
    ('42["message","héllo €😀"]', '42["message-back","héllo €😀"]'),
    ('4217["message-with-ack",1]', "4317[1]"),
    ('420["message-with-ack"]', "430[]"),
    ('422147483647["message-with-ack","é"]', '432147483647["é"]'),
])
def test_events_and_acks_come_back(ws, sent, back):
    ws.send(sent)
    assert ws.recv() == back


def test_binary_follows_behind_its_type_byte(ws):
    ws.send('452-["message",{"_placeholder":true,"num":1},{"deep":[{"_placeholder":true,"num":0}]}]')
    ws.send(b"\4\1\2")
    ws.send(b"\4\3")
    assert ws.recv() == '452-["message-back",{"_placeholder":true,"num":1},{"deep":[{"_placeholder":true,"num":0}]}]'
    assert ws.recv_all(2) == [b"\4\1\2", b"\4\3"]


def test_a_binary_event_is_acked_with_binary(ws):
    ws.send('451-3["message-with-ack",{"_placeholder":true,"num":0}]')
    ws.send(b"\4\1")
    assert ws.recv_all(2) == ['461-3[{"_placeholder":true,"num":0}]', b"\4\1"]


@pytest.mark.parametrize("extra", ["", "b64=1"])
def test_text_framing_is_ascii(sio4, extra):
    """Else Java 0.8.3 and JavaScript 1.x, which decode it twice, lose the connection."""
    session = sio4.poll(extra)
    session.get_until('42["auth",{}]')
    assert session.post('42["message","é€😀"]').status == 200
    assert session.begin_get().reply().body == b'45:42["message-back","\\u00e9\\u20ac\\ud83d\\ude00"]'


def test_leaving_a_namespace_leaves_the_rest(ws):
    ws.send("40/custom")
    ws.recv_all(2)
    ws.send("41/custom")
    ws.send('42/custom,["message","late"]')
    ws.send('42["message","root"]')
    assert ws.recv() == '42["message-back","root"]'


def test_a_packet_for_a_namespace_that_was_never_joined_is_ignored(ws):
    ws.send('42/custom,["message"]')
    ws.send('42["message"]')
    assert ws.recv() == '42["message-back"]'


def test_an_ack_that_nobody_waits_for_is_ignored(ws):
    ws.send("4399[1]")
    ws.send('42["message"]')
    assert ws.recv() == '42["message-back"]'


@pytest.mark.parametrize("broken", ["4abc", "42{}", "42", "42[]", '42abc["x"]', "47", '42["connect"]', '42["disconnecting",1]', "42[1", "4"])
def test_what_is_no_packet_closes(ws, broken):
    ws.send(broken)
    assert ws.is_closed()


@pytest.mark.parametrize("second", [b"\4\1", '42["message"]'])
def test_binary_that_is_out_of_place_closes(ws, second):
    if isinstance(second, str):
        ws.send('451-["message",{"_placeholder":true,"num":0}]')
    ws.send(second)
    assert ws.is_closed()


def test_more_than_ten_attachments_close_at_their_header(ws):
    ws.send('4511-["message"]')
    assert ws.is_closed()


def test_events_are_answered_in_their_order(sio4):
    session = sio4.poll()
    session.get_until('42["auth",{}]')
    session.post(*(f'42["message",{number}]' for number in range(30)))
    last = '42["message-back",29]'
    assert session.get_until(last) == [f'42["message-back",{number}]' for number in range(30)]


def test_the_greeting_and_the_events_survive_an_upgrade_in_order(sio4):
    session = sio4.poll()
    ws = session.socket()
    session.post('42["message","polling"]')
    ws.send("2probe")
    assert ws.recv() == "3probe"
    ws.send("5")
    ws.send('42["message","socket"]')
    assert ws.recv_all(4) == ["40", '42["auth",{}]', '42["message-back","polling"]', '42["message-back","socket"]']


def test_the_socket_id_is_the_engines(sio4):
    assert json.loads(sio4.socket().recv()[1:])["sid"]
