"""The repository's conformance server (crates/gateway/examples/conformance) as a process: the product's engine without its meaning."""

import os
import pathlib
import re
import subprocess

from .product import ROOT


def binary():
    """`CONFORMANCE_BIN`, else the release build of this repository."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    path = pathlib.Path(os.environ.get("CONFORMANCE_BIN") or target + "/release/examples/conformance")
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: cargo build --release -p tidings-gateway --example conformance, or set CONFORMANCE_BIN")
    return str(path)


class Conformance:
    """`with Conformance("--probe") as server`: on any port of the loopback."""

    def __init__(self, *flags):
        self.process = subprocess.Popen([binary(), "--port", "0", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", said)[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
