"""Migrations: whole or not at all, once, by whoever comes first, and never on a schema that is not ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from sql import migrate as module
from sql.migrate import COMMAND, SchemaMismatch, check, load, migrate, pending

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a folder of migrations from their texts: 0001, 0002 ..."""

    def make(*texts: str) -> Path:
        for number, text in enumerate(texts, start=1):
            (tmp_path / f"{number:04d}_step.sql").write_text(text)
        return tmp_path

    return make


def tables(url: str) -> set[str]:
    """Return the names of the tables in the database."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'public'")}


def test_names_are_numbered_without_doubles_and_say_what_they_do() -> None:
    names = [migration.name for migration in load()]
    assert all(re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", name) for name in names)
    assert len({name[:4] for name in names}) == len(names)
    assert len(names) == len(list(module.MIGRATIONS.iterdir())), "a file that is not a numbered .sql file lies there"


def test_an_empty_database_gets_everything_once(empty_database_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert migrate(empty_database_url) == [migration.name for migration in load()]
    assert migrate(empty_database_url) == []
    assert "tickets" in tables(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        check(connection)
        assert pending(connection) == []
    assert capfd.readouterr() == ("", "")


def test_a_database_without_the_schema_is_refused_and_the_command_named(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        assert pending(connection) == [migration.name for migration in load()]
        with pytest.raises(SchemaMismatch, match=f"older than this code.*`{COMMAND}`"):
            check(connection)


def test_a_schema_that_lacks_a_migration_is_refused(empty_database_url: str, folder: Folder) -> None:
    migrate(empty_database_url, folder("create table one (id int)"))
    newer = folder("create table one (id int)", "create table two (id int)")
    with psycopg.connect(empty_database_url) as connection:
        assert pending(connection, newer) == ["0002_step"]
        with pytest.raises(SchemaMismatch, match="first 0002_step") as caught:
            check(connection, newer)
    assert caught.value.details == {"missing": ["0002_step"], "command": COMMAND}
    assert migrate(empty_database_url, newer) == ["0002_step"]


def test_a_schema_newer_than_the_code_is_refused_by_both(empty_database_url: str, folder: Folder) -> None:
    both = folder("create table one (id int)", "create table two (id int)")
    migrate(empty_database_url, both)
    (both / "0002_step.sql").unlink()
    with (
        psycopg.connect(empty_database_url) as connection,
        pytest.raises(SchemaMismatch, match=f"newer than this code.*0002_step.*`{COMMAND}`"),
    ):
        check(connection, both)
    with pytest.raises(SchemaMismatch, match="newer than this code"):
        migrate(empty_database_url, both)


def test_a_file_that_was_edited_after_it_ran_is_refused(empty_database_url: str, folder: Folder) -> None:
    migrate(empty_database_url, folder("create table one (id int)"))
    edited = folder("create table one (id bigint)")
    with (
        psycopg.connect(empty_database_url) as connection,
        pytest.raises(SchemaMismatch, match=f"0001_step was edited.*`{COMMAND}`"),
    ):
        check(connection, edited)


def test_a_failing_file_leaves_nothing_and_those_before_it_stay(empty_database_url: str, folder: Folder) -> None:
    broken = folder("create table one (id int)", "create table two (id int); create tabel three ()")
    with pytest.raises(errors.SyntaxError):
        migrate(empty_database_url, broken)
    assert tables(empty_database_url) == {"schema_migrations", "one"}
    assert migrate(empty_database_url, folder("create table one (id int)", "create table two (id int)")) == [
        "0002_step"
    ]


def test_runs_at_once_apply_each_file_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(migrate, [empty_database_url] * 4))
    assert sorted(name for run in runs for name in run) == [migration.name for migration in load()]


def test_a_killed_run_leaves_no_lock_behind(empty_database_url: str, folder: Folder) -> None:
    slow = folder("create table one (id int)", "select pg_sleep(300)")
    code = (
        "import sys; from pathlib import Path; from sql.migrate import migrate; migrate(sys.argv[1], Path(sys.argv[2]))"
    )
    run = subprocess.Popen([sys.executable, "-c", code, empty_database_url, str(slow)])
    try:
        wait_for_statement(empty_database_url, "select pg_sleep(300)")
    finally:
        run.kill()
        run.wait()
    mended = folder("create table one (id int)", "create table two (id int)")
    assert migrate(empty_database_url, mended) == ["0002_step"]


def wait_for_statement(url: str, text: str) -> None:
    """Return once some session of the database runs the statement."""
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            running = connection.execute(
                "select 1 from pg_stat_activity where datname = current_database() and query = %s", [text]
            )
            if running.fetchone():
                return
            connection.execute("select pg_sleep(0.02)")
    raise AssertionError(f"{text!r} did not start within 30 s")


def test_a_busy_table_makes_the_migration_give_up(
    empty_database_url: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "100ms")
    migrate(empty_database_url, folder("create table one (id int)"))
    with psycopg.connect(empty_database_url) as busy:
        busy.execute("select count(*) from one")
        with pytest.raises(errors.LockNotAvailable):
            migrate(empty_database_url, folder("create table one (id int)", "alter table one add column name text"))


def test_a_slow_statement_is_stopped(empty_database_url: str, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STATEMENT_TIMEOUT", "100ms")
    with pytest.raises(errors.QueryCanceled):
        migrate(empty_database_url, folder("select pg_sleep(60)"))


def test_an_old_server_is_refused_with_what_is_needed(
    empty_database_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MINIMUM_POSTGRESQL", 99)
    with pytest.raises(SchemaMismatch, match=r"PostgreSQL \d+ is too old: this system needs 99 or newer") as caught:
        migrate(empty_database_url)
    assert tables(empty_database_url) == set()
    assert COMMAND in caught.value.message
    with psycopg.connect(database_url) as connection, pytest.raises(SchemaMismatch, match="too old"):
        check(connection)


@pytest.mark.parametrize(
    ("until", "wanted"),
    [
        ("10000-01-01 00:00:00+00", datetime(2999, 12, 31, tzinfo=UTC)),
        ("infinity", datetime(2999, 12, 31, tzinfo=UTC)),
        ("2099-01-01 06:00:00+00", datetime(2099, 1, 1, 6, tzinfo=UTC)),
        (None, None),
    ],
)
def test_pauses_that_nobody_could_read_are_brought_within_the_calendar(
    empty_database_url: str, tmp_path: Path, until: str | None, wanted: datetime | None
) -> None:
    for file in module.MIGRATIONS.iterdir():
        if file.name < "0057":
            shutil.copy(file, tmp_path)
    migrate(empty_database_url, tmp_path)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(
            "insert into schedules (name, kind, cron, missed, next_fire_at, paused_until, pause_reason)"
            " values ('nightly', 'nightly', '0 2 * * *', 'skip', now(), %s, %s)",
            [until, until and "for ever"],
        )
    assert migrate(empty_database_url)[0] == "0057_pauses_end"
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select paused_until from schedules").fetchall() == [(wanted,)]
