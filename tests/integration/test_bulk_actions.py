"""Bulk actions on a real database: a result for each ticket, by the rules of one change, once, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import bulk_actions as routes
from admin_api.app import create_app
from jobs import operations, running_again
from jobs.kinds import act_on_tickets
from jobs.outcomes import JobCancelled
from sql.database import queries
from tests.answers import error_of
from tests.factories import Row, make, make_contractor, make_project, make_team, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import make_many_tickets
from tests.races import at_once
from tests.running import job_row, run_jobs
from ticketing import ticket_views
from ticketing.bulk_actions import service, views
from ticketing.bulk_actions.rules import MOST_TICKETS
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"
URL = f"{API}/bulk-actions"
WAIT = 30


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def manager(platform: Platform) -> Row:
    return make(platform, make_user, roles=["manager"])


@pytest.fixture
def client(app: Flask, platform: Platform, manager: Row) -> FlaskClient:
    return client_as(app, platform, "manager", user_id=manager["id"], name="Console")


def make_tickets(platform: Platform, how_many: int, **columns: Any) -> list[UUID]:
    return [make(platform, make_ticket, **columns)["id"] for _ in range(how_many)]


def ask(client: FlaskClient, tickets: list[UUID] | None = None, **body: Any) -> dict[str, Any]:
    named = {"ticket_ids": [str(ticket_id) for ticket_id in tickets]} if tickets else {}
    answer = client.post(URL, json=named | body)
    assert answer.status_code in {200, 202}, answer.json
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def results(client: FlaskClient, asked: dict[str, Any], query: str = "") -> dict[str, dict[str, Any]]:
    answer = client.get(f"{URL}/{asked['id']}/results{query}")
    assert answer.status_code == 200, answer.json
    return {row["ticket_id"]: row for row in answer.get_json()["data"]}


def read(client: FlaskClient, asked: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = client.get(f"{URL}/{asked['id']}").get_json()["data"]
    return data


def ticket_row(platform: Platform, ticket_id: UUID) -> Row:
    with platform.read() as connection:
        return ticket_views.get_ticket(connection, SYSTEM, ticket_id)


def events(platform: Platform, ticket_id: UUID) -> list[dict[str, Any]]:
    with platform.read() as connection:
        return ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest())[0][::-1]


def times_changed(platform: Platform, ticket_id: UUID) -> int:
    """How often the fields of a ticket were changed; what follows from that (its SLA) has events of its own."""
    return [event["event_type"] for event in events(platform, ticket_id)].count("ticket_updated")


class TestAssigning:
    @pytest.mark.parametrize(
        ("field", "factory"),
        [("assigned_to", make_user), ("assigned_contractor_id", make_contractor), ("assigned_team_id", make_team)],
    )
    def test_an_open_ticket_that_is_given_to_somebody_becomes_assigned(
        self, client: FlaskClient, platform: Platform, manager: Row, field: str, factory: Any
    ) -> None:
        whom = make(platform, factory)["id"]
        tickets = make_tickets(platform, 3)
        asked = ask(client, tickets, action="assign", **{field: str(whom)})
        assert (asked["total"], asked["dry_run"]) == (3, False)
        job, *_ = run_jobs(platform)
        assert (str(job["id"]), job["state"], job["result"]["done"]) == (asked["job_id"], "completed", 3)
        for ticket_id in tickets:
            ticket = ticket_row(platform, ticket_id)
            assert (ticket["status"], ticket[field]) == ("assigned", whom)
            # Done as by the manager who asked, in the job that did it.
            assert {
                (event["event_type"], event["actor_id"], event["job_id"]) for event in events(platform, ticket_id)
            } == {
                ("ticket_assigned", manager["id"], job["id"]),
                ("ticket_status_changed", manager["id"], job["id"]),
            }

    def test_whoever_does_not_exist_is_named_before_anything_is_written(
        self, client: FlaskClient, platform: Platform
    ) -> None:
        tickets = make_tickets(platform, 1)
        body = {"ticket_ids": [str(tickets[0])], "action": "assign", "assigned_team_id": str(uuid4())}
        assert set(error_of(client.post(URL, json=body), 422, "VALIDATION_ERROR")["details"]) == {"assigned_team_id"}
        assert run_jobs(platform) == []


class TestResults:
    def test_each_ticket_has_a_result_and_a_refusal_tells_the_moves(
        self, client: FlaskClient, platform: Platform
    ) -> None:
        assigned, open_, working, closed, qa = (
            make_tickets(platform, 1, status=status)[0]
            for status in ("assigned", "open", "in_progress", "closed", "qa_in_progress")
        )
        nowhere = uuid4()
        asked = ask(
            client, [assigned, open_, working, closed, qa, nowhere, assigned], action="status", status="in_progress"
        )
        assert asked["total"] == 6
        run_jobs(platform)
        found = results(client, asked)
        assert {key: row["outcome"] for key, row in found.items()} == {
            str(assigned): "done",
            str(working): "unchanged",
            str(open_): "refused",
            str(closed): "refused",
            str(qa): "refused",
            str(nowhere): "refused",
        }
        refused = found[str(open_)]
        assert refused["code"] == "INVALID_STATUS_TRANSITION"
        assert refused["details"] == {
            "current": "open",
            "requested": "in_progress",
            "allowed": ["assigned", "cancelled"],
        }
        assert found[str(closed)]["details"]["allowed"] == []
        assert found[str(nowhere)]["code"] == "NOT_FOUND"
        assert found[str(assigned)]["status"] == "in_progress"
        assert list(results(client, asked, "?outcome=done")) == [str(assigned)]
        assert len(results(client, asked, "?outcome=refused")) == 4
        assert events(platform, open_) == []
        view = read(client, asked)
        assert (view["state"], view["counts"]) == (
            "completed",
            {"done": 1, "unchanged": 1, "refused": 4, "waiting": 0},
        )
        assert (view["asked_by"], view["changes"], view["filter"]) == ("Console", {"status": "in_progress"}, None)

    def test_a_condition_that_is_not_met_is_named(self, client: FlaskClient, platform: Platform) -> None:
        (ticket,) = make_tickets(platform, 1, status="qa_in_progress")
        asked = ask(client, [ticket], action="status", status="qa_rejected")
        run_jobs(platform)
        (row,) = results(client, asked).values()
        assert (row["code"], row["details"]["missing"][0]["condition"]) == ("CONDITION_NOT_MET", "reason")
        again = ask(client, [ticket], action="status", status="qa_rejected", reason="Photos are blurred")
        run_jobs(platform)
        assert results(client, again)[str(ticket)]["outcome"] == "done"
        assert events(platform, ticket)[-1]["details"] == {"reason": "Photos are blurred"}

    def test_what_the_database_refuses_of_one_stops_no_other(
        self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A rule that only the database knows."""
        tickets = make_tickets(platform, 3)
        with platform.read() as connection:
            connection.execute(
                f"alter table tickets add constraint test check (priority <> 'urgent' or id <> '{tickets[1]}')"
            )
        asked = ask(client, tickets, action="priority", priority="urgent")
        run_jobs(platform)
        found = results(client, asked)
        assert [found[str(ticket_id)]["outcome"] for ticket_id in tickets] == ["done", "refused", "done"]
        assert found[str(tickets[1])]["code"] == "DATABASE_ERROR"
        assert events(platform, tickets[1]) == []

    def test_results_are_paged(self, client: FlaskClient, platform: Platform) -> None:
        tickets = make_tickets(platform, 5)
        asked = ask(client, tickets, action="priority", priority="urgent")
        assert len(results(client, asked, "?outcome=waiting")) == 5
        run_jobs(platform)
        seen: list[str] = []
        query = "?pageSize=2"
        while query:
            body = client.get(f"{URL}/{asked['id']}/results{query}").get_json()
            seen += [row["ticket_id"] for row in body["data"]]
            cursor = body["pagination"]["next_cursor"]
            query = f"?pageSize=2&cursor={cursor}" if cursor else ""
        assert seen == sorted(str(ticket_id) for ticket_id in tickets)

    def test_bulk_actions_are_listed_newest_first(self, client: FlaskClient, platform: Platform) -> None:
        (ticket,) = make_tickets(platform, 1)
        asked = [ask(client, [ticket], action="priority", priority=word)["id"] for word in ("low", "high", "urgent")]
        first = client.get(f"{URL}?pageSize=2").get_json()
        assert [row["id"] for row in first["data"]] == [asked[2], asked[1]]
        rest = client.get(f"{URL}?pageSize=2&cursor={first['pagination']['next_cursor']}").get_json()
        assert [row["id"] for row in rest["data"]] == [asked[0]]
        assert rest["pagination"]["next_cursor"] is None

    def test_what_does_not_exist_is_404(self, client: FlaskClient) -> None:
        for path in ("", "/results"):
            error_of(client.get(f"{URL}/{uuid4()}{path}"), 404, "NOT_FOUND")
            error_of(client.get(f"{URL}/7{path}"), 422, "VALIDATION_ERROR")
        error_of(client.post(f"{URL}/{uuid4()}/cancel"), 404, "NOT_FOUND")

    def test_a_tickets_jobs_know_of_it(self, client: FlaskClient, platform: Platform) -> None:
        (ticket,) = make_tickets(platform, 1)
        asked = ask(client, [ticket], action="priority", priority="urgent")
        with platform.read() as connection:
            row = connection.execute(
                "select job_id from job_subjects where subject_type = 'ticket' and subject_id = %s", [str(ticket)]
            ).fetchone()
        assert row == {"job_id": UUID(asked["job_id"])}


