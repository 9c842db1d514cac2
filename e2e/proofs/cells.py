"""One client library on one transport, as one user's device, through all its lives."""

from harness.driver import BUNDLES, KINDS

from .truth import Life


class Cell:
    """One user's device: one client library on one transport, through its own stretch of network."""

    def __init__(self, kind, transport, uid, relay):
        self.kind, self.transport, self.uid, self.relay = kind, transport, uid, relay
        self.devices, self.killed, self.left = [], {}, {}  # its lives, when those that were killed were, and when they left
        self.sent = []
        self.grades = []
        self.in_load = 0  # how many were reached before their load ended
        self.frozen = None
        self.runs = {"left": 0, "killed": 0, "half-open": 0, "late": 0}
        self.failed = None

    @property
    def page(self):
        return self.kind in BUNDLES

    @property
    def device(self):
        return self.devices[-1]

    @property
    def lives(self):
        return [Life([fact["args"][0]["data"] for fact in device.events()], self.killed.get(device), self.left.get(device, []))
                for device in self.devices]

    def recorded(self):
        return {text for life in self.lives for text in life.record}


def expected(cell, path):
    """The grade that this client must reach on a way (docs/DELIVERY.md)."""
    if cell.transport in ("polling", "jsonp"):
        return "poll"
    return "engine" if KINDS[cell.kind][1] == 4 or not path.tunnels else "peer"


class LateCell(Cell):
    """A user of its own, with the client and the network of another cell."""

    def __init__(self, base, delay_ms, uid):
        super().__init__(base.kind, base.transport, uid, base.relay)
        self.base, self.delay_ms = base, delay_ms
