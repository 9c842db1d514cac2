"""The README's tour, run as it is printed.

How the section is read: each fenced `sh` or `console` block is a terminal. A line that begins with `$ ` is a command (a block without
such lines is all commands), other lines are what the command prints, in order, with `...` or `…` for anything. A command that goes on
(a server, a listener) stays in its terminal, and what is printed below it must appear there by the end of the tour.
"""

import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness.product import ROOT, binary, environment

SECTION = os.environ.get("TIDINGS_TOUR_SECTION", "A 60-second tour")
GOES_ON = re.compile(r"\b(serve|listen|make run)\b")
DEFAULT_PORTS = (5000, 5001)
# What differs from run to run: ids, tokens, times, process ids.
VARYING = re.compile(r"p_[\w-]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|\.\.\.|…")


class Command:
    def __init__(self, text):
        self.text, self.expected = text, []

    def goes_on(self):
        return bool(GOES_ON.search(self.text)) and not self.text.rstrip().endswith("&")


def section(markdown, title):
    """The lines under that heading, up to the next one; a `#` inside a fenced block is no heading."""
    found, inside, fenced = [], False, False
    for line in markdown.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if line.startswith("#") and not fenced:
            inside = line.strip("# \n") == title
        elif inside:
            found.append(line)
    assert found, f'README.md has no section "{title}"'
    return "".join(found)


def terminals(markdown):
    """The commands of each fenced block, with the lines printed under them."""
    for block in re.findall(r"^```(?:sh|bash|console|shell)\s*\n(.*?)^```", markdown, re.M | re.S):
        lines = [line for line in join_continued(block) if line.strip() and not line.lstrip().startswith("#")]
        marked = any(line.startswith("$ ") for line in lines)
        commands = []
        for line in lines:
            if not marked or line.startswith("$ "):
                commands.append(Command(line.removeprefix("$ ")))
            else:
                commands[-1].expected.append(line)
        yield commands


def join_continued(block):
    return re.sub(r"\\\n\s*", "", block).splitlines()


def pattern(line):
    """A printed line as a regular expression: spaces are loose, what varies may vary."""
    parts = [re.escape(part) for part in VARYING.split(line.strip())]
    return re.compile(re.sub(r"(\\ )+", r"\\s+", ".+?".join(parts)))


class Terminal:
    """A command that goes on, and what it has printed so far."""

    def __init__(self, command, env):
        self.command, self.lines, self.changed = command, [], threading.Condition()
        self.process = subprocess.Popen(command.text, shell=True, executable="/bin/bash", cwd=ROOT, env=env, text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def await_lines(self, wanted, patience):
        """All of `wanted`, in order, other lines between them allowed."""
        end = time.monotonic() + patience
        with self.changed:
            while (missing := missing_line(self.lines, wanted)) is not None:
                left = end - time.monotonic()
                assert left > 0 and self.changed.wait(left), f"`{self.command.text}` did not print `{missing}`; it printed {self.lines}"

    def close(self):
        """Ends the command with its children, as a closed terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()


def missing_line(printed, wanted):
    at = 0
    for line in wanted:
        match = pattern(line)
        while at < len(printed) and not match.search(printed[at]):
            at += 1
        if at == len(printed):
            return line
        at += 1
    return None


def port_is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def tour():
    readme = ROOT / "README.md"
    assert readme.exists(), "there is no README.md yet"
    return list(terminals(section(readme.read_text(), SECTION)))


@pytest.fixture
def env(tmp_path):
    assert not [port for port in DEFAULT_PORTS if port_is_taken(port)], "the tour uses the default ports, and one is taken"
    path = f"{pathlib.Path(binary()).parent}:{os.environ['PATH']}"
    return {**environment(), "PATH": path, "TIDINGS_DATA": str(tmp_path / "tidings-data")}


def test_the_tour_works_as_printed(tour, env):
    assert tour, "the tour has no commands"
    open_terminals = []
    try:
        for commands in tour:
            for command in commands:
                step(command, env, open_terminals)
        for terminal in open_terminals:
            terminal.await_lines(terminal.command.expected, 15)
    finally:
        for terminal in reversed(open_terminals):
            terminal.close()


def step(command, env, open_terminals):
    if command.goes_on():
        terminal = Terminal(command, env)
        open_terminals.append(terminal)
        if command.expected:
            terminal.await_lines(command.expected[:1], 300 if "make" in shlex.split(command.text) else 30)
        else:
            await_doors(terminal)
        return
    ended = subprocess.run(command.text, shell=True, executable="/bin/bash", cwd=ROOT, env=env, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, timeout=300)
    assert ended.returncode == 0, f"`{command.text}` ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
    missing = missing_line((ended.stdout + ended.stderr).splitlines(), command.expected)
    assert missing is None, f"`{command.text}` did not print `{missing}`; it printed {ended.stdout}{ended.stderr}"


def await_doors(terminal):
    end = time.monotonic() + 300
    while not all(port_is_taken(port) for port in DEFAULT_PORTS):
        assert terminal.process.poll() is None and time.monotonic() < end, f"`{terminal.command.text}` did not come up: {terminal.lines}"
        time.sleep(0.05)
