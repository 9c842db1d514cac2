#!/usr/bin/python3
"""A business server that sends over ZeroC Ice: one message to one user, or to everyone, stored once whatever happens on the way.

    send.py [--proxy "push:tcp -h 127.0.0.1 -p 10000"] (--uid UID | --all) JSON

The key, where the server has keys, comes from TIDINGS_KEY. Debian: apt-get install python3-zeroc-ice zeroc-ice-slice.
"""

import argparse
import os
import pathlib
import sys
import time
import uuid

import Ice

Ice.loadSlice("", ["--all", str(pathlib.Path(__file__).resolve().parents[2] / "idl" / "Push.ice")])
import Push  # noqa: E402

ATTEMPTS = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proxy", default="push:tcp -h 127.0.0.1 -p 10000")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--uid")
    target.add_argument("--all", action="store_true")
    parser.add_argument("payload", metavar="JSON")
    return parser.parse_args()


def connected(communicator, text):
    proxy = Push.PushServicePrx.uncheckedCast(communicator.stringToProxy(text))
    key = os.environ.get("TIDINGS_KEY")
    # Set once, it goes with each call.
    return Push.PushServicePrx.uncheckedCast(proxy.ice_context({"token": key})) if key else proxy


def send(push, given, request_id):
    if given.all:
        return push.broadcast(given.payload, requestId=request_id)
    return push.send(given.uid, given.payload, requestId=request_id)


def stored(push, given):
    # The same id at each attempt: a message that was stored although its answer was lost is not stored again.
    request_id = str(uuid.uuid4())
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return send(push, given, request_id)
        except Push.Busy as busy:
            wait = 1 if busy.retryAfterMs is Ice.Unset else busy.retryAfterMs / 1000
            failure = busy
        except (Ice.ConnectFailedException, Ice.ConnectionLostException, Ice.UnknownException) as lost:
            wait, failure = 0.2 * 2 ** attempt, lost
        if attempt < ATTEMPTS:
            time.sleep(wait)
    raise failure


def main():
    given = arguments()
    with Ice.initialize() as communicator:
        try:
            accepted = stored(connected(communicator, given.proxy), given)
        except Push.PushError as error:
            sys.exit(f"{error.reason}: {error.text}")
        except Ice.LocalException as error:
            sys.exit(f"no answer: {error.ice_id()}")
    print(f"{accepted.id} for {accepted.devices} devices, {accepted.online} of them connected")


main()
