"""The tutorial's server (examples/tutorial) as a process."""

import os
import pathlib
import subprocess
import time

from .backend import Backend
from .ports import free_port
from .product import binary, environment


def tutorial_binary():
    """`TIDINGS_TUTORIAL_BIN`, else what was built beside the product."""
    path = pathlib.Path(os.environ.get("TIDINGS_TUTORIAL_BIN") or pathlib.Path(binary()).parent / "tidings-tutorial")
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: cargo build --release -p tidings-tutorial, or set TIDINGS_TUTORIAL_BIN")
    return str(path)


class Tutorial:
    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.backend = Backend(self.port)
        self.log_path = pathlib.Path(folder) / "tutorial.log"
        command = [tutorial_binary(), "--port", str(self.port), "--data", str(pathlib.Path(folder) / "data")]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        self._await(20)

    def _await(self, patience):
        end = time.monotonic() + patience
        while not self._answers():
            assert self.process.poll() is None, f"the tutorial ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < end, f"the tutorial was not ready within {patience} s:\n{self.log()}"
            time.sleep(0.01)

    def _answers(self):
        try:
            return self.backend.call("GET", "/healthz", timeout=2).status == 200
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
