"""Reads what a test run covered and fails when rules, services or the API fall below their floors.

A module of the domain that touches the database is a service; one that does not is rules.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from coverage import Coverage
from rich.console import Console

FLOORS = {"rules": 95.0, "services": 90.0, "API": 85.0}
TOUCHES_THE_DATABASE = re.compile(r"^\s*(?:from|import) sql\b", re.MULTILINE)


def group_of(path: Path) -> str:
    """Return the group that a file's lines count for; other packages count for themselves."""
    package = path.parts[0]
    if package == "admin_api":
        return "API"
    if package == "ticketing":
        return "services" if TOUCHES_THE_DATABASE.search(path.read_text(encoding="utf-8")) else "rules"
    return package


def totals(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, tuple[int, int]]:
    """Return the covered and all statements of each group."""
    sums: dict[str, tuple[int, int]] = {}
    for name, figures in files.items():
        covered, every = sums.get(group_of(Path(name)), (0, 0))
        summary = figures["summary"]
        sums[group_of(Path(name))] = (covered + summary["covered_lines"], every + summary["num_statements"])
    return sums


def measured() -> dict[str, dict[str, dict[str, int]]]:
    """Return the figures of the last run by file."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report))
        files: dict[str, dict[str, dict[str, int]]] = json.loads(report.read_text(encoding="utf-8"))["files"]
        return files


def below(sums: dict[str, tuple[int, int]]) -> Iterable[str]:
    """Yield the groups that lie below their floors."""
    for group, floor in FLOORS.items():
        covered, every = sums.get(group, (0, 0))
        if not every or 100 * covered / every < floor:
            yield group


def main() -> int:
    """Print each group's coverage, its floor, and return 1 if any group lies below its own."""
    console = Console(highlight=False)
    sums = totals(measured())
    for group, (covered, every) in sorted(sums.items()):
        floor = f"   floor {FLOORS[group]:.0f} %" if group in FLOORS else ""
        console.print(f"{group:<14}{100 * covered / max(every, 1):6.1f} %{floor}")
    low = list(below(sums))
    console.print(f"coverage: below the floor: {', '.join(low)}" if low else "coverage: every floor is held")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
