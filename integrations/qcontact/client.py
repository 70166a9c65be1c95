"""The client of QContact's HTTP interface: what the partner's account can read and change there.

Nothing is repeated in here but what cannot have taken effect twice: a read on a broken connection, and a call whose
tokens were refused. Whether a failed write may be repeated is the caller's to find out (`may_have_happened`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.outside import NotSetUp, NotThere, Refused, ServerFailed
from integrations.qcontact import wire
from integrations.qcontact.session import Session
from integrations.qcontact.tokens import Tokens, TokenStore
from integrations.qcontact.transport import Transport
from integrations.qcontact.wire import CasePage, WireCase, WireEvent
from runtime.settings import Settings

CASES = "entities/Case"


class QContactClient:
    """Speaks to one tenant for one account. Thread-safe; close it when the process ends."""

    def __init__(self, transport: Transport, session: Session, queue: str | None) -> None:
        self._transport = transport
        self._session = session
        self._queue = queue

    @classmethod
    def from_settings(cls, settings: Settings, store: TokenStore) -> QContactClient:
        """Return the client that the settings describe. Raises NotSetUp that names what to set."""
        url, email = settings.qcontact_url, settings.qcontact_email or settings.qcontact_uid
        if url is None or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise NotSetUp("qcontact", "QContact is not set up: set FIBREFLOW_QCONTACT_URL to its http(s) address")
        given, password = given_tokens(settings), settings.qcontact_password
        if given is None and (email is None or password is None):
            raise NotSetUp(
                "qcontact",
                "QContact is not set up: set FIBREFLOW_QCONTACT_EMAIL and _PASSWORD, or all of FIBREFLOW_QCONTACT_UID,"
                " _ACCESS_TOKEN and _CLIENT",
            )
        transport = Transport(url, timeout=settings.qcontact_timeout, connections=settings.qcontact_connections)
        sign_in = None
        if email is not None and password is not None:
            sign_in = lambda: transport.sign_in(email, password.get_secret_value())  # noqa: E731 - bound here, once
        return cls(transport, Session(store, given, sign_in), settings.qcontact_queue)

    def me(self) -> None:
        """Ask who we are: succeeds when the service is well and we are signed in. Raises OutsideError."""
        self._transport.read(self._session, "me")

    def require_queue(self) -> str:
        """Return the record id of the queue whose cases are listed. Raises NotSetUp without one."""
        if self._queue is None:
            raise NotSetUp(
                "qcontact",
                "Set FIBREFLOW_QCONTACT_QUEUE to the record id of the user to whom the partner's cases are assigned",
            )
        return self._queue

    def list_cases(self, *, page: int, items: int = 50, status: str | None = None) -> CasePage:
        """Read one page (1 is the first) of the cases assigned to the partner's queue, optionally of one status.

        Statuses are compared by the service in its own words. Raises NotSetUp without a queue, and OutsideError.
        """
        filters = _filters(self.require_queue(), status)
        params = {"sort": "", "page": str(page), "items": str(items), "filters": filters}
        found = wire.read_page(self._transport.read(self._session, CASES, params), page, items)
        if found is None:
            raise ServerFailed("qcontact", "QContact's answer is no list of cases")
        return found

    def get_case(self, case_id: str) -> WireCase:
        """Read a case as a whole. Raises NotThere and every other OutsideError."""
        return _case(self._transport.read(self._session, _path(case_id)))

    def list_events(self, case_id: str, page: int = 1) -> list[WireEvent]:
        """Read a page of a case's timeline, newest first; a case that has none, or is not there, has no entries."""
        params = {"expand_conversations": "false", "page": str(page), "sort": "id DESC"}
        try:
            body = self._transport.read(self._session, f"{_path(case_id)}/events", params)
        except NotThere:
            return []
        except Refused as error:
            if error.status == 400:
                return []
            raise
        events = wire.read_events(body)
        if events is None:
            raise ServerFailed("qcontact", "QContact's answer is no timeline")
        return events

    def update_case(self, case_id: str, fields: Mapping[str, Any]) -> WireCase:
        """Change fields of a case and return it as the service now shows it.

        An answer of success does not mean that the values were taken: compare. Raises Refused for values that the
        service does not take and for closed cases, NotThere, and every other OutsideError.
        """
        # Values outside `fields` are answered with success and ignored.
        return _case(self._transport.write(self._session, "PATCH", _path(case_id), {"fields": dict(fields)}))

    def add_note(self, case_id: str, text: str, *, public: bool) -> str | None:
        """Add a note to a case; returns its id, if the service tells it. Raises NotAllowed for an account without that
        right, and every other OutsideError."""
        note = {
            "entity_type": "Case",
            "entity_id": int(case_id) if case_id.isdecimal() else case_id,
            "subtitle": text,
            "public_note": public,
        }
        answer = self._transport.write(self._session, "POST", "entities/Note", note)
        found = answer.get("id") if isinstance(answer, Mapping) else None
        return str(found) if isinstance(found, int | str) else None

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()


def given_tokens(settings: Settings) -> Tokens | None:
    """Return the tokens that the settings hold; None unless all three are there."""
    uid, token, client = settings.qcontact_uid, settings.qcontact_access_token, settings.qcontact_client
    if uid is None or token is None or client is None:
        return None
    return Tokens(uid, token.get_secret_value(), client.get_secret_value())


def _path(case_id: str) -> str:
    return f"{CASES}/{quote(case_id, safe='')}"


def _case(body: Any) -> WireCase:
    case = wire.read_case(body)
    if case is None:
        raise ServerFailed("qcontact", "QContact's answer is no case")
    return case


def _filters(queue: str, status: str | None) -> str:
    """Return the filter of a list: groups of conditions, of which only `equals` is known to work; values are texts."""
    conditions = [{"name": "assigned_to", "value": queue, "operator": "equals"}]
    if status is not None:
        conditions.append({"name": "status", "value": status, "operator": "equals"})
    return json.dumps([{"operator": "all", "conditions": conditions}], separators=(",", ":"))
