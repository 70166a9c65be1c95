"""What people ask and say of guarantees: a ticket's own, the day of an installation, and a project's periods."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.days import local_day
from ticketing.errors import InvalidInput, NotFound, StaleWrite
from ticketing.events import UnitOfWork
from ticketing.guarantee.classification import classify_tickets, override, periods_of
from ticketing.guarantee.events import GuaranteeOverrideEnded, GuaranteePeriodsChanged, InstallationDated
from ticketing.guarantee.requests import GuaranteeChanges, Installation, PeriodsChange
from ticketing.guarantee.rules import FIELDS, Periods
from ticketing.people import Actor
from ticketing.seen_tickets import SeenTicket, see
from ticketing.ticket_changes import json_ready, next_version, version
from ticketing.ticket_locks import lock_ticket

_PERIOD_FIELDS = tuple(Periods.__dataclass_fields__)


def show(connection: Connection, actor: Actor, ticket: UUID | SeenTicket) -> dict[str, Any]:
    """Return a ticket's guarantee, what it depends on, and who decided otherwise. Raises NotFound."""
    wanted = see(connection, actor, ticket).id
    return _shown(queries("guarantee").show_guarantee(connection, ticket_id=wanted))


def change(
    work: UnitOfWork, ticket_id: UUID, changes: GuaranteeChanges, *, expected: Collection[str] = ()
) -> dict[str, Any]:
    """Change a ticket's guarantee and return it as `show` does; a request that changes nothing writes nothing.

    Raises NotFound, StaleWrite if the ticket changed since the version that the caller saw, and InvalidInput for an
    installation that lies ahead.
    """
    lock_ticket(work, ticket_id)
    before = queries("guarantee").show_guarantee(work.connection, ticket_id=ticket_id)
    seen = {version(changes.updated_at)} if changes.updated_at else set()
    _require_version(before["updated_at"], {*expected} or seen)
    given = changes.decided()
    if "installation_date" in changes.model_fields_set:
        _require_past(work.now, [changes.installation_date])
        given["installation_date"] = changes.installation_date
    _apply(work, before, {field: value for field, value in given.items() if before[field] != value}, changes)
    return _shown(queries("guarantee").show_guarantee(work.connection, ticket_id=ticket_id))


def note_installations(work: UnitOfWork, installations: Iterable[Installation]) -> dict[str, Any]:
    """Note on which days drops were installed, and classify the tickets on them anew; returns what changed.

    `drops` are those for which it was news, each with the day before. Raises InvalidInput for a day that lies ahead,
    and naming the drops that the register does not have: then nothing is noted.
    """
    days = {one.dr_number: one.installed_on for one in installations}
    _require_past(work.now, days.values())
    known = {row["dr_number"] for row in queries("guarantee").find_known_drops(work.connection, dr_numbers=[*days])}
    if unknown := sorted(days.keys() - known):
        problem = f"the register has no drop {', '.join(unknown[:20])}"
        raise InvalidInput(f"installations: {problem}", details={"installations": problem, "unknown": unknown})
    # Tickets before drops: one order for everybody, against deadlocks.
    tickets = [row["id"] for row in queries("guarantee").list_tickets_of_drops(work.connection, dr_numbers=[*days])]
    queries("guarantee").lock_tickets_to_classify(work.connection, ticket_ids=tickets)
    changed = list(
        queries("guarantee").note_installations(
            work.connection, dr_numbers=[*days], days=[*days.values()], now=work.now
        )
    )
    drops = [
        {"dr_number": row["dr_number"], "installed_on": days[row["dr_number"]], "before": row["day_before"]}
        for row in changed
    ]
    return {"drops": drops, "tickets_reclassified": classify_tickets(work, tickets)}


def list_periods(connection: Connection) -> list[dict[str, Any]]:
    """Return all guarantee periods: the default first, then each project's own, in the shape of PeriodsView."""
    return list(queries("guarantee").list_periods(connection))


