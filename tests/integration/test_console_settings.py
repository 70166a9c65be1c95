"""SLA targets and thresholds of repeat faults in the console: shown with who set them, changed, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console import open_console, send
from tests.factories import make_project, make_user
from tests.factories.access import make_api_key
from ticketing.repeat_faults.thresholds import list_thresholds
from ticketing.sla.settings import list_targets

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection
    from ticketing.people import Role

TARGETS = "/console/sla/targets"
THRESHOLDS = "/console/repeat-faults/thresholds"
FEW = {"window_days": "14", "pole_threshold": "2", "pon_threshold": "3", "zone_threshold": "8", "dr_threshold": "2"}


@pytest.fixture
def admin(app: Flask, platform: Platform, connection: Connection) -> FlaskClient:
    user = make_user(connection, name="Thandi Zulu", roles=["admin"])
    return open_console(app, make_api_key(platform, "admin", user_id=user["id"]))


@pytest.fixture
def law(connection: Connection) -> dict[str, Any]:
    return make_project(connection, code="LAW", name="Lawley")


def look(browser: FlaskClient, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def press(browser: FlaskClient, address: str, page: str, **fields: Any) -> tuple[int, str]:
    """Send a form that was shown on a page; return its status with the page that follows."""
    answer = send(browser, address, browser.get(page), back=page, **fields)
    followed = browser.get(answer.headers["Location"]) if answer.status_code == 303 else answer
    return answer.status_code, followed.get_data(as_text=True)


def critical(connection: Connection, project: Any = None) -> dict[str, Any]:
    return next(row for row in list_targets(connection, project) if row["priority"] == "critical")


class TestTargets:
    def test_a_general_target_is_changed_and_says_by_whom(self, admin: FlaskClient, connection: Connection) -> None:
        said = {"first_response_minutes": "20", "resolve_minutes": "135", "round_the_clock": "true", "reason": "agreed"}
        status, page = press(admin, f"{TARGETS}/default/critical", TARGETS, **said)
        assert (status, "2 h 15 min" in page, "by Thandi Zulu" in page) == (303, True, True)
        row = critical(connection)
        assert (row["first_response_minutes"], row["resolve_minutes"], row["round_the_clock"]) == (20, 135, True)

    def test_a_project_has_its_own_and_gives_it_up(
        self, admin: FlaskClient, connection: Connection, law: dict[str, Any]
    ) -> None:
        here = f"{TARGETS}?project_id=LAW"
        assert "Set its own" in look(admin, here)
        said = {"first_response_minutes": "10", "resolve_minutes": "60"}
        status, page = press(admin, f"{TARGETS}/LAW/critical", here, **said)
        assert (status, "For this project" in page) == (303, True)
        assert critical(connection, law["id"])["resolve_minutes"] == 60
        status, page = press(admin, f"{TARGETS}/LAW/critical/drop", here, reason="the contract ended")
        assert (status, "For this project" in page) == (303, False)

    def test_what_cannot_be_is_refused_where_it_was_typed(
        self, admin: FlaskClient, connection: Connection, law: dict[str, Any]
    ) -> None:
        before, here = critical(connection), f"{TARGETS}?project_id=LAW"
        for answered, why in (("90", "must not be more than"), ("soon", "valid integer")):
            said = {"first_response_minutes": answered, "resolve_minutes": "77"}
            status, page = press(admin, f"{TARGETS}/LAW/critical", here, **said)
            assert (status, why in page, f'value="{answered}"' in page) == (422, True, True)
            assert 'value="LAW" selected' in page
        stale = {"first_response_minutes": "9", "resolve_minutes": "77", "updated_at": "2020-01-01T00:00Z"}
        status, page = press(admin, f"{TARGETS}/default/critical", TARGETS, **stale)
        assert (status, 'value="77"' in page) == (409, True)
        assert critical(connection) == before
        assert press(admin, f"{TARGETS}/default/soon", here, **stale)[0] == 422
        assert press(admin, f"{TARGETS}/default/critical/drop", here)[0] == 404

    @pytest.mark.parametrize("role", ["manager", "viewer"])
    def test_who_may_only_read_is_offered_nothing(self, app: Flask, platform: Platform, role: Role) -> None:
        reader = open_console(app, make_api_key(platform, role))
        assert ">Change<" not in look(reader, TARGETS)
        assert press(reader, f"{TARGETS}/default/critical", TARGETS)[0] == 403
        assert press(reader, f"{THRESHOLDS}/default", THRESHOLDS, **FEW)[0] == 403
        assert reader.get(f"{TARGETS}?project_id=NONE").status_code == 404


class TestThresholds:
    def test_the_general_ones_are_changed_and_the_audit_tells(self, admin: FlaskClient, connection: Connection) -> None:
        status, page = press(admin, f"{THRESHOLDS}/default", THRESHOLDS, **FEW, reason="storms")
        assert (status, "by Thandi Zulu" in page) == (303, True)
        assert list_thresholds(connection)[0]["zone_threshold"] == 8
        assert "storms" in look(admin, "/console/audit?target_type=repeat_fault_thresholds")

    def test_a_project_gets_its_own_and_gives_them_up(
        self, admin: FlaskClient, connection: Connection, law: dict[str, Any]
    ) -> None:
        status, page = press(admin, THRESHOLDS, THRESHOLDS, project_id="LAW", **FEW)
        assert (status, "Lawley" in page, "Use the general ones" in page) == (303, True, True)
        assert [row["project_id"] for row in list_thresholds(connection)] == [None, law["id"]]
        assert press(admin, f"{THRESHOLDS}/LAW/drop", THRESHOLDS)[0] == 303
        assert len(list_thresholds(connection)) == 1

    def test_what_cannot_be_is_refused_where_it_was_typed(self, admin: FlaskClient, connection: Connection) -> None:
        before = list_thresholds(connection)
        for said in (FEW | {"pole_threshold": "many"}, FEW | {"updated_at": "2020-01-01T00:00Z"}):
            status, page = press(admin, f"{THRESHOLDS}/default", THRESHOLDS, **said)
            assert (status in (409, 422), f'value="{said["pole_threshold"]}"' in page) == (True, True)
        assert press(admin, THRESHOLDS, THRESHOLDS, **FEW)[0] == 422
        assert press(admin, f"{THRESHOLDS}/default/drop", THRESHOLDS)[0] == 404
        assert list_thresholds(connection) == before
