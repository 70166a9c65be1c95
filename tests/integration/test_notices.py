"""Writing notices on a real database: who is told, once in five minutes, in turn; events, imports, holds, opt-outs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.kinds.write_imported_notices import WriteImportedNotices, write_imported_notices
from jobs.kinds.write_notice import enqueue_sending
from runtime.errors import FibreflowError
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories import (
    Row,
    insert,
    make,
    make_contractor,
    make_team,
    make_team_member,
    make_ticket,
    make_user,
    make_weekly_report,
)
from tests.factories.notices import GATEWAY, a_phone, make_notice, make_told_ticket
from tests.races import at_once, race
from tests.running import run_jobs
from ticketing import tickets
from ticketing.errors import ConditionNotMet, NotFound
from ticketing.notices import contacts, holds, writing
from ticketing.notices.occasions import Occasion
from ticketing.notices.rules import Limits
from ticketing.notices.writing import Written
from ticketing.people import SYSTEM
from ticketing.repeat_faults.raising import raise_due
from ticketing.repeat_faults.scan import Question
from ticketing.ticket_input import NewTicket, TicketChanges
from ticketing.vocabulary import NotificationTemplate

if TYPE_CHECKING:
    from jobs.platform import Platform

MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)  # 08:00 in Johannesburg
NIGHT = MORNING + timedelta(hours=13)
APPROVED = Occasion(template=NotificationTemplate.QA_APPROVED, cause="ticket_status_changed")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=GATEWAY)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture
def limits(settings: Settings) -> Limits:
    return Limits.from_settings(settings)


def tell_all(platform: Platform, ticket: Row, limits: Limits, occasion: Occasion = APPROVED) -> list[Written]:
    with platform.begin(SYSTEM) as work:
        return writing.tell(work, ticket["id"], occasion, limits)


def tell(platform: Platform, ticket: Row, limits: Limits, occasion: Occasion = APPROVED) -> Written:
    (written,) = tell_all(platform, ticket, limits, occasion)
    return written


def fetch(platform: Platform, statement: str, *values: Any) -> list[Row]:
    with platform.read() as connection:
        return connection.execute(statement, values).fetchall()


def notice(platform: Platform, notice_id: UUID | None) -> Row:
    (row,) = fetch(platform, "select * from whatsapp_notifications where id = %s", notice_id)
    return row


def notices(platform: Platform) -> list[Row]:
    return fetch(platform, "select * from whatsapp_notifications order by not_before, id")


class TestWhoIsTold:
    def test_the_assigned_user_is(self, platform: Platform, limits: Limits) -> None:
        user = make(platform, make_user, phone=a_phone())
        ticket = make(platform, make_told_ticket, assigned_to=user["id"])
        row = notice(platform, tell(platform, ticket, limits).notice_id)
        assert (row["recipient_type"], row["recipient_phone"], row["recipient_user_id"], row["recipient_name"]) == (
            *("technician", user["phone"], user["id"]),
            user["name"],
        )
        assert (row["status"], row["message_template"], row["cause"], row["not_before"], row["created_at"]) == (
            *("pending", "qa_approved", "ticket_status_changed"),
            *(MORNING, MORNING),
        )
        assert row["message_content"] == f"QA approved the work on ticket {ticket['ticket_uid']}."
        assert row["template_variables"] == {"ticket_uid": ticket["ticket_uid"]}

    def test_else_the_contractor_else_the_teams_first_active_member_with_a_telephone(
        self, platform: Platform, limits: Limits
    ) -> None:
        phones = [a_phone() for _ in range(4)]
        unrung = make(platform, make_user)["id"]
        gone = make(platform, make_user, phone=phones[0], is_active=False)["id"]
        company = make(platform, make_contractor, phone=phones[1])["id"]
        team = make(platform, make_team)["id"]
        make(platform, make_team_member, team_id=team, phone=phones[0], is_active=False)
        make(platform, make_team_member, team_id=team, is_team_lead=True)
        make(platform, make_team_member, team_id=team, user_id=make(platform, make_user, phone=phones[2])["id"])
        make(platform, make_team_member, team_id=team, phone=phones[3])
        both = {"assigned_contractor_id": company, "assigned_team_id": team}
        for columns, kind, phone in (
            ({"assigned_to": unrung, **both}, "contractor", phones[1]),
            ({"assigned_to": gone, **both}, "contractor", phones[1]),
            ({"assigned_to": None, "assigned_team_id": team}, "team", phones[2]),
        ):
            ticket = make(platform, make_told_ticket, **columns)
            row = notice(platform, tell(platform, ticket, limits).notice_id)
            assert (row["recipient_type"], row["recipient_phone"]) == (kind, phone)

    def test_where_nobody_can_be_told_the_timeline_says_so(self, platform: Platform, limits: Limits) -> None:
        unrung = make(platform, make_told_ticket, assigned_to=make(platform, make_user)["id"])
        nobodys = make(platform, make_ticket)
        for ticket, reason in ((unrung, "no telephone"), (nobodys, "nobody is assigned")):
            assert reason in (tell(platform, ticket, limits).skipped or "")
            (event,) = fetch(platform, "select * from ticket_events where ticket_id = %s", ticket["id"])
            assert (event["event_type"], event["details"]["template"]) == ("notice_not_possible", "qa_approved")
        with pytest.raises(NotFound):
            tell(platform, {"id": uuid4()}, limits)
        assert notices(platform) == []


class TestInPlaceOfWhoeverIsAssigned:
    """Repeat faults and accepted risks that ran out are told even where their ticket is nobody's yet."""

    SAID = {"fault_count": "3", "scope_type": "pole", "scope_value": "LAW.P.A002"}
    RAISED = Occasion(template=NotificationTemplate.ESCALATION_CREATED, cause="escalation_created", said=SAID)
    RAN_OUT = Occasion(
        template=NotificationTemplate.RISK_EXPIRING,
        cause="risk_expired",
        said={"expiry_date": "2026-11-22", "risk_description": "No label"},
    )

    def told(self, platform: Platform, limits: Limits, occasion: Occasion, **columns: Any) -> list[str]:
        ticket = make(platform, make_ticket, **columns)
        written = tell_all(platform, ticket, limits, occasion)
        return sorted(notice(platform, one.notice_id)["recipient_phone"] for one in written if one.notice_id)

    def test_managers_are_else_quality_and_the_other_way_round_of_a_risk(
        self, platform: Platform, limits: Limits
    ) -> None:
        assert self.told(platform, limits, self.RAISED) == []
        quality = make(platform, make_user, roles=["qa"], phone=a_phone())["phone"]
        make(platform, make_user, roles=["manager"])
        make(platform, make_user, roles=["manager"], phone=a_phone(), is_active=False)
        make(platform, make_user, roles=["technician"], phone=a_phone())
        assert self.told(platform, limits, self.RAISED) == [quality]
        managers = sorted(make(platform, make_user, roles=["manager"], phone=a_phone())["phone"] for _ in range(2))
        assert self.told(platform, limits, self.RAISED) == managers
        assert self.told(platform, limits, self.RAN_OUT) == [quality]
        assert self.told(platform, limits, APPROVED) == []

    def test_no_more_than_three_and_those_first_who_are_here_longest(self, platform: Platform, limits: Limits) -> None:
        phones = [make(platform, make_user, roles=["manager"], phone=a_phone())["phone"] for _ in range(5)]
        assert self.told(platform, limits, self.RAISED) == sorted(phones[:3])

    def test_whoever_has_the_ticket_is_told_alone(self, platform: Platform, limits: Limits) -> None:
        make(platform, make_user, roles=["manager"], phone=a_phone())
        user = make(platform, make_user, phone=a_phone())
        assert self.told(platform, limits, self.RAISED, assigned_to=user["id"], status="assigned") == [user["phone"]]

    def test_each_is_sent_to_by_a_job_of_its_own(self, platform: Platform) -> None:
        for _ in range(2):
            make(platform, make_user, roles=["manager"], phone=a_phone())
        for _ in range(3):
            make(platform, make_ticket, ticket_type="maintenance", pole_number="LAW.P.A002", reported_at=MORNING)
        with platform.begin(SYSTEM) as work:
            assert raise_due(work, Question(everywhere=True)).escalations == 1
        ran = [row for row in run_jobs(platform) if row["kind"] in ("write_notice", "send_notice")]
        (written,) = [row["result"]["notices"] for row in ran if row["kind"] == "write_notice"]
        asked = {row["arguments"]["notice_id"] for row in ran if row["kind"] == "send_notice"}
        assert len(asked) == 2
        assert {one["notice_id"] for one in written} == asked


