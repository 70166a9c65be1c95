"""Now: what needs somebody first, how the jobs of the last day went, how tickets and imports do, and the ways there."""

from __future__ import annotations

import functools
from typing import Any, cast

from flask import Response, redirect, render_template, url_for

from admin_api.auth import requires
from admin_api.console.charts import Chart, bars
from admin_api.console.pages import ConsolePages, may
from admin_api.context import actor, now, platform
from jobs import attention, statistics, views
from jobs.attention import SEES, SEES_JOBS
from jobs.ledger import STATES
from runtime.clock import local_time
from sql.database import Connection
from ticketing.dashboard import figures, health
from ticketing.dashboard.rules import Days

pages = ConsolePages("now")

# Where each concern is dealt with; who may not go there is not shown the way.
LEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "discarded": ("console_failures.list_failures", {}),
    "scheduler": ("console_workers.list_workers", {}),
    "workers": ("console_workers.list_workers", {}),
    "silent": ("console_workers.list_workers", {}),
    "schedules": ("console_schedules.list_schedules", {}),
    "backlog": ("console_queues.list_queues", {}),
    "paused": ("console_queues.list_queues", {}),
    "qcontact": ("console_services.list_services", {}),
    "waha": ("console_services.list_services", {}),
    "sync": ("console_qcontact.show", {}),
    "conflicts": ("console_qcontact.list_conflicts", {}),
    "triage": ("console_triage.list_items", {}),
    "import": ("console_imports.list_imports", {}),
    "overdue": ("console_sla.show", {}),
    "escalations": ("console_repeat_faults.list_escalations", {}),
}
TICKETS = "console_tickets.list_tickets"

# What the columns of the day are made of; attempts that were put off or handed back are no outcome.
OUTCOMES = {"Done": ("done",), "Failed, to be tried again": ("failed", "lost"), "Given up": ("discarded",)}


@pages.page("/")
@requires.signed_in()
def show() -> str | Response:
    """Show what needs somebody. Who works on site has tickets only, and is led to them."""
    if not actor().has_role(*SEES):
        return cast("Response", redirect(url_for(TICKETS), 303))
    with platform().read() as connection:
        tickets = figures.summarise(connection, now(), Days())
        doing = health.show(connection, now())
        concerns = attention.list_concerns(platform(), connection, actor(), tickets=tickets, doing=doing)
        about_jobs = _jobs(connection) if actor().has_role(*SEES_JOBS) else None
    return render_template(
        "console/now.html",
        concerns=[(concern, lead_of(concern.name)) for concern in concerns],
        about_jobs=about_jobs,
        tickets=tickets,
        doing=doing,
    )


def lead_of(name: str) -> str | None:
    """Return the address of the page on which a concern is dealt with, if there is one for whoever is signed in."""
    endpoint, variables = LEADS.get(name, ("", {}))
    return url_for(endpoint, **variables) if may(endpoint) else None


def _jobs(connection: Connection) -> dict[str, Any]:
    return {
        "states": STATES,
        "counts": views.count_by_state(connection),
        "cap": views.COUNT_CAP,
        "day": day_of(statistics.by_hour(connection, now())),
    }


def day_of(hours: list[dict[str, Any]]) -> Chart:
    """Return the last 24 hours as a chart of what became of the attempts that ended in each."""
    # A day on which nothing ended is told in words.
    shown = hours if any(hour["outcomes"] for hour in hours) else []
    return _drawn(
        tuple(f"{local_time(hour['began']):%H}:00" for hour in shown),
        tuple(
            tuple(sum(hour["outcomes"].get(outcome, 0) for outcome in outcomes) for hour in shown)
            for outcomes in OUTCOMES.values()
        ),
    )


# Drawing takes longer than all the rest of the page, which is asked for every five seconds by whoever looks at it.
@functools.lru_cache(maxsize=16)
def _drawn(labels: tuple[str, ...], series: tuple[tuple[int, ...], ...]) -> Chart:
    return bars(
        "Jobs that ended in the last 24 hours",
        labels,
        dict(zip(OUTCOMES, series, strict=True)),
        tones=("main", "warn", "bad"),
        stacked=True,
        about="Hour",
    )
