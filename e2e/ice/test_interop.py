"""Ice for Python 3.7 against our protocol, both ways."""

import socket

import pytest

EXTRAS = {"extra": {"limit": "4096"}, "reason": "some_code", "requestId": "q-1", "text": "some text"}


def sent(client, uid, payload="{}", *extras, **asked):
    return client.ask(do="call", op="send", args=[uid, payload, *extras], **asked)


def runs(client):
    """How many sends and recalls our side has run."""
    return client.ask(do="call", op="disconnect", args=["anybody"])["value"]


def test_every_operation_carries_its_arguments_and_its_result(echo, client):
    python = client(echo().port)
    extras = [60, "r-1", "k", "news", {"label": "g"}]
    expected = {"ttlSeconds": "60", "requestId": "r-1", "collapseKey": "k", "eventName": "news", "label": "g", "payload": "{\"a\":1}"}

    assert python.ask(do="call", op="info")["value"]["features"] == ["echo"]
    assert python.ask(do="call", op="broadcast", args=["{\"a\":1}", *extras])["value"]["extra"] == expected
    accepted = sent(python, "42", "{\"a\":1}", None, "r-1")["value"]
    assert accepted["extra"] == {"requestId": "r-1", "payload": "{\"a\":1}"}
    assert (accepted["id"], accepted["seq"], accepted["state"], accepted["devices"]) == ("m1", "7", "accepted", 7)
    for operation in ("sendMany", "sendTokens"):
        named = python.ask(do="call", op=operation, args=[["a", "é"], "{}"])["value"]
        assert [each["value"] for each in named["invalid"]] == ["a", "é"]
    assert python.ask(do="call", op="sendTopic", args=["news", "{}"])["value"]["invalid"][0]["value"] == "news"
    status = python.ask(do="call", op="status", args=["m9"])["value"]
    assert (status["id"], status["counts"], status["createdMs"]) == ("m9", {"queued": 3, "reached": 1}, 1_767_225_600_000)
    assert python.ask(do="call", op="recall", args=["m9"]) == {"value": None}
    assert python.ask(do="call", op="online", args=[["on-1", "off", "on-2"]])["value"] == ["on-1", "on-2"]
    assert runs(python) == 2


@pytest.mark.parametrize(("kind", "members"), [
    ("PushError", {}),
    ("InvalidArgument", {"field": "payload"}),
    ("Unauthorized", {}),
    ("NotFound", {"id": "x"}),
    ("TooLarge", {"maxBytes": 4096, "actualBytes": 5120}),
    ("Busy", {"retryAfterMs": 1500}),
    ("BusyUnset", {"retryAfterMs": None}),
])
def test_every_exception_arrives_with_its_members(echo, client, kind, members):
    raised = sent(client(echo().port), f"raise:{kind}")
    assert raised == {"error": f"::Push::{kind.removesuffix('Unset')}", "members": {**EXTRAS, **members}}


def test_a_subtype_that_the_client_does_not_know_arrives_as_its_base(echo, client):
    raised = sent(client(echo().port), "raise:Newer")
    assert raised["error"] == "::Push::PushError"
    assert (raised["members"]["reason"], raised["members"]["text"]) == ("newer", "text")


def test_exceptions_arrive_in_encoding_1_0_too(echo, client):
    port = echo().port
    old = client(port)
    raised = sent(old, "raise:NotFound", proxy=f"push -e 1.0:tcp -h 127.0.0.1 -p {port}")
    assert raised == {"error": "::Push::NotFound", "members": {**EXTRAS, "id": "x", "requestId": None, "extra": None}}


def test_the_built_in_operations_answer_for_the_service(echo, client):
    assert client(echo().port).ask(do="cast")["value"] == {
        "as": True, "not": True, "ids": ["::Ice::Object", "::Push::PushService"], "id": "::Push::PushService"}


