"""Every route, tried by every role, by nobody, and with a key that was revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from admin_api.auth import Access, access_of
from tests.factories.access import client_with, make_api_key
from ticketing import api_keys
from ticketing.people import ROLES, SYSTEM, Role

if TYPE_CHECKING:
    from jobs.platform import Platform

Route = tuple[str, str, Access]

# Who may is in the link itself, which is signed and runs out.
SIGNED_LINKS = {
    ("GET", "/api/ticketing/files/<attachment_id>/<size>"),
    ("GET", "/api/ticketing/exports/<export_id>/download"),
    ("PUT", "/api/ticketing/uploads/<upload_id>"),
}
# Who may shows a secret or a signature, which the routes' own tests try.
OTHER_DOORS = {
    ("GET", "/api/ticketing/cron/sync-qcontact"),
    ("POST", "/api/ticketing/cron/sync-qcontact"),
    ("POST", "/api/ticketing/webhooks/qcontact"),
    ("POST", "/api/ticketing/webhooks/waha"),
}
PUBLIC = {"/healthz", "/readyz", "/openapi/", "/openapi/openapi.json"}
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"


def routes(app: Flask) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        # The console's pages know people by a cookie: `test_console_roles` walks them.
        if rule.rule.startswith("/console"):
            continue
        access = access_of(app.view_functions[rule.endpoint])
        assert access is not None, f"{rule.rule} does not say who may use it"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule, access


def by_role(app: Flask) -> Iterator[Route]:
    """The routes whose doors open by role, or to everybody."""
    return (route for route in routes(app) if route[:2] not in OTHER_DOORS)


def try_out(app: Flask, credential: str | None, method: str, rule: str) -> Any:
    path = re.sub(r"<[^>]+>", AN_ID, rule)
    # No route waits for the jobs that it starts: nobody runs them here.
    with client_with(app, credential).open(path, method=method, query_string={"wait": 0}) as answer:
        return answer.status_code, (answer.get_json(silent=True) or {}).get("error", {})


def refused_for_the_role(status: int, error: dict[str, Any]) -> bool:
    """Whether the route's own declaration refused, and not a rule of the domain further in."""
    return status == 403 and "needs" in (error.get("details") or {})


def test_there_are_routes_to_try(app: Flask) -> None:
    assert len(list(routes(app))) > 30


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_route_declares_and_nothing_else(app: Flask, platform: Platform, role: Role) -> None:
    credential = make_api_key(platform, role)
    wrong = []
    for method, rule, access in by_role(app):
        status, error = try_out(app, credential, method, rule)
        allowed = access.public or role in access.roles
        if allowed == refused_for_the_role(status, error) or status == 401 or status >= 500:
            wrong.append((method, rule, status))
    assert wrong == []


@pytest.mark.parametrize("credential", ["nobody", "revoked", "made up"])
def test_without_a_valid_credential_only_public_routes_answer(app: Flask, platform: Platform, credential: str) -> None:
    wrong = []
    key = credential_of(platform, credential)
    for method, rule, access in by_role(app):
        status, error = try_out(app, key, method, rule)
        if access.public == (status == 401) or (status == 401 and error["code"] != "UNAUTHORIZED"):
            wrong.append((method, rule, status))
    assert wrong == []


def credential_of(platform: Platform, which: str) -> str | None:
    if which == "nobody":
        return None
    key = make_api_key(platform, "admin")
    if which == "made up":
        return key[:-4] + "zzzz"
    with platform.begin(SYSTEM) as work:
        api_keys.revoke(work, key)
    return key


def test_public_is_what_was_meant_to_be_public_and_only_read(app: Flask) -> None:
    public = {(method, rule) for method, rule, access in routes(app) if access.public}
    assert public >= SIGNED_LINKS | OTHER_DOORS
    public -= SIGNED_LINKS | OTHER_DOORS
    assert {rule for _, rule in public if "<" not in rule} == PUBLIC
    assert {rule.rpartition("/")[0] for _, rule in public if "<" in rule} == {"/openapi/swagger", "/openapi/page"}
    assert {method for method, _ in public} == {"GET"}


def test_a_viewer_changes_nothing(app: Flask) -> None:
    posting = {rule for method, rule, access in routes(app) if method != "GET" and "viewer" in access.roles}
    # Reading a workbook back to whoever sends it changes nothing; nor does telling how far a ticket is, or taking away
    # what is seen anyway.
    assert posting == {
        "/api/ticketing/exports",
        "/api/ticketing/import/weekly/parse",
        "/api/ticketing/tickets/<ticket_id>/verification/complete",
    }


def test_who_works_on_site_has_no_business_with_jobs_and_queues(app: Flask) -> None:
    operated = re.compile(r"/api/ticketing/(jobs|queues|schedules|workers|audit)\b|/metrics$")
    open_doors = [
        rule for _, rule, access in routes(app) if operated.search(rule) and access.roles & {"technician", "contractor"}
    ]
    assert open_doors == []


def test_an_admin_may_everything(app: Flask) -> None:
    assert all(access.public or "admin" in access.roles for _, _, access in routes(app))


def test_a_key_may_come_in_a_header_of_its_own(app: Flask, platform: Platform) -> None:
    client = app.test_client()
    key = make_api_key(platform, "viewer")
    assert client.get("/api/ticketing/jobs", headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "ff_abc", "Bearer not-a-key"])
def test_other_ways_to_sign_in_are_refused_with_the_way_that_works(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/ticketing/jobs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json is not None
    assert "Bearer" in answer.json["error"]["message"]
