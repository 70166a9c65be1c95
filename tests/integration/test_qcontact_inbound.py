"""Applying cases of the CRM: tickets begin, follow, keep the work done here; what may not be applied is a conflict."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs.platform import Platform
from runtime.clock import Clock
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import make_drop, make_project, make_ticket
from tests.factories.qcontact import make_case
from tests.races import at_once
from ticketing import tickets
from ticketing.people import SYSTEM
from ticketing.qcontact_sync import conflicts
from ticketing.qcontact_sync.cases import Case, CaseOutcome, Outcome, Reading
from ticketing.qcontact_sync.inbound import apply_all
from ticketing.qcontact_sync.words import status_of
from ticketing.ticket_input import TicketChanges

NOW = datetime.fromisoformat("2026-11-23T06:00:00+00:00")


@pytest.fixture
def clock() -> Clock:
    return FixedClock(NOW)


class Desk:
    """Reads cases into the platform a minute apart, and works on their tickets in between."""

    def __init__(self, platform: Platform, connection: Connection) -> None:
        self._platform = platform
        self._connection = connection

    def read(self, *cases: Case, **options: Any) -> list[CaseOutcome]:
        clock = self._platform.clock
        assert isinstance(clock, FixedClock)
        read_at = clock.advance(timedelta(minutes=1))
        with self._platform.begin(SYSTEM) as work:
            return apply_all(work, [Reading(case, read_at) for case in cases], **options)

    def read_one(self, case: Case) -> CaseOutcome:
        [outcome] = self.read(case)
        return outcome

    def change(self, ticket_id: UUID | None, **values: Any) -> None:
        assert ticket_id is not None
        with self._platform.begin(SYSTEM) as work:
            tickets.update(work, ticket_id, TicketChanges.model_validate(values))

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return self._connection.execute(query, values).fetchall()

    def ticket(self, case: Case) -> dict[str, Any]:
        [row] = self.rows(
            "select t.* from tickets t join qcontact_cases k on k.ticket_id = t.id where k.case_id = %s", case.case_id
        )
        return row

    def open_conflicts(self, case: Case) -> dict[str, tuple[Any, Any]]:
        rows = self.rows(
            "select field, ours, theirs from qcontact_conflicts where case_id = %s and status = 'open'", case.case_id
        )
        return {row["field"]: (row["ours"], row["theirs"]) for row in rows}


@pytest.fixture
def desk(platform: Platform, connection: Connection) -> Desk:
    return Desk(platform, connection)


def moved(case: Case, status: str) -> Case:
    return replace(case, their_status=status, status=status_of(status))


class TestANewCase:
    def test_becomes_a_ticket_with_everything_that_a_ticket_has(self, desk: Desk, connection: Connection) -> None:
        project = make_project(connection)["id"]
        make_drop(connection, dr_number="DR9900777", project_id=project, pole_number="LAW.P.B7", zone_number=4)
        case = make_case(dr_number="DR9900777")
        outcome = desk.read_one(case)
        ticket = desk.ticket(case)
        assert outcome.outcome == Outcome.CREATED
        assert (ticket["source"], ticket["external_id"], ticket["title"]) == ("qcontact", case.ft_reference, case.title)
        assert (ticket["status"], ticket["ticket_type"]) == ("assigned", "maintenance")
        assert (ticket["project_id"], ticket["pole_number"], ticket["zone"]) == (project, "LAW.P.B7", "4")
        assert ticket["reported_at"] == case.created_at
        assert ticket["sla_due_at"] is not None
        assert ticket["guarantee_status"] == "pending_classification"
        steps = desk.rows("select count(*) from verification_steps where ticket_id = %s", ticket["id"])
        events = desk.rows(
            "select event_type, details from ticket_events where ticket_id = %s order by id", ticket["id"]
        )
        assert steps == [{"count": 12}]
        assert [event["event_type"] for event in events][:2] == ["ticket_created", "ticket_status_changed"]
        assert events[0]["details"]["qcontact_case"] == case.case_id

    @pytest.mark.parametrize(
        ("theirs", "begins", "conflict"),
        [
            ("New", "open", {}),
            ("In Progress", "in_progress", {}),
            ("InReview", "pending_qa", {}),
            ("Reviewed", "open", {"status": ("open", "qa_approved")}),
            ("Parked", "open", {"status": ("open", "Parked")}),
            (None, "open", {}),
        ],
    )
    def test_begins_as_far_as_the_machine_lets_it(
        self, desk: Desk, theirs: str | None, begins: str, conflict: dict[str, Any]
    ) -> None:
        case = make_case(status=theirs)
        desk.read(case)
        assert desk.ticket(case)["status"] == begins
        assert desk.open_conflicts(case) == conflict

    @pytest.mark.parametrize("theirs", ["Solved", "Closed", "Unsolved - No Response"])
    def test_that_was_over_before_we_heard_of_it_is_remembered_only(self, desk: Desk, theirs: str) -> None:
        case = make_case(status=theirs)
        assert desk.read_one(case).outcome == Outcome.SKIPPED
        assert desk.rows("select ticket_id, their_status from qcontact_cases") == [
            {"ticket_id": None, "their_status": theirs}
        ]
        assert desk.read_one(moved(case, "Assigned")).outcome == Outcome.CREATED

    def test_is_known_by_its_id_where_the_reference_is_another_cases_already(self, desk: Desk) -> None:
        first, second = make_case(), make_case()
        twin = replace(second, ft_reference=first.ft_reference)
        assert [outcome.outcome for outcome in desk.read(first, twin)] == [Outcome.CREATED, Outcome.CREATED]
        assert desk.ticket(twin)["external_id"] == twin.case_id

    def test_takes_over_the_ticket_that_somebody_made_for_it_by_hand(self, desk: Desk, connection: Connection) -> None:
        case = make_case(status="Assigned")
        made = make_ticket(connection, source="qcontact", external_id=case.ft_reference, description="Ours")
        outcome = desk.read_one(case)
        assert outcome.ticket_id == made["id"]
        assert desk.ticket(case)["status"] == "assigned"
        assert desk.ticket(case)["client_name"] == "Thandi Example"
        assert desk.open_conflicts(case)["description"] == ("Ours", case.description)

    def test_is_made_a_ticket_once_by_two_who_read_it_at_once(self, desk: Desk, platform: Platform) -> None:
        cases = [make_case() for _ in range(5)]

        def read(order: list[Case]) -> Counter[Outcome]:
            with platform.begin(SYSTEM) as work:
                return Counter(one.outcome for one in apply_all(work, [Reading(case, NOW) for case in order]))

        ends = at_once([lambda: read(cases), lambda: read(cases[::-1])])
        assert sum(ends, Counter()) == {Outcome.CREATED: 5, Outcome.UNCHANGED: 5}
        assert desk.rows("select count(*) from tickets") == [{"count": 5}]

    def test_that_is_bad_stops_none_of_the_others(self, desk: Desk) -> None:
        good, bad, other = make_case(), replace(make_case(), title="x" * 300), make_case()
        outcomes = {outcome.case_id: outcome for outcome in desk.read(good, bad, other)}
        assert outcomes[bad.case_id].outcome == Outcome.FAILED
        assert outcomes[good.case_id].outcome == outcomes[other.case_id].outcome == Outcome.CREATED
        [row] = desk.rows(
            "select status, error_message from qcontact_sync_log where qcontact_ticket_id = %s", bad.case_id
        )
        assert row["status"] == "failed"
        assert "tickets_title_length" in row["error_message"]


class TestAKnownCase:
    def test_that_says_the_same_again_changes_nothing(self, desk: Desk) -> None:
        case = make_case()
        desk.read(case)
        before = desk.ticket(case)
        assert desk.read_one(case).outcome == Outcome.UNCHANGED
        assert desk.ticket(case) == before

    def test_changes_what_nobody_changed_here(self, desk: Desk) -> None:
        case = make_case()
        desk.read(case)
        news = replace(moved(case, "InProgress"), address="14 Example Street", client_contact="+27600000009")
        outcome = desk.read_one(news)
        ticket = desk.ticket(case)
        assert (outcome.outcome, outcome.moved) == (Outcome.UPDATED, True)
        assert (ticket["status"], ticket["address"]) == ("in_progress", "14 Example Street")
        assert ticket["client_contact"] == "+27600000009"

    def test_never_overwrites_work_done_here(self, desk: Desk) -> None:
        case = make_case()
        made = desk.read_one(case)
        desk.change(made.ticket_id, status="in_progress", address="Ours", ont_serial="OURS1")
        news = replace(moved(case, "In Review"), address="Theirs")
        outcome = desk.read_one(news)
        ticket = desk.ticket(case)
        assert outcome.outcome == Outcome.CONFLICT
        assert (ticket["status"], ticket["address"], ticket["ont_serial"]) == ("in_progress", "Ours", "OURS1")
        assert desk.open_conflicts(case) == {
            "status": ("in_progress", "pending_qa"),
            "address": ("Ours", "Theirs"),
        }

    def test_that_stands_where_both_agreed_does_not_take_the_ticket_back(self, desk: Desk) -> None:
        case = make_case()
        made = desk.read_one(case)
        desk.change(made.ticket_id, status="in_progress")
        assert desk.read_one(replace(case, category="Other")).outcome == Outcome.UNCHANGED
        assert desk.ticket(case)["status"] == "in_progress"

    def test_may_not_make_a_move_that_the_machine_forbids(self, desk: Desk) -> None:
        case = make_case()
        desk.read(case)
        assert desk.read_one(moved(case, "Solved")).outcome == Outcome.CONFLICT
        assert desk.ticket(case)["status"] == "assigned"
        assert desk.open_conflicts(case) == {"status": ("assigned", "closed")}

    def test_never_reopens_a_closed_ticket(self, desk: Desk, connection: Connection) -> None:
        case = make_case(status="New")
        made = make_ticket(connection, source="qcontact", external_id=case.ft_reference, status="closed")
        assert desk.read_one(case).outcome == Outcome.CONFLICT
        assert desk.read_one(moved(case, "In Progress")).outcome == Outcome.CONFLICT
        assert desk.ticket(case)["status"] == "closed"
        assert desk.ticket(case)["title"] == made["title"]

    def test_a_conflict_ends_when_both_sides_agree_again(self, desk: Desk) -> None:
        case = make_case()
        made = desk.read_one(case)
        desk.read(moved(case, "In Review"))
        assert desk.open_conflicts(case)
        desk.change(made.ticket_id, status="in_progress")
        desk.change(made.ticket_id, status="pending_qa")
        desk.read(moved(case, "InReview"))
        assert desk.open_conflicts(case) == {}
        assert desk.rows("select status from qcontact_conflicts") == [{"status": "obsolete"}]

    def test_read_before_we_wrote_there_changes_nothing(self, desk: Desk, connection: Connection) -> None:
        case = make_case()
        made = desk.read_one(case)
        desk.change(made.ticket_id, status="in_progress")
        connection.execute(
            "update qcontact_cases set pushed_status = 'InProgress', pushed_at = %s, agreed_status = 'in_progress'",
            [NOW + timedelta(hours=1)],
        )
        assert desk.read_one(replace(case, address="Elsewhere")).outcome == Outcome.UNCHANGED
        assert desk.ticket(case)["status"] == "in_progress"

    def test_that_shows_our_own_word_is_no_news(self, desk: Desk, connection: Connection) -> None:
        case = make_case()
        made = desk.read_one(case)
        desk.change(made.ticket_id, status="in_progress")
        desk.change(made.ticket_id, status="pending_qa")
        connection.execute("update qcontact_cases set sending = '{InProgress}'")
        assert desk.read_one(moved(case, "In Progress")).outcome == Outcome.UNCHANGED
        assert desk.ticket(case)["status"] == "pending_qa"


class TestDeciding:
    @pytest.fixture
    def disputed(self, desk: Desk) -> Case:
        case = make_case()
        made = desk.read_one(case)
        desk.change(made.ticket_id, address="Ours", status="in_progress")
        desk.read(replace(moved(case, "In Review"), address="Theirs"))
        return case

    def decide(self, desk: Desk, platform: Platform, field: str, choice: conflicts.Choice) -> None:
        [row] = desk.rows("select id from qcontact_conflicts where field = %s and status = 'open'", field)
        with platform.begin(SYSTEM) as work:
            conflicts.resolve(work, row["id"], choice, "Phoned the agent")

    def test_for_theirs_writes_it(self, desk: Desk, platform: Platform, disputed: Case) -> None:
        self.decide(desk, platform, "status", "theirs")
        self.decide(desk, platform, "address", "theirs")
        ticket = desk.ticket(disputed)
        assert (ticket["status"], ticket["address"]) == ("pending_qa", "Theirs")
        assert desk.open_conflicts(disputed) == {}

    def test_for_ours_leaves_it_and_asks_no_more(self, desk: Desk, platform: Platform, disputed: Case) -> None:
        self.decide(desk, platform, "status", "ours")
        self.decide(desk, platform, "address", "ours")
        news = replace(moved(disputed, "InReview"), address="Theirs", client_name="Somebody Else")
        assert desk.read_one(news).outcome == Outcome.UPDATED
        assert (desk.ticket(disputed)["status"], desk.ticket(disputed)["address"]) == ("in_progress", "Ours")
        assert desk.open_conflicts(disputed) == {}
