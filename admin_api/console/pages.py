"""Pages and actions: how a file of the console declares what it shows and what it does.

    pages = ConsolePages("jobs")

    @pages.page("/jobs")
    @requires("operator", "manager")
    def list_jobs() -> str: ...

    @pages.action("/jobs/<job_id>/retry", again=show_job)
    @requires("operator")
    def retry(job_id: str) -> Response:
        ...
        return done("The job has been queued again", ".show_job", job_id=job_id)

An action that is refused shows its page again (`again`), with the reason and with everything that had been typed. A
list is shown as it was: its filters, its order and its place are in the address that the form carries (`back`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from flask import Blueprint, Response, current_app, flash, g, make_response, redirect, request, url_for
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from admin_api import problems
from admin_api.auth import access_of, recognised_by
from admin_api.console import session
from admin_api.context import actor
from runtime.errors import FibreflowError

View = TypeVar("View", bound=Callable[..., Any])

PREFIX = "/console"


@dataclass(frozen=True, slots=True)
class Refused:
    """An action that was not carried out: why, field by field where it can be told, and what had been typed."""

    address: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    typed: MultiDict[str, str] = field(default_factory=MultiDict)

    def value(self, address: str, name: str) -> str | None:
        """Return what was typed into a field of the form that was refused; None for any other form."""
        return self.typed.get(name) if address == self.address else None

    def problem(self, address: str, name: str) -> str | None:
        """Return what is wrong with a field of the form that was refused."""
        found = self.details.get(name) if address == self.address else None
        return found if isinstance(found, str) else None


class ConsolePages(Blueprint):
    """A group of pages under /console; its name is the first half of its endpoints."""

    def __init__(self, name: str) -> None:
        super().__init__(f"console_{name}", __name__, url_prefix=PREFIX, template_folder="templates")

    def page(self, rule: str) -> Callable[[View], View]:
        """Declare a page, over `@requires`: a function of its address's variables that returns HTML."""

        def declare(view: View) -> View:
            self.add_url_rule(rule, view.__name__, recognised_by(session.from_request)(view), methods=["GET"])
            return view

        return declare

    def action(self, rule: str, *, again: Callable[..., Any] | None = None) -> Callable[[View], View]:
        """Declare what a form does, over `@requires`; `again` is the page to show when it is refused.

        `again` is called with those of the action's variables that it takes, all of them having the same names.
        """

        def declare(view: View) -> View:
            @functools.wraps(view)
            def act(**variables: str) -> Any:
                try:
                    return view(**variables)
                except FibreflowError as error:
                    if again is None or problems.status_of(error.code) >= 500:
                        raise
                    return _shown_again(again, variables, error)

            self.add_url_rule(rule, view.__name__, recognised_by(session.from_request)(act), methods=["POST"])
            return cast("View", act)

        return declare


def done(message: str, endpoint: str, **variables: Any) -> Response:
    """Say that an action succeeded, and lead to the page that shows it (303, so that reloading repeats nothing)."""
    flash(message, "done")
    return cast("Response", redirect(url_for(endpoint, **variables), 303))


def back_to_list(message: str, endpoint: str) -> Response:
    """Say that an action on a list succeeded, and lead back to the list as it was: filters, sort and place."""
    flash(message, "done")
    return cast("Response", redirect(here_or(url_for(endpoint)), 303))


def here_or(fallback: str) -> str:
    """Return where the form in hand says that it was shown (`back`), if that is a page of ours; else the fallback."""
    back = request.form.get("back", "")
    return back if is_ours(back) else fallback


def is_ours(address: str) -> bool:
    """Whether an address that a browser sent is a page of the console, and fit to lead to."""
    return address.startswith(f"{PREFIX}/") and "\\" not in address and not any(mark < " " for mark in address)


def may(endpoint: str) -> bool:
    """Whether who is signed in may use a page or an action: what may not be used is not offered."""
    access = access_of(current_app.view_functions.get(endpoint))
    return access is not None and access.allows(actor() if g.get("actor") else None)


def _shown_again(again: Callable[..., Any], variables: dict[str, str], error: FibreflowError) -> Response:
    details = error.details if isinstance(error.details, dict) else {}
    g.refused = Refused(request.path, error.message, details, request.form)
    page = inspect.unwrap(again)
    names = page.__code__.co_varnames[: page.__code__.co_argcount]
    _ask_as_before(page)
    response = make_response(again(**{name: value for name, value in variables.items() if name in names}))
    response.status_code = problems.status_of(error.code)
    return response


def _ask_as_before(page: Callable[..., Any]) -> None:
    """Let a page find the query under which the form was shown, where it was that page that showed it."""
    path, _, query = here_or("").partition("?")
    adapter = cast("MapAdapter", current_app.create_url_adapter(request))
    try:
        endpoint, variables = adapter.match(path, method="GET")
    except HTTPException:
        return
    if inspect.unwrap(current_app.view_functions[endpoint]) is page:
        request.args = ImmutableMultiDict(parse_qsl(query))
        g.page = (endpoint, variables)
