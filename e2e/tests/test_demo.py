"""The demo page in a real browser: what a stranger sees in the first minute."""

import pytest

from conftest import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("demo"), "--demo") as product:
        yield product


@pytest.fixture
def page(server, browser):
    page = browser.open(server.backend_url + "/")
    page.until("document.querySelector('#phone').dataset.state === 'on'")
    yield page
    assert page.errors() == []
    page.close()


STEP = "(name) => [...document.querySelectorAll('#way li ol')].map(steps => [...steps.children].find(li => li.innerText.startsWith(name)).className)"


def steps(name):
    return f"({STEP})({name!r})"


def send(page, text):
    page.fill("#text", text)
    page.click("#send .primary")


def test_a_message_is_seen_stored_delivered_and_proven(page):
    send(page, "hello 🍜")
    page.until(steps("Accepted") + "[0] === 'done'")
    page.until(steps("Arrived") + "[0] === 'done'")
    page.until(steps("Reached") + "[0] === 'done'")
    assert page.text("#screen li p") == "hello 🍜"
    assert "engine, after" in page.text("#way li ol")


def test_what_is_sent_to_a_phone_that_is_off_waits_in_its_mailbox_and_comes_in_order(page):
    page.click(".switch i")
    page.until("document.querySelector('#phone').dataset.state === 'off'")
    for text in ["one", "two", "three"]:
        send(page, text)
        page.until(f"document.querySelector('#way li b').innerText === '{text}' && " + steps("Arrived") + "[0] === 'waits'")
    assert page.text("#mailbox") == "3 messages wait in the mailbox"
    page.click(".switch i")
    page.until(steps("Reached") + ".every(state => state === 'done')")
    newest_first = page.evaluate("[...document.querySelectorAll('#screen li p')].map(p => p.innerText)")
    assert newest_first == ["three", "two", "one"]


def test_a_report_from_the_phone_comes_back_through_the_outbox(page):
    send(page, "read me")
    page.until(steps("Arrived") + "[0] === 'done'")
    page.click("#screen li button")
    page.until(steps("Reported") + "[0] === 'done'")
    assert '"read"' in page.text("#way li ol")


def test_everyone_is_told_and_the_page_says_what_a_broadcast_does_not_prove(page):
    page.click("input[value=all]")
    send(page, "to all")
    page.until(steps("Arrived") + "[0] === 'done'")
    assert page.evaluate(steps("Reached"))[0] == "none"


def test_what_another_caller_sends_is_shown_too(page, server):
    uid = page.text("#uid")
    server.backend.send("from curl", uid=uid)
    page.until(steps("Reached") + "[0] === 'done'")
    assert "from elsewhere" in page.text("#way li .what")


def test_the_page_is_there_only_where_it_was_asked_for(tmp_path):
    with running(tmp_path) as product:
        assert product.backend.call("GET", "/").status == 404
