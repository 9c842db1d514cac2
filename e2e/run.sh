#!/usr/bin/env bash
# Runs the end-to-end tests against the release binary; arguments go to pytest (`e2e/run.sh tests/test_clients.py -k java`).
# TIDINGS_BIN names another binary, TIDINGS_SEED repeats the random points of the crash and storm tests.
set -euo pipefail
cd "$(dirname "$0")"
./install.sh
exec .cache/harness/bin/python -m pytest "$@"
