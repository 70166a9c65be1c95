"""What the preview says of the weeks: added, gone, the same, changed; and of each change both values, with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from sql.database import queries
from tests.factories import make_user
from tests.factories.weekly import import_report, upload_report, weekly_row, weekly_workbook
from tests.plans import nodes
from tests.running import run_jobs
from ticketing.people import SYSTEM
from ticketing.weekly_reports import views

if TYPE_CHECKING:
    from jobs.platform import Platform

MANY = """
insert into weekly_reports (
    year, week_number, sequence, report_date, original_filename, storage_key, file_sha256, file_size, status, phase,
    imported_at, header_mapping
)
select
    2026, week, 1, '2026-11-16', 'week.xlsx', 'week.xlsx', repeat('0', 64), 1, 'completed', 'finished',
    now(), '{"fields": {"ft_ref": "FT Ref"}}'
from generate_series(46, 47) as week;
insert into weekly_report_rows (report_id, row_number, cells, external_id, title, row_hash, verdict)
select w.id, n, '{}', 'FT' || n, 'No light', decode(md5(n::text), 'hex'), 'ok'
from weekly_reports as w cross join generate_series(2, 10001) as n;
"""
COUNTS = ("before", "now", "added", "gone", "gone_unfinished", "same", "changed")


def preview(platform: Platform, *rows: dict[str, Any], week: int = 47, year: int = 2026) -> dict[str, Any]:
    """Upload rows as a workbook, have it checked, and return what the check found."""
    report_id = upload_report(platform, weekly_workbook(*rows), preview=True, week_number=week, year=year).report_id
    run_jobs(platform)
    with platform.read() as connection:
        found: dict[str, Any] = views.preview(connection, report_id)["preview"]
    return found


def imported(platform: Platform, *rows: dict[str, Any], week: int, year: int = 2026) -> UUID:
    return import_report(platform, *rows, week_number=week, year=year)


def counts(difference: dict[str, Any]) -> dict[str, int]:
    return {name: difference[name] for name in COUNTS}


def test_the_first_week_of_all_has_nothing_to_differ_from(platform: Platform) -> None:
    assert preview(platform, weekly_row())["difference"] is None


def test_a_week_is_told_against_the_one_before(platform: Platform) -> None:
    imported(platform, *[weekly_row(FT_Ref=f"FT{n}", DR_Number=f"DR173734{n}") for n in range(1, 7)], week=46)
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update tickets set status = 'cancelled', closed_at = null where external_id = 'FT4'")
    told = preview(
        platform,
        weekly_row(FT_Ref="FT1", DR_Number="DR1737341"),
        weekly_row(FT_Ref="FT2", DR_Number="DR1737342", Title="Slow speed"),
        # Listed, though nobody can read it: not gone.
        weekly_row(FT_Ref="FT3", DR_Number="DR1737343", Priority="P9"),
        weekly_row(FT_Ref="FT7"),
        weekly_row(FT_Ref="FT7"),
    )
    difference = told["difference"]
    assert (difference["year"], difference["week_number"]) == (2026, 46)
    expected = {"before": 6, "now": 4, "added": 1, "gone": 3, "gone_unfinished": 2, "same": 1, "changed": 1}
    assert counts(difference) == expected
    # Those with work left come first.
    assert [row["external_id"] for row in difference["gone_rows"]] == ["FT5", "FT6", "FT4"]
    assert difference["gone_rows"][0]["ticket_uid"].startswith("FF")
    assert difference["gone_rows"][2]["status"] == "cancelled"


def test_all_reports_of_a_week_count_as_one_on_either_side(platform: Platform) -> None:
    imported(platform, weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2", Title=None), week=46)
    imported(platform, weekly_row(FT_Ref="FT2"), week=46)
    imported(platform, weekly_row(FT_Ref="FT1"), week=47)
    told = preview(platform, weekly_row(FT_Ref="FT3"))
    expected = {"before": 2, "now": 2, "added": 1, "gone": 1, "gone_unfinished": 1, "same": 1, "changed": 0}
    assert counts(told["difference"]) == expected
    assert [row["external_id"] for row in told["difference"]["gone_rows"]] == ["FT2"]


def test_what_is_gone_is_found_in_one_pass_over_either_week(platform: Platform) -> None:
    """Where too many rows are expected for a hash of them all, `not in` would go through them for every row."""
    with platform.read() as connection, connection.transaction():
        connection.execute(MANY)
        connection.execute("analyze weekly_reports, weekly_report_rows")
        connection.execute("set local work_mem = '64kB'")
        found = connection.execute("select id from weekly_reports where week_number = 47").fetchone()
        assert found is not None
        wanted = {"report_id": found["id"], "year": 2026, "week_number": 46, "ended": ["closed"], "row_limit": 50}
        plan = connection.execute(
            "explain (format json) " + queries("weekly_reports").list_gone.sql, wanted, prepare=False
        ).fetchone()
    assert plan is not None
    below = [node for node in nodes(plan["QUERY PLAN"][0]["Plan"]) if node.get("Parent Relationship") == "SubPlan"]
    assert below == []


def test_the_week_before_may_lie_in_another_year_or_further_back(platform: Platform) -> None:
    imported(platform, weekly_row(FT_Ref="FT1"), week=50, year=2025)
    imported(platform, weekly_row(FT_Ref="FT1"), week=10, year=2026)
    told = preview(platform, weekly_row(FT_Ref="FT1"), week=2)
    assert (told["difference"]["year"], told["difference"]["week_number"]) == (2025, 50)


@pytest.mark.parametrize("field", ["sheet_value", "sheet_name"])
def test_a_change_tells_both_values_and_who_the_people_are(platform: Platform, field: str) -> None:
    with platform.begin(SYSTEM) as work:
        user = make_user(work.connection, name="Thabo Mokoena")
    imported(platform, weekly_row(), week=46)
    told = preview(platform, weekly_row(Title="Slow speed", Assigned_To="Thabo Mokoena"))
    [row] = told["changes"]
    assert row["ticket_uid"].startswith("FF")
    changes = {change["field"]: change for change in row["fields"]}
    assert (changes["title"]["ticket_value"], changes["title"]["sheet_value"]) == ("No light", "Slow speed")
    expected = {"sheet_value": str(user["id"]), "sheet_name": "Thabo Mokoena"}
    assert changes["assigned_to"][field] == expected[field]
    assert changes["assigned_to"]["ticket_name"] is None
    assert changes["title"]["sheet_name"] is None


def test_a_conflict_tells_who_the_people_are(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        here = make_user(work.connection, name="Lerato Dube")
        make_user(work.connection, name="Thabo Mokoena")
    imported(platform, weekly_row(), week=46)
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update tickets set assigned_to = %s, status = 'assigned'", [here["id"]])
    told = preview(platform, weekly_row(Assigned_To="Thabo Mokoena"))
    [conflict] = told["conflicts"][0]["conflicts"]
    assert (conflict["ticket_name"], conflict["sheet_name"]) == ("Lerato Dube", "Thabo Mokoena")
    report_id = imported(platform, weekly_row(Assigned_To="Thabo Mokoena"), week=47)
    with platform.read() as connection:
        [row], _ = views.rows(connection, report_id, outcome="conflict", after_row=0, limit=10)
    assert row["conflicts"][0]["sheet_name"] == "Thabo Mokoena"


def test_the_first_new_rows_are_shown_as_the_tickets_that_they_would_be(platform: Platform) -> None:
    imported(platform, weekly_row(FT_Ref="FT1"), week=46)
    told = preview(platform, weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2", Priority=None))
    [row] = told["new_rows"]
    assert (row["row_number"], row["external_id"], row["status"], row["priority"]) == (3, "FT2", "open", "normal")
