"""The drop register in the database: imported whole, never doubled, never moved, and looked up."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from integrations.storage import Storage
from jobs.kinds.import_drops import ImportDrops, import_drops
from tests.factories import make_drop, make_project
from tests.factories.drops import SPARE, register_sheet, register_workbook
from tests.running import job_row, run_jobs
from ticketing import drops
from ticketing.errors import InvalidInput, NotFound
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


def import_rows(platform: Platform, *rows: dict[str, Any], project: str | None = None) -> drops.ImportResult:
    with platform.begin(SYSTEM) as work:
        return drops.import_register(work, drops.read_register(register_sheet(*rows)), project=project)


def stored(platform: Platform, *columns: str) -> list[tuple[Any, ...]]:
    with platform.read() as connection:
        rows = connection.execute(
            "select drops.*, projects.code, drops.xmin::text as version"
            " from drops join projects on projects.id = project_id order by dr_number"
        ).fetchall()
    return [tuple(row[column] for column in columns) for row in rows]


# Importing


def test_a_register_fills_an_empty_database(platform: Platform) -> None:
    result = import_rows(platform, {"pon_no": 3}, SPARE)
    assert (result.rows, result.created, result.updated, result.unchanged, result.spares) == (2, 2, 0, 0, 1)
    assert result.projects_created == ["LAW"]
    assert stored(
        platform, "dr_number", "code", "pole_number", "pon_number", "zone_number", "ont_label", "is_spare"
    ) == [
        ("DR1737348", "LAW", "LAW.P.A002", 3, 1, "LAW.ONT.DR1737348", False),
        ("DR1737375", "LAW", "LAW.P.A002", 1, 1, None, True),
    ]
    (source,) = stored(platform, "source_row")[1]
    assert (source["datecrtd"], source["comments"]) == ("2025-04-14T07:50:57.765", "Spare")


def test_the_same_register_again_writes_nothing(platform: Platform) -> None:
    import_rows(platform, {}, SPARE)
    before = stored(platform, "dr_number", "version", "updated_at")
    result = import_rows(platform, {}, SPARE)
    assert (result.created, result.updated, result.unchanged, result.spares) == (0, 0, 2, 1)
    assert result.projects_created == []
    assert stored(platform, "dr_number", "version", "updated_at") == before
    with platform.read() as connection:
        locked = connection.execute("select count(*) from drops where xmax <> 0").fetchone()
    assert locked == {"count": 0}


def test_only_what_changed_is_written(platform: Platform) -> None:
    import_rows(platform, {}, SPARE)
    result = import_rows(platform, {"strtfeat": "LAW.P.B010"}, SPARE, {"label": "DR1737349"})
    assert (result.created, result.updated, result.unchanged) == (1, 1, 1)
    assert stored(platform, "dr_number", "pole_number") == [
        ("DR1737348", "LAW.P.B010"),
        ("DR1737349", "LAW.P.A002"),
        ("DR1737375", "LAW.P.A002"),
    ]


def test_counts_and_findings_account_for_every_row(platform: Platform) -> None:
    result = import_rows(platform, {}, {"label": "DR1"}, {"pon_no": 7}, SPARE, {"label": "DR1737349", "stackref": None})
    assert (result.rows, result.created) == (5, 2)
    assert [(found.row, found.label, found.first_row) for found in result.duplicates] == [(4, "DR1737348", 2)]
    assert [(found.row, found.column) for found in result.rejected] == [(3, "label"), (6, "stackref")]
    told = json.loads(json.dumps(result.as_json()))
    assert (told["duplicate_count"], told["rejected_count"]) == (1, 2)
    assert told["duplicates"][0]["differs"] == ["pon_no"]


def test_rows_without_a_project_go_to_the_one_given(platform: Platform) -> None:
    assert import_rows(platform, {"stackref": None}, project="moh").projects_created == ["MOH"]
    assert stored(platform, "dr_number", "code") == [("DR1737348", "MOH")]


def test_a_project_may_be_given_by_any_of_its_names(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        make_project(work.connection, code="LAWLEY", name="Lawley Phase 1", aliases=["law"])
    for name in ("LAWLEY", "lawley phase 1", " law "):
        result = import_rows(platform, {}, project=name)
        assert (result.rejected, result.projects_created) == ([], [])
    assert import_rows(platform, {}).unchanged == 1
    assert stored(platform, "code") == [("LAWLEY",)]


def test_a_row_of_another_project_than_the_one_given_is_rejected(platform: Platform) -> None:
    result = import_rows(platform, {"stackref": "MOH"}, project="LAW")
    assert [found.reason for found in result.rejected] == ["belongs to project MOH, but the import is for LAW"]
    assert (result.projects_created, stored(platform, "code")) == ([], [])


def test_an_unknown_project_that_is_no_code_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInput, match="no project"):
        import_rows(platform, {}, project="Lawley, all of it")


def test_a_drop_is_never_moved_to_another_project(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        make_drop(work.connection, dr_number="DR1737348", project_id=make_project(work.connection, code="MOH")["id"])
    result = import_rows(platform, {}, SPARE)
    assert (result.created, result.unchanged) == (1, 0)
    assert [(found.row, found.reason) for found in result.rejected] == [
        (2, "DR1737348 is in the register of project MOH already")
    ]
    assert stored(platform, "dr_number", "code") == [("DR1737348", "MOH"), ("DR1737375", "LAW")]


def test_a_drop_that_was_not_imported_is_brought_up_to_the_register(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        project = make_project(work.connection, code="LAW")
        make_drop(work.connection, dr_number="DR1737348", project_id=project["id"], pole_number="LAW.P.Z999")
    assert import_rows(platform, {}).updated == 1
    assert stored(platform, "pole_number") == [("LAW.P.A002",)]


def test_two_imports_at_once_write_each_drop_once(platform: Platform) -> None:
    rows = [{"label": f"DR{1_800_000 + number}"} for number in range(400)]
    with ThreadPoolExecutor(2) as pool:
        forwards = pool.submit(import_rows, platform, *rows)
        backwards = pool.submit(import_rows, platform, *reversed(rows))
        results = [forwards.result(timeout=60), backwards.result(timeout=60)]
    assert sum(result.created for result in results) == 400
    assert sorted(result.projects_created for result in results) == [[], ["LAW"]]
    assert len(stored(platform, "dr_number")) == 400


# Looking up


def test_a_drop_is_looked_up_with_its_project(platform: Platform) -> None:
    import_rows(platform, {"lat": -26.381234, "lon": 27.8, "address": "12 Vilakazi Street"})
    with platform.read() as connection:
        found = drops.lookup(connection, " dr1737348 ")
    project_id = found.pop("project_id")
    assert project_id is not None
    assert found == {
        "dr_number": "DR1737348",
        "pole_number": "LAW.P.A002",
        "pon_number": 1,
        "zone_number": 1,
        "project_name": "LAW",
        "project_code": "LAW",
        "address": "12 Vilakazi Street",
        "latitude": -26.381234,
        "longitude": 27.8,
        "municipality": "City of Johannesburg",
        "cable_type": "SM/G657A2",
        "cable_length": "40m",
        "status": None,
    }


def test_a_spare_says_so_and_a_corrected_drop_is_seen_at_once(platform: Platform) -> None:
    for rows, status in (([SPARE], "spare"), ([{"label": "DR1737375"}], None)):
        import_rows(platform, *rows)
        with platform.read() as connection:
            assert drops.lookup(connection, "DR1737375")["status"] == status


def test_a_blank_or_unknown_number(platform: Platform) -> None:
    with platform.read() as connection:
        with pytest.raises(InvalidInput, match="DR number is required"):
            drops.lookup(connection, "  ")
        with pytest.raises(NotFound, match=r"^DR number not found$"):
            drops.lookup(connection, "DR9999999")


# The job


def enqueue(platform: Platform, data: bytes, **changes: Any) -> str:
    key = "imports/drops/test.xlsx"
    sha256 = Storage.from_settings(platform.settings).put(key, data)
    arguments = {"storage_key": key, "filename": "Drops.xlsx", "sha256": sha256} | changes
    with platform.begin(SYSTEM) as work:
        return str(work.enqueue(import_drops, ImportDrops(**arguments)).id)


def test_the_job_imports_and_keeps_its_result(platform: Platform) -> None:
    enqueue(platform, register_workbook({}, SPARE, {}))
    (job,) = run_jobs(platform)
    assert (job["state"], job["attempt"]) == ("completed", 1)
    assert (job["result"]["created"], job["result"]["duplicate_count"]) == (2, 1)


def test_the_register_may_be_any_sheet_of_the_workbook(platform: Platform) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"] = "Drops per zone"
    sheet = book.create_sheet("HLD_Home")
    for row in register_sheet({}):
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    enqueue(platform, target.getvalue())
    assert run_jobs(platform)[0]["result"]["created"] == 1


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (b"label,strtfeat", {}, "plain text"),
        (register_workbook({}), {"sha256": "0" * 64}, "not what was uploaded"),
        (register_workbook({}), {"project_code": "no such project"}, "no project"),
        (register_workbook({})[:-40], {}, "Download or save it again"),
    ],
)
def test_a_file_that_can_never_be_imported_fails_at_once_with_the_reason(
    platform: Platform, data: bytes, changes: dict[str, Any], message: str
) -> None:
    enqueue(platform, data, **changes)
    (job,) = run_jobs(platform)
    assert (job["state"], job["attempt"]) == ("discarded", 1)
    with platform.read() as connection:
        tries = connection.execute("select error_message from job_attempts where job_id = %s", [job["id"]]).fetchall()
    assert [message in attempt["error_message"] for attempt in tries] == [True]
    assert stored(platform, "dr_number") == []


def test_a_workbook_without_a_register_fails_at_once(platform: Platform) -> None:
    book = openpyxl.Workbook()
    target = io.BytesIO()
    book.save(target)
    enqueue(platform, target.getvalue())
    assert run_jobs(platform)[0]["state"] == "discarded"


def test_a_stored_file_that_is_away_is_tried_again(platform: Platform) -> None:
    job_id = enqueue(platform, register_workbook({}))
    Storage.from_settings(platform.settings).delete("imports/drops/test.xlsx")
    run_jobs(platform)
    assert job_row(platform, job_id)["state"] == "retryable"
