"""A WAHA on loopback: three engines' shapes, sessions, signed webhooks, and what goes wrong with WhatsApp."""

from integrations.waha.sandbox.control import WahaControl
from integrations.waha.sandbox.hooks import Hook
from integrations.waha.sandbox.server import WahaSandbox
from integrations.waha.sandbox.switches import WahaSwitches

__all__ = ["Hook", "WahaControl", "WahaSandbox", "WahaSwitches"]
