"""Repeat faults on a real database: what counts where, escalations and their tickets, who wins a race, and plans."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from jobs.kinds.scan_repeat_faults import scan_repeat_faults
from jobs.kinds.scan_ticket_faults import ScanTicketFaults, scan_ticket_faults
from jobs.platform import Platform
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import Row, insert, make_project, make_ticket, make_user, make_weekly_report
from tests.factories.tickets import NOON, actor_of, make_actor
from tests.races import race, wait_until_somebody_waits
from tests.running import run_jobs
from ticketing import ticket_views, tickets
from ticketing.errors import Forbidden, InvalidInput, NotFound, StaleWrite
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.repeat_faults import service, thresholds, views
from ticketing.repeat_faults.raising import Raised, raise_due
from ticketing.repeat_faults.requests import Investigation, Resolution, ThresholdsChange
from ticketing.repeat_faults.rules import AlreadyInvestigated, AlreadyResolved
from ticketing.repeat_faults.scan import Place, Question, scan
from ticketing.ticket_input import NewTicket, TicketChanges
from ticketing.vocabulary import EscalationScope
from ticketing.weekly_reports import service as reports

WAIT = 20
DAY = timedelta(days=1)
POLE = "LAW.P.A002"
EVERYWHERE = Question(everywhere=True)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def manager(connection: Connection) -> Actor:
    return make_actor(connection, "manager")


@pytest.fixture
def project(connection: Connection) -> UUID:
    project_id: UUID = make_project(connection, code="LAW")["id"]
    return project_id


def faults(connection: Connection, count: int, *, ago: timedelta = DAY, **columns: Any) -> list[UUID]:
    at = NOON - ago
    return [make_ticket(connection, created_at=at, **columns)["id"] for _ in range(count)]


def found(connection: Connection, now: datetime = NOON, question: Question = EVERYWHERE) -> dict[tuple[str, str], int]:
    return {(one.place.scope, one.place.value): one.pattern.fault_count for one in scan(connection, now, question)}


def act(platform: Platform, question: Question = EVERYWHERE) -> Raised:
    with platform.begin(SYSTEM) as work:
        return raise_due(work, question)


def escalations(connection: Connection) -> list[Row]:
    return connection.execute("select * from repeat_fault_escalations order by created_at, id").fetchall()


def only(connection: Connection) -> Row:
    (escalation,) = escalations(connection)
    return escalation


def members(connection: Connection, escalation_id: UUID) -> set[UUID]:
    rows = connection.execute("select ticket_id from escalation_tickets where escalation_id = %s", [escalation_id])
    return {row["ticket_id"] for row in rows}


def timeline(connection: Connection, ticket_id: UUID) -> list[str]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return [row["event_type"] for row in rows[::-1]]


def resolve(platform: Platform, actor: Actor, escalation_id: UUID, **fields: Any) -> dict[str, Any]:
    given = {"resolved_by": str(actor.user_id), "resolution_notes": "New pole", "status": "resolved"} | fields
    with platform.begin(actor) as work:
        return service.resolve(work, escalation_id, Resolution.model_validate(given))


def investigate(platform: Platform, actor: Actor, escalation_id: UUID, **fields: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return service.investigate(work, escalation_id, Investigation.model_validate(fields))


def put(platform: Platform, actor: Actor, project_id: UUID | None, **fields: Any) -> dict[str, Any]:
    whole = {"window_days": 30, "pole_threshold": 3, "pon_threshold": 5, "zone_threshold": 10, "dr_threshold": 2}
    with platform.begin(actor) as work:
        return thresholds.put(work, project_id, ThresholdsChange.model_validate(whole | fields))


class TestCounting:
    @pytest.mark.parametrize(
        ("columns", "threshold", "scope"),
        [
            ({"pole_number": POLE}, 3, "pole"),
            ({"pon_number": "7"}, 5, "pon"),
            ({"zone": "3"}, 10, "zone"),
            ({"dr_number": "DR1737348"}, 2, "dr"),
        ],
    )
    def test_a_place_needs_as_many_faults_as_its_threshold(
        self, connection: Connection, project: UUID, columns: dict[str, Any], threshold: int, scope: str
    ) -> None:
        faults(connection, threshold - 1, project_id=project, **columns)
        assert found(connection) == {}
        faults(connection, 1, project_id=project, **columns)
        assert found(connection) == {(scope, *columns.values()): threshold}

    @pytest.mark.parametrize(
        "columns",
        [
            {"status": "cancelled"},
            {"ticket_type": "new_installation"},
            {"ticket_type": "ont_swap"},
            {"reported_at": NOON - 30 * DAY},
            {"reported_at": NOON + 2 * DAY},
        ],
        ids=str,
    )
    def test_what_is_no_fault_of_the_last_days_does_not_count(
        self, connection: Connection, columns: dict[str, Any]
    ) -> None:
        faults(connection, 2, pole_number=POLE)
        faults(connection, 1, pole_number=POLE, **columns)
        assert found(connection) == {}

    def test_incidents_and_closed_faults_count(self, connection: Connection) -> None:
        faults(connection, 1, pole_number=POLE, ticket_type="incident")
        faults(connection, 1, pole_number=POLE, status="closed")
        faults(connection, 1, pole_number=POLE, ago=29 * DAY)
        assert found(connection) == {("pole", POLE): 3}

    def test_pons_and_zones_count_within_their_project(self, connection: Connection, project: UUID) -> None:
        other = make_project(connection)["id"]
        faults(connection, 4, project_id=project, pon_number="7")
        faults(connection, 4, project_id=other, pon_number="7")
        faults(connection, 4, pon_number="7")
        assert found(connection) == {}
        faults(connection, 1, project_id=other, pon_number="7")
        (finding,) = scan(connection, NOON, EVERYWHERE)
        assert finding.place == Place(EscalationScope.PON, "7", other)

    def test_a_pole_and_a_drop_are_one_thing_whatever_project_is_named(
        self, connection: Connection, project: UUID
    ) -> None:
        faults(connection, 2, project_id=project, pole_number=POLE)
        faults(connection, 1, pole_number=POLE)
        assert found(connection) == {("pole", POLE): 3}

    def test_a_projects_own_thresholds_and_window_hold_for_it_alone(
        self, platform: Platform, connection: Connection, manager: Actor, project: UUID
    ) -> None:
        put(platform, manager, project, window_days=60, pon_threshold=2)
        for of in (project, make_project(connection)["id"]):
            faults(connection, 1, project_id=of, pon_number="7")
            faults(connection, 1, project_id=of, pon_number="7", ago=45 * DAY)
        (finding,) = scan(connection, NOON, EVERYWHERE)
        assert (finding.place.project_id, finding.pattern.threshold, finding.pattern.window_days) == (project, 2, 60)

    def test_a_scan_of_tickets_looks_at_their_places_only(self, connection: Connection) -> None:
        one, *_ = faults(connection, 3, pole_number=POLE)
        faults(connection, 3, pole_number="LAW.P.A003")
        assert found(connection, question=Question(tickets=[one])) == {("pole", POLE): 3}
        named = Question(places=[Place(EscalationScope.POLE, "LAW.P.A003")])
        assert found(connection, question=named) == {("pole", "LAW.P.A003"): 3}
        assert found(connection, question=Question(tickets=[uuid4()])) == {}


class TestRaising:
    def test_an_escalation_has_its_faults_and_its_ticket_linked_both_ways(
        self, platform: Platform, connection: Connection, project: UUID
    ) -> None:
        there = faults(connection, 3, pole_number=POLE, project_id=project)
        assert act(platform) == Raised(escalations=1)
        escalation = only(connection)
        names = ("scope_type", "scope_value", "project_id", "fault_count", "fault_threshold", "window_days", "status")
        assert [escalation[name] for name in names] == ["pole", POLE, project, 3, 3, 30, "open"]
        assert members(connection, escalation["id"]) == set(there)
        ticket = ticket_views.read_ticket(connection, escalation["escalation_ticket_id"])
        wanted: Row = {"source": "construction", "ticket_type": "maintenance", "priority": "high", "status": "open"}
        wanted |= {"pole_number": POLE, "project_id": project}
        assert {name: ticket[name] for name in wanted} == wanted
        assert POLE in ticket["title"]
        linked = connection.execute(
            "select escalation_id, (select count(*) from verification_steps where ticket_id = t.id) as steps"
            " from tickets as t where id = %s",
            [ticket["id"]],
        ).fetchone()
        assert linked == {"escalation_id": escalation["id"], "steps": 12}
        assert timeline(connection, ticket["id"]) == ["ticket_created", "escalation_created"]
        assert timeline(connection, there[0]) == ["fault_joined_escalation"]

    def test_scanning_again_changes_nothing(self, platform: Platform, connection: Connection) -> None:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        before = only(connection)
        assert act(platform) == Raised()
        assert only(connection) == before

    def test_the_infrastructure_ticket_never_counts(self, platform: Platform, connection: Connection) -> None:
        faults(connection, 2, dr_number="DR1737348", pole_number=POLE)
        act(platform)
        assert only(connection)["scope_type"] == "dr"
        assert found(connection) == {}

    @pytest.mark.parametrize("status", ["open", "investigating"])
    def test_later_faults_join_however_few(
        self, platform: Platform, connection: Connection, clock: FixedClock, manager: Actor, status: str
    ) -> None:
        faults(connection, 3, pole_number=POLE, ago=29 * DAY)
        act(platform)
        if status == "investigating":
            investigate(platform, manager, only(connection)["id"])
        clock.advance(5 * DAY)
        late = make_ticket(connection, created_at=clock.now(), pole_number=POLE)["id"]
        assert act(platform) == Raised(joined=1)
        escalation = only(connection)
        assert escalation["fault_count"] == 4
        assert late in members(connection, escalation["id"])
        assert timeline(connection, late) == ["fault_joined_escalation"]

    def test_after_a_resolution_only_later_faults_count(
        self, platform: Platform, connection: Connection, clock: FixedClock, manager: Actor
    ) -> None:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        clock.advance(DAY)
        resolve(platform, manager, only(connection)["id"])
        assert act(platform) == Raised()
        faults(connection, 2, pole_number=POLE)
        clock.advance(DAY)
        for _ in range(2):
            make_ticket(connection, created_at=clock.now(), pole_number=POLE)
        assert act(platform) == Raised()
        make_ticket(connection, created_at=clock.now(), pole_number=POLE)
        assert act(platform) == Raised(escalations=1)
        assert [row["fault_count"] for row in escalations(connection)] == [3, 3]

    def test_a_pole_of_two_projects_has_one_escalation_of_neither(
        self, platform: Platform, connection: Connection, project: UUID
    ) -> None:
        faults(connection, 2, pole_number=POLE, project_id=project)
        faults(connection, 2, pole_number=POLE, project_id=make_project(connection)["id"])
        act(platform)
        assert only(connection)["project_id"] is None

    def test_each_kind_of_place_names_its_ticket_after_itself(
        self, platform: Platform, connection: Connection, project: UUID
    ) -> None:
        faults(connection, 10, pole_number=POLE, pon_number="7", zone="3", dr_number="DR1737348", project_id=project)
        assert act(platform) == Raised(escalations=4)
        rows = connection.execute("select title from tickets where source = 'construction'").fetchall()
        named = {row["title"].removeprefix("Repeat faults on ").partition(":")[0] for row in rows}
        assert named == {f"pole {POLE}", "PON 7", "zone 3", "drop DR1737348"}


class TestJobs:
    def report(self, platform: Platform, manager: Actor, **fields: Any) -> UUID:
        given = {"source": "ad_hoc", "title": "No light", "ticket_type": "maintenance"} | fields
        with platform.begin(manager) as work:
            ticket_id: UUID = tickets.create(work, NewTicket.model_validate(given))["id"]
        return ticket_id

    def kinds(self, ran: list[dict[str, Any]]) -> list[str]:
        return [row["kind"] for row in ran if row["kind"].startswith("scan_")]

    def test_a_reported_fault_is_looked_at_by_itself(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        for _ in range(2):
            self.report(platform, manager, pole_number=POLE)
        run_jobs(platform)
        assert escalations(connection) == []
        self.report(platform, manager, pole_number=POLE)
        run_jobs(platform)
        assert only(connection)["fault_count"] == 3
        self.report(platform, manager, pole_number=POLE)
        run_jobs(platform)
        assert only(connection)["fault_count"] == 4

    def test_faults_of_one_unit_of_work_are_looked_at_together_and_each_of_their_places_is(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        given = {"source": "ad_hoc", "title": "No light", "ticket_type": "maintenance"}
        with platform.begin(manager) as work:
            reported = [
                tickets.create(work, NewTicket.model_validate(given | {"pole_number": f"LAW.P.{number % 4:03d}"}))["id"]
                for number in range(12)
            ]
        job, *follow = [row for row in run_jobs(platform) if row["kind"] == "scan_ticket_faults"]
        assert job["result"] == {"escalations": 4, "joined": 0}
        assert [row["result"] for row in follow] == [{"escalations": 0, "joined": 0}]
        assert [one["fault_count"] for one in escalations(connection)] == [3] * 4
        about = connection.execute("select subject_id from job_subjects where job_id = %s", [job["id"]]).fetchall()
        assert {row["subject_id"] for row in about} == {str(ticket_id) for ticket_id in reported}

    def test_a_job_from_before_faults_were_looked_at_together_still_runs(
        self, platform: Platform, connection: Connection
    ) -> None:
        (fault, _, _) = faults(connection, 3, pole_number=POLE)
        with platform.begin(SYSTEM) as work:
            work.enqueue(scan_ticket_faults, ScanTicketFaults.model_validate({"ticket_ids": [fault]}))
        connection.execute("update jobs set arguments = %s", [Jsonb({"ticket_id": str(fault)})])
        run_jobs(platform)
        assert only(connection)["fault_count"] == 3

    def test_a_fault_that_is_moved_to_another_pole_is_looked_at_again(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        faults(connection, 2, pole_number=POLE)
        (moved,) = faults(connection, 1, pole_number="LAW.P.A003")
        with platform.begin(manager) as work:
            tickets.update(work, moved, TicketChanges.model_validate({"pole_number": POLE}))
        assert self.kinds(run_jobs(platform))[0] == "scan_ticket_faults"
        assert only(connection)["scope_value"] == POLE

    def test_what_has_no_place_is_not_looked_at(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = self.report(platform, manager)
        self.report(platform, manager, pole_number=POLE, ticket_type="new_installation")
        with platform.begin(manager) as work:
            tickets.update(work, ticket, TicketChanges.model_validate({"title": "Still no light"}))
        assert self.kinds(run_jobs(platform)) == []

    def test_the_nightly_scan_raises_whatever_is_due(self, platform: Platform, connection: Connection) -> None:
        for number in range(60):
            faults(connection, 3, pole_number=f"LAW.P.{number:03d}")
        with platform.begin(SYSTEM) as work:
            job = work.enqueue(scan_repeat_faults)
        ran = {row["id"]: row for row in run_jobs(platform)}
        assert ran[job.id]["result"] == {"escalations": 60, "joined": 0}
        assert len(escalations(connection)) == 60

    def test_changed_thresholds_are_followed_by_a_scan(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        faults(connection, 2, pole_number=POLE)
        put(platform, manager, None, pole_threshold=2)
        assert "scan_repeat_faults" in self.kinds(run_jobs(platform))
        assert only(connection)["fault_threshold"] == 2

    def test_an_import_is_followed_by_one_scan_of_its_places(self, platform: Platform, connection: Connection) -> None:
        report = make_weekly_report(connection, total_rows=3, status="processing", phase="importing")
        for number, ticket_id in enumerate(faults(connection, 3, pole_number=POLE)):
            insert(
                connection,
                "weekly_report_rows",
                report_id=report["id"],
                row_number=number + 2,
                cells={},
                verdict="ok",
                outcome="created",
                ticket_id=ticket_id,
            )
        faults(connection, 3, pole_number="LAW.P.A003")
        with platform.begin(SYSTEM) as work:
            reports.complete(work, report["id"], None)
        ran = run_jobs(platform)
        assert self.kinds(ran).count("scan_imported_faults") == 1
        assert only(connection)["scope_value"] == POLE


class TestDeciding:
    @pytest.fixture
    def escalation(self, platform: Platform, connection: Connection) -> UUID:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        escalation_id: UUID = only(connection)["id"]
        return escalation_id

    @pytest.mark.parametrize("status", ["resolved", "no_action"])
    def test_an_escalation_is_resolved_with_notes(
        self, platform: Platform, connection: Connection, manager: Actor, escalation: UUID, status: str
    ) -> None:
        shown = resolve(platform, manager, escalation, status=status)
        assert set(shown) == set(views.EscalationView.model_fields)
        assert (shown["status"], shown["resolved_by"], shown["resolution_notes"], shown["resolved_at"]) == (
            status,
            manager.user_id,
            "New pole",
            NOON,
        )
        assert timeline(connection, shown["escalation_ticket_id"])[-1] == "escalation_resolved"
        for again in (resolve, investigate):
            with pytest.raises(AlreadyResolved):
                again(platform, manager, escalation)

    def test_an_escalation_is_investigated_then_resolved(
        self, platform: Platform, connection: Connection, manager: Actor, escalation: UUID
    ) -> None:
        shown = investigate(platform, manager, escalation, escalation_type="replacement")
        assert (shown["status"], shown["escalation_type"]) == ("investigating", "replacement")
        with pytest.raises(AlreadyInvestigated):
            investigate(platform, manager, escalation)
        assert resolve(platform, manager, escalation)["escalation_type"] == "replacement"
        assert timeline(connection, shown["escalation_ticket_id"])[-2:] == [
            "escalation_investigated",
            "escalation_resolved",
        ]

    def test_who_may_not_and_what_is_not_there(
        self, platform: Platform, connection: Connection, manager: Actor, escalation: UUID
    ) -> None:
        viewer = make_actor(connection, "viewer")
        with pytest.raises(Forbidden):
            resolve(platform, viewer, escalation)
        with pytest.raises(Forbidden):
            resolve(platform, manager, escalation, resolved_by=str(viewer.user_id))
        with pytest.raises(NotFound):
            resolve(platform, manager, uuid4())
        admin = make_actor(connection, "admin")
        with pytest.raises(InvalidInput):
            resolve(platform, admin, escalation, resolved_by="user123")
        assert resolve(platform, admin, escalation, resolved_by=str(viewer.user_id))["resolved_by"] == viewer.user_id

    def test_an_escalation_without_a_ticket_is_resolved_too(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        row = insert(
            connection,
            "repeat_fault_escalations",
            scope_type="zone",
            scope_value="9",
            fault_count=10,
            fault_threshold=10,
            created_at=NOON,
        )
        investigate(platform, manager, row["id"])
        assert resolve(platform, manager, row["id"])["status"] == "resolved"


class TestRaces:
    def test_two_scans_at_once_make_one_escalation(self, platform: Platform, connection: Connection) -> None:
        faults(connection, 3, pole_number=POLE)
        faults(connection, 2, dr_number="DR1737348")
        won, lost = race([lambda: act(platform)] * 4)
        assert lost == []
        assert sum(raised.escalations for raised in won) == 2
        assert sum(raised.joined for raised in won) == 0
        assert sorted(row["fault_count"] for row in escalations(connection)) == [2, 3]
        (made,) = connection.execute("select count(*) as n from tickets where source = 'construction'").fetchall()
        assert made == {"n": 2}

    def test_who_comes_second_joins_with_a_fault_that_the_first_has_not_seen(
        self, platform: Platform, connection: Connection
    ) -> None:
        faults(connection, 3, pole_number=POLE)
        first_scanned, go_on = threading.Event(), threading.Event()

        def first() -> Raised:
            with platform.begin(SYSTEM) as work:
                raised = raise_due(work, EVERYWHERE)
                first_scanned.set()
                assert go_on.wait(WAIT)
            return raised

        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(first)
            assert first_scanned.wait(WAIT)
            (late,) = faults(connection, 1, pole_number=POLE)
            two = pool.submit(act, platform)
            wait_until_somebody_waits(platform)
            go_on.set()
            assert (one.result(WAIT), two.result(WAIT)) == (Raised(escalations=1), Raised(joined=1))
        escalation = only(connection)
        assert escalation["fault_count"] == 4
        assert late in members(connection, escalation["id"])

    def test_one_of_two_resolves(self, platform: Platform, connection: Connection, manager: Actor) -> None:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        other = actor_of(make_user(connection, roles=["manager"]))
        escalation_id = only(connection)["id"]
        won, lost = race([lambda who=who: resolve(platform, who, escalation_id) for who in (manager, other)])  # type: ignore[misc]
        assert (len(won), [type(error) for error in lost]) == (1, [AlreadyResolved])

    def test_one_of_two_investigates(self, platform: Platform, connection: Connection, manager: Actor) -> None:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        escalation_id = only(connection)["id"]
        won, lost = race([lambda: investigate(platform, manager, escalation_id)] * 2)
        assert (len(won), [type(error) for error in lost]) == (1, [AlreadyInvestigated])

    def test_joining_and_resolving_at_once_end_well(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        faults(connection, 3, pole_number=POLE)
        act(platform)
        faults(connection, 1, pole_number=POLE)
        escalation_id = only(connection)["id"]
        won, lost = race([lambda: act(platform), lambda: resolve(platform, manager, escalation_id)])
        assert (len(won), lost) == (2, [])
        escalation = only(connection)
        assert escalation["status"] == "resolved"
        assert escalation["fault_count"] == len(members(connection, escalation_id))

    def test_of_two_who_saw_the_same_thresholds_one_changes_them(
        self, platform: Platform, connection: Connection, manager: Actor, project: UUID
    ) -> None:
        put(platform, manager, project, pole_threshold=4)
        seen = {row["project_id"]: row for row in thresholds.list_thresholds(connection)}[project]["updated_at"]
        won, lost = race(
            [lambda n=n: put(platform, manager, project, pole_threshold=n, updated_at=seen) for n in (5, 6)]  # type: ignore[misc]
        )
        assert (len(won), [type(error) for error in lost]) == (1, [StaleWrite])
