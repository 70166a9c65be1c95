"""What notices say, of which events, to whom: pure."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import FibreflowError
from ticketing.errors import InvalidInput
from ticketing.events import TicketEvent
from ticketing.handover.events import HandoverCompleted
from ticketing.notes.events import NoteAdded
from ticketing.notices import compliance, recipients, templates
from ticketing.notices.occasions import Occasion, is_stale, occasion_of, occasion_of_change, variables_of
from ticketing.notices.recipients import PRECEDENCE, Recipient, became_recipient, choose, person
from ticketing.notices.requests import NewNotice, draft_of
from ticketing.notices.templates import LONGEST_VALUE, TEMPLATES, TemplateError, render, template_named
from ticketing.notices.writing import Written
from ticketing.repeat_faults.events import EscalationCreated, RepeatFaultThresholdsChanged
from ticketing.risks.events import RiskExpired, RiskExpiring
from ticketing.sla.events import SlaBreached, SlaWarned
from ticketing.ticket_events import TicketAssigned, TicketCreated, TicketStatusChanged
from ticketing.vocabulary import NotificationTemplate, RecipientType

TICKET = uuid4()
QA_LEAD = uuid4()
PHONES = ("+27821234567", "+27821234568", "+27821234569")
DUE = {"sla_due_time": "2026-11-23T10:00:00.000000Z", "percent": 75}
RISK = {"risk_expiry_date": "2026-11-23T22:00:00Z", "risk_description": "Label missing", "accepted_by": str(QA_LEAD)}

# The event, the template, what the event says.
TOLD: list[tuple[TicketEvent, str, dict[str, str]]] = [
    (TicketAssigned(ticket_id=TICKET, after={"assigned_to": str(uuid4())}), "ticket_assigned", {}),
    (
        TicketStatusChanged(ticket_id=TICKET, after={"status": "qa_rejected"}, details={"reason": "Blurred photo"}),
        "qa_rejected",
        {"rejection_reason": "Blurred photo"},
    ),
    (
        TicketStatusChanged(ticket_id=TICKET, after={"status": "qa_rejected"}),
        "qa_rejected",
        {"rejection_reason": "see the ticket"},
    ),
    (TicketStatusChanged(ticket_id=TICKET, after={"status": "qa_approved"}), "qa_approved", {}),
    (TicketStatusChanged(ticket_id=TICKET, after={"status": "closed"}), "ticket_closed", {}),
    (SlaWarned(ticket_id=TICKET, details=DUE), "sla_warning", {"sla_due_time": "2026-11-23 12:00"}),
    (SlaBreached(ticket_id=TICKET, details=DUE), "sla_warning", {"sla_due_time": "2026-11-23 12:00 (overdue)"}),
    (
        RiskExpiring(ticket_id=TICKET, risk_id=uuid4(), details=RISK),
        "risk_expiring",
        {"expiry_date": "2026-11-24 00:00", "risk_description": "Label missing"},
    ),
    (
        EscalationCreated(
            ticket_id=TICKET,
            escalation_id=uuid4(),
            details={"fault_count": 3, "scope_type": "pole", "scope_value": "LAW.P.A002"},
        ),
        "escalation_created",
        {"fault_count": "3", "scope_type": "pole", "scope_value": "LAW.P.A002"},
    ),
    (
        HandoverCompleted(ticket_id=TICKET, snapshot_id=uuid4(), details={"to_owner_type": "maintenance"}),
        "handover_complete",
        {"new_owner": "maintenance"},
    ),
]
NOT_TOLD: list[Any] = [
    TicketCreated(ticket_id=TICKET, after={"status": "open"}),
    TicketAssigned(ticket_id=TICKET, after={"assigned_team": "North"}),
    TicketAssigned(ticket_id=TICKET, after={"assigned_to": "x"}, details={"report_uid": "WR2026-W47-001"}),
    TicketStatusChanged(ticket_id=TICKET, after={"status": "in_progress"}),
    NoteAdded(ticket_id=TICKET, note_id=uuid4()),
    RepeatFaultThresholdsChanged(project_id=None),
]


@pytest.mark.parametrize(("event", "template", "said"), TOLD, ids=lambda value: getattr(value, "name", ""))
def test_an_event_is_told_by_its_template(event: TicketEvent, template: str, said: dict[str, str]) -> None:
    occasion = occasion_of(event)
    assert occasion is not None
    assert (occasion.template, occasion.cause, dict(occasion.said)) == (template, event.name, said)
    facts = {"ticket_uid": "FF100001", "dr_number": None, "status": "assigned"}
    recipient = Recipient(type=RecipientType.TECHNICIAN, phone=PHONES[0])
    text = render(occasion.template, variables_of(occasion, facts, recipient))
    assert "FF100001" in text
    assert "{" not in text


@pytest.mark.parametrize("event", NOT_TOLD, ids=lambda event: event.name)
def test_other_events_are_not_told(event: Any) -> None:
    assert occasion_of(event) is None


def test_of_the_end_of_a_risk_whoever_accepted_it_is_told() -> None:
    risk = uuid4()
    ended = occasion_of(RiskExpired(ticket_id=TICKET, risk_id=risk, details=RISK))
    soon = occasion_of(RiskExpiring(ticket_id=TICKET, risk_id=risk, details=RISK))
    nameless = occasion_of(RiskExpired(ticket_id=TICKET, risk_id=risk, details=RISK | {"accepted_by": None}))
    assert [one.tell if one else "" for one in (ended, soon, nameless)] == [QA_LEAD, None, None]


def test_a_ticket_that_an_import_made_for_somebody_is_told_as_an_assignment() -> None:
    after = {"title": "No light", "assigned_contractor_id": str(uuid4())}
    occasion = occasion_of_change("ticket_created", after, {"report_uid": "WR2026-W47-001"})
    assert occasion is not None
    assert (occasion.template, occasion.changed) == ("ticket_assigned", ("assigned_contractor_id",))
    assert occasion_of_change("ticket_created", {"title": "No light"}, {}) is None


@pytest.mark.parametrize(
    ("template", "status", "stale"),
    [
        ("ticket_assigned", "assigned", False),
        ("ticket_assigned", "closed", True),
        ("sla_warning", "cancelled", True),
        ("ticket_closed", "closed", False),
    ],
)
def test_work_on_a_ticket_that_ended_is_not_told(template: str, status: str, stale: bool) -> None:
    occasion = Occasion(template=NotificationTemplate(template), cause="x")
    assert is_stale(occasion, {"status": status}) is stale


def details_of(error: FibreflowError) -> dict[str, Any]:
    assert isinstance(error.details, dict)
    return error.details


def facts(*phones: str | None) -> dict[str, Any]:
    people = zip(("user", "contractor", "member"), phones, strict=True)
    return {
        key: value
        for who, phone in people
        for key, value in ((f"{who}_name", who), (f"{who}_phone", phone), (f"{who}_user_id", None))
    }


@pytest.mark.parametrize(
    ("phones", "kind", "name"),
    [
        (PHONES, "technician", "user"),
        ((None, *PHONES[1:]), "contractor", "contractor"),
        ((None, None, PHONES[2]), "team", "member"),
        # A number that cannot be rung is none.
        (("+2782123456", PHONES[1], None), "contractor", "contractor"),
    ],
)
def test_the_user_is_told_else_the_contractor_else_the_team(
    phones: tuple[str | None, ...], kind: str, name: str
) -> None:
    found = choose(facts(*phones))
    assert found is not None
    assert (found.type, found.name) == (kind, name)


def test_without_a_telephone_nobody_is_told() -> None:
    assert choose(facts(None, None, None)) is None
    assert person(None) is None
    assert person({"id": QA_LEAD, "name": "Thandi", "phone": None}) is None


@pytest.mark.parametrize(
    ("field", "changed", "told"),
    [
        ("assigned_to", ["assigned_to"], True),
        ("assigned_to", ["assigned_contractor_id", "assigned_team_id"], False),
        ("assigned_contractor_id", ["assigned_to"], True),
        ("assigned_contractor_id", ["assigned_team_id"], False),
        ("assigned_team_id", ["assigned_team_id"], True),
        (None, [], True),
    ],
)
def test_who_is_told_already_is_not_told_again(field: str | None, changed: list[str], told: bool) -> None:
    recipient = Recipient(type=RecipientType.TEAM, phone=PHONES[0], field=field)
    assert became_recipient(recipient, changed) is told


@given(
    st.lists(st.sampled_from([None, *PHONES, "+2782123456"]), min_size=3, max_size=3),
    st.sets(st.sampled_from(PRECEDENCE)),
)
def test_whoever_is_told_has_a_number_and_nobody_before_them_has(phones: list[str | None], changed: set[str]) -> None:
    found = choose(facts(*phones))
    usable = [phone for phone in phones if phone in PHONES]
    assert (found.phone if found else None) == (usable[0] if usable else None)
    if found is not None and found.field in changed:
        assert became_recipient(found, changed)
    assert recipients.PRECEDENCE == ("assigned_to", "assigned_contractor_id", "assigned_team_id")


@pytest.mark.parametrize("name", list(NotificationTemplate))
def test_every_missing_variable_is_named_before_anything_is_written(name: NotificationTemplate) -> None:
    with pytest.raises(TemplateError) as caught:
        render(name, {"dr_number": " ", "ticket_uid": "\u202e"})
    assert details_of(caught.value)["variables"].keys() == set(TEMPLATES[name].variables)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("ticket_assigned", ("assignee_name", "ticket_uid", "dr_number")),
        ("qa_rejected", ("ticket_uid", "rejection_reason")),
        ("qa_approved", ("ticket_uid",)),
        ("ticket_closed", ("ticket_uid",)),
        ("sla_warning", ("ticket_uid", "sla_due_time")),
        ("risk_expiring", ("ticket_uid", "expiry_date", "risk_description")),
    ],
)
def test_the_templates_need_what_the_contract_says(name: str, variables: tuple[str, ...]) -> None:
    assert TEMPLATES[template_named(name)].variables == variables


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TemplateError, match="ticket_assigned") as caught:
        template_named("hello")
    assert details_of(caught.value)["template_id"] == "unknown"


def test_half_a_character_of_a_value_is_left_out() -> None:
    assert render(NotificationTemplate.QA_APPROVED, {"ticket_uid": "FF\ud83d1"}).encode().count(b"FF1") == 1


@given(st.text(min_size=1, max_size=700))
def test_a_value_goes_in_as_one_line_whatever_it_holds(reason: str) -> None:
    try:
        text = render(NotificationTemplate.QA_REJECTED, {"ticket_uid": "FF100001", "rejection_reason": reason})
    except TemplateError:
        return
    beginning = "QA rejected the work on ticket FF100001: "
    assert text.startswith(beginning)
    assert 0 < len(text) - len(beginning) <= LONGEST_VALUE
    assert text.splitlines() == [text]


def test_braces_in_a_value_are_only_braces() -> None:
    text = render(NotificationTemplate.QA_REJECTED, {"ticket_uid": "{rejection_reason}", "rejection_reason": "{x}"})
    assert text == "QA rejected the work on ticket {rejection_reason}: {x}"
    assert templates.LONGEST_TEXT > LONGEST_VALUE


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message_content": " "}, "message"),
        ({"message_content": "Hello", "template_id": "qa_approved"}, "message"),
        ({"template_id": "qa_approved"}, "variables"),
    ],
)
def test_a_request_gives_a_template_with_variables_or_a_text(body: dict[str, Any], field: str) -> None:
    new = NewNotice.model_validate({"recipient_type": "client", "recipient_phone": "082 123 4567"} | body)
    with pytest.raises(InvalidInput) as caught:
        draft_of(new)
    assert details_of(caught.value).keys() == {field}


def test_two_texts_are_two_things_to_say() -> None:
    bodies = [{"message_content": "One"}, {"message_content": "Two"}, {"message_content": "One"}]
    base = {"recipient_type": "client", "recipient_phone": "082 123 4567"}
    one, two, again = (draft_of(NewNotice.model_validate(base | body)).subject for body in bodies)
    assert one == again != two


def test_rates_are_of_what_was_wanted() -> None:
    counts = dict.fromkeys(compliance.COUNTS, 0) | {"asked": 12, "opted_out": 2, "sent": 9, "delivered": 5, "read": 1}
    total = compliance.total_of([counts, counts])
    figures = compliance.with_rates(total)
    assert (figures["sent_rate"], figures["delivery_rate"], figures["read_rate"]) == (90.0, 50.0, 10.0)
    assert compliance.with_rates(dict.fromkeys(compliance.COUNTS, 0))["sent_rate"] == 0.0


def test_what_came_of_it_is_told_without_what_is_not_there() -> None:
    assert Written(skipped="nobody is assigned").as_json() == {"skipped": "nobody is assigned"}
