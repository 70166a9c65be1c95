"""The frame of the API: one envelope for every end a request can come to, ids, headers, limits, origins."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import structlog
from flask import Flask, Response
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from admin_api import context, limits
from admin_api.app import create_app
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.problems import answers
from admin_api.requests import form_as, json_body, parse_uuid
from admin_api.responses import download, success
from runtime.settings import Settings
from sql.migrate import SchemaMismatch
from tests.factories.access import client_as, client_with, make_api_key
from ticketing.errors import AlreadyExists, InvalidInput, InvalidStatusTransition
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

things = blueprint("things")


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    count: int = 0


class ThingQuery(BaseModel):
    tag: list[str] = Field(default_factory=list)
    limit: int = 10


class Upload(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    note: str
    file: Any


@things.post("/things")
@requires("manager")
def create(body: Thing) -> Response:
    """Echo a thing."""
    return success(body, "made", status=201)


@things.get("/things")
@requires.anyone()
def search(query: ThingQuery) -> Response:
    """Echo a query."""
    return success(query, meta={"more": False}, pagination={"page": 1})


@things.get("/things/<thing_id>")
@requires.anyone()
def show(thing_id: str) -> Response:
    """Echo an id and a time."""
    return success({"id": parse_uuid(thing_id, "Invalid thing ID"), "at": datetime(2026, 1, 2, tzinfo=UTC)})


@things.get("/things/<thing_id>/strict")
@requires.anyone()
@answers(VALIDATION_ERROR=400)
def strict(thing_id: str) -> Response:
    """Answer 400 where others answer 422; an id that is none is 422 everywhere."""
    if thing_id == "wrong":
        raise InvalidInput("thing: is wrong", details={"thing": "is wrong"})
    return success(parse_uuid(thing_id))


@things.put("/things/<thing_id>")
@requires.anyone()
def conflict(thing_id: str) -> Response:
    """Fail in a way that the domain foresees."""
    raise InvalidStatusTransition("open", thing_id, ("assigned", "cancelled"))


@things.patch("/things/<thing_id>")
@requires.anyone()
def loose(thing_id: str) -> Response:
    """Take any JSON, or none."""
    return success({"id": thing_id, "body": json_body(optional=True)})


@things.delete("/things/<thing_id>")
@requires.anyone()
def explode(thing_id: str) -> Response:
    """Fail in a way that nobody foresees, with a secret in the message."""
    raise RuntimeError(f"the password is hunter2 ({thing_id})")


@things.post("/things/upload")
@requires.anyone()
def upload() -> Response:
    """Take a file."""
    form = form_as(Upload)
    return success({"note": form.note, "size": len(form.file.read()), "filename": form.file.filename})


@things.get("/things/file")
@requires.anyone()
def file() -> Response:
    """Give a file."""
    return download(b"hello", "hello.txt", "text/plain")


@things.get("/things/number/<number>")
@requires.anyone()
def number(number: str) -> Response:
    """Let PostgreSQL see whatever was sent."""
    with context.platform().read() as connection:
        return success(connection.execute("select %s::text::integer as n", [number]).fetchone())


@things.post("/things/made")
@requires("manager")
def made() -> Response:
    """Name the request in the unit of work."""
    with context.unit_of_work() as work:
        if not work.request_id:
            raise AlreadyExists("nothing")
        return success({"request_id": work.request_id, "actor": work.actor.name})


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[things])


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


BASE = "/api/ticketing/things"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"


def test_success_has_the_contracts_envelope(app: Flask) -> None:
    answer = client_with(app).get(f"{BASE}/{AN_ID.upper()}")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.get_json()["success"] is True
    assert answer.get_json()["data"] == {"id": AN_ID, "at": "2026-01-02T00:00:00.000Z"}
    assert datetime.fromisoformat(answer.get_json()["meta"]["timestamp"]).tzinfo is not None
    assert answer.get_json()["meta"]["timestamp"].endswith("Z")


def test_query_lists_numbers_meta_and_paging(app: Flask) -> None:
    answer = client_with(app).get(f"{BASE}?tag=a&tag=b&limit=5&unknown=1")
    assert answer.get_json()["data"] == {"tag": ["a", "b"], "limit": 5}
    assert answer.get_json()["pagination"] == {"page": 1}
    assert answer.get_json()["meta"]["more"] is False


def failure(answer: Any) -> tuple[int, str]:
    assert answer.content_type == "application/json"
    assert answer.get_json()["success"] is False
    assert answer.get_json()["meta"]["timestamp"].endswith("Z")
    assert answer.get_json()["error"]["message"]
    return answer.status_code, answer.get_json()["error"]["code"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/things/not-a-uuid", 422, "VALIDATION_ERROR"),
        ("GET", "/things/wrong/strict", 400, "VALIDATION_ERROR"),
        ("GET", "/things/not-a-uuid/strict", 422, "VALIDATION_ERROR"),
        ("GET", "/things?limit=many", 422, "VALIDATION_ERROR"),
        ("PUT", "/things/closed", 409, "INVALID_STATUS_TRANSITION"),
        ("GET", "/nothing/here", 404, "NOT_FOUND"),
        ("PATCH", "/things", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/things", 401, "UNAUTHORIZED"),
        ("DELETE", "/things/x", 500, "INTERNAL_ERROR"),
        ("GET", "/things/number/99999999999999", 422, "VALIDATION_ERROR"),
        ("GET", "/things/number/1%00", 422, "VALIDATION_ERROR"),
    ],
)
def test_every_failure_has_the_contracts_envelope(app: Flask, method: str, path: str, status: int, code: str) -> None:
    answer = client_with(app).open(f"/api/ticketing{path}", method=method)
    assert failure(answer) == (status, code)


def test_a_wrong_body_is_answered_field_by_field(app: Flask, platform: Platform) -> None:
    answer = client_as(app, platform, "manager").post(BASE, json={"name": "", "count": "few", "extra": 1})
    assert failure(answer) == (422, "VALIDATION_ERROR")
    assert set(answer.get_json()["error"]["details"]) == {"name", "count", "extra"}


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b"NaN,"])
def test_what_is_no_json_is_called_so(app: Flask, platform: Platform, body: bytes) -> None:
    answer = client_as(app, platform, "manager").post(BASE, data=body, content_type="application/json")
    assert failure(answer) == (422, "VALIDATION_ERROR")
    assert "Invalid JSON" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"3", b"null"])
def test_json_that_is_no_object_is_refused_where_an_object_is_needed(
    app: Flask, platform: Platform, body: bytes
) -> None:
    answer = client_as(app, platform, "manager").post(BASE, data=body, content_type="application/json")
    assert failure(answer) == (422, "VALIDATION_ERROR")


def test_an_optional_body_may_be_left_out(app: Flask) -> None:
    assert client_with(app).patch(f"{BASE}/x").get_json()["data"] == {"id": "x", "body": None}
    assert client_with(app).patch(f"{BASE}/x", json=[1]).get_json()["data"] == {"id": "x", "body": [1]}
    assert failure(client_with(app).patch(f"{BASE}/x", data=b"{"))[0] == 422


def test_a_doubled_slash_is_led_to_the_right_address(app: Flask) -> None:
    answer = client_with(app).get("/api/ticketing//things")
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/api/ticketing/things")


def test_a_status_refusal_carries_its_details(app: Flask) -> None:
    details = client_with(app).put(f"{BASE}/closed").get_json()["error"]["details"]
    assert details == {"current": "open", "requested": "closed", "allowed": ["assigned", "cancelled"]}


def test_the_unforeseen_shows_nothing_but_an_id_that_finds_its_trace(app: Flask) -> None:
    with logged() as lines:
        answer = client_with(app).delete(f"{BASE}/x")
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    request_id = answer.get_json()["error"]["details"]["request_id"]
    assert answer.headers["X-Request-ID"] == request_id
    trace = next(line for line in lines if line["event"] == "request failed unexpectedly")
    assert trace["request_id"] == request_id
    assert isinstance(trace["exc_info"], RuntimeError)


def test_a_sane_request_id_is_kept_and_any_other_replaced(app: Flask) -> None:
    client = client_with(app)
    kept = client.get(BASE, headers={"X-Request-ID": "front-end:12345678"})
    assert kept.headers["X-Request-ID"] == "front-end:12345678"
    for wild in ("short", "spaces in it all", "x" * 101, "<script>alert(1)</script>"):
        answer = client.get(BASE, headers={"X-Request-ID": wild})
        assert UUID(answer.headers["X-Request-ID"])


def test_the_request_id_and_the_actor_reach_the_unit_of_work(app: Flask, platform: Platform) -> None:
    client = client_as(app, platform, "manager", name="importer")
    answer = client.post(f"{BASE}/made", headers={"X-Request-ID": "abcdefgh-1"})
    assert answer.get_json()["data"] == {"request_id": "abcdefgh-1", "actor": "importer"}


def test_the_access_log_names_route_and_caller_and_no_secret(app: Flask, platform: Platform) -> None:
    plain = make_api_key(platform, "manager")
    with logged() as lines:
        client_with(app, plain).post(f"{BASE}?phone=0821234567", json={"name": "x"})
    line = next(line for line in lines if line["event"] == "request")
    assert line["route"] == BASE
    assert line["status"] == 201
    assert line["caller"].startswith("key:")
    assert plain.split("_")[2] not in json.dumps(lines, default=str)
    assert "0821234567" not in json.dumps(lines, default=str)


def test_every_answer_is_protected(app: Flask) -> None:
    for path in (BASE, "/nothing"):
        headers = client_with(app).get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers


def with_settings(platform: Platform, **changes: Any) -> Platform:
    platform.settings = Settings.model_validate({**platform.settings.model_dump(), **changes})
    return platform


def test_production_insists_on_https(platform: Platform) -> None:
    app = create_app(platform=with_settings(platform, environment="production"), blueprints=[things])
    assert "max-age=31536000" in client_with(app).get(BASE).headers["Strict-Transport-Security"]


def test_only_the_named_origins_may_call_from_a_browser(platform: Platform) -> None:
    origin = "https://app.example.co.za"
    app = create_app(platform=with_settings(platform, api_allowed_origins=(origin,)), blueprints=[things])
    client = client_with(app)
    preflight = client.options(BASE, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    stranger = client.get(BASE, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert "Origin" in stranger.headers["Vary"]


def test_an_upload_beyond_the_limit_is_refused(platform: Platform) -> None:
    app = create_app(platform=with_settings(platform, api_max_upload=1024 * 1024), blueprints=[things])
    client = client_with(app)

    data = {"note": "n", "file": (io.BytesIO(b"x" * 1000), "a.bin")}
    taken = client.post(f"{BASE}/upload", data=data, content_type="multipart/form-data")
    assert taken.get_json()["data"] == {"note": "n", "size": 1000, "filename": "a.bin"}
    refused = client.post(
        f"{BASE}/upload", data=b"x" * (1024 * 1024 + 1), content_type="multipart/form-data; boundary=b"
    )
    assert failure(refused) == (413, "PAYLOAD_TOO_LARGE")


def test_a_download_is_saved_and_not_shown(app: Flask) -> None:
    answer = client_with(app).get(f"{BASE}/file")
    assert answer.data == b"hello"
    assert answer.headers["Content-Disposition"] == "attachment; filename=hello.txt"


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a Redis that is slow: what it does not count in time is let pass."""
    monkeypatch.setattr(limits, "REDIS_TIMEOUT", 30.0)


