"""Two doors that share nothing, a stop that devices notice, exit codes, and the commands that talk to a running server."""

import concurrent.futures
import json
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.backend import Backend
from harness.product import Product, binary, environment

BACKEND_PATHS = ("/message", "/v1/messages", "/v1/events", "/v1/keys", "/v1/apps", "/readyz", "/metrics", "/openapi.json", "/")
OPEN = {3: "/socket.io/?EIO=3&transport=polling", 4: "/socket.io/?EIO=4&transport=polling"}


def tidings(*arguments, timeout=20, **settings):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env=environment(**settings))


def open_session(door, revision):
    body = door.call("GET", OPEN[revision]).body
    return OPEN[revision] + "&sid=" + re.search(r'"sid":"([\w-]+)"', body).group(1)


# --- two listeners ---

@pytest.mark.parametrize("path", BACKEND_PATHS)
@pytest.mark.parametrize("method", ("GET", "POST"))
def test_nothing_of_the_backend_is_reachable_through_the_device_port(server, method, path):
    answer = Backend(server.devices_port).call(method, path, {"data": "x"} if method == "POST" else None)
    assert answer.status == 404
    assert "tidings-request-id" not in answer.headers


@pytest.mark.parametrize("path", (*OPEN.values(), "/socket.io/?EIO=4&transport=websocket", "/socket.io/socket.io.js"))
def test_nothing_of_the_devices_is_reachable_through_the_backend_port(server, path):
    assert server.backend.call("GET", path).status == 404
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert server.backend.call("GET", path, headers=upgrade).status == 404


def test_both_doors_say_that_the_process_is_alive(server):
    assert [Backend(port).call("GET", "/healthz").status for port in (server.devices_port, server.backend_port)] == [200, 200]


@pytest.mark.parametrize("revision", (3, 4))
def test_a_get_that_names_an_empty_body_is_served(server, revision):
    """`Content-Length: 0` is what some HTTP clients put on every request."""
    door, empty = Backend(server.devices_port), {"Content-Length": "0"}
    opened = door.call("GET", OPEN[revision], headers=empty)
    assert opened.status == 200
    sid = re.search(r'"sid":"([\w-]+)"', opened.body).group(1)
    if revision == 4:
        door.call("POST", f"{OPEN[revision]}&sid={sid}", b"40")
    assert door.call("GET", f"{OPEN[revision]}&sid={sid}", headers=empty).status == 200


def test_the_addresses_are_written_where_a_program_finds_them(server):
    addresses = server.addresses()
    assert addresses["devices"] == f"127.0.0.1:{server.devices_port}"
    assert addresses["backend"] == f"127.0.0.1:{server.backend_port}"


# --- stopping ---

@pytest.mark.parametrize(("revision", "close"), ((4, "1"), (3, "1:1")))
def test_an_open_poll_gets_the_close_packet_at_sigterm(server, revision, close):
    door = Backend(server.devices_port)
    path = open_session(door, revision)
    if revision == 4:
        assert door.call("POST", path, b"40").body == "ok"
    assert "40" in door.call("GET", path).body
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(door.call, "GET", path)
        assert concurrent.futures.wait([held], 0.5).not_done, "the poll was answered although there was nothing to say"
        server.signal()
        assert held.result(5).body == close
    assert server.wait(10) == 0


@pytest.mark.parametrize("kind", ("java-0.8.3", "java-2.1.2", "js-4.8.4", "python-4.6.1"))
@pytest.mark.parametrize("transport", ("websocket", "polling"))
def test_devices_notice_a_stop_and_it_ends_well(server, device, kind, transport):
    phone = device(kind, transport)
    since = phone.connect(register_on_connect="42")
    phone.registered(since)
    began = time.monotonic()
    server.signal()
    phone.wait_on("disconnected", 5, since)
    assert server.wait(10) == 0
    assert time.monotonic() - began < 5
    assert not (server.data / "addresses.json").exists()


def test_a_stop_closes_the_device_port_at_once_and_ends_waits(server):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        cursor = server.backend.page()[1]
        waiting = pool.submit(server.backend.page, cursor, (), 30)
        assert concurrent.futures.wait([waiting], 0.3).not_done
        server.signal()
        assert waiting.result(5)[0] == []
    assert server.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        Backend(server.devices_port).call("GET", "/healthz")


