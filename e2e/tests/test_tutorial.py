"""The whole tutorial of 2017 on one port: its pages with their own client in a browser, its app, and what an old backend posts."""

import contextlib

import pytest

from harness.driver import Device, Process, java
from harness.tutorial import Tutorial


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    with Tutorial(tmp_path_factory.mktemp("tutorial")) as tutorial:
        yield tutorial


@pytest.fixture
def page(tutorial, browser):
    """`page(path)`: one of the site's pages, connected on a WebSocket; no page may complain."""
    with contextlib.ExitStack() as stack:
        def make(path="/", **rest):
            made = browser.open(tutorial.url + path, **rest)
            stack.callback(made.close)
            made.until("document.querySelector('#state').textContent === 'connected'")
            made.until("socket.io.engine.transport.name === 'websocket'")
            pages.append(made)
            return made
        pages = []
        yield make
        assert [made.errors() for made in pages] == [[] for _ in pages]


@pytest.fixture
def phone(tutorial, tmp_path):
    """`phone(uid)`: a Java 0.8.3 client."""
    with contextlib.ExitStack() as stack:
        def make(uid, transport="upgrade"):
            made = Device("java-0.8.3", transport, uid, tutorial.url, tmp_path)
            stack.callback(made.close)
            made.settled(made.connect(), 30)
            return made
        yield make


def log(page):
    """What the page noted, oldest first."""
    lines = page.evaluate("[...document.querySelectorAll('#log li')].map(li => [...li.children].map(span => span.textContent))")
    return [tuple(line) for line in reversed(lines)]


def noted(page, name, data=""):
    page.until("[...document.querySelectorAll('#log li')].some(li => li.children[0].textContent === arg[0] && li.children[1].textContent.includes(arg[1]))",
               [name, data])


def talk(page):
    return page.evaluate("[...document.querySelectorAll('#talk li')].map(li => li.innerText)")


def said(page, text):
    page.until("[...document.querySelectorAll('#talk li')].some(li => li.innerText.includes(arg))", text)


def has(data):
    return lambda fact: fact["on"] == "event" and fact["args"][0].get("data") == data


def told(name, **args):
    return lambda fact: fact["on"] == "event" and fact["name"] == name and fact["args"][0] == args


def test_it_warns_that_everything_is_open(tutorial):
    assert "WARNING: this is the tutorial's open design" in tutorial.log()


def test_the_page_and_the_app_are_each_others_backend(tutorial, page, tmp_path):
    window = page()
    window.click("#register button")
    noted(window, "_register", "p_")
    app = Process("app", java("0.8.3", "TutorialApp", tutorial.url, "7", "16"), tmp_path / "app.log")
    try:
        token = app.wait_on("registered", 30)["token"]
        window.fill("#broadcast input", "à tous €😀")
        window.click("#broadcast button")
        noted(window, "broadcast ack", '"ok":true')
        noted(window, "app broadcast", "à tous €😀")
        app.wait(has("à tous €😀"), 20)
        window.fill("#p2p [name=id]", "7")
        window.fill("#p2p [name=data]", "by uid")
        window.click("#p2p button")
        window.fill("#p2p [name=id]", token)
        window.fill("#p2p [name=data]", "by token")
        window.click("#p2p button")
        app.wait(has("by token"), 20)
        assert [(fact["name"], fact["args"]) for fact in app.events()] == [
            ("app broadcast", [{"data": "à tous €😀"}]), (token, [{"data": "by uid"}]), (token, [{"data": "by token"}])]
        assert tutorial.backend.call("POST", "/message", {"data": "to the window", "uid": "42"}).body == "OK"
        noted(window, "private", "to the window")
        window.click("#event button")
        noted(window, "my event ack", '"ok":true')
        window.screenshot(tmp_path / "index.png", full=True)
    finally:
        app.close()
    assert not [line for line in log(window) if line[0] == "private" and "by" in line[1]], "what is for the app is not for the page"


