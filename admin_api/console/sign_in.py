"""Signing in to the console: an API key, a link made for a while, or Clerk's hosted page where it is set up."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from flask import Response, redirect, render_template, request, url_for

from admin_api import context
from admin_api.auth import requires
from admin_api.console import session
from admin_api.console.pages import PREFIX, ConsolePages, done, is_ours
from admin_api.console.sign_in_links import holder_of
from admin_api.sign_in import Unauthorized

CLERK_SESSION = "__session"
CLERK_HANDSHAKE = "__clerk_handshake"

pages = ConsolePages("sign_in")


@pages.page("/sign-in")
@requires.anyone()
def show() -> str:
    """Ask who it is: with Clerk by its own page, else by an API key."""
    settings = context.platform().settings
    return render_template(
        "console/sign_in.html",
        why=request.args.get("why"),
        next=_ours(request.args.get("next")),
        has_clerk=settings.clerk_issuer is not None,
    )


@pages.action("/sign-in", again=show)
@requires.anyone()
def sign_in() -> Response:
    """Begin a session with an API key."""
    session.sign_in_with(request.form.get("key", ""))
    return cast("Response", redirect(_ours(request.form.get("next")), 303))


@pages.action("/sign-out")
@requires.anyone()
def sign_out() -> Response:
    """End the session. Clerk's own goes on: it belongs to the other programs of the company, too."""
    session.end()
    return done("You are signed out", "console_sign_in.show")


@pages.page("/sign-in/link/<token>")
@requires.anyone()
def show_link(token: str) -> str:
    """Ask whoever follows a sign-in link to confirm: a link that is only looked at must sign nobody in."""
    with context.platform().read() as connection:
        key = holder_of(connection, token, context.platform().settings, context.now())
    return render_template("console/sign_in_link.html", token=token, name=key.name)


@pages.action("/sign-in/link/<token>")
@requires.anyone()
def sign_in_by_link(token: str) -> Response:
    """Begin a session for the holder of a sign-in link."""
    with context.platform().read() as connection:
        key = holder_of(connection, token, context.platform().settings, context.now())
    session.begin(f"key:{key.id}")
    return cast("Response", redirect(f"{PREFIX}/", 303))


@pages.page("/sign-in/clerk")
@requires.anyone()
def with_clerk() -> Response:
    """Take over the session that Clerk's page left in the browser, or lead there to make one."""
    clerk = context.services().clerk
    if clerk is None:
        raise Unauthorized("This installation takes API keys only")
    handshake = request.args.get(CLERK_HANDSHAKE)
    token = clerk.session_of_handshake(handshake) if handshake else request.cookies.get(CLERK_SESSION)
    if token is None:
        here = url_for(".with_clerk", next=_ours(request.args.get("next")), _external=True)
        return cast("Response", redirect(f"{clerk.handshake_url}?{urlencode({'redirect_url': here})}", 303))
    session.sign_in_with(token)
    return cast("Response", redirect(_ours(request.args.get("next")), 303))


def _ours(wanted: str | None) -> str:
    """Return where to go after signing in: an address of the console, never one of another site."""
    if not wanted or not is_ours(wanted) or wanted.startswith(f"{PREFIX}/sign-in"):
        return f"{PREFIX}/"
    return wanted
