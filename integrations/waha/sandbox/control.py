"""The control of a WAHA sandbox that runs elsewhere, in another process say."""

from __future__ import annotations

import base64
import time
from typing import Any

from integrations.sandboxes import SandboxControl

LOOK_EVERY = 0.05


class WahaControl(SandboxControl):
    """Speaks to a sandbox's `/_sandbox` addresses: what `WahaSandbox` offers in its own process, over HTTP."""

    def messages(self, *, chat_id: str | None = None) -> list[dict[str, Any]]:
        """Return every message as it truly is, in order."""
        return self._pages("messages", "messages", {"chat_id": chat_id} if chat_id else {})

    def received(self) -> dict[str, list[dict[str, Any]]]:
        """Return what people received (`received`: chat_id, body, messages), of it `doubled`, and what `never_left`."""
        found: dict[str, list[dict[str, Any]]] = self._call("GET", "received")
        return found

    def hook_tries(self) -> list[dict[str, Any]]:
        """Return every try to send an event, in order."""
        return self._pages("hooks", "tries", {})

    def hook(self, url: str | None, secret: str | None = None, **more: Any) -> None:
        """Set the receiver of events and the secret that signs them; None takes it away."""
        key = {"hmac": {"key": secret}} if secret else {}
        self._call("PUT", "hook", json={"url": url, **key, **more} if url else {})

    def tell_again(self, envelope_id: str) -> None:
        """Send an event once more, in the same envelope."""
        self._call("POST", "hooks/again", json={"envelope_id": envelope_id})

    def fates(self, **values: Any) -> dict[str, Any]:
        """Set what becomes of messages: rate, names, stop, next."""
        found: dict[str, Any] = self._call("PUT", "fates", json=values)
        return found

    def next_fate(self, name: str, *, chat_id: str | None = None, times: int = 1) -> None:
        """Let the next attempts to send, to that chat if one is named, meet this fate."""
        self.fates(next=[{"name": name, "chat_id": chat_id, "times": times}])

    def inbound(
        self, sender: str, text: str = "", *, photo: bytes | None = None, mimetype: str = "image/jpeg", **more: Any
    ) -> dict[str, Any]:
        """Let a person (a phone number or chat id) write to us; more: hidden, group, name, session."""
        media = photo and {"data": base64.b64encode(photo).decode(), "mimetype": mimetype}
        body = {"sender": sender, "text": text, "media": media or None, **more}
        found: dict[str, Any] = self._call("POST", "inbound", json=body)
        return found

    def typed(self, chat_id: str, text: str, **more: Any) -> dict[str, Any]:
        """Let somebody write at our own phone."""
        found: dict[str, Any] = self._call("POST", "typed", json={"chat_id": chat_id, "text": text, **more})
        return found

    def acknowledge(self, message: str, level: int, **more: Any) -> None:
        """Let a message reach a level and tell of it; more: chat_id, hidden, participant, times, error, session."""
        self._call("POST", "acks", json={"message": message, "level": level, **more})

    def session(self, name: str = "default", **state: Any) -> dict[str, Any]:
        """Put a session into a state: status, paired, dead, broken."""
        found: dict[str, Any] = self._call("PUT", f"sessions/{name}", json=state)
        return found

    def restart(self) -> None:
        """Let the whole of WAHA start anew."""
        self._call("POST", "restart")

    def restrict(self, name: str, data: dict[str, Any]) -> None:
        """Let WhatsApp restrict the account: `reachoutTimelock` or `messageCapping`, in WAHA's words."""
        self._call("PUT", "restrictions", json={"name": name, "data": data})

    def person(self, phone: str, **more: Any) -> dict[str, Any]:
        """Tell of a number; more: exists, hidden (its hidden id), known (whether WAHA can tell whose that is)."""
        found: dict[str, Any] = self._call("PUT", "people", json={"phone": phone, **more})
        return found

    def settle(self, within: float = 30.0) -> bool:
        """Wait until nothing comes by itself any more; tell whether that came to pass in so many seconds."""
        until = time.monotonic() + within
        while self.state()["pending"]:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _pages(self, path: str, name: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            page = self._call("GET", path, params={**query, "after": after})
            found += page[name]
            if page["next"] is None:
                return found
            after = page["next"]
