"""Who may add and delete files, what is evidence, and which photo a complete step cannot do without."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.storage import check_key
from runtime.errors import FibreflowError
from ticketing.attachments import formats, rules
from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput, StaleWrite
from ticketing.people import ROLES, Actor, Role
from ticketing.ticket_access import SITE_STATUSES
from ticketing.vocabulary import TERMINAL_STATUSES, Status

ME = UUID(int=7)
ROW: dict[str, Any] = {
    "filename": "a.jpg",
    "file_type": "photo",
    "is_evidence": True,
    "inspection_status": "pending",
    "step_number": 3,
    "uploaded_by": ME,
    "deleted_at": None,
    "deleted_by_name": None,
    "is_handed_over": False,
    "step_complete": False,
    "step_photo_url": None,
    "photo_required": True,
    "other_photos": 0,
}


def person(*roles: Role, user_id: UUID | None = ME) -> Actor:
    return Actor(kind="user", name="Thandi", user_id=user_id, roles=frozenset(roles))


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("role", ROLES)
def test_who_may_add(role: Role, status: Status) -> None:
    expected: type[FibreflowError] | None = None
    if role in {"operator", "viewer"} or (role in {"technician", "contractor"} and status not in SITE_STATUSES):
        expected = Forbidden
    elif status in TERMINAL_STATUSES:
        expected = ConditionNotMet
    if expected is None:
        rules.require_may_add(person(role), status)
        return
    with pytest.raises(expected):
        rules.require_may_add(person(role), status)


@pytest.mark.parametrize(
    ("role", "changes", "expected"),
    [
        ("technician", {}, None),
        ("technician", {"uploaded_by": uuid4()}, Forbidden),
        ("technician", {"uploaded_by": None}, Forbidden),
        ("qa", {"uploaded_by": None}, None),
        ("viewer", {}, Forbidden),
        ("qa", {"deleted_at": datetime(2026, 11, 20, tzinfo=UTC), "deleted_by_name": "Sipho"}, StaleWrite),
        ("qa", {"is_handed_over": True}, ConditionNotMet),
        ("qa", {"step_complete": True}, ConditionNotMet),
        ("qa", {"step_complete": True, "other_photos": 1}, None),
        ("qa", {"step_complete": True, "step_photo_url": "https://a.example/1.jpg"}, None),
        ("qa", {"step_complete": True, "photo_required": False}, None),
        ("qa", {"step_complete": True, "inspection_status": "rejected"}, None),
        ("qa", {"step_complete": True, "is_evidence": False}, None),
        ("qa", {"step_complete": True, "file_type": "pdf"}, None),
    ],
)
def test_who_may_delete_what(role: Role, changes: dict[str, Any], expected: type[FibreflowError] | None) -> None:
    if expected is None:
        rules.require_may_delete(person(role), "in_progress", ROW | changes)
        return
    with pytest.raises(expected):
        rules.require_may_delete(person(role), "in_progress", ROW | changes)


def test_a_program_without_a_person_deletes_nothing_as_a_technician() -> None:
    with pytest.raises(Forbidden, match="Only who uploaded"):
        rules.require_may_delete(person("technician", user_id=None), "open", ROW | {"uploaded_by": None})


@given(st.one_of(st.none(), st.booleans()), st.sampled_from(formats.FORMATS), st.one_of(st.none(), st.integers(1, 12)))
def test_what_is_said_counts_and_else_a_photo_of_a_step_is_evidence(
    said: bool | None, kind: formats.Format, step: int | None
) -> None:
    if said and kind is formats.GIF:
        with pytest.raises(InvalidInput, match="no evidence"):
            rules.is_evidence(said, kind, step)
        return
    found = rules.is_evidence(said, kind, step)
    photo = kind.file_type == "photo" and kind is not formats.GIF
    assert found == (said if said is not None else photo and step is not None)


@given(st.uuids(), st.uuids(), st.sampled_from(formats.FORMATS))
def test_keys_are_made_here_and_never_twice(ticket_id: UUID, attachment_id: UUID, kind: formats.Format) -> None:
    keys = [
        rules.new_key(ticket_id, attachment_id, kind),
        rules.new_upload_key(attachment_id),
        *(rules.new_picture_key(ticket_id, attachment_id, "phone") for _ in range(3)),
    ]
    assert len({check_key(key) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("size", "fits"), [(0, False), (1, True), (rules.MAX_BYTES, True), (rules.MAX_BYTES + 1, False)]
)
def test_sizes(size: int, fits: bool) -> None:
    if fits:
        rules.require_size(size)
        return
    with pytest.raises(InvalidInput, match="10 MB"):
        rules.require_size(size)
