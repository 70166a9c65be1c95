"""Idempotency keys: sent twice, done once, answered the same; in a race, too, and after a failure."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from admin_api.app import create_app
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import unit_of_work
from admin_api.idempotency import idempotent
from admin_api.responses import success
from jobs.platform import Platform
from runtime.settings import Settings
from tests.answers import data_of
from tests.clocks import FixedClock
from tests.factories import make_user
from tests.factories.access import client_as
from tests.factories.attachments import draw, make_site_ticket
from tests.factories.handover import make_finished_ticket
from tests.factories.tickets import make_actor
from tests.races import wait_until_somebody_waits
from ticketing import idempotency
from ticketing.errors import AlreadyExists

people = blueprint("people")
WAIT = 15

people_answers: list[str] = []

_started = threading.Event()
_go_on = threading.Event()


@people.post("/people")
@requires("manager")
@idempotent
def add() -> Response:
    """Write one row, and misbehave as the request asks."""
    with unit_of_work() as work:
        name = request.form.get("name") or request.get_json()["name"]
        row = make_user(work.connection, name=name)
        if "slow" in request.args:
            _started.set()
            assert _go_on.wait(WAIT)
        if "fail" in request.args:
            raise AlreadyExists("on purpose")
        if "verbatim" in request.args:
            return Response(people_answers.pop(), content_type="application/json")
        return success({"id": row["id"], "name": name}, status=201)


@pytest.fixture
def app(platform: Platform) -> Flask:
    _started.clear()
    _go_on.clear()
    return create_app(platform=platform, blueprints=[people])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def post(client: FlaskClient, key: str | None, name: str = "Sipho", query: str = "") -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/api/ticketing/people{query}", json={"name": name}, headers=headers)


def people_in(platform: Platform) -> int:
    with platform.read() as connection:
        row = connection.execute("select count(*) as n from users").fetchone()
    assert row is not None
    return int(row["n"])


def test_the_same_request_twice_is_done_once_and_answered_the_same(client: FlaskClient, platform: Platform) -> None:
    first, second = post(client, "k-1"), post(client, "k-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert first.content_type == second.content_type
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert people_in(platform) == 1


def test_an_answer_is_kept_to_the_byte(client: FlaskClient) -> None:
    """Order of keys, spelling of numbers, zero characters: what a document store would put right stays as it was."""
    odd = '{"z": 1.0, "a": 10.50, "a": "\\u0000 Thandi \\u00e9", "b":[ ] }'
    people_answers.append(odd)
    first, second = post(client, "k-odd", query="?verbatim"), post(client, "k-odd", query="?verbatim")
    assert first.data == second.data == odd.encode()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert people_answers == []


def test_without_a_key_each_request_is_its_own(client: FlaskClient, platform: Platform) -> None:
    assert post(client, None).json["data"]["id"] != post(client, None).json["data"]["id"]
    assert people_in(platform) == 2


@pytest.mark.parametrize("other", [{"name": "Zanele"}, {"query": "?other=1"}])
def test_a_key_with_another_request_is_refused(client: FlaskClient, platform: Platform, other: dict[str, str]) -> None:
    post(client, "k-1")
    answer = post(client, "k-1", **other)
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert people_in(platform) == 1


def test_two_callers_may_draw_the_same_key(app: Flask, client: FlaskClient, platform: Platform) -> None:
    other = client_as(app, platform, "manager")
    assert post(client, "k-1").json["data"]["id"] != post(other, "k-1").json["data"]["id"]


def test_a_failure_is_not_kept_and_leaves_nothing(client: FlaskClient, platform: Platform) -> None:
    failed = post(client, "k-1", query="?fail")
    assert failed.status_code == 409
    assert people_in(platform) == 0
    assert post(client, "k-1").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\tbed"])
def test_a_key_that_is_no_key_is_refused(client: FlaskClient, key: str) -> None:
    assert post(client, key).status_code == 422


def upload(client: FlaskClient, content: bytes) -> Any:
    data = {"name": "Ayanda", "file": (io.BytesIO(content), "week.xlsx")}
    return client.post(
        "/api/ticketing/people",
        data=data,
        content_type="multipart/form-data",
        headers={"Idempotency-Key": "k-1"},
    )


def test_an_upload_is_known_by_its_content_and_not_by_its_boundary(client: FlaskClient, platform: Platform) -> None:
    first, second = upload(client, b"same"), upload(client, b"same")
    assert first.json == second.json
    assert upload(client, b"other").status_code == 422
    assert people_in(platform) == 1


def race(client_of: Callable[[], FlaskClient], query: str, platform: Platform) -> tuple[Any, Any]:
    """Send a request that hangs, a duplicate while it does, and let both end."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, client_of(), "k-1", query=query)
        assert _started.wait(WAIT)
        second = pool.submit(post, client_of(), "k-1", query=query)
        wait_until_somebody_waits(platform)
        _go_on.set()
        return first.result(WAIT), second.result(WAIT)


