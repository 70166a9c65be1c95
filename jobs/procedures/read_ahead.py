"""Preparing what comes next in a thread while the job waits for the database."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """Marks the end of the items, with the error that ended them early."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def read_ahead(items: Generator[T, None, None], depth: int) -> Iterator[Iterator[T]]:
    """Lend an iterator over a generator's items that is up to `depth` of them ahead of its consumer.

    The generator runs in a thread of its own; both have ended when the block is left. What it raises is raised to the
    consumer.
    """
    reader = _Reader(items, depth)
    try:
        yield reader.items()
    finally:
        reader.stop()


class _Reader(Generic[T]):
    def __init__(self, items: Generator[T, None, None], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def items(self) -> Iterator[T]:
        """Yield the items in their order."""
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def stop(self) -> None:
        """Make the thread end, whatever it waits for."""
        self._stopped.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(0.01)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._items) as items:
                for item in items:
                    self._queue.put(item)
                    if self._stopped.is_set():
                        return
        except BaseException as raised:  # noqa: BLE001 - handed to the consumer, who raises it
            error = raised
        self._queue.put(_End(error))
