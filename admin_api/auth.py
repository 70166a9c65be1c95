"""Who may: every route declares it with `requires`, and a route that declares nothing stops the app from starting.

@api.post("/tickets")
@requires("manager", "operator")        # under the route's decorator; an admin may everything
def create(body: NewTicket) -> Response: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from admin_api import sign_in
from ticketing.errors import Forbidden
from ticketing.people import ROLES, Actor, Role

View = TypeVar("View", bound=Callable[..., Any])

_ACCESS = "fibreflow_access"
_RECOGNISED_BY = "fibreflow_recognised_by"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route: everyone (`public`), or whoever holds one of the roles."""

    public: bool
    roles: frozenset[Role]

    def allows(self, actor: Actor | None) -> bool:
        """Whether this actor (None: nobody is signed in) may use the route."""
        return self.public or (actor is not None and actor.has_role(*self.roles))


class _Requires:
    def __call__(self, *roles: Role) -> Callable[[View], View]:
        """Declare that a route needs one of the roles; an admin always may."""
        unknown = set(roles) - set(ROLES)
        if unknown or not roles:
            raise ValueError(f"@requires takes one or more of {', '.join(ROLES)}; not {sorted(unknown) or 'none'}")
        return _declare(Access(public=False, roles=frozenset({*roles, "admin"})))

    def signed_in(self) -> Callable[[View], View]:
        """Declare that a route is for whoever is signed in, in any role."""
        return _declare(Access(public=False, roles=frozenset(ROLES)))

    def anyone(self) -> Callable[[View], View]:
        """Declare that a route is public."""
        return _declare(Access(public=True, roles=frozenset()))


requires = _Requires()


def _declare(access: Access) -> Callable[[View], View]:
    def declare(view: View) -> View:
        setattr(view, _ACCESS, access)
        return view

    return declare


def recognised_by(sign_in_of_request: Callable[[], sign_in.SignedIn]) -> Callable[[View], View]:
    """Declare how a route knows who sends a request, where it is not by the credentials that programs send."""

    def declare(view: View) -> View:
        setattr(view, _RECOGNISED_BY, sign_in_of_request)
        return view

    return declare


def access_of(view: Callable[..., Any] | None) -> Access | None:
    """Return what a view declares, or None."""
    return getattr(view, _ACCESS, None)


def refuse_undeclared(app: Flask) -> None:
    """Raise TypeError for routes that do not say who may use them: a forgotten line must not open a door."""
    undeclared = sorted(name for name, view in app.view_functions.items() if access_of(view) is None)
    if undeclared:
        names = ", ".join(undeclared)
        raise TypeError(
            f"These routes do not say who may use them: {names}. Put @requires(...) under @api.<method>(...)"
        )


def recognise() -> None:
    """Note who sends the request. A failed sign-in is kept for `authorise`: the rate limit comes first."""
    g.actor, g.principal, g.sign_in_failure = None, None, None
    view = current_app.view_functions.get(request.endpoint or "")
    access = access_of(view)
    if access is None or access.public or request.method == "OPTIONS":
        return
    try:
        signed_in = getattr(view, _RECOGNISED_BY, sign_in.from_request)()
    except sign_in.Unauthorized as failure:
        g.sign_in_failure = failure
        return
    g.actor, g.principal = signed_in.actor, signed_in.principal


def authorise() -> None:
    """Refuse the request unless its route allows whoever sends it. Raises Unauthorized or Forbidden."""
    access = access_of(current_app.view_functions.get(request.endpoint or ""))
    if access is None or access.public or request.method == "OPTIONS":
        return
    if g.sign_in_failure is not None:
        raise g.sign_in_failure
    if not access.allows(g.actor):
        needed = ", ".join(sorted(access.roles))
        raise Forbidden(f"This needs one of the roles {needed}", details={"needs": sorted(access.roles)})
