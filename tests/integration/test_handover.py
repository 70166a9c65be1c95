"""Handing over on a real database: gates, snapshot, status and owner together, races, and what the database refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from integrations.storage import Storage
from jobs.platform import Platform
from runtime.settings import Settings
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import Row, insert, make_user
from tests.factories.handover import archive_of, hand_over, make_finished_ticket, make_stored_photo
from tests.factories.readiness import make_photo
from tests.factories.tickets import NOON, make_actor, make_risk
from tests.races import race
from ticketing import tickets
from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput, NotFound, StaleWrite
from ticketing.handover import service, views
from ticketing.handover.evidence import read_checksums
from ticketing.handover.requests import NewHandover
from ticketing.handover.rules import AlreadyHandedOver, GatesFailed
from ticketing.handover.snapshots import hash_of
from ticketing.people import Actor
from ticketing.ticket_input import TicketChanges
from ticketing.vocabulary import HandoverType

WAIT = 30


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    platform = Platform.connect(settings, clock=FixedClock(NOON + timedelta(hours=1)))
    platform.declare()
    yield platform
    platform.close()


@pytest.fixture
def qa(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


def ticket_of(connection: Connection, ticket_id: UUID) -> Row:
    row = connection.execute("select * from tickets where id = %s", [ticket_id]).fetchone()
    assert row is not None
    return row


def snapshot_row(connection: Connection, snapshot_id: UUID) -> Row:
    row = connection.execute("select * from handover_snapshots where id = %s", [snapshot_id]).fetchone()
    assert row is not None
    return row


def events(connection: Connection, ticket_id: UUID, kind: str) -> list[Row]:
    return connection.execute(
        "select * from ticket_events where ticket_id = %s and event_type = %s order by id", (ticket_id, kind)
    ).fetchall()


def together(connection: Connection, *statements: str) -> None:
    """Execute statements in one transaction."""
    with connection.transaction():
        for statement in statements:
            connection.execute(statement)


class TestHandingOver:
    def test_a_ticket_goes_to_maintenance_with_status_owner_and_snapshot(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        made = hand_over(platform, qa, ticket["id"])
        assert set(made) == set(views.SnapshotView.model_fields)
        views.SnapshotView.model_validate(made)
        now = ticket_of(connection, ticket["id"])
        assert (now["status"], now["owner"]) == ("handed_to_maintenance", "maintenance")
        data = made["snapshot_data"]
        assert (data["status"], data["status_after"]) == ("qa_approved", "handed_to_maintenance")
        assert (data["owner"], data["owner_after"]) == ("qa", "maintenance")
        assert (data["verification_steps_completed"], data["verification_steps_total"]) == (12, 12)
        assert [step["step_number"] for step in data["verification_steps"]] == list(range(1, 13))
        assert data["ont_rx_level"] == -19
        assert (made["from_owner_type"], made["to_owner_type"]) == ("qa", "maintenance")
        assert (made["handover_by"], made["handover_at"]) == (qa.user_id, NOON + timedelta(hours=1))
        assert [link["checksum_verified"] for link in made["evidence_links"]] == [True, True]
        row = snapshot_row(connection, made["id"])
        assert (row["chain_number"], row["previous_sha256"]) == (1, None)
        assert hash_of(row) == row["snapshot_sha256"]

    def test_the_timeline_tells_of_moves_and_handover(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        made = hand_over(platform, qa, ticket["id"])
        moves = [event["after"]["status"] for event in events(connection, ticket["id"], "ticket_status_changed")]
        assert moves == ["pending_handover", "handed_to_maintenance"]
        (told,) = events(connection, ticket["id"], "handover_completed")
        assert (told["before"], told["after"]) == ({"owner": "qa"}, {"owner": "maintenance"})
        assert told["details"]["snapshot_sha256"] == made["snapshot_sha256"]
        assert (told["details"]["chain_number"], told["details"]["snapshot_id"]) == (1, str(made["id"]))

    def test_all_the_way_from_build_to_closed(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_finished_ticket(
            platform, connection, status="in_progress", owner="build", ticket_type="incident", fault_cause="unknown"
        )
        to_qa = hand_over(platform, qa, ticket["id"], "build_to_qa", to_owner_id=qa.user_id)
        assert ticket_of(connection, ticket["id"])["status"] == "pending_qa"
        assert "QA has not approved the work" in to_qa["snapshot_data"]["gates"]["warnings"]
        connection.execute("update tickets set status = 'qa_in_progress' where id = %s", [ticket["id"]])
        with platform.begin(qa) as work:
            tickets.update(
                work, ticket["id"], TicketChanges.model_validate({"status": "qa_rejected", "reason": "Blur"})
            )
        connection.execute("update tickets set status = 'in_progress' where id = %s", [ticket["id"]])
        again = hand_over(platform, qa, ticket["id"], "build_to_qa")
        connection.execute("update tickets set status = 'qa_in_progress' where id = %s", [ticket["id"]])
        with platform.begin(qa) as work:
            tickets.update(work, ticket["id"], TicketChanges.model_validate({"status": "qa_approved"}))
        over = hand_over(platform, qa, ticket["id"])
        done = hand_over(platform, qa, ticket["id"], "maintenance_complete")
        closed = ticket_of(connection, ticket["id"])
        assert (closed["status"], closed["owner"], closed["closed_by"]) == ("closed", "maintenance", qa.user_id)
        chain = [to_qa, again, over, done]
        assert [one["chain_number"] for one in chain] == [1, 2, 3, 4]
        assert [one["previous_sha256"] for one in chain[1:]] == [one["snapshot_sha256"] for one in chain[:-1]]
        assert [(one["decision_type"], one["notes"]) for one in done["decisions"]] == [
            ("rejection", "Blur"),
            ("approval", None),
        ]
        assert done["decisions"][0]["decision_by"] == str(qa.user_id)

    def test_decisions_hold_risks_escalations_and_overrules(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        risk = make_risk(connection, ticket["id"], covers_handover=True, accepted_at=NOON)
        make_risk(
            connection,
            ticket["id"],
            status="escalated",
            accepted_at=NOON,
            expired_at=NOON + timedelta(days=1),
            escalated_at=NOON + timedelta(days=2),
        )
        escalation = insert(
            connection,
            "repeat_fault_escalations",
            scope_type="dr",
            scope_value="DR1737348",
            fault_count=2,
            fault_threshold=2,
            created_at=NOON - timedelta(days=1),
        )
        insert(connection, "escalation_tickets", escalation_id=escalation["id"], ticket_id=ticket["id"])
        make_stored_photo(
            platform,
            connection,
            ticket["id"],
            5,
            overruled_by=qa.user_id,
            overruled_at=NOON + timedelta(minutes=5),
            overrule_note="Same site, new angle",
        )
        made = hand_over(platform, qa, ticket["id"])
        told = [(one["decision_type"], one["metadata"].get("about")) for one in made["decisions"]]
        assert told[0] == ("escalation", "repeat_fault")
        assert sorted(told[1:3]) == [("risk_acceptance", None), ("risk_acceptance", None)]
        assert told[3:] == [("approval", "evidence_photo"), ("escalation", "risk_acceptance")]
        named = {one["metadata"].get("risk_id") for one in made["decisions"]}
        assert str(risk["id"]) in named
        assert any("covers the handover" in warning for warning in made["snapshot_data"]["gates"]["warnings"])

    def test_who_had_it_is_taken_from_the_handover_before(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection, status="in_progress", owner="build")
        hand_over(platform, qa, ticket["id"], "build_to_qa", to_owner_id=qa.user_id)
        connection.execute("update tickets set status = 'qa_in_progress' where id = %s", [ticket["id"]])
        connection.execute("update tickets set status = 'qa_approved' where id = %s", [ticket["id"]])
        assert hand_over(platform, qa, ticket["id"])["from_owner_id"] == qa.user_id


class TestRefusals:
    def test_gates_refuse_with_the_whole_result(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_finished_ticket(platform, connection, ont_serial=None, assigned_contractor_id=None)
        with pytest.raises(GatesFailed, match="Handover gates validation failed") as refused:
            hand_over(platform, qa, ticket["id"])
        details = refused.value.details
        assert isinstance(details, dict)
        assert [issue["gate_name"] for issue in details["blocking_issues"]] == [
            "ont_pon_verified",
            "contractor_assigned",
        ]
        assert all(issue["resolution_hint"] for issue in details["blocking_issues"])
        assert ticket_of(connection, ticket["id"])["status"] == "qa_approved"

    @pytest.mark.parametrize("damage", ["gone", "altered"])
    def test_a_photo_that_is_not_what_was_stored_refuses(
        self, platform: Platform, connection: Connection, qa: Actor, damage: str
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        photo = make_stored_photo(platform, connection, ticket["id"], 5)
        storage = Storage.from_settings(platform.settings)
        if damage == "gone":
            storage.delete(photo["storage_key"])
        else:
            storage.put(photo["storage_key"], b"another picture")
        with pytest.raises(GatesFailed, match=photo["filename"]):
            hand_over(platform, qa, ticket["id"])

    @pytest.mark.parametrize("damage", ["gone", "altered"])
    def test_each_photo_counts_where_several_have_one_name(
        self, platform: Platform, connection: Connection, qa: Actor, damage: str
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        named = {"filename": "image.jpg"}
        photos = [make_stored_photo(platform, connection, ticket["id"], step, **named) for step in (5, 5, 6, 6)]
        storage = Storage.from_settings(platform.settings)
        for photo in photos[::2]:
            storage.delete(photo["storage_key"])
            if damage == "altered":
                storage.put(photo["storage_key"], b"another picture")
        problem = "is not in storage" if damage == "gone" else "has other content than was uploaded"
        told = "2 evidence photo(s) are not as they were stored: "
        told += f"step 5: image.jpg {problem}; step 6: image.jpg {problem}"
        with platform.read() as reading:
            actual = read_checksums(reading, qa, ticket["id"], archive_of(platform))
            shown = views.try_gates(reading, qa, ticket["id"], HandoverType.QA_TO_MAINTENANCE, actual)
        assert [issue["message"] for issue in shown["blocking_issues"]] == [told]
        with pytest.raises(GatesFailed, match=re.escape(told)):
            hand_over(platform, qa, ticket["id"])
        assert ticket_of(connection, ticket["id"])["status"] == "qa_approved"

    def test_a_photo_that_comes_while_files_are_read_sends_back(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        actual = read_checksums(connection, qa, ticket["id"], archive_of(platform))
        make_photo(connection, ticket["id"], 6)
        new = NewHandover.model_validate({"handover_type": "qa_to_maintenance", "handover_by": qa.user_id})
        with pytest.raises(StaleWrite, match="try again"), platform.begin(qa) as work:
            service.hand_over(work, ticket["id"], new, actual)

    def test_an_active_risk_refuses_unless_it_covers_the_handover(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        make_risk(connection, ticket["id"], covers_handover=True, accepted_at=NOON)
        make_risk(connection, ticket["id"], accepted_at=NOON)
        with pytest.raises(GatesFailed, match="2 risk acceptance"):
            hand_over(platform, qa, ticket["id"])

    @pytest.mark.parametrize("status", ["open", "qa_in_progress", "cancelled"])
    def test_a_ticket_must_be_where_the_handover_starts(
        self, platform: Platform, connection: Connection, qa: Actor, status: str
    ) -> None:
        ticket = make_finished_ticket(platform, connection, status=status, owner="build")
        with pytest.raises(ConditionNotMet, match="starts from in_progress or pending_qa"):
            hand_over(platform, qa, ticket["id"], "build_to_qa")

    def test_closing_still_needs_its_cause(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_finished_ticket(
            platform, connection, status="handed_to_maintenance", owner="maintenance", ticket_type="incident"
        )
        with pytest.raises(ConditionNotMet, match="fault cause"):
            hand_over(platform, qa, ticket["id"], "maintenance_complete")
        assert connection.execute("select length from handover_chain").fetchone() == {"length": 0}

    def test_roles_people_and_owners(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_finished_ticket(platform, connection)
        for role in ("operator", "viewer"):
            with pytest.raises(Forbidden):
                hand_over(platform, make_actor(connection, role), ticket["id"])
        with pytest.raises(Forbidden, match="handover_by"):
            hand_over(platform, qa, ticket["id"], handover_by=make_user(connection)["id"])
        with pytest.raises(InvalidInput, match="from_owner_type"):
            hand_over(platform, qa, ticket["id"], from_owner_type="build")
        with pytest.raises(NotFound):
            hand_over(platform, qa, uuid4())
        admin = make_actor(connection, "admin")
        made = hand_over(platform, admin, ticket["id"], handover_by=qa.user_id, from_owner_type="qa")
        (told,) = events(connection, ticket["id"], "handover_completed")
        assert (made["handover_by"], told["details"]["on_behalf_of"]) == (qa.user_id, str(qa.user_id))


class TestRaces:
    def test_of_two_handovers_of_one_ticket_one_wins(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        for number in range(1, 4):
            ticket = make_finished_ticket(platform, connection)
            won, lost = race([partial(hand_over, platform, qa, ticket["id"])] * 2)
            assert (len(won), [(type(error), error.code) for error in lost]) == (1, [(AlreadyHandedOver, "CONFLICT")])
            assert won[0]["chain_number"] == number

    def test_handovers_of_many_tickets_make_one_chain_without_gaps(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        made = [make_finished_ticket(platform, connection)["id"] for _ in range(6)]
        won, lost = race([partial(hand_over, platform, qa, ticket_id) for ticket_id in made])
        assert lost == []
        chain = sorted(won, key=lambda one: one["chain_number"])
        assert [one["chain_number"] for one in chain] == [1, 2, 3, 4, 5, 6]
        assert [one["previous_sha256"] for one in chain] == [None, *(one["snapshot_sha256"] for one in chain[:-1])]

    def test_a_handover_that_fails_leaves_no_gap(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        first, second = (make_finished_ticket(platform, connection)["id"] for _ in range(2))
        with platform.read() as reading:
            actual = read_checksums(reading, qa, first, archive_of(platform))
        new = NewHandover.model_validate({"handover_type": "qa_to_maintenance", "handover_by": qa.user_id})

        def cut_off() -> None:
            with platform.begin(qa) as work:
                service.hand_over(work, first, new, actual)
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power"):
            cut_off()
        assert hand_over(platform, qa, second)["chain_number"] == 1
        assert ticket_of(connection, first)["status"] == "qa_approved"

    def test_of_two_qa_approvals_that_saw_the_same_ticket_one_wins(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection, status="qa_in_progress")
        seen = {"status": "qa_approved", "updated_at": ticket["updated_at"].isoformat()}

        def approve() -> Any:
            with platform.begin(qa) as work:
                return tickets.update(work, ticket["id"], TicketChanges.model_validate(seen))

        won, lost = race([approve, approve])
        assert (len(won), [error.code for error in lost]) == (1, ["STALE_WRITE"])


class TestDatabaseRefuses:
    @pytest.mark.parametrize(
        "statement",
        [
            "update handover_snapshots set snapshot_data = '{}'",
            "delete from handover_snapshots",
            "truncate handover_snapshots cascade",
            "update handover_chain set length = 0, head_sha256 = null",
            "delete from handover_chain",
            "truncate handover_chain",
        ],
    )
    def test_even_the_tables_owner_and_superuser(
        self, platform: Platform, connection: Connection, qa: Actor, statement: str
    ) -> None:
        hand_over(platform, qa, make_finished_ticket(platform, connection)["id"])
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
        assert refused.value.sqlstate == "TK002"

    def test_also_a_session_that_plays_a_replica(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        hand_over(platform, qa, make_finished_ticket(platform, connection)["id"])
        replica = "set local session_replication_role = replica"
        with pytest.raises(psycopg.Error) as refused:
            together(connection, replica, "delete from handover_snapshots")
        assert refused.value.sqlstate == "TK002"

    @pytest.mark.parametrize(
        ("statement", "refusal"),
        [
            ("update handover_snapshots set decisions = '[]'", "TK002"),
            ("delete from handover_snapshots", "TK002"),
            ("truncate handover_snapshots cascade", "TK002"),
            # Only a superuser may play a replica; and the triggers would act all the same.
            ("set local session_replication_role = replica", "42501"),
        ],
    )
    def test_a_role_that_owns_the_tables_but_is_no_superuser(
        self, platform: Platform, connection: Connection, qa: Actor, statement: str, refusal: str
    ) -> None:
        hand_over(platform, qa, make_finished_ticket(platform, connection)["id"])
        role = f"owner_{uuid4().hex[:12]}"
        with pytest.raises(psycopg.Error) as refused:
            together(
                connection,
                f"create role {role}",
                f"grant all on all tables in schema public to {role}",
                f"alter table handover_snapshots owner to {role}",
                f"set local role {role}",
                statement,
            )
        assert refused.value.sqlstate == refusal

    def test_a_snapshot_that_does_not_continue_the_chain(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        made = hand_over(platform, qa, make_finished_ticket(platform, connection)["id"])
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(
                """
                insert into handover_snapshots (
                    chain_number, ticket_id, handover_type, snapshot_data, handover_by, previous_sha256, snapshot_sha256
                )
                select 3, ticket_id, handover_type, '{}', handover_by, snapshot_sha256, repeat('a', 64)
                from handover_snapshots where id = %s
                """,
                [made["id"]],
            )
        assert refused.value.sqlstate == "TK004"


def test_gates_are_shown_without_acting(platform: Platform, connection: Connection, qa: Actor) -> None:
    ticket = make_finished_ticket(platform, connection, status="in_progress")
    actual = read_checksums(connection, qa, ticket["id"], archive_of(platform))
    shown = views.try_gates(connection, qa, ticket["id"], HandoverType.QA_TO_MAINTENANCE, actual)
    assert shown["can_handover"] is False
    assert [issue["gate_name"] for issue in shown["blocking_issues"]] == ["qa_approved", "status"]
    ready = views.try_gates(connection, qa, ticket["id"], HandoverType.BUILD_TO_QA, actual)
    assert (ready["can_handover"], ready["blocking_issues"]) == (True, [])
    assert ticket_of(connection, ticket["id"])["status"] == "in_progress"
