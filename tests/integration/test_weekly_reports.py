"""The weekly import against a real database: what becomes of each row, twice, halfway, and against work done here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from integrations.storage import Storage
from integrations.workbooks import SheetData, write_workbook
from jobs.kinds.import_weekly_report import confirm, dismiss
from jobs.outcomes import JobCancelled
from sql.database import queries
from tests.factories import make_contractor, make_drop, make_project, make_user
from tests.factories.tickets import make_readiness_check
from tests.factories.weekly import import_report, upload_report, weekly_row, weekly_workbook
from tests.races import race
from tests.running import run_jobs
from ticketing.errors import AlreadyExists, ConditionNotMet
from ticketing.people import SYSTEM
from ticketing.weekly_reports import importing, staging

if TYPE_CHECKING:
    from jobs.platform import Platform


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


def read(platform: Platform, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    with platform.read() as connection:
        return connection.execute(statement, parameters).fetchall()


def tickets(platform: Platform) -> list[dict[str, Any]]:
    """The tickets that came in; what an escalation makes of too many on one drop is told elsewhere."""
    return read(platform, "select * from tickets where escalation_id is null order by external_id")


def ticket(platform: Platform) -> dict[str, Any]:
    (only,) = tickets(platform)
    return only


def outcomes(platform: Platform, report_id: UUID) -> list[tuple[int, str]]:
    rows = read(
        platform,
        "select row_number, outcome from weekly_report_rows where report_id = %s order by row_number",
        report_id,
    )
    return [(row["row_number"], row["outcome"]) for row in rows]


def row_of(platform: Platform, report_id: UUID, row_number: int = 2) -> dict[str, Any]:
    (row,) = read(
        platform,
        "select * from weekly_report_rows where report_id = %s and row_number = %s",
        report_id,
        row_number,
    )
    return row


def report(platform: Platform, report_id: UUID) -> dict[str, Any]:
    (row,) = read(platform, "select * from weekly_reports where id = %s", report_id)
    return row


def events(platform: Platform, ticket_id: UUID) -> list[str]:
    """What became of a ticket; its SLA clock is told of elsewhere (test_sla)."""
    rows = read(
        platform,
        "select event_type from ticket_events where ticket_id = %s and event_type not like 'sla%%' order by id",
        ticket_id,
    )
    return [row["event_type"] for row in rows]


def steps_of_all(platform: Platform) -> int:
    count: int = read(
        platform,
        "select count(*) from verification_steps as s inner join tickets as t on s.ticket_id = t.id"
        " where t.escalation_id is null",
    )[0]["count"]
    return count


def events_of_all(platform: Platform) -> int:
    count: int = read(
        platform,
        "select count(*) from ticket_events as e inner join tickets as t on e.ticket_id = t.id"
        " where t.escalation_id is null and e.event_type like 'ticket%%'",
    )[0]["count"]
    return count


def change(platform: Platform, **columns: Any) -> None:
    """Change the only ticket as somebody here would."""
    with platform.begin(SYSTEM) as work:
        for name, value in columns.items():
            work.connection.execute(f"update tickets set {name} = %s", [value])


# Creating


def test_a_row_becomes_a_ticket_with_its_steps_and_its_first_event(platform: Platform) -> None:
    report_id = import_report(platform, weekly_row(Zone=3.0, Address="1 Main Rd", ONT_RX=-21.5))
    made = ticket(platform)
    assert made["ticket_uid"].startswith("FF")
    assert (made["source"], made["external_id"]) == ("weekly_report", "FT490441")
    assert (made["ticket_type"], made["priority"], made["status"]) == ("maintenance", "high", "open")
    assert (made["dr_number"], made["zone"], made["address"]) == ("DR1737348", "3", "1 Main Rd")
    assert made["reported_at"] == datetime(2026, 11, 16, 6, 30, tzinfo=UTC)
    steps = read(platform, "select step_number from verification_steps where ticket_id = %s order by 1", made["id"])
    assert [step["step_number"] for step in steps] == list(range(1, 13))
    assert events(platform, made["id"]) == ["ticket_created"]
    (event,) = read(platform, "select * from ticket_events where event_type = 'ticket_created'")
    assert event["actor_kind"] == "job"
    assert event["job_id"] == report(platform, report_id)["import_job_id"]
    assert event["details"]["row_number"] == 2
    row = row_of(platform, report_id)
    assert (row["outcome"], row["ticket_id"]) == ("created", made["id"])
    assert row["cells"]["Comment"] == "seen"


def test_the_report_counts_every_row_once(platform: Platform) -> None:
    report_id = import_report(
        platform,
        weekly_row(FT_Ref="FT1"),
        weekly_row(FT_Ref="FT2", Title=None),
        weekly_row(FT_Ref="FT1", Title="again"),
        weekly_row(FT_Ref="FT3", Priority="P9", ONT_RX=-200),
        weekly_row(FT_Ref="FT4"),
    )
    assert outcomes(platform, report_id) == [
        (2, "created"),
        (3, "rejected"),
        (4, "duplicate"),
        (5, "rejected"),
        (6, "created"),
    ]
    done = report(platform, report_id)
    assert (done["status"], done["phase"], done["total_rows"], done["processed_rows"]) == (
        "completed",
        "finished",
        5,
        5,
    )
    assert (done["created_count"], done["rejected_count"], done["duplicate_count"]) == (2, 2, 1)
    duplicate = row_of(platform, report_id, 4)["errors"][0]
    assert duplicate["error_type"] == "duplicate_entry"
    assert "row 2" in duplicate["message"]
    assert [error["column"] for error in row_of(platform, report_id, 5)["errors"]] == ["Priority", "ONT RX"]


def test_two_faults_on_one_drop_without_a_reference_are_two_tickets(platform: Platform) -> None:
    import_report(platform, weekly_row(FT_Ref=None, Title="No light"), weekly_row(FT_Ref=None, Title="Slow speed"))
    assert [made["dr_number"] for made in tickets(platform)] == ["DR1737348", "DR1737348"]


def test_the_register_fills_what_the_sheet_leaves_empty(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        project = make_project(work.connection, code="LAW", name="Lawley")
        make_drop(
            work.connection, dr_number="DR1737348", project_id=project["id"], pon_number=12, zone_number=3,
            pole_number="LAW.P.A002", address="1 Main Rd",
        )  # fmt: skip
    report_id = import_report(platform, weekly_row(Zone="Zone 04", Pole_Number="law.p.a002"))
    made = ticket(platform)
    assert (made["project_id"], made["pon_number"], made["address"]) == (project["id"], "12", "1 Main Rd")
    assert (made["zone"], made["pole_number"]) == ("Zone 04", "law.p.a002")
    warnings = row_of(platform, report_id)["warnings"]
    assert [(warning["column"], warning["severity"]) for warning in warnings] == [("Zone", "warning")]
    assert "register" in warnings[0]["message"]


def test_names_are_matched_in_any_case_and_an_assignee_assigns(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        user = make_user(work.connection, name="Thabo Mokoena")
        contractor = make_contractor(work.connection, name="Velo Fibre")
    import_report(platform, weekly_row(Assigned_To="thabo  MOKOENA", Contractor="VELO FIBRE", Status="In Progress"))
    made = ticket(platform)
    assert (made["assigned_to"], made["assigned_contractor_id"]) == (user["id"], contractor["id"])
    assert made["status"] == "in_progress"


def test_names_that_nobody_has_are_kept_as_texts_with_a_warning(platform: Platform) -> None:
    report_id = import_report(platform, weekly_row(Assigned_To="Nobody", Contractor="No Company", Area="Atlantis"))
    made = ticket(platform)
    assert (made["assigned_to"], made["status"]) == (None, "open")
    assert made["sheet_fields"]["assigned_text"] == "Nobody"
    assert made["sheet_fields"]["contractor_text"] == "No Company"
    assert {warning["field"] for warning in row_of(platform, report_id)["warnings"]} == {
        "area",
        "assigned_to",
        "contractor",
    }


@pytest.mark.parametrize(
    ("status", "begins"), [("Closed", "open"), ("In Progress", "open"), ("Cancelled", "cancelled")]
)
def test_a_new_ticket_goes_as_far_as_the_machine_allows(platform: Platform, status: str, begins: str) -> None:
    report_id = import_report(platform, weekly_row(Status=status))
    assert ticket(platform)["status"] == begins
    row = row_of(platform, report_id)
    assert row["outcome"] == "created"
    assert (row["conflicts"] is not None) == (begins == "open")


# Again


def test_the_same_file_twice_changes_nothing_the_second_time(platform: Platform) -> None:
    rows = [weekly_row(FT_Ref=f"FT{number}") for number in range(5)] + [weekly_row(FT_Ref=None, DR_Number=None)]
    import_report(platform, *rows, year=2026, week_number=47)
    before = read(platform, "select id, xmin::text, updated_at from tickets order by id")
    again = import_report(platform, *rows, year=2026, week_number=47)
    assert [outcome for _, outcome in outcomes(platform, again)] == ["unchanged"] * 5 + ["rejected"]
    assert read(platform, "select id, xmin::text, updated_at from tickets order by id") == before
    assert report(platform, again)["report_uid"].endswith("-002")
    assert events_of_all(platform) == 5


def test_the_same_file_previewed_says_that_nothing_would_change(platform: Platform) -> None:
    rows = [weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2"), weekly_row(FT_Ref="FT3", Title=None)]
    import_report(platform, *rows)
    change_one = "update tickets set source_hash = null where external_id = 'FT2'"
    with platform.begin(SYSTEM) as work:
        work.connection.execute(change_one)
    submitted = upload_report(platform, weekly_workbook(*rows), preview=True)
    assert submitted.rows == 3
    run_jobs(platform)
    preview = report(platform, submitted.report_id)["preview"]
    counts = ("total", "new", "changed", "unchanged", "rejected")
    assert [preview[name] for name in counts] == [3, 0, 0, 2, 1]
    assert outcomes(platform, submitted.report_id) == [(2, None), (3, None), (4, "rejected")]


def test_the_same_file_is_read_again_where_a_date_lay_ahead(platform: Platform) -> None:
    rows = [weekly_row(Date_Logged=datetime(2100, 1, 1))]  # noqa: DTZ001 - as a sheet has it
    import_report(platform, *rows)
    assert tickets(platform) == []
    again = upload_report(platform, weekly_workbook(*rows))
    with platform.read() as connection:
        sha256 = report(platform, again.report_id)["file_sha256"]
        assert staging.find_same_file(connection, again.report_id, sha256) is None


def test_the_same_file_is_read_again_where_a_sheet_was_named(platform: Platform) -> None:
    def sheet(name: str, reference: str) -> SheetData:
        return SheetData(name, ["FT Ref", "Title"], [[reference, "No light"]])

    data = write_workbook([sheet("Weekly Tickets", "FT1"), sheet("South", "FT9")])
    upload_report(platform, data, sheet_name="South")
    run_jobs(platform)
    chosen, again = upload_report(platform, data), upload_report(platform, data)
    run_jobs(platform)
    assert [made["external_id"] for made in tickets(platform)] == ["FT1", "FT9"]
    for submitted in (chosen, again):
        assert report(platform, submitted.report_id)["sheet_name"] == "Weekly Tickets"
    with platform.read() as connection:
        same = staging.find_same_file(connection, again.report_id, report(platform, again.report_id)["file_sha256"])
    assert same is not None
    assert same.report_id == chosen.report_id


def test_the_same_rows_in_another_file_change_nothing_either(platform: Platform) -> None:
    import_report(platform, weekly_row())
    again = import_report(platform, weekly_row(Comment="another comment", FT_Ref="ft 490441", Title=" No light"))
    assert outcomes(platform, again) == [(2, "unchanged")]
    assert events(platform, ticket(platform)["id"]) == ["ticket_created"]


def test_a_changed_row_updates_what_the_sheet_owns(platform: Platform) -> None:
    import_report(platform, weekly_row(Address="1 Main Rd"))
    again = import_report(platform, weekly_row(Address="2 Main Rd", Priority="Urgent", Date_Logged="17/11/2026"))
    made = ticket(platform)
    assert outcomes(platform, again) == [(2, "updated")]
    assert (made["address"], made["priority"]) == ("2 Main Rd", "urgent")
    assert made["reported_at"] == datetime(2026, 11, 16, 22, tzinfo=UTC)
    assert events(platform, made["id"]) == ["ticket_created", "ticket_updated"]
    (event,) = read(platform, "select * from ticket_events where event_type = 'ticket_updated'")
    assert event["before"]["address"] == "1 Main Rd"
    assert event["after"]["address"] == "2 Main Rd"


def test_an_emptied_cell_clears_nothing(platform: Platform) -> None:
    import_report(platform, weekly_row(Address="1 Main Rd"))
    again = import_report(platform, weekly_row(Address=None, Priority=None))
    assert outcomes(platform, again) == [(2, "unchanged")]
    assert (ticket(platform)["address"], ticket(platform)["priority"]) == ("1 Main Rd", "high")


def test_work_done_here_is_never_overwritten(platform: Platform) -> None:
    import_report(platform, weekly_row(Address="1 Main Rd", Zone=3))
    change(platform, address="1A Main Rd")
    again = import_report(platform, weekly_row(Address="2 Main Rd", Zone=4))
    made = ticket(platform)
    assert (made["address"], made["zone"]) == ("1A Main Rd", "4")
    row = row_of(platform, again)
    assert row["outcome"] == "conflict"
    (conflict,) = row["conflicts"]
    assert (conflict["field"], conflict["ticket_value"], conflict["sheet_value"]) == (
        "address",
        "1A Main Rd",
        "2 Main Rd",
    )


def test_a_conflict_is_listed_once_not_every_week(platform: Platform) -> None:
    import_report(platform, weekly_row(Address="1 Main Rd"))
    change(platform, address="1A Main Rd")
    import_report(platform, weekly_row(Address="2 Main Rd"))
    again = import_report(platform, weekly_row(Address="2 Main Rd", Priority="Low"))
    assert outcomes(platform, again) == [(2, "updated")]
    assert ticket(platform)["address"] == "1A Main Rd"


def test_the_status_follows_the_machine(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        make_user(work.connection, name="Thabo")
    import_report(platform, weekly_row(Assigned_To="Thabo"))
    assert ticket(platform)["status"] == "assigned"
    moved = import_report(platform, weekly_row(Assigned_To="Thabo", Status="Busy"))
    assert outcomes(platform, moved) == [(2, "updated")]
    assert ticket(platform)["status"] == "in_progress"
    refused = import_report(platform, weekly_row(Assigned_To="Thabo", Status="Closed"))
    assert ticket(platform)["status"] == "in_progress"
    row = row_of(platform, refused)
    assert row["outcome"] == "conflict"
    assert "cannot become closed" in row["conflicts"][0]["reason"]


def test_a_ticket_that_moved_here_is_not_moved_back(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        make_user(work.connection, name="Thabo")
    import_report(platform, weekly_row(Assigned_To="Thabo", Status="Assigned"))
    change(platform, status="in_progress")
    again = import_report(platform, weekly_row(Assigned_To="Thabo", Status="Open"))
    assert ticket(platform)["status"] == "in_progress"
    assert outcomes(platform, again) == [(2, "conflict")]


def test_an_assignee_that_turns_up_later_assigns(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        user = make_user(work.connection, name="Thabo")
    import_report(platform, weekly_row())
    import_report(platform, weekly_row(Assigned_To="Thabo"))
    made = ticket(platform)
    assert (made["assigned_to"], made["status"]) == (user["id"], "assigned")
    assert events(platform, made["id"]) == ["ticket_created", "ticket_assigned", "ticket_status_changed"]


def test_a_checked_field_that_changes_withdraws_readiness(platform: Platform) -> None:
    import_report(platform, weekly_row(Zone=3))
    with platform.read() as connection:
        make_readiness_check(connection, ticket(platform)["id"])
    import_report(platform, weekly_row(Zone=4))
    made = ticket(platform)
    assert made["qa_ready"] is False
    assert events(platform, made["id"])[-1] == "qa_readiness_withdrawn"


# Preview first


def test_a_preview_touches_nothing_and_tells_what_would_happen(platform: Platform) -> None:
    import_report(platform, weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2"), weekly_row(FT_Ref="FT3"))
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update tickets set priority = 'low' where external_id = 'FT3'")
    data = weekly_workbook(
        weekly_row(FT_Ref="FT1"),
        weekly_row(FT_Ref="FT2", Zone=9),
        weekly_row(FT_Ref="FT3", Priority="Critical"),
        weekly_row(FT_Ref="FT4"),
        weekly_row(FT_Ref="FT4"),
        weekly_row(FT_Ref="FT5", Type="picnic"),
    )
    submitted = upload_report(platform, data, preview=True)
    before = read(platform, "select id, xmin::text from tickets order by id")
    (job,) = run_jobs(platform)
    assert job["kind"] == "preview_weekly_report"
    assert read(platform, "select id, xmin::text from tickets order by id") == before
    waiting = report(platform, submitted.report_id)
    assert (waiting["status"], waiting["phase"]) == ("pending", "previewed")
    preview = waiting["preview"]
    counts = ("total", "new", "changed", "unchanged", "duplicate", "conflict", "rejected")
    assert [preview[name] for name in counts] == [6, 1, 1, 1, 1, 1, 1]
    assert {"error_type": "invalid_format", "column": "Type", "count": 1} in preview["reasons"]
    assert preview["conflicts"][0]["conflicts"][0]["field"] == "priority"
    with platform.begin(SYSTEM) as work:
        confirm(work, submitted.report_id)
    run_jobs(platform)
    assert [outcome for _, outcome in outcomes(platform, submitted.report_id)] == [
        *("unchanged", "updated", "conflict", "created", "duplicate", "rejected")
    ]
    assert report(platform, submitted.report_id)["status"] == "completed"


def test_a_report_is_confirmed_once_and_only_when_its_preview_is_there(platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(weekly_row()), preview=True)
    with platform.begin(SYSTEM) as work, pytest.raises(ConditionNotMet):
        confirm(work, submitted.report_id)
    run_jobs(platform)
    with platform.begin(SYSTEM) as work:
        confirm(work, submitted.report_id)
    with platform.begin(SYSTEM) as work, pytest.raises(AlreadyExists):
        confirm(work, submitted.report_id)


def test_of_a_confirmation_and_a_dismissal_one_wins(platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(weekly_row()), preview=True)
    run_jobs(platform)

    def confirmed() -> None:
        with platform.begin(SYSTEM) as work:
            confirm(work, submitted.report_id)

    def dismissed() -> None:
        with platform.begin(SYSTEM) as work:
            dismiss(work, submitted.report_id, "last week's file")

    won, lost = race([confirmed, dismissed])
    assert (len(won), [type(error) for error in lost]) == (1, [AlreadyExists])
    run_jobs(platform)
    is_imported = report(platform, submitted.report_id)["status"] == "completed"
    assert len(read(platform, "select id from tickets")) == is_imported


# Killed halfway


def small_batches(platform: Platform, rows: int) -> None:
    platform.settings = platform.settings.model_copy(update={"import_batch_rows": rows})


def retry_now(platform: Platform) -> None:
    """Make what waits for another attempt available at once."""
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update jobs set state = 'available', scheduled_at = now() where state = 'retryable'")


@pytest.mark.parametrize("broken_batch", [1, 3])
def test_an_import_that_breaks_off_goes_on_without_a_double_or_missing_row(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, broken_batch: int
) -> None:
    small_batches(platform, 10)
    rows = [weekly_row(FT_Ref=f"FT{number}") for number in range(45)]
    submitted = upload_report(platform, weekly_workbook(*rows))
    whole, calls = importing.settle, iter(range(1, 100))

    def breaking(*arguments: Any, **more: Any) -> Any:
        batch = whole(*arguments, **more)
        if next(calls) == broken_batch:
            raise ConnectionResetError("the machine went away")
        return batch

    with monkeypatch.context() as patched:
        patched.setattr(importing, "settle", breaking)
        (job,) = run_jobs(platform)
    assert job["state"] == "retryable"
    assert len(tickets(platform)) == (broken_batch - 1) * 10
    retry_now(platform)
    run_jobs(platform)
    assert len(tickets(platform)) == 45
    assert {outcome for _, outcome in outcomes(platform, submitted.report_id)} == {"created"}
    done = report(platform, submitted.report_id)
    assert (done["status"], done["created_count"], done["processed_rows"]) == ("completed", 45, 45)
    assert steps_of_all(platform) == 45 * 12
    assert events_of_all(platform) == 45


def test_a_preview_that_breaks_off_goes_on(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(platform, 10)
    rows = [weekly_row(FT_Ref=f"FT{number % 20}") for number in range(25)]
    submitted = upload_report(platform, weekly_workbook(*rows), preview=True)
    stage, calls = staging.stage, iter(range(1, 100))

    def breaking(*arguments: Any, **more: Any) -> Any:
        tally = stage(*arguments, **more)
        if next(calls) == 2:
            raise ConnectionResetError("the machine went away")
        return tally

    with monkeypatch.context() as patched:
        patched.setattr(staging, "stage", breaking)
        run_jobs(platform)
    assert len(outcomes(platform, submitted.report_id)) == 10
    retry_now(platform)
    run_jobs(platform)
    preview = report(platform, submitted.report_id)["preview"]
    assert (preview["total"], preview["new"], preview["duplicate"]) == (25, 20, 5)
    with platform.begin(SYSTEM) as work:
        confirm(work, submitted.report_id)
    run_jobs(platform)
    assert len(tickets(platform)) == 20


def test_two_imports_of_the_same_new_rows_make_each_ticket_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one plans tickets that the first one has made by the time it writes."""
    first = upload_report(platform, weekly_workbook(weekly_row(Zone=1), weekly_row(FT_Ref="FT2")))
    find = staging._find_known
    monkeypatch.setattr(staging, "_find_known", lambda connection, rows: {})
    second = upload_report(platform, weekly_workbook(weekly_row(Zone=2), weekly_row(FT_Ref="FT2")))
    run_jobs(platform)
    assert find is not staging._find_known
    assert [made["external_id"] for made in tickets(platform)] == ["FT2", "FT490441"]
    assert outcomes(platform, first.report_id) == [(2, "created"), (3, "created")]
    assert outcomes(platform, second.report_id) == [(2, "updated"), (3, "unchanged")]
    assert steps_of_all(platform) == 24


