"""What every page of the console has around it: assets, the choice of light and dark, the menu and the help page."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any, cast

import flask_bootstrap
from flask import Flask, Response, g, redirect, render_template, request, url_for
from jinja2 import StrictUndefined

from admin_api.auth import requires
from admin_api.console import wording
from admin_api.console.icons import icon
from admin_api.console.navigation import Entry, menu
from admin_api.console.pages import PREFIX, ConsolePages, here_or, may
from admin_api.console.states import state
from ticketing.errors import NotFound

pages = ConsolePages("frame")

THEMES = ("light", "dark", "system")
_THEME_COOKIE = "fibreflow_theme"
_A_YEAR = 31_536_000
_OWN = Path(__file__).parent / "static"
_BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "css"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
ASSETS = {
    "bootstrap.min.css": _BOOTSTRAP,
    "console.css": _OWN,
    "console.js": _OWN,
    "theme.js": _OWN,
    "icon.svg": _OWN,
}


def register(app: Flask) -> None:
    """Make what templates ask of the frame known to them."""
    wording.register(app)
    app.jinja_env.globals.update(
        icon=icon, state=state, menu=menu, may=may, asset=asset, theme=_theme, is_here=_is_here, actor_name=_actor_name
    )
    app.jinja_env.globals["search_address"] = _search_address
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def asset(name: str) -> str:
    """Return the address of an asset; it changes with its content, so that browsers may keep it for ever."""
    return url_for("console_frame.send_asset", name=name, v=_digest(name))


@pages.page("/assets/<name>")
@requires.anyone()
def send_asset(name: str) -> Response:
    """Send a style sheet, a script or a drawing."""
    if name not in ASSETS:
        raise NotFound(f"There is no asset {name}")
    response = Response(_content(name), content_type=_TYPES[Path(name).suffix])
    response.headers["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
    return response


@pages.page("/menu")
@requires.signed_in()
def show_menu() -> str:
    """Show every section: a phone's tabs have room for five only."""
    return render_template("console/menu.html")


@pages.page("/help")
@requires.signed_in()
def show_help() -> str:
    """Show the keys, and how the lists behave."""
    return render_template("console/help.html")


@pages.action("/theme")
@requires.signed_in()
def choose_theme() -> Response:
    """Remember light, dark or the system's choice in this browser."""
    wanted = request.form.get("theme", "")
    response = cast("Response", redirect(here_or(f"{PREFIX}/"), 303))
    if wanted in THEMES:
        response.set_cookie(_THEME_COOKIE, wanted, max_age=_A_YEAR, path=PREFIX, samesite="Lax", httponly=False)
    return response


def _theme() -> str:
    wanted = request.cookies.get(_THEME_COOKIE, "system")
    return wanted if wanted in THEMES else "system"


def _is_here(entry: Entry) -> bool:
    return request.blueprint in (entry.endpoint.partition(".")[0], *entry.also)


def _actor_name() -> str:
    acting = g.get("actor")
    return acting.name if acting is not None else ""


def _search_address() -> str:
    return f"{PREFIX}/tickets"


@functools.cache
def _content(name: str) -> bytes:
    return (ASSETS[name] / name).read_bytes()


@functools.cache
def _digest(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:12]


def address_with(**changes: Any) -> str:
    """Return the address of the page in hand with some of its query changed; None takes a name out."""
    endpoint, variables = g.get("page", (request.endpoint or "", request.view_args or {}))
    kept: dict[str, Any] = {name: request.args.getlist(name) for name in request.args if name not in changes}
    added = {name: value for name, value in changes.items() if value is not None}
    return url_for(endpoint, **variables, **kept, **added)
