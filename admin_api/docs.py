"""The API's own document and the page that shows it, both served from here alone: they work without the internet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask_openapi3_swagger
from flask import Blueprint, Flask, Response, render_template, send_from_directory
from flask.json import dumps
from flask_openapi3.openapi import OpenAPI

from admin_api.auth import access_of, requires
from admin_api.idempotency import HEADER as IDEMPOTENCY_HEADER
from admin_api.idempotency import is_idempotent

PREFIX = "/openapi"
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`ff_...`, made by `fibreflow keys create`) or a Clerk session token",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key"},
}
_SWAGGER_FILES = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
_PAGE_FILES = Path(__file__).parent / "static"
_VARIABLE = re.compile(r"\{(\w+)\}")
_A_DAY = 86_400


def register(app: OpenAPI) -> None:
    """Serve the document at /openapi/openapi.json and its page at /openapi/."""
    pages = Blueprint("openapi", __name__, url_prefix=PREFIX)
    pages.add_url_rule("/openapi.json", "document", requires.anyone()(_document_view(app)))
    pages.add_url_rule("/", "page", requires.anyone()(_page))
    pages.add_url_rule("/swagger/<path:name>", "swagger_file", requires.anyone()(_swagger_file))
    pages.add_url_rule("/page/<path:name>", "page_file", requires.anyone()(_page_file))
    app.register_blueprint(pages)


def document(app: OpenAPI) -> dict[str, Any]:
    """Return the app's OpenAPI 3.1 document, with what the routes declare: variables, sign-in, idempotency."""
    spec: dict[str, Any] = app.api_doc
    spec["security"] = [{name: []} for name in SECURITY_SCHEMES]
    views = _views(app)
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            _complete(operation, path, views[path, method.upper()])
    return spec


def _views(app: Flask) -> dict[tuple[str, str], Callable[..., Any]]:
    return {
        (re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", rule.rule), method): app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _complete(operation: dict[str, Any], path: str, view: Callable[..., Any]) -> None:
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    named = {parameter["name"] for parameter in parameters}
    parameters += [parameter for parameter in _path_variables(path) if parameter["name"] not in named]
    if is_idempotent(view) and IDEMPOTENCY_HEADER not in named:
        parameters.append(_IDEMPOTENCY_PARAMETER)
    access = access_of(view)
    if access is not None and access.public:
        operation["security"] = []
    elif access is not None:
        operation["x-roles"] = sorted(access.roles)
    if not any(status.startswith("2") for status in operation["responses"]):
        operation["responses"]["200"] = {"description": "OK", "content": {"application/json": {"schema": _ENVELOPE}}}


def _path_variables(path: str) -> Iterator[dict[str, Any]]:
    for name in _VARIABLE.findall(path):
        kind = {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, "schema": kind}


_IDEMPOTENCY_PARAMETER = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": "The same key with the same request gives the same answer, and does the work once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_ENVELOPE = {
    "type": "object",
    "required": ["success", "data", "meta"],
    "properties": {
        "success": {"const": True},
        "data": {},
        "message": {"type": "string"},
        "pagination": {"type": "object"},
        "meta": {"type": "object", "required": ["timestamp"], "properties": {"timestamp": {"type": "string"}}},
    },
}


def _document_view(app: OpenAPI) -> Callable[[], Response]:
    made: list[str] = []

    def openapi_document() -> Response:
        if not made:
            made.append(dumps(document(app)))
        return Response(made[0], content_type="application/json")

    return openapi_document


def _page() -> str:
    return render_template("docs.html")


def _swagger_file(name: str) -> Response:
    return send_from_directory(_SWAGGER_FILES, name, max_age=_A_DAY)


def _page_file(name: str) -> Response:
    return send_from_directory(_PAGE_FILES, name, max_age=_A_DAY)
