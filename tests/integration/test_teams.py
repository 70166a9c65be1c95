"""Teams, people, companies, projects and statuses over HTTP: shapes of the contract, who may what, races, plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import directory, statuses, teams
from admin_api.app import create_app
from sql.database import queries
from tests.answers import error_of
from tests.factories import make, make_contractor, make_project, make_team, make_team_member, make_user
from tests.factories.access import client_as
from tests.races import race_of_requests
from ticketing.directory import ContractorView, ProjectView, UserView
from ticketing.statuses import StatusView
from ticketing.teams import service
from ticketing.teams.views import MemberView, TeamChoice, TeamView
from ticketing.vocabulary import TERMINAL_STATUSES, Status

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"
TEAMS = f"{API}/teams"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"
WAIT = 20


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[teams.api, directory.api, statuses.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def names(client: FlaskClient, path: str) -> list[str]:
    body = client.get(f"{API}{path}").get_json()
    assert body["meta"]["count"] == len(body["data"])
    return [row["name"] for row in body["data"]]


class TestTeams:
    def test_a_team_is_made_in_the_contracts_shape(self, client: FlaskClient, platform: Platform) -> None:
        lead, company = make(platform, make_user), make(platform, make_contractor)
        body = {"name": " North ", "lead_user_id": str(lead["id"]), "contractor_id": str(company["id"])}
        answer = client.post(TEAMS, json=body)
        data = answer.get_json()["data"]
        assert answer.status_code == 201, answer.json
        assert set(data) == set(TeamView.model_fields)
        assert (data["name"], data["team_type"], data["is_active"], data["member_count"]) == (
            "North",
            "internal",
            True,
            0,
        )
        assert data["lead_user"] == {"id": str(lead["id"]), "name": lead["name"], "email": lead["email"]}
        read = client.get(f"{TEAMS}/{data['id']}?include_members=true").get_json()["data"]
        assert read == {**data, "members": []}

    def test_what_is_wrong_is_named(self, client: FlaskClient) -> None:
        assert set(error_of(client.post(TEAMS, json={}), 422, "VALIDATION_ERROR")["details"]) == {"name"}
        unknown = {"name": "N", "lead_user_id": str(uuid4()), "contractor_id": "x"}
        wrong = error_of(client.post(TEAMS, json=unknown), 422, "VALIDATION_ERROR")
        assert set(wrong["details"]) == {"lead_user_id", "contractor_id"}
        for method in (client.get, client.delete):
            error_of(method(f"{TEAMS}/7"), 422, "VALIDATION_ERROR")
            error_of(method(f"{TEAMS}/{uuid4()}"), 404, "NOT_FOUND")
        error_of(client.put(f"{TEAMS}/{uuid4()}", json={"name": "x"}), 404, "NOT_FOUND")
        error_of(client.put(f"{TEAMS}/{uuid4()}", json={}), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{TEAMS}/{uuid4()}/members"), 404, "NOT_FOUND")

    def test_a_name_is_taken_once_whatever_its_case(self, client: FlaskClient) -> None:
        first = client.post(TEAMS, json={"name": "North"}).get_json()["data"]
        error_of(client.post(TEAMS, json={"name": "NORTH"}), 409, "DUPLICATE_ERROR")
        other = client.post(TEAMS, json={"name": "South"}).get_json()["data"]
        error_of(client.put(f"{TEAMS}/{other['id']}", json={"name": "north"}), 409, "DUPLICATE_ERROR")
        assert client.put(f"{TEAMS}/{first['id']}", json={"name": "NORTH"}).get_json()["data"]["name"] == "NORTH"

    def test_of_two_who_make_it_one_does(self, app: Flask, platform: Platform) -> None:
        others = [client_as(app, platform, "manager") for _ in range(2)]
        moves = [lambda one=one: one.post(TEAMS, json={"name": "North"}) for one in others]
        assert race_of_requests(*moves) == [201, 409]

    def test_of_two_who_change_what_they_read_one_is_told(
        self, app: Flask, platform: Platform, client: FlaskClient
    ) -> None:
        url = f"{TEAMS}/{make(platform, make_team)['id']}"
        etag = {"If-Match": client.get(url).headers["ETag"]}
        others = [client_as(app, platform, "manager") for _ in range(2)]
        moves = [
            lambda one=one, text=text: one.put(url, json={"description": text}, headers=etag)
            for one, text in zip(others, ("first", "second"), strict=True)
        ]
        assert race_of_requests(*moves) == [200, 409]
        stale = {"description": "x", "updated_at": "2026-01-01T00:00:00Z"}
        error_of(client.put(url, json=stale), 409, "STALE_WRITE")

    def test_a_team_is_taken_out_of_use_and_stays(self, client: FlaskClient, platform: Platform) -> None:
        team = make(platform, make_team)
        for _ in range(2):
            data = client.delete(f"{TEAMS}/{team['id']}").get_json()["data"]
            assert data["is_active"] is False
        assert client.put(f"{TEAMS}/{team['id']}", json={"is_active": True}).get_json()["data"]["is_active"] is True

    def test_filters_and_the_short_form(self, client: FlaskClient, platform: Platform) -> None:
        company = make(platform, make_contractor)["id"]
        lead = make(platform, make_user)
        team = make(
            platform, make_team, name="Alpha", team_type="field", contractor_id=company, lead_user_id=lead["id"]
        )
        make(platform, make_team_member, team_id=team["id"])
        make(platform, make_team_member, team_id=team["id"], is_active=False)
        make(platform, make_team, name="beta", description="100% fibre")
        make(platform, make_team, name="Gamma", is_active=False)
        assert names(client, "/teams") == ["Alpha", "beta", "Gamma"]
        for query, expected in {
            "team_type=field": ["Alpha"],
            f"contractor_id={company}": ["Alpha"],
            "contractor_id=x": [],
            "is_active=true": ["Alpha", "beta"],
            "is_active=false": ["Gamma"],
            "search=100%25": ["beta"],
            "search=ALP": ["Alpha"],
        }.items():
            assert names(client, f"/teams?{query}") == expected, query
        (first, second) = client.get(f"{TEAMS}?dropdown=true").get_json()["data"]
        assert set(first) == set(TeamChoice.model_fields)
        assert (first["type"], first["lead_name"], first["member_count"]) == ("contractor", lead["name"], 1)
        assert (second["type"], second["lead_name"]) == ("internal", None)

    def test_who_works_on_site_sees_the_teams_of_the_company(self, app: Flask, platform: Platform) -> None:
        company = make(platform, make_contractor)["id"]
        own = make(platform, make_team, contractor_id=company)
        other = make(platform, make_team)
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        assert names(contractor, "/teams") == [own["name"]]
        error_of(contractor.get(f"{TEAMS}/{other['id']}"), 404, "NOT_FOUND")
        error_of(contractor.get(f"{TEAMS}/{own['id']}/members"), 403, "FORBIDDEN")
        error_of(contractor.get(f"{TEAMS}/{own['id']}?include_members=true"), 403, "FORBIDDEN")
        error_of(contractor.post(TEAMS, json={"name": "x"}), 403, "FORBIDDEN")


class TestMembers:
    def test_somebody_joins_and_leaves(self, client: FlaskClient, platform: Platform) -> None:
        team, user = make(platform, make_team), make(platform, make_user)
        url = f"{TEAMS}/{team['id']}/members"
        body = {"first_name": "Thandi", "last_name": "Example", "user_id": str(user["id"]), "phone": "082 123 4567"}
        answer = client.post(url, json=body)
        member = answer.get_json()["data"]
        assert (answer.status_code, set(member)) == (201, set(MemberView.model_fields))
        assert (member["phone"], member["is_team_lead"]) == ("+27821234567", False)
        lead = client.post(url, json={"first_name": "Sipho", "last_name": "E", "is_team_lead": True}).get_json()["data"]
        listed = client.get(url).get_json()
        assert [row["id"] for row in listed["data"]] == [lead["id"], member["id"]]
        assert listed["meta"]["count"] == 2
        gone = client.delete(f"{url}?memberId={member['id']}")
        assert (gone.status_code, "data" in gone.get_json()) == (200, False)
        error_of(client.delete(f"{url}?memberId={member['id']}"), 404, "NOT_FOUND")
        assert client.get(f"{TEAMS}/{team['id']}").get_json()["data"]["member_count"] == 1

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform) -> None:
        url = f"{TEAMS}/{make(platform, make_team)['id']}/members"
        error = error_of(client.post(url, json={"phone": "12"}), 422, "VALIDATION_ERROR")
        assert set(error["details"]) == {"first_name", "last_name", "phone"}
        unknown = {"first_name": "T", "last_name": "E", "user_id": str(uuid4())}
        assert set(error_of(client.post(url, json=unknown), 422, "VALIDATION_ERROR")["details"]) == {"user_id"}
        for query in ("", "?memberId=7"):
            error_of(client.delete(url + query), 422, "VALIDATION_ERROR")
        error_of(client.post(f"{TEAMS}/{uuid4()}/members", json=unknown), 404, "NOT_FOUND")

    def test_of_two_who_add_the_same_person_or_a_lead_one_does(
        self, app: Flask, platform: Platform, client: FlaskClient
    ) -> None:
        url = f"{TEAMS}/{make(platform, make_team)['id']}/members"
        person = {"first_name": "T", "last_name": "E", "user_id": str(make(platform, make_user)["id"])}
        others = [client_as(app, platform, "manager") for _ in range(2)]
        assert race_of_requests(*[lambda one=one: one.post(url, json=person) for one in others]) == [201, 409]
        lead = {"first_name": "T", "last_name": "E", "is_team_lead": True}
        assert race_of_requests(*[lambda one=one: one.post(url, json=lead) for one in others]) == [201, 409]

    def test_a_team_can_be_full(self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MOST_MEMBERS", 1)
        url = f"{TEAMS}/{make(platform, make_team)['id']}/members"
        assert client.post(url, json={"first_name": "T", "last_name": "E"}).status_code == 201
        error_of(client.post(url, json={"first_name": "T", "last_name": "E"}), 409, "CONDITION_NOT_MET")


class TestPickers:
    def test_people(self, client: FlaskClient, platform: Platform) -> None:
        lerato = make(platform, make_user, name="lerato", roles=["viewer", "qa"], department="QA")
        make(platform, make_user, name="Ayanda", email="a@example.test", roles=[])
        make(platform, make_user, name="Gone", is_active=False)
        assert names(client, "/users") == ["Ayanda", "lerato"]
        row = client.get(f"{API}/users?search=LER").get_json()["data"][0]
        assert set(row) == set(UserView.model_fields)
        assert (row["id"], row["role"], row["department"]) == (str(lerato["id"]), "qa", "QA")
        assert names(client, "/users?search=a@ex") == ["Ayanda"]
        assert names(client, "/users?role=qa") == ["lerato"]

    def test_companies_and_projects(self, client: FlaskClient, platform: Platform) -> None:
        make(platform, make_contractor, name="Trench & Sons", code="TS")
        make(platform, make_contractor, name="Gone", is_active=False)
        make(platform, make_project, code="LAW", name="Lawley")
        for path, view, expected in (
            ("/contractors", ContractorView, "Trench & Sons"),
            ("/projects", ProjectView, "Lawley"),
        ):
            (row,) = client.get(f"{API}{path}").get_json()["data"]
            assert (row["name"], set(row)) == (expected, set(view.model_fields))
            assert names(client, f"{path}?search={row['code'].lower()}") == [expected]
        assert names(client, "/contractors?is_active=false") == ["Gone"]
        assert names(client, "/contractors?is_active=") == ["Gone", "Trench & Sons"]

    def test_cursors_walk_a_list_whole(self, client: FlaskClient, platform: Platform) -> None:
        made = sorted(make(platform, make_contractor)["name"] for _ in range(5))
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{API}/contractors?limit=2&cursor={cursor}").get_json()
            seen += [row["name"] for row in body["data"]]
            cursor = body["meta"]["next_cursor"]
        assert seen == made
        error_of(client.get(f"{API}/contractors?cursor=x"), 422, "VALIDATION_ERROR")

    def test_whoever_knows_ids_is_told_what_they_are_called(self, app: Flask, platform: Platform) -> None:
        made = [make(platform, factory) for factory in (make_user, make_contractor, make_team, make_project)]
        query = "&".join(f"id={one}" for one in (*(row["id"] for row in made), uuid4()))
        site = client_as(app, platform, "technician")
        data = site.get(f"{API}/names?{query}").get_json()["data"]
        assert {row["id"]: row["name"] for row in data} == {str(row["id"]): row["name"] for row in made}
        error_of(site.get(f"{API}/names"), 422, "VALIDATION_ERROR")

    @pytest.mark.parametrize("path", ["/users", "/contractors"])
    def test_who_works_on_site_has_no_business_with_everybody(self, app: Flask, platform: Platform, path: str) -> None:
        error_of(client_as(app, platform, "technician").get(API + path), 403, "FORBIDDEN")

    def test_plans_use_indexes(self, platform: Platform) -> None:
        with platform.read() as connection:
            for statement in (
                "insert into users (name) select 'Person ' || n from generate_series(1, 20000) as n",
                "insert into contractors (name) select 'Company ' || n from generate_series(1, 20000) as n",
                "insert into projects (code, name) select 'P' || n, 'P ' || n from generate_series(1, 20000) as n",
                "insert into teams (name) select 'Team ' || n from generate_series(1, 20000) as n",
                "analyze",
            ):
                connection.execute(statement)
            place = {"after_name": "person 5", "after_id": uuid4(), "row_limit": 101}
            common = place | dict.fromkeys(("search", "role", "is_active", "team_id", "team_type", "contractor_id"))
            common |= {"see_all": True, "see_teams": []}
            for concept, query, index in (
                ("directory", "list_users", "users_name_idx"),
                ("directory", "list_contractors", "contractors_name_key"),
                ("directory", "list_projects", "projects_name_key"),
                ("teams", "list_teams", "teams_name_key"),
            ):
                statement = "explain " + getattr(queries(concept), query).sql
                assert index in str(connection.execute(statement, common, prepare=False).fetchall()), query


class TestStatuses:
    def test_the_eleven_are_there_in_their_order(self, client: FlaskClient) -> None:
        body = client.get(f"{API}/statuses").get_json()
        assert [row["code"] for row in body["data"]] == [status.value for status in Status]
        assert body["count"] == 11
        assert {row["code"] for row in body["data"] if row["is_terminal"]} == set(TERMINAL_STATUSES)
        assert all(set(row) == set(StatusView.model_fields) for row in body["data"])

    def test_a_label_is_added_beneath_one(self, client: FlaskClient, platform: Platform) -> None:
        parent = client.get(f"{API}/statuses").get_json()["data"][2]
        body = {"code": "waiting_for_parts", "name": "Waiting for parts", "parent_id": parent["id"], "color": "#00ff00"}
        answer = client.post(f"{API}/statuses", json=body)
        data = answer.get_json()["data"]
        assert (answer.status_code, data["parent_id"], data["is_terminal"]) == (201, parent["id"], False)
        assert client.get(f"{API}/statuses?parent_id={parent['id']}").get_json()["data"] == [data]
        with platform.read() as connection:
            connection.execute("update ticket_statuses set is_active = false where code = 'waiting_for_parts'")
        assert client.get(f"{API}/statuses").get_json()["count"] == 11
        assert client.get(f"{API}/statuses?include_inactive=true").get_json()["count"] == 12

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"code": "x"},
            {"name": "X"},
            {"code": "In Progress", "name": "X"},
            {"code": "x", "name": "X", "color": "red"},
            {"code": "x", "name": "X", "parent_id": AN_ID},
        ],
    )
    def test_what_is_wrong_is_400(self, client: FlaskClient, body: dict[str, Any]) -> None:
        error_of(client.post(f"{API}/statuses", json=body), 400, "VALIDATION_ERROR")

    def test_of_two_who_add_a_code_one_does(self, app: Flask, platform: Platform, client: FlaskClient) -> None:
        error_of(client.post(f"{API}/statuses", json={"code": "open", "name": "Open"}), 409, "DUPLICATE_ERROR")
        others = [client_as(app, platform, "manager") for _ in range(2)]
        body = {"code": "parked", "name": "Parked"}
        assert race_of_requests(*[lambda one=one: one.post(f"{API}/statuses", json=body) for one in others]) == [
            201,
            409,
        ]

    def test_other_verbs_are_405(self, client: FlaskClient) -> None:
        for method in ("PUT", "PATCH", "DELETE"):
            error_of(client.open(f"{API}/statuses", method=method), 405, "METHOD_NOT_ALLOWED")

    def test_there_is_an_end_to_labels(self, client: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            connection.execute(
                "insert into ticket_statuses (code, name) select 'x' || n, 'X' from generate_series(1, 189) as n"
            )
        error_of(client.post(f"{API}/statuses", json={"code": "more", "name": "M"}), 409, "CONDITION_NOT_MET")
