"""Ice for Python 3.7 against our protocol, both ways; what every peer is asked stands in test_peers.py."""

import socket

import pytest


def sent(client, uid, payload="{}", *extras, **asked):
    return client.ask(do="call", op="send", args=[uid, payload, *extras], **asked)


def test_a_peer_that_compresses_is_closed_and_one_that_would_is_served(echo, client):
    python = client(echo().port)
    assert "value" in sent(python, "42", "{}", compress=True)
    assert sent(python, "42", "x" * 300, compress=True)["error"] == "::Ice::ConnectionLostException"
    assert "value" in sent(python, "42")


def test_a_client_that_closes_what_it_does_not_use_is_served_on_a_new_connection(echo, client):
    python = client(echo().port, "Ice.ACM.Client.Timeout=1")
    for _ in range(2):
        assert sent(python, "42")["value"]["devices"] == 2
        assert python.ask(do="idle") == {"value": True}


def test_a_browser_gets_nothing(echo):
    with socket.create_connection(("127.0.0.1", echo().port)) as raw:
        assert raw.recv(14) == b"IceP\1\0\1\0\3\0\x0e\0\0\0"
        raw.sendall(b"POST / HTTP/1.1\r\nHost: push\r\n\r\n")
        try:
            assert raw.recv(1) == b""
        except ConnectionResetError:
            pass


def test_a_listener_is_told_by_each_of_its_operations(echo, client, listener):
    pushed = listener("push")
    python = client(echo("--listener", pushed.proxy).port)
    for operation in ("registered", "reported", "registeredBatch", "reportedBatch"):
        assert sent(python, f"notify:{operation}", "mark")["value"]["state"] == "ok 0"
        name, *values = pushed.json()
        assert name == operation
        assert [each.get("uid") or each["messageId"] for each in values] == ["mark"] * (2 if "Batch" in name else 1)
    assert sent(python, "notify:events")["value"]["state"] == "Never no such operation"


def test_an_event_listener_is_told_all_events_in_one_call(echo, client, listener):
    events = listener("events")
    python = client(echo("--listener", events.proxy).port)
    assert sent(python, "notify:events", "{\"a\":1}")["value"]["state"] == "ok 0"
    name, *values = events.json()
    assert (name, [(each["eventId"], each["type"], each["payload"]) for each in values]) == (
        "events", [("7-0", "device.online", "{\"a\":1}")] * 2)


@pytest.mark.parametrize(("raises", "told"), [
    ("Busy", "raised ::Push::Busy Busy { retry_after_ms: Some(1500) } some_code: some text"),
    ("BusyUnset", "raised ::Push::Busy Busy { retry_after_ms: None } some_code: some text"),
    ("NotFound", "raised ::Push::NotFound NotFound { id: \"x\" } some_code: some text"),
    ("crash", "status 7"),
])
def test_what_a_listener_raises_is_read(echo, client, listener, raises, told):
    python = client(echo("--listener", listener("push", raises).proxy).port)
    assert sent(python, "notify:registered")["value"]["state"] == told


def test_a_newer_exception_is_read_as_its_base_where_it_is_sliced(echo, client, listener):
    sliced = listener("push", "Newer", "Ice.Default.SlicedFormat=1")
    python = client(echo("--listener", sliced.proxy).port)
    assert sent(python, "notify:registered")["value"]["state"] == "raised ::Push::Newer Plain some_code: some text"


def test_a_newer_exception_without_sizes_is_named(echo, client, listener):
    python = client(echo("--listener", listener("push", "Newer").proxy).port)
    assert sent(python, "notify:registered")["value"]["state"] == "unknown user exception ::Push::Newer"


def test_a_listener_that_lacks_a_method_fails_with_status_7(echo, client, listener):
    python = client(echo("--listener", listener("partial").proxy).port)
    assert sent(python, "notify:reportedBatch")["value"]["state"] == "status 7"
    assert sent(python, "notify:registered")["value"]["state"] == "ok 0"


def test_a_listener_is_found_again_after_it_was_away(echo, client, listener):
    first = listener("push")
    python = client(echo("--listener", first.proxy).port)
    assert sent(python, "notify:registered")["value"]["state"] == "ok 0"
    first.terminate()
    assert first.wait() == 0
    assert sent(python, "notify:registered")["value"]["state"].startswith("dial tcp -h 127.0.0.1")
    listener("push", port=first.port)
    assert sent(python, "notify:registered")["value"]["state"] == "ok 0"


def test_the_second_endpoint_is_tried_where_the_first_is_dead(echo, client, listener):
    pushed = listener("push")
    python = client(echo("--listener", f"pushListener:tcp -p 1:tcp -p {pushed.port}").port)
    for _ in range(4):
        assert sent(python, "notify:registered")["value"]["state"] == "ok 0"


def ssl(folder, who):
    return ["Ice.Plugin.IceSSL=IceSSL:createIceSSL", f"IceSSL.DefaultDir={folder}", "IceSSL.CAs=ca.pem",
            f"IceSSL.CertFile={who}.pem", f"IceSSL.KeyFile={who}.key", "IceSSL.CheckCertName=1", "IceSSL.VerifyPeer=2"]


def ours(folder, who):
    return ["--cert", f"{folder}/{who}.pem", "--key", f"{folder}/{who}.key"]


def test_tls_both_ways_with_certificates_of_both(echo, client, listener, authority):
    ca = authority()
    pushed = listener("push", "-", "ssl", *ssl(ca, "server"))
    server = echo("--listener", pushed.proxy, "--ca", f"{ca}/ca.pem", "--client-ca", f"{ca}/ca.pem", *ours(ca, "server"))
    python = client(server.port, *ssl(ca, "client"), transport="ssl")
    assert sent(python, "notify:registered")["value"]["state"] == "ok 0"


def test_tls_refuses_who_has_no_certificate_and_who_has_a_foreign_one(echo, client, listener, authority):
    ca, foreign = authority(), authority("foreign")
    server = echo("--client-ca", f"{ca}/ca.pem", *ours(ca, "server"))
    bare = [each for each in ssl(ca, "client") if "File=" not in each]
    assert "error" in sent(client(server.port, *bare, transport="ssl"), "42")
    assert "error" in sent(client(server.port, *ssl(foreign, "client"), transport="ssl", name="foreign"), "42")

    pushed = listener("push", "-", "ssl", *ssl(foreign, "server"))
    caller = echo("--listener", pushed.proxy, "--ca", f"{ca}/ca.pem")
    told = sent(client(caller.port, name="plain"), "notify:registered")["value"]["state"]
    assert told.startswith("dial ssl") and "no TLS" in told


def test_tls_refuses_a_certificate_for_another_host(echo, client, listener, authority):
    ca = authority()
    pushed = listener("push", "-", "ssl", *ssl(ca, "server"))
    caller = echo("--listener", f"pushListener:ssl -h localhost -p {pushed.port}", "--ca", f"{ca}/ca.pem")
    told = sent(client(caller.port), "notify:registered")["value"]["state"]
    assert told.startswith("dial ssl") and "no TLS" in told
