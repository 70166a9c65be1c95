"""Blueprints: flask-openapi3's, with our prefix, our reading of requests and our failures in the document."""

from __future__ import annotations

import functools
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from admin_api import requests
from admin_api.responses import Failure

PREFIX = "/api/ticketing"

FAILURES: Any = dict.fromkeys((401, 403, 422, 429, 500, 503), Failure)


class Blueprint(APIBlueprint):
    """A resource's routes.

    A route's function may take `query`, `body`, `form` and `path` (pydantic models, recognised by their names) and each
    variable of its rule as text.
    """

    @staticmethod
    def create_view_func(
        func: Any,
        header: Any,  # noqa: ARG004 - the library's signature; the headers that we read are the frame's business
        cookie: Any,  # noqa: ARG004
        path: Any,
        query: Any,
        form: Any,
        body: Any,
        raw: Any,  # noqa: ARG004
        view_class: Any = None,  # noqa: ARG004
        view_kwargs: Any = None,  # noqa: ARG004
        responses: Any = None,  # noqa: ARG004
        validate_response: Any = None,  # noqa: ARG004
    ) -> Any:
        """Return the view that Flask calls; the same one for each further rule of the function."""
        known = getattr(func, "view", None)
        if known is not None:
            return known

        @functools.wraps(func)
        def view(**variables: str) -> Any:
            return func(**_arguments(variables, path=path, query=query, form=form, body=body))

        func.view = view
        return view


def blueprint(name: str, prefix: str = PREFIX) -> Blueprint:
    """Return the blueprint of a resource; `name` is its tag in the document."""
    return Blueprint(
        name,
        __name__,
        url_prefix=prefix or None,
        abp_tags=[Tag(name=name)],
        abp_responses=FAILURES,
        operation_id_callback=_operation_id,
    )


def _operation_id(*, bp_name: str, name: str, path: str, method: str) -> str:  # noqa: ARG001 - the library's signature
    return f"{bp_name}_{name}_{method.lower()}"


def _arguments(variables: dict[str, str], *, path: Any, query: Any, form: Any, body: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"path": requests.parsed(path, variables)} if path else dict(variables)
    if query:
        arguments["query"] = requests.query_as(query)
    if form:
        arguments["form"] = requests.form_as(form)
    if body:
        arguments["body"] = requests.body_as(body)
    return arguments
