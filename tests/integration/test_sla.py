"""SLA clocks on a real database: started, moved, paused, swept; who wins a race; and plans."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.kinds.sweep_sla import sweep_sla
from jobs.platform import Platform
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import Row, make_project, make_ticket, make_user
from tests.factories.sla import FRIDAY, HOUR, MONDAY, ZONE, close, create, put_target, targets_of
from tests.factories.tickets import make_actor
from tests.factories.weekly import import_report, weekly_row
from tests.races import race
from tests.running import run_jobs
from ticketing import tickets
from ticketing.errors import ConditionNotMet, Forbidden, NotFound
from ticketing.people import SYSTEM, Actor
from ticketing.sla import compliance, service, sweep
from ticketing.sla.compliance import ComplianceRequest
from ticketing.sla.rules import ClockConflict
from ticketing.ticket_input import TicketChanges


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY)


def update(platform: Platform, ticket_id: UUID, **fields: Any) -> Row:
    with platform.begin(SYSTEM) as work:
        return tickets.update(work, ticket_id, TicketChanges.model_validate(fields))


def row_of(connection: Connection, ticket_id: UUID) -> Row:
    row: Row | None = connection.execute("select * from tickets where id = %s", [ticket_id]).fetchone()
    assert row is not None
    return row


def events_of(connection: Connection, ticket_id: UUID) -> list[Row]:
    found = connection.execute(
        "select event_type, details, before, after from ticket_events where ticket_id = %s"
        " and event_type like 'sla%%' order by id",
        [ticket_id],
    )
    return list(found.fetchall())


def pause(platform: Platform, ticket_id: UUID, reason: str = "Waits for the client", actor: Actor = SYSTEM) -> Row:
    with platform.begin(actor) as work:
        return service.pause(work, ticket_id, reason)


def resume(platform: Platform, ticket_id: UUID, actor: Actor = SYSTEM) -> Row:
    with platform.begin(actor) as work:
        return service.resume(work, ticket_id)


def note_due(platform: Platform) -> int:
    with platform.begin(SYSTEM) as work:
        return sweep.note_due(work)


class TestStarting:
    @pytest.mark.parametrize(
        ("priority", "due", "answer"),
        [
            ("critical", MONDAY + 4 * HOUR, MONDAY + HOUR),
            ("urgent", MONDAY + 8 * HOUR, MONDAY + 2 * HOUR),
            ("high", MONDAY + timedelta(days=2, hours=4), MONDAY + 4 * HOUR),
            ("normal", FRIDAY, MONDAY + 8 * HOUR),
            ("low", MONDAY + timedelta(days=16), MONDAY + timedelta(days=2, hours=4)),
        ],
    )
    def test_a_new_ticket_has_the_due_times_of_its_priority(
        self, platform: Platform, connection: Connection, priority: str, due: datetime, answer: datetime
    ) -> None:
        made = create(platform, priority=priority)
        row = row_of(connection, made["id"])
        assert made["sla_due_at"] == row["sla_due_at"] == due
        assert row["sla_first_response_due_at"] == answer
        assert (made["sla_breached"], row["sla_first_response_at"]) == (False, None)
        assert row["sla_next_check_at"] < row["sla_due_at"]

    def test_one_that_is_given_to_somebody_is_answered_by_that(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        person = make_user(connection)["id"]
        assert create(platform, assigned_to=str(person))["sla_first_response_at"] == MONDAY
        later = create(platform)
        clock.advance(HOUR)
        assert update(platform, later["id"], assigned_to=str(person))["sla_first_response_at"] == MONDAY + HOUR
        clock.advance(HOUR)
        assert update(platform, later["id"], status="in_progress")["sla_first_response_at"] == MONDAY + HOUR
        assert update(platform, create(platform)["id"], status="cancelled")["sla_first_response_at"] is None

    def test_a_project_may_have_targets_of_its_own(self, platform: Platform, connection: Connection) -> None:
        project = make_project(connection)
        put_target(platform, project["id"], "normal", 60, 120, round_the_clock=True)
        own = create(platform, project_id=str(project["id"]))
        assert own["sla_due_at"] == MONDAY + 2 * HOUR
        assert create(platform)["sla_due_at"] == FRIDAY
        moved = update(platform, own["id"], project_id=None)
        assert moved["sla_due_at"] == FRIDAY

    def test_the_sweep_starts_what_nobody_started(self, platform: Platform, connection: Connection) -> None:
        made = make_ticket(connection, created_at=MONDAY - timedelta(days=7))
        by_hand = make_ticket(connection, created_at=MONDAY, sla_due_at=MONDAY + HOUR)
        taken = make_ticket(connection, created_at=MONDAY, status="assigned")
        over = [make_ticket(connection, status=status)["id"] for status in ("closed", "cancelled")]
        run_sweep(platform)
        row = row_of(connection, made["id"])
        assert (row["sla_due_at"], row["sla_breached"]) == (MONDAY - timedelta(days=3) + 8 * HOUR, True)
        assert row_of(connection, by_hand["id"])["sla_due_at"] == MONDAY + HOUR
        assert row_of(connection, taken["id"])["sla_first_response_due_at"] is None
        assert [row_of(connection, ticket_id)["sla_due_at"] for ticket_id in over] == [None, None]


class TestMoving:
    def test_another_priority_is_measured_from_the_report_on(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform)
        clock.advance(HOUR)
        changed = update(platform, made["id"], priority="high")
        assert changed["sla_due_at"] == MONDAY + timedelta(days=2, hours=4)
        (event,) = events_of(connection, made["id"])
        assert event["event_type"] == "sla_due_changed"
        assert event["before"]["sla_due_at"] == "2026-11-27T16:00:00.000Z"
        assert event["after"]["sla_due_at"] == "2026-11-25T12:00:00.000Z"
        row = row_of(connection, made["id"])
        assert (row["sla_target_minutes"], row["sla_round_the_clock"]) == (1440, False)

    def test_a_pause_is_counted_in_the_time_of_the_new_target(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform)
        clock.advance(6 * HOUR)
        pause(platform, made["id"])
        clock.advance(timedelta(hours=20))
        resume(platform, made["id"])
        # From 16:00 to 12:00 the next day: six business hours, twenty of plain time.
        assert row_of(connection, made["id"])["sla_paused_seconds"] == 6 * 3600
        changed = update(platform, made["id"], priority="urgent")
        assert changed["sla_due_at"] == MONDAY + timedelta(hours=8 + 20)
        assert row_of(connection, made["id"])["sla_paused_seconds"] == 20 * 3600

    def test_a_due_time_set_by_hand_stands(self, platform: Platform, connection: Connection) -> None:
        made = create(platform)
        due = MONDAY + timedelta(days=30)
        changed = update(platform, made["id"], sla_due_at=due.isoformat(), priority="critical")
        assert changed["sla_due_at"] == due
        row = row_of(connection, made["id"])
        assert row["sla_next_check_at"] == due - HOUR
        none = update(platform, made["id"], sla_due_at=None)
        assert (none["sla_due_at"], row_of(connection, made["id"])["sla_next_check_at"]) == (None, None)
        run_sweep(platform)
        assert row_of(connection, made["id"])["sla_due_at"] is None
        assert show(platform, made["id"])["state"] == "none"

    def test_who_says_that_it_is_not_breached_is_believed(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, priority="critical")
        clock.advance(5 * HOUR)
        run_sweep(platform)
        assert row_of(connection, made["id"])["sla_breached"]
        assert update(platform, made["id"], sla_breached=False)["sla_breached"] is False
        run_sweep(platform)
        row = row_of(connection, made["id"])
        assert (row["sla_breached"], row["sla_breached_at"]) == (False, None)
        assert counted(platform, clock)["sla_breached"] == 0
        # With another due time it is looked at again.
        update(platform, made["id"], sla_due_at=(MONDAY + 6 * HOUR).isoformat())
        clock.advance(2 * HOUR)
        run_sweep(platform)
        assert row_of(connection, made["id"])["sla_breached"]

    def test_no_lower_priority_takes_a_breach_back(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, priority="critical")
        clock.advance(5 * HOUR)
        run_sweep(platform)
        changed = update(platform, made["id"], priority="low")
        assert changed["sla_breached"]
        assert changed["sla_due_at"] > MONDAY + timedelta(days=10)
        assert row_of(connection, made["id"])["sla_next_check_at"] is None


class TestPausing:
    def test_the_time_that_was_left_is_kept(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform)
        clock.advance(2 * HOUR)
        paused = pause(platform, made["id"])
        assert (paused["state"], paused["remaining_minutes"]) == ("paused", 46 * 60)
        assert row_of(connection, made["id"])["sla_next_check_at"] is None
        # Far beyond its old due time nothing happens to a clock that stands still.
        clock.advance(timedelta(days=7))
        run_sweep(platform)
        assert show(platform, made["id"])["remaining_minutes"] == 46 * 60
        assert counted(platform, clock)["sla_running"] == 1
        resumed = resume(platform, made["id"])
        assert resumed["state"] == "running"
        assert resumed["sla_due_at"] == FRIDAY + timedelta(days=7)
        assert resumed["sla_first_response_due_at"] == MONDAY + timedelta(days=7, hours=8)
        assert resumed["sla_paused_seconds"] == 50 * 3600
        (told,) = resumed["pauses"]
        assert told["reason"] == "Waits for the client"
        assert [event["event_type"] for event in events_of(connection, made["id"])] == ["sla_paused", "sla_resumed"]
        assert row_of(connection, made["id"])["sla_next_check_at"] is not None

    def test_once_and_not_when_the_time_has_run_out(self, platform: Platform, clock: FixedClock) -> None:
        made = create(platform, priority="critical")
        with pytest.raises(ClockConflict):
            resume(platform, made["id"])
        pause(platform, made["id"])
        with pytest.raises(ClockConflict):
            pause(platform, made["id"])
        clock.advance(9 * HOUR)
        resume(platform, made["id"])
        clock.advance(4 * HOUR)
        with pytest.raises(ConditionNotMet, match="run out"):
            pause(platform, made["id"])

    def test_who_may_and_what_must_be_there(self, platform: Platform, connection: Connection) -> None:
        technician = make_actor(connection, "technician")
        mine = create(platform, assigned_to=str(technician.user_id))
        with pytest.raises(Forbidden):
            pause(platform, mine["id"], actor=technician)
        with pytest.raises(NotFound):
            pause(platform, create(platform)["id"], actor=technician)
        with pytest.raises(NotFound):
            resume(platform, uuid4())
        cancelled = update(platform, create(platform)["id"], status="cancelled")
        with pytest.raises(ConditionNotMet):
            pause(platform, cancelled["id"])

    def test_a_ticket_closed_while_it_was_paused_kept_its_time(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, ticket_type="modification")
        pause(platform, made["id"])
        clock.advance(timedelta(days=20))
        close(connection, made["id"], clock.now())
        run_sweep(platform)
        assert show(platform, made["id"])["state"] == "met"
        assert counted(platform, clock)["sla_met"] == 1


class TestSweep:
    def test_warned_twice_then_breached_each_once(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, priority="urgent")
        noted = []
        for hours in (5.9, 0.2, 0.5, 0.7, 0.5, 0.3, 5.0):
            clock.advance(timedelta(hours=hours))
            run_sweep(platform)
            noted.append([event["details"]["percent"] for event in events_of(connection, made["id"])])
        assert noted == [[], [75], [75], [75, 90], [75, 90], [75, 90, 100], [75, 90, 100]]
        warned, *_, breached = events_of(connection, made["id"])
        assert (warned["event_type"], breached["event_type"]) == ("sla_warning", "sla_breached")
        assert breached["details"]["sla_due_time"] == "2026-11-23T16:00:00.000Z"
        row = row_of(connection, made["id"])
        assert (row["sla_breached"], row["sla_breached_at"]) == (True, MONDAY + 8 * HOUR)
        assert None not in (row["sla_warned_75_at"], row["sla_warned_90_at"])
        assert row["sla_next_check_at"] is None

    def test_what_comes_at_once_is_told_once(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, priority="critical")
        clock.advance(timedelta(hours=3, minutes=50))
        run_sweep(platform)
        assert [event["details"]["percent"] for event in events_of(connection, made["id"])] == [90]
        assert row_of(connection, made["id"])["sla_warned_75_at"] is not None

    @pytest.mark.parametrize(("hours", "late"), [(3, False), (4, False), (4.01, True)])
    def test_a_closed_ticket_was_late_or_not(
        self, platform: Platform, connection: Connection, clock: FixedClock, hours: float, late: bool
    ) -> None:
        made = create(platform, priority="critical")
        clock.advance(timedelta(hours=hours))
        close(connection, made["id"], clock.now())
        # Right at once, before any sweep, and the same after it.
        for _ in range(2):
            assert show(platform, made["id"])["state"] == ("breached" if late else "met")
            assert counted(platform, clock)["sla_breached"] == int(late)
            clock.advance(HOUR)
            run_sweep(platform)
        row = row_of(connection, made["id"])
        assert (row["sla_breached"], row["sla_next_check_at"]) == (late, None)
        assert [event["event_type"] for event in events_of(connection, made["id"])] == ["sla_breached"] * late

    def test_a_cancelled_ticket_owes_nothing(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = create(platform, priority="critical")
        update(platform, made["id"], status="cancelled")
        clock.advance(9 * HOUR)
        run_sweep(platform)
        row = row_of(connection, made["id"])
        assert (row["sla_breached"], row["sla_next_check_at"]) == (False, None)
        assert show(platform, made["id"])["state"] == "cancelled"
        assert counted(platform, clock)["total_tickets"] == 0

    def test_many_are_swept_batch_by_batch(
        self, platform: Platform, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep, "AT_ONCE", 3)
        for _ in range(7):
            make_ticket(connection, created_at=MONDAY - timedelta(days=30))
        (job,) = run_sweep(platform)
        assert job["result"] == {"started": 7, "checked": 7}
        (job,) = run_sweep(platform)
        assert job["result"] == {"started": 0, "checked": 0}

    def test_a_ticket_that_somebody_holds_comes_next_time(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        held, free = (create(platform, priority="critical")["id"] for _ in range(2))
        clock.advance(5 * HOUR)
        with platform.begin(SYSTEM) as work:
            work.connection.execute("select 1 from tickets where id = %s for update", [held])
            assert note_due(platform) == 1
        assert [row_of(connection, ticket_id)["sla_breached"] for ticket_id in (held, free)] == [False, True]
        assert note_due(platform) == 1


class TestImport:
    def test_the_reported_time_is_the_start(self, platform: Platform, connection: Connection) -> None:
        project = make_project(connection, name="Lawley")
        put_target(platform, project["id"], "high", 60, 120)
        import_report(
            platform,
            weekly_row(FT_Ref="FT1", Priority="Low"),
            weekly_row(FT_Ref="FT2", Priority="Critical"),
            weekly_row(FT_Ref="FT3", Area="Lawley"),
            weekly_row(FT_Ref="FT4", Date_Logged=None, Priority=None),
        )
        rows = {
            row["external_id"]: row
            for row in connection.execute("select * from tickets where external_id is not null").fetchall()
        }
        logged = datetime(2026, 11, 16, 8, 30, tzinfo=ZONE)
        assert {name: row["sla_due_at"] for name, row in rows.items()} == {
            "FT1": logged + timedelta(days=16),
            "FT2": logged + 4 * HOUR,
            "FT3": logged + 2 * HOUR,
            "FT4": FRIDAY,
        }
        assert {name for name, row in rows.items() if row["sla_breached"]} == {"FT2", "FT3"}
        assert rows["FT2"]["sla_breached_at"] == logged + 4 * HOUR
        assert {name for name, row in rows.items() if row["sla_next_check_at"]} == {"FT1", "FT4"}
        assert rows["FT1"]["sla_target_minutes"] == 7200
        assert rows["FT2"]["sla_round_the_clock"]
        assert [event["event_type"] for event in events_of(connection, rows["FT2"]["id"])] == ["sla_breached"]
        assert events_of(connection, rows["FT1"]["id"]) == []
        # The sweep has nothing to add to what came late, and starts nothing that was started.
        (job,) = run_sweep(platform)
        assert job["result"] == {"started": 0, "checked": 0}

    def test_what_was_taken_up_before_we_heard_of_it_promises_no_answer(
        self, platform: Platform, connection: Connection
    ) -> None:
        import_report(platform, weekly_row(FT_Ref="FT1", Status="Assigned", Date_Logged=None))
        row = connection.execute("select * from tickets").fetchone()
        assert row is not None
        assert (row["status"] == "open") == (row["sla_first_response_due_at"] is not None)

    def test_a_changed_priority_moves_the_due_time(self, platform: Platform, connection: Connection) -> None:
        fresh = datetime(2026, 11, 23, 9)  # noqa: DTZ001 - as a sheet has it
        for priority in ("Low", "High"):
            import_report(platform, weekly_row(FT_Ref="FT1", Priority=priority, Date_Logged=fresh))
        row = connection.execute("select * from tickets").fetchone()
        assert row is not None
        assert row["sla_due_at"] == datetime(2026, 11, 25, 13, tzinfo=ZONE)
        assert [event["event_type"] for event in events_of(connection, row["id"])] == ["sla_due_changed"]


class TestRaces:
    def test_of_two_who_pause_one_wins(self, platform: Platform) -> None:
        made = create(platform)
        won, lost = race([lambda: pause(platform, made["id"])] * 2)
        assert (len(won), [error.code for error in lost]) == (1, ["CONFLICT"])

    def test_of_two_who_resume_one_wins(self, platform: Platform, clock: FixedClock) -> None:
        made = create(platform)
        pause(platform, made["id"])
        clock.advance(10 * HOUR)
        won, lost = race([lambda: resume(platform, made["id"])] * 2)
        assert (len(won), [error.code for error in lost]) == (1, ["CONFLICT"])
        assert won[0]["sla_due_at"] == FRIDAY + timedelta(days=3) - 2 * HOUR

    def test_of_two_sweeps_each_threshold_is_noted_once(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        made = [create(platform, priority="critical")["id"] for _ in range(20)]
        clock.advance(5 * HOUR)
        won, lost = race([lambda: note_due(platform)] * 3)
        assert (sum(won), lost) == (20, [])
        assert [len(events_of(connection, ticket_id)) for ticket_id in made] == [1] * 20

    def test_of_a_sweep_and_a_closing_the_ticket_was_in_time(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        for _ in range(3):
            made = create(platform, priority="critical", ticket_type="modification")
            race([partial(note_due, platform), partial(close, connection, made["id"], clock.now())])
            assert not row_of(connection, made["id"])["sla_breached"]

    def test_of_two_sweeps_that_start_a_clock_both_start_the_same(
        self, platform: Platform, connection: Connection
    ) -> None:
        made = make_ticket(connection, created_at=MONDAY)

        def start() -> int:
            with platform.begin(SYSTEM) as work:
                return sweep.start_missing(work)

        _, lost = race([start] * 3)
        assert lost == []
        assert row_of(connection, made["id"])["sla_due_at"] == FRIDAY

    def test_of_two_who_set_a_target_one_is_told(self, platform: Platform, connection: Connection) -> None:
        project = make_project(connection)["id"]
        _, lost = race([lambda: put_target(platform, project, "high", 30, 60)] * 2)
        assert {error.code for error in lost} <= {"STALE_WRITE"}
        seen = targets_of(platform, project)["high"]["updated_at"]
        won, lost = race([partial(put_target, platform, project, "high", n, 60, updated_at=seen) for n in (10, 20)])
        assert (len(won), [error.code for error in lost]) == (1, ["STALE_WRITE"])


def show(platform: Platform, ticket_id: UUID) -> Row:
    with platform.read() as connection:
        return service.show(connection, SYSTEM, ticket_id, platform.clock.now())


def counted(platform: Platform, clock: FixedClock) -> Row:
    with platform.read() as connection:
        return compliance.count_compliance(connection, ComplianceRequest(), clock.now()).overall


def run_sweep(platform: Platform) -> list[Row]:
    with platform.begin(SYSTEM) as work:
        enqueued = work.enqueue(sweep_sla)
    ran = [job for job in run_jobs(platform) if job["id"] == enqueued.id]
    assert [job["state"] for job in ran] == ["completed"]
    return ran
