"""What is promised when PostgreSQL or Redis are emptied, restarted or away while work goes on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import pytest
import redis

from cli.embedded import EmbeddedServers
from cli.ports import free_port
from runtime.settings import Settings
from tests.acceptance.system import NOBODY_DIES, QUICK, system
from tests.factories import make_project
from tests.factories.access import make_api_key
from tests.factories.drops import register_workbook
from tests.job_kinds import Effect, effect
from tests.processes import children_of
from tests.stand_in import enqueue
from ticketing.people import SYSTEM

pytestmark = pytest.mark.acceptance


def empty(servers: EmbeddedServers) -> None:
    """FLUSHALL, kept through the restart that follows."""
    with redis.Redis.from_url(servers.redis.url()) as client:
        client.flushall()


def test_an_emptied_and_restarted_redis_loses_nothing_and_all_runs_again_within_10_seconds(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """At the default settings, amid a full queue; besides, it takes the time that the same work takes undisturbed."""
    with system(own_settings, logs) as it:
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait_for_workers(2)
        ids = it.enqueue(600)
        undisturbed = it.wait_for_completion(600)
        ids += it.enqueue(600)
        it.wait_for_effects(650)
        empty(own_servers)
        own_servers.redis.stop()
        own_servers.redis.start()
        back = time.monotonic()
        assert it.effects() < 1_100, "it happened amid a full queue"
        it.wait_for_completion(1_200)
        assert time.monotonic() - back < 10 + undisturbed
        it.assert_each_effect_exactly_once(ids)


def test_jobs_whose_news_was_lost_before_anybody_worked_are_announced_again(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    with system(own_settings, logs) as it:
        ids = it.enqueue(200)
        empty(own_servers)
        it.processes.workers(1)
        it.wait_for_workers(1)
        assert it.states() == {"available": 200}, "nobody heard of them"
        it.processes.scheduler()
        it.wait_for_completion(200)
        it.assert_each_effect_exactly_once(ids)


def test_while_redis_is_away_jobs_are_accepted_and_all_run_once_it_is_back(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """Nobody works while it is away, so that all that runs was accepted without Redis."""
    with system(own_settings, logs) as it:
        own_servers.redis.stop()
        began = time.monotonic()
        ids = [enqueue(it.platform, effect, Effect(note=str(number))) for number in range(100)]
        took = time.monotonic() - began
        assert it.states() == {"available": 100}
        assert took < 30, "each is accepted without waiting for Redis"
        own_servers.redis.start()
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait_for_completion(100)
        it.assert_each_effect_exactly_once(ids)


def test_while_redis_is_away_the_api_accepts_100_jobs_and_all_run_once_it_is_back(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """The API as it is served: 100 uploads of drop registers, each of which becomes a job."""
    kinds = {"FIBREFLOW_JOB_MODULES": "jobs.kinds"}
    with system(own_settings, logs, **NOBODY_DIES) as it:
        with it.platform.read() as connection:
            make_project(connection, code="LAW")
        key = make_api_key(it.platform, "operator")
        port = free_port()
        it.processes.api(port, **kinds)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}) as client:
            it.wait(lambda: is_up(client), "the API answers")
            before = upload_many(client, range(20))
            own_servers.redis.stop()
            answers = upload_many(client, range(20, 120))
        assert [status for status, _ in before + answers] == [202] * 120, it.processes.log()[-5_000:]
        assert_quick(answers, median(seconds for _, seconds in before))
        assert it.states() == {"available": 120}
        own_servers.redis.start()
        it.processes.scheduler(**kinds)
        it.processes.workers(2, **kinds)
        it.wait_for_completion(120)
        assert it.number("select count(*) from drops") == 120
        assert it.number("select max(attempt) from jobs") == 1


def assert_quick(answers: list[tuple[int, float]], usual: float) -> None:
    """Nobody waited much longer than the seconds that are usual just now."""
    assert median(seconds for _, seconds in answers) < 1 + 2 * usual
    assert max(seconds for _, seconds in answers) < 10 + 20 * usual


def is_up(client: httpx.Client) -> bool:
    """Whether the API answers."""
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


def upload_many(client: httpx.Client, numbers: range) -> list[tuple[int, float]]:
    """Upload registers, four at a time."""
    with ThreadPoolExecutor(4) as people:
        return list(people.map(lambda number: upload(client, number), numbers))


def upload(client: httpx.Client, number: int) -> tuple[int, float]:
    """Upload a register of one drop; return the answer's status and how many seconds it took."""
    register = register_workbook({"label": f"DR{2_000_000 + number}"})
    began = time.monotonic()
    answer = client.post(
        "/api/ticketing/import/drops", data={"project": "LAW"}, files={"file": ("drops.xlsx", register)}, timeout=120
    )
    return answer.status_code, time.monotonic() - began


