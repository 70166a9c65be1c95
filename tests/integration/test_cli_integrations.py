"""`fibreflow integrations`: what it lists, for people and for programs, and what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from integrations.outside import ServerFailed
from jobs.outcomes import PutOff
from jobs.outside import Breaker
from runtime.settings import Settings
from tests.factories import insert

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

Command = Callable[..., Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"waha_url": "http://127.0.0.1:9", "waha_session": "noc", "breaker_failures": 1})


def fail(platform: Platform) -> None:
    with pytest.raises(PutOff), Breaker(platform, "waha").call():
        raise ServerFailed("waha", "out of memory")


def listed(command: Command) -> dict[str, Any]:
    said = command("integrations", "--json")
    assert said.code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    return answer


def test_the_services_and_the_gateways_sessions_are_listed(
    command: Command, platform: Platform, connection: Connection
) -> None:
    fail(platform)
    now = platform.clock.now()
    insert(
        connection, "waha_sessions", session="noc", status="WORKING", status_at=now, working_since=now, engine="GOWS"
    )
    shown = command("integrations")
    assert shown.code == 0, shown.err
    for word in ("qcontact", "waha", "open", "OUTSIDE_SERVER_FAILED: out of memory", "noc", "WORKING", "GOWS"):
        assert word in shown.out
    answer = listed(command)
    qcontact, waha = answer["integrations"]
    assert (qcontact["name"], qcontact["set_up"], qcontact["state"]) == ("qcontact", False, "closed")
    assert (waha["state"], waha["last_error"]["code"], waha["last_success_at"]) == (
        *("open", "OUTSIDE_SERVER_FAILED"),
        None,
    )
    assert [one["session"] for one in answer["sessions"]] == ["noc"]


def test_a_service_is_tried_by_a_job(command: Command, platform: Platform, connection: Connection) -> None:
    fail(platform)
    said = command("integrations", "probe", "waha", "--json", "--reason", "It was restarted")
    assert said.code == 0, said.err
    job = json.loads(said.out)
    assert job["existing"] is False
    (row,) = connection.execute("select * from jobs where kind = 'probe_integration'").fetchall()
    assert (str(row["id"]), row["arguments"], row["actor_name"][:4]) == (job["job_id"], {"integration": "waha"}, "cli:")
    assert command("integrations", "probe", "waha").out.strip() == job["job_id"]


def test_a_service_is_held_and_let_go(command: Command) -> None:
    assert command("integrations", "hold", "waha", "--reason", "The number is being moved").code == 0
    assert listed(command)["integrations"][1]["held"]["reason"] == "The number is being moved"
    refused = command("integrations", "probe", "waha")
    assert (refused.code, "release it first" in refused.err) == (1, True)
    assert command("integrations", "release", "waha").code == 0
    assert listed(command)["integrations"][1]["held"] is None


def test_what_cannot_be_is_one_line(command: Command) -> None:
    unknown = command("integrations", "probe", "post")
    assert (unknown.code, unknown.out) == (1, "")
    assert "there are: qcontact, waha" in unknown.err
    assert "not set up" in command("integrations", "probe", "qcontact").err
