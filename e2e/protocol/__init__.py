"""Suites of the four protocols, by hand and byte by byte, against the conformance server."""
