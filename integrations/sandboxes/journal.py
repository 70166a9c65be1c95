"""The journal: everything that was asked of a sandbox, in the order in which it took effect."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

MASK = "***"
SECRET_HEADERS = frozenset({"authorization", "access-token", "client", "x-api-key", "cookie"})
SECRET_FIELDS = frozenset({"password", "apikey", "api_key", "hmac", "secret", "access_token"})
LONGEST = 500_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `status` is None when no answer went out; `facts` is what the route did, so what took effect.

    `fault` names the fault that it met. `handled` tells whether the route ran at all: with `cut_after` it did although
    `status` is None. `number` counts from 1 in the order of effect: routes run one at a time.
    """

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int | None
    fault: str | None
    handled: bool
    facts: Mapping[str, Any]
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control shows it."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the entry that `as_json` wrote."""
        return cls(**{**values, "at": datetime.fromisoformat(values["at"])})


class Journal:
    """Keeps the entries in memory, the oldest dropped past half a million; safe for any number of threads."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST)
        self._lock = threading.Lock()
        self._last = 0

    def add(self, **values: Any) -> Entry:
        """Write an entry down (all fields but the number, secrets not masked yet) and return it."""
        values["headers"] = masked_headers(values["headers"])
        values["body"] = masked(values["body"])
        with self._lock:
            self._last += 1
            entry = Entry(number=self._last, **values)
            self._entries.append(entry)
        return entry

    def entries(self, *, after: int = 0, most: int | None = None) -> list[Entry]:
        """Return the entries whose number is above `after`, in order, at most so many."""
        with self._lock:
            first = self._entries[0].number if self._entries else 1
            skipped = max(0, after - first + 1)
            found = list(self._entries)[skipped:]
        return found if most is None else found[:most]

    def matching(self, *, method: str | None = None, path_prefix: str = "", status: int | None = None) -> list[Entry]:
        """Return the entries of that method, path and status."""
        return matching(self.entries(), method=method, path_prefix=path_prefix, status=status)

    def clear(self) -> None:
        """Forget every entry; numbers go on."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._entries)


def matching(
    entries: Iterable[Entry], *, method: str | None = None, path_prefix: str = "", status: int | None = None
) -> list[Entry]:
    """Return those of the entries that have that method, path and status."""
    return [
        entry
        for entry in entries
        if (method is None or entry.method == method)
        and entry.path.startswith(path_prefix)
        and (status is None or entry.status == status)
    ]


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with secrets hidden; that one was there still shows, and its last four characters."""
    return {
        name: MASK + value[-4:] if name.lower() in SECRET_HEADERS and value else value
        for name, value in headers.items()
    }


def masked(value: Any) -> Any:
    """Return a parsed body with the values of secret fields hidden, at any depth."""
    if isinstance(value, dict):
        return {key: MASK if key.lower() in SECRET_FIELDS and item else masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
