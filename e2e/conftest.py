"""Fixtures: the real server on one folder with fixed ports, and real clients that end with the test."""

import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.driver import Device, Process  # noqa: E402
from harness.page import Browser  # noqa: E402
from harness.product import Product  # noqa: E402
from ice.idlers import Idlers  # noqa: E402


@contextlib.contextmanager
def running(folder, *flags, **settings):
    product = Product(folder, *flags, **settings)
    try:
        product.start()
        yield product
    finally:
        product.close()
        print(f"--- the server's last lines ---\n{product.log()}")


@pytest.fixture(scope="session")
def idlers(tmp_path_factory):
    with Idlers(tmp_path_factory.mktemp("idlers")) as idlers:
        yield idlers


def pytest_collection_modifyitems(items):
    """Who asks for the idlers comes last."""
    items.sort(key=lambda item: "idlers" in item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def early(request):
    """The idlers begin with the session, so that nobody has to wait for them."""
    if any("idlers" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("idlers")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One Chromium for all; each page has cookies and storage of its own."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def server(tmp_path):
    with running(tmp_path) as product:
        yield product


@pytest.fixture
def backend(server):
    return server.backend


@pytest.fixture
def device(tmp_path, server):
    """`device(kind, transport, uid)`: a real client aimed at the server, not yet connected."""
    with contextlib.ExitStack() as stack:
        def make(kind, transport="upgrade", uid="42"):
            made = Device(kind, transport, uid, server.devices_url, tmp_path)
            stack.callback(made.close)
            return made.ready()
        yield make


@pytest.fixture
def program(tmp_path):
    """`program(name, command)`: any other program that says facts as JSON lines."""
    with contextlib.ExitStack() as stack:
        def make(name, command):
            made = Process(name, command, tmp_path / f"{name}.log")
            stack.callback(made.close)
            return made
        yield make
