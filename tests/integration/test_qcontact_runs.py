"""Runs of the sync over HTTP, and until when QContact has been read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask

from admin_api.api import qcontact, qcontact_runs
from admin_api.app import create_app
from sql.database import queries
from tests.factories import insert
from tests.factories.access import client_as
from ticketing.qcontact_sync.runs import RunView

if TYPE_CHECKING:
    from jobs.platform import Platform

URL = "/api/ticketing/sync/qcontact"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[qcontact.api, qcontact_runs.api])


def make_run(platform: Platform, hour: int, *, ended: bool = True, **columns: Any) -> dict[str, Any]:
    at = f"2026-11-20T{hour:02}:00:00Z"
    row = {"direction": "inbound", "scope": "recent", "started_at": at, "finished_at": at if ended else None}
    with platform.read() as connection:
        return insert(connection, "qcontact_sync_runs", **row | columns)


def test_runs_are_listed_newest_first_and_go_on_by_cursor(app: Flask, platform: Platform) -> None:
    made = [str(make_run(platform, hour, processed=4, failed=1)["id"]) for hour in range(3)]
    client = client_as(app, platform, "viewer")
    first = client.get(f"{URL}/runs?pageSize=2").get_json()
    rest = client.get(f"{URL}/runs?pageSize=2&cursor={first['pagination']['next_cursor']}").get_json()
    rows = first["data"] + rest["data"]
    assert [row["id"] for row in rows] == made[::-1]
    assert rest["pagination"]["next_cursor"] is None
    assert set(rows[0]) == set(RunView.model_fields)
    assert rows[0]["success_rate"] == 0.75


def test_read_until_is_when_the_last_reading_of_the_list_that_ended_began(app: Flask, platform: Platform) -> None:
    client = client_as(app, platform, "qa")
    assert client.get(f"{URL}/status").get_json()["data"]["read_until"] is None
    make_run(platform, 6)
    make_run(platform, 7, scope="one")
    make_run(platform, 8, ended=False)
    assert client.get(f"{URL}/status").get_json()["data"]["read_until"] == "2026-11-20T06:00:00.000Z"


def test_who_works_on_site_does_not_look(app: Flask, platform: Platform) -> None:
    assert client_as(app, platform, "technician").get(f"{URL}/runs").status_code == 403


def test_the_queries_go_by_an_index(platform: Platform) -> None:
    with platform.read() as connection:
        connection.execute(
            "insert into qcontact_sync_runs (direction, scope, started_at, finished_at)"
            " select 'inbound', 'recent', now() - n * interval '1 minute', now() from generate_series(1, 5000) n"
        )
        connection.execute("analyze qcontact_sync_runs")
        named = queries("qcontact_runs")
        unset = {"job_id": None, "after": None, "row_limit": 50}
        listed = connection.execute(f"explain {named.list_runs.sql}", unset | {"after": uuid4()}).fetchall()
        of_job = connection.execute(f"explain {named.list_runs.sql}", unset | {"job_id": uuid4()}).fetchall()
        swept = connection.execute(f"explain {named.find_last_sweep.sql}").fetchall()
    assert "qcontact_sync_runs_pkey" in "\n".join(row["QUERY PLAN"] for row in listed)
    assert "qcontact_sync_runs_job_id_key" in "\n".join(row["QUERY PLAN"] for row in of_job)
    assert "qcontact_sync_runs_started_at_idx" in "\n".join(row["QUERY PLAN"] for row in swept)
