"""What a client did wrong, read off the journal: each function returns the entries that should not be there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from integrations.sandboxes import Entry
from integrations.sandboxes.journal import matching

CASES = "/api/v2/entities/Case"
SIGN_IN = "/api/v2/auth/sign_in"
BETWEEN_SIGN_INS = timedelta(seconds=30)
MARKER = re.compile(r"\[FF:[^\]]+\]")


class Findings(NamedTuple):
    """Everything at once; a careful client leaves every list empty."""

    unwrapped_writes: list[Entry]
    writes_after_closed: list[Entry]
    double_appends: list[Entry]
    lost_edits: list[Entry]
    double_notes: list[Entry]
    hasty_sign_ins: list[Entry]
    bearer_calls: list[Entry]

    def all(self) -> list[str]:
        """Return what was found, a line for each entry."""
        return [f"{name}: {entry}" for name, entries in self._asdict().items() for entry in entries]


def findings(entries: Iterable[Entry]) -> Findings:
    """Look at the journal, or a part of it, in every way."""
    known = sorted(entries, key=lambda entry: entry.number)
    return Findings(
        unwrapped_writes(known),
        writes_after_closed(known),
        double_appends(known),
        lost_edits(known),
        double_notes(known),
        hasty_sign_ins(known),
        [entry for entry in known if "authorization" in entry.headers],
    )


def unwrapped_writes(entries: Iterable[Entry]) -> list[Entry]:
    """Return the PATCHes without an object under `fields`: the service takes them for nothing and says 200."""
    return [
        entry
        for entry in matching(entries, method="PATCH", path_prefix=CASES)
        if not isinstance(entry.body, dict) or not isinstance(entry.body.get("fields"), dict)
    ]


def writes_after_closed(entries: Iterable[Entry]) -> list[Entry]:
    """Return the PATCHes to a case of which the client had been told already that it is Closed.

    A first 422 is fair (an agent may close a case at any moment); it tells, as a detail that was read does.
    """
    told: set[str] = set()
    found = []
    for entry in matching(entries, path_prefix=CASES):
        if entry.method == "PATCH" and entry.path in told:
            found.append(entry)
        closed = entry.facts.get("status") == "Closed" or entry.facts.get("refused") == "closed"
        if closed and entry.status is not None and entry.status < 500:
            told.add(entry.path)
    return found


def double_appends(entries: Iterable[Entry], marker: re.Pattern[str] = MARKER) -> list[Entry]:
    """Return the PATCHes that left the same marker twice in a description."""
    return [entry for entry in _descriptions(entries) if _repeated(marker.findall(_description(entry)[1]))]


def lost_edits(entries: Iterable[Entry]) -> list[Entry]:
    """Return the PATCHes that did not keep the description that was there, such as an agent's edit since the GET."""
    return [entry for entry in _descriptions(entries) if not _description(entry)[1].startswith(_description(entry)[0])]


def double_notes(entries: Iterable[Entry]) -> list[Entry]:
    """Return the notes that were taken a second time with the same text on the same case."""
    taken = [
        entry
        for entry in matching(entries, method="POST", path_prefix="/api/v2/entities/Note")
        if "note_id" in entry.facts
    ]
    seen: set[tuple[object, object]] = set()
    found = []
    for entry in taken:
        key = (entry.facts["case_id"], entry.facts["text"])
        if key in seen:
            found.append(entry)
        seen.add(key)
    return found


def hasty_sign_ins(entries: Iterable[Entry], between: timedelta = BETWEEN_SIGN_INS) -> list[Entry]:
    """Return the sign-ins, failed ones included, that followed another too soon, whoever made it."""
    tried = sorted(matching(entries, method="POST", path_prefix=SIGN_IN), key=lambda entry: entry.at)
    return [later for earlier, later in pairwise(tried) if later.at - earlier.at < between]


def _descriptions(entries: Iterable[Entry]) -> list[Entry]:
    patches = matching(entries, method="PATCH", path_prefix=CASES)
    return [entry for entry in patches if "description" in entry.facts.get("changed", {})]


def _description(entry: Entry) -> tuple[str, str]:
    old, new = entry.facts["changed"]["description"]
    return old or "", new or ""


def _repeated(markers: list[str]) -> bool:
    return any(times > 1 for times in Counter(markers).values())
