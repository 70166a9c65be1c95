"""The tenant behind the sandbox: its state, and what tests and agents do to it. Every method takes the lock."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from integrations.qcontact.sandbox.accounts import Accounts, Tokens
from integrations.qcontact.sandbox.plans import Plans
from integrations.qcontact.sandbox.records import CLOSED, QUEUE, Case, Records
from integrations.qcontact.sandbox.rendering import Rendering
from integrations.qcontact.sandbox.samples import NewCase, sample_cases
from integrations.qcontact.sandbox.switches import QContactSwitches
from integrations.qcontact.sandbox.webhooks import WebhookSender
from integrations.sandboxes import BadRequest, Sandbox
from runtime.clock import Clock

AGENT = "Lerato Example"
SAMPLE_NUMBERS = 900_123


class Tenant(Sandbox):
    """What QContact holds for one company."""

    switches_type = QContactSwitches
    switches: QContactSwitches

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 0, clock: Clock | None = None) -> None:
        super().__init__(host=host, port=port, seed=seed, clock=clock)
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - the same again for the same seed
        self.accounts = Accounts()
        self.records = Records()
        self.plans = Plans()
        self.webhooks = WebhookSender(lambda: self.switches, self.now)
        self._next_sample = SAMPLE_NUMBERS

    @property
    def rendering(self) -> Rendering:
        """The wording of records under the present switches."""
        return Rendering(self.records, self.switches)

    @property
    def settings_values(self) -> dict[str, Any]:
        """The values of the settings that point an installation here, by their names."""
        return {
            "qcontact_url": self.url,
            "qcontact_email": self.accounts.email,
            "qcontact_password": self.accounts.password,
            "qcontact_queue": str(QUEUE),
            "qcontact_webhook_secret": self.switches.webhook_secret,
        }

    def started(self) -> None:
        """Begin to send webhooks, should they be assumed."""
        self.webhooks.start()

    def stopping(self) -> None:
        """End the sending of webhooks."""
        self.webhooks.stop()

    def issue_tokens(self) -> Tokens:
        """Return tokens that are good for calls, as somebody gets them who signs in by hand."""
        with self.lock:
            return self.accounts.issue(self.now())

    def expire_tokens(self) -> None:
        """Make every token worthless at once."""
        with self.lock:
            self.accounts.expire()

    def add_case(self, new: NewCase, *, created_at: datetime | None = None) -> Case:
        """Add a case, made now unless another time is given. Tells of it by a webhook, if they are assumed."""
        with self.lock:
            records = self.records
            fields = {
                "status": new.status,
                "category": new.category,
                "reference": new.reference,
                "description": new.description,
                "assigned_to": records.users.id_of(new.assignee),
                "contact": records.contacts.id_of(new.contact),
                "telephone": new.telephone,
                "email": new.email,
                "address": new.address,
                "c__dr_number": records.drops.id_of(new.drop),
            }
            case = records.add(new.label, {**fields, **(new.other_fields or {})}, created_at or self.now())
            self.webhooks.about("ticket.created", case, records)
            return case

    def add_cases(self, count: int, *, drops: Iterable[str] = ()) -> list[Case]:
        """Add so many believable cases to the partner's queue; their FT numbers go on from call to call."""
        with self.lock:
            first, self._next_sample = self._next_sample, self._next_sample + count
            samples = sample_cases(count, first=first, drops=tuple(drops), seed=self.seed)
            return [self.add_case(new) for new in samples]

    def case(self, case_id: int | str) -> Case:
        """Return a case. Raises BadRequest when there is none."""
        with self.lock:
            found = self.records.cases.get(int(case_id)) if str(case_id).isdecimal() else None
        if found is None:
            raise BadRequest(f"there is no case {case_id}")
        return found

    def edit(
        self, case_id: int | str, fields: Mapping[str, Any], *, append: str = "", author: str = AGENT
    ) -> dict[str, tuple[Any, Any]]:
        """Do as an agent does, who may set any value and close cases; `append` goes after the description.

        Returns the raw old and new values of what changed. Raises BadRequest for an unknown case or field.
        """
        with self.lock:
            case = self.case(case_id)
            if unknown := fields.keys() - case.fields.keys():
                raise BadRequest(f"no case has {', '.join(sorted(unknown))}")
            values = dict(fields)
            if append:
                values["description"] = f"{values.get('description', case.fields['description']) or ''}{append}"
            return self.change_case(case, values, author=author)

    def reassign(self, case_id: int | str, assignee: str | None) -> None:
        """Give a case to a user by name, who is added if need be: it leaves the list of who had it."""
        with self.lock:
            self.edit(case_id, {"assigned_to": self.records.users.id_of(assignee)})

    def remove(self, case_id: int | str) -> None:
        """Delete a case: from now on it is 404."""
        with self.lock:
            del self.records.cases[self.case(case_id).id]

    def plan_edit(
        self, case_id: int | str, when: Mapping[str, Any], fields: Mapping[str, Any], *, append: str = ""
    ) -> None:
        """Let an agent edit a case at a moment: `{"moment": "before"|"after", "method", "path", "skip"}`.

        The method is PATCH and the path the case's own, unless others are given. Raises BadRequest.
        """
        with self.lock:
            case, fields = self.case(case_id), dict(fields)
            path = f"/api/v2/entities/Case/{case.id}"
            self.plans.add(when, path, lambda: self._edit_if_there(case.id, fields, append))

    def _edit_if_there(self, case_id: int, fields: Mapping[str, Any], append: str) -> None:
        if case_id in self.records.cases:
            self.edit(case_id, fields, append=append)

    def change_case(self, case: Case, values: Mapping[str, Any], *, author: str) -> dict[str, tuple[Any, Any]]:
        """Set raw values and tell of it by a webhook, if they are assumed; the lock is held by the caller."""
        changes = self.records.change(case, values, author, self.now())
        if changes:
            self.webhooks.about(_event_of(changes), case, self.records)
        return changes

    def state(self) -> dict[str, Any]:
        """Return the figures of the tenant."""
        return {
            "cases": len(self.records.cases),
            "queue": str(QUEUE),
            "sign_ins": self.accounts.sign_ins,
            "live_clients": self.accounts.live_clients,
            "planned": len(self.plans),
            "webhooks": {"pending": self.webhooks.pending, "delivered": len(self.webhooks.deliveries)},
        }


def _event_of(changes: Mapping[str, tuple[Any, Any]]) -> str:
    if changes.get("status", (None, None))[1] == CLOSED:
        return "ticket.closed"
    return "ticket.assigned" if "assigned_to" in changes else "ticket.updated"