def put_periods(work: UnitOfWork, project_id: UUID | None, change: PeriodsChange) -> dict[str, Any]:
    """Set a project's periods, or the default (None); returns `before` (None: had none) and `after`.

    Tickets that are not closed are classified anew by a job. Raises StaleWrite if they changed since `updated_at`.
    """
    before = _lock_periods(work, project_id)
    if change.updated_at is not None:
        _require_version(before["updated_at"] if before else None, {version(change.updated_at)})
    after = change.model_dump(include=set(_PERIOD_FIELDS))
    old = {field: before[field] for field in _PERIOD_FIELDS} if before else None
    if old != after:
        updated_at = next_version(before["updated_at"], work.now) if before else work.now
        queries("guarantee").put_periods(
            work.connection, project_id=project_id, **after, updated_by=work.actor.user_id, updated_at=updated_at
        )
        work.record(GuaranteePeriodsChanged(project_id=project_id))
    return {"before": old, "after": after}


def drop_periods(work: UnitOfWork, project_id: UUID) -> dict[str, Any]:
    """Take away a project's own periods: the default counts again. Returns what they were. Raises NotFound."""
    before = _lock_periods(work, project_id)
    if before is None:
        raise NotFound("The project has no guarantee periods of its own", details={"project_id": str(project_id)})
    queries("guarantee").delete_periods(work.connection, project_id=project_id)
    work.record(GuaranteePeriodsChanged(project_id=project_id))
    return {field: before[field] for field in _PERIOD_FIELDS}


def _lock_periods(work: UnitOfWork, project_id: UUID | None) -> dict[str, Any] | None:
    queries("guarantee").take_turn_with_periods(work.connection)
    periods: dict[str, Any] | None = queries("guarantee").get_periods(work.connection, project_id=project_id)
    return periods


def _apply(work: UnitOfWork, before: Mapping[str, Any], changed: Mapping[str, Any], changes: GuaranteeChanges) -> None:
    """Write what changed, keep who decided, and let the rules judge what is theirs."""
    ticket_id = before["ticket_id"]
    if changed:
        row = {field: changed.get(field, before[field]) for field in ("installation_date", *FIELDS)}
        updated_at = next_version(before["updated_at"], work.now)
        queries("guarantee").write_guarantee(work.connection, ticket_id=ticket_id, **row, updated_at=updated_at)
    if "installation_date" in changed:
        days = [{"installation_date": _iso(one["installation_date"])} for one in (before, changed)]
        work.record(InstallationDated(ticket_id=ticket_id, before=days[0], after=days[1]))
    if changes.decided():
        decided = {field: value for field, value in changed.items() if field in FIELDS}
        override(work, ticket_id, {field: before[field] for field in decided}, decided, changes.reason or "")
    if changes.automatic and queries("guarantee").delete_override(work.connection, ticket_id=ticket_id) is not None:
        told = json_ready({"overridden_reason": before["override_reason"], "reason": changes.reason})
        work.record(GuaranteeOverrideEnded(ticket_id=ticket_id, details=told))
    classify_tickets(work, [ticket_id])


def _require_version(present: datetime | None, expected: Collection[str]) -> None:
    current = version(present) if present else None
    if expected and current not in expected:
        raise StaleWrite(
            "It changed after you read it: read it again, then decide",
            details={"expected": sorted(expected), "updated_at": current},
        )


def _require_past(now: datetime, days: Iterable[date | None]) -> None:
    today = local_day(now)
    ahead = sorted({day.isoformat() for day in days if day is not None and day > today})
    if ahead:
        problem = f"{', '.join(ahead[:5])} lies ahead: nothing is installed before its day"
        raise InvalidInput(f"installation_date: {problem}", details={"installation_date": problem})


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    periods = periods_of(row)
    aside = {*_PERIOD_FIELDS, "override_reason", "overridden_by", "overridden_by_name", "overridden_at", "closed_at"}
    override_ = None
    if row["overridden_at"] is not None:
        override_ = {
            "reason": row["override_reason"],
            "by": row["overridden_by"],
            "by_name": row["overridden_by_name"],
            "at": row["overridden_at"],
        }
    return {
        **{field: value for field, value in row.items() if field not in aside},
        "installed_on": row["installation_date"] or row["drop_installed_on"],
        "override": override_,
        "periods": {field: getattr(periods, field) for field in _PERIOD_FIELDS},
    }
