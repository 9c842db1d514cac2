"""The README's tour, run as it is printed, in namespaces of its own: it has the default ports to itself and can end nothing but its own."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness.product import ROOT, binary, environment

# Each with what it needs of the system, and a command that shows that it is there.
TOURS = {
    "A 60-second tour": None,
    "The tutorial's picture, over ZeroC Ice": ["/usr/bin/python3", "-c", "import Ice"],
}
SECTIONS = [os.environ["TIDINGS_TOUR_SECTION"]] if "TIDINGS_TOUR_SECTION" in os.environ else list(TOURS)
# Processes, network and /proc of its own; what still runs at the end goes with the first process.
APART = ["unshare", "--pid", "--net", "--mount-proc", "--fork", "--kill-child"]
LOOPBACK_UP = "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh22x', b'lo', 0x1 | 0x40))"


def apart():
    """The command that sets a program apart; None where the system cannot."""
    for command in (APART, [*APART, "--user", "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*command, sys.executable, "-c", LOOPBACK_UP], capture_output=True).returncode == 0:
            return command
    return None


def lacks(needed):
    return needed and subprocess.run(needed, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("section", SECTIONS)
def test_the_tour_works_as_printed(tmp_path, section):
    command = apart()
    if lacks(TOURS.get(section)):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{TOURS[section]} fails")
    if command is None and not os.environ.get("CI"):
        pytest.skip("this system cannot set the tour apart: it would take the default ports and end servers by name")
    assert command, "this system cannot set the tour apart (unshare)"
    path = f"{pathlib.Path(binary()).parent}:{os.environ['PATH']}"
    program = f"{LOOPBACK_UP}\nimport runpy, sys; sys.argv[0] = 'tour'; runpy.run_module('harness.tour', run_name='__main__')"
    ended = subprocess.run([*command, sys.executable, "-c", program, str(ROOT / "README.md"), section], cwd=ROOT, capture_output=True,
                           text=True, timeout=600,
                           env=environment(PATH=path, TIDINGS_DATA=str(tmp_path / "data"), PYTHONPATH=str(ROOT / "e2e")))
    print(ended.stdout)
    assert ended.returncode == 0, ended.stderr
