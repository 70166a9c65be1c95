"""WhatsApp in the console: the session, notices with what is done to them, opt-outs, and what notices say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from runtime.settings import Settings
from sql.database import Connection
from tests.console import open_console, send, text_of
from tests.factories import make_user
from tests.factories.access import make_api_key
from tests.factories.notices import GATEWAY, make_notice, make_told_ticket
from ticketing.notices import sessions
from ticketing.notices.sessions import News
from ticketing.notices.templates import TEMPLATES
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

PAGE = "/console/whatsapp"
NOTICES = f"{PAGE}/notices"
CONTACTS = f"{PAGE}/contacts"
TEMPLATES_PAGE = f"{PAGE}/templates"
PHONE = "+27821234567"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=GATEWAY)


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "operator", name="Night desk"))


def act(browser: FlaskClient, address: str, page: str, **fields: Any) -> tuple[int, str]:
    """Send a form and return its status with the page that follows."""
    answer = send(browser, address, browser.get(page), back=page, **fields)
    text = text_of(browser, answer.location) if answer.status_code == 303 else answer.get_data(as_text=True)
    return answer.status_code, text


def notice_of(connection: Connection, notice: dict[str, Any]) -> dict[str, Any]:
    row = connection.execute("select * from whatsapp_notifications where id = %s", [notice["id"]]).fetchone()
    assert row is not None
    return row


def test_before_anything_was_sent_the_pages_say_so(operator: FlaskClient) -> None:
    assert "No session has been heard of yet" in text_of(operator, PAGE)
    assert "None have been written" in text_of(operator, NOTICES)
    assert "Nobody has opted out" in text_of(operator, CONTACTS)
    assert "Nobody has been written to yet" in text_of(operator, f"{CONTACTS}?everybody=1")


def test_the_overview_tells_how_notices_do(operator: FlaskClient, platform: Platform, connection: Connection) -> None:
    for status in ("pending", "delivered", "read", "failed"):
        make_notice(connection, status=status, message_template="ticket_closed", created_at=platform.clock.now())
    with platform.begin(SYSTEM) as work:
        sessions.note_news(work, News(session="default", at=work.now, status="SCAN_QR_CODE"))
    text = text_of(operator, PAGE)
    for said in ("Notices wait: the session is SCAN_QR_CODE", "Ticket closed", "50 %", "The gateway", "Hold back"):
        assert said in text
    assert "No notices in this time" in text_of(
        operator, f"{PAGE}?from=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z"
    )
    assert text_of(operator, f"{PAGE}?from=2020-03-01T00:00:00Z&until=2020-02-01T00:00:00Z", 422)


def test_each_is_shown_what_concerns_them(app: Flask, platform: Platform, connection: Connection) -> None:
    make_notice(connection, recipient_name="Sipho")
    qa = open_console(app, make_api_key(platform, "qa"))
    text = text_of(qa, PAGE)
    assert "The session" in text
    assert "Messages that wait" in text
    assert "The gateway" not in text
    assert PHONE not in text_of(qa, NOTICES)
    technician = open_console(app, make_api_key(platform, "technician"))
    assert "The session" not in text_of(technician, PAGE)
    assert "Sipho" not in text_of(technician, NOTICES)


def test_notices_are_listed_by_how_far_they_got(operator: FlaskClient, connection: Connection) -> None:
    make_notice(connection, status="failed", recipient_name="Sipho")
    make_notice(connection, status="read", recipient_name="Thandi", message_template="qa_approved")
    everything = text_of(operator, NOTICES)
    for said in ("Sipho", "Thandi", "QA approved", "The gateway refused it", PHONE, "2 notices"):
        assert said in everything
    failed = text_of(operator, f"{NOTICES}?status=failed&recipient_type=&ticket_id=")
    assert "Sipho" in failed
    assert "Thandi" not in failed
    assert "None match" in text_of(operator, f"{NOTICES}?held=true")
    assert 'rel="next"' in text_of(operator, f"{NOTICES}?limit=1")


def test_a_notice_is_held_back_and_let_go(operator: FlaskClient, connection: Connection) -> None:
    notice = make_notice(connection)
    page = f"{NOTICES}/{notice['id']}"
    form = operator.get(page)
    status, text = act(operator, f"{page}/hold", page, reason="The client has moved")
    assert (status, "by Night desk" in text, "The client has moved" in text) == (303, True, True)
    assert "Notice hold" in text
    again = send(operator, f"{page}/hold", form, reason="me too")
    assert (again.status_code, "held already" in again.get_data(as_text=True)) == (409, True)
    status, text = act(operator, f"{page}/release", page, reason="They stay")
    assert (status, notice_of(connection, notice)["held_at"]) == (303, None)
    assert connection.execute("select kind from jobs").fetchall() == [{"kind": "send_notice"}]


def test_only_what_failed_is_sent_again_and_the_reason_is_asked_for(
    operator: FlaskClient, connection: Connection
) -> None:
    notice = make_notice(connection, status="failed")
    page = f"{NOTICES}/{notice['id']}"
    status, text = act(operator, f"{page}/resend", page)
    assert (status, "invalid-feedback" in text, "Send again" in text) == (422, True, True)
    status, text = act(operator, f"{page}/resend", page, reason="The gateway is back")
    assert (status, notice_of(connection, notice)["status"]) == (303, "pending")
    status, text = act(operator, f"{page}/resend", page, reason="once more")
    assert status == 409
    assert "once more" not in text_of(operator, page)


def test_a_notice_that_is_not_there_is_404(operator: FlaskClient) -> None:
    assert text_of(operator, f"{NOTICES}/{uuid4()}", 404)
    assert text_of(operator, f"{TEMPLATES_PAGE}/hello", 404)


def test_somebody_wants_no_notices_and_wants_them_again(operator: FlaskClient, connection: Connection) -> None:
    notice = make_notice(connection, recipient_phone=PHONE)
    status, text = act(operator, f"{CONTACTS}/opt-out", CONTACTS, phone="082 123 4567", reason="Rang the office")
    assert (status, PHONE in text, "Rang the office" in text) == (303, True, True)
    assert notice_of(connection, notice)["error_code"] == "OPTED_OUT"
    status, text = act(operator, f"{CONTACTS}/opt-in", CONTACTS, phone=PHONE, reason="Changed their mind")
    assert (status, "Nobody has opted out" in text) == (303, True)
    assert PHONE in text_of(operator, f"{CONTACTS}?everybody=1")


def test_what_is_no_telephone_is_refused_and_stays_in_the_form(operator: FlaskClient) -> None:
    status, text = act(operator, f"{CONTACTS}/opt-out", CONTACTS, phone="12", reason="Rang the office")
    assert (status, 'value="12"' in text, "must be a telephone number" in text) == (422, True, True)
    assert act(operator, f"{CONTACTS}/opt-in", CONTACTS, phone="12", reason="why")[0] == 422


def test_of_many_telephones_the_one_whose_form_was_refused_is_open_again(operator: FlaskClient) -> None:
    others = [f"+2782123456{number}" for number in range(3)]
    for phone in others:
        act(operator, f"{CONTACTS}/opt-out", CONTACTS, phone=phone, reason="Rang the office")
    status, text = act(operator, f"{CONTACTS}/opt-in", CONTACTS, phone=others[1], reason="w" * 2_001)
    assert (status, text.count('<details class="reasoned" open>'), text.count("w" * 2_001)) == (422, 1, 1)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("phone", ["+27821234567", "+447911123456"])
@pytest.mark.parametrize("wish", ["opt-out", "opt-in"])
def test_no_address_has_a_telephone_in_it(operator: FlaskClient, phone: str, wish: str) -> None:
    act(operator, f"{CONTACTS}/opt-out", CONTACTS, phone=phone, reason="Rang the office")
    with capture_logs() as lines:
        assert act(operator, f"{CONTACTS}/{wish}", CONTACTS, phone=phone, reason="Rang again")[0] == 303
    assert f"{CONTACTS}/{wish}" in [line.get("path") for line in lines]
    assert phone not in str(lines)
    actions = re.findall(r'action="([^"]+)"', text_of(operator, f"{CONTACTS}?everybody=1"))
    assert not [action for action in actions if re.search(r"\d{8}", action)]


def test_the_eight_notices_are_shown_and_tried_out(operator: FlaskClient, connection: Connection) -> None:
    text = text_of(operator, TEMPLATES_PAGE)
    assert text.count("Try it out") == len(TEMPLATES) == 8
    user = make_user(connection, name="Sipho Ndlovu", phone=PHONE)
    ticket = make_told_ticket(connection, assigned_to=user["id"], dr_number="DR1737348")
    address = f"{TEMPLATES_PAGE}/ticket_assigned"
    assert "has to be told" not in text_of(operator, address)
    assert "It still has to be told: Ticket UID, DR number" in text_of(operator, f"{address}?assignee_name=Sipho")
    found = text_of(operator, f"{address}?find_ticket={ticket['ticket_uid']}")
    assert f"{address}?ticket_id={ticket['id']}" in found
    shown = text_of(operator, f"{address}?ticket_id={ticket['id']}&assignee_name=")
    assert f"Hello Sipho Ndlovu, ticket {ticket['ticket_uid']} (DR1737348) is now yours." in shown
    assert "To Sipho Ndlovu (technician)." in shown
    assert connection.execute("select id from whatsapp_notifications").fetchall() == []
