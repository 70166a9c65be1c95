"""The checks of `fibreflow doctor`: each looks at one thing and says what it found and what to do about it."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.embedded import EmbeddedServers
from cli.findings import Finding, first_line
from cli.reach import check_integrations
from integrations.storage import Storage
from runtime.errors import FibreflowError
from runtime.identifiers import uuid7
from runtime.settings import Settings, load_settings
from sql.migrate import MINIMUM_POSTGRESQL, check

LARGEST_SKEW = 2.0
ANSWER_WITHIN = 5.0


def examine() -> list[Finding]:
    """Run every check and return the findings in order.

    Nothing is changed, except a probe file that is removed, and that a sign-in to QContact is kept for all processes.
    """
    try:
        settings = load_settings()
    except FibreflowError as error:
        return [Finding("settings", "fail", error.message, "correct or unset the names above")]
    findings = [*check_settings(settings)]
    with _servers(settings, findings) as reached:
        if reached is not None:
            findings += [look(reached) for look in (_check_postgres, _check_schema, _check_clock, _check_redis)]
        findings.append(_check_storage(settings))
        findings.extend(check_integrations(reached or settings))
    return findings


@contextmanager
def _servers(settings: Settings, findings: list[Finding]) -> Iterator[Settings | None]:
    servers = EmbeddedServers(settings)
    try:
        running = servers.start()
    except FibreflowError as error:
        findings.append(Finding("embedded servers", "fail", error.message, f"see the logs in {settings.data_dir}"))
        yield None
        return
    try:
        yield running
    finally:
        servers.stop()


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Look at what the settings say together."""
    yield Finding("Python", "ok", machine.python_version())
    yield Finding("settings", "ok", f"{len(settings.model_fields_set)} set, environment {settings.environment}")
    if settings.environment == "production":
        if settings.database_url is None or settings.redis_url is None:
            yield Finding(
                "servers", "warn", "embedded in production", "set FIBREFLOW_DATABASE_URL and FIBREFLOW_REDIS_URL"
            )
        if settings.secret_key is None:
            yield Finding("secret key", "warn", "not set", "set FIBREFLOW_SECRET_KEY to a long random text")
    if settings.clerk_issuer and not settings.clerk_authorized_parties:
        yield Finding(
            "Clerk", "warn", "any front end may sign in", "set FIBREFLOW_CLERK_AUTHORIZED_PARTIES to its origins"
        )


def _on_postgres(what: str, look: Callable[[psycopg.Connection[Any]], Finding]) -> Callable[[Settings], Finding]:
    def checked(settings: Settings) -> Finding:
        url = settings.database_url.get_secret_value() if settings.database_url else ""
        try:
            with psycopg.connect(url, connect_timeout=int(ANSWER_WITHIN), prepare_threshold=None) as connection:
                return look(connection)
        except psycopg.Error as error:
            return Finding(what, "fail", first_line(error), "check FIBREFLOW_DATABASE_URL, and that the server runs")

    return checked


def _look_at_postgres(connection: psycopg.Connection[Any]) -> Finding:
    row = connection.execute("select current_setting('server_version'), current_database(), current_user").fetchone()
    version, database, user = row or ("?", "?", "?")
    return judge_version(f"{version}, database {database}, user {user}", connection.info.server_version)


def judge_version(found: str, number: int) -> Finding:
    """Judge a server by its version number, as PostgreSQL counts: 180001 is 18.1."""
    if number // 10000 < MINIMUM_POSTGRESQL:
        return Finding("PostgreSQL", "fail", found, f"PostgreSQL {MINIMUM_POSTGRESQL} or newer is needed")
    return Finding("PostgreSQL", "ok", found)


def _look_at_schema(connection: psycopg.Connection[Any]) -> Finding:
    try:
        check(connection)
    except FibreflowError as error:
        return Finding("schema", "fail", error.message, "fibreflow migrate")
    return Finding("schema", "ok", "the one that this program was written for")


def _look_at_clock(connection: psycopg.Connection[Any]) -> Finding:
    before = datetime.now(UTC)
    row = connection.execute("select clock_timestamp()").fetchone()
    wait = (datetime.now(UTC) - before).total_seconds()
    here = before + timedelta(seconds=wait / 2)
    return judge_clock(row[0] if row else here, here, wait)


def judge_clock(theirs: datetime, ours: datetime, wait: float) -> Finding:
    """Judge how far the database's clock is from ours, read at the middle of a question that took `wait` seconds."""
    skew = (theirs - ours).total_seconds()
    found = f"the database is {abs(skew):.3f} s {'ahead' if skew >= 0 else 'behind'}"
    if abs(skew) > LARGEST_SKEW + wait / 2:
        return Finding("clock", "fail", found, "synchronise both clocks (NTP): leases and deadlines lean on them")
    return Finding("clock", "ok", found)


_check_postgres = _on_postgres("PostgreSQL", _look_at_postgres)
_check_schema = _on_postgres("schema", _look_at_schema)
_check_clock = _on_postgres("clock", _look_at_clock)


def _check_redis(settings: Settings) -> Finding:
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    try:
        with redis.Redis.from_url(
            url,
            socket_connect_timeout=ANSWER_WITHIN,
            socket_timeout=ANSWER_WITHIN,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        ) as client:
            info: dict[str, Any] = client.info()
    except redis.RedisError as error:
        return Finding("Redis", "fail", first_line(error), "check FIBREFLOW_REDIS_URL, and that the server runs")
    return judge_redis(info)


def judge_redis(info: Mapping[str, Any]) -> Finding:
    """Judge a server by what its INFO says."""
    found = f"{info.get('redis_version', '?')}, {info.get('used_memory_human', '?')} used"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: news that it evicts must be told again"
        return Finding("Redis", "warn", f"{found}, evicts ({policy})", advice)
    if not info.get("aof_enabled"):
        return Finding("Redis", "ok", f"{found}, no append-only file (nothing is lost without it: PostgreSQL knows)")
    return Finding("Redis", "ok", found)


def _check_storage(settings: Settings) -> Finding:
    key, content = f"doctor/{uuid7()}", b"fibreflow doctor"
    try:
        storage = Storage.from_settings(settings)
        storage.put(key, content)
        same = storage.get(key) == content
        storage.delete(key)
    except FibreflowError as error:
        cause = f" ({first_line(error.__cause__)})" if error.__cause__ else ""
        return Finding("storage", "fail", error.message + cause, "check FIBREFLOW_STORAGE_URL and its credentials")
    if not same:
        return Finding("storage", "fail", "another content came back than was stored", "check FIBREFLOW_STORAGE_URL")
    return Finding("storage", "ok", f"wrote, read and removed a file in {settings.storage_location}")
