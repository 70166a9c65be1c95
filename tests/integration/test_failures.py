"""Failures that are alike: grouped, counted, muted, retried; jobs run again; what ended by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs import failures, ledger, statistics
from jobs.failures import place_of
from jobs.kinds.count_attempts import count_attempts
from jobs.operations import BulkFilter, count_bulk
from jobs.platform import Platform
from jobs.registry import JobArgs, job
from jobs.running_again import run_again
from jobs.views import JobFilter
from runtime.settings import Settings
from sql.database import Connection, queries
from tests.console import open_console
from tests.factories.access import client_as, make_api_key
from tests.job_kinds import Effect, Key, Scene, effect, scene, unique
from tests.races import race
from tests.running import run_jobs
from tests.stand_in import StandIn, enqueue, fetch, job_row, platform_for_tests
from ticketing.errors import AlreadyExists, ConditionNotMet, InvalidInput, NotFound
from ticketing.people import SYSTEM

BASE = "/api/ticketing"

# One in twenty has failed, in seven ways, one every twenty minutes.
MANY_JOBS = """
insert into jobs (
    kind, queue, state, max_attempts, actor_kind, actor_name, finished_at, error_class, error_message, failed_at
)
select
    'test_scene', 'tickets', case when failed then 'discarded' else 'completed' end, 1, 'system', 'system', now(),
    case when failed then 'Error' || n % 7 end, case when failed then 'It failed' end,
    case when failed then now() - n * interval '1 minute' end
