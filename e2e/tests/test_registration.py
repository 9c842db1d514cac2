"""Who may register as whom, through the real door: nobody without a credential, nobody as somebody else; real clients with one."""

import contextlib
import http.server
import json
import signal
import ssl
import subprocess
import threading
import time

import pytest

from conftest import running
from harness.certificate import Authority
from harness.credentials import ROTATED, SECRET, jwks, jwt, renamed, signed_uid
from harness.driver import Device
from harness.polling import Polling
from harness.product import binary, environment

DELAY = {"TIDINGS_LEGACY__LISTEN_DELAY_MS": "0"}


@contextlib.contextmanager
def checking(folder, auth, **settings):
    """A server that checks registrations and logs all it can; nothing secret may stand in what it logged."""
    settings = {f"TIDINGS_REGISTRATION__{key}": str(value) for key, value in settings.items()}
    with running(folder, TIDINGS_REGISTRATION__AUTH=auth, TIDINGS_LOG__LEVEL="trace", **settings, **DELAY) as server:
        yield server
        text = server.log_path.read_text(errors="replace")
        assert " DEBUG " in text, "the log is what is looked at"
        for secret in server.secrets:
            assert secret not in text, "a credential stands in the log"


def with_secrets(server, *secrets):
    server.secrets = [SECRET, ROTATED, *secrets]
    return server


@pytest.fixture(scope="module")
def by_jwt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jwt")
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "jwks.json").write_text(jwks(first=ROTATED))
    with checking(folder, "jwt", JWT__SECRET_FILE=folder / "secret", JWT__JWKS_FILE=folder / "jwks.json") as server:
        server.folder = folder
        yield with_secrets(server)


@pytest.fixture(scope="module")
def by_signature(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    (folder / "secret").write_text(SECRET)
    with checking(folder, "signed", SIGNED__SECRET_FILE=folder / "secret") as server:
        yield with_secrets(server)


class Business(http.server.BaseHTTPRequestHandler):
    """Whose a credential is, as a business server knows it."""

    OWNERS = {"canary-alice": "alice", "canary-bob": "bob"}
    protocol_version = "HTTP/1.1"
    asked = []

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Content-Type"], question))
        owner = self.OWNERS.get(question["credential"])
        if question["credential"] == "canary-broken":
            self.answer(500, {"uid": "alice"})
        elif question["credential"] == "canary-moved":
            self.answer(302, {"uid": "alice"})
        elif question["credential"] == "canary-liar":
            self.answer(200, {"uid": "somebody else"})
        elif question["credential"] == "canary-plain":
            self.answer(200)
        elif owner is None or question["uid"] not in (None, owner):
            self.answer(403, {"message": "log in again"})
        else:
            self.answer(200, {"uid": owner})

    def answer(self, status, body=None):
        payload = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def business_server(certificate=None):
    business = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Business)
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
        business.socket = tls.wrap_socket(business.socket, server_side=True)
    threading.Thread(target=business.serve_forever, daemon=True).start()
    scheme = "https" if certificate else "http"
    yield f"{scheme}://localhost:{business.server_address[1]}/may-register?key=canary-path"
    business.shutdown()
    business.server_close()


@pytest.fixture(scope="module")
def by_callback(tmp_path_factory):
    with business_server() as url, checking(tmp_path_factory.mktemp("callback"), "callback", CALLBACK__URL=url) as server:
        yield with_secrets(server, *Business.OWNERS, "canary-broken", "canary-path")


def connect_with(token):
    return "40" + json.dumps({"token": token})


def is_forbidden(answer, words=""):
    return answer["code"] == "forbidden" and words in answer["message"]


def known(server, uid, credential):
    """A device of `uid` that was registered once, and its token."""
    device = Polling(server.devices_port)
    token = device.ask("register", {"data": uid, "auth": credential})["token"]
    device.say("41")
    return token


# --- who shows a good credential ---

def test_a_jwt_is_taken_in_register_in_the_query_and_in_the_auth_object(by_jwt):
    token = jwt("anna")
    in_register = Polling(by_jwt.devices_port)
    answer = in_register.ask("register", {"data": "anna", "auth": token})
    in_query = Polling(by_jwt.devices_port, token=token)
    in_query_with_uid = Polling(by_jwt.devices_port, token=token, uid="anna")
    in_connect = Polling(by_jwt.devices_port, connect=connect_with(token))
    devices = (in_register, in_query, in_query_with_uid, in_connect)
    for device in devices:
        device.rounds(1)  # the handshake's registration is answered before what comes behind it
    by_jwt.backend.send("hello", uid="anna")
    for device in devices:
        device.until(lambda: device.had(answer["token"]) == ["hello"])
    assert [name for device in devices[1:] for name, _ in device.events if name == "_register"] == [], "silently"
    assert in_connect.ask("register", {"data": "anna"}) == answer, "and it is told its token when it asks"


