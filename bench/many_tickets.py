"""Many tickets for benches: a platform of its own, tickets of two years, and what writing them costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from cli.embedded import EmbeddedServers
from jobs.platform import Platform
from runtime.settings import load_settings
from sql.database import Connection
from sql.migrate import migrate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
IMPORT = 100_000
STATEMENT = 5_000
PROJECTS = 8
COMPANIES = 4
PEOPLE = 200
# A bench asks in a minute what nobody does in an hour.
AT_ONCE = "1000000/second"
TRIGGERS = {"tickets_made_added_up": "the dashboard's totals", "tickets_made_added_up_by_day": "the totals of days"}

# Tickets of two years, most of them long closed; of those that are open most are overdue, noted by the sweep but for
# the last minute's worth. All of it as the services leave it.
FILL = """
insert into tickets (
    source, external_id, ticket_type, status, title, priority, fault_cause, project_id, assigned_to,
    assigned_contractor_id, reported_at, created_at, updated_at, closed_at, sla_target_minutes,
    sla_first_response_due_at, sla_first_response_at, sla_due_at, sla_breached, sla_breached_at, sla_next_check_at
)
select
    'weekly_report', 'BENCH' || %(first)s + n, 'maintenance', d.status, 'No light at home ' || n,
    (array['normal', 'normal', 'high', 'normal', 'low', 'urgent'])[n / 5 %% 6 + 1],
    (array['unknown', 'environmental', 'third_party', 'workmanship'])[n / 3 %% 4 + 1],
    (%(projects)s::uuid[])[n %% cardinality(%(projects)s::uuid[]) + 1],
    (%(people)s::uuid[])[n %% cardinality(%(people)s::uuid[]) + 1],
    (%(companies)s::uuid[])[n %% cardinality(%(projects)s::uuid[]) / 2 + 1],
    d.at, d.at, d.at,
    case when d.status = 'closed' then d.at + d.took end,
    2880, d.at + interval '4 hours', case when d.status <> 'open' then d.at + d.took / 20 end, d.at + interval '3 days',
    d.late, case when d.late then d.at + interval '3 days' end,
    case when d.status not in ('closed', 'cancelled') and not d.late then d.at + interval '3 days' end
from generate_series(1, %(count)s::integer) as n
cross join lateral (
    select
        %(now)s::timestamptz - power((hashint8extended(n, %(first)s) & 65535) / 65536::float8, 2) * interval '730 days'
            as at,
        (hashint8extended(n, 3) & 255) / 256::float8 * interval '5 days' as took
) as drawn
cross join lateral (
    select
        drawn.at,
        drawn.took,
        case
            when n %% 10 < 7 and drawn.at + drawn.took < %(now)s::timestamptz then 'closed'
            when n %% 50 = 9 then 'cancelled'
            else (array['open', 'assigned', 'in_progress'])[n %% 3 + 1]
        end as status
) as placed
cross join lateral (
    select
        placed.*,
        case
            when placed.status = 'closed' then placed.took > interval '3 days'
            else placed.status <> 'cancelled' and placed.at + interval '3 days 1 minute' < %(now)s::timestamptz
        end as late
) as d
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class References:
    """Whose tickets, and of which projects."""

    projects: list[Any]
    companies: list[Any]
    people: list[Any]


@contextmanager
def running(folder: Path) -> Iterator[Platform]:
    """Start servers under the folder and connect; stop everything on leaving."""
    with EmbeddedServers(load_settings({}, data_dir=folder, api_rate_limit=AT_ONCE)) as servers:
        assert servers.settings.database_url is not None
        migrate(servers.settings.database_url.get_secret_value())
        platform = Platform.connect(servers.settings)
        try:
            yield platform
        finally:
            platform.close()


def fill(connection: Connection, tickets: int) -> References:
    """Make people, projects and so many tickets."""
    found = References(
        _ids(connection, "insert into projects (code, name) select 'P' || n, 'Project ' || n", PROJECTS),
        _ids(connection, "insert into contractors (name) select 'Company ' || n", COMPANIES),
        _ids(connection, "insert into users (name) select 'Person ' || n", PEOPLE),
    )
    for first in range(0, tickets, IMPORT):
        _insert(connection, found, first, min(IMPORT, tickets - first))
    connection.execute("vacuum (analyze) tickets")
    return found


def _ids(connection: Connection, statement: str, count: int) -> list[Any]:
    text = f"{statement} from generate_series(1, %s::integer) as n returning id"
    return [row["id"] for row in connection.execute(text.encode(), [count])]


def _insert(connection: Connection, found: References, first: int, count: int) -> None:
    connection.execute(FILL, {"first": first, "count": count, **values_of(found)})


def values_of(found: References) -> dict[str, Any]:
    """Return the parameters of FILL that are the same for every statement."""
    return {"now": NOW, "projects": found.projects, "companies": found.companies, "people": found.people}


def timed(call: Callable[[], Any], rounds: int) -> tuple[list[float], Any]:
    """Return the milliseconds of each round, and what the last one returned."""
    times, answer = [], None
    for _ in range(rounds):
        started = time.perf_counter()
        answer = call()
        times.append((time.perf_counter() - started) * 1000)
    return times, answer


def tell(say: Say, label: str, ours: list[float], plain: list[float] | None, *, same: bool = True) -> None:
    """Say what both ways cost, the median and the 95th of a hundred, and whether they say something else."""
    line = f"{label:<34}{median(ours):>9.1f}{quantiles(ours, n=20)[-1]:>9.1f}"
    if plain is not None:
        line += f"{median(plain):>9.0f}{median(plain) / median(ours):>8.0f}x"
    say(line if same else f"{line}  DIFFERENT FIGURES")


def cost_of_writing(connection: Connection, found: References, tickets: int, say: Say) -> None:
    """Import tickets in statements as an import does; tell the trigger's own time, as the server measures it."""
    started, spent = time.perf_counter(), dict.fromkeys(TRIGGERS, 0.0)
    for first in range(tickets, tickets + IMPORT, STATEMENT):
        row = connection.execute(
            b"explain (analyze, format json) " + FILL.encode(),
            {"first": first, "count": STATEMENT, **values_of(found)},
        ).fetchone()
        assert row is not None
        for trigger in row["QUERY PLAN"][0]["Triggers"]:
            if trigger["Trigger Name"] in spent:
                spent[trigger["Trigger Name"]] += trigger["Time"] / 1000
    seconds = time.perf_counter() - started
    say(f"{IMPORT:,} tickets in statements of {STATEMENT:,}: {seconds:.2f} s, of that")
    for name, of in TRIGGERS.items():
        say(f"  {of:<40}{spent[name]:>6.2f} s")
