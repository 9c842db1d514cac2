"""The suites' server: the product's engine with short heartbeats (300 ms + 200 ms), as the public suites want it."""

import pytest

from harness.conformance import Conformance
from harness.wire import Server


@pytest.fixture(scope="session")
def port():
    with Conformance() as server:
        yield server.port


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
