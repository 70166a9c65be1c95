"""The named queues, and how many jobs of each a worker process may hold at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. `prefetch` caps what one worker process holds of it, claimed but unfinished; None: the worker's setting.

    Long jobs want it low: a claimed job that waits behind a long one could have run elsewhere.
    """

    name: str
    prefetch: int | None = None


QUEUES: dict[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue("imports", prefetch=2),
        Queue("tickets"),
        Queue("integrations", prefetch=8),
        Queue("notifications"),
        Queue("maintenance", prefetch=4),
    )
}
