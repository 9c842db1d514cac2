"""The examples of a page of documentation: commands and the answers printed below them, and whether real answers are those."""

import json
import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)

# What is different each time, by its looks. The order matters: a longer look first.
VARIABLE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"tdk_[A-Za-z0-9_-]+"), "<key>"),
    (re.compile(r"p_[A-Za-z0-9_-]{32}"), "<token>"),
    (re.compile(r"wh_[A-Za-z0-9_-]{22}"), "<webhook>"),
    (re.compile(r"whsec_[A-Za-z0-9+/]{43}="), "<secret>"),
    (re.compile(r"[0-9a-f]{16}-[0-9a-f]+"), "<request>"),
    (re.compile(r"\b\d{3,}-\d+\b"), "<cursor>"),
)
VARIABLE_MEMBERS = {"seq", "after_ms"}
KEY_ID = re.compile(r"[a-km-np-z2-9]{10}")


@dataclass
class Example:
    commands: str
    kind: str
    answer: str


def examples(text):
    """Each `sh` block with the block that follows it."""
    fences = [(match.group(1), match.group(2)) for match in FENCE.finditer(text)]
    for (kind, body), (answered, answer) in zip(fences, fences[1:]):
        if kind == "sh":
            yield Example(body, answered, answer)


def plain(text):
    for look, name in VARIABLE:
        text = look.sub(name, text)
    return text


def alike(value, member=None):
    """A JSON value with what differs each time named by its kind only."""
    if isinstance(value, dict):
        return {key: alike(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [alike(inner) for inner in value]
    if member in VARIABLE_MEMBERS:
        return type(value).__name__
    if member == "id" and isinstance(value, str) and KEY_ID.fullmatch(value):
        return "<key's id>"
    return plain(value) if isinstance(value, str) else value


def comparable(kind, answer):
    return alike(json.loads(answer)) if kind == "json" else plain(answer.strip())
