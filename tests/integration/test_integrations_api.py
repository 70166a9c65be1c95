"""What operators see of the services outside, and do: hold, release, try now; and where else it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from admin_api import measures
from integrations.outside import ServerFailed
from integrations.qcontact.sandbox import EMAIL, PASSWORD, QContactSandbox
from jobs.outcomes import PutOff
from jobs.outside import Breaker
from jobs.platform import Platform
from runtime.settings import Settings
from tests.answers import data_of
from tests.factories.access import client_as, client_with
from tests.races import race_of_requests
from tests.stand_in import StandIn, fetch, job_row

PATH = "/api/ticketing/integrations"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[QContactSandbox]:
    with QContactSandbox().serving() as sandbox:
        yield sandbox


@pytest.fixture
def settings(settings: Settings, sandbox: QContactSandbox) -> Settings:
    return settings.model_copy(
        update={
            "qcontact_url": sandbox.url,
            "qcontact_email": EMAIL,
            "qcontact_password": SecretStr(PASSWORD),
            "breaker_failures": 1,
            "job_modules": ("jobs.kinds.probe_integration",),
        }
    )


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "operator")


@pytest.fixture
def worker(platform: Platform) -> Iterator[StandIn]:
    worker = StandIn(platform, ("integrations",))
    yield worker
    worker.leave()


def shown(client: FlaskClient, name: str = "qcontact") -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in data_of(client.get(PATH))}
    return rows[name]


def open_breaker(platform: Platform) -> None:
    with pytest.raises(PutOff), Breaker(platform, "qcontact").call():
        raise ServerFailed("qcontact", "it answered 500", status=500)


def post(client: FlaskClient, action: str, name: str = "qcontact", **body: Any) -> Any:
    return client.post(f"{PATH}/{name}/{action}", json=body)


def test_the_list_tells_how_things_stand(operator: FlaskClient, platform: Platform) -> None:
    assert shown(operator)["state"] == "closed"
    assert shown(operator)["set_up"] is True
    assert shown(operator, "waha")["set_up"] is False
    open_breaker(platform)
    row = shown(operator)
    assert row["state"] == "open"
    assert row["retry_at"] is not None
    assert row["last_error"]["code"] == "OUTSIDE_SERVER_FAILED"
    assert row["last_error"]["message"] == "it answered 500"


def test_a_held_service_is_not_called_until_it_is_released(operator: FlaskClient, platform: Platform) -> None:
    assert post(operator, "hold", reason="they move house").status_code == 200
    held = shown(operator)["held"]
    assert held["reason"] == "they move house"
    with pytest.raises(PutOff, match="qcontact is held by"):
        Breaker(platform, "qcontact").check()
    assert post(operator, "hold", reason="again").status_code == 409
    assert post(operator, "probe").status_code == 409
    assert post(operator, "release", reason="done").status_code == 200
    Breaker(platform, "qcontact").check()
    assert shown(operator)["held"] is None
    assert post(operator, "release").status_code == 409
    rows = fetch(platform, "select action, reason from operator_audit where target_id = 'qcontact' order by id")
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("integration_hold", "they move house"),
        ("integration_release", "done"),
    ]


def test_of_two_who_hold_at_once_one_does(app: Flask, platform: Platform) -> None:
    clients = [client_as(app, platform, "operator") for _ in range(2)]
    assert race_of_requests(*(lambda one=one: post(one, "hold", reason="mine") for one in clients)) == [200, 409]


def test_a_probe_closes_it_when_the_service_answers(operator: FlaskClient, platform: Platform, worker: StandIn) -> None:
    open_breaker(platform)
    answer = post(operator, "probe", reason="they say it is back")
    assert answer.status_code == 202
    job = worker.run_job(UUID(answer.json["data"]["job_id"]))
    assert (job["state"], job["result"]) == ("completed", {"answered": True})
    assert shown(operator)["state"] == "closed"
    assert shown(operator)["signed_in_at"] is not None


def test_a_probe_of_a_service_that_is_still_unwell_is_put_off(
    operator: FlaskClient, platform: Platform, worker: StandIn, sandbox: QContactSandbox
) -> None:
    open_breaker(platform)
    sandbox.faults.next("server_error", path="/api/v2/", times=2)
    job_id = UUID(post(operator, "probe").json["data"]["job_id"])
    assert worker.run_job(job_id)["state"] == "scheduled"
    sandbox.faults.stop()
    assert shown(operator)["state"] == "open"
    assert job_row(platform, job_id)["attempt"] == 0


def test_what_is_not_set_up_or_known_is_said(operator: FlaskClient) -> None:
    assert post(operator, "probe", name="waha").status_code == 409
    assert post(operator, "probe", name="fax").status_code == 404
    assert post(operator, "hold", name="fax", reason="why").status_code == 404
    assert post(operator, "hold").status_code == 422


def test_who_does_not_operate_only_looks(app: Flask, platform: Platform) -> None:
    viewer = client_as(app, platform, "viewer")
    assert viewer.get(PATH).status_code == 200
    assert post(viewer, "hold", reason="why").status_code == 403
    assert client_as(app, platform, "technician").get(PATH).status_code == 403


def test_readiness_tells_of_services_that_are_set_up(app: Flask, operator: FlaskClient, platform: Platform) -> None:
    def part() -> dict[str, Any]:
        body: Any = client_with(app).get("/readyz").json
        assert "waha" not in body["data"]["parts"]
        found: dict[str, Any] = body["data"]["parts"]["qcontact"]
        return found

    assert part()["state"] == "ok"
    open_breaker(platform)
    assert part()["state"] == "degraded"
    assert "OUTSIDE_SERVER_FAILED" in part()["message"]
    post(operator, "hold", reason="a secret reason")
    assert "held" in part()["message"]
    assert "secret" not in str(part())


def test_measures_tell_of_them(operator: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "READ_EVERY", 0)
    open_breaker(platform)
    text = operator.get("/metrics").text
    assert 'fibreflow_integration_state{integration="qcontact",state="open"} 1.0' in text
    assert 'fibreflow_integration_state{integration="waha",state="closed"} 1.0' in text
    assert 'fibreflow_integration_failures{integration="qcontact"} 1.0' in text
    assert 'fibreflow_integration_held{integration="qcontact"} 0.0' in text
