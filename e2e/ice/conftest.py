"""Fixtures: our example of a `PushService`, the real door, and real Ice peers as processes of their own."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest

from harness.certificate import Authority
from harness.driver import Device
from harness.ports import free_port
from harness.product import Product

from .backends import PYTHON, command

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def echo_binary():
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    path = pathlib.Path(os.environ.get("TIDINGS_ICE_ECHO", target + "/release/examples/echo"))
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: cargo build --release -p tidings-ice --example echo, or set TIDINGS_ICE_ECHO")
    return str(path)


@pytest.fixture(scope="session", autouse=True)
def peer():
    """Debian's Ice for Python. Where it is missing, CI fails and a developer is told."""
    asked = subprocess.run([PYTHON, "-c", "import Ice"], capture_output=True, check=False)
    if asked.returncode != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("python3-zeroc-ice is not installed")


class Process:
    """A process whose first line is its port, and which says the rest line by line."""

    def __init__(self, command, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def line(self):
        return self.process.stdout.readline().strip()

    def json(self):
        return json.loads(self.line())

    def say(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def ask(self, **asked):
        self.say(asked)
        return self.json()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(15)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


@contextlib.contextmanager
def processes_in(folder):
    """`make(name, command)`: a process that ends with all that were made."""
    with contextlib.ExitStack() as stack:
        def make(name, command):
            made = Process(command, folder / f"{name}.log")
            stack.callback(made.close)
            return made
        yield make


@pytest.fixture
def start(tmp_path):
    with processes_in(tmp_path) as make:
        yield make


@pytest.fixture
def echo(start):
    """`echo(*options)`: ours, and the port it serves on."""
    def make(*options):
        made = start("echo", [echo_binary(), *options])
        made.port = int(made.line())
        return made
    return make


def client_of(start, port, *properties, transport="tcp", name="client", peer="python", proxy=None):
    """A client of the object `push` there, in the language of `peer`."""
    try:
        words = command(peer)
    except FileNotFoundError as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
    return start(name, [*words, proxy or f"push:{transport} -h 127.0.0.1 -p {port}", *properties])


@pytest.fixture
def client(start):
    """`client(port)`: a client of the object `push` there, in Python where no other `peer` is asked for."""
    return lambda *args, **named: client_of(start, *args, **named)


@pytest.fixture
def listener(start, tmp_path):
    """`listener(kind, raises)`: a Python listener, and its proxy's text."""
    def make(kind, raises="-", *properties, port=0):
        made = start("listener", [PYTHON, str(HERE / "listener.py"), kind, raises, str(port), str(tmp_path), *properties])
        made.port = int(made.line())
        transport = "ssl" if "ssl" in properties else "tcp"
        made.proxy = f"pushListener:{transport} -h 127.0.0.1 -p {made.port}"
        return made
    return make


@pytest.fixture
def authority(tmp_path):
    """`authority(name)`: a folder with a CA of that name, and certificates of `server` and `client` for 127.0.0.1."""
    def make(name="ca"):
        folder = tmp_path / name
        folder.mkdir()
        made = Authority(folder, name)
        for who in ("server", "client"):
            made.sign(who, "IP:127.0.0.1")
        return folder
    return make


@pytest.fixture
def door(tmp_path):
    """`door(*flags)`: a started server; its port for Ice is `ice`."""
    started = []

    def make(*flags, start=True, **settings):
        port = free_port()
        product = Product(tmp_path, "--ice", f"127.0.0.1:{port}", *flags, **settings)
        product.ice = port
        started.append(product)
        if start:
            product.start()
        return product
    yield make
    for product in started:
        product.close()
        print(f"--- the server's last lines ---\n{product.log()}")


@pytest.fixture
def phone(tmp_path):
    """`phone(product, uid)`: a registered device."""
    made = []

    def make(product, uid="42"):
        device = Device("python-5.18.1", "websocket", uid, product.devices_url, tmp_path)
        made.append(device)
        device.ready()
        device.settled(device.connect())
        device.register()
        return device
    yield make
    for device in made:
        device.close()


def key(product, scopes, by=None, app=None):
    headers = {"Authorization": f"Bearer {by}"} if by else {}
    if app:
        headers["Tidings-App"] = app
    answer = product.backend.call("POST", "/v1/keys", {"scopes": scopes}, headers)
    assert answer.status == 201, answer
    return answer.json["key"]
