"""SLA compliance and fault trends say what a count of all tickets says, after every change and while others write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from sql.database import Connection, Database, queries
from sql.migrate import MIGRATIONS
from tests.factories import make_project, make_ticket
from tests.factories.day_totals import DayChance, count_compliance_plainly, count_faults_plainly
from tests.factories.tickets import NOON, make_many_tickets
from tests.plans import nodes
from ticketing.dashboard import totals
from ticketing.days import local_day, start_of_day
from ticketing.faults import trends
from ticketing.faults.rules import Grouping as FaultGrouping
from ticketing.faults.rules import Period
from ticketing.faults.trends import TrendRequest
from ticketing.people import SYSTEM
from ticketing.sla import compliance
from ticketing.sla.compliance import ComplianceRequest, Grouping
from ticketing.vocabulary import FaultCause, Priority

if TYPE_CHECKING:
    from jobs.platform import Platform

STEPS = 80
WRITERS = 6
DAY = timedelta(days=1)
TOTALLED = (FaultGrouping.FAULT_CAUSE, FaultGrouping.ASSIGNED_CONTRACTOR_ID, FaultGrouping.PERIOD)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def ranges(now: datetime) -> list[tuple[datetime | None, datetime | None]]:
    """Whole days, parts of days at either end or both, less than a day, over midnight, and no bounds."""
    midnight = start_of_day(local_day(now))
    return [
        (midnight - 6 * DAY, midnight + DAY),
        (midnight - 6 * DAY + timedelta(hours=5), midnight + DAY),
        (midnight - 6 * DAY, now),
        (now - 5 * DAY, now - 2 * DAY),
        (now - timedelta(hours=9), now - timedelta(hours=2)),
        (midnight - 3 * DAY - timedelta(hours=7), midnight - 3 * DAY + timedelta(hours=7)),
        (None, None),
    ]


def compare_compliance(connection: Connection, wanted: ComplianceRequest, now: datetime) -> None:
    assert compliance.count_compliance(connection, wanted, now) == count_compliance_plainly(connection, wanted, now)


def compare_faults(connection: Connection, wanted: TrendRequest) -> None:
    assert trends.count_faults(connection, SYSTEM, wanted) == count_faults_plainly(connection, wanted)


def compare(connection: Connection, chance: DayChance) -> None:
    """Both figures, by everything by which they are asked for, are those of the tickets themselves."""
    project = str(chance.projects[0])
    narrowed: list[dict[str, Any]] = [
        {"contractor_id": chance.companies[0]}, {"priority": Priority.NORMAL}, {"project_id": project}
    ]  # fmt: skip
    for begins, ends in ranges(chance.now):
        bounds: dict[str, Any] = {"reported_from": begins, "reported_before": ends}
        for grouping, period in product(Grouping, (None, Period.DAY, Period.WEEK)):
            wanted = ComplianceRequest(group_by=grouping, period=period, **bounds)
            compare_compliance(connection, wanted, chance.now)
        for narrow in narrowed:
            compare_compliance(connection, ComplianceRequest(**narrow, **bounds), chance.now)
        for by, cause, code in product(TOTALLED, (None, FaultCause.UNKNOWN), (None, project)):
            period = Period.DAY if code else None
            compare_faults(
                connection, TrendRequest(group_by=by, period=period, project_id=code, fault_cause=cause, **bounds)
            )


@pytest.mark.parametrize("seed", [51, 52])
def test_after_many_changes_both_say_what_a_count_of_all_tickets_says(
    connection: Connection, platform: Platform, seed: int
) -> None:
    chance = DayChance(connection, seed, NOON)
    for number in range(STEPS):
        chance.step()
        if number % 17 == 0:
            with platform.begin(SYSTEM) as work:
                totals.fold(work)
        if number % 7 == 0:
            chance.now += timedelta(hours=3)
        proof = totals.prove(connection, chance.now)
        assert proof.holds, proof.message()
        if number % 12 == 11:
            compare(connection, chance)


def test_writers_a_folder_and_readers_at_once(database: Database, platform: Platform) -> None:
    with database.connection() as connection:
        shared = DayChance(connection, 1, NOON)
        for _ in range(10):
            shared.make()
    ended = threading.Event()

    def write(seed: int) -> None:
        with database.connection() as connection:
            chance = DayChance(connection, seed, NOON)
            for _ in range(30):
                chance.step()

    def watch() -> int:
        seen = 0
        while not ended.is_set() or not seen:
            with platform.begin(SYSTEM) as work:
                totals.fold(work)
            with database.connection() as connection, connection.transaction():
                # What is read twice here is of one moment: neither way may see more than the other.
                connection.execute("set transaction isolation level repeatable read")
                proof = totals.prove(connection, NOON)
                assert proof.holds, proof.message()
                compare_compliance(connection, ComplianceRequest(), NOON)
                compare_faults(connection, TrendRequest())
            seen += 1
        return seen

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            ended.set()
        assert all(watcher.result() for watcher in watchers)
    with database.connection() as connection:
        compare(connection, shared)


def test_a_first_answer_is_late_from_the_moment_on_at_which_it_was_due(connection: Connection) -> None:
    make_ticket(connection, reported_at=NOON, sla_due_at=NOON + 5 * DAY, sla_first_response_due_at=NOON)
    for moment, late in ((NOON - DAY, 0), (NOON, 0), (NOON + timedelta(microseconds=1), 1)):
        asked = ComplianceRequest(reported_from=NOON - DAY, reported_before=NOON + DAY)
        found = compliance.count_compliance(connection, asked, moment)
        assert found.overall["first_response"] == {"met": 0, "breached": late, "compliance_rate": 0.0}


def test_a_noted_breach_counts_once_also_where_the_new_due_time_has_passed(connection: Connection) -> None:
    times = {"reported_at": NOON, "sla_due_at": NOON + DAY, "sla_next_check_at": NOON + DAY}
    make_ticket(connection, sla_breached=True, sla_breached_at=NOON, **times)
    asked = ComplianceRequest(reported_from=NOON - DAY, reported_before=NOON + DAY)
    compare_compliance(connection, asked, NOON + 2 * DAY)
    assert compliance.count_compliance(connection, asked, NOON + 2 * DAY).overall["sla_breached"] == 1


def test_wrong_totals_are_named_and_mended(connection: Connection, platform: Platform) -> None:
    project = make_project(connection)["id"]
    columns = {"created_at": NOON, "reported_at": NOON, "sla_due_at": NOON + DAY, "project_id": project}
    connection.execute("alter table tickets disable trigger tickets_made_added_up_by_day")
    make_ticket(connection, ticket_type="incident", priority="high", **columns)
    connection.execute("alter table tickets enable trigger tickets_made_added_up_by_day")
    proof = totals.prove(connection, NOON)
    of = f"2026-11-20, project {project}, company none"
    assert (proof.keys, set(proof.drifted)) == (
        2,
        {f"{of}, cause none: tickets -1", f"{of}, priority high: tickets -1"},
    )
    with platform.begin(SYSTEM) as work:
        totals.rebuild(work)
    assert totals.prove(connection, NOON).holds


def test_folding_leaves_nothing_of_what_is_empty(connection: Connection, platform: Platform) -> None:
    ticket = make_ticket(connection, ticket_type="incident", reported_at=NOON, sla_due_at=NOON + DAY)
    for priority in ("high", "low"):
        connection.execute("update tickets set priority = %s where id = %s", [priority, ticket["id"]])
        with platform.begin(SYSTEM) as work:
            assert totals.fold(work) > 0
    rows = connection.execute("select priority, tickets from ticket_day_totals order by priority").fetchall()
    assert rows == [{"priority": "low", "tickets": 1}, {"priority": None, "tickets": 1}]


def test_an_installation_with_tickets_gets_its_totals(connection: Connection) -> None:
    """The migration counts what is there; here its tables are taken away first, as if it had never run."""
    chance = DayChance(connection, 5, NOON)
    for _ in range(40):
        chance.step()
    with connection.transaction():
        connection.execute(
            "drop view ticket_day_totals_now, ticket_day_totals_recounted; drop table ticket_day_totals,"
            " ticket_day_changes; drop index tickets_sla_unanswered_idx; drop function"
            " add_up_days_of_made_tickets() cascade; drop function add_up_days_of_changed_tickets() cascade;"
            " drop function ticket_clock_figures"
        )
        connection.execute((MIGRATIONS / "0046_day_totals.sql").read_bytes())
    assert totals.prove(connection, NOON).holds
    chance.step()
    compare(connection, chance)


MANY = 20_000
# What make_many_tickets makes is reported a minute apart, from here on.
BEGIN = datetime(2026, 1, 1, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """Many tickets with clocks, whose totals are folded; the tests below only read."""
    make_many_tickets(module_connection, MANY)
    module_connection.execute(
        "update tickets set sla_target_minutes = 2880, sla_due_at = reported_at + interval '5 days',"
        " sla_first_response_due_at = reported_at + interval '4 hours',"
        " sla_next_check_at = case when status <> 'closed' then reported_at + interval '4 days' end"
    )
    with module_connection.transaction():
        queries("dashboard").fold_changes(module_connection)
        queries("day_totals").fold_day_changes(module_connection)
    module_connection.execute("vacuum (analyze) tickets, ticket_day_totals, ticket_day_changes")
    return module_connection


def plan_of(connection: Connection, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    row = connection.execute("explain (analyze, format json) " + statement, values, prepare=False).fetchone()
    assert row is not None
    return list(nodes(row["QUERY PLAN"][0]["Plan"]))


def of_tickets(plan: list[dict[str, Any]]) -> dict[str, float]:
    """By which indexes, or which other kinds of scan, tickets are read, and how many."""
    return {
        node.get("Index Name", node["Node Type"]): node["Actual Rows"]
        for node in plan
        if node.get("Relation Name") == "tickets" or "Bitmap Index" in node["Node Type"]
    }


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("period", [None, Period.DAY])
def test_compliance_of_whole_days_reads_totals_and_what_runs_out(
    many: Connection, grouping: Grouping, period: Period | None
) -> None:
    wanted = ComplianceRequest(group_by=grouping, period=period, reported_from=BEGIN, reported_before=BEGIN + 10 * DAY)
    now = BEGIN + 4 * DAY + timedelta(minutes=5)
    values = compliance._parameters(wanted, None, compliance._range(wanted, now), now)
    plan = plan_of(many, queries("sla").count_compliance.sql, values)
    read = of_tickets(plan)
    assert set(read) == {"tickets_sla_next_check_at_idx", "tickets_sla_unanswered_idx"}
    assert any(node.get("Relation Name") == "ticket_day_totals" for node in plan)


@pytest.mark.parametrize("grouping", TOTALLED)
def test_faults_of_whole_days_read_totals_alone(many: Connection, grouping: FaultGrouping) -> None:
    wanted = TrendRequest(group_by=grouping, reported_from=BEGIN, reported_before=BEGIN + 10 * DAY)
    plan = plan_of(many, queries("faults").count_fault_totals.sql, trends._parameters_of_totals(wanted, None))
    assert of_tickets(plan) == {}


def test_parts_of_days_are_read_by_an_index(many: Connection) -> None:
    begins, ends = BEGIN + timedelta(hours=22), BEGIN + 8 * DAY + timedelta(hours=2)
    wanted = TrendRequest(reported_from=begins, reported_before=ends)
    values = trends._parameters_of_totals(wanted, None)
    read = of_tickets(plan_of(many, queries("faults").count_fault_totals.sql, values))
    assert "Seq Scan" not in read
    asked = ComplianceRequest(reported_from=begins, reported_before=ends)
    values = compliance._parameters(asked, None, (begins, ends), BEGIN)
    assert "Seq Scan" not in of_tickets(plan_of(many, queries("sla").count_compliance.sql, values))
