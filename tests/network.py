"""No test talks to the outside: a connection to anything but this machine is an error, not a flaky test."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

LOCAL_NAMES = {"", "localhost", "ip6-localhost"}


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


def block_network(monkeypatch: Any) -> None:
    """Refuse every connection and name look-up that leaves this machine, for as long as the monkeypatch lasts."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise NetworkBlocked(f"a test tried to reach {address[0]}: tests talk to this machine only")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            raise NetworkBlocked(f"a test tried to look up {host}: tests talk to this machine only")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
