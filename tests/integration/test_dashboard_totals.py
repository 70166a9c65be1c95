"""The dashboard's totals are right after every change, whoever changes what at the same time, and a proof says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobs.kinds.fold_ticket_totals import fold_ticket_totals
from jobs.kinds.prove_ticket_totals import prove_ticket_totals
from jobs.kinds.rebuild_ticket_totals import rebuild_ticket_totals
from sql.database import Connection, Database, queries
from tests.factories import make_project, make_ticket, make_user
from tests.factories.dashboard import Chance, count_the_long_way, workload_the_long_way
from tests.factories.tickets import NOON, make_many_tickets
from tests.running import run_jobs
from ticketing.dashboard import figures, totals
from ticketing.dashboard.rules import Days, Figures
from ticketing.days import local_day
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

STEPS = 150
WRITERS = 8
EVERY_DAY = Days()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def told(found: Figures) -> dict[str, Any]:
    return {
        "by_status": dict(found.by_status),
        "total": found.sla.total,
        "met": found.sla.met,
        "breached": found.sla.breached,
        "overdue": found.overdue,
        "resolution_hours": found.resolution_hours,
    }


def run(platform: Platform, kind: Any) -> tuple[str, Any]:
    """Run a job of the kind; return its state, and its result or what went wrong."""
    with platform.begin(SYSTEM) as work:
        work.enqueue(kind)
    job = run_jobs(platform)[-1]
    return job["state"], job["result"] if job["state"] == "completed" else job["error_message"]


def compare(connection: Connection, chance: Chance) -> None:
    """The figures of all tickets, of some days, of one project, and of people, are those counted the long way."""
    now = chance.now
    first = local_day(now) - timedelta(days=4)
    for days in (EVERY_DAY, Days(first=first), Days(last=first), Days(first=first, last=first)):
        assert told(figures.summarise(connection, now, days)) == count_the_long_way(connection, now, days)
    project = chance.projects[0]
    found = figures.summarise(connection, now, EVERY_DAY, str(project))
    assert told(found) == count_the_long_way(connection, now, EVERY_DAY, project)
    for active_only in (False, True):
        load = figures.list_workload(connection, now, active_only=active_only)
        counts = {row["assigned_to"]: (row["ticket_count"], row["overdue_count"]) for row in load.rows}
        assert counts == workload_the_long_way(connection, now, active_only=active_only)


@pytest.mark.parametrize("seed", [47, 48, 49])
def test_after_each_of_many_changes_the_figures_are_those_of_the_tickets(
    connection: Connection, platform: Platform, seed: int
) -> None:
    chance = Chance(connection, seed, NOON)
    for number in range(STEPS):
        chance.step()
        if number % 20 == 0:
            with platform.begin(SYSTEM) as work:
                totals.fold(work)
        if number % 7 == 0:
            chance.now += timedelta(hours=3)
        assert totals.prove(connection, chance.now).holds
        if number % 5 == 0:
            compare(connection, chance)
    compare(connection, chance)


def test_eight_writers_a_folder_and_readers_at_once(database: Database, platform: Platform) -> None:
    with database.connection() as connection:
        for _ in range(10):
            Chance(connection, 1, NOON).make()
    ended = threading.Event()

    def write(seed: int) -> None:
        with database.connection() as connection:
            chance = Chance(connection, seed, NOON)
            for _ in range(30):
                chance.step()

    def watch() -> int:
        proofs = 0
        while not ended.is_set() or not proofs:
            with platform.begin(SYSTEM) as work:
                totals.fold(work)
            with database.connection() as connection:
                proof = totals.prove(connection, NOON)
            assert proof.holds, proof.message()
            proofs += 1
        return proofs

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            ended.set()
        assert all(watcher.result() for watcher in watchers)
    with database.connection() as connection:
        assert totals.prove(connection, NOON).holds
        compare(connection, Chance(connection, 1, NOON))


def test_two_who_change_tickets_of_one_day_do_not_wait_for_each_other(database: Database) -> None:
    with database.connection() as one, database.connection() as other:
        first, second = make_ticket(one, created_at=NOON), make_ticket(one, created_at=NOON)
        other.execute("select set_config('lock_timeout', '2s', false)")
        with one.transaction(), other.transaction():
            one.execute("update tickets set status = 'assigned' where id = %s", [first["id"]])
            other.execute("update tickets set status = 'assigned' where id = %s", [second["id"]])
            one.execute("update tickets set status = 'in_progress' where id = %s", [first["id"]])
            other.execute("update tickets set status = 'in_progress' where id = %s", [second["id"]])
        assert dict(figures.summarise(one, NOON, EVERY_DAY).by_status) == {"in_progress": 2}


def test_a_day_begins_at_midnight_in_johannesburg(connection: Connection) -> None:
    before = NOON.replace(hour=21, minute=59)
    make_ticket(connection, created_at=before, reported_at=before)
    make_ticket(connection, created_at=before, reported_at=before + timedelta(minutes=1))
    for day in (date(2026, 11, 20), date(2026, 11, 21)):
        assert figures.summarise(connection, NOON, Days(first=day, last=day)).total == 1


def test_folding_leaves_nothing_of_what_is_empty(connection: Connection, platform: Platform) -> None:
    ticket = make_ticket(connection, created_at=NOON)
    for status in (None, "assigned", "in_progress"):
        if status:
            connection.execute("update tickets set status = %s where id = %s", [status, ticket["id"]])
        with platform.begin(SYSTEM) as work:
            assert totals.fold(work) > 0
    with platform.begin(SYSTEM) as work:
        assert totals.fold(work) == 0
    rows = connection.execute("select status, day is null as of_person, tickets from ticket_totals").fetchall()
    assert sorted((row["status"], row["of_person"], row["tickets"]) for row in rows) == [
        ("in_progress", False, 1),
        ("in_progress", True, 1),
    ]
    assert connection.execute("select count(*) as n from ticket_total_changes").fetchone() == {"n": 0}


def test_two_who_fold_at_once_count_nothing_twice(database: Database, connection: Connection) -> None:
    make_many_tickets(connection, 200)
    start = threading.Barrier(2, timeout=20)

    def fold() -> int:
        with database.transaction() as own:
            start.wait()
            folded: int = queries("dashboard").fold_changes(own)
            return folded

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fold) for _ in range(2)]
        folded = sorted(one.result() for one in both)
    assert folded[0] == 0
    assert folded[1] > 0
    assert totals.prove(connection, NOON).holds


class TestProof:
    def spoil(self, connection: Connection) -> dict[str, Any]:
        project, person = make_project(connection), make_user(connection, name="Thandi")
        make_ticket(connection, created_at=NOON, reported_at=NOON, project_id=project["id"], assigned_to=person["id"])
        connection.execute("alter table tickets disable trigger tickets_made_added_up")
        make_ticket(connection, created_at=NOON, reported_at=NOON, project_id=project["id"], assigned_to=person["id"])
        connection.execute("alter table tickets enable trigger tickets_made_added_up")
        return {"project": project["id"], "person": person["id"]}

    def test_wrong_totals_are_named(self, connection: Connection) -> None:
        ids = self.spoil(connection)
        proof = totals.prove(connection, NOON)
        assert not proof.holds
        assert proof.keys == 2
        assert proof.drifted == (
            f"2026-11-20, project {ids['project']}, open: tickets -1",
            f"person {ids['person']}, open: tickets -1",
        )
        assert proof.wrong == ("tickets is told as 1 and is 2",)
        assert "wrong in 2 place(s)" in proof.message()

    def test_a_check_later_than_the_due_time_is_found(self, connection: Connection) -> None:
        """Nothing of ours writes that; if somebody did, overdue tickets would be missed."""
        make_ticket(connection, created_at=NOON, sla_due_at=NOON, sla_next_check_at=NOON + timedelta(days=1))
        proof = totals.prove(connection, NOON)
        assert proof.wrong == ("overdue is told as 0 and is 1", "breached is told as 0 and is 1")

    def test_the_nightly_job_fails_and_a_rebuild_mends(self, platform: Platform, connection: Connection) -> None:
        self.spoil(connection)
        platform.declare()
        state, message = run(platform, prove_ticket_totals)
        assert state == "discarded"
        assert "tickets -1" in message
        assert run(platform, rebuild_ticket_totals) == ("completed", {"tickets": 2, "wrong_keys": 2})
        assert run(platform, prove_ticket_totals) == ("completed", {"tickets": 2})
        assert run(platform, fold_ticket_totals) == ("completed", {"folded": 0})

    def test_who_changes_tickets_during_a_rebuild_is_counted_once(self, database: Database, platform: Platform) -> None:
        ended = threading.Event()

        def write() -> None:
            with database.connection() as connection:
                chance = Chance(connection, 7, NOON)
                while not ended.is_set():
                    chance.step()

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            try:
                for _ in range(10):
                    with platform.begin(SYSTEM) as work:
                        totals.rebuild(work)
                    with database.connection() as connection:
                        assert totals.prove(connection, NOON).holds
            finally:
                ended.set()
            writer.result()