def test_a_signed_uid_is_taken_wherever_a_uid_is(by_signature):
    answers = [
        Polling(by_signature.devices_port).ask("register", {"data": signed_uid("ed~1")}),
        Polling(by_signature.devices_port, uid=signed_uid("ed~1")).ask("register", {"data": "ed~1"}),
        Polling(by_signature.devices_port, token=signed_uid("ed~1")).ask("register", {"data": "ed~1"}),
        Polling(by_signature.devices_port, connect=connect_with(signed_uid("ed~1"))).ask("register", {"data": "ed~1"}),
    ]
    assert [answer["token"] for answer in answers] == [answers[0]["token"]] * 4


def test_the_business_server_says_who_it_is(by_callback):
    told = Polling(by_callback.devices_port, device="d1").ask("register", {"data": "alice", "auth": "canary-alice"})
    unnamed = Polling(by_callback.devices_port, token="canary-alice", device="d1").ask("register", {"data": "alice"})
    assert unnamed == told
    path, kind, question = Business.asked[0]
    assert (path, kind) == ("/may-register?key=canary-path", "application/json")
    assert question == {"app": "/", "uid": "alice", "credential": "canary-alice", "device_id": "d1", "address": "127.0.0.1"}
    assert "token" in Polling(by_callback.devices_port).ask("register", {"data": "carl", "auth": "canary-plain"}), "200 is enough"


@pytest.mark.parametrize("credential,code,words", (
    ("canary-unknown", "forbidden", "log in again"), ("canary-bob", "forbidden", "log in again"),
    ("canary-liar", "forbidden", "names another user"), (None, "forbidden", "needs a credential"),
    ("canary-broken", "overloaded", "answered 500"), ("canary-moved", "overloaded", "answered 302")))
def test_what_the_business_server_does_not_admit_is_refused(by_callback, credential, code, words):
    device = Polling(by_callback.devices_port)
    error = device.ask("register", {"data": "alice", **({"auth": credential} if credential else {})})["error"]
    assert error["code"] == code and words in error["message"]
    assert device.told("_register_error") == error


def test_the_business_server_is_asked_over_tls_only_if_its_certificate_is_good(tmp_path):
    (tmp_path / "other").mkdir()
    authority, stranger = Authority(tmp_path), Authority(tmp_path / "other")
    with business_server(authority.sign("business")) as url:
        for trusted, expected in ((authority.cert, "token"), (stranger.cert, "error")):
            folder = tmp_path / expected
            folder.mkdir()
            with running(folder, TIDINGS_REGISTRATION__AUTH="callback", TIDINGS_REGISTRATION__CALLBACK__URL=url, SSL_CERT_FILE=str(trusted)) as server:
                answer = Polling(server.devices_port).ask("register", {"data": "alice", "auth": "canary-alice"})
                assert list(answer) == [expected], answer
                if expected == "error":
                    assert answer["error"]["code"] == "overloaded" and "cannot be asked" in answer["error"]["message"]


# --- who does not ---

@pytest.mark.parametrize("why,credential", (
    ("needs a credential", lambda: None),
    ("signature is wrong", lambda: jwt("anna", secret=SECRET[::-1])),
    ("signature is wrong", lambda: renamed(jwt("bert"), "anna")),
    ("signature is wrong", lambda: jwt("anna", secret=ROTATED, kid="third")),
    ("has expired", lambda: jwt("anna", exp=int(time.time()) - 1)),
    ("24 hours", lambda: jwt("anna", exp=int(time.time()) + 25 * 3600)),
    ("another app", lambda: jwt("anna", aud="/shop")),
    ("names another user", lambda: jwt("bert")),
    ("no JWT", lambda: "anna"),
))
def test_a_bad_jwt_is_forbidden_and_told_why(by_jwt, why, credential):
    credential = credential()
    by_event = Polling(by_jwt.devices_port)
    error = by_event.ask("register", {"data": "anna", **({"auth": credential} if credential else {})})["error"]
    assert is_forbidden(error, why)
    in_query = Polling(by_jwt.devices_port, uid="anna", **({"token": credential} if credential else {}))
    assert in_query.told("_register_error") == error


def attacks(owner, other):
    """name -> what a device does that has A's credential and wants to be B: arguments of `Polling`, then of `register`."""
    return {
        "register as B with A's credential": ({}, {"data": "b", "auth": owner}),
        "A's credential in the query, B in register": ({"token": owner}, {"data": "b"}),
        "B in the query with A's credential": ({"token": owner, "uid": "b"}, None),
        "B in the query, A's credential in the auth object": ({"uid": "b", "connect": connect_with(owner)}, None),
        "B in the query without one": ({"uid": "b"}, None),
        "registered as A, then as B": ({"token": owner, "uid": "a"}, {"data": "b"}),
        "A's credential with B's name in it": ({}, {"data": "b", "auth": other}),
        "the same in the handshake": ({"token": other}, None),
        "A's credential in the query, none in register": ({"token": owner}, {"data": "b", "auth": None}),
    }