from (select n, n % 20 = 0 as failed from generate_series(1, 30000) as n) as made
"""


class Sealed(JobArgs):
    """One argument that nobody may read back, and one that everybody may."""

    token: str
    note: str


@job("test_sealed", queue="tickets", redact=("token",))
def sealed(_args: Sealed, _context: Any) -> None:
    """Do nothing."""


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    with platform_for_tests(settings) as platform:
        yield platform


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "operator", name="Olwethu's script")


def groups(platform: Platform, **options: Any) -> list[dict[str, Any]]:
    with platform.read() as connection:
        return failures.list_failures(connection, platform.clock.now(), **options)


def make_failures(platform: Platform) -> dict[str, Any]:
    """Two jobs that fail alike and are to be tried again, and one that is given up."""
    for plot in ("fail", "fail", "discard"):
        enqueue(platform, scene, Scene(plot=plot))
    run_jobs(platform)
    return {group["error_class"]: group for group in groups(platform)}


class TestPlaces:
    def test_a_place_is_the_innermost_function_of_our_code(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            BulkFilter(state="running").states("retry")
        assert place_of(caught.value, "somewhere") == "jobs.operations.BulkFilter.states"

    def test_libraries_and_floors_that_carry_everybody_are_no_place(self) -> None:
        with pytest.raises(ValueError, match="int") as caught:
            int("x")
        assert place_of(caught.value, "elsewhere.module") is None
        assert str(place_of(caught.value, "tests.module")).startswith("tests.integration.test_failures.")

    def test_a_message_without_ids_and_numbers_stands_in_for_a_place(self, scratch: Connection) -> None:
        texts = [f"Ticket {uuid4()} had {number} steps of 12" for number in (3, 44)]
        rows = [
            scratch.execute(
                "select failure_place(null, %s) as place, failure_fingerprint('k', 'E', null, %s) as print",
                (text, text),
            ).fetchone()
            for text in texts
        ]
        assert rows[0] == rows[1]
        assert rows[0] is not None
        assert rows[0]["place"] == "Ticket # had # steps of #"


class TestGroups:
    def test_jobs_that_fail_alike_are_one_line(self, platform: Platform) -> None:
        found = make_failures(platform)
        assert {name: (row["retrying"], row["discarded"]) for name, row in found.items()} == {
            "RuntimeError": (2, 0),
            "Discard": (0, 1),
        }
        assert found["RuntimeError"]["place"] == "tests.job_kinds._play"
        assert found["RuntimeError"]["first_seen_at"] <= found["RuntimeError"]["last_seen_at"]
        assert "failed for" in found["RuntimeError"]["newest_message"]

    def test_what_failed_before_the_window_is_not_in_it_and_first_seen_is_kept(self, platform: Platform) -> None:
        before = make_failures(platform)["Discard"]
        fetch(platform, "update jobs set failed_at = failed_at - interval '2 days' returning id")
        assert groups(platform, window="1h") == []
        assert len(groups(platform, window="7d")) == 2
        enqueue(platform, scene, Scene(plot="discard"))
        run_jobs(platform)
        [again] = groups(platform, window="1h")
        assert (again["fingerprint"], again["first_seen_at"]) == (before["fingerprint"], before["first_seen_at"])

    def test_a_job_that_succeeds_at_last_leaves_its_group(self, platform: Platform) -> None:
        make_failures(platform)
        fetch(
            platform,
            "update jobs set arguments = '{\"plot\": \"done\"}', state = 'available' where state = 'retryable'"
            " returning id",
        )
        run_jobs(platform)
        assert [group["error_class"] for group in groups(platform)] == ["Discard"]

    def test_jobs_of_lost_workers_are_a_group(self, platform: Platform) -> None:
        worker = StandIn(platform)
        job_id = enqueue(platform, effect, Effect())
        fetch(platform, "update jobs set max_attempts = 1 where id = %s returning id", job_id)
        worker.claim_one(job_id)
        worker.fall_silent()
        with platform.read() as connection:
            ledger.rescue(connection, timedelta(milliseconds=1), platform.clock.now())
        [group] = groups(platform)
        assert (group["error_class"], group["discarded"]) == ("WorkerLost", 1)

    def test_what_an_operator_gave_up_is_no_failure(self, platform: Platform, operator: FlaskClient) -> None:
        job_id = enqueue(platform, effect, Effect(), at=platform.clock.now() + timedelta(days=1))
        assert operator.post(f"{BASE}/jobs/{job_id}/discard", json={}).status_code == 200
        assert groups(platform) == []

    def test_a_group_is_listed_counted_and_retried_by_its_fingerprint(
        self, platform: Platform, operator: FlaskClient
    ) -> None:
        found = make_failures(platform)
        alike = found["RuntimeError"]["fingerprint"]
        answer = operator.get(f"{BASE}/jobs", query_string={"fingerprint": alike})
        assert len(answer.json["data"]) == 2  # type: ignore[index]
        with platform.begin(SYSTEM) as work:
            assert count_bulk(work, "retry", BulkFilter(fingerprint=alike)) == 2
        started = operator.post(
            f"{BASE}/jobs/bulk",
            json={"action": "retry", "filter": {"fingerprint": str(alike)}, "reason": "mended", "dry_run": False},
        )
        assert started.status_code == 202
        [done] = [row for row in run_jobs(platform) if row["kind"] == "act_on_jobs"]
        assert done["result"] == {"acted_on": 2, "of": 2}


class TestMuting:
    def test_muted_failures_are_apart_and_say_who_knows_what(self, platform: Platform, operator: FlaskClient) -> None:
        alike = make_failures(platform)["Discard"]["fingerprint"]
        answer = operator.post(f"{BASE}/failures/{alike}/mute", json={"note": "The supplier knows"})
        assert answer.status_code == 200, answer.text
        shown = operator.get(f"{BASE}/failures?muted=true").json["data"]  # type: ignore[index]
        assert [(row["muted_by"], row["mute_note"]) for row in shown] == [("Olwethu's script", "The supplier knows")]
        assert len(operator.get(f"{BASE}/failures?muted=false").json["data"]) == 1  # type: ignore[index]
        assert len(operator.get(f"{BASE}/failures").json["data"]) == 2  # type: ignore[index]
        with platform.read() as connection:
            since = platform.clock.now() - timedelta(hours=1)
            assert failures.count_failed(connection, since, "discarded")["jobs"] == 0
        assert operator.post(f"{BASE}/failures/{alike}/unmute", json={}).status_code == 200
        assert operator.post(f"{BASE}/failures/{alike}/unmute", json={}).status_code == 409
        actions = [row["action"] for row in operator.get(f"{BASE}/audit").json["data"]]  # type: ignore[index]
        assert actions == ["failure_unmute", "failure_mute"]

    def test_what_makes_no_sense_is_refused(self, platform: Platform, operator: FlaskClient) -> None:
        nowhere = uuid4()
        assert operator.post(f"{BASE}/failures/{nowhere}/mute", json={"note": "x"}).status_code == 404
        assert operator.post(f"{BASE}/failures/{nowhere}/unmute", json={}).status_code == 404
        assert operator.post(f"{BASE}/failures/{nowhere}/mute", json={"note": " "}).status_code == 422
        assert operator.get(f"{BASE}/failures?window=1y").status_code == 422
        with pytest.raises(InvalidInput), platform.begin(SYSTEM) as work:
            failures.mute(work, nowhere, "  ")

    def test_of_two_who_unmute_one_is_told_that_it_is_done(self, platform: Platform) -> None:
        alike = make_failures(platform)["Discard"]["fingerprint"]
        with platform.begin(SYSTEM) as work:
            failures.mute(work, alike, "known")

        def unmute() -> None:
            with platform.begin(SYSTEM) as work:
                failures.unmute(work, alike)

        _, lost = race([unmute, unmute])
        assert [type(one) for one in lost] == [ConditionNotMet]


class TestRunningAgain:
    def again(self, platform: Platform, job_id: UUID, **arguments: Any) -> UUID:
        with platform.begin(SYSTEM) as work:
            return run_again(work, platform.registry, job_id, arguments, "mended by hand").id

    def test_a_finished_job_is_run_again_with_other_arguments(self, platform: Platform, operator: FlaskClient) -> None:
        old = enqueue(platform, scene, Scene(plot="discard"), tags=("night",), subjects=(("ticket", "t-1"),))
        run_jobs(platform)
        answer = operator.post(
            f"{BASE}/jobs/{old}/run-again", json={"arguments": {"plot": "done"}, "reason": "mended by hand"}
        )
        assert answer.status_code == 202, answer.text
        [new] = run_jobs(platform)
        assert (new["state"], new["tags"], new["arguments"]["plot"]) == ("completed", ["night"], "done")
        assert job_row(platform, old)["state"] == "discarded"
        subjects = fetch(platform, "select job_id from job_subjects where subject_id = 't-1'")
        assert {row["job_id"] for row in subjects} == {old, new["id"]}
        audit = operator.get(f"{BASE}/audit", query_string={"target_id": str(old)}).json["data"]  # type: ignore[index]
        assert audit[0]["details"] == {"job_id": str(new["id"]), "changed": ["plot"]}

    def test_an_unfinished_job_is_not(self, platform: Platform) -> None:
        waiting = enqueue(platform, scene, Scene(plot="done"))
        with pytest.raises(ConditionNotMet, match="available"):
            self.again(platform, waiting, plot="done")
        with pytest.raises(NotFound):
            self.again(platform, uuid4())

    def test_arguments_are_checked_by_the_kind(self, platform: Platform) -> None:
        job_id = enqueue(platform, scene, Scene(plot="discard"))
        run_jobs(platform)
        with pytest.raises(InvalidInput) as caught:
            self.again(platform, job_id, plot="dance", nonsense=1)
        assert set(caught.value.details or {}) == {"arguments.plot", "arguments.nonsense"}

    def test_two_jobs_do_not_do_the_same(self, platform: Platform) -> None:
        job_id = enqueue(platform, unique, Key(key="a"))
        run_jobs(platform)

        _, lost = race([lambda: self.again(platform, job_id, key="a")] * 2)
        assert [type(one) for one in lost] == [AlreadyExists]

    def test_what_the_kind_redacts_is_taken_over_unread(self, app: Flask, platform: Platform) -> None:
        old = enqueue(platform, sealed, Sealed(token="hunter2", note="n"))
        run_jobs(platform)
        page = open_console(app, make_api_key(platform, "operator")).get(f"/console/jobs/{old}/run-again")
        assert "hunter2" not in page.text
        assert "taken over as it was: token" in page.text
        kept, masked, other = (
            job_row(platform, self.again(platform, old, **arguments))["arguments"]
            for arguments in ({"note": "m"}, {"note": "m", "token": "***"}, {"note": "m", "token": "other"})
        )
        assert kept == masked == {"token": "hunter2", "note": "m"}
        assert other == {"token": "other", "note": "m"}
        audit = fetch(platform, "select details from operator_audit where action = 'job_run_again'")
        assert "hunter2" not in str(audit)
        assert "other" not in str(audit)


class TestHours:
    def test_what_ended_is_told_by_the_hour_before_and_after_it_is_counted(
        self, platform: Platform, operator: FlaskClient
    ) -> None:
        for _ in range(3):
            enqueue(platform, effect, Effect())
        make_failures(platform)
        now = platform.clock.now()
        fetch(
            platform,
            "update job_attempts set started_at = %s, finished_at = %s where outcome = 'done' returning job_id",
            *[now - timedelta(hours=3)] * 2,
        )

        def told() -> dict[str, int]:
            with platform.read() as connection:
                hours = statistics.by_hour(connection, now)
            assert len(hours) == 24
            sums: dict[str, int] = {}
            for hour in hours:
                for outcome, number in hour["outcomes"].items():
                    sums[outcome] = sums.get(outcome, 0) + number
            assert hours[-4]["outcomes"].get("done", 0) == 3
            return sums

        before = told()
        assert before == {"done": 3, "failed": 2, "discarded": 1}
        with platform.read() as connection:
            statistics.count_ended(connection, now)
            statistics.count_ended(connection, now)
        assert (
            fetch(platform, "select sum(attempts) as done from attempt_counts where outcome = 'done'")[0]["done"] == 3
        )
        assert told() == before
        assert len(operator.get(f"{BASE}/jobs/hours").json["data"]) == 24  # type: ignore[index]
        with platform.read() as connection:
            assert statistics.throughput(connection, now + timedelta(minutes=1))["tickets"] == {
                "failed": 2,
                "discarded": 1,
            }

    def test_the_job_that_counts_forgets_what_is_old(self, platform: Platform) -> None:
        fetch(
            platform,
            "insert into attempt_counts values (now() - interval '9 days', 'tickets', 'done', 1, 1) returning queue",
        )
        enqueue(platform, count_attempts)
        [row] = run_jobs(platform)
        assert row["state"] == "completed"
        assert fetch(platform, "select from attempt_counts") == []


class TestPlans:
    @pytest.fixture
    def many(self, platform: Platform) -> Iterator[Connection]:
        with platform.read() as connection:
            connection.execute(MANY_JOBS)
            connection.execute(
                "update jobs set fingerprint = failure_fingerprint(kind, error_class, null, error_message)"
                " where error_class is not null"
            )
            connection.execute(
                "insert into failures select distinct fingerprint, kind, error_class, 'somewhere', now() from jobs"
                " where fingerprint is not null"
            )
            connection.execute("vacuum analyze jobs")
            yield connection

    def plan(self, connection: Connection, statement: str, **parameters: Any) -> str:
        rows = connection.execute("explain " + statement, parameters, prepare=False).fetchall()
        return "\n".join(str(row["QUERY PLAN"]) for row in rows)

    def test_groups_are_read_from_the_index_alone(self, platform: Platform, many: Connection) -> None:
        since = platform.clock.now() - timedelta(days=1)
        plan = self.plan(many, queries("failures").list_failures.sql, since=since, muted=False, cap=50_000, most=200)
        assert "Index Only Scan using jobs_failed_since" in plan
        assert "jobs_failed_alike" in plan
        assert "Seq Scan on jobs" not in plan
        plan = self.plan(many, queries("failures").count_failed_since.sql, since=since, state="discarded", cap=10_001)
        assert "jobs_failed_since" in plan

    def test_what_is_counted_is_not_read_again(self, platform: Platform, many: Connection) -> None:
        many.execute(
            "insert into job_attempts (job_id, fence, attempt, outcome, scheduled_at, finished_at)"
            " select id, 1, 1, 'done', now(), now() - random() * interval '5 days' from jobs"
        )
        now = platform.clock.now()
        statistics.count_ended(many, now)
        many.execute("vacuum analyze job_attempts, attempt_counts")
        moments = {"since": now - timedelta(hours=23), "counted_until": now - timedelta(minutes=5)}
        plan = self.plan(many, queries("statistics").ended_by.sql, **moments, width=timedelta(hours=1))
        assert "job_attempts_recent" in plan
        assert "Seq Scan on job" not in plan

    def test_the_jobs_of_a_group_are_found_by_its_fingerprint(self, platform: Platform, many: Connection) -> None:
        [row] = fetch(platform, "select fingerprint from jobs where fingerprint is not null limit 1")
        wanted = vars_of(JobFilter(fingerprint=row["fingerprint"]))
        plan = self.plan(many, queries("job_views").list_jobs.sql, **wanted, before_id=None, page_size=50)
        assert "jobs_failed_alike" in plan


def vars_of(wanted: JobFilter) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in wanted.__slots__}