def test_context_oneway_and_batch_arrive(echo, client):
    python = client(echo().port)
    assert sent(python, "42", context={"token": "secret"})["value"]["extra"]["context.token"] == "secret"
    # A connection runs its requests side by side, so these are waited for by their count.
    recall = "09000000010102" + b"m1".hex()
    assert python.ask(do="raw", op="recall", mode="Idempotent", params=recall, oneway=True)["value"]["ok"]
    assert python.ask(do="batch", op="recall", params=recall, count=150) == {"value": None}
    for _ in range(2000):
        if runs(python) == 152:
            break
    assert runs(python) == 152


def test_what_is_not_there_or_not_allowed_is_refused_and_the_connection_lives(echo, client):
    port = echo().port
    python = client(port)
    at = f":tcp -h 127.0.0.1 -p {port}"
    assert python.ask(do="call", op="info", proxy="nobody" + at)["error"] == "::Ice::ObjectNotExistException"
    assert python.ask(do="call", op="info", proxy="push -f v2" + at)["error"] == "::Ice::FacetNotExistException"
    assert python.ask(do="raw", op="nothing", mode="Normal", params="060000000101")["error"] == "::Ice::OperationNotExistException"
    send = "0a00000001010234320000"
    wrong = python.ask(do="raw", op="send", mode="Idempotent", params="0b" + send[2:])
    assert wrong == {"error": "::Ice::UnknownLocalException", "text": "the operation is not idempotent"}
    short = python.ask(do="raw", op="send", mode="Normal", params="060000000101")
    assert short == {"error": "::Ice::UnknownLocalException", "text": "unexpected end of data"}
    assert runs(python) == 0


def test_a_panic_is_an_internal_error_and_the_connection_lives(echo, client):
    python = client(echo().port)
    panicked = sent(python, "panic")
    assert panicked["error"] == "::Ice::UnknownException"
    assert panicked["text"].startswith("internal error ")
    assert "value" in sent(python, "42")


def test_large_messages_pass_and_larger_ones_cost_their_connection_only(echo, client):
    python = client(echo().port)
    assert sent(python, "42", "x" * 900_000)["value"]["devices"] == 900_000
    assert python.ask(do="call", op="send", args=["42", "x" * 1_200_000])["error"] == "::Ice::ConnectionLostException"
    assert python.ask(do="call", op="send", args=["large:2000000", ""])["error"] == "::Ice::UnknownException"
    assert sent(python, "42")["value"]["devices"] == 2


def test_a_peer_that_compresses_is_closed_and_one_that_would_is_served(echo, client):
    python = client(echo().port)
    assert "value" in sent(python, "42", "{}", compress=True)
    assert sent(python, "42", "x" * 300, compress=True)["error"] == "::Ice::ConnectionLostException"
    assert "value" in sent(python, "42")


def test_a_thousand_calls_at_once_are_all_answered(echo, client):
    python = client(echo().port)
    assert python.ask(do="many", uid="u", count=1000)["value"] == [str(n) for n in range(1000)]


def test_a_call_that_runs_when_the_server_is_told_to_stop_is_answered(echo, client):
    server = echo()
    python = client(server.port)
    sent(python, "42")
    python.say({"do": "call", "op": "send", "args": ["slow:700", "{}"]})
    # Once the second connection is served, the slow call runs.
    other = client(server.port, name="other")
    while runs(other) < 2:
        pass
    server.terminate()
    assert "value" in python.json()
    assert server.line() == "drained 2"
    assert server.wait() == 0


def test_a_restart_under_load_loses_no_call_and_doubles_no_send(echo, client):
    first = echo()
    python = client(first.port, "Ice.RetryIntervals=0 100 200 500 1000 2000 5000")
    other = client(first.port, name="other")
    assert runs(other) == 0
    python.say({"do": "load", "count": 2000})
    while runs(other) < 200:
        pass
    first.terminate()
    before = int(first.line().removeprefix("drained "))
    second = echo("--port", str(first.port))
    assert python.json() == {"value": []}
    second.terminate()
    after = int(second.line().removeprefix("drained "))
    assert (before + after, before < 2000) == (2000, True)


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
