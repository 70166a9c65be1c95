"""A technician with a phone at the drop: a photo straight from the camera, inspected while one looks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.acceptance.browser.conftest import PHONE, Person
from tests.factories.attachments import make_site_ticket
from tests.factories.evidence import encoded, photograph, scene
from tests.factories.tickets import make_actor

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload

    from jobs.platform import Platform


def taken(content: bytes) -> FilePayload:
    """What the camera hands over."""
    return {"name": "IMG_0001.jpg", "mimeType": "image/jpeg", "buffer": content}


def test_a_photo_of_a_step_is_sent_by_the_camera_and_seen_to_be_inspected(
    person: Person, platform: Platform, worker: None
) -> None:
    with platform.read() as connection:
        technician = make_actor(connection, "technician")
        ticket = make_site_ticket(connection, technician)
    page = person("technician", user_id=technician.user_id, viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto(f"/console/tickets/{ticket['id']}")
    step = page.locator("#step-1")
    camera = step.get_by_label("Take a photo of step 1")
    assert camera.get_attribute("capture") == "environment"
    box = step.get_by_text("Take a photo").bounding_box()
    assert box
    assert box["height"] >= 44
    camera.set_input_files(taken(photograph(1)))
    expect(page.get_by_text("The photo is here and is being inspected")).to_be_visible()
    expect(step.get_by_role("img", name="Photo of step 1")).to_be_visible()
    # The page is not loaded again: what is shown follows what the inspection found, and those who listen are told.
    expect(step.get_by_text("Accepted", exact=True)).to_be_visible()
    told = page.get_by_role("status").filter(has=page.locator("#photos-said"))
    expect(told).to_have_text("1 photo: 1 accepted.")
    camera.set_input_files(taken(encoded(scene(1).point(lambda level: level // 40))))
    expect(told).to_have_text("2 photos: 1 accepted, 1 rejected.")
    expect(step.get_by_text("dark")).to_be_visible()
    step.get_by_role("button", name="Complete").click()
    expect(step.get_by_text("Complete", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
