"""The world outside for the demo: a QContact with cases and a WhatsApp gateway, served beside the system."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cli.samples import drops
from integrations.qcontact.sandbox import QContactSandbox
from integrations.waha.sandbox import Hook, WahaSandbox
from runtime.settings import PREFIX

CASES = 8
# Notices of the demo go out whatever the hour, and all at once.
AT_ONCE = {
    "notices_quiet_from": "00:00",
    "notices_quiet_until": "00:00",
    "notices_per_minute": 600,
    "notices_per_day": 10_000,
    "notices_per_contact_per_hour": 1_000,
    "notices_per_contact_per_day": 1_000,
}


@dataclass(frozen=True, slots=True)
class Outside:
    """The two sandboxes, and the environment that points a system at them."""

    qcontact: QContactSandbox
    waha: WahaSandbox

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables."""
        values: Mapping[str, Any] = {**self.qcontact.settings_values, **self.waha.settings_values, **AT_ONCE}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items() if value is not None}


@contextmanager
def outside(api: str) -> Iterator[Outside]:
    """Serve both for as long as the demo lasts; WhatsApp's events are sent to the API at the address."""
    key = secrets.token_hex(16)
    hook = Hook.with_secret(f"{api}/api/ticketing/webhooks/waha", secrets.token_hex(16))
    qcontact = QContactSandbox()
    qcontact.add_cases(CASES, drops=[drop.label for drop in drops() if not drop.is_spare])
    with qcontact.serving(), WahaSandbox(api_key=key, hook=hook).serving() as waha:
        yield Outside(qcontact, waha)
