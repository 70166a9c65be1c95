"""Which method of a sandbox answers which address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from integrations.sandboxes.messages import Answer

Handler = TypeVar("Handler", bound=Callable[..., Answer])

_MARK = "_sandbox_routes"
_PARAMETER = re.compile(r"<(\w+)>")


class _Known(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    handler: Callable[..., Answer]


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Mark a sandbox's method as the answer to this method and path; `<name>` in the path is passed by that name."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _MARK, [*getattr(handler, _MARK, []), (method, path)])
        return handler

    return mark


class RouteTable:
    """The marked methods of one object. Where two paths fit, the one with fewer parameters is taken."""

    def __init__(self, owner: object) -> None:
        marked = [
            (path.count("<"), _Known(method, _pattern(path), getattr(owner, name)))
            for name in dir(type(owner))
            for method, path in getattr(getattr(type(owner), name), _MARK, ())
        ]
        self._known = [known for _parameters, known in sorted(marked, key=lambda one: one[0])]

    def find(self, method: str, path: str) -> tuple[Callable[..., Answer], dict[str, str]] | None:
        """Return the method and the values in the path (percent signs as they came), or None."""
        for known in self._known:
            if known.method == method and (found := known.pattern.fullmatch(path)):
                return known.handler, found.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    text = "".join(re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts))
    return re.compile(text)
