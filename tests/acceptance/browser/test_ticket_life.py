"""A ticket's whole life by three people in three browsers: made on a desk, worked on a phone, judged by QA."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from playwright.sync_api import expect

from cli.sample_photos import draw
from tests.acceptance.browser.conftest import PHONE, Person
from tests.factories import make_contractor, make_drop, make_project, make_user
from tests.factories.handover import make_stored_photo
from tests.factories.tickets import complete_steps
from ticketing.people import SYSTEM
from ticketing.ticket_input import TicketChanges
from ticketing.tickets import update
from ticketing.verification_steps import PHOTO_STEPS

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from jobs.platform import Platform

DROP = "DR1737348"


def test_a_ticket_is_made_worked_on_judged_handed_over_and_closed(
    person: Person, platform: Platform, worker: None
) -> None:
    with platform.read() as connection:
        make_drop(connection, dr_number=DROP, project_id=make_project(connection, code="LAW")["id"])
        company = make_contractor(connection)["id"]
        sipho, thandi, nomsa = (
            make_user(connection, name=name, roles=[role])["id"]
            for name, role in (("Sipho Dlamini", "technician"), ("Thandi Mokoena", "qa"), ("Nomsa Khumalo", "manager"))
        )
    manager = person("manager", name="Nomsa", user_id=nomsa)
    address = make_ticket_by_form(manager)
    technician = person("technician", name="Sipho", user_id=sipho, viewport=PHONE, has_touch=True)
    technician.goto(address)
    press(technician, "Start work", "In progress")
    photograph_the_first_step(technician, platform)
    do_the_other_steps(platform, UUID(address.rpartition("/")[2]), company)
    technician.goto(address)
    press(technician, "Hand in for QA", "Pending QA")

    lead = person("qa", name="Thandi", user_id=thandi)
    lead.goto(address)
    lead.get_by_role("button", name="Run the check").click()
    expect(lead.locator("#readiness")).to_contain_text("QA can begin")
    press(lead, "Start QA", "QA in progress")
    press(lead, "Approve", "QA approved")

    manager.goto(address)
    press(manager, "Ready for handover", "Pending handover")
    manager.get_by_role("link", name="look at the gates").click()
    manager.get_by_role("button", name=re.compile("Hand over to")).click()
    expect(manager.locator("#standing")).to_contain_text("Handed to maintenance")
    manager.get_by_text("Fault cause", exact=True).last.click()
    manager.get_by_label("Cause", exact=True).select_option("workmanship")
    manager.get_by_role("button", name="Set").last.click()
    press(manager, "Close", "Closed")

    technician.goto(address)
    expect(technician.locator("#standing")).to_contain_text("Closed")
    expect(technician.locator("#timeline")).to_contain_text("Thandi")


def make_ticket_by_form(manager: Page) -> str:
    """Make a ticket for the technician and return its address."""
    manager.goto("/console/tickets/new")
    manager.get_by_label("Title").fill("No light at house 12")
    manager.get_by_label("DR number").fill(DROP)
    manager.get_by_label("Person").select_option(label="Sipho Dlamini")
    manager.get_by_role("button", name="Make the ticket").click()
    expect(manager.get_by_role("status").first).to_contain_text("has been made")
    return manager.url


def press(page: Page, button: str, then: str) -> None:
    """Press a button of the ticket and see its status change."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#standing")).to_contain_text(then)


def photograph_the_first_step(technician: Page, platform: Platform) -> None:
    """Take a photo as a phone's camera hands it to the page, see it inspected, and complete the step."""
    with technician.expect_file_chooser() as chooser:
        technician.get_by_text("Take a photo of step 1", exact=True).click()
    picture = draw(1, f"{DROP} step 1", platform.clock.now() - timedelta(minutes=2))
    chooser.value.set_files({"name": "camera.jpg", "mimeType": "image/jpeg", "buffer": picture})
    step = technician.locator("#step-1")
    expect(step.get_by_role("img", name="Photo of step 1")).to_be_visible()
    expect(step).to_contain_text("Accepted")
    step.get_by_role("button", name="Complete").click()
    expect(technician.locator("#checklist-standing")).to_contain_text("1 of 12")


def do_the_other_steps(platform: Platform, ticket_id: UUID, company: UUID) -> None:
    """What would be the same eleven times more, without a browser."""
    with platform.read() as connection:
        for step in PHOTO_STEPS:
            if step != 1:
                make_stored_photo(platform, connection, ticket_id, step)
        complete_steps(connection, ticket_id, 1)
    with platform.begin(SYSTEM) as work:
        readings = {"ont_serial": "ALCLB0C0FFEE", "ont_rx_level": -18.5, "assigned_contractor_id": str(company)}
        update(work, ticket_id, TicketChanges.model_validate(readings))
