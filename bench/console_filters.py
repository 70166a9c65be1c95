"""The addresses that a page's own filters lead to: what its forms offer, alone and in twos, its tabs, and the rows on.

What a form asks for is read from the page itself, as somebody sees it: each option of each choice, and for a field to
type into something that hardly anything, or nothing, is. That is the worst that a list can be asked for: it must look
everywhere for what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import combinations, product
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

# So many options of a choice are tried together with those of another, and of all the twos of a form so many; alone all
# are. And so many pages on from each.
TOGETHER = 12
MOST_TWOS = 300
PAGES_ON = 4
RARE = {
    "text": ("quagga",),
    "search": ("quagga",),
    "date": ("2025-01-01",),
    "datetime-local": ("2025-01-01T00:00",),
    "number": ("1", "999999"),
    "checkbox": ("true",),
}

Ask = Callable[[str], str | None]
Value = TypeVar("Value")


@dataclass(slots=True)
class Form:
    """A form that asks by its address: where it leads, and the values to try for each of its fields."""

    path: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Collects a page's forms that ask by address, its links, and where its next rows are."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.forms, self.links, self.next = path, list[Form](), list[str](), ""
        self._form: Form | None = None
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what opens, by its attributes."""
        said = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link(said)
        elif tag == "form":
            self._form = Form(said.get("action") or self.path) if said.get("method", "get") == "get" else None
        elif self._form:
            self._field(self._form, tag, said)

    def handle_endtag(self, tag: str) -> None:
        """Close the form or the choice."""
        if tag == "select":
            self._choice = ""
        elif tag == "form" and self._form:
            self.forms.append(self._form)
            self._form = None

    def _link(self, said: dict[str, str]) -> None:
        address = said.get("href", "")
        if said.get("rel") == "next":
            self.next = address
        elif "?" in address:
            self.links.append(address.partition("#")[0])

    def _field(self, form: Form, tag: str, said: dict[str, str]) -> None:
        name = said.get("name", "")
        if tag == "select":
            self._choice = name
        elif tag == "option" and self._choice and said.get("value"):
            form.fields.setdefault(self._choice, []).append(said["value"])
        elif tag == "input" and said.get("type") == "hidden":
            form.hidden[name] = said.get("value", "")
        elif tag == "input" and name:
            kind = said.get("type", "text")
            tried = [said["value"]] if kind in ("checkbox", "radio") and said.get("value") else RARE.get(kind, ())
            form.fields.setdefault(name, []).extend(tried)


def filtered(address: str, ask: Ask) -> Iterator[str]:
    """Ask for each address that a page's filters lead to and yield it, the page's own first.

    `ask` returns the page of an address, or None where there is none.
    """
    path, known = urlsplit(address).path, set[str]()
    first = _read(address, ask)
    if first is None:
        return
    yield address
    for wanted, goes_on in _wanted(path, first):
        if wanted in known:
            continue
        known.add(wanted)
        yield from _follow(wanted, ask, PAGES_ON if goes_on else 0)


def _wanted(path: str, page: _Reader) -> Iterator[tuple[str, bool]]:
    """Yield addresses, and whether to go on from them to their next rows."""
    if page.next:
        yield page.next, True
    for link in page.links:
        if urlsplit(link).path == path and "cursor" not in dict(parse_qsl(urlsplit(link).query)):
            yield link, True
    for form in page.forms:
        if urlsplit(form.path).path == path:
            yield from _of_form(form)


def _of_form(form: Form) -> Iterator[tuple[str, bool]]:
    for name, values in form.fields.items():
        for value in values:
            yield _address(form, {name: value}), True
    twos = [
        {one: value, other: besides}
        for (one, ones), (other, others) in combinations(form.fields.items(), 2)
        for value, besides in product(_some(ones, TOGETHER), _some(others, TOGETHER))
    ]
    for two in _some(twos, MOST_TWOS):
        yield _address(form, two), False


def _some(values: list[Value], most: int) -> list[Value]:
    """Return at most so many of the values, from all over them."""
    apart = max(1, -(-len(values) // most))
    return values[::apart]


def _address(form: Form, values: dict[str, str]) -> str:
    return f"{urlsplit(form.path).path}?{urlencode(form.hidden | values)}"


def _follow(address: str, ask: Ask, pages: int) -> Iterator[str]:
    """Yield an address, and those of its next rows."""
    page = _read(address, ask)
    if page is not None:
        yield address
        if pages and page.next:
            yield from _follow(page.next, ask, pages - 1)


def _read(address: str, ask: Ask) -> _Reader | None:
    text = ask(address)
    if text is None:
        return None
    reader = _Reader(urlsplit(address).path)
    reader.feed(text)
    return reader
