"""Judges what a device got against what was acknowledged: nothing lost, order kept, and each repeat with its reason."""

import collections


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
        """Pairs that came in the wrong order after `_register`, and what one connection brought twice."""
        wrong = []
        for life in device.lives:
            known = [entry.data for entry in life.received if entry.data in self.positions]
            ordered = [entry.data for entry in life.received[life.before or 0:] if entry.data in self.positions]
            wrong += [(one, two) for one, two in zip(ordered, ordered[1:]) if self.positions[one] >= self.positions[two]]
            wrong += [(data, data) for data, times in collections.Counter(known).items() if times > 1]
        return wrong

    def ahead_of_a_gap(self, device, entry, until, certain):
        """Whether something older was still unproven when the life `until` ended: a device's cursor is one position and cannot jump it.

        `certain(life)`: how many of its messages that life has proven for certain.
        """
        proven = set()
        for life in device.lives:
            proven.update(had.data for had in life.received[:certain(life)])
            if life is until:
                break
        position = self.positions[entry.data]
        return any(self.positions[data] < position for data in self.owed(device.uid) if data not in proven)


def repeats(device):
    """(entry, life that had it before, index in it) for each message that a later life brought again."""
    seen, found = {}, []
    for life in device.lives:
        for index, entry in enumerate(life.received):
            if entry.data in seen:
                found.append((entry, *seen[entry.data]))
            seen[entry.data] = (life, index)
    return found
