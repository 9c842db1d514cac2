"""The suites' servers: the product's engine with the short heartbeats that the public suites want (300 ms + 200 ms) where a test is
about them, and with long ones elsewhere, so that a busy machine ends no session.
"""

import pytest

from harness.conformance import Conformance
from harness.wire import Server


@pytest.fixture(scope="session")
def port():
    with Conformance("--ping-interval", "10000", "--ping-timeout", "10000") as server:
        yield server.port


@pytest.fixture(scope="session")
def quick_port():
    with Conformance() as server:
        yield server.port


@pytest.fixture
def quick3(quick_port):
    return Server(quick_port, 3, "/engine.io/")


@pytest.fixture
def quick4(quick_port):
    return Server(quick_port, 4, "/engine.io/")


@pytest.fixture
def eio3(port):
    return Server(port, 3, "/engine.io/")


@pytest.fixture
def eio4(port):
    return Server(port, 4, "/engine.io/")


@pytest.fixture
def sio4(port):
    return Server(port, 3)


@pytest.fixture
def sio5(port):
    return Server(port, 4)
