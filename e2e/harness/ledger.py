"""Judges what a device got against what was acknowledged: nothing lost, order kept, and each repeat with its reason."""


class Ledger:
    """All acknowledged messages by their text, with the log position that orders them."""

    def __init__(self):
        self.positions = {}  # data -> seq
        self.directs = {}  # uid -> [data]
        self.broadcasts = []

    def add(self, data, answer, uid=None):
        seq = int(answer["seq"])
        assert data not in self.positions, f"{data} was acknowledged twice"
        self.positions[data] = seq
        (self.broadcasts if uid is None else self.directs.setdefault(uid, [])).append(data)

    def owed(self, uid):
        """What the device must have had, in log order."""
        return sorted([*self.directs.get(uid, ()), *self.broadcasts], key=self.positions.__getitem__)

    def lost(self, device):
        had = set(device.datas())
        return [data for data in self.owed(device.uid) if data not in had]

    def strangers(self, device):
        owed = set(self.owed(device.uid))
        return [data for data in device.datas() if data not in owed]

    def disorder(self, device):
        """Pairs that came in the wrong order, or twice, on one connection: there the order of the log is promised."""
        wrong = []
        for life in device.lives:
            positions = [(self.positions[entry.data], entry.data) for entry in life.received if entry.data in self.positions]
            wrong += [(before, after) for before, after in zip(positions, positions[1:]) if before[0] >= after[0]]
        return wrong


def repeats(device):
    """(entry, life that had it before, index in it) for each message that a later life brought again."""
    seen, found = {}, []
    for life in device.lives:
        for index, entry in enumerate(life.received):
            if entry.data in seen:
                found.append((entry, *seen[entry.data]))
            seen[entry.data] = (life, index)
    return found
