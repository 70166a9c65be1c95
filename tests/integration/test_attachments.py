"""Attachments as a service: evidence and readiness, who may delete what, plans of lists, and races."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from integrations.received_files import examine
from integrations.storage import Storage
from jobs.procedures.attachment_files import Kept, add, keep
from sql.database import queries
from tests.factories import Row, insert, make_ticket
from tests.factories.attachments import PDF, draw, make_site_ticket
from tests.factories.readiness import make_photo, make_ready_ticket
from tests.factories.tickets import complete_steps, make_actor, make_readiness_check
from tests.races import race
from ticketing import ticket_views, verification
from ticketing.attachments import service, views
from ticketing.attachments.service import Said
from ticketing.attachments.views import AttachmentFilter
from ticketing.errors import AlreadyExists, ConditionNotMet, Forbidden, InvalidInput, NotFound, StaleWrite
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_access import Sight
from ticketing.verification import StepChanges

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

WAIT = 20


@pytest.fixture(autouse=True)
def _queues(platform: Platform) -> None:
    platform.declare()


@pytest.fixture
def technician(connection: Connection) -> Actor:
    return make_actor(connection, "technician")


@pytest.fixture
def qa(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


@pytest.fixture
def ticket(connection: Connection, technician: Actor) -> Row:
    return make_site_ticket(connection, technician)


def attach(platform: Platform, actor: Actor, ticket_id: UUID, data: bytes | None = None, **said: Any) -> dict[str, Any]:
    """Store a file, a new photo if none is given, and add it."""
    storage = Storage.from_settings(platform.settings)
    kept = keep(storage, ticket_id, [(draw() if data is None else data, "file")])
    with platform.begin(actor) as work:
        (row,) = add(work, ticket_id, kept, Said(**said))
    return row


def delete(platform: Platform, actor: Actor, attachment_id: UUID) -> None:
    with platform.begin(actor) as work:
        service.delete(work, attachment_id)


def events(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return rows


def is_ready(connection: Connection, ticket_id: UUID) -> bool:
    row = connection.execute("select qa_passed_check_id is not null as r from tickets where id = %s", [ticket_id])
    return bool((row.fetchone() or {})["r"])


class TestEvidence:
    def test_a_photo_lets_its_step_be_completed(self, platform: Platform, technician: Actor, ticket: Row) -> None:
        with pytest.raises(ConditionNotMet), platform.begin(technician) as work:
            verification.change_step(work, ticket["id"], 3, StepChanges(is_complete=True))
        attach(platform, technician, ticket["id"], step_number=3)
        with platform.begin(technician) as work:
            done = verification.change_step(work, ticket["id"], 3, StepChanges(is_complete=True))
        assert (done["is_complete"], done["photos_count"]) == (True, 1)

    def test_a_photo_that_is_said_to_be_no_evidence_is_none(
        self, platform: Platform, technician: Actor, ticket: Row, connection: Connection
    ) -> None:
        row = attach(platform, technician, ticket["id"], step_number=3, is_evidence=False)
        assert row["is_evidence"] is False
        assert verification.list_steps(connection, technician, ticket["id"])[2]["photos_count"] == 0

    def test_a_document_may_be_evidence_when_somebody_says_so(
        self, platform: Platform, technician: Actor, ticket: Row
    ) -> None:
        assert attach(platform, technician, ticket["id"], PDF, step_number=12)["is_evidence"] is False
        other = PDF + b"%"
        assert (
            attach(platform, technician, ticket["id"], other, step_number=12, is_evidence=True)["is_evidence"] is True
        )

    @pytest.mark.parametrize("evidence", [True, False])
    def test_a_new_photo_takes_the_readiness_back_and_a_plain_file_does_not(
        self, platform: Platform, connection: Connection, qa: Actor, evidence: bool
    ) -> None:
        ticket = make_ready_ticket(connection)
        make_readiness_check(connection, ticket["id"])
        assert is_ready(connection, ticket["id"])
        row = attach(platform, qa, ticket["id"], step_number=1, is_evidence=evidence)
        assert is_ready(connection, ticket["id"]) is not evidence
        make_readiness_check(connection, ticket["id"], checked_at=datetime.now(UTC) + timedelta(seconds=1))
        assert is_ready(connection, ticket["id"])
        delete(platform, qa, row["id"])
        assert is_ready(connection, ticket["id"]) is not evidence

    def test_the_smaller_pictures_leave_the_readiness_alone(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ready_ticket(connection)
        row = attach(platform, qa, ticket["id"], step_number=1)
        make_readiness_check(connection, ticket["id"], checked_at=datetime.now(UTC) + timedelta(seconds=1))
        with platform.begin(SYSTEM) as work:
            assert service.name_pictures(work, row["id"], thumbnail_key="a/1", preview_key="a/2")
            assert not service.name_pictures(work, row["id"], thumbnail_key="a/3", preview_key="a/4")
        assert is_ready(connection, ticket["id"])

    def test_qas_word_on_a_steps_photos_ends_with_another_photo(
        self, platform: Platform, connection: Connection, qa: Actor, technician: Actor, ticket: Row
    ) -> None:
        attach(platform, technician, ticket["id"], step_number=3)
        with platform.begin(qa) as work:
            verification.change_step(work, ticket["id"], 3, StepChanges(photo_verified=True))
        attach(platform, technician, ticket["id"], step_number=3)
        assert verification.list_steps(connection, qa, ticket["id"])[2]["photo_verified"] is False
        happened = [event for event in events(connection, ticket["id"]) if event["event_type"] == "attachment_uploaded"]
        told = [(event["before"].get("photo_verified"), event["after"].get("photo_verified")) for event in happened]
        assert sorted(told, key=str) == sorted([(None, None), (True, False)], key=str)


class TestAdding:
    def test_steps_are_named_by_id_or_number(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        step = verification.list_steps(connection, technician, ticket["id"])[4]
        assert attach(platform, technician, ticket["id"], step_id=step["id"])["step_number"] == 5
        row = attach(platform, technician, ticket["id"], step_id=step["id"], step_number=5)
        assert row["verification_step_id"] == step["id"]
        elsewhere = make_site_ticket(connection, technician)
        for said in ({"step_id": step["id"], "step_number": 6}, {"step_id": uuid4()}):
            with pytest.raises(InvalidInput, match="no such verification step"):
                attach(platform, technician, elsewhere["id"], **said)

    def test_an_admin_adds_for_somebody(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        admin = make_actor(connection, "admin")
        row = attach(platform, admin, ticket["id"], uploaded_by=str(technician.user_id))
        assert row["uploaded_by_name"] == technician.name
        assert events(connection, ticket["id"])[0]["details"]["on_behalf_of"] == str(technician.user_id)

    def test_who_may_not_add(self, platform: Platform, connection: Connection, technician: Actor) -> None:
        at_qa = make_site_ticket(connection, technician, status="qa_in_progress")
        with pytest.raises(Forbidden, match="qa_in_progress"):
            attach(platform, technician, at_qa["id"])
        with pytest.raises(Forbidden, match="Your role"):
            attach(platform, make_actor(connection, "viewer"), at_qa["id"])
        with pytest.raises(NotFound):
            attach(platform, make_actor(connection, "technician"), at_qa["id"])
        cancelled = make_ticket(connection, status="cancelled")
        with pytest.raises(ConditionNotMet, match="files stay"):
            attach(platform, SYSTEM, cancelled["id"])


class TestDeleting:
    def test_who_works_on_site_deletes_what_is_theirs(
        self, platform: Platform, connection: Connection, technician: Actor, qa: Actor, ticket: Row
    ) -> None:
        own, others = attach(platform, technician, ticket["id"]), attach(platform, qa, ticket["id"])
        delete(platform, technician, own["id"])
        with pytest.raises(Forbidden, match="Only who uploaded"):
            delete(platform, technician, others["id"])
        with pytest.raises(NotFound):
            delete(platform, make_actor(connection, "technician"), others["id"])
        with pytest.raises(NotFound):
            delete(platform, SYSTEM, uuid4())
        delete(platform, qa, others["id"])
        assert [event["event_type"] for event in events(connection, ticket["id"])].count("attachment_deleted") == 2

    def test_a_complete_step_keeps_its_last_photo(
        self, platform: Platform, connection: Connection, qa: Actor, ticket: Row
    ) -> None:
        photo = attach(platform, qa, ticket["id"], step_number=3)
        complete_steps(connection, ticket["id"])
        with pytest.raises(ConditionNotMet, match="only photo of step 3"):
            delete(platform, qa, photo["id"])
        make_photo(connection, ticket["id"], 3, inspection_status="rejected")
        with pytest.raises(ConditionNotMet, match="only photo of step 3"):
            delete(platform, qa, photo["id"])
        attach(platform, qa, ticket["id"], step_number=3)
        delete(platform, qa, photo["id"])

    def test_what_a_handover_has_on_record_stays(
        self, platform: Platform, connection: Connection, qa: Actor, ticket: Row
    ) -> None:
        handed, later = attach(platform, qa, ticket["id"]), attach(platform, qa, ticket["id"])
        connection.execute(
            "update ticket_attachments set uploaded_at = uploaded_at - interval '1 hour' where id = %s", [handed["id"]]
        )
        insert(
            connection,
            "handover_snapshots",
            chain_number=1,
            ticket_id=ticket["id"],
            handover_type="build_to_qa",
            snapshot_data={},
            handover_at=datetime.now(UTC) - timedelta(minutes=30),
            handover_by=qa.user_id,
            snapshot_sha256="a" * 64,
        )
        with pytest.raises(ConditionNotMet, match="on record in a handover"):
            delete(platform, qa, handed["id"])
        delete(platform, qa, later["id"])


class TestRacing:
    def test_of_two_who_send_the_same_file_one_wins(self, platform: Platform, technician: Actor, ticket: Row) -> None:
        photo = draw()
        won, lost = race([lambda: attach(platform, technician, ticket["id"], photo, step_number=3)] * 2)
        assert (len(won), [type(error) for error in lost]) == (1, [AlreadyExists])
        assert lost[0].details == {"attachment_id": str(won[0]["id"])}

    def test_of_two_who_delete_a_file_one_wins(self, platform: Platform, connection: Connection, ticket: Row) -> None:
        people = [make_actor(connection, "qa"), make_actor(connection, "manager")]
        photo = attach(platform, people[0], ticket["id"])
        won, lost = race([partial(delete, platform, one, photo["id"]) for one in people])
        assert (len(won), [type(error) for error in lost]) == (1, [StaleWrite])
        assert "was deleted by Person" in lost[0].message

    def test_of_two_who_delete_the_last_photos_of_a_complete_step_one_wins(
        self, platform: Platform, connection: Connection, qa: Actor, ticket: Row
    ) -> None:
        photos = [attach(platform, qa, ticket["id"], step_number=3) for _ in range(2)]
        complete_steps(connection, ticket["id"])
        won, lost = race([partial(delete, platform, qa, one["id"]) for one in photos])
        assert (len(won), [type(error) for error in lost]) == (1, [ConditionNotMet])


class TestPlans:
    @pytest.fixture
    def crowded(self, connection: Connection) -> UUID:
        """A ticket with 2,000 files among 20,000 of others; returns its id."""
        tickets = [make_ticket(connection)["id"] for _ in range(11)]
        connection.execute(
            """
            insert into ticket_attachments (
                ticket_id, step_number, filename, file_type, mime_type, file_size, file_sha256, storage_key,
                uploaded_at, thumbnail_key, preview_key
            )
            select (%s::uuid [])[n %% 11 + 1], n %% 12 + 1, n || '.jpg', 'photo', 'image/jpeg', 1000,
                lpad(to_hex(n), 64, '0'), 'attachments/' || n, now() - n * interval '1 minute',
                'attachments/t' || n, 'attachments/p' || n
            from generate_series(1, 22000) as n
            """,
            [tickets],
        )
        connection.execute("analyze ticket_attachments, attachment_uploads")
        return UUID(str(tickets[0]))

    def plan(self, connection: Connection, query: Any, **parameters: Any) -> str:
        rows = connection.execute("explain (format json) " + query.sql, parameters, prepare=False).fetchone()
        return json.dumps(rows)

    def test_the_list_goes_by_its_index(self, connection: Connection, crowded: UUID) -> None:
        after = {"after_at": datetime.now(UTC) - timedelta(days=3), "after_id": uuid4()}
        filters = AttachmentFilter(is_evidence=False).parameters() | {"ticket_id": crowded}
        sight = Sight(everything=True).parameters()
        parameters = filters | sight | after | {"attachment_id": None, "row_limit": 51}
        plan = self.plan(connection, queries("attachments").list_attachments, **parameters)
        assert "ticket_attachments_list_idx" in plan
        assert '"Sort"' not in plan
        page = views.list_attachments(connection, SYSTEM, crowded, AttachmentFilter(), PageRequest(size=50))
        assert (len(page.rows), page.total) == (50, 2000)

    def test_the_sums_touch_the_tickets_files_only(self, connection: Connection, crowded: UUID) -> None:
        filters = AttachmentFilter().parameters() | {"ticket_id": crowded}
        plan = self.plan(connection, queries("attachments").sum_attachments, **filters)
        assert "ticket_attachments_ticket_id_idx" in plan or "ticket_attachments_list_idx" in plan

    def test_the_sweep_asks_by_key(self, connection: Connection, crowded: UUID) -> None:
        keys = [f"attachments/{name}" for name in ("1", "t2", "p3", "nobody")]
        found = queries("attachments").list_unnamed_keys(connection, keys=keys)
        assert [row["key"] for row in found] == ["attachments/nobody"]
        plan = self.plan(connection, queries("attachments").list_unnamed_keys, keys=keys)
        for name in ("storage_key_key", "thumbnail_key_idx", "preview_key_idx"):
            assert f"ticket_attachments_{name}" in plan


def test_what_is_kept_is_what_was_looked_at(tmp_path: Any) -> None:
    storage, photo, ticket_id = Storage(tmp_path.as_uri()), draw(), uuid4()
    (one,) = keep(storage, ticket_id, [(photo, "a.jpg")])
    assert isinstance(one, Kept)
    assert one.facts == examine(photo, "a.jpg")
    assert storage.checksum(one.storage_key) == one.facts.sha256
    assert one.storage_key == f"attachments/{ticket_id}/{one.attachment_id}.jpg"
