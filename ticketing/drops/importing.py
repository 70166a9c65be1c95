"""Bringing a drop register to the database: staged with COPY, compared by hash, written with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.drops.register import PROJECT_CODE, Duplicate, Register, RegisterRow, Rejection
from ticketing.errors import InvalidInput
from ticketing.events import UnitOfWork

# A result is kept with its job and shown whole: beyond this many findings the counts tell the rest.
FINDINGS_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. `rows` is how many the register has; the other counts and findings add up to it."""

    rows: int
    created: int
    updated: int
    unchanged: int
    spares: int
    projects_created: list[str] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the result JSON-ready, with the first findings of each list and the count of all."""
        return {
            **{name: getattr(self, name) for name in ("rows", "created", "updated", "unchanged", "spares")},
            "projects_created": self.projects_created,
            "duplicate_count": len(self.duplicates),
            "duplicates": [asdict(finding) for finding in self.duplicates[:FINDINGS_SHOWN]],
            "rejected_count": len({finding.row for finding in self.rejected}),
            "rejected": [asdict(finding) for finding in self.rejected[:FINDINGS_SHOWN]],
        }


@dataclass(frozen=True, slots=True)
class _Project:
    """A project that rows may name: `id` is None while it does not exist, `names` are its spellings in lower case."""

    id: UUID | None
    code: str
    names: frozenset[str]


def import_register(work: UnitOfWork, register: Register, *, project: str | None = None) -> ImportResult:
    """Write the register's drops, creating the projects that its rows name by code.

    With `project` (code, name or alias) all rows go to that project, and a row that names another one is rejected;
    without it each row goes to the project in its `stackref`. A drop that the database has under another project is
    rejected, never moved. Rows that say what the database already says are not written at all. Raises InvalidInput
    for a project that is unknown and could not be created.
    """
    code = _checked(project)
    projects = _find_projects(work.connection, {row.project_code for row in register.rows}, code)
    placed, rejected = _place(register.rows, projects, code)
    created_projects = _create_projects(work, projects, placed)
    _stage(work.connection, placed, projects)
    rejected += _rejected_elsewhere(work.connection)
    counts = queries("drops").write_staged_drops(work.connection, now=work.now)
    written = counts["created"] + counts["updated"]
    rejected_rows = {finding.row for finding in rejected}
    return ImportResult(
        rows=register.total,
        created=counts["created"],
        updated=counts["updated"],
        unchanged=len(register.rows) - written - len(rejected_rows),
        spares=sum(row.is_spare and row.row not in rejected_rows for row in register.rows),
        projects_created=created_projects,
        duplicates=register.duplicates,
        rejected=sorted([*register.rejected, *rejected], key=lambda finding: finding.row),
    )


def _checked(project: str | None) -> str | None:
    return project.strip().upper() or None if project else None


def _find_projects(connection: Connection, codes: Iterable[str | None], given: str | None) -> dict[str, _Project]:
    """Return a project for every code, by code; those that do not exist yet without an id."""
    wanted = sorted({code for code in (*codes, given) if code})
    known = {
        row["wanted"]: _Project(row["id"], row["code"], frozenset(row["names"]))
        for row in queries("drops").find_projects(connection, names=wanted)
    }
    unknown_given = given is not None and given not in known
    if unknown_given and not PROJECT_CODE.fullmatch(given or ""):
        raise InvalidInput(f"There is no project {given!r}", details={"project": "unknown, and not a project code"})
    return {code: known.get(code) or _Project(None, code, frozenset({code.lower()})) for code in wanted}


def _place(
    rows: Sequence[RegisterRow], projects: dict[str, _Project], given: str | None
) -> tuple[list[tuple[RegisterRow, str]], list[Rejection]]:
    """Pair each row with the key of its project; reject the rows that have none or, with one given, name another."""
    placed: list[tuple[RegisterRow, str]] = []
    rejected: list[Rejection] = []
    for row in rows:
        key = given or row.project_code
        if key is None:
            rejected.append(Rejection(row.row, "stackref", "names no project: fill it in, or name one for the import"))
        elif row.project_code and row.project_code.lower() not in projects[key].names:
            reason = f"belongs to project {row.project_code}, but the import is for {projects[key].code}"
            rejected.append(Rejection(row.row, "stackref", reason))
        else:
            placed.append((row, key))
    return placed, rejected


def _create_projects(
    work: UnitOfWork, projects: dict[str, _Project], placed: Iterable[tuple[RegisterRow, str]]
) -> list[str]:
    """Create the projects that are missing and have drops; another import may have done so meanwhile."""
    missing = sorted({key for _, key in placed if projects[key].id is None})
    if not missing:
        return []
    created = {row["code"] for row in queries("drops").create_projects(work.connection, codes=missing, now=work.now)}
    for row in queries("drops").find_projects(work.connection, names=missing):
        projects[row["wanted"]] = _Project(row["id"], row["code"], frozenset(row["names"]))
    return sorted(created)


def _stage(connection: Connection, placed: Iterable[tuple[RegisterRow, str]], projects: dict[str, _Project]) -> None:
    statements = queries("drops")
    statements.create_drops_staging(connection)
    with connection.cursor() as cursor, cursor.copy(statements.copy_drops_staging.sql) as copy:
        for row, key in placed:
            copy.write_row(_staged(row, projects[key].id))


def _staged(row: RegisterRow, project_id: UUID | None) -> tuple[object, ...]:
    return (
        row.row,
        row.dr_number,
        project_id,
        row.pole_number,
        row.pon_number,
        row.zone_number,
        row.ont_label,
        row.address,
        row.latitude,
        row.longitude,
        row.municipality,
        row.cable_type,
        row.cable_length,
        row.status,
        row.is_spare,
        row.source,
        row.hash,
    )


def _rejected_elsewhere(connection: Connection) -> list[Rejection]:
    return [
        Rejection(
            row["row_number"], "stackref", f"{row['dr_number']} is in the register of project {row['code']} already"
        )
        for row in queries("drops").find_staged_drops_elsewhere(connection)
    ]
