"""How much processor time work takes: steadier than a rate where other programs run on the same machine."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

SERVERS = ("postgres/postmaster.pid", "redis/redis.pid")


def servers(folder: Path) -> list[int]:
    """Return the process ids of the servers whose data is in the folder."""
    return [int((folder / name).read_text().split()[0]) for name in SERVERS]


def seconds_used(process_ids: Iterable[int]) -> float:
    """Return the seconds of processor time that the processes, and all that they started, have used so far."""
    total = 0.0
    for process_id in process_ids:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(process_id)
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system + times.children_user + times.children_system
    return total
