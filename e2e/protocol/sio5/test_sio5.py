"""Socket.IO 5 (over Engine.IO 4): what the public suite checks, and what real clients were seen to depend on."""

import json

import pytest


@pytest.fixture
def raw(sio5):
    """A WebSocket that has joined nothing."""
    socket = sio5.socket()
    assert socket.recv()[0] == "0"
    return socket


@pytest.fixture
def ws(raw):
    """A WebSocket in `/`, past its greeting."""
    join(raw)
    return raw


def join(ws, packet="40"):
    ws.send(packet)
    answer = recv(ws)
    assert recv(ws).startswith(packet[:2].replace("40", "42"))
    return answer


def recv(ws):
    """The next packet but for pings, which are answered."""
    while (packet := ws.recv()) == "2":
        ws.send("3")
    return packet


def check_joined(packet, namespace=""):
    assert packet.startswith("40" + namespace)
    answer = json.loads(packet[2 + len(namespace):])
    assert list(answer) == ["sid"] and len(answer["sid"]) >= 16
    return answer["sid"]


def test_the_root_is_joined_with_a_public_id(sio5):
    ws = sio5.socket()
    engine = json.loads(ws.recv()[1:])["sid"]
    assert check_joined(join(ws)) != engine


@pytest.mark.parametrize(("connect", "place", "auth"), [
    ("40", "", "{}"),
    ('40{"token":"123"}', "", '{"token":"123"}'),
    ("40/custom", "/custom,", "{}"),
    ("40/custom,", "/custom,", "{}"),
    ('40/custom,{"token":"abc"}', "/custom,", '{"token":"abc"}'),
])
def test_credentials_come_with_the_connect(raw, connect, place, auth):
    raw.send(connect)
    check_joined(recv(raw), place)
    assert recv(raw) == f'42{place}["auth",{auth}]'


def test_each_namespace_has_an_id_of_its_own(raw):
    assert check_joined(join(raw)) != check_joined(join(raw, "40/custom,"), "/custom,")


def test_an_unknown_namespace_is_refused_with_an_object_and_the_transport_stays(raw):
    raw.send("40/random,")
    assert recv(raw) == '44/random,{"message":"Invalid namespace"}'
    check_joined(join(raw))


def test_a_socket_that_joins_nothing_is_closed_though_it_answers_pings(raw):
    assert recv(raw) is None


def test_a_polling_session_that_joins_nothing_is_closed(sio5):
    session = sio5.poll()
    packets = []
    while "1" not in packets:
        packets = session.get()
        if "2" in packets:
            session.post("3")
    assert session.is_gone()


@pytest.mark.parametrize("first", ['42["message"]', "41", "430[]", '451-["message",{"_placeholder":true,"num":0}]'])
def test_the_first_packet_must_be_a_connect(raw, first):
    raw.send(first)
    assert recv(raw) is None


@pytest.mark.parametrize("again", ["40", "40{}"])
def test_a_second_connect_closes(ws, again):
    ws.send(again)
    assert recv(ws) is None


@pytest.mark.parametrize(("sent", "back"), [
    ('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
    (r'42["mess\u0061ge","a\/b"]', '42["message-back","a/b"]'),
    ('42["message","héllo €😀"]', '42["message-back","héllo €😀"]'),
    ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
    ('420["message-with-ack"]', "430[]"),
    ('42["message"]', '42["message-back"]'),
])
def test_events_and_acks_come_back(ws, sent, back):
    ws.send(sent)
    assert recv(ws) == back


def test_events_and_acks_of_a_namespace_come_back_in_it(ws):
    join(ws, "40/custom,")
    ws.send('42/custom,["message","é"]')
    assert recv(ws) == '42/custom,["message-back","é"]'
    ws.send('42/custom,7["message-with-ack"]')
    assert recv(ws) == "43/custom,7[]"


def test_binary_follows_its_event(ws):
    ws.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    ws.send(b"\1\2\3")
    ws.send(b"")
    assert recv(ws) == '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert [recv(ws), recv(ws)] == [b"\1\2\3", b""]


def test_a_binary_event_is_acked_with_binary(ws):
    ws.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    ws.send(b"\1\2\3")
    ws.send(b"\4\5\6")
    assert recv(ws) == '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert [recv(ws), recv(ws)] == [b"\1\2\3", b"\4\5\6"]


def test_binary_comes_back_by_polling(sio5):
    session = sio5.poll()
    session.post("40")
    session.post('451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA==")
    assert session.get_until(b"\1\2\3\4")[-2:] == ['451-["message-back",{"_placeholder":true,"num":0}]', b"\1\2\3\4"]


def test_an_announced_attachment_count_of_zero_is_an_event(ws):
    ws.send('450-["message",1]')
    assert recv(ws) in ('42["message-back",1]', '450-["message-back",1]')


def test_leaving_the_root_keeps_the_transport(ws):
    ws.send("41")
    ws.send('42["message","late"]')
    check_joined(join(ws))
    ws.send('42["message","again"]')
    assert recv(ws) == '42["message-back","again"]'


def test_leaving_one_namespace_keeps_the_other(ws):
    join(ws, "40/custom,")
    ws.send("41/custom,")
    ws.send('42["message","message to main namespace"]')
    assert recv(ws) == '42["message-back","message to main namespace"]'


def test_an_ack_that_nobody_waits_for_is_ignored(ws):
    ws.send("4399[1]")
    ws.send('42["message"]')
    assert recv(ws) == '42["message-back"]'


@pytest.mark.parametrize("broken", ["4abc", "42{}", "42", "42[]", '42abc["message-with-ack",1]', "47", '42["connect"]', '42["newListener",1]',
                                    '42["message",1', "4", "42[null]", '44{"message":"x"}'])
def test_what_is_no_packet_closes(ws, broken):
    ws.send(broken)
    assert recv(ws) is None


@pytest.mark.parametrize("second", [b"\1", '42["message"]'])
def test_binary_that_is_out_of_place_closes(ws, second):
    if isinstance(second, str):
        ws.send('451-["message",{"_placeholder":true,"num":0}]')
    ws.send(second)
    assert recv(ws) is None


def test_more_than_ten_attachments_close_at_their_header(ws):
    ws.send('4511-["message"]')
    assert recv(ws) is None


def test_what_is_no_packet_ends_a_polling_session(sio5):
    session = sio5.poll()
    session.post("40")
    session.post("4abc")
    session.get_until("1")
    assert session.is_gone()


def test_events_are_answered_in_their_order_through_an_upgrade(sio5):
    session = sio5.poll()
    session.post("40")
    session.post(*(f'42["message",{number}]' for number in range(10)))
    ws = session.socket()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    session.post(*(f'42["message",{number}]' for number in range(10, 20)))
    ws.send("5")
    for number in range(20, 30):
        ws.send(f'42["message",{number}]')
    check_joined(recv(ws))
    assert [recv(ws) for _ in range(31)] == ['42["auth",{}]'] + [f'42["message-back",{number}]' for number in range(30)]
