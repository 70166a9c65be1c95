"""Risk acceptances on a real database: accepting, resolving, the nightly sweep, who wins a race, and plans."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.kinds.sweep_risks import sweep_risks
from jobs.platform import Platform
from sql.database import Connection, queries
from tests.clocks import FixedClock
from tests.factories import Row, make_project, make_ticket, make_user
from tests.factories.tickets import NOON, actor_of, complete_steps, make_actor, make_many_tickets, make_risk
from tests.plans import nodes
from tests.races import race, wait_until_somebody_waits
from tests.running import run_jobs
from ticketing import ticket_views, tickets
from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput, NotFound
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.risks import service, sweep, views
from ticketing.risks.requests import NewRisk, RiskResolution
from ticketing.risks.rules import AlreadyResolved
from ticketing.risks.views import LIST_ORDER, RiskFilter, RiskListRequest
from ticketing.ticket_input import TicketChanges
from ticketing.ticket_views import EVERYTHING
from ticketing.vocabulary import RiskStatus

WAIT = 20
DAY = timedelta(days=1)
MANY = 20_000


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def qa(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


def accept(platform: Platform, actor: Actor, ticket_id: UUID, **fields: Any) -> dict[str, Any]:
    given = {"risk_type": "minor_defect", "risk_description": "Label missing", "accepted_by": actor.user_id} | fields
    with platform.begin(actor) as work:
        return service.accept(work, ticket_id, NewRisk.model_validate(given))


def resolve(platform: Platform, actor: Actor, risk_id: UUID, **fields: Any) -> dict[str, Any]:
    given = {"resolved_by": actor.user_id, "resolution_notes": "Relabelled"} | fields
    with platform.begin(actor) as work:
        return service.resolve(work, risk_id, RiskResolution.model_validate(given))


def move(platform: Platform, actor: Actor, ticket_id: UUID, status: str) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return tickets.update(work, ticket_id, TicketChanges.model_validate({"status": status}))


def events(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return rows[::-1]


def risk_row(connection: Connection, risk_id: UUID) -> Row:
    row = connection.execute("select * from qa_risk_acceptances where id = %s", [risk_id]).fetchone()
    assert row is not None
    return row


class TestAccepting:
    def test_an_acceptance_is_active_and_names_the_open_steps(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_in_progress", created_at=NOON)
        complete_steps(connection, ticket["id"], 10, 12)
        risk = accept(platform, qa, ticket["id"], conditions="Relabel", risk_expiry_date="2026-12-31")
        assert set(risk) == set(views.RiskView.model_fields)
        assert (risk["status"], risk["outstanding_steps"]) == ("active", [10, 12])
        assert (risk["accepted_by"], risk["accepted_at"], risk["created_at"]) == (qa.user_id, NOON, NOON)
        assert risk["risk_expiry_date"] == datetime.fromisoformat("2026-12-31T22:00Z")
        assert (risk["requires_followup"], risk["covers_handover"], risk["ticket_uid"]) == (
            True,
            False,
            ticket["ticket_uid"],
        )
        (event,) = events(connection, ticket["id"])
        assert (event["event_type"], event["actor_id"]) == ("risk_accepted", qa.user_id)
        assert event["after"] == {"risk_status": "active"}
        assert event["details"]["risk_id"] == str(risk["id"])
        assert event["details"]["outstanding_steps"] == [10, 12]

    def test_it_lets_qa_approve_with_what_it_names_and_no_more(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        named, other = (make_ticket(connection, status="qa_in_progress", created_at=NOON) for _ in range(2))
        for ticket in (named, other):
            complete_steps(connection, ticket["id"], 10, 12)
        accept(platform, qa, named["id"])
        accept(platform, qa, other["id"], outstanding_steps=[10])
        assert move(platform, qa, named["id"], "qa_approved")["status"] == "qa_approved"
        with pytest.raises(ConditionNotMet, match="finish 12"):
            move(platform, qa, other["id"], "qa_approved")

    def test_a_complete_step_cannot_be_named(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ticket(connection)
        complete_steps(connection, ticket["id"], 10)
        with pytest.raises(InvalidInput, match="step 9 is complete"):
            accept(platform, qa, ticket["id"], outstanding_steps=[9, 10])
        assert events(connection, ticket["id"]) == []

    def test_who_may_and_for_whom(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ticket(connection)
        admin = make_actor(connection, "admin")
        for role in ("technician", "operator", "viewer"):
            with pytest.raises(Forbidden):
                accept(platform, make_actor(connection, role), ticket["id"])
        with pytest.raises(Forbidden, match="accepted_by must be you"):
            accept(platform, qa, ticket["id"], accepted_by=admin.user_id)
        with pytest.raises(InvalidInput, match="accepted_by"):
            accept(platform, admin, ticket["id"], accepted_by=uuid4())
        assert accept(platform, admin, ticket["id"], accepted_by=qa.user_id)["accepted_by"] == qa.user_id
        assert events(connection, ticket["id"])[0]["details"]["on_behalf_of"] == str(qa.user_id)

    def test_a_ticket_must_be_there_and_open_for_it(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        with pytest.raises(NotFound):
            accept(platform, qa, uuid4())
        for status in ("closed", "cancelled"):
            with pytest.raises(ConditionNotMet, match=status):
                accept(platform, qa, make_ticket(connection, status=status)["id"])

    def test_deadlines_lie_ahead(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ticket(connection)
        with pytest.raises(InvalidInput) as caught:
            accept(platform, qa, ticket["id"], risk_expiry_date=NOON, followup_date="2026-11-19")
        assert isinstance(caught.value.details, dict)
        assert set(caught.value.details) == {"risk_expiry_date", "followup_date"}
        assert accept(platform, qa, ticket["id"], followup_date="2026-11-20")["followup_date"] > NOON


class TestResolving:
    @pytest.mark.parametrize("status", [status for status in RiskStatus if status != RiskStatus.RESOLVED])
    def test_whatever_is_not_resolved_can_be(
        self, platform: Platform, connection: Connection, qa: Actor, status: str
    ) -> None:
        ticket = make_ticket(connection, created_at=NOON)
        made = make_risk(connection, ticket["id"], status=status, accepted_at=NOON - DAY)
        risk = resolve(platform, qa, made["id"])
        assert (risk["status"], risk["resolved_at"], risk["resolved_by"]) == ("resolved", NOON, qa.user_id)
        assert risk["resolution_notes"] == "Relabelled"
        (event,) = events(connection, ticket["id"])
        assert (event["event_type"], event["before"], event["after"]) == (
            "risk_resolved",
            {"risk_status": status},
            {"risk_status": "resolved"},
        )

    def test_then_the_ticket_may_be_closed(self, platform: Platform, connection: Connection) -> None:
        manager = make_actor(connection, "manager")
        ticket = make_ticket(connection, status="qa_approved", fault_cause="unknown", created_at=NOON)
        risk = accept(platform, manager, ticket["id"])
        with pytest.raises(ConditionNotMet, match="still active"):
            move(platform, manager, ticket["id"], "closed")
        resolve(platform, manager, risk["id"])
        assert move(platform, manager, ticket["id"], "closed")["status"] == "closed"

    def test_a_clock_that_is_behind_does_no_harm(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        made = make_risk(connection, make_ticket(connection)["id"], accepted_at=NOON + timedelta(seconds=1))
        assert resolve(platform, qa, made["id"])["resolved_at"] == NOON + timedelta(seconds=1)

    def test_who_may_and_what_must_be_there(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        made = make_risk(connection, make_ticket(connection)["id"])
        with pytest.raises(Forbidden):
            resolve(platform, make_actor(connection, "technician"), made["id"])
        with pytest.raises(Forbidden, match="resolved_by must be you"):
            resolve(platform, qa, made["id"], resolved_by=uuid4())
        with pytest.raises(NotFound, match="Risk acceptance"):
            resolve(platform, qa, uuid4())


class TestRaces:
    def test_of_two_who_resolve_one_wins(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        for _ in range(5):
            ticket = make_ticket(connection)
            made = make_risk(connection, ticket["id"], accepted_at=NOON)
            won, lost = race([partial(resolve, platform, qa, made["id"])] * 2)
            assert (len(won), [type(error) for error in lost]) == (1, [AlreadyResolved])
            assert len(events(connection, ticket["id"])) == 1

    def test_of_accepting_and_cancelling_one_knows_of_the_other(
        self, platform: Platform, connection: Connection
    ) -> None:
        manager = make_actor(connection, "manager")
        for _ in range(5):
            ticket = make_ticket(connection, created_at=NOON)
            won, lost = race(
                [
                    partial(accept, platform, manager, ticket["id"]),
                    partial(move, platform, manager, ticket["id"], "cancelled"),
                ]
            )
            names = [event["event_type"] for event in events(connection, ticket["id"])]
            assert names in (["risk_accepted", "ticket_status_changed"], ["ticket_status_changed"])
            assert len(won) == len(names)
            assert [type(error) for error in lost] == [ConditionNotMet] * (2 - len(won))

    def test_of_approving_and_resolving_no_approval_rests_on_nothing(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        for _ in range(5):
            ticket = make_ticket(connection, status="qa_in_progress", created_at=NOON)
            made = make_risk(connection, ticket["id"], outstanding_steps=list(range(1, 13)), accepted_at=NOON)
            race(
                [
                    partial(move, platform, qa, ticket["id"], "qa_approved"),
                    partial(resolve, platform, qa, made["id"]),
                ]
            )
            names = [event["event_type"] for event in events(connection, ticket["id"])]
            assert names in (["risk_resolved"], ["ticket_status_changed", "risk_resolved"])

    def test_of_two_sweeps_each_risk_is_expired_once(self, platform: Platform, connection: Connection) -> None:
        made = [overdue(connection)["ticket_id"] for _ in range(20)]

        def expire() -> int:
            with platform.begin(SYSTEM) as work:
                return sweep.expire(work)

        won, lost = race([expire] * 3)
        assert (sum(won), lost) == (20, [])
        assert [len(events(connection, ticket_id)) for ticket_id in made] == [1] * 20

    def test_of_sweep_and_resolution_each_finds_what_the_other_did(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        for _ in range(5):
            made = overdue(connection)

            def expire() -> int:
                with platform.begin(SYSTEM) as work:
                    return sweep.expire(work)

            _, lost = race([expire, partial(resolve, platform, qa, made["id"])])
            assert lost == []
            names = [event["event_type"] for event in events(connection, made["ticket_id"])]
            assert names in (["risk_resolved"], ["risk_expired", "risk_resolved"])


def overdue(connection: Connection, **columns: Any) -> Row:
    """An active risk that ran out an hour ago."""
    ticket = make_ticket(connection, created_at=NOON)
    hour = timedelta(hours=1)
    return make_risk(
        connection, ticket["id"], **{"accepted_at": NOON - 2 * hour, "risk_expiry_date": NOON - hour} | columns
    )


class TestSweep:
    def night(self, platform: Platform) -> dict[str, int]:
        """Run one sweep as the job that it is."""
        with platform.begin(SYSTEM) as work:
            work.enqueue(sweep_risks)
        job, *_ = run_jobs(platform)
        assert job["state"] == "completed", job
        result: dict[str, int] = job["result"]
        return result

    def nights(self, platform: Platform, clock: FixedClock, count: int) -> list[dict[str, int]]:
        results = []
        for _ in range(count):
            results.append({name: n for name, n in self.night(platform).items() if n})
            clock.advance(DAY)
        return results

    def test_a_risk_is_warned_of_twice_then_expires_then_is_escalated(
        self, platform: Platform, connection: Connection, clock: FixedClock, qa: Actor
    ) -> None:
        ticket = make_ticket(connection, created_at=NOON)
        risk = accept(platform, qa, ticket["id"], conditions="Relabel", risk_expiry_date="2026-11-28")
        quiet: list[dict[str, int]] = [{}]
        # 20 November; the 28th ends as the 29th begins.
        assert self.nights(platform, clock, 12) == [
            *quiet * 2,
            {"warned": 1},  # 22nd: 7 days before the 29th
            *quiet * 5,
            {"warned": 1},  # 28th: the last day
            {"expired": 1},
            {"escalated": 1},
            {},
        ]
        happened = events(connection, ticket["id"])[1:]
        assert [event["event_type"] for event in happened] == [
            "risk_expiring",
            "risk_expiring",
            "risk_expired",
            "risk_escalated",
        ]
        assert [event["details"].get("days_left") for event in happened] == [7, 1, None, None]
        assert {event["actor_name"] for event in happened} == {"job:sweep_risks"}
        assert all(event["job_id"] for event in happened)
        details = happened[0]["details"]
        assert (details["ticket_uid"], details["risk_description"]) == (ticket["ticket_uid"], "Label missing")
        assert (details["risk_id"], details["accepted_by"]) == (str(risk["id"]), str(qa.user_id))
        row = risk_row(connection, risk["id"])
        assert row["status"] == "escalated"
        assert row["escalated_at"] - row["expired_at"] == DAY
        assert row["warned_1_day_at"] - row["warned_7_days_at"] == 6 * DAY

    def test_an_escalation_leaves_a_note_on_the_ticket(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = overdue(connection, conditions="Relabel by Friday")
        self.nights(platform, clock, 3)
        (note,) = connection.execute("select * from ticket_notes where ticket_id = %s", [made["ticket_id"]]).fetchall()
        assert (note["note_type"], note["visibility"]) == ("system", "private")
        assert "Label missing" in note["content"]
        assert "Relabel by Friday" in note["content"]

    def test_a_second_run_in_the_same_night_does_nothing(self, platform: Platform, connection: Connection) -> None:
        overdue(connection)
        make_risk(connection, make_ticket(connection)["id"], accepted_at=NOON - DAY, risk_expiry_date=NOON + DAY / 2)
        assert self.night(platform) == {"escalated": 0, "expired": 1, "warned": 1}
        assert self.night(platform) == {"escalated": 0, "expired": 0, "warned": 0}

    def test_what_is_short_is_warned_of_once(
        self, platform: Platform, connection: Connection, clock: FixedClock, qa: Actor
    ) -> None:
        accept(platform, qa, make_ticket(connection)["id"], risk_expiry_date=NOON + timedelta(hours=3))
        assert self.nights(platform, clock, 2) == [{"warned": 1}, {"expired": 1}]

    def test_what_is_resolved_or_never_runs_out_is_left_alone(
        self, platform: Platform, connection: Connection, clock: FixedClock, qa: Actor
    ) -> None:
        accept(platform, qa, make_ticket(connection)["id"])
        for _ in range(2):
            made = overdue(connection)
            resolve(platform, qa, made["id"])
        cancelled = make_ticket(connection, status="cancelled")
        make_risk(connection, cancelled["id"], status="expired", expired_at=NOON - 2 * DAY)
        make_risk(connection, cancelled["id"], accepted_at=NOON - DAY, risk_expiry_date=NOON + DAY)
        assert self.night(platform) == {"escalated": 0, "expired": 0, "warned": 0}

    def test_an_expired_risk_covers_nothing(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ticket(connection, status="qa_in_progress", created_at=NOON)
        make_risk(
            connection,
            ticket["id"],
            outstanding_steps=list(range(1, 13)),
            accepted_at=NOON - DAY,
            risk_expiry_date=NOON - timedelta(hours=1),
        )
        self.night(platform)
        with pytest.raises(ConditionNotMet, match="finish 1"):
            move(platform, qa, ticket["id"], "qa_approved")

    def test_many_are_swept_batch_by_batch(
        self, platform: Platform, connection: Connection, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep, "AT_ONCE", 3)
        for _ in range(7):
            overdue(connection)
        assert self.nights(platform, clock, 2) == [{"expired": 7}, {"escalated": 7}]
        row = connection.execute("select count(*) as n from ticket_notes").fetchone()
        assert row == {"n": 7}

    @pytest.mark.parametrize(
        ("part", "columns"),
        [
            ("expired", {}),
            ("escalated", {"status": "expired", "expired_at": NOON - 2 * DAY}),
            ("warned", {"accepted_at": NOON - DAY, "risk_expiry_date": NOON + DAY / 2}),
        ],
    )
    def test_a_risk_that_is_resolved_meanwhile_ends_no_sweep(
        self,
        platform: Platform,
        connection: Connection,
        qa: Actor,
        monkeypatch: pytest.MonkeyPatch,
        part: str,
        columns: dict[str, Any],
    ) -> None:
        monkeypatch.setattr(sweep, "AT_ONCE", 2)
        first = min((overdue(connection, **columns) for _ in range(6)), key=lambda risk: risk["ticket_id"])
        done = RiskResolution.model_validate({"resolved_by": qa.user_id, "resolution_notes": "Relabelled"})
        with ThreadPoolExecutor(1) as pool:
            with platform.begin(qa) as work:
                service.resolve(work, first["id"], done)
                night = pool.submit(self.night, platform)
                wait_until_somebody_waits(platform)
            assert night.result(WAIT) == {"escalated": 0, "expired": 0, "warned": 0} | {part: 5}


class TestLists:
    def listed(self, connection: Connection, actor: Actor = SYSTEM, **filters: Any) -> list[UUID]:
        found = views.list_risks(connection, actor, RiskFilter(**filters), RiskListRequest(), NOON)
        assert len(found.rows) == found.total
        return [row["id"] for row in found.rows]

    def test_what_needs_attention_stands_first(self, connection: Connection) -> None:
        ticket = make_ticket(connection)["id"]
        old = NOON - 9 * DAY

        def make(status: str, expiry: datetime | None, age: int = 0) -> UUID:
            resolved = {"resolved_at": NOON, "resolved_by": make_user(connection)["id"], "resolution_notes": "Done"}
            made: UUID = make_risk(
                connection,
                ticket,
                status=status,
                risk_expiry_date=expiry,
                accepted_at=old,
                created_at=NOON - age * DAY,
                **resolved if status == "resolved" else {},
            )["id"]
            return made

        expected = [
            make("active", NOON),
            make("active", NOON + DAY, age=1),
            make("active", NOON + DAY, age=2),
            make("active", None),
            make("expired", NOON - DAY),
            make("escalated", NOON - 2 * DAY),
            make("resolved", NOON - 3 * DAY),
            make("resolved", None, age=3),
        ]
        assert self.listed(connection) == expected
        seen: list[UUID] = []
        cursor = None
        while True:
            request = RiskListRequest(limit=3, cursor=cursor)
            part = views.list_risks(connection, SYSTEM, RiskFilter(), request, NOON)
            seen += [row["id"] for row in part.rows]
            if (cursor := part.next_cursor) is None:
                break
            make("active", NOON - DAY)  # arrives before the position: it shifts nothing
        assert seen == expected

    def test_filters_and_counts(self, connection: Connection) -> None:
        project = make_project(connection, code="LAW", name="Lawley")
        inside = make_ticket(connection, project_id=project["id"])["id"]
        outside = make_ticket(connection)["id"]
        soon = make_risk(connection, inside, accepted_at=NOON - DAY, risk_expiry_date=NOON + 2 * DAY)["id"]
        expired = make_risk(
            connection, inside, status="expired", accepted_at=NOON - DAY, risk_expiry_date=NOON - DAY / 2
        )["id"]
        forever = make_risk(connection, outside)["id"]
        assert self.listed(connection, statuses=(RiskStatus.EXPIRED,)) == [expired]
        assert set(self.listed(connection, statuses=(RiskStatus.ACTIVE, RiskStatus.EXPIRED))) == {
            soon,
            expired,
            forever,
        }
        assert self.listed(connection, project_id="law") == [soon, expired]
        assert self.listed(connection, project_id="proj-123") == []
        assert self.listed(connection, ticket_id=outside) == [forever]
        assert self.listed(connection, expiring_within_days=2) == [soon]
        assert self.listed(connection, expiring_within_days=1) == []
        filtered = RiskFilter(statuses=(RiskStatus.EXPIRED,), project_id=str(project["id"]))
        found = views.list_risks(connection, SYSTEM, filtered, RiskListRequest(), NOON)
        assert found.counts == {"active": 1, "resolved": 0, "expired": 1, "escalated": 0}
        assert found.rows[0]["project_name"] == "Lawley"

    def test_a_technician_sees_those_of_their_own_tickets(self, connection: Connection) -> None:
        technician = actor_of(make_user(connection))
        own = make_risk(connection, make_ticket(connection, assigned_to=technician.user_id)["id"])["id"]
        make_risk(connection, make_ticket(connection)["id"])
        assert self.listed(connection, technician) == [own]
        found = views.list_risks(connection, technician, RiskFilter(), RiskListRequest(), NOON)
        assert found.counts["active"] == 1

    def test_the_databases_order_is_ours(self, connection: Connection) -> None:
        rows = connection.execute(
            "select status from unnest(%s::text[]) as status order by risk_rank(status)", [sorted(RiskStatus)]
        ).fetchall()
        assert [row["status"] for row in rows] == list(LIST_ORDER)

    def test_a_risk_that_is_not_there(self, connection: Connection) -> None:
        with pytest.raises(NotFound):
            views.read_risk(connection, uuid4())


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many risks, made once for the tests below; they only read."""
    make_many_tickets(module_connection, MANY)
    make_many_risks(module_connection)
    return module_connection


