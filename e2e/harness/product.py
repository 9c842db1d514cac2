"""The real binary as a process: started, asked, killed and started again on one folder and fixed ports."""

import json
import os
import pathlib
import signal
import subprocess
import time

from .backend import Backend
from .ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """`TIDINGS_BIN`, else the release build of this repository."""
    named = os.environ.get("TIDINGS_BIN")
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    path = pathlib.Path(named or target + "/release/tidings")
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: cargo build --release -p tidings, or set TIDINGS_BIN")
    return str(path)


def environment(**extra):
    """The caller's environment without any TIDINGS_ variable: a test must not depend on the shell it runs in."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TIDINGS_")}
    return {**clean, **extra}


class Product:
    def __init__(self, folder, *flags, **settings):
        self.data = pathlib.Path(folder) / "data"
        self.log_path = pathlib.Path(folder) / "server.log"
        self.devices_port, self.backend_port = free_port(), free_port()
        self.backend = Backend(self.backend_port)
        self.flags = list(flags)
        self.settings = settings
        self.process = None

    @property
    def devices_url(self):
        return f"http://127.0.0.1:{self.devices_port}"

    @property
    def backend_url(self):
        return f"http://127.0.0.1:{self.backend_port}"

    def command(self):
        return [binary(), "serve", "--data", str(self.data), "--devices", f"127.0.0.1:{self.devices_port}",
                "--backend", f"127.0.0.1:{self.backend_port}", *self.flags]

    def spawn(self):
        """Starts it without waiting for anything."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment(**self.settings))

    def start(self, patience=20):
        """Returns when `readyz` says so; the time it took in seconds."""
        began = time.monotonic()
        self.spawn()
        while not self.backend.ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode} at start:\n{self.log()}")
            if time.monotonic() - began > patience:
                raise AssertionError(f"the server was not ready within {patience} s:\n{self.log()}")
            time.sleep(0.01)
        return time.monotonic() - began

    def addresses(self, patience=20):
        """They are written when all doors are open, the backend's perhaps a moment before."""
        end = time.monotonic() + patience
        while not (self.data / "addresses.json").exists() and time.monotonic() < end:
            time.sleep(0.01)
        return json.loads((self.data / "addresses.json").read_text())

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL: nothing is flushed, nobody is told."""
        self.process.kill()
        self.process.wait()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, patience=35):
        """The exit code."""
        return self.process.wait(timeout=patience)

    def stop(self, patience=35):
        self.signal(signal.SIGTERM)
        return self.wait(patience)

    def restart(self):
        self.kill()
        return self.start()

    def close(self):
        """Ends it whatever a test left behind."""
        if self.running():
            self.kill()

    def until_logged(self, text, patience=20):
        """Waits until the log says so."""
        end = time.monotonic() + patience
        while text not in (self.log_path.read_text(errors="replace") if self.log_path.exists() else ""):
            assert time.monotonic() < end and self.running(), f"the log does not say {text!r}:\n{self.log()}"
            time.sleep(0.02)

    def log(self, lines=40):
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
