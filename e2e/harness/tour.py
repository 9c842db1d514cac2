"""Runs a section of the README as it is printed: `python -m harness.tour README.md "A 60-second tour"`. Exit 0 if all of it came true.

How the section is read: each fenced `console` or `sh` block is a terminal. A line that begins with `$ ` is a command (a block without
such lines is all commands), other lines are what the command prints, in order, with `...` or `…` for anything. A command that goes on
(a server, a listener) stays in its terminal, and what is printed below it must appear there by the end of the tour.

The tour uses the default ports and may end processes by name: run it in namespaces of its own, as tests/test_tour.py does.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

DEFAULT_PORTS = (5000, 5001)
GOES_ON = re.compile(r"(?:^|[;&|]\s*)(?:\w+=(?:'[^']*'|\S+)\s+)*(?:(?:\S*/)?tidings (?:serve|listen)\b|make run\b|examples/ice/server\.py)")
# What differs from run to run: tokens, ids, times.
VARYING = re.compile(r"p_[\w-]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|\.\.\.|…")
# `make run` may have to build first.
STARTS_WITHIN_S, SAYS_WITHIN_S = 300, 15


class Command:
    def __init__(self, text):
        self.text, self.expected = text, []
        self.goes_on = bool(GOES_ON.search(text)) and not text.rstrip().endswith("&")


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
        joined = re.sub(r"\\\n\s*", "", block).splitlines()
        lines = [line for line in joined if line.strip() and not line.lstrip().startswith("#")]
        marked = any(line.startswith("$ ") for line in lines)
        commands = []
        for line in lines:
            if not marked or line.startswith("$ "):
                commands.append(Command(line.removeprefix("$ ")))
            else:
                commands[-1].expected.append(line)
        yield commands


def pattern(line):
    """A printed line as a regular expression: spaces are loose, what varies may vary."""
    parts = [re.escape(part) for part in VARYING.split(line.strip())]
    return re.compile(re.sub(r"(\\ )+", r"\\s+", ".+?".join(parts)))


def missing_line(printed, wanted):
    """The first wanted line that was not printed after those before it; None if all were."""
    at = 0
    for line in wanted:
        match = pattern(line)
        while at < len(printed) and not match.search(printed[at]):
            at += 1
        if at == len(printed):
            return line
        at += 1
    return None


class Terminal:
    """A shell with one command, fed by its input as by hand: so the shell itself does not bear the command's name."""

    def __init__(self, command):
        self.command, self.lines, self.changed = command, [], threading.Condition()
        self.process = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True)
        self.process.stdin.write(command.text + "\n")
        self.process.stdin.close()
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

    def surplus(self):
        """Lines that came more often than they are printed in the README."""
        for line in set(self.command.expected):
            times = sum(bool(pattern(line).search(printed)) for printed in self.lines)
            if times > self.command.expected.count(line):
                yield f"{line} ({times} times)"

    def await_end(self, patience):
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"`{self.command.text}` did not end; it printed {self.lines}") from None
        self.reader.join(5)
        assert code == 0, f"`{self.command.text}` ended with {code}; it printed {self.lines}"

    def await_doors(self, patience):
        end = time.monotonic() + patience
        while not all(is_open(port) for port in DEFAULT_PORTS):
            assert self.process.poll() is None and time.monotonic() < end, f"`{self.command.text}` did not come up: {self.lines}"
            time.sleep(0.05)

    def close(self):
        """Ends the command with its children, as a closed terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def step(command, open_terminals):
    terminal = Terminal(command)
    open_terminals.append(terminal)
    if not command.goes_on:
        terminal.await_end(STARTS_WITHIN_S)
        terminal.await_lines(command.expected, 1)
    elif command.expected:
        terminal.await_lines(command.expected[:1], STARTS_WITHIN_S)
    else:
        terminal.await_doors(STARTS_WITHIN_S)
    print(f"$ {command.text}", *terminal.lines, sep="\n")


def run(tour):
    open_terminals = []
    try:
        for commands in tour:
            for command in commands:
                step(command, open_terminals)
        for terminal in open_terminals:
            terminal.await_lines(terminal.command.expected, SAYS_WITHIN_S)
            if terminal.command.goes_on:
                assert not list(terminal.surplus()), f"`{terminal.command.text}` printed too often: {list(terminal.surplus())}"
    finally:
        for terminal in reversed(open_terminals):
            terminal.close()


def main(readme, title):
    tour = list(terminals(section(pathlib.Path(readme).read_text(), title)))
    assert any(tour), "the tour has no commands"
    taken = [port for port in DEFAULT_PORTS if is_open(port)]
    assert not taken, f"the tour uses the default ports, and {taken} are taken"
    run(tour)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssertionError as why:
        sys.exit(f"the tour is not true: {why}")