class TestChoosing:
    def test_a_filter_means_the_tickets_of_the_moment(self, client: FlaskClient, platform: Platform) -> None:
        project = make(platform, make_project, code="LAW")["id"]
        wanted = make_tickets(platform, 3, project_id=project)
        make_tickets(platform, 1)
        body: Any = {"action": "priority", "priority": "high", "filter": {"project_id": "law", "status": "open"}}
        counted = ask(client, **body, dry_run=True)
        assert counted == {"id": None, "job_id": None, "total": 3, "dry_run": True}
        asked = ask(client, **body)
        late = make_tickets(platform, 1, project_id=project)[0]
        with platform.read() as connection:
            connection.execute("update tickets set status = 'assigned' where id = %s", [wanted[0]])
        run_jobs(platform)
        assert set(results(client, asked)) == {str(ticket_id) for ticket_id in wanted}
        assert [ticket_row(platform, ticket_id)["priority"] for ticket_id in [*wanted, late]] == [
            *["high"] * 3,
            "normal",
        ]
        assert read(client, asked)["filter"] == {"project_id": "law", "status": "open"}

    def test_nothing_and_too_many_are_refused(
        self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_tickets(platform, 3)
        body: dict[str, Any] = {"action": "priority", "priority": "high", "filter": {"status": "closed"}}
        assert "no ticket" in error_of(client.post(URL, json=body), 422, "VALIDATION_ERROR")["message"]
        monkeypatch.setattr(service, "MOST_TICKETS", 2)
        body["filter"] = {"status": "open"}
        assert "more than 2" in error_of(client.post(URL, json=body), 422, "VALIDATION_ERROR")["message"]
        assert run_jobs(platform) == []

    def test_a_key_makes_it_once(self, client: FlaskClient, platform: Platform) -> None:
        (ticket,) = make_tickets(platform, 1)
        body = {"ticket_ids": [str(ticket)], "action": "priority", "priority": "high"}
        both = [client.post(URL, json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert both[0].data == both[1].data
        assert len(run_jobs(platform)) == 1


class TestRights:
    @pytest.mark.parametrize("role", ["operator", "technician", "contractor", "viewer"])
    def test_most_may_not_ask(self, app: Flask, platform: Platform, role: Any) -> None:
        body = {"ticket_ids": [str(uuid4())], "action": "priority", "priority": "high"}
        error_of(client_as(app, platform, role).post(URL, json=body), 403, "FORBIDDEN")

    def test_qa_moves_and_does_not_assign_and_each_ticket_asks_again(self, app: Flask, platform: Platform) -> None:
        qa = client_as(app, platform, "qa")
        pending, opened = (make_tickets(platform, 1, status=status)[0] for status in ("pending_qa", "open"))
        body = {"ticket_ids": [str(pending)], "action": "priority", "priority": "high"}
        error_of(qa.post(URL, json=body), 403, "FORBIDDEN")
        asked = ask(qa, [pending, opened], action="status", status="in_progress")
        run_jobs(platform)
        found = results(qa, asked)
        assert found[str(pending)]["outcome"] == "done"
        assert found[str(opened)]["outcome"] == "refused"


class TestInterruptions:
    def test_after_a_crash_it_goes_on_and_does_no_ticket_twice(
        self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tickets = make_tickets(platform, 7)
        asked = ask(client, tickets, action="priority", priority="urgent")
        monkeypatch.setattr(act_on_tickets, "AT_ONCE", 2)
        crash_in_batch(monkeypatch, 3, RuntimeError("the machine is gone"))
        (job,) = run_jobs(platform)
        assert (job["state"], job["attempt"]) == ("retryable", 1)
        assert read(client, asked)["counts"] == {"done": 4, "unchanged": 0, "refused": 0, "waiting": 3}
        monkeypatch.undo()
        make_due(platform)
        (job,) = run_jobs(platform)
        assert (job["state"], job["attempt"], job["progress_done"]) == ("completed", 2, 7)
        assert job["result"]["done"] == 7
        assert [times_changed(platform, ticket_id) for ticket_id in tickets] == [1] * 7

    def test_a_cancelled_one_leaves_the_rest_as_it_is(
        self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tickets = make_tickets(platform, 5)
        asked = ask(client, tickets, action="priority", priority="urgent")
        monkeypatch.setattr(act_on_tickets, "AT_ONCE", 2)
        crash_in_batch(monkeypatch, 2, JobCancelled())
        run_jobs(platform)
        view = read(client, asked)
        assert (view["state"], view["counts"]["done"], view["counts"]["waiting"]) == ("cancelled", 2, 3)
        assert sum(ticket_row(platform, ticket_id)["priority"] == "urgent" for ticket_id in tickets) == 2

    def test_cancelling_before_it_began(self, app: Flask, client: FlaskClient, platform: Platform) -> None:
        tickets = make_tickets(platform, 2)
        asked = ask(client, tickets, action="priority", priority="urgent")
        error_of(client_as(app, platform, "qa").post(f"{URL}/{asked['id']}/cancel"), 403, "FORBIDDEN")
        moves = [lambda: client.post(f"{URL}/{asked['id']}/cancel", json={"reason": "wrong list"})] * 2
        assert sorted(answer.status_code for answer in at_once(moves)) == [200, 409]
        assert run_jobs(platform) == []
        assert read(client, asked)["state"] == "cancelled"
        assert job_row(platform, asked["job_id"])["state"] == "cancelled"

    def test_one_that_is_run_again_is_shown_as_it_goes_and_ends(self, client: FlaskClient, platform: Platform) -> None:
        asked = ask(client, make_tickets(platform, 3), action="priority", priority="urgent")
        client.post(f"{URL}/{asked['id']}/cancel")
        again = run_again(platform, asked)
        view = read(client, asked)
        assert (view["state"], view["job_id"], view["cancel_requested"]) == ("waiting", str(again), False)
        run_jobs(platform)
        view = read(client, asked)
        assert (view["state"], view["job_id"], view["counts"]["done"]) == ("completed", str(again), 3)

    def test_one_that_is_run_again_can_be_stopped_again(self, client: FlaskClient, platform: Platform) -> None:
        asked = ask(client, make_tickets(platform, 3), action="priority", priority="urgent")
        client.post(f"{URL}/{asked['id']}/cancel")
        again = run_again(platform, asked)
        stopped = client.post(f"{URL}/{asked['id']}/cancel", json={"reason": "not that either"})
        assert (stopped.status_code, stopped.get_json()["data"]["state"]) == (200, "cancelled")
        assert job_row(platform, str(again))["cancel_reason"] == "not that either"
        assert run_jobs(platform) == []

    def test_an_older_job_that_is_retried_is_the_one_that_counts(self, client: FlaskClient, platform: Platform) -> None:
        asked = ask(client, make_tickets(platform, 3), action="priority", priority="urgent")
        client.post(f"{URL}/{asked['id']}/cancel")
        run_again(platform, asked)
        client.post(f"{URL}/{asked['id']}/cancel")
        with platform.begin(SYSTEM) as work:
            operations.act_on_job(work, UUID(asked["job_id"]), "retry")
        assert (read(client, asked)["state"], read(client, asked)["job_id"]) == ("waiting", asked["job_id"])
        run_jobs(platform)
        assert (read(client, asked)["state"], read(client, asked)["job_id"]) == ("completed", asked["job_id"])

    def test_once_the_ledger_forgot_the_job_the_results_stay(self, client: FlaskClient, platform: Platform) -> None:
        tickets = make_tickets(platform, 2)
        asked = ask(client, tickets, action="priority", priority="urgent")
        run_jobs(platform)
        with platform.read() as connection:
            connection.execute("delete from jobs where id = %s", [asked["job_id"]])
        view = read(client, asked)
        assert (view["state"], view["job_id"], view["counts"]["done"]) == ("completed", None, 2)
        error_of(client.post(f"{URL}/{asked['id']}/cancel"), 409, "CONDITION_NOT_MET")


def run_again(platform: Platform, asked: dict[str, Any]) -> UUID:
    """Run the job of a bulk action again, as an operator does; return the new job's id."""
    with platform.begin(SYSTEM) as work:
        arguments = {"bulk_action_id": asked["id"]}
        return running_again.run_again(work, platform.registry, UUID(asked["job_id"]), arguments, "after all").id


def crash_in_batch(monkeypatch: pytest.MonkeyPatch, which: int, error: BaseException) -> None:
    """Let the job die in the given batch after its tickets were written, before that was committed."""
    settle, batches = service.settle_next, iter(range(1, 100))

    def crashing(*arguments: Any) -> int:
        settled = settle(*arguments)
        if next(batches) == which:
            raise error
        return settled

    monkeypatch.setattr(service, "settle_next", crashing)


def make_due(platform: Platform) -> None:
    with platform.read() as connection:
        connection.execute("update jobs set state = 'available', scheduled_at = now() where state = 'retryable'")


def test_of_two_bulk_actions_at_once_one_moves_each_ticket_and_the_other_is_told(
    client: FlaskClient, platform: Platform
) -> None:
    tickets = make_tickets(platform, 12, status="qa_approved", fault_cause="unknown")
    asked = [ask(client, tickets, action="status", status=word) for word in ("pending_handover", "closed")]

    def do(one: dict[str, Any]) -> None:
        with platform.read() as connection:
            bulk = service.find(connection, UUID(one["id"]))
        settled = 1
        while settled:
            with platform.begin(bulk.actor) as work:
                settled = service.settle_next(work, bulk, 2)

    at_once([lambda one=one: do(one) for one in asked])  # type: ignore[misc]
    first, second = (results(client, one) for one in asked)
    for ticket_id in map(str, tickets):
        ends = (first[ticket_id]["outcome"], second[ticket_id]["outcome"])
        # To go from waiting for handover straight to closed is no move, nor is any from closed.
        assert sorted(ends) == ["done", "refused"]
        refused = first[ticket_id] if ends[0] == "refused" else second[ticket_id]
        assert refused["code"] == "INVALID_STATUS_TRANSITION"


def test_two_attempts_at_one_bulk_action_share_its_tickets(client: FlaskClient, platform: Platform) -> None:
    tickets = make_tickets(platform, 10)
    asked = ask(client, tickets, action="priority", priority="urgent")

    def do() -> int:
        with platform.read() as connection:
            bulk = service.find(connection, UUID(asked["id"]))
        total, settled = 0, 1
        while settled:
            with platform.begin(bulk.actor) as work:
                settled = service.settle_next(work, bulk, 3)
            total += settled
        return total

    assert sum(at_once([do, do])) <= 10
    do()
    assert [times_changed(platform, ticket_id) for ticket_id in tickets] == [1] * 10


def test_plans_use_indexes(client: FlaskClient, platform: Platform) -> None:
    with platform.read() as connection:
        make_many_tickets(connection, 20_000)
        ids = [row["id"] for row in connection.execute("select id from tickets limit %s", [MOST_TICKETS])]
    asked = [ask(client, ids, action="priority", priority="low") for _ in range(2)]
    with platform.read() as connection:
        connection.execute("analyze bulk_action_tickets")
        common = {"bulk_action_id": UUID(asked[0]["id"]), "after_id": ids[5000], "row_limit": 51}
        named = queries("bulk_actions")
        for query, values in (
            (named.list_bulk_results, common | {"outcome": None, "waiting": None}),
            (named.list_bulk_results, common | {"outcome": "refused", "waiting": None}),
            (named.list_bulk_results, common | {"outcome": None, "waiting": True}),
            (named.take_waiting, {"bulk_action_id": common["bulk_action_id"], "how_many": 25}),
        ):
            plan = str(connection.execute("explain " + query.sql, values, prepare=False).fetchall())
            assert "Seq Scan" not in plan, plan
        chosen = ticket_views.filter_parameters(connection, ticket_views.TicketFilter(dr_number="DR1000777"))
        values = chosen | ticket_views.EVERYTHING.parameters() | {"row_limit": MOST_TICKETS + 1}
        plan = str(connection.execute("explain " + named.choose_tickets.sql, values, prepare=False).fetchall())
        assert "tickets_dr_number_idx" in plan
        assert views.list_bulk_actions(connection, before_id=None, limit=5)
