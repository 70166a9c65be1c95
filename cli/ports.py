"""Ports of this machine's loopback: which one nobody has."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below those that the kernel hands out by itself: what is free here stays free until somebody asks for it by number.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has. Raises OSError when all are taken."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of the ports from {PORTS.start} to {PORTS.stop - 1} is free")
