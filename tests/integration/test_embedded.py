"""The embedded servers: kept data, shared use, stale pid files, long paths, other accounts, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from pydantic import SecretStr

from cli.embedded import EmbeddedServers
from cli.embedded_redis import server_program
from cli.server_process import EmbeddedServerError, open_path_to
from runtime.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from cli.embedded import EmbeddedServers
from runtime.settings import load_settings
with EmbeddedServers(load_settings(), durable=False) as servers:
    print(servers.settings.database_url.get_secret_value(), flush=True)
    sys.stdin.read()
"""

# The first round, as root, loads every module: an interpreter in root's home cannot be read afterwards.
AS_A_NORMAL_USER = """
import os, sys
from pathlib import Path
from cli.embedded import EmbeddedServers
from runtime.settings import load_settings
home, account = Path(sys.argv[1]), int(sys.argv[2])
for name in ("first", "data"):
    with EmbeddedServers(load_settings({}, data_dir=home / name), durable=False):
        pass
    if name == "first":
        os.chdir(home)
        os.setgroups([])
        os.setgid(account)
        os.setuid(account)
"""
NOBODY = 65534


@pytest.fixture
def folder(own_folder: Path) -> Path:
    """A data folder whose servers are stopped at the end whatever the test did to them."""
    return own_folder / "data"


def settings_for(folder: Path, **more: object) -> Settings:
    return load_settings({}, environment="test", data_dir=folder, **more)


def servers_for(folder: Path) -> EmbeddedServers:
    return EmbeddedServers(settings_for(folder), durable=False)


def ask(settings: Settings, question: str) -> object:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def keep_seven(settings: Settings) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("create table kept as select 7 as n")


def count_up(settings: Settings) -> object:
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        return client.incr("runs")