def test_of_two_at_once_one_does_the_work_and_the_other_waits_for_its_answer(app: Flask, platform: Platform) -> None:
    key_of = client_as(app, platform, "manager").environ_base["HTTP_AUTHORIZATION"]
    first, second = race(lambda: same_caller(app, key_of), "?slow", platform)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["data"] == second.json["data"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert people_in(platform) == 1


def same_caller(app: Flask, authorization: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = authorization
    return client


def test_when_the_first_one_fails_the_waiting_one_does_the_work(app: Flask, platform: Platform) -> None:
    key_of = client_as(app, platform, "manager").environ_base["HTTP_AUTHORIZATION"]
    first, second = race(lambda: same_caller(app, key_of), "?slow&fail", platform)
    assert (first.status_code, second.status_code) == (409, 409)
    assert "Idempotency-Replayed" not in second.headers
    assert people_in(platform) == 0


def test_a_duplicate_does_not_wait_for_ever(app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT", "50ms")
    authorization = client_as(app, platform, "manager").environ_base["HTTP_AUTHORIZATION"]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, same_caller(app, authorization), "k-1", query="?slow")
        assert _started.wait(WAIT)
        second = post(same_caller(app, authorization), "k-1", query="?slow")
        _go_on.set()
        assert first.result(WAIT).status_code == 201
    assert second.status_code == 409
    assert second.json["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"


def test_old_keys_are_forgotten_and_young_ones_kept(
    client: FlaskClient, platform: Platform, frozen_clock: FixedClock
) -> None:
    platform.clock = frozen_clock
    post(client, "old")
    frozen_clock.advance(idempotency.KEPT_FOR)
    post(client, "young")
    frozen_clock.advance(timedelta(seconds=1))
    with platform.read() as connection:
        assert idempotency.forget(connection, frozen_clock.now()) == 1
    assert "Idempotency-Replayed" in post(client, "young").headers


class TestHoldingOneConnection:
    """A request that held one connection and waited for another could wait for its like, which wait for it."""

    TICKETS = "/api/ticketing/tickets"

    @pytest.fixture
    def whole(self, settings: Settings) -> Iterator[Flask]:
        """The whole application, with a single connection to its database."""
        narrow = Platform.connect(settings.model_copy(update={"database_connections": 1}))
        yield create_app(platform=narrow)
        narrow.close()

    @pytest.fixture
    def ask(self, whole: Flask, platform: Platform) -> Callable[..., Any]:
        """Post as an administrator's program, each time with a key of its own."""
        client, keys = client_as(whole, platform, "admin"), itertools.count()
        return lambda url, **sent: data_of(
            client.post(url, headers={"Idempotency-Key": f"k-{next(keys)}"}, **sent), 201
        )

    def test_files_are_taken_in(self, whole: Flask, platform: Platform, ask: Callable[..., Any]) -> None:
        with platform.read() as connection:
            technician = make_actor(connection, "technician")
            ticket = str(make_site_ticket(connection, technician)["id"])
        said, photo = {"uploaded_by": str(technician.user_id), "ticket_id": ticket}, draw()
        for url in (f"{self.TICKETS}/{ticket}/attachments", "/api/ticketing/attachments"):
            assert ask(url, data={"file": (io.BytesIO(draw()), "a.jpg"), **said})["ticket_id"] == ticket
        place = ask(
            f"{self.TICKETS}/{ticket}/attachments/uploads", json={"filename": "b.jpg", "file_size": len(photo)} | said
        )
        assert whole.test_client().put(place["url"], data=photo).status_code == 201
        assert ask(place["confirm_url"])["filename"] == "b.jpg"

    def test_a_ticket_is_handed_over(self, platform: Platform, ask: Callable[..., Any]) -> None:
        with platform.read() as connection:
            ticket, lead = make_finished_ticket(platform, connection), make_user(connection, roles=["qa"])
        body = {"handover_type": "qa_to_maintenance", "handover_by": str(lead["id"])}
        assert ask(f"{self.TICKETS}/{ticket['id']}/handover", json=body)["handover_by"] == str(lead["id"])
