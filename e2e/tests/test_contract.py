"""The HTTP contract: the document, a fuzzer that believes it, and the examples of docs/API.md as they are printed."""

import json
import re
import subprocess

import pytest

from harness.examples import comparable, examples
from harness.product import ROOT, binary, environment

TOOLS = ROOT / "e2e" / ".cache" / "contract" / "bin"
PAGE = (ROOT / "docs" / "API.md").read_text()
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method")


@pytest.fixture
def phone(server, tmp_path):
    """The device that the page asks for; the server, once it is registered."""
    command = [binary(), "listen", "--uid", "42", "--legacy", "--url", server.devices_url]
    with open(tmp_path / "phone.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment())
    try:
        assert b"registered as 42" in process.stdout.readline()
        yield server
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_public_validator_accepts_the_document():
    checked = subprocess.run([TOOLS / "openapi-spec-validator", ROOT / "docs" / "openapi.json"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_running_server_shows_the_committed_document(server):
    assert server.backend.call("GET", "/openapi.json").body == (ROOT / "docs" / "openapi.json").read_text()


def fuzz(server, folder, *flags):
    """Calls what the document says there is; with flags of schemathesis. Bounded by a few calls for each operation."""
    command = [TOOLS / "schemathesis", "run", f"{server.backend_url}/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", "4",
               "--generation-deterministic", "--no-color", *flags]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, env=environment())
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
    assert server.running()


def test_a_fuzzer_finds_no_broken_and_no_undocumented_answer_without_keys(phone, tmp_path):
    """Without the one operation that would end that."""
    fuzz(phone, tmp_path, "--exclude-operation-id", "createKey")
    assert phone.backend.call("GET", "/v1/keys").status == 200


def test_a_fuzzer_finds_no_broken_and_no_undocumented_answer_with_the_key_of_an_administrator(phone, tmp_path):
    scopes = ["send", "send:all", "read", "devices", "admin"]
    key = phone.backend.call("POST", "/v1/keys", {"scopes": scopes}).json["key"]
    fuzz(phone, tmp_path, "--header", f"Authorization: Bearer {key}")
    assert phone.backend.call("GET", "/v1/keys").status == 401


def status(server, method, path, operation, key=None):
    body = {} if "requestBody" in operation else None
    return server.backend.call(method.upper(), path, body, {"Authorization": f"Bearer {key}"} if key else {}).status


def test_what_an_operation_says_that_it_needs_is_asked_for(server):
    """By the document alone: no key and each scope in turn, at each operation."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    root = server.backend.call("POST", "/v1/keys", {"scopes": ["admin"]}).json["key"]
    keys = {}
    for scope in document["components"]["schemas"]["Key"]["properties"]["scopes"]["items"]["enum"]:
        made = server.backend.call("POST", "/v1/keys", {"scopes": [scope]}, {"Authorization": f"Bearer {root}"})
        keys[scope] = made.json["key"]
    for path, item in document["paths"].items():
        filled = re.sub(r"\{\w+\}", "nosuch", path)
        for method, operation in item.items():
            needs = operation["security"]
            is_open = needs == [] or {} in needs
            assert (status(server, method, filled, operation) != 401) == is_open, (method, path)
            for scope, key in keys.items():
                is_enough = needs == [] or {"bearer": [scope]} in needs
                assert (status(server, method, filled, operation, key) != 403) == is_enough, (method, path, scope)


def test_every_operation_has_an_example():
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert operations == set(re.findall(r"^### `([A-Z]+ \S+)`$", PAGE, re.M))


def test_every_example_works_as_it_is_printed(phone, tmp_path):
    """One shell runs them all in their order; only where the server listens is put in."""
    all_of_it = list(examples(PAGE))
    lines = ["set -eu"]
    for number, example in enumerate(all_of_it):
        lines += [f"exec > {number}.out", example.commands.replace("127.0.0.1:5001", f"127.0.0.1:{phone.backend_port}")]
    ran = subprocess.run(["bash"], input="\n".join(lines), capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment())
    assert ran.returncode == 0, ran.stderr
    for number, example in enumerate(all_of_it):
        answer = (tmp_path / f"{number}.out").read_text()
        assert comparable(example.kind, answer) == comparable(example.kind, example.answer), example.commands


def test_why_tells_a_user_in_words(phone):
    phone.backend.send("hello", uid="42")
    command = [binary(), "why", "--url", phone.backend_url, "--uid"]
    told = subprocess.run([*command, "42"], capture_output=True, text=True, timeout=20, env=environment())
    lines = told.stdout.splitlines()
    assert told.returncode == 0 and lines[0].startswith("42: online now; 1 device;"), told
    assert {line.split()[2] for line in lines[1:-1]} == {"registered", "online", "sent"}, told.stdout
    assert "\x1b" not in told.stdout
    unknown = subprocess.run([*command, "43"], capture_output=True, text=True, timeout=20, env=environment())
    assert unknown.returncode == 1 and unknown.stderr.startswith("not_found: "), unknown
