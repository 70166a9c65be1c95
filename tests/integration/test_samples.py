"""The checked-in samples: what the generator makes, in the format of the real files, and imported as they promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli import samples
from integrations.workbooks import Cell, open_workbook
from jobs.kinds import import_drops
from tests.factories.drops import HEADERS
from tests.factories.weekly import upload_report
from tests.running import run_jobs
from ticketing import sample_data
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

FAULTY = {15: "Issue", 30: "FT Ref", 44: "DR Number", 61: "Date Logged", 76: "ONT RX", 91: "Priority"}


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with its queues declared."""
    platform.declare()
    return platform


def cells(path: Path) -> dict[str, list[list[Cell]]]:
    book = open_workbook(path)
    return {name: list(book.sheet(name).rows) for name in book.sheet_names}


def import_register(platform: Platform) -> dict[str, Any]:
    with platform.begin(SYSTEM) as work:
        import_drops.submit(work, platform.settings, samples.DROPS.read_bytes(), samples.DROPS.name)
    (job,) = run_jobs(platform)
    assert job["state"] == "completed"
    result: dict[str, Any] = job["result"]
    return result


def import_week(platform: Platform) -> list[dict[str, Any]]:
    report_id = upload_report(platform, samples.WEEKLY_REPORT.read_bytes()).report_id
    assert {job["state"] for job in run_jobs(platform)} == {"completed"}
    with platform.read() as connection:
        return connection.execute(
            "select * from weekly_report_rows where report_id = %s order by row_number", [report_id]
        ).fetchall()


@pytest.mark.parametrize("name", [samples.DROPS.name, samples.WEEKLY_REPORT.name])
def test_the_checked_in_samples_are_what_the_generator_makes(name: str, tmp_path: Path) -> None:
    samples.write_samples(tmp_path)
    assert cells(samples.FOLDER / name) == cells(tmp_path / name), "run `fibreflow samples` and commit what it wrote"


def test_the_register_has_the_format_of_the_real_one() -> None:
    ((name, (headers, *rows)),) = cells(samples.DROPS).items()
    assert (name, headers) == ("HLD_Home", HEADERS)
    spares = [row for row in rows if row[-1] == "Spare"]
    assert (len(rows), len({row[0] for row in rows}), len(spares)) == (200, 199, 30)
    assert all((row[HEADERS.index("endfeat")] is None) == (row[-1] == "Spare") for row in rows)


def test_the_register_is_imported_once(platform: Platform) -> None:
    result = import_register(platform)
    assert (result["rows"], result["created"], result["spares"], result["rejected"]) == (200, 199, 30, [])
    (twin,) = result["duplicates"]
    assert twin == {
        "row": 152,
        "label": "DR1900061",
        "first_row": 62,
        "differs": ["dim2", "pon_no", "strtfeat", "zone_no"],
    }
    assert import_register(platform)["unchanged"] == 199


def test_the_week_becomes_87_tickets_and_6_rows_with_reasons(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        sample_data.add(work)
    import_register(platform)
    rows = import_week(platform)
    rejected = {row["row_number"]: row["errors"] for row in rows if row["outcome"] == "rejected"}
    assert len(rows) == 93
    assert {number: errors[0]["column"] for number, errors in rejected.items()} == FAULTY
    assert [row["row_number"] for row in rows if row["outcome"] not in ("created", "rejected")] == []
    again = import_week(platform)
    assert {row["outcome"] for row in again} == {"unchanged", "rejected"}
