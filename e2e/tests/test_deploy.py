"""What is in `deploy/`: each file is accepted by the tool it is for, and nginx carries real clients."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from conftest import running
from harness.driver import HERE, Device
from harness.nginx import Nginx
from harness.product import binary

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def accepted(*command):
    path = f"{os.environ['PATH']}:/usr/sbin:{pathlib.Path(sys.executable).parent}"
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=60)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_systemd_accepts_the_unit(tmp_path):
    unit = tmp_path / "tidings.service"
    unit.write_text((DEPLOY / "tidings.service").read_text().replace("/usr/local/bin/tidings", shutil.which("true")))
    assert accepted("systemd-analyze", "verify", str(unit)) == ""


def test_the_container_file_and_the_compose_file_pass_their_linters():
    accepted("hadolint", "--failure-threshold", "warning", str(DEPLOY / "Containerfile"))
    accepted("node", str(HERE / "node" / "node_modules" / "dclint" / "bin" / "dclint.cjs"), str(DEPLOY / "compose.yaml"))


def test_caddy_accepts_its_snippet():
    accepted("caddy", "validate", "--config", str(DEPLOY / "caddy" / "Caddyfile"), "--adapter", "caddyfile")


def test_the_commented_configuration_has_no_problem():
    accepted(binary(), "check-config", str(DEPLOY / "tidings.toml"))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    settings = {"TIDINGS_DEVICES__TRUSTED_PROXIES": "127.0.0.1", "TIDINGS_LEGACY__LISTEN_DELAY_MS": "0"}
    with running(folder, **settings) as server, Nginx(folder, server.devices_port) as nginx:
        yield server, nginx


CELLS = [("java-0.8.3", "polling", "poll"), ("java-0.8.3", "upgrade", "peer"), ("java-2.1.2", "upgrade", "engine"),
         ("js-4.8.4", "polling", "poll"), ("js-4.8.4", "upgrade", "engine"), ("python-5.18.1", "websocket", "engine")]


@pytest.mark.parametrize("kind, transport, grade", CELLS)
def test_nginx_carries_and_does_not_spoil_proof(proxied, tmp_path, kind, transport, grade):
    server, nginx = proxied
    reported = server.backend.follow("message.reported")
    with contextlib.closing(Device(kind, transport, f"{kind} {transport}", nginx.url, tmp_path)) as device:
        device.settled(device.connect(query="token=canary-credential"), patience=60)
        device.register()
        sent = server.backend.send("through nginx", uid=device.uid)
        device.wait_on("event")
        mine = lambda events: [each for each in events if each["data"]["message_id"] == sent["id"]]  # noqa: E731
        assert reported.until(mine, 20, time.monotonic)
    assert mine(reported.seen)[0]["data"]["proof"] == grade
    assert [data for _, data in device.received()] == ["through nginx"]


def test_no_credential_stands_in_the_access_log(proxied):
    _, nginx = proxied
    log = nginx.access_log.read_text()
    assert "GET /socket.io/" in log and "canary-credential" not in log
