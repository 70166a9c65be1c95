"""A sandbox of QContact: the service as the partner's account sees it, on loopback, with its habits and failures."""

from integrations.qcontact.sandbox.accounts import EMAIL, PASSWORD, Tokens
from integrations.qcontact.sandbox.control import QContactControl
from integrations.qcontact.sandbox.findings import Findings, findings
from integrations.qcontact.sandbox.records import QUEUE, Case
from integrations.qcontact.sandbox.samples import NewCase
from integrations.qcontact.sandbox.server import QContactSandbox

__all__ = [
    "EMAIL",
    "PASSWORD",
    "QUEUE",
    "Case",
    "Findings",
    "NewCase",
    "QContactControl",
    "QContactSandbox",
    "Tokens",
    "findings",
]