def test_a_private_message_comes_under_the_token_and_under_the_uid(tutorial, phone):
    app = phone("8")
    app.order("listen", event="8")
    token = app.register()
    assert tutorial.backend.call("POST", "/message", {"data": "both", "uid": 8}).body == "OK"
    app.wait(lambda fact: fact["on"] == "event" and fact["name"] == "8")
    app.wait(lambda fact: fact["on"] == "event" and fact["name"] == token)
    assert sorted(app.received()) == sorted([(token, "both"), ("8", "both")])
    for name in ("report", "reporter"):
        since = app.mark()
        app.order("emit_ack", event=name, args=[{"status": "read"}])
        assert app.wait_on("ack", 20, since)["args"] == [{"ok": True}]


@pytest.mark.parametrize("body, status, code", [
    ({"data": "nobody", "uid": "never registered"}, 404, "unknown_target"),
    ({"data": "typo", "uuid": "42"}, 400, "unknown_field"),
    ({"uid": "42"}, 400, "invalid_field"),
    (b"data=hi", 400, "invalid_json"),
    ({"data": "x" * 5000}, 413, "payload_too_large"),
])
def test_a_post_that_makes_no_sense_is_refused(tutorial, body, status, code):
    answer = tutorial.backend.call("POST", "/message", body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize("method, path, status", [
    ("HEAD", "/", 200), ("GET", "/static/socket.io.js", 200), ("GET", "/message", 405), ("POST", "/chat", 405), ("GET", "/nothing", 404),
])
def test_the_site_is_its_files_and_nothing_else(tutorial, method, path, status):
    assert tutorial.backend.call(method, path).status == status


def test_pages_and_phones_chat_in_rooms(page, phone, tmp_path):
    ann, bob = page("/chat"), page("/chat", width=390, mobile=True, dark=True)
    cid = phone("cid", "polling")
    for name in ("_joined", "_message", "_left"):
        cid.order("listen", event=name)
    ann.fill("#join [name=name]", "Ann")
    ann.click("#join button")
    said(ann, "Ann joined")
    bob.fill("#join [name=name]", "Bob é")
    bob.click("#join button")
    said(ann, "Bob é joined")
    cid.order("emit", event="joined", args=[{"name": "Cid", "room": "lobby"}])
    cid.wait(told("_joined", user_name="Cid", num_users=3))
    said(bob, "Cid joined")
    bob.fill("#say input", "salut <b>à tous</b> 😀")
    bob.click("#say button")
    cid.wait(told("_message", user_name="Bob é", message="salut <b>à tous</b> 😀"))
    cid.order("emit", event="message", args=[{"message": "hello from 2017"}])
    said(ann, "hello from 2017")
    said(bob, "hello from 2017")
    ann.screenshot(tmp_path / "chat.png", full=True)
    bob.screenshot(tmp_path / "chat-phone.png", full=True)
    assert talk(ann) == ["Ann joined", "Bob é joined", "Cid joined", "Bob ésalut <b>à tous</b> 😀", "Cidhello from 2017"]

    ann.click("#leave")
    said(ann, "you left")
    cid.wait(told("_left", user_name="Ann", num_users=2))
    cid.order("disconnect")
    said(bob, "Cid left")
    assert bob.text("#count") == "1"
    assert [line for line in talk(bob) if line.endswith("left")] == ["Ann left", "Cid left"]
    assert "left" not in "".join(talk(ann)[:-1])


def test_rooms_are_apart_and_a_lost_connection_is_told_once(phone):
    here, there, quiet = phone("here"), phone("there"), phone("quiet", "websocket")
    for client in (here, there):
        for name in ("_joined", "_message", "_left"):
            client.order("listen", event=name)
    here.order("emit", event="joined", args=[{"name": "Here", "room": "1"}])
    here.wait(told("_joined", user_name="Here", num_users=1))
    there.order("emit", event="joined", args=[{"name": "There", "room": "2"}])
    there.wait(told("_joined", user_name="There", num_users=2))
    quiet.order("emit", event="joined", args=[{"name": "Quiet", "room": "1"}])
    here.wait(told("_joined", user_name="Quiet", num_users=3))
    quiet.order("kill")
    here.wait(told("_left", user_name="Quiet", num_users=2))
    since = here.mark()
    here.order("emit_ack", event="left", args=["any payload"])
    assert here.wait_on("ack", 20, since)["args"] == [{"ok": True}]
    assert len([event for event in here.events() if event["name"] == "_left"]) == 1
    assert [event["name"] for event in there.events()] == ["_joined"]
