"""Ports that stay ours while the server is down."""

import random
import socket

# Below the range that the kernel hands out to outgoing connections: while a killed server is down, a client's own
# connection must not land on its port.
FIRST, LAST = 15_000, 30_000


def free_port():
    for _ in range(200):
        port = random.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found")
