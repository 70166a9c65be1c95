"""The proof of the chain, pure: link by link, with memory of one link only, naming each place where it is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ticketing.handover.snapshots import hash_of

BREAKS_KEPT: Final = 100
"""How many breaks a report names; it counts them all."""

GUARDS: Final = frozenset(
    {
        "handover_snapshots_immutable",
        "handover_snapshots_lengthen_chain",
        "handover_chain_only_grows",
        "handover_chain_never_deleted",
        "ticket_events_append_only",
    }
)
"""The triggers that keep the chain as it is; whoever owns the tables could switch them off, and so it is looked at."""


@dataclass(frozen=True, slots=True)
class Break:
    """One place where the chain does not hold; `number` is that of the link, None where it is none of one link."""

    kind: str
    message: str
    number: int | None = None


@dataclass(slots=True)
class ChainReport:
    """What a walk over the chain came to. `breaks` are the first ones, in the order of the chain."""

    checked: int = 0
    head_sha256: str | None = None
    files_checked: int = 0
    breaks_found: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not self.breaks_found

    def add(self, kind: str, message: str, number: int | None = None) -> None:
        """Note a break."""
        self.breaks_found += 1
        if len(self.breaks) < BREAKS_KEPT:
            self.breaks.append(Break(kind, message, number))

    def as_json(self) -> dict[str, Any]:
        """Return the report for a job's result or an answer."""
        return {
            "holds": self.holds,
            "checked": self.checked,
            "head_sha256": self.head_sha256,
            "files_checked": self.files_checked,
            "breaks_found": self.breaks_found,
            "breaks": [{"kind": one.kind, "number": one.number, "message": one.message} for one in self.breaks],
        }


class ChainCheck:
    """Takes the links in the order of their numbers and holds each against the one before it."""

    def __init__(self, expected: tuple[int, str] | None = None) -> None:
        """`expected` is a number and the hash that somebody noted for it earlier, outside the database."""
        self.report = ChainReport()
        self._expected = expected
        self._last = 0
        self._sha256: str | None = None

    def take(self, row: Mapping[str, Any]) -> None:
        """Check one link: a row of `list_chain`."""
        number = row["chain_number"]
        self._check_number(number)
        if row["previous_sha256"] != self._sha256:
            self.report.add("previous", f"link {number} does not continue link {self._last}", number)
        if _hash_or_none(row) != row["snapshot_sha256"]:
            self.report.add("content", f"what link {number} ({row['id']}) says is not what was hashed", number)
        if row["told_sha256"] != row["snapshot_sha256"]:
            told = "says otherwise" if row["told_sha256"] else "says nothing of it"
            self.report.add("timeline", f"link {number}: the timeline of ticket {row['ticket_id']} {told}", number)
        if self._expected and number == self._expected[0] and row["snapshot_sha256"] != self._expected[1]:
            self.report.add("expected", f"link {number} has another hash than was noted for it", number)
        self.report.checked += 1
        self.report.head_sha256 = self._sha256 = row["snapshot_sha256"]
        self._last = number

    def take_files(self, row: Mapping[str, Any], actual: Mapping[str, str | None]) -> None:
        """Check the files of one link against the checksums that were read from storage, by key."""
        number = row["chain_number"]
        for link in row["evidence_links"]:
            self.report.files_checked += 1
            found = actual.get(link["storage_key"])
            if found != link["sha256"]:
                problem = "is gone" if found is None else "has other content than at the handover"
                self.report.add("evidence", f"link {number}: {link['filename']} {problem}", number)

    def finish(self, end: Mapping[str, Any], guards: frozenset[str]) -> ChainReport:
        """Check what only the whole shows, and return the report; `end` is the row of `get_chain_end`."""
        length, last = end["length"], end["last_number"] or 0
        if length is None:
            self.report.add("end", "the row that says how long the chain is has gone")
        elif last < length:
            self._missing(last + 1, length, "the end of the chain was cut off")
        elif last > length:
            self.report.add("end", f"links {length + 1} to {last} are not known to the chain", length + 1)
        elif self._last == length and self._sha256 != end["head_sha256"]:
            self.report.add("end", f"link {length} is not the end that the chain knows", length or None)
        if (end["told_number"] or 0) > max(last, length or 0):
            self._missing(last + 1, end["told_number"], "the timeline knows of them")
        if self._expected and self._expected[0] > last:
            self._missing(last + 1, self._expected[0], "one was noted earlier")
        for name in sorted(GUARDS - guards):
            self.report.add("guard", f"the trigger {name} is gone or not always in force")
        return self.report

    def _check_number(self, number: int) -> None:
        if number == self._last:
            self.report.add("number", f"there are two links {number}", number)
        elif number != self._last + 1:
            self._missing(self._last + 1, number - 1, "they are gone from the middle")

    def _missing(self, first: int, last: int, why: str) -> None:
        which = f"link {first} is" if first == last else f"links {first} to {last} are"
        self.report.add("missing", f"{which} missing: {why}", first)


def _hash_or_none(row: Mapping[str, Any]) -> str | None:
    """A link that holds what no snapshot can hold (a number out of range) was not hashed like this."""
    try:
        return hash_of(row)
    except (TypeError, ValueError):
        return None
