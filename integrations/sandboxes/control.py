"""A sandbox's control over HTTP, for tests, the demo and people; the sandbox may run in another process."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from integrations.sandboxes.journal import Entry, matching

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# On loopback HTTP is plain; reading the certificates that a client trusts would take longer than all its calls.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class SandboxControl:
    """Speaks to the `/_sandbox` addresses at `url`. Raises ValueError for a host that is not loopback."""

    def __init__(self, url: str, *, timeout: float = 30) -> None:
        if urlsplit(url).hostname not in LOOPBACK:
            raise ValueError(f"a sandbox is on this machine, not at {url}")
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False, verify=PLAIN)

    def __enter__(self) -> Self:
        """Use the control for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def state(self) -> dict[str, Any]:
        """Return what the sandbox holds, its switches and faults."""
        return self._object("GET", "state")

    def journal(self, *, after: int = 0) -> list[Entry]:
        """Return every entry of the journal whose number is above `after`, in order."""
        entries: list[Entry] = []
        while True:
            page = self._call("GET", "journal", params={"after": after})
            entries += [Entry.from_json(one) for one in page["entries"]]
            if page["next"] is None:
                return entries
            after = page["next"]

    def matching(self, *, method: str | None = None, path_prefix: str = "", status: int | None = None) -> list[Entry]:
        """Return the journal's entries of that method, path and status."""
        return matching(self.journal(), method=method, path_prefix=path_prefix, status=status)

    def clear_journal(self) -> None:
        """Forget every entry; numbers go on."""
        self._call("DELETE", "journal")

    def faults(self, **values: Any) -> dict[str, Any]:
        """Set the faults: rate, names, path, methods, retry_after, slow_seconds, hang_seconds, seed, stop, next."""
        return self._object("PUT", "faults", json=values)

    def next_fault(self, name: str, *, path: str = "", method: str | None = None, times: int = 1) -> None:
        """Let the next requests that fit meet this fault."""
        self.faults(next=[{"name": name, "path": path, "method": method, "times": times}])

    def stop_faults(self) -> None:
        """End every fault."""
        self.faults(stop=True)

    def switches(self, **values: Any) -> dict[str, Any]:
        """Set switches by name and return them all."""
        return self._object("PUT", "switches", json=values)

    def _object(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        value: dict[str, Any] = self._call(method, path, **options)
        return value

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._client.request(method, f"/_sandbox/{path}", **options)
        if answer.is_error:
            raise ValueError(f"the sandbox says {answer.status_code} to {method} {path}: {answer.text}")
        return answer.json() if answer.content else None
