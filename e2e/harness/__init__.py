"""What the end-to-end tests stand on: the real server as a process, real clients as processes, and light raw devices.

Deliberately without any knowledge of the server's inside: it sees addresses, exit codes and bytes, as a user does.
"""