JWT_ATTACKS = attacks(jwt("a"), renamed(jwt("a"), "b"))
SIGNED_ATTACKS = attacks(signed_uid("a"), "b" + signed_uid("a")[1:])


def does_not_become_b(server, way, credential_of_b):
    query, wanted = way
    token_of_b = known(server, "b", credential_of_b)
    server.backend.send("for b", uid="b")
    device = Polling(server.devices_port, **query)
    if wanted is not None:
        device.emit("register", wanted)
    assert is_forbidden(device.told("_register_error"))
    server.backend.send("for b, too", uid="b")
    device.rounds()
    assert token_of_b not in json.dumps(device.events), "neither B's token nor its mail"
    # And B has lost nothing.
    back = Polling(server.devices_port)
    assert back.ask("register", {"data": "b", "auth": credential_of_b})["token"] == token_of_b
    back.until(lambda: back.had(token_of_b)[-1:] == ["for b, too"])


@pytest.mark.parametrize("way", JWT_ATTACKS)
def test_whoever_has_a_jwt_of_a_does_not_become_b(by_jwt, way):
    does_not_become_b(by_jwt, JWT_ATTACKS[way], jwt("b"))


@pytest.mark.parametrize("way", SIGNED_ATTACKS)
def test_whoever_has_a_signed_uid_of_a_does_not_become_b(by_signature, way):
    does_not_become_b(by_signature, SIGNED_ATTACKS[way], signed_uid("b"))


def test_a_device_id_of_another_user_gets_nothing_of_his(by_jwt):
    hers = Polling(by_jwt.devices_port, token=jwt("b"), device="phone").ask("register", {"data": "b"})["token"]
    his = Polling(by_jwt.devices_port, token=jwt("a"), device="phone")
    assert his.ask("register", {"data": "a"})["token"] != hers
    by_jwt.backend.send("secret", token=hers)
    his.rounds()
    assert his.had(hers) == []


def test_a_failed_register_leaves_a_socket_who_it_was(by_jwt):
    device = Polling(by_jwt.devices_port, token=jwt("a"))
    token = device.ask("register", {"data": "a"})["token"]
    assert is_forbidden(device.ask("register", {"data": "b"})["error"])
    assert is_forbidden(device.ask("register", {"data": "a", "auth": "nonsense"})["error"])
    by_jwt.backend.send("still here", uid="a")
    device.until(lambda: "still here" in device.had(token))


# --- who is nobody ---

def test_an_unregistered_socket_gets_nothing_and_may_report_nothing(by_jwt):
    nobody, refused = Polling(by_jwt.devices_port), Polling(by_jwt.devices_port, token="nonsense")
    refused.told("_register_error")
    somebody = Polling(by_jwt.devices_port, token=jwt("cleo"))
    somebody.rounds(1)
    sent = by_jwt.backend.send("to all")["id"]
    somebody.until(lambda: somebody.had("app broadcast") == ["to all"])
    for device in (nobody, refused):
        for event in ("report", "reporter"):
            assert is_forbidden(device.ask(event, {"status": "seen", "id": sent})["error"])
        device.rounds()
        assert device.had("app broadcast") == []
    assert somebody.ask("report", {"status": "seen", "id": sent}) == {"ok": True}
    reports = [event["data"] for event in by_jwt.backend.events("message.reported") if event["data"]["status"] == "seen"]
    assert [report["uid"] for report in reports] == ["cleo"]


def test_a_report_on_another_users_message_stays_his_who_reports(by_jwt):
    known(by_jwt, "bea", jwt("bea"))
    sent = by_jwt.backend.send("for bea", uid="bea")["id"]
    ann = Polling(by_jwt.devices_port, token=jwt("ann"))
    assert ann.ask("report", {"status": "forged", "id": sent}) == {"ok": True}
    events = [event["data"] for event in by_jwt.backend.events("message.reported")]
    assert [event["uid"] for event in events if event["status"] == "forged"] == ["ann"]
    assert [event for event in events if event["message_id"] == sent and event["state"]] == [], "nothing of hers is reached by it"


def test_a_device_sends_nothing_in_the_backends_name(by_jwt):
    device = Polling(by_jwt.devices_port, token=jwt("a"))
    for event, body in (("broadcast", {"data": "x"}), ("p2p", {"id": "b", "data": "x"})):
        assert is_forbidden(device.ask(event, body)["error"])


