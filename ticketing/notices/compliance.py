"""Of the notices that were asked for in a period, how many went out, arrived and were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.notices.views import rate
from ticketing.vocabulary import NotificationTemplate

COUNTS = ("asked", "pending", "held", "sent", "delivered", "read", "failed", "opted_out")


class Figures(BaseModel):
    """Counts and rates of notices.

    A notice that was read was delivered and sent, too. `failed` counts those that the recipient did not want
    (`opted_out`) as well, `pending` those that are held. The rates are percentages of what was asked for and wanted.
    """

    asked: int
    pending: int
    held: int
    sent: int
    delivered: int
    read: int
    failed: int
    opted_out: int
    sent_rate: float
    delivery_rate: float
    read_rate: float


class TemplateFigures(Figures):
    """The figures of one template; None stands for texts written by hand."""

    template: NotificationTemplate | None


class ComplianceView(Figures):
    """The figures of a period, all together and by template."""

    from_at: datetime
    until_at: datetime
    by_template: list[TemplateFigures]


def compliance(connection: Connection, from_at: datetime, until_at: datetime) -> dict[str, Any]:
    """Return the figures of the notices written from one moment up to another (aware), as ComplianceView."""
    rows = list(queries("notices").count_by_template(connection, from_at=from_at, until_at=until_at))
    return {
        "from_at": from_at,
        "until_at": until_at,
        **with_rates(total_of(rows)),
        "by_template": [{"template": row["template"], **with_rates(row)} for row in rows],
    }


def total_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the sum of each count."""
    listed = list(rows)
    return {name: sum(row[name] for row in listed) for name in COUNTS}


def with_rates(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts with their rates."""
    wanted = counts["asked"] - counts["opted_out"]
    rates = {
        "sent_rate": rate(counts["sent"], wanted),
        "delivery_rate": rate(counts["delivered"], wanted),
        "read_rate": rate(counts["read"], wanted),
    }
    return {name: counts[name] for name in COUNTS} | rates