class TestSaidOnce:
    def test_the_same_is_said_again_after_five_minutes_and_not_before(
        self, platform: Platform, clock: FixedClock, limits: Limits
    ) -> None:
        ticket = make(platform, make_told_ticket)
        first = tell(platform, ticket, limits)
        clock.advance(timedelta(minutes=4, seconds=59))
        again = tell(platform, ticket, limits)
        assert (again.notice_id, again.not_before, again.repeated) == (first.notice_id, None, True)
        clock.advance(timedelta(seconds=1))
        assert tell(platform, ticket, limits).repeated is False
        assert len(notices(platform)) == 2

    def test_whoever_began_earlier_and_came_later_finds_the_same(
        self, platform: Platform, clock: FixedClock, limits: Limits
    ) -> None:
        ticket = make(platform, make_told_ticket)
        first = tell(platform, ticket, limits)
        clock.advance(-timedelta(seconds=2))
        again = tell(platform, ticket, limits)
        assert (again.notice_id, again.repeated) == (first.notice_id, True)

    def test_another_template_person_or_ticket_is_something_else(self, platform: Platform, limits: Limits) -> None:
        one, other = make(platform, make_told_ticket), make(platform, make_told_ticket)
        same_person = make(platform, make_told_ticket, assigned_to=one["assigned_to"])
        closed = Occasion(template=NotificationTemplate.TICKET_CLOSED, cause="ticket_status_changed")
        for ticket, occasion in ((one, APPROVED), (other, APPROVED), (same_person, APPROVED), (one, closed)):
            assert tell(platform, ticket, limits, occasion).repeated is False

    def test_of_events_at_once_one_is_told(self, platform: Platform, limits: Limits) -> None:
        ticket = make(platform, make_told_ticket)
        ends = at_once([lambda: tell(platform, ticket, limits)] * 6)
        assert sorted(end.repeated for end in ends) == [False, True, True, True, True, True]
        assert len({end.notice_id for end in ends}) == 1
        assert len(notices(platform)) == 1


