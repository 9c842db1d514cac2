"""Pages in a real browser: `with Browser(folder) as browser: page = browser.open(url)`. One Chromium, any number of pages.

Scripts are JavaScript expressions; they see what was given as `arg`. A page's faults (`errors()`) are for the test to look at.
"""

import itertools
import pathlib

from .driver import HERE, Process

COMMAND = ["node", str(HERE / "node" / "browser.js")]
STARTS_WITHIN_S, ANSWERS_WITHIN_S = 60, 20


class Browser:
    def __init__(self, folder):
        self.process = Process("browser", COMMAND, pathlib.Path(folder) / "browser.log")
        self.numbers = itertools.count(1)
        self.process.wait_on("ready", STARTS_WITHIN_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, url, width=1280, height=800, dark=False, mobile=False):
        page = Page(self, f"page {next(self.numbers)}")
        page.ask("open", url=url, width=width, height=height, scheme="dark" if dark else "light", mobile=mobile)
        return page

    def ask(self, page, do, patience=ANSWERS_WITHIN_S, **rest):
        number = next(self.numbers)
        self.process.order(do, page=page, n=number, **rest)
        answer = self.process.wait(lambda fact: fact["on"] == "result" and fact["n"] == number, patience, what=f"the answer to {do} {rest}")
        assert "failed" not in answer, f"{do} {rest}: {answer['failed']}"
        return answer["value"]

    def close(self):
        self.process.close()


class Page:
    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def ask(self, do, **rest):
        return self.browser.ask(self.name, do, **rest)

    def evaluate(self, script, arg=None):
        """The value of an expression; a promise is awaited."""
        return self.ask("evaluate", script=script, arg=arg)

    def until(self, script, arg=None, patience=15):
        """Waits until the expression is true; its value."""
        return self.ask("until", script=script, arg=arg, timeout=patience * 1000, patience=patience + 5)

    def click(self, selector):
        self.ask("click", selector=selector)

    def fill(self, selector, text):
        self.ask("fill", selector=selector, text=text)

    def press(self, selector, key):
        self.ask("press", selector=selector, key=key)

    def text(self, selector):
        return self.ask("text", selector=selector)

    def screenshot(self, file, full=False):
        return self.ask("screenshot", file=str(file), full=full)

    def set_offline(self, on):
        """Cuts the page's network, or gives it back."""
        self.ask("offline", on=on)

    def facts(self, on):
        return [fact for fact in list(self.browser.process.facts) if fact.get("page") == self.name and fact["on"] == on]

    def console(self):
        return [fact["text"] for fact in self.facts("console")]

    def errors(self):
        """Exceptions that nobody caught, and what the console shows in red."""
        thrown = [fact["why"] for fact in self.facts("page_error")]
        return thrown + [fact["text"] for fact in self.facts("console") if fact["type"] == "error"]

    def close(self):
        self.ask("close")
