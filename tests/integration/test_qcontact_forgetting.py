"""What was exchanged with the CRM is forgotten after a while, but not what somebody still needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from jobs.kinds.forget_qcontact_log import forget_qcontact_log
from runtime.settings import Settings
from sql.database import queries
from tests.clocks import FixedClock
from tests.factories import Row, insert, make_ticket
from tests.factories.tickets import NOON
from tests.running import run_jobs
from ticketing.people import SYSTEM
from ticketing.qcontact_sync import forgetting

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

DAY = timedelta(days=1)
OLD = 91


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def make_exchange(connection: Connection, days_ago: float, **columns: Any) -> UUID:
    row = {"sync_direction": "inbound", "sync_type": "status_update", "status": "success"}
    made: Row = insert(connection, "qcontact_sync_log", **row, synced_at=NOON - days_ago * DAY, **columns)
    exchange: UUID = made["id"]
    return exchange


def make_run(connection: Connection, days_ago: float, *, ended: bool = True, **columns: Any) -> UUID:
    at = NOON - days_ago * DAY
    row = {"direction": "inbound", "scope": "recent", "started_at": at, "finished_at": at if ended else None}
    made: UUID = insert(connection, "qcontact_sync_runs", **row | columns)["id"]
    return made


def forget(platform: Platform) -> dict[str, int]:
    with platform.begin(SYSTEM) as work:
        job = work.enqueue(forget_qcontact_log)
    (row,) = [row for row in run_jobs(platform) if row["id"] == job.id]
    result: dict[str, int] = row["result"]
    return result


def left(connection: Connection, table: str = "qcontact_sync_log") -> set[UUID]:
    return {row["id"] for row in connection.execute(f"select id from {table}").fetchall()}


def test_what_is_old_is_forgotten_in_batches_however_much_of_it_stays(
    platform: Platform, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 3)
    ticket = make_ticket(connection, status="assigned")["id"]
    stays = {make_exchange(connection, OLD + 9, ticket_id=ticket, qcontact_ticket_id=str(n)) for n in range(4)}
    for number in range(7):
        make_exchange(connection, OLD + number / 24, qcontact_ticket_id="77")
    stays.add(make_exchange(connection, 89, qcontact_ticket_id="77"))
    assert forget(platform) == {"exchanges": 7, "runs": 0}
    assert left(connection) == stays
    assert forget(platform) == {"exchanges": 0, "runs": 0}


def test_the_last_exchange_of_a_case_stays_while_its_ticket_is_open(platform: Platform, connection: Connection) -> None:
    working = make_ticket(connection, status="in_progress")["id"]
    over = make_ticket(connection, status="closed")["id"]
    make_exchange(connection, OLD + 2, ticket_id=working, qcontact_ticket_id="1")
    last = make_exchange(connection, OLD + 1, ticket_id=working, qcontact_ticket_id="1")
    make_exchange(connection, OLD, ticket_id=over, qcontact_ticket_id="2")
    assert forget(platform)["exchanges"] == 2
    assert left(connection) == {last}


def test_what_differed_stays_until_somebody_has_decided(platform: Platform, connection: Connection) -> None:
    ticket = make_ticket(connection, status="closed")["id"]
    told = {"conflicts": Jsonb([{"field": "status"}]), "ticket_id": ticket, "qcontact_ticket_id": "1"}
    differed = make_exchange(connection, OLD, **told)
    make_exchange(connection, 1, ticket_id=ticket, qcontact_ticket_id="1")
    conflict = {"ticket_id": ticket, "case_id": "1", "field": "status", "reason": "both moved"}
    insert(connection, "qcontact_conflicts", **conflict)
    assert forget(platform)["exchanges"] == 0
    assert differed in left(connection)
    connection.execute("update qcontact_conflicts set status = 'ours', resolved_at = now()")
    assert forget(platform)["exchanges"] == 1
    assert left(connection, "qcontact_conflicts") != set()


def test_old_runs_are_forgotten_but_not_until_when_the_list_was_read(
    platform: Platform, connection: Connection
) -> None:
    for days in (OLD + 3, OLD + 2):
        make_run(connection, days)
    sweep = make_run(connection, OLD + 1)
    single = make_run(connection, OLD, scope="one")
    make_run(connection, OLD, ended=False)
    assert forget(platform) == {"exchanges": 0, "runs": 3}
    assert left(connection, "qcontact_sync_runs") == {sweep, single}
    newer = {make_run(connection, 1), make_run(connection, 1, scope="one"), make_run(connection, 1, ended=False)}
    assert forget(platform)["runs"] == 2
    assert left(connection, "qcontact_sync_runs") == newer


@pytest.mark.parametrize(("days", "forgotten"), [(30, 1), (365, 0)])
def test_how_long_is_set(
    platform: Platform, connection: Connection, settings: Settings, days: int, forgotten: int
) -> None:
    make_exchange(connection, OLD, qcontact_ticket_id="1")
    platform.settings = settings.model_copy(update={"qcontact_log_days": days})
    assert forget(platform)["exchanges"] == forgotten


def test_a_batch_goes_by_an_index(platform: Platform, connection: Connection) -> None:
    connection.execute(
        "insert into qcontact_sync_log (sync_direction, sync_type, status, qcontact_ticket_id, synced_at)"
        " select 'inbound', 'status_update', 'success', n::text, %s::timestamptz - n * interval '1 hour'"
        " from generate_series(1, 20000) n",
        [NOON],
    )
    connection.execute("analyze qcontact_sync_log")
    given = {"before": NOON - 90 * DAY, "after_at": None, "after_id": None, "row_limit": 500}
    statement = queries("qcontact_log").forget_exchanges.sql
    plan = "\n".join(next(iter(row.values())) for row in connection.execute(f"explain {statement}", given).fetchall())
    assert "qcontact_sync_log_synced_at_idx" in plan
    assert "Seq Scan on qcontact_sync_log" not in plan
    assert "qcontact_sync_log_qcontact_ticket_id_idx" in plan
