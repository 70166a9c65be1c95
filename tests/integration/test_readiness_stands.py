"""A passed readiness check stands until something that it looked at changes, whoever changes it and by what means."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from sql.database import Connection, Database
from tests.factories import Row, make_ticket
from tests.factories.readiness import make_photo, make_ready_ticket
from tests.factories.tickets import NOON, make_readiness_check

WAIT = 20


def readiness(connection: Connection, ticket_id: UUID) -> tuple[bool, UUID | None]:
    row = connection.execute("select qa_ready, qa_passed_check_id from tickets where id = %s", [ticket_id]).fetchone()
    assert row is not None
    return row["qa_ready"], row["qa_passed_check_id"]


def withdrawals(connection: Connection, ticket_id: UUID) -> list[Row]:
    return connection.execute(
        "select before, after, details from ticket_events"
        " where ticket_id = %s and event_type = 'qa_readiness_withdrawn'",
        [ticket_id],
    ).fetchall()


@pytest.fixture
def ticket(scratch: Connection) -> Row:
    """A ticket that a check has found ready."""
    ticket = make_ready_ticket(scratch)
    check = make_readiness_check(scratch, ticket["id"])
    assert readiness(scratch, ticket["id"]) == (True, check["id"])
    return ticket


class TestFollowing:
    def test_a_ticket_follows_its_newest_check(self, scratch: Connection) -> None:
        ticket = make_ticket(scratch)
        failed = [{"reason": "The DR number is missing"}, {"reason": "The pole differs", "blocking": False}]
        make_readiness_check(scratch, ticket["id"], checked_at=NOON)
        make_readiness_check(
            scratch, ticket["id"], checked_at=NOON + timedelta(minutes=1), passed=False, failed_checks=Jsonb(failed)
        )
        row = scratch.execute("select * from tickets where id = %s", [ticket["id"]]).fetchone()
        assert row is not None
        assert (row["qa_ready"], row["qa_passed_check_id"]) == (False, None)
        assert row["qa_readiness_check_at"] == NOON + timedelta(minutes=1)
        assert row["qa_readiness_failed_reasons"] == ["The DR number is missing"]

    def test_an_older_check_that_arrives_late_changes_nothing(self, scratch: Connection) -> None:
        ticket = make_ticket(scratch)
        newest = make_readiness_check(scratch, ticket["id"], checked_at=NOON)
        make_readiness_check(scratch, ticket["id"], checked_at=NOON - timedelta(minutes=1), passed=False)
        assert readiness(scratch, ticket["id"]) == (True, newest["id"])

    def test_a_ticket_cannot_have_a_passed_check_and_be_called_not_ready(
        self, scratch: Connection, ticket: Row
    ) -> None:
        scratch.execute("update tickets set qa_ready = false where id = %s", [ticket["id"]])
        assert readiness(scratch, ticket["id"]) == (False, None)


class TestFields:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("dr_number", "DR1737349"),
            ("pole_number", None),
            ("pon_number", "8"),
            ("zone", "4"),
            ("ont_serial", "ALCLF0000002"),
            ("ont_rx_level", -20),
        ],
    )
    def test_a_checked_field_that_changes_takes_readiness_back(
        self, scratch: Connection, ticket: Row, column: str, value: Any
    ) -> None:
        scratch.execute(f"update tickets set {column} = %s where id = %s", [value, ticket["id"]])
        assert readiness(scratch, ticket["id"]) == (False, None)

    def test_it_cannot_be_claimed_in_the_same_write(self, scratch: Connection, ticket: Row) -> None:
        scratch.execute("update tickets set zone = '9', qa_ready = true where id = %s", [ticket["id"]])
        assert readiness(scratch, ticket["id"]) == (False, None)

    def test_other_fields_and_the_same_values_leave_it(self, scratch: Connection, ticket: Row) -> None:
        scratch.execute(
            "update tickets set title = 'Dark', zone = zone, ont_rx_level = -19.00 where id = %s", [ticket["id"]]
        )
        assert readiness(scratch, ticket["id"])[0] is True

    def test_a_set_based_write_takes_it_back_too(self, scratch: Connection, ticket: Row) -> None:
        other = make_ready_ticket(scratch)
        make_readiness_check(scratch, other["id"])
        scratch.execute(
            "update tickets as t set pole_number = c.pole from unnest(%s::uuid[], %s::text[]) as c (id, pole)"
            " where t.id = c.id",
            [[ticket["id"], other["id"]], ["LAW.P.A003", ticket["pole_number"]]],
        )
        assert readiness(scratch, ticket["id"])[0] is False
        assert readiness(scratch, other["id"])[0] is True


class TestPhotos:
    def test_a_new_evidence_photo_takes_readiness_back_and_the_timeline_tells(
        self, scratch: Connection, ticket: Row
    ) -> None:
        make_photo(scratch, ticket["id"], 1, inspection_status="pending", inspected_at=None)
        assert readiness(scratch, ticket["id"]) == (False, None)
        make_photo(scratch, ticket["id"], 2)
        (event,) = withdrawals(scratch, ticket["id"])
        assert (event["before"], event["after"]) == ({"qa_ready": True}, {"qa_ready": False})
        assert event["details"] == {"because": "evidence_photo_changed"}

    @pytest.mark.parametrize(
        "change",
        [
            "deleted_at = now()",
            "inspection_status = 'rejected'",
            "step_number = 2",
            "is_evidence = false",
            "file_type = 'document'",
        ],
    )
    def test_a_photo_that_changes_takes_it_back(self, scratch: Connection, ticket: Row, change: str) -> None:
        scratch.execute(
            f"update ticket_attachments set {change} where ticket_id = %s and step_number = 1", [ticket["id"]]
        )
        assert readiness(scratch, ticket["id"]) == (False, None)

    def test_what_is_no_evidence_or_no_change_leaves_it(self, scratch: Connection, ticket: Row) -> None:
        make_photo(scratch, ticket["id"], None, is_evidence=False)
        make_photo(scratch, ticket["id"], None, file_type="pdf", mime_type="application/pdf")
        scratch.execute(
            "update ticket_attachments set thumbnail_key = 'small', perceptual_hash = 7 where ticket_id = %s",
            [ticket["id"]],
        )
        assert readiness(scratch, ticket["id"])[0] is True
        assert withdrawals(scratch, ticket["id"]) == []


def test_a_photo_that_changes_while_a_check_runs_is_not_overlooked(database: Database) -> None:
    """The check has counted the photo and is not committed when the photo is deleted: the deletion waits for it."""
    with database.connection() as connection:
        ticket = make_ready_ticket(connection)

    def delete() -> None:
        with database.transaction() as other:
            other.execute("update ticket_attachments set deleted_at = now() where ticket_id = %s", [ticket["id"]])

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as checking:
            checking.execute("select 1 from tickets where id = %s for update", [ticket["id"]])
            deleting = pool.submit(delete)
            make_readiness_check(checking, ticket["id"])
            with pytest.raises(TimeoutError):
                deleting.result(0.5)
        deleting.result(WAIT)
    with database.connection() as connection:
        assert readiness(connection, ticket["id"]) == (False, None)
