"""The addresses of sessions and of the server itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from integrations.sandboxes import Answer, Request, route
from integrations.waha.sandbox import replies
from integrations.waha.sandbox.core import Rejected, WahaCore
from integrations.waha.sandbox.hooks import Hook
from integrations.waha.sandbox.sending import fields
from integrations.waha.sandbox.sessions import Session

NAME = re.compile(r"^[A-Za-z0-9_-]{1,54}$")
CODE = "ABCD-EFGH"


class SessionRoutes(WahaCore):
    """Sessions: made, changed, started, stopped, paired."""

    @route("POST", "/api/sessions")
    def create_session(self, request: Request) -> Answer:
        """Make a session; it starts when `start` says so."""
        body = fields(request)
        name = body.get("name") or "default"
        if not isinstance(name, str) or not NAME.match(name):
            raise Rejected(400, replies.error(400, ["name must be a session's name"]))
        if name in self.sessions.known:
            raise Rejected(422, replies.error(422, f"Session '{name}' already exists. Use PUT to update it."))
        session = Session(name, paired=False)
        _configure(session, body.get("config") or {})
        self.sessions.add(session)
        if body.get("start") is True:
            self.sessions.start(session)
        return self._session(session, 201)

    @route("GET", "/api/sessions")
    def list_sessions(self, request: Request) -> Answer:
        """List sessions; stopped ones only when all are asked for."""
        everyone = request.query.get("all") == "true"
        shown = [one for one in self.sessions.known.values() if everyone or one.status != "STOPPED"]
        return Answer(200, [self._object(one) for one in shown])

    @route("GET", "/api/sessions/<name>")
    def show_session(self, _request: Request, name: str) -> Answer:
        """Show a session."""
        return self._session(self.session(name))

    @route("PUT", "/api/sessions/<name>")
    def change_session(self, request: Request, name: str) -> Answer:
        """Replace a session's whole configuration; one that runs is stopped and started."""
        session = self.session(name)
        _configure(session, fields(request).get("config") or {})
        if session.status != "STOPPED":
            self.sessions.restart(session)
        return self._session(session)

    @route("DELETE", "/api/sessions/<name>")
    def delete_session(self, _request: Request, name: str) -> Answer:
        """Log a session out and forget it."""
        self.sessions.remove(self.session(name))
        return Answer(200)

    @route("POST", "/api/sessions/<name>/start")
    def start_session(self, _request: Request, name: str) -> Answer:
        """Start a session."""
        return self._moved(name, self.sessions.start)

    @route("POST", "/api/sessions/<name>/stop")
    def stop_session(self, _request: Request, name: str) -> Answer:
        """Stop a session."""
        return self._moved(name, self.sessions.stop)

    @route("POST", "/api/sessions/<name>/restart")
    def restart_session(self, _request: Request, name: str) -> Answer:
        """Stop and start a session."""
        return self._moved(name, self.sessions.restart)

    @route("POST", "/api/sessions/<name>/logout")
    def log_session_out(self, _request: Request, name: str) -> Answer:
        """Undo a session's pairing."""
        return self._moved(name, self.sessions.log_out)

    @route("POST", "/api/sessions/start")
    def start_as_before(self, request: Request) -> Answer:
        """Start a session by the address of old."""
        return self._moved(_name(request), self.sessions.start)

    @route("POST", "/api/sessions/stop")
    def stop_as_before(self, request: Request) -> Answer:
        """Stop a session by the address of old."""
        return self._moved(_name(request), self.sessions.stop)

    @route("POST", "/api/sessions/logout")
    def log_out_as_before(self, request: Request) -> Answer:
        """Undo a session's pairing by the address of old."""
        return self._moved(_name(request), self.sessions.log_out)

    def _moved(self, name: str, move: Callable[[Session], None]) -> Answer:
        session = self.session(name)
        move(session)
        return self._session(session, 201)

    @route("GET", "/api/sessions/<name>/me")
    def show_account(self, _request: Request, name: str) -> Answer:
        """Show the account of a session; null when it has none."""
        session = self.session(name)
        # The four letters: an empty body is no JSON.
        return Answer(200, self._object(session)["me"] or b"null", {"Content-Type": "application/json"})

    @route("GET", "/api/sessions/<name>/timelock")
    def show_timelock(self, _request: Request, name: str) -> Answer:
        """Show whether the account may write to new contacts."""
        return Answer(200, self.session(name).restrictions.get("reachoutTimelock", {"isActive": False}))

    @route("GET", "/api/sessions/<name>/capping")
    def show_capping(self, _request: Request, name: str) -> Answer:
        """Show the account's quota of new contacts."""
        return Answer(200, self.session(name).restrictions.get("messageCapping", {"cappingStatus": "NONE"}))

    @route("GET", "/api/<name>/auth/qr")
    def show_code(self, request: Request, name: str) -> Answer:
        """Show what a person scans with the phone, as text: the sandbox draws no picture of it."""
        session = self._to_be_paired(name)
        value = f"2@sandbox,{session.name},{session.generation}"
        if request.query.get("format") == "raw":
            return Answer(200, {"value": value})
        return Answer(200, {"mimetype": "text/plain", "data": value})

    @route("POST", "/api/<name>/auth/request-code")
    def request_code(self, _request: Request, name: str) -> Answer:
        """Give a code for pairing."""
        self._to_be_paired(name)
        return Answer(200, {"code": CODE})

    def _to_be_paired(self, name: str) -> Session:
        session = self.session(name)
        if session.status != "SCAN_QR_CODE":
            raise Rejected(422, replies.not_ready(session) | {"expected": ["SCAN_QR_CODE"]})
        return session

    def _session(self, session: Session, status: int = 200) -> Answer:
        return Answer(status, self._object(session))

    def _object(self, session: Session) -> replies.Json:
        return replies.session_object(session, self.switches, self.milliseconds())

    # -- the server

    @route("GET", "/ping")
    def ping(self, _request: Request) -> Answer:
        """Answer."""
        return Answer(200, {"message": "pong"})

    @route("GET", "/health")
    def health(self, _request: Request) -> Answer:
        """Tell of the disk, which says nothing about WhatsApp."""
        disk = {"mediaFiles.space": {"status": "up"}}
        return Answer(200, {"status": "ok", "info": disk, "error": {}, "details": disk})

    @route("GET", "/api/server/version")
    @route("GET", "/api/version")
    def show_version(self, _request: Request) -> Answer:
        """Show which WAHA this is."""
        return Answer(200, replies.version(self.switches))

    @route("GET", "/api/server/status")
    def show_status(self, _request: Request) -> Answer:
        """Show since when it runs."""
        started = int(self.started_at.timestamp() * 1000)
        uptime = self.milliseconds() - started
        return Answer(200, {"startTimestamp": started, "uptime": uptime, "worker": replies.WORKER})

    @route("POST", "/api/server/stop")
    def stop_server(self, _request: Request) -> Answer:
        """Stop the server, whose container starts it anew."""
        self.restart_server()
        return Answer(201, {"stopping": True})


def _name(request: Request) -> str:
    return str(fields(request).get("name") or "default")


def _configure(session: Session, config: Any) -> None:
    """Give a session a configuration. Raises Rejected (400) where a receiver of events makes no sense."""
    if not isinstance(config, dict) or not isinstance(config.get("webhooks") or [], list):
        raise Rejected(400, replies.error(400, ["config must be an object, its webhooks a list"]))
    try:
        session.hooks = tuple(Hook.model_validate(one) for one in config.get("webhooks") or [])
    except ValidationError as error:
        raise Rejected(400, replies.error(400, [one["msg"] for one in error.errors()])) from error
    session.config = config
