"""The floors of the coverage tell rules, services and the API apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import coverage_floors
from tests.architecture.sources import ROOT


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("ticketing/status.py", "rules"),
        ("ticketing/api_keys.py", "services"),
        ("admin_api/app.py", "API"),
        ("jobs/ledger.py", "jobs"),
    ],
)
def test_files_count_for_their_group(path: str, group: str) -> None:
    assert coverage_floors.group_of(Path(path)) == group


def test_groups_below_their_floor_are_named() -> None:
    assert list(coverage_floors.below({"rules": (95, 100), "services": (89, 100), "API": (85, 100)})) == ["services"]


def test_a_group_without_any_line_is_below_its_floor() -> None:
    assert list(coverage_floors.below({})) == ["rules", "services", "API"]
