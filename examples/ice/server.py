#!/usr/bin/python3
"""A business server that is told what happens over ZeroC Ice: prints registrations and reports, and greets who is new, by Ice, too.

    server.py [--listen "tcp -h 127.0.0.1 -p 10001"] [--push "push:tcp -h 127.0.0.1 -p 10000" | --quiet]

Tidings calls it where `sync.ice_listener` says: "pushListener:" and the endpoint. The key for greetings, where the server has keys, comes
from TIDINGS_KEY. Debian: apt-get install python3-zeroc-ice zeroc-ice-slice.
"""

import argparse
import collections
import json
import os
import pathlib
import signal
import sys

import Ice

Ice.loadSlice("", ["--all", str(pathlib.Path(__file__).resolve().parents[2] / "idl" / "Push.ice")])
import Push  # noqa: E402

# How many events may lie between an event and its repetition: a batch has at most 100.
REMEMBERED = 10_000


def say(*words):
    print(*words, flush=True)


class Business(Push.EventListener):
    def __init__(self, push):
        self.push = push
        # A real one stores the id with what it does, in one transaction: then a restart repeats nothing either.
        self.done = collections.OrderedDict()

    def events(self, es, current):
        for event in es:
            if event.eventId not in self.done:
                self.deal_with(event, json.loads(event.payload))
                self.done[event.eventId] = True
                if len(self.done) > REMEMBERED:
                    self.done.popitem(last=False)

    def deal_with(self, event, data):
        # A type that is not known here is none of our business; newer servers have more.
        known = {Push.TypeRegistered: self.registered, Push.TypeReported: self.reported, Push.TypeClientEvent: self.said}
        known.get(event.type, lambda *_: None)(event, data)

    def registered(self, event, data):
        greeted = self.greet(event, data) if self.push and data["first"] else None
        say("registered", f"{data['uid']}, token {data['token']}, {'new' if data['first'] else 'changed'}")
        if greeted:
            say("greeted", f"{data['uid']} with {greeted}")

    def greet(self, event, data):
        try:
            # The event names the greeting: whatever is repeated, the phone is greeted once.
            return self.push.send(data["uid"], json.dumps("welcome"), requestId=f"greet-{event.eventId}").id
        except (Push.Busy, Ice.LocalException):
            # Tell me again later: the batch comes again, and goes on here.
            raise Push.Busy(reason="overloaded", text="cannot send a greeting now", retryAfterMs=1000)
        except Push.PushError as error:
            # To ask again will not help, and what comes behind should not wait for it.
            return say("not greeted", f"{data['uid']}: {error.reason}")

    def reported(self, event, data):
        if data["state"]:
            say(data["state"], f"{data['message_id']} by {data['uid']}, proven by {data['proof']}")
        else:
            say("reported", f"{json.dumps(data['status'], ensure_ascii=False)} by {data['uid']}, about {data['message_id'] or 'nothing we know'}")

    def said(self, event, data):
        say("said", f"{data['event_name']} {json.dumps(data['args'], ensure_ascii=False)} by {data['uid']}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", metavar="ENDPOINT", default="tcp -h 127.0.0.1 -p 10001")
    parser.add_argument("--push", metavar="PROXY", default="push:tcp -h 127.0.0.1 -p 10000")
    parser.add_argument("--quiet", action="store_true", help="greet nobody")
    # What Ice itself takes: --Ice.Trace.Network=1, --IceSSL.CAs=ca.pem, ...
    return parser.parse_known_args()


def sender(communicator, text):
    proxy = communicator.stringToProxy(text).ice_invocationTimeout(5000)
    key = os.environ.get("TIDINGS_KEY")
    return Push.PushServicePrx.uncheckedCast(proxy.ice_context({"token": key}) if key else proxy)


def main():
    given, properties = arguments()
    with Ice.initialize(properties) as communicator:
        signal.signal(signal.SIGTERM, lambda *_: communicator.shutdown())
        signal.signal(signal.SIGINT, lambda *_: communicator.shutdown())
        adapter = communicator.createObjectAdapterWithEndpoints("business", given.listen)
        adapter.add(Business(None if given.quiet else sender(communicator, given.push)), Ice.stringToIdentity("pushListener"))
        adapter.activate()
        say("listening", f"pushListener:{given.listen}")
        communicator.waitForShutdown()


if __name__ == "__main__":
    sys.exit(main())
