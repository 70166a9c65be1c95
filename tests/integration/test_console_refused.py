"""A refused action on a list shows the list as it was: its filters, its order and its place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console import open_console, send
from tests.factories import make_user
from tests.factories.access import make_api_key
from ticketing.paging import Position

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

NOBODY = UUID("0198c5a2-0000-7000-8000-000000000001")
CURSOR = Position(datetime(2027, 1, 1, tzinfo=UTC), NOBODY).cursor()
# page with its query: what is refused on it, and what the form says.
LISTS = {
    "/console/qa?status=pending_qa&is_ready=true": f"/console/qa/{NOBODY}/move/qa_approved",
    "/console/qa?is_ready=false": "/console/qa/recheck",
    "/console/risks?status=expired&expiring_within_days=30": f"/console/risks/{NOBODY}/resolve",
    f"/console/qcontact/conflicts?status=all&cursor={CURSOR}": f"/console/qcontact/conflicts/{NOBODY}/resolve",
    f"/console/qcontact/assignees?cursor={NOBODY}": "/console/qcontact/assignees",
    "/console/whatsapp/contacts?everybody=1": "/console/whatsapp/contacts/opt-out",
    "/console/failures?window=7d&muted=true": f"/console/failures/{NOBODY}/mute",
    f"/console/imports/drops?cursor={NOBODY}": "/console/imports/drops",
    "/console/tickets?status=open&search=mast&page=2": "/console/tickets/bulk?status=open",
    f"/console/tickets?priority=high&cursor={CURSOR}": "/console/tickets/bulk?priority=high",
}


@pytest.fixture
def admin(app: Flask, platform: Platform, connection: Connection) -> FlaskClient:
    user = make_user(connection, roles=["admin"])
    return open_console(app, make_api_key(platform, "admin", user_id=user["id"]))


def links_of(text: str) -> list[str]:
    """Return where the links of a page's content lead, in their order."""
    main = text.partition('<main id="main"')[2].partition("</main>")[0]
    return re.findall(r'<a [^>]*href="([^"]+)"[^>]*?(?: aria-current="page")?>', main)


@pytest.mark.parametrize("address", LISTS)
def test_a_refused_action_shows_the_list_as_it_was(admin: FlaskClient, address: str, connection: Connection) -> None:
    shown = admin.get(address)
    assert shown.status_code == 200, shown.get_data(as_text=True)
    refused = send(admin, LISTS[address], shown, back=address)
    text = refused.get_data(as_text=True)
    assert (refused.status_code in (404, 409, 422), 'role="alert"' in text) == (True, True)
    assert links_of(text) == links_of(shown.get_data(as_text=True))
