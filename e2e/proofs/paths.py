"""The ways from a client to the server, each with the settings that an operator has for it.

`with PATHS[name].open(folder) as way`: a server, and the port that clients are to use. `way.fire()` is what goes wrong on that way
while messages are sent.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import threading

from harness.driver import HERE, Process
from harness.nginx import Nginx
from harness.product import Product

TRUSTED = {"TIDINGS_DEVICES__TRUSTED_PROXIES": "127.0.0.1"}
# Quick enough for a slow proof (two heartbeats) within a test, slow enough for a loaded machine.
HEARTBEATS = {"TIDINGS_DEVICES__PING_INTERVAL_MS": "8000", "TIDINGS_DEVICES__PING_TIMEOUT_MS": "7000"}
NO_TUNNEL = {**TRUSTED, **HEARTBEATS, "TIDINGS_DEVICES__PROXY_TUNNELS": "false"}
WORKER_LIVES_S = 0.4


class Way:
    def __init__(self, server, port, fire=contextlib.nullcontext):
        self.server, self.port, self.fire = server, port, fire
        self.backend = server.backend


@dataclasses.dataclass(frozen=True)
class Path:
    name: str
    says: str
    settings: dict
    proxy: object
    tunnels: bool = True
    under_fire: bool = False
    # Settings for the loads only, where an operator's own would leave nothing to see.
    for_loads: dict = dataclasses.field(default_factory=dict)

    @property
    def is_quick(self):
        """A proof comes at once."""
        return self.tunnels and not self.under_fire

    @contextlib.contextmanager
    def open(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        server = Product(folder, **self.settings)
        try:
            server.start(60)
            with self.proxy(folder, server) as way:
                yield way
        finally:
            server.close()


@contextlib.contextmanager
def none(_folder, server):
    yield Way(server, server.devices_port)


@contextlib.contextmanager
def nginx(folder, server):
    with Nginx(folder, server.devices_port) as proxy:
        yield Way(server, proxy.port)


@contextlib.contextmanager
def dying_nginx(folder, server):
    with Nginx(folder, server.devices_port) as proxy:
        yield Way(server, proxy.port, lambda: killed_often(proxy.process.pid))


def workers(master):
    children = pathlib.Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(child) for child in children.split()]


@contextlib.contextmanager
def killed_often(master):
    """SIGKILL to nginx's worker again and again; its master starts another. What it was carrying is gone."""
    stop = threading.Event()

    def kill():
        while not stop.wait(WORKER_LIVES_S):
            for worker in workers(master):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    thread = threading.Thread(target=kill, name="who kills nginx's worker")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def terminating(pings):
    @contextlib.contextmanager
    def proxy(folder, server):
        process = Process("proxy", ["node", str(HERE / "node" / "proxy.js"), str(server.devices_port), pings], folder / "proxy.log")
        try:
            yield Way(server, process.wait_on("ready", 60)["port"])
        finally:
            process.close()
    return proxy


PATHS = {path.name: path for path in [
    Path("direct", "no proxy", {}, none),
    Path("nginx", "nginx with `deploy/nginx/tidings.conf`, in `trusted_proxies`", TRUSTED, nginx),
    Path("terminating", "a proxy that ends WebSockets and sends pings on; `proxy_tunnels = false`", NO_TUNNEL, terminating("passes"), tunnels=False),
    Path("answering", "a proxy that ends WebSockets and answers pings itself; `proxy_tunnels = false`", NO_TUNNEL, terminating("answers"), tunnels=False),
    # No WebSocket lives for a second here. Its apps attach their listener inside `_register`, so the delay can go.
    Path("nginx-killed", "nginx whose worker is killed every 0.4 s while messages are sent", TRUSTED, dying_nginx, under_fire=True,
         for_loads={"TIDINGS_LEGACY__LISTEN_DELAY_MS": "0"}),
    Path("unlisted", "the proxy that answers pings, forgotten in `trusted_proxies`: its X-Forwarded-For gives it away", HEARTBEATS, terminating("answers"), tunnels=False),
]}
# What nobody may configure: shows that a false proof is found where there is one.
LIE = Path("lie", "the proxy that answers pings, declared a tunnel", TRUSTED, terminating("answers"))
