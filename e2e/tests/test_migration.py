"""The snippets of docs/MIGRATION.md, run as they are printed by the clients that they are for."""

import re
import subprocess
import time

import pytest

from conftest import running
from harness.driver import CACHE, HERE, java
from harness.product import ROOT

TEXT = (ROOT / "docs" / "MIGRATION.md").read_text()
ADDRESS = "http://push.example.org:5000"

# What stands around an Android snippet in an app: the same facts as the drivers'.
APP = """
import io.socket.client.*; import io.socket.emitter.Emitter; import java.net.URLEncoder; import org.json.*;
final class %s {
    public static void main(String[] given) throws Exception {
        final String uid = given[0];
        final Emitter.Listener onMessage = new Emitter.Listener() {
            @Override public void call(Object... args) {
                Lines.say(Lines.with(Lines.with(Lines.fact("event"), "name", "message"), "args", Binary.told(args)));
            }
        };
        %s
        Lines lines = new Lines();
        while (lines.next() != null) { }
        Runtime.getRuntime().halt(0);
    }
}
"""

# The tutorial's helper behind the one changed line: it registers once.
ONCE_JAVA = """
        final Socket made = socket;
        socket.on("_register", new Emitter.Listener() {
            @Override public void call(Object... args) { made.on(((JSONObject) args[0]).optString("token"), onMessage); }
        });
        socket.connect();
        socket.emit("register", new JSONObject().put("data", uid));
"""
ONCE_JS = """
socket.on('_register', function (answer) { socket.on(answer.token, onMessage); });
socket.emit('register', {data: uid});
"""


def snippets(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)


def apps_of(server, program, tmp_path, snippets):
    """Android apps made of snippets, on Java 0.8.3, as uid java-0, java-1, ..."""
    classes = CACHE / "java" / "client-0.8.3"
    path = ":".join([str(tmp_path), str(classes / "classes"), *(str(jar) for jar in (classes / "lib").glob("*.jar"))])
    sources = [tmp_path / f"Snippet{number}.java" for number in range(len(snippets))]
    for source, snippet in zip(sources, snippets):
        source.write_text(APP % (source.stem, snippet.replace(ADDRESS, server.devices_url)))
    subprocess.run(["javac", "-cp", path, "-d", str(tmp_path), *map(str, sources)], check=True)
    for number, source in enumerate(sources):
        command = java("0.8.3", source.stem, f"java-{number}")
        command[command.index("-cp") + 1] = path
        yield program(source.stem, command)


def page_of(server, browser, bundle, uid, snippet):
    """A page that loads the bundle and runs the snippet; what it gets stands in `window.messages`."""
    page = browser.open(server.backend_url + "/healthz")
    page.evaluate("(0, eval)(arg), 0", (HERE / "node" / "node_modules" / bundle).read_text())
    code = f"var uid = '{uid}'; window.messages = []; function onMessage(message) {{ window.messages.push(message.data); }} {snippet}"
    page.evaluate("(0, eval)(arg), 0", code.replace(ADDRESS, server.devices_url))
    return page


def registered(backend, *uids):
    """Returns when they all have."""
    seen = backend.follow("device.registered")
    assert seen.until(lambda seen: {event["data"]["uid"] for event in seen} >= set(uids), 30, time.monotonic)


def test_old_apps_and_pages_get_what_they_missed_by_either_change(server, backend, program, browser, tmp_path):
    in_url, in_handler = snippets("java")
    apps = list(apps_of(server, program, tmp_path, [in_url + ONCE_JAVA, in_handler]))
    in_url, in_handler, _ = snippets("js")
    old = "socket.io-client-1.3/socket.io.js"
    pages = [page_of(server, browser, old, "js-0", in_url + ONCE_JS), page_of(server, browser, old, "js-1", in_handler)]
    uids = ["java-0", "java-1", "js-0", "js-1"]

    def all_have(data):
        for uid in uids:
            backend.send(data, uid=uid)
        for app in apps:
            app.wait(lambda fact: fact["on"] == "event" and fact["args"][0]["data"] == data, 30)
        for page in pages:
            page.until("window.messages.includes(arg)", data, patience=30)

    registered(backend, *uids)
    all_have("before")
    server.restart()
    all_have("missed")


def test_a_second_manager_stands_beside_the_one_of_another_server(tmp_path, browser):
    with running(tmp_path, TIDINGS_DEVICES__PATH="/push/") as server:
        page = page_of(server, browser, "socket.io-client-4/dist/socket.io.min.js", "2017", snippets("js")[2])
        registered(server.backend, "2017")
        server.backend.send("beside", uid="2017")
        page.until("window.messages.includes('beside')")
