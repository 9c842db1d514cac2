"""What TLS costs per connection of the devices' listener: `e2e/.cache/harness/bin/python e2e/measure_tls.py`, on Linux.

Two servers in turn, one plain and one with TLS; each is dialled 3,000 times, asked for /healthz, and the connections stay open. Printed:
the server's resident memory and CPU time for each, less what it had after the first 200.
"""

import contextlib
import os
import pathlib
import resource
import socket
import ssl
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.certificate import Authority  # noqa: E402
from harness.product import Product  # noqa: E402

CONNECTIONS, FIRST = 3000, 200


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def cpu_s(pid):
    numbers = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def dial(port, context):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    if context:
        connection = context.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.recv(1000)
    return connection


def measure(name, folder, context, **settings):
    folder.mkdir()
    product = Product(folder, **settings)
    with contextlib.closing(product):
        product.start()
        pid = product.process.pid
        kept = [dial(product.devices_port, context) for _ in range(FIRST)]
        memory, cpu = resident_kib(pid), cpu_s(pid)
        kept += [dial(product.devices_port, context) for _ in range(CONNECTIONS)]
        memory, cpu = resident_kib(pid) - memory, cpu_s(pid) - cpu
        print(f"{name}: {memory / CONNECTIONS:.2f} KiB and {cpu / CONNECTIONS * 1e6:.0f} us of CPU a connection")


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = pathlib.Path(tempfile.mkdtemp())
    authority = Authority(folder)
    cert, key = authority.sign("device")
    measure("plain", folder / "plain", None)
    measure("TLS", folder / "tls", ssl.create_default_context(cafile=authority.cert),
            TIDINGS_DEVICES__TLS__CERT=str(cert), TIDINGS_DEVICES__TLS__KEY=str(key))


main()
