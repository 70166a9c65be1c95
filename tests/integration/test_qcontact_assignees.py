"""Who of ours is whom in the CRM, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from flask import Flask

from admin_api.api import qcontact_assignees
from admin_api.app import create_app
from sql.database import queries
from tests.factories import make_contractor, make_team, make_user
from tests.factories.access import client_as
from tests.races import race_of_requests

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing/sync/qcontact/assignees"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[qcontact_assignees.api])


def test_records_are_set_changed_listed_and_forgotten(app: Flask, platform: Platform) -> None:
    client = client_as(app, platform, "operator")
    with platform.read() as connection:
        user, company, team = make_user(connection), make_contractor(connection), make_team(connection)
    for whose, row in (("user", user), ("contractor", company), ("team", team)):
        assert client.put(f"{API}/{whose}/{row['id']}", json={"qcontact_id": "21900000101"}).status_code == 200
    assert client.put(f"{API}/team/{team['id']}", json={"qcontact_id": "21900000102"}).status_code == 200
    page = client.get(f"{API}?pageSize=2").get_json()
    rest = client.get(f"{API}?cursor={page['pagination']['next_cursor']}").get_json()
    shown = [(row["type"], row["name"], row["qcontact_id"]) for row in page["data"] + rest["data"]]
    assert shown == [
        ("team", team["name"], "21900000102"),
        ("contractor", company["name"], "21900000101"),
        ("user", user["name"], "21900000101"),
    ]
    assert [client.delete(f"{API}/user/{user['id']}").status_code for _ in range(2)] == [200, 404]


@pytest.mark.parametrize(("whose", "record"), [("user", "Sipho"), ("nobody", "21900000101"), ("user", "21900000101")])
def test_what_is_no_record_or_nobody_of_ours_is_refused(
    app: Flask, platform: Platform, whose: str, record: str
) -> None:
    client = client_as(app, platform, "operator")
    answer = client.put(f"{API}/{whose}/{uuid4()}", json={"qcontact_id": record})
    assert answer.status_code == 422


def test_of_two_who_forget_a_record_one_wins(app: Flask, platform: Platform) -> None:
    client = client_as(app, platform, "operator")
    with platform.read() as connection:
        user = make_user(connection)
    client.put(f"{API}/user/{user['id']}", json={"qcontact_id": "21900000101"})
    other = client_as(app, platform, "operator")
    url = f"{API}/user/{user['id']}"
    assert race_of_requests(lambda: client.delete(url), lambda: other.delete(url)) == [200, 404]


def test_the_list_goes_by_its_key(platform: Platform) -> None:
    with platform.read() as connection:
        connection.execute(
            "with people as (insert into users (name) select n::text from generate_series(1, 5000) n returning id)"
            " insert into qcontact_assignees (user_id, qcontact_id, set_by_name) select id, '1', 'Thandi' from people"
        )
        connection.execute("analyze qcontact_assignees")
        query = queries("qcontact_assignees").list_assignees.sql
        rows = connection.execute(f"explain {query}", {"after": uuid4(), "row_limit": 50}).fetchall()
    assert "qcontact_assignees_pkey" in "\n".join(row["QUERY PLAN"] for row in rows)
