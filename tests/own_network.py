"""A loopback network for each process of a test run, where the machine allows it.

Simulated cameras have fixed ports and some have fixed addresses. With a network of its own a
process may run any test at any time; without, tests that share addresses share a process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def enter() -> None:
    """Leave the machine's network for an empty one with a loopback device.

    Raises:
        OSError: not allowed here.
    """
    os.unshare(os.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def available() -> bool:
    """Try it, in a process of its own."""
    with contextlib.suppress(OSError):
        trial = subprocess.run([sys.executable, __file__], check=False, capture_output=True)
        return trial.returncode == 0
    return False


if __name__ == "__main__":
    enter()
    with socket.create_server(("127.9.8.7", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