def test_a_second_signal_ends_it_at_once_with_1(server):
    """A device that never answers holds a stop for its 600 ms, in which the second signal comes."""
    door = Backend(server.devices_port)
    with socket.create_connection(("127.0.0.1", server.devices_port)) as silent:
        silent.sendall(b"GET /socket.io/?EIO=4&transport=websocket&uid=42 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                       b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert silent.recv(4096).startswith(b"HTTP/1.1 101")
        silent.sendall(b"\x81\x82\0\0\0\x0040")
        assert "200" in str(door.call("GET", "/healthz"))
        server.signal()
        time.sleep(0.15)
        server.signal()
        assert server.wait(5) == 1


def test_what_was_stored_before_a_stop_is_there_after_the_next_start(server, device):
    phone = device("js-4.8.4", "websocket")
    phone.registered(phone.connect(register_on_connect="42"))
    phone.order("disconnect")
    phone.wait_on("disconnected")
    server.backend.send("kept", uid="42")
    assert server.stop() == 0
    server.start()
    since = phone.connect(register_on_connect="42")
    phone.wait(lambda fact: fact["on"] == "event" and fact["args"] == [{"data": "kept"}], 10, since, "the kept message")


# --- exit codes ---

def test_a_second_server_on_the_folder_exits_1_and_names_the_first(server):
    second = tidings("serve", "--data", str(server.data), "--devices", "127.0.0.1:0", "--backend", "127.0.0.1:0")
    assert second.returncode == 1
    assert str(server.process.pid) in second.stderr
    assert server.backend.ready(), "the first must not be disturbed"
    assert server.addresses()["backend"] == f"127.0.0.1:{server.backend_port}"


@pytest.mark.parametrize(("flag", "port"), (("--devices", "devices_port"), ("--backend", "backend_port")))
def test_a_port_in_use_exits_1_and_names_the_flag(server, tmp_path, flag, port):
    other = "--backend" if flag == "--devices" else "--devices"
    taken = f"127.0.0.1:{getattr(server, port)}"
    second = tidings("serve", "--data", str(tmp_path / "other"), flag, taken, other, "127.0.0.1:0")
    assert second.returncode == 1
    assert flag in second.stderr and taken.split(":")[1] in second.stderr


@pytest.mark.parametrize("arguments", (
    ("--no-such-flag",),
    ("serve", "--no-such-flag"),
    ("serve", "--devices", "nonsense"),
    ("serve", "--devices", "0.0.0.0:0", "--backend", "127.0.0.1:0"),
    ("serve", "--devices", "127.0.0.1:0", "--backend", "0.0.0.0:0"),
    ("send",),
))
def test_bad_usage_and_refused_binds_exit_2(tmp_path, arguments):
    extra = ("--data", str(tmp_path / "data")) if arguments[0] == "serve" else ()
    ended = tidings(*arguments, *extra)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.strip()


def test_an_unknown_setting_exits_2_and_names_the_nearest(tmp_path):
    (tmp_path / "tidings.toml").write_text('[devices]\nping_intervall_ms = 1000\n')
    ended = tidings("serve", "--config", str(tmp_path / "tidings.toml"), "--data", str(tmp_path / "data"))
    assert ended.returncode == 2 and "ping_interval_ms" in ended.stderr.replace("ping_intervall_ms", "")


def test_check_config_names_every_problem_with_its_line(tmp_path):
    file = tmp_path / "tidings.toml"
    file.write_text('[devices]\nping_intervall_ms = 1000\n\n[legacy]\np2p_event = "nonsense"\n')
    ended = tidings("check-config", str(file))
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert re.search(r"\b2\b", said) and re.search(r"\b5\b", said)
    file.write_text('[devices]\nping_interval_ms = 30000\n')
    assert tidings("check-config", str(file)).returncode == 0


# --- the commands ---

@pytest.fixture
def listener(server):
    process = subprocess.Popen([binary(), "listen", "--url", server.devices_url, "--uid", "42", "--legacy"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, env=environment(), bufsize=1)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def line_with(process, *parts, lines=20):
    """The next printed line that has all the parts."""
    for _ in range(lines):
        line = process.stdout.readline()
        if all(part in line for part in parts) or not line:
            assert line, f"the listener ended without a line that has {parts}"
            return line
    raise AssertionError(f"no line has {parts}")


def test_send_and_listen_are_a_backend_and_a_device_in_two_terminals(server, listener):
    token = re.search(r"p_[\w-]{32}", line_with(listener, "42", "p_")).group(0)
    to_all = tidings("send", "--url", server.backend_url, "--all", '{"hello":"é €"}')
    assert to_all.returncode == 0, to_all.stderr
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}", to_all.stdout), "no message id was printed"
    line_with(listener, "app broadcast", '{"hello":"é €"}')
    assert tidings("send", "--url", server.backend_url, "--uid", "42", '"hi 😀"').returncode == 0
    line_with(listener, '{"data":"hi 😀"}')
    assert tidings("send", "--url", server.backend_url, "--token", token, "1").returncode == 0
    line_with(listener, '{"data":1}')


def test_send_says_why_it_was_refused(server):
    unknown = tidings("send", "--url", server.backend_url, "--uid", "nobody", '"x"')
    assert unknown.returncode == 1 and "unknown_target" in unknown.stderr
    too_big = tidings("send", "--url", server.backend_url, "--all", json.dumps("x" * 5000))
    assert too_big.returncode == 1 and "payload_too_large" in too_big.stderr


def test_send_without_a_server_fails_with_1(tmp_path):
    assert tidings("send", "--url", f"http://127.0.0.1:{Product(tmp_path).backend_port}", "--all", "1").returncode == 1


def test_listen_comes_back_after_a_restart_and_gets_what_it_missed(server, listener):
    line_with(listener, "42", "p_")
    server.kill()
    server.start()
    server.backend.send("missed", uid="42")
    line_with(listener, '{"data":"missed"}')
