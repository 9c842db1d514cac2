"""Ice clients that call once and are then left alone, beside all other tests."""

import contextlib
import time

from harness.ports import free_port
from harness.product import Product

from .backends import PEERS, PRESENT, command
from .conftest import Process


class Idlers:
    def __init__(self, folder):
        self.folder, self.stack = folder, contextlib.ExitStack()

    def __enter__(self):
        port = free_port()
        product = self.stack.enter_context(contextlib.closing(Product(self.folder, "--ice", f"127.0.0.1:{port}")))
        product.start()
        self.callers = {peer: self.caller(peer, port) for peer in PEERS if PRESENT[peer]()}
        for caller in self.callers.values():
            assert caller.ask(do="keep") == {"value": False}
            assert caller.ask(do="call", op="online", args=[["42"]]) == {"value": []}
        self.since = time.monotonic()
        return self

    def caller(self, peer, port):
        made = Process([*command(peer), f"push:tcp -h 127.0.0.1 -p {port}"], self.folder / f"{peer}.log")
        self.stack.callback(made.close)
        return made

    def __exit__(self, *_):
        self.stack.close()
