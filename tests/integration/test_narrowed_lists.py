"""Lists narrowed to what hardly any row, or none, is: found by an index, not by reading what is something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobs import views
from jobs.operations import BulkFilter, count_bulk
from jobs.views import JobFilter
from sql.database import Connection, queries
from tests.factories import make_ticket
from ticketing.people import SYSTEM
from ticketing.weekly_reports import views as reports

if TYPE_CHECKING:
    from uuid import UUID

    from jobs.platform import Platform

# A kind keeps to its queue and hardly ever fails; one job in two thousand has a tag, one in a thousand was asked for.
MANY_JOBS = """
insert into queues (name) values ('tickets'), ('notifications') on conflict do nothing;
insert into jobs (
    kind, queue, state, max_attempts, actor_kind, actor_name, finished_at, error_class, error_message, tags
)
select
    (array['make_pictures', 'send_notice'])[n % 2 + 1], (array['tickets', 'notifications'])[n % 2 + 1],
    case when n % 500 = 1 then 'discarded' else 'completed' end, 5,
    case when n % 1000 = 7 then 'user' else 'system' end, case when n % 1000 = 7 then 'Anna' else 'system' end, now(),
    case when n % 500 = 1 then 'Unreachable' end, case when n % 500 = 1 then 'No route to the mast' end,
    case when n % 2000 = 9 then array['bench'] else '{}' end
from generate_series(1, 20000) as n;
"""
MADE = """
insert into jobs (id, created_at, finished_at, kind, queue, state, max_attempts, actor_kind, actor_name)
select uuidv7(-%(ago)s), now() - %(ago)s, now(), 'send_notice', 'tickets', 'completed', 5, 'system', 'system'
from generate_series(1, %(jobs)s)
"""
MANY_ROWS = """
with report as (
    insert into weekly_reports (
        year, week_number, sequence, report_date, original_filename, storage_key, file_sha256, file_size, total_rows
    )
    values (2026, 40, 1, '2026-09-28', 'week.xlsx', 'week.xlsx', repeat('0', 64), 1, 20000)
    returning id
)
insert into weekly_report_rows (report_id, row_number, cells, verdict, outcome, ticket_id, errors, warnings, conflicts)
select
    report.id, n, jsonb_build_object('Summary', repeat('No light at home ', 20)),
    case when n %% 5000 = 471 then 'rejected' else 'ok' end,
    case when n %% 5000 = 471 then 'rejected' when n %% 5000 = 99 then 'updated' when n <= 19000 then 'unchanged' end,
    %(ticket)s::uuid, case when n %% 5000 = 471 then %(errors)s::jsonb end,
    case when n %% 5000 = 5 then '[]'::jsonb end, case when n %% 5000 = 99 then '[]'::jsonb end
