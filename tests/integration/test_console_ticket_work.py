"""The work on a ticket in the console: its steps with what they need, their photos, and the readiness check."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from admin_api.console.ticket_panels import CHECK_WORDS, said_of
from tests.console import open_console, send
from tests.factories import Row, make_ticket
from tests.factories.access import make_api_key
from tests.factories.attachments import make_site_ticket
from tests.factories.evidence import photo_row, photograph, stored_photo
from tests.factories.readiness import PLACES, make_photo, make_ready_ticket
from tests.factories.tickets import make_actor
from tests.running import run_jobs
from ticketing import readiness, verification
from ticketing.attachments import rules as attachments
from ticketing.errors import DomainError
from ticketing.people import ROLES, SYSTEM, Actor, Role
from ticketing.readiness.rules import CHECKS
from ticketing.verification.rules import may_change_steps
from ticketing.vocabulary import Status

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection


@pytest.fixture
def technician(connection: Connection) -> Actor:
    return make_actor(connection, "technician")


def browser_of(app: Flask, platform: Platform, role: Role, person: Actor) -> FlaskClient:
    return open_console(app, make_api_key(platform, role, user_id=person.user_id))


def page_of(browser: FlaskClient, ticket: Row) -> TestResponse:
    page = browser.get(f"/console/tickets/{ticket['id']}")
    assert page.status_code == 200, page.get_data(as_text=True)
    return page


def text_of(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def press(browser: FlaskClient, ticket: Row, action: str, **fields: Any) -> TestResponse:
    """Send a form of the ticket's page and follow where it leads."""
    address = f"/console/tickets/{ticket['id']}"
    answer = send(browser, f"{address}/{action}", browser.get(address), **fields)
    return browser.get(address) if answer.status_code == 303 else answer


def step_of(connection: Connection, ticket: Row, number: int) -> dict[str, Any]:
    return verification.list_steps(connection, SYSTEM, ticket["id"])[number - 1]


def a_file(content: bytes, name: str = "photo.jpg") -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), name


