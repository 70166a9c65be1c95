"""Inspecting a photo, and overruling what came of it. Both take the ticket first, then the photo.

Two inspections at once cannot miss each other: each commits its hash before it compares. Whichever compares last sees
the other; where that is the photo uploaded first, it has the later one looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from psycopg.types.json import Jsonb

from sql.database import Connection, queries
from ticketing.errors import Forbidden, InvalidInput, NotFound
from ticketing.events import TicketEvent, UnitOfWork
from ticketing.evidence.alike import Alike, find_alike
from ticketing.evidence.overruling import MAY_OVERRULE, Overruling, require_may_be_overruled, says_the_same
from ticketing.evidence.rules import Facts, Look, Policy, Verdict, judge
from ticketing.evidence.views import read_photo
from ticketing.people import acting_user
from ticketing.ticket_changes import json_ready
from ticketing.ticket_locks import find_and_lock_ticket
from ticketing.vocabulary import TERMINAL_STATUSES, InspectionStatus


@dataclass(frozen=True, kw_only=True)
class PhotoInspected(TicketEvent):
    """An inspection of a photo came out otherwise than the one before; `details` has the photo, its step, the codes."""

    name: ClassVar[str] = "photo_inspected"


@dataclass(frozen=True, kw_only=True)
class PhotoOverruled(TicketEvent):
    """QA has said of a photo that it counts or does not; `details` has the photo, its step and QA's note."""

    name: ClassVar[str] = "photo_overruled"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an inspection came to. `kept` says why the photo's status stayed: QA's word, or the ticket is over.

    `look_again` are later photos (id, ticket's id) that may have been inspected before this one could be seen.
    """

    status: str
    reasons: tuple[dict[str, Any], ...]
    kept: str | None = None
    look_again: tuple[tuple[UUID, UUID], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as the result of a job."""
        return {
            "status": self.status,
            "codes": [reason["code"] for reason in self.reasons],
            "kept": self.kept,
            "looked_at_again": len(self.look_again),
        }


def find_photo(connection: Connection, attachment_id: UUID) -> dict[str, Any] | None:
    """Return where an evidence photo's bytes are and what they must be; None for what is no such photo, or deleted."""
    photo: dict[str, Any] | None = queries("evidence").get_photo(connection, attachment_id=attachment_id)
    return photo


def keep_look(work: UnitOfWork, attachment_id: UUID, look: Look) -> None:
    """Write down what the photo itself tells, if it is readable; to be committed before `inspect`."""
    if look.problem:
        return
    queries("evidence").keep_look(
        work.connection,
        attachment_id=attachment_id,
        width=look.width,
        height=look.height,
        perceptual_hash=look.comparable,
        captured_at=look.captured_at,
    )


def inspect(work: UnitOfWork, ticket_id: UUID, attachment_id: UUID, look: Look, policy: Policy) -> Inspection | None:
    """Compare a photo that was looked at with all others, judge it and keep the result; None: it is gone meanwhile.

    What QA has said stands: then only the reasons are kept. A photo of a ticket that is over is not judged again.
    """
    ticket = find_and_lock_ticket(work, ticket_id)
    photo = queries("evidence").lock_photo(work.connection, attachment_id=attachment_id)
    if ticket is None or photo is None:
        return None
    if ticket["status"] in TERMINAL_STATUSES and photo["inspected_at"] is not None:
        return Inspection(photo["inspection_status"], tuple(photo["inspection_reasons"]), kept="the ticket is over")
    hash_ = look.comparable
    alike = Alike() if hash_ is None else find_alike(work.connection, photo, hash_, policy.similar_bits)
    verdict = judge(look, _facts(work.connection, photo, alike), policy)
    overruled = photo["overruled_at"] is not None
    status = photo["inspection_status"] if overruled else verdict.status.value
    _keep(work, photo, status, verdict)
    look_again = alike.unaware() if photo["inspected_at"] is None else ()
    return Inspection(status, verdict.reasons, "QA has overruled it" if overruled else None, look_again)


def find_held_against(connection: Connection, attachment_id: UUID, policy: Policy) -> tuple[tuple[UUID, UUID], ...]:
    """Return photos (id, ticket's id) that may have been refused for repeating a photo that is deleted now."""
    photo = queries("evidence").get_deleted_photo(connection, attachment_id=attachment_id)
    if photo is None or photo["perceptual_hash"] is None:
        return ()
    return find_alike(connection, photo, photo["perceptual_hash"], policy.similar_bits).held_against()


def overrule(work: UnitOfWork, attachment_id: UUID, word: Overruling) -> dict[str, Any]:
    """Let QA say whether a photo counts, and return it in the shape of EvidenceView.

    Raises Forbidden; NotFound; InvalidInput where nobody stands behind it; StaleWrite for the second of two who say
    something; ConditionNotMet where the ticket's status forbids it. Saying the same again changes nothing.
    """
    if not work.actor.has_role(*MAY_OVERRULE):
        raise Forbidden("Your role may not overrule the inspection of a photo")
    found = find_photo(work.connection, attachment_id)
    ticket = find_and_lock_ticket(work, found["ticket_id"]) if found else None
    photo = queries("evidence").lock_photo(work.connection, attachment_id=attachment_id)
    if ticket is None or photo is None:
        raise no_such_photo(attachment_id)
    person = _person(work, word)
    if not says_the_same(photo, word, person):
        require_may_be_overruled(photo, ticket["status"], word)
        queries("evidence").keep_overruling(
            work.connection,
            attachment_id=attachment_id,
            inspection_status=word.status,
            overruled_by=person,
            overrule_note=word.note,
            now=work.now,
        )
        _record_word(work, photo, word, person, _withdraw_review(work, photo, word))
    return read_photo(work.connection, attachment_id)


def no_such_photo(attachment_id: UUID) -> NotFound:
    """Return the error for an evidence photo that does not exist, or not for the one who asks."""
    return NotFound(f"Photo {attachment_id} not found", details={"attachment_id": str(attachment_id)})


def _person(work: UnitOfWork, word: Overruling) -> UUID:
    claimed = str(word.overruled_by) if word.overruled_by else None
    person = acting_user(work.connection, work.actor, claimed, "overruled_by").user_id
    if person is None:
        problem = "name the person who overrules: a program has no judgement of its own"
        raise InvalidInput(f"overruled_by: {problem}", details={"overruled_by": problem})
    return person


def _facts(connection: Connection, photo: Mapping[str, Any], alike: Alike) -> Facts:
    captures = queries("evidence").list_first_captures(
        connection, ticket_id=photo["ticket_id"], attachment_id=photo["id"]
    )
    return Facts(
        ticket_id=str(photo["ticket_id"]),
        ticket_at=photo["ticket_at"],
        uploaded_at=photo["uploaded_at"],
        captured_at=photo["captured_at"],
        step_number=photo["step_number"],
        first_captures={row["step_number"]: row["first_at"] for row in captures},
        repeats=alike.earlier,
        cut_buckets=alike.cut_buckets,
    )


def _keep(work: UnitOfWork, photo: Mapping[str, Any], status: str, verdict: Verdict) -> None:
    """Write the result down; the timeline tells it only where it is news."""
    queries("evidence").keep_result(
        work.connection,
        attachment_id=photo["id"],
        inspection_status=status,
        inspection_reasons=Jsonb(list(verdict.reasons)),
        now=work.now,
    )
    was = [reason["code"] for reason in photo["inspection_reasons"]]
    codes = [reason["code"] for reason in verdict.reasons]
    pending = photo["inspection_status"] == InspectionStatus.PENDING
    if not pending and status == photo["inspection_status"] and codes == was:
        return
    work.record(
        PhotoInspected(
            ticket_id=photo["ticket_id"],
            before={"inspection_status": photo["inspection_status"]},
            after={"inspection_status": status},
            details=_named(photo) | {"codes": codes, "messages": [reason["message"] for reason in verdict.reasons]},
        )
    )


def _withdraw_review(work: UnitOfWork, photo: Mapping[str, Any], word: Overruling) -> dict[str, Any]:
    """Take back QA's word on a step whose photo QA rejects now; return what was, for the event."""
    if word.status != InspectionStatus.REJECTED.value or photo["step_number"] is None:
        return {}
    withdrawn = queries("attachments").withdraw_photo_review(
        work.connection, ticket_id=photo["ticket_id"], step_number=photo["step_number"], now=work.now
    )
    return {"photo_verified": True} if withdrawn else {}


def _record_word(
    work: UnitOfWork, photo: Mapping[str, Any], word: Overruling, person: UUID, reviewed: Mapping[str, Any]
) -> None:
    names = ("inspection_status", "overruled_by", "overruled_at", "overrule_note")
    after = {
        "inspection_status": word.status,
        "overruled_by": person,
        "overruled_at": work.now,
        "overrule_note": word.note,
    }
    found = [reason["code"] for reason in photo["inspection_reasons"]]
    work.record(
        PhotoOverruled(
            ticket_id=photo["ticket_id"],
            before=json_ready({name: photo[name] for name in names}) | dict(reviewed),
            after=json_ready(after) | dict.fromkeys(reviewed, False),
            details=_named(photo) | {"note": word.note, "codes": found},
        )
    )


def _named(photo: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "attachment_id": str(photo["id"]),
        "filename": photo["filename"],
        "step_number": photo["step_number"],
    }
