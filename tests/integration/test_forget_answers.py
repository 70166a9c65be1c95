"""The nightly job that forgets old answers to idempotency keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jobs.kinds.forget_answers import forget_answers
from tests.running import run_jobs
from ticketing import idempotency
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform


def keep(platform: Platform, key: str, age: timedelta) -> None:
    with platform.begin(SYSTEM) as work:
        idempotency.claim(work, "key:test", key, "fingerprint")
        idempotency.store(work, "key:test", key, 201, "{}")
        work.connection.execute("update idempotency_keys set created_at = %s where key = %s", [work.now - age, key])


def test_only_old_answers_are_forgotten(platform: Platform) -> None:
    platform.declare()
    keep(platform, "old", idempotency.KEPT_FOR + timedelta(minutes=1))
    keep(platform, "young", timedelta(minutes=1))
    with platform.begin(SYSTEM) as work:
        work.enqueue(forget_answers)

    (job,) = run_jobs(platform)

    assert (job["state"], job["result"]) == ("completed", {"forgotten": 1})
    with platform.read() as connection:
        left = connection.execute("select key from idempotency_keys").fetchall()
    assert [row["key"] for row in left] == ["young"]
