"""The API's own document: valid OpenAPI 3.1, complete, shown offline; and what it promises holds under fuzzing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from admin_api.app import create_app
from admin_api.idempotency import HEADER
from tests.factories.access import client_with, make_api_key

if TYPE_CHECKING:
    from jobs.platform import Platform

ELSEWHERE = re.compile(r"(?:https?:)?//[\w.]+")


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    answer = client_with(app).get("/openapi/openapi.json")
    found: dict[str, Any] = answer.get_json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


def test_every_default_is_a_value_of_its_schema(document: dict[str, Any]) -> None:
    shared = {"components": document["components"]}
    for schema in document["components"]["schemas"].values():
        for field in schema.get("properties", {}).values():
            if "default" in field:
                jsonschema_rs.Draft202012Validator(field | shared).validate(field["default"])


def test_keys_that_change_a_ticket_have_no_default(document: dict[str, Any]) -> None:
    changes = document["components"]["schemas"]["TicketChanges"]["properties"]
    assert [name for name, field in changes.items() if "default" in field] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for value in node.values() for found in references(value)]


def test_every_served_route_is_in_the_document(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (method, re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/openapi", "/console"))
    }
    assert {(method, path) for method, path, _ in operations(document)} == served


def test_every_operation_has_a_summary_an_id_its_variables_and_its_failures(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))
        assert any(status.startswith("2") for status in operation["responses"])
        assert operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Failure")
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_who_may_use_a_route_and_which_take_idempotency_keys_is_told(document: dict[str, Any]) -> None:
    assert document["paths"]["/healthz"]["get"]["security"] == []
    jobs = document["paths"]["/api/ticketing/jobs/{job_id}/retry"]["post"]
    assert jobs["x-roles"] == ["admin", "manager", "operator"]
    assert HEADER in {one["name"] for one in jobs["parameters"]}
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}


class Addresses(HTMLParser):
    """What a page loads or leads to, and what it would run or style inline."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [value for name, value in attrs if name in {"src", "href", "action"} and value]
        if (tag == "script" and "src" not in values) or tag == "style" or any(n.startswith("on") for n in values):
            self.inline.append(tag)


def test_the_page_works_offline_under_a_strict_policy(app: Flask) -> None:
    page = client_with(app).get("/openapi/")
    assert page.mimetype == "text/html"
    addresses = Addresses()
    addresses.feed(page.text)
    assert addresses.inline == []
    assert not [address for address in addresses.found if ELSEWHERE.match(address)]
    for address in addresses.found:
        with client_with(app).get(address) as loaded:
            assert loaded.status_code == 200, address
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy


def test_our_own_script_and_style_lead_nowhere_else(app: Flask) -> None:
    for name in ("docs.js", "docs.css"):
        with client_with(app).get(f"/openapi/page/{name}") as loaded:
            assert ELSEWHERE.findall(loaded.get_data(as_text=True).replace("// ", "")) == []
    with client_with(app).get("/openapi/page/docs.js") as loaded:
        assert "validatorUrl: null" in loaded.get_data(as_text=True)


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "%2fetc%2fpasswd", "nothing.js"])
def test_files_beside_the_pages_are_not_served(app: Flask, name: str) -> None:
    assert client_with(app).get(f"/openapi/page/{name}", follow_redirects=True).status_code == 404


def test_no_reading_request_makes_the_server_fail(platform: Platform) -> None:
    # What comes too fast is refused unread.
    platform.settings = platform.settings.model_copy(update={"api_rate_limit": "1000000/minute"})
    app = create_app(platform=platform)
    sign_in = {"Authorization": f"Bearer {make_api_key(platform, 'admin')}"}
    promised = schemathesis.openapi.from_wsgi("/openapi/openapi.json", app).include(method="GET")
    tried = 0
    for operation in promised.get_all_operations():
        assert isinstance(operation, Ok)
        fuzz(operation.ok(), sign_in)
        tried += 1
    assert tried > 15


def fuzz(operation: Any, sign_in: dict[str, str]) -> None:
    @settings(
        max_examples=15,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.validate_response(case.call(headers=sign_in), checks=[not_a_server_error])

    ask()
