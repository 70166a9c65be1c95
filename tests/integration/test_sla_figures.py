"""What SLA is measured by and what comes of it: targets per project, and compliance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs.platform import Platform
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import Row, make_contractor, make_project
from tests.factories.sla import FRIDAY, HOUR, MONDAY, close, create, put_target, targets_of
from ticketing.errors import InvalidInput, NotFound, StaleWrite
from ticketing.people import SYSTEM
from ticketing.sla import compliance
from ticketing.sla import settings as targets
from ticketing.sla.compliance import ComplianceRequest, Grouping
from ticketing.vocabulary import Priority


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY)


def row_of(connection: Connection, ticket_id: UUID) -> Row:
    row: Row | None = connection.execute("select * from tickets where id = %s", [ticket_id]).fetchone()
    assert row is not None
    return row


class TestSettings:
    def test_a_project_follows_the_general_targets_until_it_has_its_own(
        self, platform: Platform, connection: Connection
    ) -> None:
        project = make_project(connection)["id"]
        assert [row["priority"] for row in targets_of(platform, project).values()] == [
            "critical", "urgent", "high", "normal", "low",
        ]  # fmt: skip
        put_target(platform, project, "high", 30, 60)
        assert targets_of(platform, project)["high"]["resolve_minutes"] == 60
        assert targets_of(platform, None)["high"]["resolve_minutes"] == 1440
        with platform.begin(SYSTEM) as work:
            assert targets.drop_target(work, project, Priority.HIGH)["resolve_minutes"] == 60
        with pytest.raises(NotFound), platform.begin(SYSTEM) as work:
            targets.drop_target(work, project, Priority.HIGH)
        assert targets_of(platform, project)["high"]["project_id"] is None

    def test_what_was_promised_stays_promised(self, platform: Platform, connection: Connection) -> None:
        made = create(platform)
        put_target(platform, None, "normal", 60, 120)
        assert row_of(connection, made["id"])["sla_due_at"] == FRIDAY
        assert create(platform)["sla_due_at"] == MONDAY + 2 * HOUR

    def test_a_change_that_changes_nothing_is_none(self, platform: Platform) -> None:
        first = put_target(platform, None, "normal", 60, 120)
        assert put_target(platform, None, "normal", 60, 120)["updated_at"] == first["updated_at"]
        with pytest.raises(StaleWrite):
            put_target(platform, None, "normal", 90, 120, updated_at=MONDAY - HOUR)


class TestCompliance:
    def test_groups_and_what_is_in_them(self, platform: Platform, connection: Connection, clock: FixedClock) -> None:
        project, company = make_project(connection), make_contractor(connection)
        late = create(platform, priority="critical", project_id=str(project["id"]))
        create(platform, priority="critical", assigned_contractor_id=str(company["id"]))
        kept = create(platform, priority="low", project_id=str(project["id"]))
        clock.advance(3 * HOUR)
        close(connection, kept["id"], clock.now())
        clock.advance(2 * HOUR)
        create(platform)
        by = {
            grouping: compliance.count_compliance(connection, ComplianceRequest(group_by=grouping), clock.now())
            for grouping in Grouping
        }
        assert by[Grouping.PRIORITY].overall == {
            "total_tickets": 4,
            "sla_met": 1,
            "sla_breached": 2,
            "sla_running": 1,
            "compliance_rate": 33.33,
            "compliance_percentage": "33.33%",
            "first_response": {"met": 2, "breached": 1, "compliance_rate": 66.67},
        }
        figures = {row["priority"]: row["sla_breached"] for row in by[Grouping.PRIORITY].rows}
        assert figures == {"critical": 2, "low": 0, "normal": 0}
        projects = {row["project_code"]: row["total_tickets"] for row in by[Grouping.PROJECT].rows}
        assert projects == {project["code"]: 2, None: 2}
        companies = {row["contractor_name"]: row["sla_breached"] for row in by[Grouping.CONTRACTOR].rows}
        assert companies == {company["name"]: 1, None: 1}
        (month,) = by[Grouping.PERIOD].rows
        assert (month["period"].isoformat(), month["total_tickets"]) == ("2026-11-01", 4)
        only = compliance.count_compliance(
            connection, ComplianceRequest(project_id=project["code"], priority=Priority.CRITICAL), clock.now()
        )
        assert [row["total_tickets"] for row in only.rows] == [1]
        assert late["sla_breached"] is False
        none = compliance.count_compliance(connection, ComplianceRequest(project_id="nowhere"), clock.now())
        assert (none.rows, none.overall["compliance_percentage"]) == ([], "0.00%")

    def test_a_range_must_be_one(self, connection: Connection) -> None:
        wrong: list[dict[str, Any]] = [
            {"reported_from": MONDAY, "reported_before": MONDAY},
            {"reported_from": MONDAY - timedelta(days=1000)},
        ]
        for bounds in wrong:
            with pytest.raises(InvalidInput, match="start_date"):
                compliance.count_compliance(connection, ComplianceRequest(**bounds), MONDAY)
