"""The system behind PgBouncer in transaction mode: nothing leans on a session, for the next transaction has another.

The pool is smaller than the number of those who use it, so sessions change hands all the time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from admin_api.app import create_app
from cli.ports import free_port
from cli.system import environment_of
from jobs.kinds import import_drops, import_weekly_report
from jobs.platform import Platform
from runtime.settings import Settings, load_settings
from sql.migrate import check, migrate
from tests.factories.drops import register_workbook
from tests.factories.weekly import weekly_row, weekly_workbook
from tests.running import job_row, run_jobs
from tests.servers import TestServers
from ticketing import api_keys, sample_data
from ticketing.people import SYSTEM

pytestmark = pytest.mark.acceptance

NOBODY = 65534
POOL = 3
CONFIGURATION = """\
[databases]
fibreflow = host=127.0.0.1 port={port} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
query_wait_timeout = 120
"""
LEFT_BEHIND = """
select
    (select count(*) from pg_prepared_statements) as prepared,
    (select count(*) from pg_listening_channels()) as channels,
    (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
    (select count(*) from pg_settings where source = 'session' and name <> 'application_name') as settings,
    (select count(*) from pg_class where relpersistence = 't' and pg_table_is_visible(oid)) as temporary_tables
"""


def program() -> str:
    """Debian's pgbouncer, which is not on everyone's path."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail("pgbouncer is not installed")
    if found is None:
        pytest.skip("pgbouncer is not installed (Debian, Ubuntu: apt-get install pgbouncer)")
    return found


@pytest.fixture
def pooled_url(test_servers: TestServers) -> Iterator[str]:
    """The address of an empty database behind a PgBouncer of its own."""
    command = program()
    database = test_servers.create()
    server = urlsplit(test_servers.tcp_url(database))
    listen = free_port()
    # PgBouncer refuses to run as root, and the tests' folder is closed to others.
    with tempfile.TemporaryDirectory(prefix="fibreflow-pooler-") as folder:
        configuration = Path(folder) / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                port=server.port,
                database=database,
                user=server.username,
                password=server.password,
                listen=listen,
                pool=POOL,
            ),
            encoding="utf-8",
        )
        account = NOBODY if os.geteuid() == 0 else None
        for path in (Path(folder), configuration):
            os.chown(path, account or -1, account or -1)
        with (Path(folder) / "log").open("wb") as log:
            pooler = subprocess.Popen(
                [command, "-q", configuration], user=account, group=account, stdout=log, stderr=log
            )
        try:
            url = f"postgresql://fibreflow@127.0.0.1:{listen}/fibreflow"
            wait_for(url, pooler, Path(folder) / "log")
            yield url
        finally:
            pooler.kill()
            pooler.wait()
            test_servers.drop(database)


def wait_for(url: str, pooler: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg.connect(url, connect_timeout=20).close()
        except psycopg.OperationalError:
            assert pooler.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def settings(pooled_url: str, redis_url: str, test_servers: TestServers, tmp_path: Path) -> Settings:
    """Settings of a system that reaches its database only through the pooler; the schema comes through it, too."""
    assert migrate(pooled_url)[0].startswith("0001_")
    return load_settings(
        {},
        environment="test",
        database_url=pooled_url,
        database_prepared_statements=False,
        redis_url=redis_url,
        redis_namespace=test_servers.namespace,
        data_dir=tmp_path,
        worker_processes=1,
        worker_threads=4,
        log_level="warning",
    )


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform through the pooler, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


def left_behind(url: str) -> list[tuple[int, ...]]:
    """What the pool's sessions hold while no one uses them: all of them are looked at, at once."""
    with ExitStack() as stack:
        connections = [stack.enter_context(psycopg.connect(url, prepare_threshold=None)) for _ in range(POOL)]
        return [row for one in connections if (row := one.execute(LEFT_BEHIND).fetchone())]


def test_migrations_go_through_once(pooled_url: str) -> None:
    with ThreadPoolExecutor(2) as both:
        applied = sorted(map(len, both.map(migrate, [pooled_url, pooled_url])))
    assert applied[-1] > 0
    assert migrate(pooled_url) == []
    with psycopg.connect(pooled_url, prepare_threshold=None) as connection:
        check(connection)


def test_units_of_work_jobs_and_requests_share_the_pool(platform: Platform, pooled_url: str) -> None:
    def work(number: int) -> str:
        with platform.begin(SYSTEM) as unit:
            sample_data.add(unit)
            _, plain = api_keys.create(unit, f"key {number}", ("admin",))
        return plain

    with ThreadPoolExecutor(8) as many:
        keys = list(many.map(work, range(40)))
    with platform.begin(SYSTEM) as unit:
        imported = import_drops.submit(unit, platform.settings, register_workbook(), "drops.xlsx")
        upload = import_weekly_report.Upload(data=weekly_workbook(weekly_row()), filename="week.xlsx")
        weekly = import_weekly_report.submit(unit, platform.settings, upload, preview=False)
    run_jobs(platform)
    assert [job_row(platform, job)["state"] for job in (imported.id, weekly.job.id)] == ["completed"] * 2

    app = create_app(platform=platform)
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda key: client_get(app.test_client(), key), keys))
    assert answers == [200] * 40
    assert left_behind(pooled_url) == [(0, 0, 0, 0, 0)] * POOL


def client_get(client: object, key: str) -> int:
    answer = client.get("/api/ticketing/tickets", headers={"X-API-Key": key})  # type: ignore[attr-defined]
    status: int = answer.status_code
    return status


def are_up(platform: Platform) -> bool:
    """Whether a worker and a scheduler are there: what has only just been started cannot leave in order."""
    with platform.read() as connection:
        rows = connection.execute("select distinct role from workers where heartbeat_at > started_at").fetchall()
    return {row["role"] for row in rows} == {"worker", "scheduler"}


def test_real_processes_work_through_the_pooler(platform: Platform, pooled_url: str, tmp_path: Path) -> None:
    environment = environment_of(platform.settings)
    with (tmp_path / "log").open("w+b") as log:
        processes = [
            subprocess.Popen([sys.executable, "-m", name], env=environment, stdout=log, stderr=log)
            for name in ("workers", "scheduler")
        ]
        try:
            with platform.begin(SYSTEM) as unit:
                job = import_drops.submit(unit, platform.settings, register_workbook(), "drops.xlsx")
            deadline = time.monotonic() + 120
            while job_row(platform, job.id)["state"] != "completed" or not are_up(platform):
                assert time.monotonic() < deadline, (tmp_path / "log").read_text(encoding="utf-8")[-3000:]
                time.sleep(0.1)
        finally:
            for process in processes:
                process.terminate()
            codes = [process.wait(120) for process in processes]
    assert codes == [0, 0], (tmp_path / "log").read_text(encoding="utf-8")
    assert left_behind(pooled_url) == [(0, 0, 0, 0, 0)] * POOL
