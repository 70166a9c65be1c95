"""Writing back to the CRM, against its stand-in: few writes, the last state, nothing lost, doubled or echoed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories import insert, make_ticket, make_user
from tests.qcontact_desk import LATER, Desk, die, meanwhile
from tests.races import wait_until_somebody_waits
from ticketing import tickets
from ticketing.notes import service as notes
from ticketing.notes.requests import NoteChanges
from ticketing.qcontact_sync import conflicts, pushes
from ticketing.qcontact_sync.conflicts import OVERWRITTEN, Choice
from ticketing.qcontact_sync.statuses import agrees
from ticketing.ticket_input import TicketChanges

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox
    from jobs.platform import Platform


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def settings(settings: Settings, qcontact_sandbox: QContactSandbox) -> Settings:
    values = {**qcontact_sandbox.settings_values, "breaker_failures": 100}
    return Settings.model_validate(settings.model_dump() | values)


@pytest.fixture
def desk(platform: Platform, qcontact_sandbox: QContactSandbox, clock: FixedClock) -> Desk:
    return Desk(platform, qcontact_sandbox, clock)


class TestStatus:
    def test_a_move_arrives_and_is_not_taken_back_by_the_next_reading(self, desk: Desk) -> None:
        desk.change(status="in_progress")
        [job] = desk.run()
        assert (job["state"], job["result"]["status"]) == ("completed", "InProgress")
        assert desk.writes() == [{"status": "InProgress"}]
        assert desk.read_in() == "unchanged"
        assert desk.link()["agreed_status"] == "in_progress"
        assert len(desk.jobs()) == 1, "what came in is not sent back"

    def test_many_changes_become_few_writes_and_the_last_one_wins(self, desk: Desk) -> None:
        for _ in range(50):
            desk.change(status="in_progress")
            desk.change(status="assigned")
        desk.change(status="in_progress")
        assert len(desk.jobs()) == 1
        desk.run()
        assert desk.writes() == [{"status": "InProgress"}]

    def test_what_was_undone_before_the_job_ran_is_not_written(self, desk: Desk) -> None:
        desk.change(status="in_progress")
        desk.change(status="assigned")
        [job] = desk.run()
        assert (job["state"], job["result"]["pushed"], desk.writes()) == ("completed", False, [])

    def test_a_change_while_the_job_runs_is_not_lost(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", lambda: desk.change(status="pending_qa"))
        [first, again] = desk.run(2)
        assert first["id"] == again["id"], "the same job went on"
        assert desk.writes() == [{"status": "InProgress"}, {"status": "InReview"}]
        assert desk.link()["agreed_status"] == "pending_qa"

    def test_a_change_that_commits_while_the_job_ends_is_not_lost(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = threading.Event()

        def change_slowly() -> None:
            with desk.platform.begin(desk.actor) as work:
                tickets.update(work, desk.ticket_id, TicketChanges.model_validate({"status": "pending_qa"}))
                held.set()
                # Until the job waits for the ticket to end itself.
                wait_until_somebody_waits(desk.platform)

        writer = threading.Thread(target=change_slowly)

        def begin() -> None:
            writer.start()
            assert held.wait(20)

        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", begin)
        desk.run(2)
        writer.join(20)
        assert desk.writes() == [{"status": "InProgress"}, {"status": "InReview"}]
        assert len(desk.jobs()) == 1

    def test_what_means_the_same_there_is_not_written(self, desk: Desk) -> None:
        desk.sandbox.edit(desk.case.id, {"status": "Escalated"})
        desk.read_in()
        assert desk.jobs() == []
        desk.change(status="pending_qa")
        desk.run()
        desk.change(status="in_progress")
        desk.run()
        assert desk.writes() == [{"status": "InReview"}, {"status": "InProgress"}]

    def test_an_ignored_write_is_a_failure_that_is_tried_again(self, desk: Desk) -> None:
        desk.sandbox.switches.ignore_writes = True
        desk.change(status="in_progress")
        [failed] = desk.run()
        assert failed["state"] == "retryable"
        assert desk.rows("select error_code from qcontact_sync_log where status = 'failed'") == [
            {"error_code": "QCONTACT_CHANGE_IGNORED"}
        ]
        desk.sandbox.switches.ignore_writes = False
        [tried] = desk.run()
        assert (tried["state"], desk.case.fields["status"]) == ("completed", "InProgress")

    def test_an_agents_move_that_we_have_not_heard_of_comes_first(self, desk: Desk) -> None:
        desk.change(status="in_progress")
        desk.sandbox.edit(desk.case.id, {"status": "InReview"})
        desk.run()
        assert desk.writes() == [], "nothing is written over it"
        [conflict] = desk.rows("select * from qcontact_conflicts where status = 'open'")
        assert (conflict["field"], conflict["ours"], conflict["theirs"]) == ("status", "in_progress", "pending_qa")

    def test_an_agents_move_between_our_reading_and_our_writing_is_shown_to_a_person(self, desk: Desk) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {"status": "Pending Company Response"})
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {"status": "InReview"})
        desk.change(status="in_progress")
        [job] = desk.run()
        assert (job["state"], desk.case.fields["status"]) == ("completed", "InProgress")
        [conflict] = desk.open_conflicts()
        assert (conflict["field"], conflict["ours"], conflict["theirs"]) == (OVERWRITTEN, "in_progress", "pending_qa")
        [logged] = desk.rows("select * from qcontact_sync_log where sync_direction = 'outbound'")
        assert (logged["status"], logged["conflicts"][0]["theirs"]) == ("partial", "pending_qa")
        desk.read_in()
        assert desk.open_conflicts() == [conflict], "that both say the same now decides nothing"

    @pytest.mark.parametrize(("choice", "ends"), [("ours", "InProgress"), ("theirs", "InReview")])
    def test_what_the_person_decides_is_what_stands_there(self, desk: Desk, choice: Choice, ends: str) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {"status": "InReview"})
        desk.change(status="in_progress")
        desk.run()
        with desk.platform.begin(desk.actor) as work:
            conflicts.resolve(work, desk.open_conflicts()[0]["id"], choice)
        desk.run()
        desk.read_in()
        assert (desk.case.fields["status"], desk.open_conflicts()) == (ends, [])
        [ticket] = desk.rows("select status from tickets")
        assert agrees(ticket["status"], ends)

    def test_an_agents_return_to_the_status_before_ours_is_noticed(self, desk: Desk) -> None:
        desk.change(status="in_progress")
        desk.run()
        desk.sandbox.edit(desk.case.id, {"status": "Assigned"})
        assert (desk.read_in(), desk.rows("select status from tickets")) == ("updated", [{"status": "assigned"}])
        assert desk.writes() == [{"status": "InProgress"}]

    def test_an_agents_return_to_the_status_before_ours_is_not_written_over(self, desk: Desk) -> None:
        desk.change(status="in_progress")
        desk.run()
        desk.sandbox.edit(desk.case.id, {"status": "Assigned"})
        desk.clock.advance(LATER)
        desk.change(status="pending_qa")
        desk.run(3)
        assert desk.writes() == [{"status": "InProgress"}]
        [conflict] = desk.open_conflicts()
        assert (conflict["field"], conflict["ours"], conflict["theirs"]) == ("status", "pending_qa", "assigned")
        assert desk.link()["sending"] == [], "what was not sent is no word of ours there"

    def test_the_timeline_is_no_condition_of_a_write(self, desk: Desk) -> None:
        desk.sandbox.faults.next("forbidden", method="GET", path=f"/api/v2/entities/Case/{desk.case.id}/events")
        desk.change(status="in_progress")
        [job] = desk.run()
        assert (job["state"], desk.open_conflicts()) == ("completed", [])

    def test_an_answer_that_was_lost_hides_no_move(self, desk: Desk) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {"status": "InReview"})
        desk.sandbox.faults.next("cut_after", method="PATCH")
        desk.change(status="in_progress")
        desk.run(2)
        assert [conflict["theirs"] for conflict in desk.open_conflicts()] == ["pending_qa"]

    def test_nothing_is_written_while_it_is_switched_off(self, desk: Desk, platform: Platform) -> None:
        platform.settings = Settings.model_validate(platform.settings.model_dump() | {"qcontact_push": False})
        desk.change(status="in_progress")
        [job] = desk.run()
        assert "switched off" in job["result"]["reason"]
        assert (
            desk.sandbox.journal.entries(),
            desk.rows("select 1 from qcontact_sync_log where status = 'failed'"),
        ) == (
            [],
            [],
        )
        with platform.read() as connection:
            assert pushes.count_due(connection) == 1, "it is still owed"


class TestNotes:
    def test_without_the_right_to_add_notes_they_become_marked_lines_once(self, desk: Desk) -> None:
        first, second = desk.say("Technician on site"), desk.say("Splice repaired\n\nLight is back")
        desk.say("The client is rude", visibility="private")
        desk.run()
        assert desk.description.startswith("No light\n[")
        assert desk.description.count(f"[FF:{first}]") == desk.description.count(f"[FF:{second}]") == 1
        assert desk.description.index("Technician on site") < desk.description.index("Splice repaired Light is back")
        assert "rude" not in str([entry.body for entry in desk.sandbox.journal.entries()])
        assert {row["how"] for row in desk.rows("select how from qcontact_pushed_notes")} == {"description"}
        assert len(desk.writes()) == 1
        desk.read_in()
        assert desk.rows("select description from tickets") == [{"description": "No light"}], "our lines are no news"
        assert desk.rows("select 1 from qcontact_conflicts") == []

    def test_with_the_right_they_are_notes(self, desk: Desk) -> None:
        desk.sandbox.switches.notes_allowed = True
        note = desk.say("Technician on site")
        desk.run()
        desk.change(status="in_progress")
        desk.run()
        [event] = [event for event in desk.case.events if event.kind == "note"]
        assert (f"[FF:{note}]" in (event.text or ""), event.public) == (True, False)
        assert desk.writes() == [{"status": "InProgress"}]

    @pytest.mark.parametrize("allowed", [True, False])
    def test_a_note_whose_answer_was_lost_is_looked_for_and_not_doubled(self, desk: Desk, allowed: bool) -> None:
        desk.sandbox.switches.notes_allowed = allowed
        desk.sandbox.faults.next("cut_after", method="POST" if allowed else "PATCH", path="/api/v2/entities/")
        note = desk.say("Technician on site")
        [failed, tried] = desk.run(2)
        assert (failed["id"], tried["state"]) == (tried["id"], "completed")
        there = [event.text or "" for event in desk.case.events if event.kind == "note"] + [desk.description]
        assert "".join(there).count(f"[FF:{note}]") == 1
        assert [row["how"] for row in desk.rows("select how from qcontact_pushed_notes")] == [
            "note" if allowed else "description"
        ]

    def test_a_failure_that_is_no_refusal_does_not_lead_to_the_description(self, desk: Desk) -> None:
        desk.sandbox.switches.notes_allowed = True
        desk.sandbox.faults.next("server_error_after", method="POST", path="/api/v2/entities/Note")
        desk.say("Technician on site")
        desk.run(2)
        assert (desk.description, len([event for event in desk.case.events if event.kind == "note"])) == ("No light", 1)

    def test_what_an_agent_writes_between_our_reading_and_our_writing_stays(self, desk: Desk) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {}, append="\nLerato: called the client")
        note = desk.say("Technician on site")
        [job] = desk.run()
        assert job["state"] == "completed"
        lines = desk.description.split("\n")
        assert lines[:2] == ["No light", "Lerato: called the client"]
        assert (len(lines), lines[2].endswith(f"[FF:{note}]")) == (3, True)

    def test_a_line_that_an_agent_wiped_out_at_once_is_written_again(self, desk: Desk) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "after"}, {"description": "No light at all"})
        note = desk.say("Technician on site")
        desk.run()
        assert desk.description.startswith("No light at all\n")
        assert desk.description.count(f"[FF:{note}]") == 1

    def test_a_note_becomes_told_when_it_is_made_public(self, desk: Desk) -> None:
        note = desk.say("Technician on site", visibility="private")
        assert desk.jobs() == []
        with desk.platform.begin(desk.actor) as work:
            notes.change(work, desk.ticket_id, note, NoteChanges.model_validate({"visibility": "public"}))
        desk.run()
        assert f"[FF:{note}]" in desk.description


class TestClosedThere:
    def test_nothing_is_written_to_a_closed_case_and_a_person_is_shown_the_difference(self, desk: Desk) -> None:
        desk.sandbox.edit(desk.case.id, {"status": "Closed"})
        desk.change(status="in_progress")
        [job] = desk.run()
        assert (job["state"], job["result"]["pushed"], desk.patches()) == ("completed", False, [])
        assert desk.link()["push_blocked_reason"] is not None
        [conflict] = desk.rows("select * from qcontact_conflicts where status = 'open'")
        assert (conflict["ours"], conflict["theirs"]) == ("in_progress", "closed")
        desk.say("Technician on site")
        assert len(desk.jobs()) == 1, "a blocked case makes no more jobs"

    def test_one_that_is_closed_just_before_our_write_is_not_tried_again(self, desk: Desk) -> None:
        desk.sandbox.plan_edit(desk.case.id, {"moment": "before"}, {"status": "Closed"})
        desk.change(status="in_progress")
        [job] = desk.run(2)
        assert (job["state"], [entry.status for entry in desk.patches()]) == ("completed", [422])
        assert "Closed" in desk.link()["push_blocked_reason"]
        assert desk.rows("select error_code from qcontact_sync_log where status = 'failed'") == [
            {"error_code": "QCONTACT_CASE_CLOSED"}
        ]

    def test_a_case_that_is_gone_ends_in_the_dead_letters(self, desk: Desk) -> None:
        desk.sandbox.remove(desk.case.id)
        desk.change(status="in_progress")
        [job] = desk.run()
        assert (job["state"], desk.link()["push_blocked_reason"]) == (
            "discarded",
            "the case does not exist there any more",
        )

    @pytest.mark.parametrize("status", ["Assigned", "Pending"])
    def test_a_case_that_comes_back_is_read_and_written_to_again(self, desk: Desk, status: str) -> None:
        desk.sandbox.remove(desk.case.id)
        desk.change(status="in_progress")
        desk.run()
        with desk.sandbox.lock:
            desk.sandbox.records.cases[desk.case.id] = desk.case
        desk.case.fields["status"] = status
        assert desk.read_in() == ("unchanged" if status == "Assigned" else "conflict")
        assert desk.link()["their_status"] == status
        for conflict in desk.open_conflicts():
            with desk.platform.begin(desk.actor) as work:
                conflicts.resolve(work, conflict["id"], "ours")
        desk.sweep()
        assert desk.writes() == [{"status": "InProgress"}]


class TestUnknownOutcomes:
    @pytest.mark.parametrize("fault", ["cut_after", "server_error_after", "cut_before", "bad_gateway_html"])
    def test_a_status_is_written_once_whatever_became_of_the_answer(self, desk: Desk, fault: str) -> None:
        desk.sandbox.faults.next(fault, method="PATCH")
        desk.change(status="in_progress")
        ran = desk.run(2)
        assert ran[-1]["state"] == "completed"
        assert desk.writes() == [{"status": "InProgress"}]
        assert desk.rows("select status from qcontact_sync_log where sync_direction = 'outbound' order by id") == [
            {"status": "failed"},
            {"status": "success"},
        ]

    def test_a_job_that_died_after_its_write_is_no_agents_move(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", die)
        desk.run()
        assert desk.link()["sending"] == ["InProgress"]
        desk.change(status="pending_qa")
        assert desk.read_in() == "unchanged"
        assert desk.rows("select status from tickets") == [{"status": "pending_qa"}]
        desk.run()
        assert desk.writes() == [{"status": "InProgress"}, {"status": "InReview"}]
        assert desk.link()["sending"] == []
        assert desk.rows("select 1 from qcontact_conflicts") == []

    def test_a_write_that_was_read_before_its_job_ended_replaced_no_agents_word(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", die)
        desk.run()
        assert desk.read_in() == "unchanged"
        desk.run()
        assert (desk.writes(), desk.link()["sending"]) == ([{"status": "InProgress"}], [])
        assert desk.rows("select 1 from qcontact_conflicts") == []

    def test_an_agents_word_that_was_replaced_is_shown_though_ours_was_read_since(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", die)
        meanwhile(monkeypatch, "get_case", lambda: desk.sandbox.edit(desk.case.id, {"status": "Pending"}))
        desk.run()
        desk.read_in()
        desk.run()
        [conflict] = desk.open_conflicts()
        assert (conflict["field"], conflict["theirs"], desk.link()["sending_over"]) == (OVERWRITTEN, "open", None)

    def test_a_move_that_was_undone_while_the_answer_was_lost_is_undone_there(self, desk: Desk) -> None:
        desk.sandbox.faults.next("cut_after", method="PATCH")
        desk.change(status="in_progress")
        desk.run()
        desk.change(status="assigned")
        desk.run()
        assert desk.writes() == [{"status": "InProgress"}, {"status": "Assigned"}]
        assert desk.link()["sending"] == []
        desk.read_in()
        assert (desk.rows("select status from tickets"), desk.open_conflicts()) == ([{"status": "assigned"}], [])

    def test_an_agents_move_to_what_never_arrived_is_news(self, desk: Desk) -> None:
        desk.sandbox.faults.next("cut_before", method="PATCH")
        desk.change(status="in_progress")
        desk.run()
        desk.change(status="assigned")
        desk.run()
        assert (desk.writes(), desk.link()["sending"]) == ([], [])
        desk.sandbox.edit(desk.case.id, {"status": "InProgress"})
        assert (desk.read_in(), desk.rows("select status from tickets")) == ("updated", [{"status": "in_progress"}])

    def test_what_may_have_been_written_is_looked_for_at_night(self, desk: Desk) -> None:
        desk.sandbox.faults.next("cut_after", method="PATCH")
        desk.change(status="in_progress")
        desk.run()
        with desk.platform.database.transaction() as connection:
            connection.execute("update tickets set status = 'assigned'")
            connection.execute("delete from jobs where kind = 'push_to_qcontact'")
        with desk.platform.read() as connection:
            assert pushes.count_due(connection) == 1
        desk.sweep()
        assert (desk.case.fields["status"], desk.link()["sending"]) == ("Assigned", [])

    def test_a_job_that_died_after_its_write_does_not_write_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        note = desk.say("Technician on site")
        desk.change(status="in_progress")
        meanwhile(monkeypatch, "update_case", die)
        desk.run(3)
        assert [list(fields) for fields in desk.writes()] == [["description"], ["status"]]
        assert desk.description.count(f"[FF:{note}]") == 1


class TestAssignment:
    def test_who_has_a_record_there_gets_the_case_and_the_queue_gets_it_back(self, desk: Desk) -> None:
        with desk.platform.read() as connection:
            known, unknown = make_user(connection), make_user(connection)
            there = desk.sandbox.records.users.id_of("Sipho Example")
            insert(connection, "qcontact_assignees", user_id=known["id"], qcontact_id=str(there), set_by_name="Thandi")
        desk.change(assigned_to=str(unknown["id"]))
        assert desk.jobs() == [], "nobody there is called so"
        desk.change(assigned_to=str(known["id"]))
        desk.run()
        assert desk.case.fields["assigned_to"] == there
        desk.change(assigned_to=str(unknown["id"]))
        desk.run()
        assert desk.writes() == [{"assigned_to": there}, {"assigned_to": 21900000077}]


class TestOthers:
    def test_tickets_of_other_sources_make_no_jobs(self, desk: Desk) -> None:
        with desk.platform.read() as connection:
            ticket = make_ticket(connection, status="assigned")
        with desk.platform.begin(desk.actor) as work:
            tickets.update(work, ticket["id"], TicketChanges.model_validate({"status": "in_progress"}))
        assert desk.jobs() == []


class TestSweep:
    def test_what_was_not_told_is_found_at_night_and_told_once(self, desk: Desk) -> None:
        with desk.platform.database.transaction() as connection:
            connection.execute("update tickets set status = 'in_progress'")
        for _ in range(2):
            desk.sweep()
        assert [job["kind"] for job in desk.jobs()] == ["push_to_qcontact"]
        assert desk.writes() == [{"status": "InProgress"}]
        results = desk.rows("select result from jobs where kind = 'sync_unpushed_tickets' order by id")
        assert [row["result"]["enqueued"] for row in results] == [1, 0]
