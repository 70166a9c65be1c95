"""SLA: how many tickets kept their due times, which are overdue now, and the targets that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import render_template

from admin_api.api.dashboard import LinesQuery
from admin_api.api.sla import ComplianceQuery
from admin_api.auth import requires
from admin_api.console.charts import Chart, bars, lines
from admin_api.console.forms import query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.pages import ConsolePages
from admin_api.console.periods import DAYS, PERIOD_HEADS, days_back, period_said, ranges, with_room
from admin_api.console.wording import pairs, words
from admin_api.context import now, platform
from ticketing import directory
from ticketing.dashboard.lists import list_overdue
from ticketing.days import local_day
from ticketing.faults.rules import Period
from ticketing.people import find_project
from ticketing.sla.compliance import Compliance, Grouping, count_compliance, rate
from ticketing.sla.settings import list_targets
from ticketing.vocabulary import Priority

pages = ConsolePages("sla")

LIST = Listing(
    "console_sla.show",
    frozenset({"group_by", "period", "project_id", "contractor_id", "priority", "start_date", "end_date"}),
)
SHOWN = 20
OVERDUE = 25
NAMES = {Grouping.PRIORITY: "Priority", Grouping.PROJECT: "Project", Grouping.CONTRACTOR: "Company"}
NAMED_BY = {Grouping.PRIORITY: "priority", Grouping.PROJECT: "project_id", Grouping.CONTRACTOR: "contractor_id"}
_FIGURES = {"In time": "sla_met", "Open, still in time": "sla_running", "Late": "sla_breached"}


@pages.page("/sla")
@requires("manager", "operator", "qa", "viewer")
def show() -> str:
    """Show how many of the tickets reported in some days kept their due times, who is overdue, and the targets."""
    query = _dated(query_of(ComplianceQuery))
    asked = query.request()
    by = asked.group_by if asked.group_by in NAMES else Grouping.PRIORITY
    begins = asked.reported_from
    period = with_room(asked.period, (asked.reported_before or now()) - begins if begins else None)
    overdue = query_of(LinesQuery).model_copy(update={"limit": OVERDUE})
    with platform().read() as connection:
        at = now()
        # Counted once, by group and period; both charts add that up.
        found = count_compliance(connection, replace(asked, group_by=by, period=period), at)
        late = list_overdue(connection, at, overdue.project_id, overdue.request())
        project = find_project(connection, query.project_id) if query.project_id else None
        targets = list_targets(connection, project)
        projects = project_options(connection)
        names = directory.names_of(connection, [query.contractor_id] if query.contractor_id else [])
    rows = sorted(added_up(found.rows, NAMED_BY[by]), key=lambda row: -row["total_tickets"])
    return render_template(
        "console/sla.html",
        overall=found.overall,
        first_day=local_day(found.reported_from),
        last_day=local_day(found.reported_before - timedelta(microseconds=1)),
        groups=_groups(rows, by),
        hidden=max(0, len(rows) - SHOWN),
        trend=_trend(found, period),
        is_cut=found.is_cut,
        overdue=late.rows,
        now=at,
        targets=targets,
        is_own=project is not None,
        by=by.value,
        period=period.value,
        no_room=asked.period not in (None, period),
        groupings=[(one.value, said) for one, said in NAMES.items()],
        periods=pairs(Period),
        priorities=pairs(Priority),
        projects=projects,
        ranges=ranges(LIST, local_day(at)),
        company=names.get(query.contractor_id) if query.contractor_id else None,
        **LIST.around(late.next_cursor),
    )


def _dated(query: ComplianceQuery) -> ComplianceQuery:
    if query.start_date or query.end_date:
        return query
    return query.model_copy(update={"start_date": days_back(local_day(now()), DAYS)})


def added_up(rows: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the figures of rows that have the same value under a name as one, in the order in which they come."""
    sums: dict[Any, dict[str, Any]] = {}
    for row in rows:
        before = sums.get(row[name])
        sums[row[name]] = dict(row) if before is None else before | _sum(before, row)
    return list(sums.values())


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    total = {field: one[field] + other[field] for field in ("total_tickets", *_FIGURES.values())}
    answered = {field: one["first_response"][field] + other["first_response"][field] for field in ("met", "breached")}
    answered["compliance_rate"] = rate(answered["met"], answered["breached"])
    return total | {"compliance_rate": rate(total["sla_met"], total["sla_breached"]), "first_response": answered}


def _groups(found: Sequence[Mapping[str, Any]], by: Grouping) -> Chart:
    rows = found[:SHOWN]
    return bars(
        f"Kept due times by {NAMES[by].lower()}",
        [_label(row, by) for row in rows],
        {name: [row[field] for row in rows] for name, field in _FIGURES.items()},
        tones=("good", "calm", "bad"),
        stacked=True,
        across=True,
        about=NAMES[by],
        links=[_link(row, by) for row in rows],
    )


def _trend(found: Compliance, period: Period) -> Chart:
    """Return the share in time of each period; a period in which nothing was decided is a gap."""
    rows = added_up(found.rows, "period")
    return lines(
        f"Share in time, by {period.value} of the report",
        [period_said(row["period"], period) for row in rows],
        {
            "Resolved": [_share(row["sla_met"], row["sla_breached"]) for row in rows],
            "First response": [_share(row["first_response"]["met"], row["first_response"]["breached"]) for row in rows],
        },
        unit="\N{NO-BREAK SPACE}%",
        top=100,
        about=PERIOD_HEADS[period],
    )


def _share(met: int, breached: int) -> float | None:
    return rate(met, breached) if met + breached else None


def _label(row: Mapping[str, Any], by: Grouping) -> str:
    if by is Grouping.PRIORITY:
        return words(row["priority"])
    if by is Grouping.PROJECT:
        return str(row["project_name"] or "No project")
    return str(row["contractor_name"] or "No company")


def _link(row: Mapping[str, Any], by: Grouping) -> str | None:
    """Return the page narrowed to a group."""
    if by is Grouping.PRIORITY:
        return LIST.address(priority=row["priority"], group_by=Grouping.PROJECT)
    if by is Grouping.PROJECT:
        return LIST.address(project_id=row["project_code"], group_by=Grouping.PRIORITY) if row["project_id"] else None
    return (
        LIST.address(contractor_id=row["contractor_id"], group_by=Grouping.PRIORITY) if row["contractor_id"] else None
    )