def test_who_leaves_gets_nothing_until_it_registers_again(by_jwt):
    device = Polling(by_jwt.devices_port, token=jwt("dora"))
    device.rounds(1)
    device.say("41")
    by_jwt.backend.send("while away")
    device.say("40")
    device.until(lambda: device.had("app broadcast") == ["while away"])
    assert [name for name, _ in device.events if name == "_register_error"] == []


# --- keys ---

def test_a_hangup_reads_the_jwk_set_again(by_jwt):
    def admits(secret, kid):
        device = Polling(by_jwt.devices_port)
        return "token" in device.ask("register", {"data": "anna", "auth": jwt("anna", secret=secret, kid=kid)})

    def hang_up(words):
        before = by_jwt.log_path.read_text().count(words)
        by_jwt.signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while by_jwt.log_path.read_text().count(words) == before:
            assert time.monotonic() < end, "the signal was not dealt with"
            time.sleep(0.01)

    stays = Polling(by_jwt.devices_port, token=jwt("erna", secret=ROTATED, kid="first"))
    token = stays.ask("register", {"data": "erna"})["token"]
    new = ROTATED[::-1]
    by_jwt.secrets.append(new)
    assert admits(ROTATED, "first") and not admits(new, "second")
    (by_jwt.folder / "jwks.json").write_text("{ half written")
    hang_up("the keys stay as they were")
    assert admits(ROTATED, "first") and not admits(new, "second")
    (by_jwt.folder / "jwks.json").write_text(jwks(second=new))
    hang_up("were read again")
    assert admits(new, "second") and not admits(ROTATED, "first")
    by_jwt.backend.send("open sockets stay who they are", uid="erna")
    stays.until(lambda: stays.had(token) == ["open sockets stay who they are"])
    (by_jwt.folder / "jwks.json").write_text(jwks(first=ROTATED))
    hang_up("were read again")


def test_the_command_line_makes_what_the_server_takes(by_jwt, by_signature, tmp_path):
    (tmp_path / "secret").write_text(SECRET)

    def made(*arguments):
        done = subprocess.run([binary(), "token", "--secret", str(tmp_path / "secret"), *arguments], capture_output=True, text=True,
                              timeout=20, env=environment())
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert "token" in Polling(by_jwt.devices_port).ask("register", {"data": "42", "auth": made("--app", "/", "--uid", "42", "--ttl", "1h")})
    assert "token" in Polling(by_signature.devices_port).ask("register", {"data": made("--uid", "42", "--signed-uid")})


# --- real clients ---

@contextlib.contextmanager
def client(kind, server, folder, uid, transport="upgrade"):
    device = Device(kind, transport, uid, server.devices_url, folder)
    try:
        device.ready()
        yield device
    finally:
        device.close()


def gets_its_mail(server, device, uid, token):
    since = device.mark()
    server.backend.send("to you", uid=uid)
    device.wait(lambda fact: fact["on"] == "event" and fact["name"] == token and fact["args"][0]["data"] == "to you", 20, since)


def test_java_of_2017_registers_with_a_signed_uid_as_with_any_uid(by_signature, tmp_path):
    with client("java-0.8.3", by_signature, tmp_path, signed_uid("java")) as device:
        device.settled(device.connect())
        token = device.register()
        gets_its_mail(by_signature, device, "java", token)
        device.order("register", uid="mallory")
        assert is_forbidden(device.wait_on("register_error")["answer"], "not signed")


@pytest.mark.parametrize("kind,how", (("java-0.8.3", "query"), ("js-4.8.4", "auth"), ("python-5.18.1", "auth")))
def test_a_real_client_is_registered_as_it_connects(by_jwt, tmp_path, kind, how):
    uid = f"real {kind}"
    expected = known(by_jwt, uid, jwt(uid))
    by_jwt.backend.send("missed", uid=uid)
    given = {"query": f"token={jwt(uid)}"} if how == "query" else {"auth": {"token": jwt(uid)}}
    with client(kind, by_jwt, tmp_path, uid) as device:
        device.order("listen", event=expected)
        device.settled(device.connect(**given))
        device.wait(lambda fact: fact["on"] == "event" and fact["args"][0].get("data") == "missed", 20)
        gets_its_mail(by_jwt, device, uid, expected)
        assert [fact for fact in device.facts if fact["on"] in ("registered", "register_error")] == []


@pytest.mark.parametrize("kind", ("js-4.8.4", "python-5.18.1"))
def test_a_real_client_is_told_why_it_was_not_registered(by_jwt, tmp_path, kind):
    with client(kind, by_jwt, tmp_path, "nobody") as device:
        device.connect(auth={"token": jwt("nobody", exp=1)})
        assert is_forbidden(device.wait_on("register_error")["answer"], "has expired")
