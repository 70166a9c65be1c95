"""Sandboxes: HTTP servers on loopback that behave as a service outside does, its failures included.

Each integration has one in a package of its own (`integrations.<name>.sandbox`). What they share is here: the threaded
server with its routes, the faults on demand, the journal of everything that was asked, and the control over HTTP by
which tests, the demo and people set them up from another process. They listen on this machine only.
"""

from integrations.sandboxes.control import SandboxControl
from integrations.sandboxes.faults import FAULT_NAMES, Faults
from integrations.sandboxes.journal import Entry, Journal
from integrations.sandboxes.messages import Answer, BadRequest, Request
from integrations.sandboxes.server import Sandbox, Switches, route

__all__ = [
    "FAULT_NAMES",
    "Answer",
    "BadRequest",
    "Entry",
    "Faults",
    "Journal",
    "Request",
    "Sandbox",
    "SandboxControl",
    "Switches",
    "route",
]
