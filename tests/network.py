"""No test talks to the outside: a connection to anything but this machine is an error, not a flaky test."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOCAL_NAMES = {"", "localhost", "ip6-localhost"}
# Hosts outside that somebody asked by name to be tested, and their addresses once looked up.
_ALLOWED: set[str] = set()


class NetworkBlocked(RuntimeError):
    """A test tried to leave the machine."""


def is_local(host: object) -> bool:
    """Tell whether a host, as given to `socket`, is this machine."""
    if host is None or host in LOCAL_NAMES:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return text in LOCAL_NAMES or ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


@contextmanager
def allowing(host: str) -> Iterator[None]:
    """Let one host outside be reached for as long as the block; for suites that somebody pointed at a real service."""
    before = set(_ALLOWED)
    _ALLOWED.add(host)
    try:
        yield
    finally:
        _ALLOWED.intersection_update(before)


def _may_reach(host: object) -> bool:
    return is_local(host) or (host.decode() if isinstance(host, bytes) else str(host)) in _ALLOWED


def block_network(monkeypatch: Any) -> None:
    """Refuse every connection and name look-up that leaves this machine, for as long as the monkeypatch lasts."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not _may_reach(address[0]):
            raise NetworkBlocked(f"a test tried to reach {address[0]}: tests talk to this machine only")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _may_reach(host):
            raise NetworkBlocked(f"a test tried to look up {host}: tests talk to this machine only")
        found = look_up(host, *args, **kwargs)
        if not is_local(host):
            _ALLOWED.update(str(address[0]) for *_kind, address in found)
        return found

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
