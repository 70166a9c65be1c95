"""Handing a ticket over: gates, snapshot, status and owner in one unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing import tickets
from ticketing.errors import Forbidden
from ticketing.events import UnitOfWork
from ticketing.handover import snapshots
from ticketing.handover.canonical import plain
from ticketing.handover.events import HandoverCompleted
from ticketing.handover.evidence import Checksums, damaged, list_files, require_read
from ticketing.handover.requests import NewHandover
from ticketing.handover.rules import MAY_HAND_OVER, OWNERS, GateResult, GatesFailed, evaluate, facts_of, path
from ticketing.handover.views import read_snapshot
from ticketing.people import ActingUser, acting_user
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import read_ticket
from ticketing.vocabulary import HandoverType, Status


def hand_over(work: UnitOfWork, ticket_id: UUID, new: NewHandover, actual: Checksums) -> dict[str, Any]:
    """Hand a ticket over and return its snapshot in the shape of SnapshotView.

    `actual` are the checksums of the ticket's files as they were read just now (`evidence.read_checksums`). Raises
    Forbidden, NotFound, InvalidInput, GatesFailed, ConditionNotMet where the ticket is not where the handover starts,
    AlreadyHandedOver for the second of two who hand over, StaleWrite where files came meanwhile.
    """
    if not work.actor.has_role(*MAY_HAND_OVER):
        raise Forbidden("Your role may not hand tickets over")
    new.require_owners()
    ticket = lock_ticket(work, ticket_id)
    acting = acting_user(work.connection, work.actor, str(new.handover_by), "handover_by")
    ownership = queries("handover").get_ownership(work.connection, ticket_id=ticket_id)
    files = list_files(work.connection, ticket_id)
    require_read(files, actual)
    gates = _require_gates(work.connection, ticket_id, new.handover_type, damaged(files, actual))
    moves = path(new.handover_type, ticket["status"], ownership["owner"])
    row = _prepare(work, ticket_id, new, acting, ownership, gates, moves, files, actual)
    for target in moves:
        tickets.move_by_handover(work, ticket_id, target, acting.user_id)
    queries("handover").set_ticket_owner(work.connection, ticket_id=ticket_id, owner=row["to_owner_type"])
    _append(work, row)
    _record(work, row, ownership, gates, acting)
    return read_snapshot(work.connection, row["id"])


def _require_gates(connection: Connection, ticket_id: UUID, kind: HandoverType, broken: tuple[str, ...]) -> GateResult:
    (facts,) = queries("handover").list_gate_facts(connection, ticket_ids=[ticket_id])
    gates = evaluate(kind, facts_of(facts, broken))
    if not gates.can_handover:
        reasons = "; ".join(gate.message for gate in gates.blocking)
        raise GatesFailed(f"Handover gates validation failed: {reasons}", details=gates.as_json())
    return gates


def _prepare(
    work: UnitOfWork,
    ticket_id: UUID,
    new: NewHandover,
    acting: ActingUser,
    ownership: Mapping[str, Any],
    gates: GateResult,
    moves: Sequence[Status],
    files: Sequence[Mapping[str, Any]],
    actual: Checksums,
) -> dict[str, Any]:
    """Return the snapshot's row, without its place in the chain."""
    ticket = read_ticket(work.connection, ticket_id)
    giver, taker = OWNERS[new.handover_type]
    return {
        "id": uuid7(),
        "ticket_id": ticket_id,
        "handover_type": new.handover_type.value,
        "snapshot_data": snapshots.snapshot_data(
            ticket,
            queries("verification").list_verification_steps(work.connection, ticket_id=ticket_id),
            ownership,
            work.now,
            owner_after=taker,
            status_after=moves[-1] if moves else ticket["status"],
            gates=gates.as_json(),
        ),
        "evidence_links": snapshots.evidence_links(files, actual),
        "decisions": _decisions(work.connection, ticket_id, files),
        "guarantee_status": ticket["guarantee_status"],
        "from_owner_type": giver.value,
        "from_owner_id": new.from_owner_id or (ownership["to_owner_id"] if ownership["owner"] == giver else None),
        "to_owner_type": taker.value,
        "to_owner_id": new.to_owner_id,
        "handover_at": work.now,
        "handover_by": acting.user_id,
        "created_at": work.now,
    }


def _decisions(connection: Connection, ticket_id: UUID, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    named = queries("handover")
    return snapshots.decisions(
        list(named.list_qa_decisions(connection, ticket_id=ticket_id)),
        list(named.list_risk_decisions(connection, ticket_id=ticket_id)),
        list(named.list_escalation_decisions(connection, ticket_id=ticket_id)),
        files,
    )


def _append(work: UnitOfWork, row: dict[str, Any]) -> None:
    """Put the snapshot at the end of the chain.

    The end is locked as late as can be: every handover waits here for the one before it to commit. Tickets are locked
    before it by everybody, so nobody waits for anybody in a circle.
    """
    end = queries("handover").lock_handover_chain(work.connection)
    row |= {"chain_number": end["length"] + 1, "previous_sha256": end["head_sha256"]}
    row["snapshot_sha256"] = snapshots.hash_of(row)
    json_columns = ("snapshot_data", "evidence_links", "decisions")
    written = {name: to_json(row[name]).decode() for name in json_columns}
    queries("handover").insert_handover_snapshot(work.connection, **row | written)


def _record(
    work: UnitOfWork,
    row: Mapping[str, Any],
    ownership: Mapping[str, Any],
    gates: GateResult,
    acting: ActingUser,
) -> None:
    names = ("handover_type", "chain_number", "snapshot_sha256", "previous_sha256", "from_owner_type", "to_owner_type")
    changed = ownership["owner"] != row["to_owner_type"]
    work.record(
        HandoverCompleted(
            ticket_id=row["ticket_id"],
            snapshot_id=row["id"],
            before={"owner": ownership["owner"]} if changed else {},
            after={"owner": row["to_owner_type"]} if changed else {},
            details=plain({"snapshot_id": row["id"]} | {name: row[name] for name in names})
            | {"warnings": gates.as_json()["warnings"]}
            | ({"on_behalf_of": str(acting.user_id)} if acting.on_behalf else {}),
        )
    )
