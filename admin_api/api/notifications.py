"""WhatsApp notices: ask for one, look at one beforehand, see how far they got, hold, release and resend them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import Moment, Reason, parse_uuid
from admin_api.responses import Failure, Success, success
from jobs.procedures import notice_requests
from ticketing.errors import InvalidInput
from ticketing.notices import compliance, contacts, requests, views
from ticketing.notices.compliance import ComplianceView
from ticketing.notices.contacts import ContactView
from ticketing.notices.requests import NewNotice, NoticePreview
from ticketing.notices.templates import TEMPLATES
from ticketing.notices.views import NoticeFilter, NoticeState, NoticeView
from ticketing.paging import DEFAULT_ROWS, MAX_ROWS, PageRequest
from ticketing.people import Role
from ticketing.phones import Phone
from ticketing.vocabulary import NotificationStatus, NotificationTemplate, RecipientType

api = blueprint("notifications")

SENDERS: tuple[Role, ...] = ("manager", "operator")
PREVIEWERS: tuple[Role, ...] = ("manager", "operator", "qa")
REPORTED_TO: tuple[Role, ...] = ("manager", "operator", "viewer")
PERIOD = timedelta(days=30)
_FAILS: dict[Any, Any] = {404: Failure, 409: Failure}
_Unset = BeforeValidator(lambda value: None if value == "" else value)


class StatusQuery(BaseModel):
    """One notice, or which to list."""

    model_config = ConfigDict(extra="ignore")

    notification_id: Annotated[UUID | None, _Unset] = None
    ticket_id: Annotated[UUID | None, _Unset] = None
    status: Annotated[NotificationStatus | None, _Unset] = None
    recipient_type: Annotated[RecipientType | None, _Unset] = None
    failed_only: Annotated[bool, BeforeValidator(lambda value: value or False)] = False
    sent_after: Annotated[Moment | None, _Unset] = None
    sent_before: Annotated[Moment | None, _Unset] = None
    held: Annotated[bool | None, _Unset] = None
    limit: str | None = Field(default=None, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def filter(self) -> NoticeFilter:
        """Return the filter, without the paging."""
        names = ("ticket_id", "status", "recipient_type", "failed_only", "sent_after", "sent_before", "held")
        return NoticeFilter(**{name: getattr(self, name) for name in names})


class ComplianceQuery(BaseModel):
    """The period in which the notices were written: the last thirty days if not given."""

    model_config = ConfigDict(extra="ignore")

    from_at: Annotated[Moment | None, _Unset] = Field(default=None, alias="from")
    until_at: Annotated[Moment | None, _Unset] = Field(default=None, alias="until")

    def period(self, present: datetime) -> tuple[datetime, datetime]:
        """Return from when until when. Raises InvalidInput for a period that ends before it begins."""
        until_at = self.until_at or present
        from_at = self.from_at or until_at - PERIOD
        if from_at >= until_at:
            raise InvalidInput("from: must lie before until", details={"from": "must lie before until"})
        return from_at, until_at


class ContactsQuery(BaseModel):
    """Which contacts to list."""

    model_config = ConfigDict(extra="ignore")

    opted_out: Annotated[bool | None, _Unset] = None
    limit: str | None = Field(default=None, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class HoldBody(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ContactBody(HoldBody):
    """Whose wish it is, and how it became known."""

    phone: Phone


class NoticeAnswer(Success):
    """One notice."""

    data: NoticeView


class NoticePage(BaseModel):
    """Notices, the newest first; `total`, `by_status` and `delivery_rate` are of the newest 10,000 that match."""

    notifications: list[NoticeView]
    total: int
    total_is_capped: bool
    by_status: dict[NotificationStatus, int]
    delivery_rate: float


class StatusAnswer(Success):
    """How far one notice got, or a part of a list; `meta.next_cursor` goes on."""

    data: NoticeState | NoticePage


class TemplateView(BaseModel):
    """A template and what it needs to be told."""

    template_id: NotificationTemplate
    text: str
    variables: list[str]


class TemplatesAnswer(Success):
    """The templates."""

    data: list[TemplateView]


class PreviewView(BaseModel):
    """What a notice would say, and to whom it would go where a ticket was named."""

    template_id: NotificationTemplate
    message_content: str
    variables: dict[str, str]
    recipient_type: RecipientType | None
    recipient_name: str | None


class PreviewAnswer(Success):
    """A notice that was not written."""

    data: PreviewView


class ComplianceAnswer(Success):
    """Counts and rates of a period."""

    data: ComplianceView


class ContactAnswer(Success):
    """One contact."""

    data: ContactView


class ContactsAnswer(Success):
    """Contacts, those that changed last first; `meta.next_cursor` goes on."""

    data: list[ContactView]


@api.post("/notifications/whatsapp", responses={201: NoticeAnswer, 200: NoticeAnswer, 503: Failure, **_FAILS})
@requires(*SENDERS)
@idempotent
def ask_for_notice(body: NewNotice) -> Response:
    """Write a notice; it goes out as soon as quiet hours and caps allow.

    Answers 200 with the earlier one where the same was asked for less than five minutes ago.
    """
    with unit_of_work() as work:
        written = notice_requests.ask(work, platform().settings, body)
        notice_id = _id_of(written.notice_id)
        notice = views.read_notice(work.connection, actor(), notice_id)
    if written.repeated:
        return success(notice, "The same was asked for less than five minutes ago")
    return success(notice, "Notification written", 201)


@api.get("/notifications/status", responses={200: StatusAnswer, 404: Failure})
@requires.signed_in()
def read_status(query: StatusQuery) -> Response:
    """Return how far one notice got, or list notices, the newest first."""
    with platform().read() as connection:
        if query.notification_id is not None:
            return success(views.state_of(connection, actor(), query.notification_id))
        request = PageRequest.of(size=query.limit, cursor=query.cursor)
        found = views.list_notices(connection, actor(), query.filter(), request)
    data = {
        "notifications": found.rows,
        "total": found.total,
        "total_is_capped": found.total_is_capped,
        "by_status": found.by_status,
        "delivery_rate": found.delivery_rate,
    }
    return success(data, meta={"next_cursor": found.next_cursor})


@api.get("/notifications/templates", responses={200: TemplatesAnswer})
@requires.signed_in()
def list_templates() -> Response:
    """List the templates with the variables that each needs."""
    return success(
        [
            {"template_id": name, "text": template.text, "variables": list(template.variables)}
            for name, template in TEMPLATES.items()
        ]
    )


@api.post("/notifications/preview", responses={200: PreviewAnswer, 404: Failure})
@requires(*PREVIEWERS)
def preview(body: NoticePreview) -> Response:
    """Return what a notice would say; nothing is written."""
    with platform().read() as connection:
        return success(requests.preview(connection, actor(), body))


@api.get("/notifications/compliance", responses={200: ComplianceAnswer})
@requires(*REPORTED_TO)
def read_compliance(query: ComplianceQuery) -> Response:
    """Count the notices of a period: asked for, sent, delivered, read, failed; all together and by template."""
    from_at, until_at = query.period(now())
    with platform().read() as connection:
        return success(compliance.compliance(connection, from_at, until_at))


@api.post("/notifications/<notice_id>/hold", responses={200: NoticeAnswer, **_FAILS})
@requires(*SENDERS)
def hold(notice_id: str, body: HoldBody) -> Response:
    """Hold a notice back until it is released."""
    wanted = parse_uuid(notice_id, "Invalid notification ID")
    with unit_of_work() as work:
        notice_requests.hold(work, wanted, body.reason)
        return success(views.read_notice(work.connection, actor(), wanted), "The notification is held")


@api.post("/notifications/<notice_id>/release", responses={200: NoticeAnswer, **_FAILS})
@requires(*SENDERS)
def release(notice_id: str, body: HoldBody) -> Response:
    """Let a held notice go."""
    wanted = parse_uuid(notice_id, "Invalid notification ID")
    with unit_of_work() as work:
        notice_requests.release(work, platform().settings, wanted, body.reason)
        return success(views.read_notice(work.connection, actor(), wanted), "The notification may go out")


@api.post("/notifications/<notice_id>/resend", responses={200: NoticeAnswer, 503: Failure, **_FAILS})
@requires(*SENDERS)
def resend(notice_id: str, body: HoldBody) -> Response:
    """Give a notice that failed one more try; where its message may be out after all, the chat is read first."""
    wanted = parse_uuid(notice_id, "Invalid notification ID")
    with unit_of_work() as work:
        notice_requests.resend(work, platform().settings, wanted, body.reason)
        return success(views.read_notice(work.connection, actor(), wanted), "The notification is sent again")


@api.get("/notifications/contacts", responses={200: ContactsAnswer})
@requires(*SENDERS)
def list_contacts(query: ContactsQuery) -> Response:
    """List the telephones that notices went to or messages came from, those that changed last first."""
    request = PageRequest.of(size=query.limit)
    with platform().read() as connection:
        found = contacts.list_contacts(
            connection, opted_out=query.opted_out, size=request.size, cursor=query.cursor or None
        )
    return success(found.rows, meta={"next_cursor": found.next_cursor})


@api.post("/notifications/contacts/opt-out", responses={200: ContactAnswer})
@requires(*SENDERS)
def opt_out(body: ContactBody) -> Response:
    """Note that somebody does not want to be written to; what is not out yet is not sent any more."""
    with unit_of_work() as work:
        notice_requests.opt_out(work, body.phone, body.reason)
        return success(contacts.read_contact(work.connection, body.phone), "Nothing more is sent to this telephone")


@api.post("/notifications/contacts/opt-in", responses={200: ContactAnswer})
@requires(*SENDERS)
def opt_in(body: ContactBody) -> Response:
    """Note that somebody wants to be written to again."""
    with unit_of_work() as work:
        notice_requests.opt_in(work, body.phone, body.reason)
        return success(contacts.read_contact(work.connection, body.phone), "This telephone may be written to")


def _id_of(notice_id: UUID | None) -> UUID:
    if notice_id is None:
        raise LookupError("a notice was written, or the earlier one found, and yet there is none")
    return notice_id
