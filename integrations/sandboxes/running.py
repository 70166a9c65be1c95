"""A sandbox as a process of its own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

from integrations.sandboxes.server import Sandbox


def serve(sandbox: Sandbox, tell: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Tells the address in the first line on standard output, unless `tell` does.

    Signals are taken in the main thread only; call it there.
    """
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_ignored: told_to_stop.set())
    with sandbox.serving():
        (tell or _tell)(sandbox.url)
        told_to_stop.wait()


def _tell(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