def make_many_risks(connection: Connection) -> None:
    """Accept a risk on every ticket: one in 10 active, one in 100 expired or escalated, the others resolved."""
    connection.execute(
        """
        insert into qa_risk_acceptances (
            ticket_id, risk_type, risk_description, risk_expiry_date, status, accepted_by, accepted_at, expired_at,
            resolved_at, resolved_by, resolution_notes, created_at
        )
        select
            t.id, 'minor_defect', 'Label missing', t.created_at + interval '30 days', made.status, person.id,
            t.created_at, t.created_at + interval '31 days',
            case when made.status = 'resolved' then now() end,
            case when made.status = 'resolved' then person.id end,
            case when made.status = 'resolved' then 'Done' end,
            t.created_at
        from (select *, row_number() over (order by created_at, id) as n from tickets) as t
        cross join (select id from users limit 1) as person
        cross join lateral (
            select case when t.n % 100 = 1 then 'expired' when t.n % 100 = 2 then 'escalated'
                when t.n % 10 = 0 then 'active' else 'resolved' end as status
        ) as made
        """
    )
    connection.execute("analyze qa_risk_acceptances")


def scans_of_risks(connection: Connection, statement: str, parameters: dict[str, Any]) -> set[str]:
    """Return by which kinds of scan, or which indexes, a statement reads risk acceptances."""
    row = connection.execute("explain (format json) " + statement, parameters, prepare=False).fetchone()
    assert row is not None
    return {
        node.get("Index Name", node["Node Type"])
        for node in nodes(row["QUERY PLAN"][0]["Plan"])
        if node.get("Alias", "").startswith("r") or "Bitmap Index" in node["Node Type"]
    }


CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "active": {"statuses": (RiskStatus.ACTIVE,)},
    "two statuses": {"statuses": (RiskStatus.ACTIVE, RiskStatus.ESCALATED)},
    "expiring": {"statuses": (RiskStatus.ACTIVE,), "expiring_within_days": 7},
    "project": {"project_id": "BULK7"},
}


class TestPlans:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("keyset", [False, True], ids=["first page", "keyset page"])
    def test_a_page_is_read_in_the_order_of_its_index(self, many: Connection, case: str, keyset: bool) -> None:
        wanted = RiskFilter(**CASES[case])
        position = views.RiskPosition(1, NOON.replace(month=2, day=5), NOON.replace(month=1), uuid4())
        request = RiskListRequest(cursor=position.cursor() if keyset else None)
        filters = views._filters(wanted, self.project(many, wanted), NOON.replace(month=2, day=3), EVERYTHING)
        values = filters | views._place(request) | {"risk_id": None}
        assert scans_of_risks(many, queries("risks").list_risks.sql, values) == {"qa_risk_acceptances_list_idx"}

    def test_those_of_one_ticket_are_found_by_it(self, many: Connection) -> None:
        row = many.execute("select id from tickets limit 1").fetchone()
        assert row is not None
        filters = views._filters(RiskFilter(ticket_id=row["id"]), None, NOON, EVERYTHING)
        values = filters | views._place(RiskListRequest()) | {"risk_id": None}
        assert "Seq Scan" not in scans_of_risks(many, queries("risks").list_risks.sql, values)

    def test_the_sweep_reads_only_what_is_due(self, many: Connection) -> None:
        early = NOON.replace(month=1, day=31)
        limits = {"within_7_days": early + 7 * DAY, "within_1_day": early + DAY, "expired_before": early + DAY}
        for name in ("warn_risks", "expire_risks", "escalate_risks"):
            query = getattr(queries("risks"), name)
            values = {"now": early, "most": 500} | limits
            assert "Seq Scan" not in scans_of_risks(many, query.sql, values), name

    def project(self, connection: Connection, wanted: RiskFilter) -> UUID | None:
        if wanted.project_id is None:
            return None
        row = connection.execute("select id from projects where code = %s", [wanted.project_id]).fetchone()
        assert row is not None
        found: UUID = row["id"]
        return found
