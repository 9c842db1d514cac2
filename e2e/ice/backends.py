"""Real Ice clients as business backends, one for each language; all understand the JSON lines of client.py."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache"
BUILT = CACHE / "ice"
PYTHON = "/usr/bin/python3"
ICE_JAR = "/usr/share/java/ice-3.7.8.jar"


def java(main, *folders):
    json = sorted(str(jar) for jar in (CACHE / "java" / "client-2.1.2" / "lib").glob("json-*.jar"))
    path = ":".join([*map(str, folders or [BUILT / "java" / "classes"]), ICE_JAR, *json])
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx192m", "-cp", path, main]


def node(script, *arguments):
    return ["env", f"NODE_PATH={HERE.parent / 'node' / 'node_modules'}", "node", str(script), *arguments]


# In every run: the one that all tests use, and two of other implementations.
COMMANDS = {
    "python": [PYTHON, str(HERE / "client.py")],
    "node": node(HERE / "peers" / "peer.js", str(BUILT / "node")),
    "java": java("Peer"),
}
# Peers of TIDINGS_SOAK=1: they are the C++ implementation in other clothes, and cost an installation each.
SOAK = {
    "cpp": [str(BUILT / "cpp" / "peer")],
    "php": ["php", "-d", f"include_path=/usr/share/php:{BUILT / 'php'}", str(HERE / "peers" / "peer.php")],
}
# The wire of 3.8: eight minutes to build.
NEWER = {"python-3.8": [str(BUILT / "python-3.8" / "bin" / "python"), str(HERE / "client.py")]}
if os.environ.get("TIDINGS_SOAK"):
    COMMANDS |= SOAK
    if os.environ.get("ICE38"):
        COMMANDS |= NEWER
PEERS = tuple(COMMANDS)

PRESENT = {
    "python": lambda: subprocess.run([PYTHON, "-c", "import Ice"], capture_output=True, check=False).returncode == 0,
    "node": lambda: (BUILT / "node" / "Push.js").exists(),
    "java": lambda: (BUILT / "java" / "classes" / "Peer.class").exists(),
    "cpp": lambda: (BUILT / "cpp" / "peer").exists(),
    "php": lambda: (BUILT / "php" / "Push.php").exists(),
    "python-3.8": lambda: (BUILT / "python-3.8" / "bin" / "python").exists(),
}


def command(peer):
    if not PRESENT[peer]():
        raise FileNotFoundError(f"the Ice peer {peer} is not installed: e2e/install.sh")
    return COMMANDS[peer]
