"""The wall around the tests has a door for one host at a time, and only for who asks by name."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.network import NetworkBlocked, allowing, block_network

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been connected to, on a machine without a network."""
    found: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: found.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_ignored, **_more: FOUND)
    block_network(monkeypatch)
    return found


def connect(address: str) -> None:
    with socket.socket() as outside:
        outside.connect((address, 443))


def test_a_host_that_was_allowed_is_reached_by_its_address(reached: list[Any]) -> None:
    with allowing("crm.example.test"):
        assert socket.getaddrinfo("crm.example.test", 443) == FOUND
        connect("192.0.2.7")
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo("other.example.test", 443)
        with pytest.raises(NetworkBlocked):
            connect("192.0.2.8")
    assert reached == [("192.0.2.7", 443)]


def test_afterwards_the_door_is_shut(reached: list[Any]) -> None:
    with allowing("crm.example.test"):
        socket.getaddrinfo("crm.example.test", 443)
    with pytest.raises(NetworkBlocked):
        socket.getaddrinfo("crm.example.test", 443)
    with pytest.raises(NetworkBlocked):
        connect("192.0.2.7")
    assert reached == []
