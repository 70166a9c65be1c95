"""The control of a QContact sandbox in another process, for tests and the demo."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.qcontact.sandbox.accounts import Tokens
from integrations.sandboxes import SandboxControl

LOOK_EVERY = 0.02


class QContactControl(SandboxControl):
    """What agents, and the tests in their place, do in QContact."""

    def create_cases(self, count: int, *, drops: Iterable[str] = ()) -> list[str]:
        """Add so many believable cases and return their ids."""
        return self._ids({"count": count, "drops": list(drops)})

    def create_case(self, label: str, **fields: Any) -> str:
        """Add one case with the fields of `samples.NewCase` and return its id."""
        return self._ids({"cases": [{"label": label, **fields}]})[0]

    def _ids(self, body: dict[str, Any]) -> list[str]:
        ids: list[str] = self._object("POST", "cases", json=body)["ids"]
        return ids

    def cases(self) -> dict[str, dict[str, Any]]:
        """Return every case by its id: label, raw fields, the assignee's name."""
        found: dict[str, dict[str, Any]] = self._object("GET", "cases")["cases"]
        return found

    def case(self, case_id: str) -> dict[str, Any]:
        """Return one case as `{"case": detail, "events": newest first}`."""
        return self._object("GET", f"cases/{case_id}")

    def edit(
        self,
        case_id: str,
        fields: Mapping[str, Any] | None = None,
        *,
        append: str = "",
        when: Mapping[str, Any] | None = None,
    ) -> None:
        """Edit a case as an agent does, at once or `when` its moment comes (see `Tenant.plan_edit`)."""
        moment = {} if when is None else {"when": dict(when)}
        self._call("POST", f"cases/{case_id}/edits", json={"fields": dict(fields or {}), "append": append, **moment})

    def reassign(self, case_id: str, assignee: str | None, *, when: Mapping[str, Any] | None = None) -> None:
        """Give a case to a user by name, at once or when the moment comes."""
        moment = {} if when is None else {"when": dict(when)}
        self._call("POST", f"cases/{case_id}/edits", json={"assignee": assignee, **moment})

    def remove(self, case_id: str) -> None:
        """Delete a case."""
        self._call("DELETE", f"cases/{case_id}")

    def user(self, label: str) -> int:
        """Return the id of a user by name, who is added if need be."""
        return int(self._object("POST", "users", json={"label": label})["id"])

    def issue_tokens(self) -> Tokens:
        """Return tokens that are good for calls."""
        return Tokens(**self._object("POST", "tokens"))

    def expire_tokens(self) -> None:
        """Make every token worthless at once."""
        self._call("POST", "tokens/expire")

    def send_webhook(self, ticket_id: str = "", *, event: str = "ticket.updated", **options: Any) -> None:
        """Send a webhook by itself; options: wrong_signature, age (seconds), copies, raw (a body that is no event)."""
        self._call("POST", "webhooks", json={"ticket_id": ticket_id, "event": event, **options})

    def deliveries(self, *, patience: float = 60) -> list[dict[str, Any]]:
        """Return every try to deliver a webhook, once all are through. Raises TimeoutError if that takes too long."""
        until = time.monotonic() + patience
        while True:
            state = self._object("GET", "deliveries")
            if not state["pending"]:
                found: list[dict[str, Any]] = state["deliveries"]
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"{state['pending']} webhooks are not through after {patience:g} s")
            time.sleep(LOOK_EVERY)
