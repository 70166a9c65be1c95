"""The clocks of tickets that an import may make, computed ahead of it while the database is busy with other rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sql.database import Connection, queries
from ticketing.sla import calendar
from ticketing.sla.rules import WARNINGS
from ticketing.vocabulary import Priority


class Start(NamedTuple):
    """What the clock of a row's ticket follows from; without a time it starts when the ticket is made."""

    row_number: int
    priority: str | None
    project_id: UUID | None
    reported_at: datetime | None


class Target(NamedTuple):
    """What is promised, in minutes of business time or, round the clock, of plain time."""

    respond: int
    resolve: int
    round_the_clock: bool


Targets = Mapping[tuple[UUID | None, str], Target]
"""By project and priority; those of no project are for every project that has none of its own."""


def load_targets(connection: Connection) -> dict[tuple[UUID | None, str], Target]:
    """Read all targets, a handful for each project that has its own."""
    return {
        (row["project_id"], row["priority"]): Target(
            row["first_response_minutes"], row["resolve_minutes"], row["round_the_clock"]
        )
        for row in queries("sla").list_targets(connection)
    }


_PARAMETERS = ("clock_rows", "clock_dues", "clock_responses", "clock_targets", "clock_plain", "clock_next_checks")
_Clock = tuple[int, int, int, int, bool, int]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Clocks by row, under the targets given; rows that make no ticket do no harm.

    A ticket without a target has no clock: the sweep starts it.
    """

    targets: Targets
    _dated: list[_Clock] = field(default_factory=list)
    _undated: list[Start] = field(default_factory=list)

    def add(self, starts: Iterable[Start]) -> None:
        """Compute the clocks of more rows."""
        dated: list[tuple[Start, int]] = []
        for start in starts:
            if start.reported_at is None:
                self._undated.append(start)
            else:
                dated.append((start, calendar.microseconds(start.reported_at)))
        self._dated.extend(self._clocks(dated))

    def parameters(self, now: datetime) -> dict[str, str]:
        """Return all clocks, of tickets that are made at `now`, by the names of the insert's parameters.

        Moments are microseconds since 1970. Written as PostgreSQL writes arrays: to have the driver look at each of
        half a million numbers would take longer than everything else here.
        """
        present = calendar.microseconds(now)
        clocks = [*self._dated, *self._clocks([(start, present) for start in self._undated])]
        columns = zip(*clocks, strict=True) if clocks else [()] * len(_PARAMETERS)
        return {name: f"{{{','.join(map(str, column))}}}" for name, column in zip(_PARAMETERS, columns, strict=True)}

    def _clocks(self, starts: Sequence[tuple[Start, int]]) -> list[_Clock]:
        known = [(start, at, target) for start, at in starts if (target := self._target(start)) is not None]
        if not known:
            return []
        responds, resolves, plain = zip(*(target for _, _, target in known), strict=True)
        deadlines = calendar.deadlines([at for _, at, _ in known], responds, resolves, plain, WARNINGS[0])
        return [
            (start.row_number, due, response, target.resolve, target.round_the_clock, warning)
            for (start, _, target), (response, warning, due) in zip(known, deadlines, strict=True)
        ]

    def _target(self, start: Start) -> Target | None:
        priority = start.priority or Priority.NORMAL.value
        return self.targets.get((start.project_id, priority)) or self.targets.get((None, priority))
