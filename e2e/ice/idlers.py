"""Ice clients that call once, are left alone for 95 s, beside all other tests, and then call again."""

import contextlib
import threading

from harness.ports import free_port
from harness.product import Product

from .backends import PEERS, PRESENT, command
from .conftest import Process


# Longer than a 3.7 client leaves a silent connection open, and well below the 300 s after which the server closes an unused one.
IDLE_S = 95


class Idlers:
    def __init__(self, folder):
        self.folder, self.stack = folder, contextlib.ExitStack()
        self.told = {}  # what each was answered then, and whether its connection was the same
        self.timer = threading.Timer(IDLE_S, self.ask)

    def __enter__(self):
        port = free_port()
        product = self.stack.enter_context(contextlib.closing(Product(self.folder, "--ice", f"127.0.0.1:{port}")))
        product.start()
        self.callers = {peer: self.caller(peer, port) for peer in PEERS if PRESENT[peer]()}
        for caller in self.callers.values():
            assert caller.ask(do="keep") == {"value": False}
            assert caller.ask(do="call", op="online", args=[["42"]]) == {"value": []}
        self.timer.start()
        return self

    def ask(self):
        for peer, caller in self.callers.items():
            try:
                self.told[peer] = (caller.ask(do="call", op="online", args=[["42"]]), caller.ask(do="keep"))
            except AssertionError as why:
                self.told[peer] = why

    def caller(self, peer, port):
        made = Process([*command(peer), f"push:tcp -h 127.0.0.1 -p {port}"], self.folder / f"{peer}.log")
        self.stack.callback(made.close)
        return made

    def __exit__(self, *_):
        self.timer.cancel()
        self.timer.join()
        self.stack.close()
