"""Every named query is lower-case, says what it is for, is used, and fits the migrated schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sql.database import QUERIES, Database, queries
from sql.migrate import MIGRATIONS
from tests.architecture.sources import library_files, shown

CONCEPTS = sorted(path.stem for path in QUERIES.glob("*.sql"))
_PARAMETER = re.compile(r"%\((\w+)\)s")
_OUTSIDE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)


def named(concept: str) -> dict[str, Any]:
    """The queries of a concept by name, without the cursor twins that aiosql adds."""
    found = queries(concept)
    names = [name for name in found.available_queries if not name.endswith("_cursor")]
    return {name: getattr(found, name) for name in names}


def numbered(statement: str) -> bytes:
    """A statement with the parameters that PostgreSQL knows: $1, $2 ... in place of %(name)s."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match.group(1) not in names:
            names.append(match.group(1))
        return f"${names.index(match.group(1)) + 1}"

    return _PARAMETER.sub(number, statement).replace("%%", "%").encode()


def makes_table(statement: str) -> bool:
    return statement.lstrip().startswith("create temp")


def copies(statement: str) -> bool:
    """COPY is the one statement that cannot be prepared."""
    return statement.lstrip().startswith("copy ")


@pytest.mark.parametrize("concept", CONCEPTS)
def test_queries_fit_the_schema(concept: str, database: Database) -> None:
    unfit = {}
    with database.transaction() as connection:
        for query in named(concept).values():
            if makes_table(query.sql):
                connection.execute(query.sql)
        for name, query in named(concept).items():
            if makes_table(query.sql) or copies(query.sql):
                continue
            try:
                with connection.transaction():
                    result = connection.pgconn.prepare(b"", numbered(query.sql))
                    if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                        raise psycopg.ProgrammingError(result.error_message.decode())
            except psycopg.Error as error:
                unfit[name] = str(error).strip()
    assert unfit == {}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_queries_say_what_they_are_for(concept: str) -> None:
    assert [name for name, query in named(concept).items() if not (query.__doc__ or "").strip()] == []


def test_queries_are_used() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in library_files())
    words = set(re.findall(r"\.(\w+)", source))
    used = {name.removesuffix("_cursor") for name in words} | words
    assert [f"{concept}.{name}" for concept in CONCEPTS for name in named(concept) if name not in used] == []


def test_concepts_are_used() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in library_files())
    asked = set(re.findall(r"""queries\(["'](\w+)["']\)""", source))
    assert asked == set(CONCEPTS)


@pytest.mark.parametrize("path", [*QUERIES.glob("*.sql"), *MIGRATIONS.glob("*.sql")], ids=shown)
def test_sql_is_lower_case(path: Path) -> None:
    statements = _OUTSIDE.sub("", path.read_text(encoding="utf-8"))
    assert re.findall(r"\b\w*[A-Z]\w*\b", statements) == []


def test_migrations_are_numbered_once_and_in_order() -> None:
    names = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    assert names, "there are no migrations"
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z0-9_]+", name)] == []
    numbers = [name[:4] for name in names]
    assert len(set(numbers)) == len(numbers)


def test_sql_is_nowhere_but_in_the_sql_room() -> None:
    """Statements live in named queries; what must be put together at run time is for `sql/` and the command line."""
    pattern = re.compile(
        r"""["'](?:select|insert into|update|delete from|with)\s+\w+[^"']*\b(?:from|values|set|as)\b"""
    )
    found = [
        shown(path)
        for path in library_files()
        if path.parts[-2] not in {"sql", "cli"} and pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
