"""The control over HTTP that only this sandbox has: cases, what agents do to them, tokens, webhooks."""

from __future__ import annotations

from typing import Any

from integrations.qcontact.sandbox.records import Case
from integrations.qcontact.sandbox.samples import NewCase
from integrations.qcontact.sandbox.tenant import Tenant
from integrations.qcontact.sandbox.webhooks import EVENTS, Order
from integrations.sandboxes import Answer, BadRequest, Request, route

MOST_EVENTS = 1_000


class AgentRoutes(Tenant):
    """The tenant with its `/_sandbox` addresses."""

    @route("POST", "/_sandbox/cases")
    def _create_cases(self, request: Request) -> Answer:
        body = request.json_object()
        if "count" in body:
            made = self.add_cases(_count(body["count"]), drops=body.get("drops", ()))
        else:
            made = [self.add_case(_new_case(values)) for values in body.get("cases", ())]
        return Answer(201, {"ids": [str(case.id) for case in made]})

    @route("GET", "/_sandbox/cases")
    def _show_cases(self, _request: Request) -> Answer:
        return Answer(body={"cases": {str(case.id): self._short(case) for case in self.records.cases.values()}})

    def _short(self, case: Case) -> dict[str, Any]:
        return {"label": case.label, **case.fields, "assignee": self.records.users.name_of(case.fields["assigned_to"])}

    @route("GET", "/_sandbox/cases/<case_id>")
    def _show_case(self, _request: Request, case_id: str) -> Answer:
        case = self.case(case_id)
        timeline = self.rendering.timeline(case, 1, MOST_EVENTS)
        events = timeline["results"] if isinstance(timeline, dict) else timeline
        return Answer(body={"case": self.rendering.detail(case), "events": events})

    @route("POST", "/_sandbox/cases/<case_id>/edits")
    def _edit_case(self, request: Request, case_id: str) -> Answer:
        body = request.json_object()
        fields, append = dict(body.get("fields", {})), body.get("append", "")
        if "assignee" in body:
            fields["assigned_to"] = self.records.users.id_of(body["assignee"])
        if "when" in body:
            self.plan_edit(case_id, body["when"], fields, append=append)
            return Answer(202, {"planned": len(self.plans)})
        self.edit(case_id, fields, append=append)
        return Answer(body=self._short(self.case(case_id)))

    @route("DELETE", "/_sandbox/cases/<case_id>")
    def _remove_case(self, _request: Request, case_id: str) -> Answer:
        self.remove(case_id)
        return Answer(204)

    @route("POST", "/_sandbox/users")
    def _name_user(self, request: Request) -> Answer:
        label = request.json_object().get("label")
        if not isinstance(label, str) or not label:
            raise BadRequest("a user has a label")
        return Answer(201, {"id": self.records.users.id_of(label), "label": label})

    @route("POST", "/_sandbox/tokens")
    def _hand_out_tokens(self, _request: Request) -> Answer:
        return Answer(201, self.issue_tokens()._asdict())

    @route("POST", "/_sandbox/tokens/expire")
    def _expire_tokens(self, _request: Request) -> Answer:
        self.expire_tokens()
        return Answer(204)

    @route("POST", "/_sandbox/webhooks")
    def _send_webhook(self, request: Request) -> Answer:
        if not (self.switches.assume_webhooks and self.switches.webhook_url):
            raise BadRequest("switch `assume_webhooks` on and set `webhook_url` first: no real one was ever seen")
        body = request.json_object()
        event, copies = body.get("event", "ticket.updated"), _count(body.get("copies", 1))
        wrong = bool(body.get("wrong_signature", False))
        if "raw" in body:
            self.webhooks.put(Order(event, "", str(body["raw"]).encode(), wrong, copies))
        elif event not in EVENTS:
            raise BadRequest(f"no event is called {event!r}; known: {', '.join(EVENTS)}")
        else:
            case, age = self.case(str(body.get("ticket_id"))), float(body.get("age", 0))
            self.webhooks.about(event, case, self.records, age=age, wrong_signature=wrong, copies=copies)
        return Answer(202, {"pending": self.webhooks.pending})

    @route("GET", "/_sandbox/deliveries")
    def _show_deliveries(self, _request: Request) -> Answer:
        sent = [delivery.as_json() for delivery in self.webhooks.deliveries]
        return Answer(body={"pending": self.webhooks.pending, "deliveries": sent})


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise BadRequest("a count lies between 1 and 100000")
    return value


def _new_case(values: Any) -> NewCase:
    try:
        return NewCase(**values)
    except TypeError as error:
        raise BadRequest(f"this is no new case: {error}") from error
