"""Reading many things of QContact at once: bounded by its connections, each call through the breaker.

What fails because the service is unwell is asked for again in a later round, so that one hiccup in a thousand calls is
no failure; when the breaker opens, everything stops and the job is put off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

from integrations.outside import OutsideError
from integrations.qcontact.client import QContactClient
from integrations.qcontact.wire import CasePage, WireCase
from jobs.outcomes import PutOff
from jobs.outside import Breaker

ROWS = 50
MOST_PAGES = 1_000
ROUNDS = 3

Key = TypeVar("Key")
Found = TypeVar("Found")


class Reader:
    """Reads from QContact with several threads. Raises PutOff when the breaker opens."""

    def __init__(self, client: QContactClient, breaker: Breaker, connections: int) -> None:
        self._client = client
        self._breaker = breaker
        self._connections = connections

    def walk(self) -> Walk:
        """Read every page of the list once; a case on two pages is one. Raises OutsideError where none can be read."""
        first = self._first_page()
        walk = Walk()
        walk.add(first)
        if first.pages is None:
            self._walk_on(walk, first)
        else:
            for _, page in self.each(range(2, min(first.pages, MOST_PAGES) + 1), self._page):
                walk.add(page)
        return walk

    def each(self, keys: Sequence[Key], read: Callable[[Key], Found]) -> Iterator[tuple[Key, Found | OutsideError]]:
        """Read each key's thing, in the order in which they arrive; what failed for good comes as its error."""
        waiting = list(keys)
        for left in reversed(range(ROUNDS)):
            failed: list[Key] = []
            for key, found in self._at_once(waiting, read):
                if left and isinstance(found, OutsideError) and found.is_outage:
                    failed.append(key)
                else:
                    yield key, found
            waiting = failed

    def _at_once(self, keys: Sequence[Key], read: Callable[[Key], Found]) -> Iterator[tuple[Key, Found | OutsideError]]:
        def guarded(key: Key) -> Found | OutsideError:
            try:
                with self._breaker.call():
                    return read(key)
            except OutsideError as error:
                return error

        pool = ThreadPoolExecutor(self._connections, thread_name_prefix="qcontact")
        try:
            futures = {pool.submit(guarded, key): key for key in keys}
            yield from _arriving(futures)
        finally:
            pool.shutdown(cancel_futures=True)

    def _first_page(self) -> CasePage:
        [(_, page)] = self.each([1], self._page)
        if isinstance(page, OutsideError):
            raise page
        return page

    def _page(self, number: int) -> CasePage:
        return self._client.list_cases(page=number, items=ROWS)

    def _walk_on(self, walk: Walk, page: CasePage) -> None:
        """Go from page to page of a list that does not tell how long it is."""
        while not page.is_last and page.page < MOST_PAGES:
            [(_, found)] = self.each([page.page + 1], self._page)
            walk.add(found)
            if isinstance(found, OutsideError):
                return
            page = found


def _arriving(futures: Mapping[Future[Found], Key]) -> Iterator[tuple[Key, Found]]:
    """Yield what arrives. When the service is to be left alone, what is under way is waited for first: it counts."""
    put_off: PutOff | None = None
    for future in as_completed(futures):
        if future.cancelled():
            continue
        stopped = future.exception()
        if not isinstance(stopped, PutOff):
            yield futures[future], future.result()
        elif put_off is None:
            put_off = stopped
            for one in futures:
                one.cancel()
    if put_off is not None:
        raise put_off


class Walk:
    """The rows that a walk through the list showed, by case; `is_whole` unless a page could not be read."""

    def __init__(self) -> None:
        self.rows: dict[str, WireCase] = {}
        self.is_whole = True
        self.total = 0
        self.unreadable = 0

    def add(self, page: CasePage | OutsideError) -> None:
        """Take a page in."""
        if isinstance(page, OutsideError):
            self.is_whole = False
            return
        self.rows |= {row.id: row for row in page.cases}
        self.total = max(self.total, page.total or 0)
        self.unreadable += page.unreadable

    @property
    def missed_some(self) -> bool:
        """Whether rows moved between the pages so that not all were seen."""
        return not self.is_whole or len(self.rows) + self.unreadable < self.total