class TestInTurn:
    def test_more_than_a_cap_wait_for_their_turn_and_the_night(
        self, platform: Platform, clock: FixedClock, limits: Limits
    ) -> None:
        person = make(platform, make_user, phone=a_phone())["id"]
        clock.advance(timedelta(hours=10))  # 18:00
        for _ in range(10):
            tell(platform, make(platform, make_told_ticket, assigned_to=person), limits)
        starts = [row["not_before"] - clock.now() for row in notices(platform)]
        hours = [0, 0, 0, 0, 1, 1, 1, 1, 13, 13]
        assert starts == [timedelta(hours=hour) for hour in hours]

    def test_writers_at_once_do_not_take_the_same_turn(self, platform: Platform, limits: Limits) -> None:
        person = make(platform, make_user, phone=a_phone())["id"]
        tickets = [make(platform, make_told_ticket, assigned_to=person) for _ in range(6)]
        moves: list[Callable[[], Written]] = [
            lambda ticket=ticket: tell(platform, ticket, limits)  # type: ignore[misc]
            for ticket in tickets
        ]
        at_once(moves)
        starts = [(row["not_before"] - MORNING) // timedelta(hours=1) for row in notices(platform)]
        assert starts == [0, 0, 0, 0, 1, 1]

    def test_the_daily_cap_holds_over_days(self, platform: Platform, limits: Limits) -> None:
        person = make(platform, make_user, phone=a_phone())["id"]
        for _ in range(22):
            tell(platform, make(platform, make_told_ticket, assigned_to=person), limits)
        starts = [row["not_before"] for row in notices(platform)]
        assert starts[19] == MORNING + timedelta(hours=4)
        assert starts[20:] == [MORNING + timedelta(days=1)] * 2


class TestEvents:
    def test_what_happens_to_a_ticket_is_told_and_its_sending_enqueued_with_it(
        self, platform: Platform, clock: FixedClock
    ) -> None:
        clock.advance(timedelta(hours=13))  # 21:00: what is written waits for the morning
        user = make(platform, make_user, phone=a_phone())
        with platform.begin(SYSTEM) as work:
            new = NewTicket(source="ad_hoc", ticket_type="maintenance", title="No light", assigned_to=str(user["id"]))
            ticket = tickets.create(work, new)
        ran = [row for row in run_jobs(platform) if row["kind"] == "write_notice"]
        (row,) = notices(platform)
        assert row["message_content"] == (
            f"Hello {user['name']}, ticket {ticket['ticket_uid']} (no DR number) is now yours."
        )
        assert row["not_before"] == datetime(2026, 11, 24, 5, tzinfo=UTC)
        assert [job["result"]["notice_id"] for job in ran] == [str(row["id"])]
        (sending,) = fetch(platform, "select * from jobs where kind = 'send_notice'")
        assert (sending["state"], sending["scheduled_at"]) == ("scheduled", row["not_before"])
        assert sending["arguments"] == {"notice_id": str(row["id"])}

    def test_another_contractor_is_no_news_for_the_assigned_user(self, platform: Platform, clock: FixedClock) -> None:
        clock.advance(timedelta(hours=13))
        ticket = make(platform, make_told_ticket)
        company = make(platform, make_contractor, phone=a_phone())["id"]
        for changes in ({"assigned_contractor_id": str(company)}, {"assigned_to": None}):
            with platform.begin(SYSTEM) as work:
                tickets.update(work, ticket["id"], TicketChanges.model_validate(changes))
            run_jobs(platform)
        # The contractor is told once the user is gone, and only then.
        assert [row["recipient_type"] for row in notices(platform)] == ["contractor"]

    def test_what_is_over_and_what_is_nobodys_is_not_told(self, platform: Platform, limits: Limits) -> None:
        assigned = Occasion(
            template=NotificationTemplate.TICKET_ASSIGNED, cause="ticket_assigned", changed=("assigned_to",)
        )
        closed = make(platform, make_told_ticket, status="closed")
        assert tell(platform, closed, limits, assigned).skipped == "the ticket is closed"
        assert tell(platform, make(platform, make_ticket), limits, assigned).skipped == "nobody is assigned"
        assert notices(platform) == []
        assert fetch(platform, "select from ticket_events") == []

    def test_the_end_of_a_risk_is_told_to_whoever_accepted_it(self, platform: Platform, limits: Limits) -> None:
        lead = make(platform, make_user, phone=a_phone(), roles=["qa"])
        said = {"expiry_date": "2026-11-24 00:00", "risk_description": "Label missing"}
        occasion = Occasion(
            template=NotificationTemplate.RISK_EXPIRING, cause="risk_expired", said=said, tell=lead["id"]
        )
        row = notice(platform, tell(platform, make(platform, make_told_ticket), limits, occasion).notice_id)
        assert (row["recipient_phone"], row["recipient_type"]) == (lead["phone"], "team")


def test_without_a_gateway_nothing_is_written(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "settings", platform.settings.model_copy(update={"waha_url": None}))
    user = make(platform, make_user, phone=a_phone())
    with platform.begin(SYSTEM) as work:
        new = NewTicket(source="ad_hoc", ticket_type="maintenance", title="No light", assigned_to=str(user["id"]))
        tickets.create(work, new)
    ran = [row for row in run_jobs(platform) if row["kind"] == "write_notice"]
    assert [row["result"] for row in ran] == [{"skipped": "no gateway to WhatsApp is set up"}]
    assert notices(platform) == []


class TestImports:
    def test_whom_a_report_gives_tickets_is_told_in_batches(
        self, platform: Platform, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobs.kinds.write_imported_notices.AT_ONCE", 2)
        clock.advance(timedelta(hours=13))
        report = make(platform, make_weekly_report)
        uid = report["report_uid"]
        person = make(platform, make_user, phone=a_phone())["id"]
        made = [make(platform, make_told_ticket, assigned_to=person) for _ in range(3)]
        made += [make(platform, make_ticket), make(platform, make_told_ticket, assigned_to=person)]
        for number, ticket in enumerate(made, start=1):
            outcome = "created" if number < 5 else "updated"
            after = {"assigned_to": str(person)} if number < 5 else {"status": "closed"}
            name = "ticket_created" if number < 5 else "ticket_status_changed"
            details = {"report_uid": uid, "row_number": number}
            row = {"report_id": report["id"], "row_number": number, "outcome": outcome, "ticket_id": ticket["id"]}
            make(platform, insert, "weekly_report_rows", cells={}, verdict="ok", **row)
            make(platform, insert, "ticket_events", **_event(ticket, name, after, details))
        make(platform, insert, "ticket_events", **_event(made[0], "ticket_assigned", {"assigned_to": "x"}, {}))
        with platform.begin(SYSTEM) as work:
            work.enqueue(write_imported_notices, WriteImportedNotices(report_id=report["id"], report_uid=uid))
        (ran,) = run_jobs(platform)
        assert (ran["state"], ran["result"]) == ("completed", {"written": 4})
        told = [(row["message_template"], row["ticket_id"]) for row in notices(platform)]
        expected = [("ticket_assigned", ticket["id"]) for ticket in made[:3]] + [("ticket_closed", made[4]["id"])]
        assert sorted(told) == sorted(expected)
        assert len(fetch(platform, "select from jobs where kind = 'send_notice'")) == 4


def _event(ticket: Row, name: str, after: dict[str, Any], details: dict[str, Any]) -> Row:
    row = {"ticket_id": ticket["id"], "event_type": name, "actor_kind": "job", "actor_name": "job:import"}
    return row | {"after": after, "details": details}


class TestHolds:
    def hold(self, platform: Platform, notice_id: UUID, reason: str = "Wrong person") -> None:
        with platform.begin(SYSTEM) as work:
            holds.hold(work, notice_id, reason)

    def release(self, platform: Platform, notice_id: UUID, limits: Limits) -> Written:
        with platform.begin(SYSTEM) as work:
            written = holds.release(work, notice_id, limits)
            enqueue_sending(work, written)
            return written

    def resend(self, platform: Platform, notice_id: UUID, limits: Limits) -> Written:
        with platform.begin(SYSTEM) as work:
            written = holds.resend(work, notice_id, limits)
            enqueue_sending(work, written)
            return written

    def test_a_held_notice_gives_up_its_turn_and_gets_another(
        self, platform: Platform, clock: FixedClock, limits: Limits
    ) -> None:
        waiting = make(platform, make_notice, not_before=MORNING, created_at=MORNING)
        self.hold(platform, waiting["id"])
        row = notice(platform, waiting["id"])
        assert (row["held_at"], row["held_by_name"], row["hold_reason"]) == (MORNING, "system", "Wrong person")
        clock.advance(timedelta(hours=14))
        released = self.release(platform, waiting["id"], limits)
        assert released.not_before == datetime(2026, 11, 24, 5, tzinfo=UTC)
        row = notice(platform, waiting["id"])
        assert (row["held_at"], row["hold_reason"], row["not_before"]) == (None, None, released.not_before)

    @pytest.mark.parametrize(
        "state",
        [
            {"status": "sent"},
            {"status": "failed"},
            {"sending": "accepted"},
            {"sending": "sending"},
        ],
    )
    def test_what_is_out_or_over_cannot_be_held(self, platform: Platform, state: dict[str, Any]) -> None:
        if "sending" in state:
            at = {"sends": 1, "waha_session": "test", "chat_id": "27821234567@c.us"}
            state = state | at | {"first_sending_at": MORNING, "sending_at": MORNING}
        row = make(platform, make_notice, **state)
        with pytest.raises(ConditionNotMet):
            self.hold(platform, row["id"])

    def test_what_does_not_fit_is_refused(self, platform: Platform, limits: Limits) -> None:
        row = make(platform, make_notice)
        for move in (self.release, self.resend):
            with pytest.raises(ConditionNotMet):
                move(platform, row["id"], limits)
            with pytest.raises(NotFound):
                move(platform, uuid4(), limits)
        with pytest.raises(NotFound):
            self.hold(platform, uuid4())

    def test_a_failed_notice_is_sent_again(self, platform: Platform, limits: Limits) -> None:
        row = make(platform, make_notice, status="failed")
        assert self.resend(platform, row["id"], limits).not_before == MORNING
        again = notice(platform, row["id"])
        assert (again["status"], again["retry_count"], again["error_message"]) == ("pending", 1, None)
        (job,) = fetch(platform, "select * from jobs where kind = 'send_notice'")
        assert job["arguments"] == {"notice_id": str(row["id"])}

    @pytest.mark.parametrize("what", ["hold", "release", "resend"])
    def test_of_two_operators_at_once_one_wins(self, platform: Platform, limits: Limits, what: str) -> None:
        states: dict[str, dict[str, Any]] = {
            "hold": {},
            "release": {"held_at": MORNING, "held_by_name": "Ayesha", "hold_reason": "Wait"},
            "resend": {"status": "failed"},
        }
        row = make(platform, make_notice, **states[what])
        moves: dict[str, Callable[[], Any]] = {
            "hold": lambda: self.hold(platform, row["id"]),
            "release": lambda: self.release(platform, row["id"], limits),
            "resend": lambda: self.resend(platform, row["id"], limits),
        }
        won, lost = race([moves[what]] * 2)
        assert (len(won), [type(one) for one in lost]) == (1, [ConditionNotMet])


class TestContacts:
    PHONE = "+27821234567"

    def test_who_opted_out_is_asked_for_and_never_written_to(
        self, platform: Platform, clock: FixedClock, limits: Limits
    ) -> None:
        waiting, other = make(platform, make_notice), make(platform, make_notice, recipient_phone=a_phone())
        user = make(platform, make_user, phone=self.PHONE)
        ticket = make(platform, make_told_ticket, assigned_to=user["id"])
        with platform.begin(SYSTEM) as work:
            assert contacts.opt_out(work, self.PHONE, "wrote STOP") == 1
            assert contacts.opt_out(work, self.PHONE, "wrote STOP again") == 0
        assert [notice(platform, row["id"])["status"] for row in (waiting, other)] == ["failed", "pending"]
        written = tell(platform, ticket, limits)
        assert written.not_before is None
        row = notice(platform, written.notice_id)
        assert (row["status"], row["error_code"]) == ("failed", "OPTED_OUT")
        with pytest.raises(ConditionNotMet), platform.begin(SYSTEM) as work:
            holds.resend(work, waiting["id"], limits)
        with platform.begin(SYSTEM) as work:
            assert contacts.opt_in(work, self.PHONE) is True
            assert contacts.opt_in(work, self.PHONE) is False
        clock.advance(timedelta(minutes=5))
        assert tell(platform, ticket, limits).not_before == clock.now()

    def test_what_somebody_last_wrote_about_is_remembered(self, platform: Platform) -> None:
        later = MORNING + timedelta(minutes=3)
        with platform.begin(SYSTEM) as work:
            contacts.note_inbound(work, self.PHONE, MORNING, chat_id="27821234567@c.us", dr_number="DR1737348")
            before = contacts.note_inbound(work, self.PHONE, later)
            assert (before["last_dr_number"], before["last_dr_at"]) == ("DR1737348", MORNING)
            known = contacts.find_contact(work.connection, self.PHONE)
            assert known is not None
            assert (known["last_inbound_at"], known["chat_id"]) == (later, "27821234567@c.us")
            assert (known["last_dr_number"], known["last_dr_at"]) == ("DR1737348", MORNING)

    def test_an_opt_out_and_a_notice_at_once_leave_nothing_to_be_sent(self, platform: Platform, limits: Limits) -> None:
        user = make(platform, make_user, phone=self.PHONE)
        ticket = make(platform, make_told_ticket, assigned_to=user["id"])

        def leave() -> None:
            with platform.begin(SYSTEM) as work:
                contacts.opt_out(work, self.PHONE, "wrote STOP")

        ends = at_once([leave, lambda: tell(platform, ticket, limits)])
        assert not any(isinstance(end, FibreflowError) for end in ends)
        assert [row["status"] for row in notices(platform)] == ["failed"]


def test_sending_is_enqueued_once(platform: Platform) -> None:
    row = make(platform, make_notice)
    with platform.begin(SYSTEM) as work:
        for _ in range(2):
            enqueue_sending(work, Written(notice_id=row["id"], not_before=NIGHT))
        enqueue_sending(work, Written(notice_id=row["id"]))
        assert work.enqueue(send_notice, SendNotice(notice_id=row["id"])).existing
    assert len(fetch(platform, "select from jobs where kind = 'send_notice'")) == 1
