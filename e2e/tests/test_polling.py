"""Polling by hand against the product: the numbers by which an answer that died with its connection comes again."""

import pytest

from harness.wire import Server, split

JAVA = ("User-Agent: Java/1.8.0_391",)


@pytest.fixture
def java(server):
    """A handshake as Java 0.8.3 makes it: no `t`, and GETs that follow redirects. Its session's query."""
    door = Server(server.devices_port, 3)
    opening = door.call("GET", "transport=polling", headers=JAVA)
    return door, "transport=polling&sid=" + opening.text.split('"sid":"')[1].split('"')[0]


def get(door, query):
    """A GET that follows one redirect, as Java's does: the packets, and where it was sent to."""
    reply = door.call("GET", query, headers=JAVA)
    if reply.status == 302:
        query = reply.headers["location"].split("?")[1].split("&", 1)[1]
        reply = door.call("GET", query, headers=JAVA)
    assert reply.status == 200, reply
    return split(3, reply.body, reply.headers["content-type"]), query


def test_a_java_client_whose_first_answer_died_gets_it_again(java, server):
    """Without its `40` it would never register, and wait for ever."""
    door, query = java
    lost, numbered = get(door, query)
    assert lost == ["40"]
    again = door.call("GET", numbered, headers=JAVA)
    assert split(3, again.body, again.headers["content-type"]) == ["40"]
    door.call("POST", query, b'27:42["register",{"data":"7"}]', JAVA)
    [registered], _ = get(door, query)
    assert registered.startswith('42["_register",{"token":"p_')
