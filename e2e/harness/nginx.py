"""Debian's nginx as a user's proxy: `deploy/nginx/tidings.conf` as it is, but for its addresses and log."""

import pathlib
import shutil
import socket
import subprocess
import time

from .ports import free_port

SNIPPET = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "tidings.conf"


class Nginx:
    def __init__(self, folder, devices_port):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.access_log = self.folder / "access.log"
        snippet = SNIPPET.read_text()
        for theirs, ours in {"tidings:5000": f"127.0.0.1:{devices_port}", "listen 80;": f"listen 127.0.0.1:{self.port};",
                             "/var/log/nginx/access.log": str(self.access_log)}.items():
            assert theirs in snippet
            snippet = snippet.replace(theirs, ours)
        self.config = self.folder / "nginx.conf"
        self.config.write_text(f"pid {self.folder}/nginx.pid; error_log {self.folder}/error.log; worker_processes 1; daemon off; user root;\n"
                               f"events {{ worker_connections 4096; }}\nhttp {{ client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;\n"
                               f"fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;\n{snippet}\n}}\n")
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-c", str(self.config), "-p", str(self.folder)])
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, "nginx does not listen"
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