from report
cross join generate_series(1, 20000) as n
returning report_id
"""


def plan_of(connection: Connection, statement: str, **values: Any) -> tuple[dict[str, Any], str]:
    """Run a statement; return its plan with what was read, and the plan as text."""
    answer = connection.execute(
        "explain (analyze, buffers, format json) " + statement, values, prepare=False
    ).fetchone()
    assert answer is not None
    plan = answer["QUERY PLAN"][0]["Plan"]
    return plan, json.dumps(plan)


def pages_of(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


class TestJobs:
    @pytest.fixture
    def many(self, platform: Platform) -> Iterator[Connection]:
        with platform.read() as connection:
            connection.execute(MANY_JOBS)
            connection.execute("vacuum analyze jobs")
            yield connection

    @pytest.mark.parametrize(
        ("wanted", "most"),
        [
            (JobFilter(kind="make_pictures", queue="notifications"), 200),
            (JobFilter(kind="make_pictures", state="discarded"), 50),
            (JobFilter(queue="tickets", state="discarded"), 50),
            (JobFilter(kind="make_pictures", state="completed", queue="notifications"), 200),
            (JobFilter(tag="quagga"), 20),
            (JobFilter(actor_name="Nobody"), 20),
            (JobFilter(error_text="quagga"), 80),
        ],
    )
    def test_what_no_job_is_costs_no_walk_over_all(self, many: Connection, wanted: JobFilter, most: int) -> None:
        parameters = asdict(wanted) | {"before_id": None, "page_size": 51}
        plan, text = plan_of(many, queries("job_views").list_jobs.sql, **parameters)
        assert "Seq Scan" not in text
        assert pages_of(plan) < most, text

    def test_they_still_find_what_there_is(self, many: Connection) -> None:
        for wanted, number in (
            (JobFilter(kind="send_notice", queue="notifications", state="discarded"), 40),
            (JobFilter(tag="bench"), 10),
            (JobFilter(actor_name="Anna"), 20),
            (JobFilter(error_text="ROUTE to"), 40),
            (JobFilter(error_text="unreach", kind="make_pictures"), 0),
        ):
            found = views.list_jobs(many, wanted, page_size=51)
            assert len(found) == number
            assert [job["id"] for job in found] == sorted((job["id"] for job in found), reverse=True)

    @pytest.mark.parametrize(("hours", "number"), [(1, 3), (4, 51), (24 * 365 * 200, 51)])
    def test_those_since_a_moment_are_read_from_there_on(self, many: Connection, hours: int, number: int) -> None:
        """However few they are: those that are older are not read to find that out."""
        now = datetime.now(UTC)
        many.execute("delete from jobs")
        many.execute(MADE, {"ago": timedelta(hours=3), "jobs": 20_000})
        many.execute(MADE, {"ago": timedelta(0), "jobs": 3})
        many.execute("vacuum analyze jobs")
        wanted = JobFilter(created_after=now - timedelta(hours=hours) - timedelta(minutes=1))
        assert len(views.list_jobs(many, wanted, page_size=51)) == number
        parameters = asdict(wanted) | {"before_id": None, "page_size": 51}
        plan, text = plan_of(many, queries("job_views").list_jobs.sql, **parameters)
        assert pages_of(plan) < 80, text

    def test_an_action_over_many_counts_the_same(self, many: Connection, platform: Platform) -> None:
        with platform.begin(SYSTEM) as work:
            assert count_bulk(work, "retry", BulkFilter(error_text="mast", queue="notifications")) == 40
            assert count_bulk(work, "retry", BulkFilter(tag="bench")) == 0


class TestRowsOfReports:
    @pytest.fixture
    def report_id(self, platform: Platform) -> UUID:
        errors = [{"error_type": "missing", "column": "Status", "field": "status", "message": "no status"}]
        with platform.read() as connection:
            ticket = make_ticket(connection)
            values = {"ticket": ticket["id"], "errors": json.dumps(errors)}
            report_id: UUID = connection.execute(MANY_ROWS, values).fetchall()[0]["report_id"]
            connection.execute("vacuum analyze weekly_report_rows")
        return report_id

    @pytest.mark.parametrize("outcome", ["rejected", "updated", "conflict", "warning", "created"])
    def test_the_few_that_came_to_something_are_found_by_it(
        self, platform: Platform, report_id: UUID, outcome: str
    ) -> None:
        wanted = {"report_id": report_id, "outcome": outcome, "after_row": 0, "row_limit": 101}
        with platform.read() as connection:
            plan, text = plan_of(connection, queries("weekly_reports").list_rows.sql, **wanted)
            found, more = reports.rows(connection, report_id, outcome=outcome, after_row=0, limit=100)
        assert pages_of(plan) < 60, text
        assert (len(found), more) == (0 if outcome == "created" else 4, None)

    def test_many_are_read_in_the_sheets_order(self, platform: Platform, report_id: UUID) -> None:
        with platform.read() as connection:
            found, more = reports.rows(connection, report_id, outcome="unchanged", after_row=99, limit=3)
        assert ([row["row_number"] for row in found], more) == ([100, 101, 102], 102)