@pytest.mark.usefixtures("_patient")
def test_too_many_requests_are_refused_per_caller(platform: Platform) -> None:
    app = create_app(platform=with_settings(platform, api_rate_limit="3/minute"), blueprints=[things])
    first, second = (client_as(app, platform, "manager") for _ in range(2))
    assert [first.post(BASE, json={"name": "x"}).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = first.post(BASE, json={"name": "x"})
    assert failure(refused) == (429, "RATE_LIMITED")
    assert refused.mimetype == "application/json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert second.post(BASE, json={"name": "x"}).status_code == 201


@pytest.mark.usefixtures("_patient")
def test_guessing_keys_is_limited_per_address(platform: Platform) -> None:
    app = create_app(platform=with_settings(platform, api_rate_limit="3/minute"), blueprints=[things])
    guesses = [client_with(app, f"ff_guess{n:03d}_x").post(BASE).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]


@pytest.mark.usefixtures("_patient")
def test_the_addresses_of_trusted_proxies_clients_are_told_apart(platform: Platform) -> None:
    app = create_app(
        platform=with_settings(platform, api_rate_limit="1/minute", api_trusted_proxies=1), blueprints=[things]
    )
    client = client_with(app)

    def ask(address: str) -> int:
        return client.get(BASE, headers={"X-Forwarded-For": f"1.1.1.1, {address}"}).status_code

    assert [ask("10.0.0.1"), ask("10.0.0.2"), ask("10.0.0.1")] == [200, 200, 429]


def test_limits_fail_open_and_count_it_when_redis_is_away(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUIET_AFTER_FAILURE", 0.0)
    nowhere = "redis://127.0.0.1:1/0"
    app = create_app(
        platform=with_settings(platform, api_rate_limit="1/minute", redis_url=nowhere), blueprints=[things]
    )
    assert [client_with(app).get(BASE).status_code for _ in range(3)] == [200, 200, 200]
    measures = app.extensions[context.EXTENSION].metrics.text().decode()
    assert "fibreflow_rate_limit_failed_open_total 3.0" in measures


def test_a_redis_that_is_away_is_left_alone_for_a_moment(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUIET_AFTER_FAILURE", 600.0)
    app = create_app(
        platform=with_settings(platform, api_rate_limit="1/minute", redis_url="redis://127.0.0.1:1/0"),
        blueprints=[things],
    )
    with logged() as lines:
        assert [client_with(app).get(BASE).status_code for _ in range(3)] == [200, 200, 200]
    assert len([line for line in lines if "rate limits are open" in line["event"]]) == 1


def test_a_database_that_is_away_is_503_and_says_nothing_of_it(app: Flask, platform: Platform) -> None:
    plain = make_api_key(platform, "manager")
    platform.database.close()
    answer = client_with(app, plain).post(BASE, json={"name": "x"})
    assert failure(answer) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"
    assert "sock" not in answer.text


def test_a_route_that_declares_nobody_stops_the_start(platform: Platform) -> None:
    careless = blueprint("careless")

    @careless.get("/open-door")
    def open_door() -> Response:
        return success(None)

    with pytest.raises(TypeError, match=r"careless\.open_door"):
        create_app(platform=platform, blueprints=[careless])


@pytest.mark.parametrize("roles", [(), ("root",)])
def test_requires_refuses_what_is_no_role(roles: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="takes one or more of"):
        requires(*roles)


def test_the_wrong_schema_stops_the_start(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        work.connection.execute("delete from schema_migrations where name like '0010%'")
    with pytest.raises(SchemaMismatch, match="fibreflow migrate"):
        create_app(platform=platform)


def test_asking_who_acts_on_a_public_route_is_a_mistake_that_is_told(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(LookupError, match="Nobody is signed in"):
        context.actor()