def test_a_technician_sends_a_photo_of_a_step_and_sees_it_inspected(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    browser = browser_of(app, platform, "technician", technician)
    page = text_of(page_of(browser, ticket))
    assert page.count('capture="environment"') == 11
    assert "No photos yet." in page
    # A browser sends the second field of the form, in which nothing was chosen, as a file without a name.
    page = text_of(press(browser, ticket, "steps/1/photos", file=[a_file(photograph(1)), a_file(b"", "")]))
    assert "The photo is here and is being inspected" in page
    assert "1 photo: 1 being inspected." in page
    run_jobs(platform)
    assert "1 photo: 1 accepted." in text_of(page_of(browser, ticket))
    assert step_of(connection, ticket, 1)["photos_count"] == 1
    [photo] = connection.execute("select id from ticket_attachments").fetchall()
    picture = browser.get(f"/console/files/{photo['id']}/phone", follow_redirects=True)
    assert (picture.status_code, picture.mimetype) == (200, "image/webp")
    original = browser.get(f"/console/files/{photo['id']}", follow_redirects=True)
    assert original.data == photograph(1)
    assert browser.get(f"/console/files/{photo['id']}/poster").status_code == 404


def test_what_is_no_photo_or_nothing_at_all_is_refused_on_the_page(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    browser = browser_of(app, platform, "technician", technician)
    refused = press(browser, ticket, "steps/1/photos", file=a_file(b"", ""))
    assert (refused.status_code, "Take or choose a photo" in text_of(refused)) == (422, True)
    refused = press(browser, ticket, "steps/1/photos", file=a_file(b"MZ", "setup.exe"))
    assert refused.status_code == 422
    kept = press(browser, ticket, "steps/1/photos", file=a_file(b"%PDF-1.4\n%%EOF\n", "plan.pdf"))
    assert "only a photo counts for a step" in text_of(kept)
    assert step_of(connection, ticket, 1)["photos_count"] == 0
    refused = press(browser, ticket, "steps/13/photos", file=a_file(photograph(1)))
    assert refused.status_code == 422


def test_a_step_is_completed_with_what_it_needs_and_opened_again(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    make_photo(connection, ticket["id"], 8)
    browser = browser_of(app, platform, "technician", technician)
    refused = press(browser, ticket, "steps/8/complete", ont_rx_level="-18.5")
    assert refused.status_code == 409
    assert "Say in the notes what was measured" in text_of(refused)
    assert step_of(connection, ticket, 8)["is_complete"] is False, "nothing of a refused form is kept"
    row = connection.execute("select ont_rx_level from tickets").fetchone()
    assert row == {"ont_rx_level": None}
    page = press(browser, ticket, "steps/8/complete", ont_rx_level="-18.5", notes="Meter 7")
    assert "Step 8 is complete" in text_of(page)
    step = step_of(connection, ticket, 8)
    assert (step["is_complete"], step["notes"], step["completed_by"]) == (True, "Meter 7", technician.user_id)
    press(browser, ticket, "steps/8/reopen")
    assert step_of(connection, ticket, 8)["is_complete"] is False
    press(browser, ticket, "steps/8/notes", notes="")
    assert step_of(connection, ticket, 8)["notes"] is None


def test_a_reading_that_somebody_else_changed_meanwhile_is_not_overwritten(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    make_photo(connection, ticket["id"], 5)
    browser = browser_of(app, platform, "technician", technician)
    fields = {"ont_serial": "ALCLF0000009", "updated_at": "2020-01-01T00:00:00.000Z"}
    refused = press(browser, ticket, "steps/5/complete", **fields)
    assert refused.status_code == 409
    assert "ALCLF0000009" in text_of(refused), "what was typed stays"


def test_qa_looks_at_photos_overrules_inspection_and_has_it_repeated(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    reason = {"code": "too_dark", "level": "rejects", "message": "The photo is too dark"}
    photo = stored_photo(
        platform,
        connection,
        ticket["id"],
        photograph(2),
        inspection_status="rejected",
        inspection_reasons=Jsonb([reason]),
        inspected_at="2026-11-20T09:00:00Z",
    )
    qa = make_actor(connection, "qa")
    browser = browser_of(app, platform, "qa", qa)
    page = text_of(page_of(browser, ticket))
    assert "The photo is too dark" in page
    refused = press(browser, ticket, f"photos/{photo['id']}/overrule", status="accepted")
    assert refused.status_code == 422, "a word of QA needs its why"
    press(browser, ticket, f"photos/{photo['id']}/overrule", status="accepted", note="The label can be read")
    kept = photo_row(connection, photo["id"])
    assert (kept["inspection_status"], kept["overruled_by"]) == ("accepted", qa.user_id)
    refused = press(browser, ticket, f"photos/{photo['id']}/overrule", status="rejected", note="No")
    assert refused.status_code == 409, "somebody has spoken since the form was shown"
    page = text_of(press(browser, ticket, "steps/1/review", photo_verified="true"))
    assert "QA has looked at the photos" in page
    assert step_of(connection, ticket, 1)["photo_verified"] is True
    press(browser, ticket, f"photos/{photo['id']}/inspect")
    assert [job["kind"] for job in run_jobs(platform)].count("inspect_photo") == 1
    assert press(browser, ticket, f"photos/{uuid4()}/inspect").status_code == 404


def test_files_that_are_no_evidence_are_added_and_removed(
    app: Flask, platform: Platform, connection: Connection, technician: Actor
) -> None:
    ticket = make_site_ticket(connection, technician)
    browser = browser_of(app, platform, "technician", technician)
    page = text_of(press(browser, ticket, "files", file=a_file(b"%PDF-1.4\n%%EOF\n", "plan.pdf")))
    assert "The file has been added" in page
    assert "plan.pdf" in page
    [row] = connection.execute("select id from ticket_attachments").fetchall()
    assert "The file has been removed" in text_of(press(browser, ticket, f"files/{row['id']}/remove"))
    assert press(browser, ticket, f"files/{row['id']}/remove").status_code == 409
    stranger = browser_of(app, platform, "technician", make_actor(connection, "technician"))
    assert stranger.get(f"/console/files/{row['id']}").status_code == 404


def test_the_readiness_check_is_run_and_what_is_missing_is_told(
    app: Flask, platform: Platform, connection: Connection
) -> None:
    lacking = make_ticket(connection, status="pending_qa", **PLACES | {"pole_number": None})
    browser = browser_of(app, platform, "qa", make_actor(connection, "qa"))
    assert "Nobody has run the check yet." in text_of(page_of(browser, lacking))
    page = text_of(press(browser, lacking, "readiness"))
    assert "The ticket is not ready for QA yet" in page
    assert "The pole number is missing" in page
    ready = make_ready_ticket(connection)
    assert "The ticket is ready for QA" in text_of(press(browser, ready, "readiness"))
    assert readiness.get_status(connection, SYSTEM, ready["id"])["is_ready"]
    over = make_ticket(connection, status="cancelled")
    assert press(browser, over, "readiness").status_code == 409


def test_who_may_not_work_on_a_ticket_is_shown_no_way_to(
    app: Flask, platform: Platform, connection: Connection
) -> None:
    ticket = make_ready_ticket(connection)
    page = text_of(page_of(open_console(app, make_api_key(platform, "viewer")), ticket))
    assert 'type="file"' not in page
    for action in ("/complete", "/readiness", "/overrule", "/guarantee/"):
        assert f"{ticket['id']}{action}" not in page
        assert action not in page


def test_who_changes_steps_adds_files() -> None:
    for role, status in itertools.product(ROLES, Status):
        actor = Actor(kind="user", name="Somebody", user_id=UUID(int=1), roles=frozenset({role}))
        try:
            attachments.require_may_add(actor, status)
            may_add = True
        except DomainError:
            may_add = False
        assert may_change_steps(actor, status) is may_add, (role, status)


def test_every_check_has_its_words() -> None:
    assert tuple(CHECK_WORDS) == CHECKS


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([], "No photos yet."),
        (["pending"], "1 photo: 1 being inspected."),
        (["accepted", "rejected", "accepted", "suspect"], "4 photos: 2 accepted, 1 doubtful, 1 rejected."),
    ],
)
def test_what_inspection_came_to_in_a_sentence(statuses: list[str], said: str) -> None:
    assert said_of([{"inspection_status": status} for status in statuses]) == said
