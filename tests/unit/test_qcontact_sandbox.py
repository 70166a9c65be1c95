"""The sandbox of QContact answers as the service does, seen with a plain HTTP client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from integrations.qcontact.sandbox import EMAIL, PASSWORD, QUEUE, Case, NewCase, QContactSandbox
from integrations.qcontact.sandbox.__main__ import main
from integrations.qcontact.sandbox.accounts import LIFETIME, MOST_CLIENTS
from integrations.qcontact.sandbox.writing import ACCEPTED_STATUSES
from integrations.sandboxes.control import PLAIN
from tests.clocks import FixedClock
from tests.processes import PATIENCE

CASES = "/api/v2/entities/Case"
THANDI = NewCase(
    label="Connection Issue FT900123",
    reference="FT900123",
    category="Connectivity::Link Light",
    description="No internet since Monday, red light on ONT",
    drop="DR9900123",
    contact="Thandi Example",
    telephone="+27600000002",
    email="thandi@example.test",
    address="12 Example Street, Example Ext 3",
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def sandbox(clock: FixedClock) -> Iterator[QContactSandbox]:
    with QContactSandbox(clock=clock).serving() as sandbox:
        yield sandbox


@pytest.fixture
def case(sandbox: QContactSandbox) -> Case:
    return sandbox.add_case(THANDI)


@pytest.fixture
def stranger(sandbox: QContactSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=PATIENCE, verify=PLAIN) as client:
        yield client


@pytest.fixture
def client(sandbox: QContactSandbox, stranger: httpx.Client) -> httpx.Client:
    stranger.headers.update(sandbox.issue_tokens().headers)
    return stranger


def sign_in(client: httpx.Client, password: str = PASSWORD) -> httpx.Response:
    return client.post("/api/v2/auth/sign_in", json={"email": EMAIL, "password": password})


def tokens_of(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("uid", "access-token", "client")}


def conditions(*pairs: tuple[str, str], operator: str = "equals", group: str = "all") -> dict[str, str]:
    found = [{"name": name, "value": value, "operator": operator} for name, value in pairs]
    return {"filters": json.dumps([{"operator": group, "conditions": found}])}


def listed(client: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = client.get(CASES, params={"sort": "", "page": 1, "items": 50, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def detail(client: httpx.Client, case: Case) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{CASES}/{case.id}").json()
    return found


def patch(client: httpx.Client, case: Case, fields: dict[str, Any]) -> httpx.Response:
    return client.patch(f"{CASES}/{case.id}", json={"fields": fields})


def ids(page: dict[str, Any]) -> list[int]:
    return [row["id"] for row in page["results"]]


class TestSignIn:
    def test_tokens_come_in_headers_and_admit(
        self, sandbox: QContactSandbox, stranger: httpx.Client, clock: FixedClock
    ) -> None:
        answer = sign_in(stranger)
        assert (answer.status_code, answer.json()["data"]["email"]) == (200, EMAIL)
        assert (answer.headers["uid"], answer.headers["token-type"]) == (EMAIL, "Bearer")
        assert int(answer.headers["expiry"]) == int((clock.now() + LIFETIME).timestamp())
        assert stranger.get("/api/v2/me", headers=tokens_of(answer)).json()["data"]["uid"] == EMAIL
        assert sandbox.state()["sign_ins"] == 1

    def test_a_bad_password_is_401_without_tokens(self, sandbox: QContactSandbox, stranger: httpx.Client) -> None:
        answer = sign_in(stranger, "wrong")
        assert (answer.status_code, answer.json()["success"]) == (401, False)
        assert "access-token" not in answer.headers
        assert sandbox.state()["sign_ins"] == 0
        sandbox.switches.refuse_sign_in = True
        assert sign_in(stranger).status_code == 401

    def test_the_eleventh_client_throws_the_oldest_out(self, sandbox: QContactSandbox, stranger: httpx.Client) -> None:
        signed_in = [tokens_of(sign_in(stranger)) for _ in range(MOST_CLIENTS + 1)]
        statuses = [stranger.get("/api/v2/me", headers=tokens).status_code for tokens in signed_in]
        assert statuses == [401] + [200] * MOST_CLIENTS
        assert (sandbox.state()["sign_ins"], sandbox.state()["live_clients"]) == (11, 10)

    def test_tokens_may_come_in_the_body(self, sandbox: QContactSandbox, stranger: httpx.Client) -> None:
        sandbox.switches.tokens_in_body = True
        answer = sign_in(stranger)
        assert "access-token" not in answer.headers
        tokens = {name: answer.json()[name] for name in ("uid", "access-token", "client")}
        assert stranger.get("/api/v2/me", headers=tokens).status_code == 200


class TestTokens:
    @pytest.mark.parametrize("method_path", ["GET /me", "GET /entities/Case", "PATCH /entities/Case/1", "GET /nothing"])
    def test_nothing_answers_without_them(self, stranger: httpx.Client, method_path: str) -> None:
        method, path = method_path.split()
        assert stranger.request(method, f"/api/v2{path}").status_code == 401

    @pytest.mark.parametrize("name", ["uid", "access-token", "client"])
    def test_all_three_must_match(self, client: httpx.Client, name: str) -> None:
        assert client.get("/api/v2/me").status_code == 200
        assert client.get("/api/v2/me", headers={name: "other"}).status_code == 401

    def test_a_bearer_token_is_refused(self, client: httpx.Client) -> None:
        token = client.headers["access-token"]
        assert client.get("/api/v2/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_they_expire_when_told_after_two_weeks_and_for_good(
        self, sandbox: QContactSandbox, client: httpx.Client, clock: FixedClock
    ) -> None:
        clock.advance(LIFETIME)
        assert client.get("/api/v2/me").status_code == 401
        client.headers.update(tokens_of(sign_in(client)))
        assert client.get("/api/v2/me").status_code == 200
        sandbox.expire_tokens()
        assert client.get("/api/v2/me").status_code == 401
        sandbox.switches.always_unauthorised = True
        client.headers.update(tokens_of(sign_in(client)))
        assert client.get("/api/v2/me").status_code == 401

    def test_by_default_they_stay(self, client: httpx.Client) -> None:
        assert "access-token" not in client.get("/api/v2/me").headers

    def test_rotating_they_are_new_in_each_answer_with_a_grace_for_batches(
        self, sandbox: QContactSandbox, client: httpx.Client, clock: FixedClock
    ) -> None:
        sandbox.switches.rotate_tokens = True
        first = client.headers["access-token"]
        second = client.get("/api/v2/me").headers["access-token"]
        assert second not in ("", first)
        batch = client.get("/api/v2/me")
        assert (batch.status_code, batch.headers["access-token"]) == (200, "")
        clock.advance(timedelta(seconds=6))
        assert client.get("/api/v2/me").status_code == 401
        assert client.get("/api/v2/me", headers={"access-token": second}).status_code == 200


class TestList:
    def test_rows_have_labels_and_raw_values(self, client: httpx.Client, case: Case) -> None:
        page = listed(client)
        assert page["pagination"] == {"count": 1, "page": 1, "items": 50, "pages": 1}
        assert {"name": "status", "label": "Status", "type": "dropdown"} in page["columns"]
        (row,) = page["results"]
        assert row["id"] == case.id > 2**32
        assert (row["assigned_to"], row["__assigned_to"]) == ("Maintenance - Example", QUEUE)
        assert (row["contact"], row["category"]) == ("Thandi Example", "Connectivity::Link Light")
        assert (row["status"], row["__status"], row["c__dr_location"]) == ("Assigned", "Assigned", None)
        assert "telephone" not in row

    def test_filters_of_a_group_must_all_match_as_texts(
        self, sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        other = sandbox.add_case(NewCase("FT2", status="InProgress"))
        sandbox.add_case(NewCase("FT3", assignee="Support Queue"))
        queue = ("assigned_to", str(QUEUE))
        assert ids(listed(client, **conditions(queue))) == [other.id, case.id]
        assert ids(listed(client, **conditions(queue, ("status", "Assigned")))) == [case.id]
        # The status by its raw value and by its label; two of one name can never both match.
        assert ids(listed(client, **conditions(("status", "InProgress")))) == [other.id]
        assert ids(listed(client, **conditions(("status", "In Progress")))) == [other.id]
        assert ids(listed(client, **conditions(("status", "InProgress"), ("status", "Assigned")))) == []
        assert ids(listed(client, **conditions(("nothing", "x")))) == []

    @pytest.mark.parametrize(
        "query",
        [
            conditions(("status", "Closed"), operator="not_equals"),
            conditions(("status", "Closed"), operator="resembles"),
            conditions(("status", "Closed"), group="any"),
            {"filters": "[{"},
            {"filters": "{}"},
            {"filters": '[{"operator":"all","conditions":["status"]}]'},
        ],
    )
    def test_what_the_service_does_not_expect_breaks_it(self, client: httpx.Client, query: dict[str, str]) -> None:
        assert client.get(CASES, params=query).status_code == 500

    def test_the_view_of_all_is_empty(self, client: httpx.Client, case: Case) -> None:
        page = listed(client, view="all")
        assert (page["results"], page["pagination"]["count"]) == ([], 0)

    def test_pages_hold_every_case_once(self, sandbox: QContactSandbox, client: httpx.Client) -> None:
        made = [one.id for one in sandbox.add_cases(23)]
        pages = [listed(client, page=number, items=10) for number in (1, 2, 3, 4)]
        assert [len(page["results"]) for page in pages] == [10, 10, 3, 0]
        assert pages[1]["pagination"] == {"count": 23, "page": 2, "items": 10, "pages": 3}
        assert sorted(number for page in pages for number in ids(page)) == made

    def test_rows_move_between_pages(self, sandbox: QContactSandbox, client: httpx.Client) -> None:
        made = sandbox.add_cases(40)
        first = ids(listed(client, page=1, items=10))
        patch(client, made[0], {"status": "InProgress"})
        assert ids(listed(client, page=1, items=10)) == [made[0].id, *first[:9]]
        sandbox.switches.moving_rows = 5
        walked = [number for page in (1, 2, 3, 4) for number in ids(listed(client, page=page, items=10))]
        assert len(walked) == 40 > len(set(walked))

    @pytest.mark.parametrize(("switch", "with_status"), [("always", 4), ("some", 2), ("never", 0)])
    def test_rows_may_lack_their_status(
        self,
        sandbox: QContactSandbox,
        client: httpx.Client,
        switch: Literal["always", "some", "never"],
        with_status: int,
    ) -> None:
        sandbox.add_cases(4)
        sandbox.switches.row_status = switch
        rows = listed(client)["results"]
        assert sum("status" in row for row in rows) == sum("__status" in row for row in rows) == with_status

    def test_the_older_shape_has_its_total_at_the_top(
        self, sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        sandbox.switches.pagination_shape = "top_level"
        page = listed(client)
        assert (page["total"], page["page"], "pagination" in page) == (1, 1, False)


class TestDetail:
    def test_fields_are_raw_and_relationships_labelled(self, client: httpx.Client, case: Case) -> None:
        found = detail(client, case)
        assert (found["id"], found["label"]) == (case.id, "Connection Issue FT900123")
        fields, related = found["fields"], found["relationships"]
        assert (fields["status"], fields["assigned_to"], fields["reference"]) == ("Assigned", QUEUE, "FT900123")
        assert isinstance(fields["c__dr_number"], int)
        assert related["c__dr_number"] == {
            "id": fields["c__dr_number"],
            "type": "c__DR",
            "entity_type": "c__DR",
            "label": "DR9900123",
            "icon": "home",
            "deleted": False,
            "source": None,
            "status": None,
        }
        assert (related["contact"]["label"], related["c__location_pin"]) == ("Thandi Example", None)
        assert found["created_at"].endswith("Z")

    def test_a_bare_case_has_null_relationships(self, sandbox: QContactSandbox, client: httpx.Client) -> None:
        found = detail(client, sandbox.add_case(NewCase("FT5", assignee=None)))
        assert set(found["relationships"].values()) == {None}
        assert (found["fields"]["telephone"], found["fields"]["c__dr_number"]) == (None, None)

    @pytest.mark.parametrize("case_id", ["21934999999", "FT900123", "1"])
    def test_unknown_ids_are_404(self, client: httpx.Client, case: Case, case_id: str) -> None:
        assert client.get(f"{CASES}/{case_id}").status_code == 404
        assert client.get(f"{CASES}/{case_id}/events").status_code == 404
        assert client.patch(f"{CASES}/{case_id}", json={"fields": {}}).status_code == 404

    def test_the_older_shape_is_flat(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        sandbox.switches.detail_shape = "flat"
        found = detail(client, case)
        assert (found["status"], found["reference"], "fields" in found) == ("Assigned", "FT900123", False)

    @pytest.mark.parametrize(
        ("form", "row", "raw", "whole"),
        [
            ("by_place", "In Progress", "InProgress", "InProgress"),
            ("label", "In Progress", "In Progress", "In Progress"),
            ("api", "InProgress", "InProgress", "InProgress"),
        ],
    )
    def test_statuses_are_worded_both_ways(
        self,
        sandbox: QContactSandbox,
        client: httpx.Client,
        form: Literal["by_place", "label", "api"],
        row: str,
        raw: str,
        whole: str,
    ) -> None:
        case = sandbox.add_case(NewCase("FT5", status="InProgress"))
        sandbox.switches.status_form = form
        (found,) = listed(client)["results"]
        assert (found["status"], found["__status"], detail(client, case)["fields"]["status"]) == (row, raw, whole)


class TestTimeline:
    def test_changes_show_as_differences_the_newest_first(self, client: httpx.Client, case: Case) -> None:
        patch(client, case, {"status": "InProgress"})
        patch(client, case, {"assigned_to": None})
        newest, oldest = client.get(f"{CASES}/{case.id}/events").json()["results"]
        assert newest["formatted_changes"] == {
            "$t.fields.assigned_to": {
                "field": "Assigned to",
                "old_value": "Maintenance - Example",
                "new_value": None,
            }
        }
        assert oldest["changes"] == {"status": ["Assigned", "InProgress"]}
        assert oldest["formatted_changes"]["$t.fields.status"]["new_value"] == "In Progress"
        assert (oldest["event_type"], oldest["user"]["label"], oldest["public_note"]) == ("update", "NOC Bot", False)

    def test_pages_and_the_older_names(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        for number in range(30):
            patch(client, case, {"address": f"{number} Example Street"})
        sandbox.switches.events_shape = "list"
        sandbox.switches.event_names = "old"
        pages = [client.get(f"{CASES}/{case.id}/events", params={"page": page}).json() for page in (1, 2, 3)]
        assert [len(page) for page in pages] == [25, 5, 0]
        assert {"type", "created_at", "public", "is_pinned"} <= pages[0][0].keys()
        assert pages[0][0]["user"]["name"] == "NOC Bot"


class TestUpdate:
    def test_only_what_is_wrapped_is_applied(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        answer = client.patch(f"{CASES}/{case.id}", json={"status": "InProgress"})
        assert (answer.status_code, answer.json()["fields"]["status"]) == (200, "Assigned")
        answer = patch(client, case, {"status": "InProgress"})
        assert (answer.status_code, answer.json()["fields"]["status"]) == (200, "InProgress")
        flat, wrapped = sandbox.journal.matching(method="PATCH")
        assert (flat.facts["wrapped"], flat.facts["changed"]) == (False, {})
        assert (wrapped.facts["wrapped"], wrapped.facts["changed"]) == (True, {"status": ("Assigned", "InProgress")})

    @pytest.mark.parametrize("status", sorted(ACCEPTED_STATUSES))
    def test_exact_statuses_are_taken(self, client: httpx.Client, case: Case, status: str) -> None:
        assert patch(client, case, {"status": status}).json()["fields"]["status"] == status

    @pytest.mark.parametrize(
        "status", ["In Progress", "inprogress", "Closed", "Unsolved - No Response", "New", "", None]
    )
    def test_other_statuses_are_refused_and_nothing_changes(
        self, sandbox: QContactSandbox, client: httpx.Client, case: Case, status: Any
    ) -> None:
        assert patch(client, case, {"address": "elsewhere", "status": status}).status_code == 422
        assert detail(client, case)["fields"]["address"] == THANDI.address
        sandbox.switches.invalid_value_status = 400
        assert patch(client, case, {"status": status}).status_code == 400

    @pytest.mark.parametrize("fields", [{"status": "Open"}, {"description": "more"}, {"assigned_to": QUEUE}, {}])
    def test_a_closed_case_refuses_everything(
        self, sandbox: QContactSandbox, client: httpx.Client, case: Case, fields: dict[str, Any]
    ) -> None:
        sandbox.edit(case.id, {"status": "Closed"})
        answer = patch(client, case, fields)
        assert (answer.status_code, "re-opened" in answer.text) == (422, True)

    def test_dropdowns_take_their_options_only(self, client: httpx.Client, case: Case) -> None:
        assert patch(client, case, {"c__update": "Technician on site"}).status_code == 200
        assert patch(client, case, {"c__feedback": "Customer satisfied"}).status_code == 200
        assert patch(client, case, {"c__update": None}).status_code == 200
        assert patch(client, case, {"c__update": "Called client, wants a morning visit"}).status_code == 422

    def test_the_assignee_is_the_id_of_a_user(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        sipho = sandbox.records.users.id_of("Sipho Example")
        assert patch(client, case, {"assigned_to": sipho}).json()["relationships"]["assigned_to"]["label"] == (
            "Sipho Example"
        )
        assert patch(client, case, {"assigned_to": None}).json()["relationships"]["assigned_to"] is None
        for wrong in ("Sipho Example", str(sipho), 5, True):
            assert patch(client, case, {"assigned_to": wrong}).status_code == 422
        sandbox.switches.assignee_names = True
        assert patch(client, case, {"assigned_to": "Sipho Example"}).json()["fields"]["assigned_to"] == sipho
        assert patch(client, case, {"assigned_to": "Nobody"}).status_code == 422

    def test_names_that_no_case_has_are_passed_over(self, client: httpx.Client, case: Case) -> None:
        answer = patch(client, case, {"colour": "blue", "description": "new"})
        assert (answer.status_code, answer.json()["fields"]["description"]) == (200, "new")
        assert "colour" not in answer.json()["fields"]
        assert patch(client, case, {"description": 5}).status_code == 422

    def test_it_may_say_200_and_do_nothing(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        sandbox.switches.ignore_writes = True
        assert patch(client, case, {"status": "Solved"}).status_code == 200
        assert detail(client, case)["fields"]["status"] == "Assigned"

    def test_a_body_that_is_no_object_is_400(self, client: httpx.Client, case: Case) -> None:
        assert client.patch(f"{CASES}/{case.id}", content=b"[]").status_code == 400
        assert client.patch(f"{CASES}/{case.id}", content=b"{").status_code == 400


class TestNotes:
    def note(self, client: httpx.Client, case_id: int) -> httpx.Response:
        body = {"entity_type": "Case", "entity_id": case_id, "subtitle": "On site 10:20", "public_note": True}
        return client.post("/api/v2/entities/Note", json=body)

    def test_the_partner_may_not(self, sandbox: QContactSandbox, client: httpx.Client, case: Case) -> None:
        assert self.note(client, case.id).status_code == 403
        assert case.events == []
        assert sandbox.journal.entries()[-1].facts["refused"] == "no_right"

    def test_with_the_right_it_shows_on_the_timeline(
        self, sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        sandbox.switches.notes_allowed = True
        answer = self.note(client, case.id)
        (event,) = client.get(f"{CASES}/{case.id}/events").json()["results"]
        assert (answer.status_code, answer.json()["id"]) == (201, event["id"])
        assert (event["event_type"], event["subtitle"], event["public_note"]) == ("note", "On site 10:20", True)
        assert self.note(client, 5).status_code == 422


def test_samples_are_the_same_for_the_same_seed() -> None:
    def cases(seed: int) -> list[dict[str, Any]]:
        return [case.fields for case in QContactSandbox(seed=seed).add_cases(50)]

    assert cases(1) == cases(1) != cases(2)


def test_samples_vary_and_take_the_drops_that_are_given() -> None:
    sandbox = QContactSandbox()
    made = sandbox.add_cases(300, drops=("DR1900001", "DR1900002")) + sandbox.add_cases(10)
    assert len({case.fields["reference"] for case in made}) == 310
    assert {sandbox.records.drops.name_of(case.fields["c__dr_number"]) for case in made[:300]} == {
        "DR1900001",
        "DR1900002",
    }
    assert {case.fields["telephone"] is None for case in made} == {True, False}
    assert len({case.fields["category"] for case in made}) > 6


def test_the_module_serves_with_its_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[QContactSandbox] = []
    monkeypatch.setattr("integrations.qcontact.sandbox.__main__.serve", served.append)
    monkeypatch.setattr("sys.argv", ["sandbox", "--port", "0", "--cases", "7", "--seed", "3"])
    main()
    assert (len(served[0].records.cases), served[0].seed, served[0].host) == (7, 3, "127.0.0.1")
