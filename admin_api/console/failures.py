"""Failures as pages: what went wrong and what to do next, in words; whoever is not signed in is led to the sign-in."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask, Response, g, make_response, redirect, render_template, request, url_for

from admin_api import context, problems
from admin_api.console.pages import PREFIX

TITLES = {
    403: "You may not do this",
    404: "There is nothing here",
    409: "Somebody was here before you",
    413: "That file is too large",
    422: "That cannot be used as it is",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available at the moment",
}


def register(app: Flask) -> None:
    """Show every failure under the console's address as a page."""
    problems.show_failures_with(app, PREFIX, _show)


def _show(code: str, message: str, status: int, _details: Any) -> Response:
    if status == 401:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return cast("Response", redirect(url_for("console_sign_in.show", next=wanted, why=message), 303))
    page = render_template(
        "console/failure.html",
        title=TITLES.get(status, "That did not work"),
        message=message,
        code=code,
        status=status,
        request_id=context.request_id(),
        signed_in=g.get("actor") is not None,
    )
    return make_response(page, status)
