"""Migrations: the numbered files of `sql/migrations`, applied in order, each in one transaction of its own.

Written here rather than taken from a library because of three needs at once: the lock that keeps two runs apart must
vanish with a killed process (a lock row would not), must not outlive its transaction (a transaction-mode pooler hands
the session on), and each file must run whole, function bodies included, under lock and statement timeouts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from runtime.errors import FibreflowError

MIGRATIONS = Path(__file__).parent / "migrations"
COMMAND = "fibreflow migrate"
MINIMUM_POSTGRESQL = 18

# Any constant will do, as long as nothing else takes the same one.
MIGRATION_LOCK = 7_301_100_918
WAIT_FOR_OTHER_RUN = "120s"
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"
# A statement of a process that was killed would run on, and hold its locks, until it ends by itself.
CLIENT_CHECK_INTERVAL = "1s"

AnyConnection = psycopg.Connection[Any]


class SchemaMismatch(FibreflowError):
    """The database's schema is not the one that this code was written for."""

    code = "SCHEMA_MISMATCH"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without the suffix, its text, and the SHA-256 of the text in hex."""

    name: str
    sql: str
    checksum: str


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read the migrations in the order of their numbers."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        sql = path.read_text(encoding="utf-8")
        found.append(Migration(path.stem, sql, hashlib.sha256(sql.encode()).hexdigest()))
    return found


def migrate(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply every migration that the database lacks, and return their names.

    Two runs at once are safe: the second waits and finds nothing left to do. What was applied before a failure stays,
    the file that failed leaves nothing behind.

    Raises SchemaMismatch for a PostgreSQL that is too old, a schema newer than this code, or an applied file that was
    edited afterwards; psycopg.Error when a migration itself fails.
    """
    migrations = load(folder)
    applied: list[str] = []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        _require_supported_server(connection)
        while (name := _apply_next(connection, migrations)) is not None:
            applied.append(name)
    return applied


def pending(connection: AnyConnection, folder: Path = MIGRATIONS) -> list[str]:
    """Return the names of the migrations that the database lacks, in order."""
    done = _applied(connection)
    return [migration.name for migration in load(folder) if migration.name not in done]


def check(connection: AnyConnection, folder: Path = MIGRATIONS) -> None:
    """Make sure that the database has exactly the schema of this code.

    Raises SchemaMismatch, naming the command that mends it, when the schema is older, newer or different.
    """
    _require_supported_server(connection)
    migrations = load(folder)
    done = _applied(connection)
    _require_known(done, migrations)
    missing = [migration.name for migration in migrations if migration.name not in done]
    if missing:
        raise SchemaMismatch(
            f"The database schema is older than this code ({len(missing)} migrations behind, first {missing[0]}). "
            f"Run `{COMMAND}`.",
            details={"missing": missing, "command": COMMAND},
        )


def _apply_next(connection: AnyConnection, migrations: list[Migration]) -> str | None:
    with connection.transaction():
        _take_turn(connection)
        done = _applied(connection)
        _require_known(done, migrations)
        migration = next((one for one in migrations if one.name not in done), None)
        if migration is None:
            return None
        # The file is our own text, and is sent without parameters so that it may hold many statements.
        connection.execute(migration.sql)
        connection.execute(
            "insert into schema_migrations (name, checksum) values (%s, %s)", (migration.name, migration.checksum)
        )
        return migration.name


def _take_turn(connection: AnyConnection) -> None:
    """Wait for another run to end, then set the timeouts; all of it ends with the transaction."""
    connection.execute("select set_config('lock_timeout', %s, true)", (WAIT_FOR_OTHER_RUN,))
    connection.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    connection.execute(
        "select set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true),"
        " set_config('client_min_messages', 'warning', true), set_config('client_connection_check_interval', %s, true)",
        (LOCK_TIMEOUT, STATEMENT_TIMEOUT, CLIENT_CHECK_INTERVAL),
    )
    connection.execute(
        "create table if not exists schema_migrations ("
        " name text not null, checksum text not null, applied_at timestamptz not null default now(),"
        " constraint schema_migrations_pkey primary key (name))"
    )


def _applied(connection: AnyConnection) -> dict[str, str]:
    """Return the checksums of the applied migrations by name."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        exists = cursor.execute("select to_regclass('schema_migrations') is not null").fetchone()
        if exists is None or not exists[0]:
            return {}
        return dict(cursor.execute("select name, checksum from schema_migrations").fetchall())


def _require_known(done: dict[str, str], migrations: list[Migration]) -> None:
    known = {migration.name: migration.checksum for migration in migrations}
    unknown = sorted(done.keys() - known.keys())
    if unknown:
        raise SchemaMismatch(
            f"The database schema is newer than this code (it has {unknown[-1]}, unknown here). "
            f"Install the release that the database was migrated with; only then does `{COMMAND}` help.",
            details={"unknown": unknown, "command": COMMAND},
        )
    edited = sorted(name for name, checksum in done.items() if known[name] != checksum)
    if edited:
        raise SchemaMismatch(
            f"Migration {edited[0]} was edited after it had been applied. Restore the file, put the change into a new "
            f"migration, and run `{COMMAND}`.",
            details={"edited": edited, "command": COMMAND},
        )


def _require_supported_server(connection: AnyConnection) -> None:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("select current_setting('server_version_num')::int / 10000").fetchone()
    major = row[0] if row else 0
    if major < MINIMUM_POSTGRESQL:
        raise SchemaMismatch(
            f"PostgreSQL {major} is too old: this system needs {MINIMUM_POSTGRESQL} or newer (version 7 UUIDs). "
            f"Point FIBREFLOW_DATABASE_URL at a newer server and run `{COMMAND}`.",
            details={"found": major, "needed": MINIMUM_POSTGRESQL, "command": COMMAND},
        )
