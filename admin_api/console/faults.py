"""Fault trends: where faults gather, by cause, place and company, and how they come over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from flask import render_template, url_for

from admin_api.api.faults import TrendQuery
from admin_api.auth import requires
from admin_api.console.charts import Chart, bars
from admin_api.console.forms import query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.pages import ConsolePages, may
from admin_api.console.periods import DAYS, PERIOD_HEADS, days_back, period_said, ranges, steps_of, with_room
from admin_api.console.wording import pairs, words
from admin_api.context import actor, now, platform
from ticketing.days import local_day
from ticketing.faults import trends
from ticketing.faults.rules import Grouping, Period
from ticketing.faults.trends import MOST_GROUPS, Trends
from ticketing.vocabulary import EscalationScope, FaultCause

pages = ConsolePages("faults")

LIST = Listing(
    "console_faults.show_trends",
    frozenset({"group_by", "period", "project_id", "fault_cause", "start_date", "end_date"}),
)
SHOWN = 15
APART = 5
# What has few enough values to be counted apart in each period.
_FEW = frozenset({Grouping.FAULT_CAUSE, Grouping.ASSIGNED_CONTRACTOR_ID})
NAMES = {
    Grouping.FAULT_CAUSE: "Cause",
    Grouping.POLE_NUMBER: "Pole",
    Grouping.PON_NUMBER: "PON",
    Grouping.ZONE_ID: "Zone",
    Grouping.DR_NUMBER: "Drop",
    Grouping.ASSIGNED_CONTRACTOR_ID: "Company",
}
_SAID_AS_IT_IS = frozenset({Grouping.PON_NUMBER})
_SCOPES = {
    Grouping.POLE_NUMBER: EscalationScope.POLE,
    Grouping.PON_NUMBER: EscalationScope.PON,
    Grouping.ZONE_ID: EscalationScope.ZONE,
    Grouping.DR_NUMBER: EscalationScope.DR,
}


@pages.page("/faults")
@requires.signed_in()
def show_trends() -> str:
    """Show the faults that one may see: the largest groups, and how many came in each period."""
    query = _dated(query_of(TrendQuery))
    asked = query.request()
    by = asked.group_by if asked.group_by in NAMES else Grouping.FAULT_CAUSE
    begins = asked.reported_from
    period = with_room(asked.period, (asked.reported_before or now()) - begins if begins else None)
    apart = by if by in _FEW else Grouping.PERIOD
    with platform().read() as connection:
        over_time = trends.count_faults(
            connection, actor(), replace(asked, group_by=apart, period=period, limit=MOST_GROUPS)
        )
        # Counting is the dear part: what is counted apart in each period is added up instead of counted again.
        groups = (
            _added_up(over_time, by)
            if apart is by
            else trends.count_faults(connection, actor(), replace(asked, group_by=by, period=None, limit=SHOWN))
        )
        projects = project_options(connection)
    return render_template(
        "console/faults.html",
        groups=groups,
        largest=_largest(groups, by),
        trend=_trend(over_time, apart, period),
        is_cut=over_time.is_cut,
        by=by.value,
        period=period.value,
        no_room=asked.period not in (None, period),
        query=query,
        first_day=asked.reported_from,
        last_day=asked.reported_before and asked.reported_before - timedelta(microseconds=1),
        groupings=[(one.value, said) for one, said in NAMES.items()],
        periods=pairs(Period),
        causes=pairs(FaultCause),
        projects=projects,
        ranges=ranges(LIST, local_day(now())),
        **LIST.around(),
    )


def _dated(query: TrendQuery) -> TrendQuery:
    """Return the query, from DAYS ago on where it names no beginning: what is long past hides what is new."""
    if query.start_date or query.end_date:
        return query
    return query.model_copy(update={"start_date": days_back(local_day(now()), DAYS)})


def _added_up(found: Trends, by: Grouping) -> Trends:
    """Return the largest groups over all periods."""
    counts: Counter[Any] = Counter()
    kept: dict[Any, dict[str, Any]] = {}
    for row in found.rows:
        counts[row[by.value]] += int(row["count"])
        kept[row[by.value]] = row
    rows = [kept[value] | {"count": str(count)} for value, count in counts.most_common(SHOWN)]
    return replace(found, rows=rows, is_cut=len(counts) > SHOWN)


def _largest(found: Trends, by: Grouping) -> Chart:
    return bars(
        f"Most faults by {NAMES[by] if by in _SAID_AS_IT_IS else NAMES[by].lower()}",
        [_label(row, by) for row in found.rows],
        {"Faults": [int(row["count"]) for row in found.rows]},
        across=True,
        about=NAMES[by],
        links=[_link(row, by) for row in found.rows],
    )


def _trend(found: Trends, by: Grouping, period: Period) -> Chart:
    """Return how many faults came in each period, the largest groups apart; periods without any are nought."""
    counts: dict[str, Counter[date]] = defaultdict(Counter)
    for row in found.rows:
        counts[_label(row, by)][row["period"]] += int(row["count"])
    largest = sorted(counts, key=lambda name: -counts[name].total())
    kept = largest if len(largest) <= APART + 1 else largest[:APART]
    for name in largest[len(kept) :]:
        counts["All others"].update(counts[name])
    steps = steps_of({row["period"] for row in found.rows}, period)
    names = [*kept, "All others"] if len(kept) < len(largest) else kept
    return bars(
        f"Faults in each {period.value}",
        [period_said(step, period) for step in steps],
        {name: [counts[name][step] for step in steps] for name in names},
        stacked=True,
        about=PERIOD_HEADS[period],
    )


def _label(row: Mapping[str, Any], by: Grouping) -> str:
    if by is Grouping.PERIOD:
        return "Faults"
    if by is Grouping.FAULT_CAUSE:
        return words(row["fault_cause"]) if row["fault_cause"] else "Not told yet"
    if by is Grouping.ASSIGNED_CONTRACTOR_ID:
        return str(row["contractor_name"] or "A company that is gone")
    code = row.get("project_code")
    return f"{row[by.value]} ({code})" if code else str(row[by.value])


def _link(row: Mapping[str, Any], by: Grouping) -> str | None:
    """Return where a group leads to: a place to its look for repeat faults, a cause to its own trend."""
    if by is Grouping.FAULT_CAUSE:
        return (
            LIST.address(fault_cause=row["fault_cause"], group_by=Grouping.POLE_NUMBER) if row["fault_cause"] else None
        )
    if by not in _SCOPES or not may("console_repeat_faults.look"):
        return None
    project = row.get("project_id")
    found = {"scope_type": _SCOPES[by].value, "scope_value": row[by.value]} | (
        {"project_id": project} if project else {}
    )
    return url_for("console_repeat_faults.look", **found)
