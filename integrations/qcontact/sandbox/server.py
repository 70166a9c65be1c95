"""The sandbox itself: QContact's part of `/api/v2` that the partner uses, from memory, on loopback."""

from __future__ import annotations

from typing import Any

from integrations.qcontact.sandbox.accounts import Tokens
from integrations.qcontact.sandbox.agents import AgentRoutes
from integrations.qcontact.sandbox.listing import ServiceBreaks, filtered, move_some, page_of
from integrations.qcontact.sandbox.records import BOT, Case
from integrations.qcontact.sandbox.switches import QContactSwitches
from integrations.qcontact.sandbox.writing import Unacceptable, checked
from integrations.sandboxes import Answer, Request, route

API = "/api/v2"
CASES = f"{API}/entities/Case"
SIGN_IN = f"{API}/auth/sign_in"
PAGE = 50
EVENTS_PAGE = 25


class QContactSandbox(AgentRoutes):
    """QContact as the contract knows it. Read and change `records` only under `lock`; the methods here do."""

    name = "qcontact"
    switches_type = QContactSwitches
    switches: QContactSwitches

    def admit(self, request: Request) -> Answer | None:
        """Let signed-in requests pass, everybody to the sign-in; what agents planned before it happens first."""
        self.plans.happen("before", request)
        if request.path == SIGN_IN:
            return None
        if self.switches.always_unauthorised or not self.accounts.admits(request.headers, self.now()):
            return _unauthorised("You need to sign in or sign up before continuing.")
        return None

    def dressed(self, request: Request, answer: Answer) -> Answer:
        """Give a new token where tokens rotate; then happens what agents planned after the request."""
        if self.switches.rotate_tokens and request.path != SIGN_IN and answer.status != 401:
            tokens = self.accounts.rotate(request.headers, self.now(), self.switches.rotation_grace)
            answer = Answer(answer.status, answer.body, {**answer.headers, **self._token_headers(tokens)})
        self.plans.happen("after", request)
        return answer

    def _token_headers(self, tokens: Tokens) -> dict[str, str]:
        expiry = int(self.accounts.expires_at(tokens).timestamp())
        return {**tokens.headers, "token-type": "Bearer", "expiry": str(expiry)}

    @route("POST", SIGN_IN)
    def _sign_in(self, request: Request) -> Answer:
        given = request.json_object()
        if self.switches.refuse_sign_in or not self.accounts.knows(given.get("email"), given.get("password")):
            return _unauthorised("Invalid login credentials. Please try again.")
        tokens = self.accounts.issue(self.now())
        request.facts.update(signed_in=True, sign_ins=self.accounts.sign_ins)
        headers = self._token_headers(tokens)
        if self.switches.tokens_in_body:
            return Answer(200, {"data": self._account(), **headers})
        return Answer(200, {"data": self._account()}, headers)

    def _account(self) -> dict[str, Any]:
        email = self.accounts.email
        return {"id": BOT, "email": email, "uid": email, "provider": "email", "name": self.records.users.name_of(BOT)}

    @route("GET", f"{API}/me")
    def _me(self, _request: Request) -> Answer:
        return Answer(200, {"data": self._account()})

    @route("GET", CASES)
    def _list(self, request: Request) -> Answer:
        number, items = request.whole_number("page", 1), request.whole_number("items", PAGE)
        try:
            found = filtered(self.records.cases.values(), request.query.get("filters", ""))
        except ServiceBreaks as reason:
            request.facts["broke"] = str(reason)
            return Answer(500, {"error": "Internal server error"})
        if request.query.get("view") == "all":
            found = []
        move_some(self.records, found, self.switches.moving_rows, self.chance)
        page = page_of(found, number, items)
        request.facts["listed"] = [case.id for case in page.cases]
        return Answer(200, self.rendering.listed(page))

    @route("GET", f"{CASES}/<case_id>")
    def _detail(self, request: Request, case_id: str) -> Answer:
        case = self._find(case_id)
        if case is None:
            return _unknown()
        request.facts.update(case_id=case.id, status=case.fields["status"])
        return Answer(200, self.rendering.detail(case))

    @route("GET", f"{CASES}/<case_id>/events")
    def _events(self, request: Request, case_id: str) -> Answer:
        case = self._find(case_id)
        if case is None:
            return _unknown()
        request.facts["case_id"] = case.id
        return Answer(200, self.rendering.timeline(case, max(1, request.whole_number("page", 1)), EVENTS_PAGE))

    @route("PATCH", f"{CASES}/<case_id>")
    def _update(self, request: Request, case_id: str) -> Answer:
        case, body = self._find(case_id), request.json_object()
        if case is None:
            return _unknown()
        fields = body.get("fields")
        wrapped = isinstance(fields, dict)
        request.facts.update(case_id=case.id, status_before=case.fields["status"], wrapped=wrapped, changed={})
        # What is not wrapped is taken for nothing at all, and answered as if all were well.
        if not isinstance(fields, dict):
            return Answer(200, self.rendering.detail(case))
        try:
            values = checked(self.records, case, fields, self.switches)
        except Unacceptable as refusal:
            request.facts["refused"] = refusal.reason
            status = 422 if refusal.reason == "closed" else self.switches.invalid_value_status
            return Answer(status, {"errors": [str(refusal)]})
        if not self.switches.ignore_writes:
            request.facts["changed"] = self.change_case(case, values, author="NOC Bot")
        return Answer(200, self.rendering.detail(case))

    @route("POST", f"{API}/entities/Note")
    def _add_note(self, request: Request) -> Answer:
        body = request.json_object()
        case = self._find(str(body.get("entity_id")))
        request.facts.update(case_id=case.id if case else None, text=body.get("subtitle"))
        if not self.switches.notes_allowed:
            request.facts["refused"] = "no_right"
            return Answer(403, {"error": "You are not authorized to perform this action"})
        text = body.get("subtitle")
        if case is None or body.get("entity_type") != "Case" or not isinstance(text, str) or not text:
            return Answer(422, {"errors": ["Entity must exist"]})
        public = body.get("public_note") is True
        note = self.records.add_note(case, text, public=public, author="NOC Bot", now=self.now())
        request.facts.update(note_id=note.id, public=public)
        return Answer(201, {"id": note.id, "entity_type": "Note", "subtitle": text, "public_note": public})

    def _find(self, case_id: str) -> Case | None:
        return self.records.cases.get(int(case_id)) if case_id.isdecimal() else None


def _unauthorised(text: str) -> Answer:
    return Answer(401, {"success": False, "errors": [text]})


def _unknown() -> Answer:
    return Answer(404, {"error": "Record not found"})