def test_a_cancelled_import_keeps_whole_batches_only(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(platform, 10)
    submitted = upload_report(platform, weekly_workbook(*[weekly_row(FT_Ref=f"FT{number}") for number in range(25)]))
    whole, calls = importing.settle, iter(range(1, 100))

    def cancelled(*arguments: Any, **more: Any) -> Any:
        if next(calls) == 2:
            raise JobCancelled("asked to")
        return whole(*arguments, **more)

    monkeypatch.setattr(importing, "settle", cancelled)
    run_jobs(platform)
    assert len(tickets(platform)) == 10
    with platform.read() as connection:
        shown = queries("weekly_reports").show_report(connection, report_id=submitted.report_id)
    assert (shown["status"], shown["failure_code"]) == ("failed", "JOB_CANCELLED")


def test_a_row_that_the_database_refuses_is_rejected_alone(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        work.connection.execute("alter table tickets add constraint no_thirteen check (zone <> '13') not valid")
    rows = [weekly_row(FT_Ref=f"FT{number}", Zone=number) for number in range(25)]
    report_id = import_report(platform, *rows)
    assert len(tickets(platform)) == 24
    row = row_of(platform, report_id, 15)
    assert row["outcome"] == "rejected"
    assert row["errors"][0]["error_type"] == "database_error"
    assert "no_thirteen" in row["errors"][0]["message"]
    done = report(platform, report_id)
    assert (done["created_count"], done["rejected_count"], done["processed_rows"]) == (24, 1, 25)


# The file


def test_a_file_that_changed_in_the_store_fails_the_report_with_the_reason(platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(weekly_row()))
    key = report(platform, submitted.report_id)["storage_key"]
    Storage.from_settings(platform.settings).put(key, weekly_workbook(weekly_row(FT_Ref="FT2")))
    (job,) = run_jobs(platform)
    assert job["state"] == "discarded"
    failed = report(platform, submitted.report_id)
    assert (failed["status"], failed["failure_code"]) == ("failed", "PARSE_ERROR")
    assert tickets(platform) == []


def test_the_named_sheet_is_the_one_that_is_imported(platform: Platform) -> None:
    data = write_workbook(
        [
            SheetData("Tickets", ["FT Ref", "Title", "Status", "Priority"], [["FT1", "x", "Open", "Low"]]),
            SheetData("Other", ["FT Ref", "Title"], [["FT2", "y"]]),
        ]
    )
    upload_report(platform, data, sheet_name="Other")
    run_jobs(platform)
    assert ticket(platform)["external_id"] == "FT2"