def test_a_redis_that_hangs_keeps_nobody_waiting_for_long(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """Frozen, it takes connections and never answers."""
    with system(own_settings, logs, **QUICK) as it:
        enqueue(it.platform, effect)
        process = own_servers.redis._process()
        assert process is not None
        process.suspend()
        try:
            began = time.monotonic()
            ids = [enqueue(it.platform, effect) for _ in range(20)]
            assert time.monotonic() - began < 10, "they do not wait a second each"
        finally:
            process.resume()
        assert len(set(ids)) == 20


def test_work_goes_on_without_redis(own_servers: EmbeddedServers, own_settings: Settings, logs: Path) -> None:
    """Workers ask the ledger itself while there is no news to hear."""
    with system(own_settings, logs, **QUICK) as it:
        own_servers.redis.stop()
        workers, scheduler = it.processes.workers(2), it.processes.scheduler()
        ids = it.enqueue(100)
        it.wait_for_completion(100)
        it.assert_each_effect_exactly_once(ids)
        assert (workers.poll(), scheduler.poll()) == (None, None)


def test_a_restart_of_postgresql_amid_work_kills_no_process_and_loses_nothing(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    with system(own_settings, logs, **QUICK) as it:
        ids = it.enqueue(400, milliseconds=150)
        processes = [it.processes.workers(2), it.processes.scheduler()]
        it.wait_for_effects(60)
        before = {child.pid for child in children_of(processes[0])}
        own_servers.postgres.stop()
        time_away(1.5)
        own_servers.postgres.start()
        assert it.number("select count(*) from effects where at < pg_postmaster_start_time()") < 400, "amid the work"
        it.wait_for_completion(400)
        it.assert_each_effect_exactly_once(ids)
        assert {child.pid for child in children_of(processes[0])} == before, it.processes.log()
        assert [process.poll() for process in processes] == [None, None]


def test_an_outage_of_postgresql_burns_no_attempt_of_workers_that_live(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """Away for longer than a worker may be silent: afterwards the workers are heard before anybody judges them."""
    with system(own_settings, logs, **QUICK | {"worker_lost_after": 4.0}) as it:
        ids = it.enqueue(16, milliseconds=8_000)
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait(lambda: it.states() == {"running": 16}, "all are running")
        own_servers.postgres.stop()
        time_away(5.0)
        own_servers.postgres.start()
        it.wait_for_completion(16)
        it.assert_each_effect_exactly_once(ids)
        assert it.number("select count(*) from job_attempts where outcome = 'lost'") == 0, it.processes.log()
        assert it.number("select max(attempt) from jobs") == 1


def test_enqueueing_amid_a_restart_of_postgresql_is_all_or_nothing(
    own_servers: EmbeddedServers, own_settings: Settings, logs: Path
) -> None:
    """Whoever was told that a job was accepted sees it run; whoever got an error may try again."""
    with system(own_settings, logs, **QUICK) as it:
        accepted, stop = [], threading.Event()

        def accept() -> None:
            while not stop.wait(0.005):
                try:
                    with it.platform.begin(SYSTEM) as work:
                        job = work.enqueue(effect)
                except Exception:  # noqa: BLE001, S112 - as a client that is told to come again
                    continue
                accepted.append(job.id)

        clients = [threading.Thread(target=accept) for _ in range(3)]
        for client in clients:
            client.start()
        it.wait(lambda: len(accepted) > 50, "jobs are accepted")
        own_servers.postgres.stop()
        own_servers.postgres.start()
        after = len(accepted)
        it.wait(lambda: len(accepted) > after + 50, "jobs are accepted again")
        stop.set()
        for client in clients:
            client.join(60)
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait(lambda: set(it.states()) == {"completed"}, "all are complete")
        assert set(accepted) <= {row["job_id"] for row in it.ask("select job_id from effects")}
        assert it.number("select count(*) - count(distinct job_id) from effects") == 0


def time_away(seconds: float) -> None:
    """Let a server be away for a while: its absence is the event that the processes are to notice."""
    threading.Event().wait(seconds)