def living(folder: Path) -> list[psutil.Process]:
    """Every process that works in the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, FileNotFoundError):
            continue
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def hold_in_another_process(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "FIBREFLOW_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", HOLD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_starts_postgres_18_and_redis_and_leaves_no_process(folder: Path) -> None:
    with servers_for(folder) as servers:
        assert str(ask(servers.settings, "show server_version")).startswith("18.")
        assert ask(servers.settings, "show timezone") == "UTC"
        assert count_up(servers.settings) == 1
        assert len(living(folder)) > 2
    assert living(folder) == []


def test_is_durable_unless_told_otherwise(folder: Path) -> None:
    with EmbeddedServers(settings_for(folder)) as servers:
        assert ask(servers.settings, "show fsync") == "on"
        with redis.Redis.from_url(servers.redis.url()) as client:
            assert client.config_get("appendonly")["appendonly"] == "yes"
            assert client.config_get("appendfsync")["appendfsync"] == "everysec"


def test_keeps_its_data_between_runs(folder: Path) -> None:
    with servers_for(folder) as servers:
        keep_seven(servers.settings)
        count_up(servers.settings)
    with servers_for(folder) as servers:
        assert ask(servers.settings, "select n from kept") == 7
        assert count_up(servers.settings) == 2


def test_starts_nothing_when_both_urls_are_set(folder: Path) -> None:
    settings = settings_for(folder, database_url="postgresql://db/x", redis_url="redis://cache")
    with EmbeddedServers(settings) as servers:
        assert servers.settings.database_url == SecretStr("postgresql://db/x")
        with pytest.raises(EmbeddedServerError, match="FIBREFLOW_DATABASE_URL is set"):
            _ = servers.postgres
    assert not folder.exists()


def test_starts_only_what_has_no_url(folder: Path) -> None:
    with EmbeddedServers(settings_for(folder, database_url="postgresql://db/x"), durable=False) as servers:
        assert count_up(servers.settings) == 1
        assert not (folder / "postgres").exists()


def test_whoever_leaves_last_stops_the_servers(folder: Path) -> None:
    first, second = servers_for(folder), servers_for(folder)
    first.start()
    joined = second.start()
    assert first.stop() is False
    assert ask(joined, "select 1") == 1
    assert second.stop() is True
    assert living(folder) == []


def test_starts_at_once_do_not_fight(folder: Path) -> None:
    holders = [hold_in_another_process(folder) for _ in range(3)]
    addresses = {holder.stdout.readline() for holder in holders if holder.stdout}
    assert len(addresses) == 1
    assert addresses != {""}
    for holder in holders:
        holder.communicate(timeout=60)
        assert holder.returncode == 0
    assert living(folder) == []


def test_servers_of_a_killed_process_are_taken_over(folder: Path) -> None:
    holder = hold_in_another_process(folder)
    assert holder.stdout is not None
    assert holder.stdout.readline()
    postmaster = servers_pid(folder / "postgres" / "postmaster.pid")
    holder.kill()
    holder.communicate(timeout=30)
    with servers_for(folder) as servers:
        assert servers_pid(folder / "postgres" / "postmaster.pid") == postmaster
        assert ask(servers.settings, "select 1") == 1
    assert living(folder) == []


def servers_pid(pid_file: Path) -> int:
    return int(pid_file.read_text(encoding="utf-8").split()[0])


def test_starts_again_after_the_servers_were_killed(folder: Path) -> None:
    with servers_for(folder) as killed:
        keep_seven(killed.settings)
        count_up(killed.settings)
        for pid_file in ("postgres/postmaster.pid", "redis/redis.pid"):
            os.kill(servers_pid(folder / pid_file), signal.SIGKILL)
        with servers_for(folder) as again:
            assert ask(again.settings, "select n from kept") == 7
            assert count_up(again.settings) == 2


@pytest.mark.parametrize("pid_file", ["postgres/postmaster.pid", "redis/redis.pid"])
def test_a_stale_pid_that_is_another_program_by_now_is_no_server(folder: Path, pid_file: str) -> None:
    with servers_for(folder):
        lines = (folder / pid_file).read_text(encoding="utf-8").splitlines()
    (folder / pid_file).write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="utf-8")
    with servers_for(folder) as servers:
        assert ask(servers.settings, "select 1") == 1
        assert count_up(servers.settings)
    assert psutil.pid_exists(os.getpid())


def test_a_first_start_that_was_killed_half_way_is_begun_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    with servers_for(folder) as servers:
        assert ask(servers.settings, "select 1") == 1
    assert not (folder / "postgres.new").exists()


def test_data_of_another_version_is_refused_and_kept(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16\n", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 16"):
        servers_for(folder).start()
    assert (folder / "postgres" / "PG_VERSION").exists()


def test_a_long_path_with_spaces_and_quotes_works(own_folder: Path) -> None:
    folder = own_folder / ("it's a 'long' path, " * 4).strip() / "data 100%"
    with servers_for(folder) as servers:
        assert ask(servers.settings, "select 1") == 1
        assert count_up(servers.settings) == 1
        sockets = servers.postgres._sockets
        assert sockets.exists()
    assert living(folder) == []
    assert not sockets.exists()


def test_a_port_is_opened_only_when_asked(folder: Path) -> None:
    with servers_for(folder) as servers, pytest.raises(EmbeddedServerError, match="does not listen on TCP"):
        servers.postgres.tcp_url()
    servers = EmbeddedServers(settings_for(folder), tcp=True, durable=False)
    with servers, psycopg.connect(servers.postgres.tcp_url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(folder: Path) -> None:
    with servers_for(folder):
        pass
    (folder / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedServerError, match="pg_control"):
        servers_for(folder).start()
    assert living(folder) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match="set FIBREFLOW_DATA_DIR"):
        servers_for(tmp_path / "file" / "data").start()


def test_a_missing_wheel_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.embedded_redis.package_folder", lambda _package: None)
    monkeypatch.setattr("cli.embedded_redis.shutil.which", lambda _name: None)
    with pytest.raises(EmbeddedServerError, match="FIBREFLOW_REDIS_URL"):
        server_program()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_works_as_a_normal_user(own_folder: Path) -> None:
    home = own_folder / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    open_path_to(server_program())
    # A process without rights cannot write its coverage down beside the project.
    mine = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", AS_A_NORMAL_USER, str(home), str(NOBODY)],
        env={**mine, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (home / "data" / "postgres").stat().st_uid == NOBODY
    assert living(home) == []


def test_joins_servers_whose_folder_cannot_be_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: psutil.Process) -> str:
        raise psutil.AccessDenied(process.pid)

    with servers_for(folder):
        started = servers_pid(folder / "postgres/postmaster.pid")
        with monkeypatch.context() as container:
            container.setattr(psutil.Process, "cwd", refuse)
            with servers_for(folder) as joined:
                assert ask(joined.settings, "select 1") == 1
        assert servers_pid(folder / "postgres/postmaster.pid") == started
    assert living(folder) == []
