"""How often one ticket's page asks the database: a page that grows a query a part is slow before anybody notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psycopg
from flask import Flask

from tests.console import open_console
from tests.factories.access import make_api_key
from tests.factories.sla import create

if TYPE_CHECKING:
    from jobs.platform import Platform

MOST_QUERIES = 18


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what is asked of the database, by its text."""
    asked: Counter[str] = Counter()
    execute = psycopg.Cursor.execute

    def counting(cursor: Any, query: Any, *values: Any, **options: Any) -> Any:
        asked[str(query)] += 1
        return execute(cursor, query, *values, **options)

    with patch.object(psycopg.Cursor, "execute", counting):
        yield asked


def test_the_page_of_a_ticket_asks_little_and_nothing_twice(app: Flask, platform: Platform) -> None:
    ticket = create(platform)
    browser = open_console(app, make_api_key(platform, "admin"))
    address = f"/console/tickets/{ticket['id']}"
    assert browser.get(address).status_code == 200, "the first time it may ask for more: what is prepared once"

    with counted() as asked:
        assert browser.get(address).status_code == 200

    twice = {query: times for query, times in asked.items() if times > 1}
    assert not twice
    assert sum(asked.values()) <= MOST_QUERIES, "\n\n".join(asked)
