"""A walk over the console: from the menu along every link, until each page has been seen."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from html import unescape
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

PREFIX = "/console"
# Of a page for one thing (a ticket, a job) so many different ones are looked at: no two have the same parts.
OF_ONE_THING = 2
_LINK = re.compile(r'href="(/console/[^"#]*)')


def pages_of(app: Flask) -> set[str]:
    """Return the endpoints of every page, those that send files and drawings among them."""
    rules = app.url_map.iter_rules()
    return {rule.endpoint for rule in rules if rule.rule.startswith(PREFIX) and "GET" in (rule.methods or ())}


def walk(app: Flask, browser: FlaskClient, starts: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the addresses of pages of HTML that whoever is signed in gets to, by endpoint.

    All `starts` are among them. An endpoint that sends a file, or leads to one, has none.
    """
    seen: Counter[str] = Counter()
    known: set[str] = set()
    found: dict[str, list[str]] = {}
    lists = dict(_without_variables(app))
    most = dict.fromkeys(lists, 1)
    waiting = deque([*starts, *lists.values()])
    while waiting:
        address = waiting.popleft()
        endpoint = _endpoint(app, address)
        if endpoint is None or address in known:
            continue
        if address not in starts and seen[endpoint] >= most.get(endpoint, OF_ONE_THING):
            continue
        known.add(address)
        answer = browser.get(address)
        assert answer.status_code < 500, f"{address} answers {answer.status}"
        if answer.status_code >= 400:
            continue
        seen[endpoint] += 1
        found.setdefault(endpoint, [])
        if answer.status_code == 200 and answer.mimetype == "text/html":
            found[endpoint].append(address)
            waiting.extend(unescape(link) for link in _LINK.findall(answer.get_data(as_text=True)))
    return found


def _without_variables(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX) and "GET" in (rule.methods or ()) and not rule.arguments:
            yield rule.endpoint, rule.rule


def _endpoint(app: Flask, address: str) -> str | None:
    try:
        endpoint, _ = app.url_map.bind("localhost").match(urlsplit(address).path)
    except HTTPException:
        return None
    return str(endpoint)
