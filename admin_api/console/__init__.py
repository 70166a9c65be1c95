"""The console: a second face of the same services and permissions as the API, for people.

It has no rule, no query and no shortcut of its own: a page reads what a route reads, an action calls what a route
calls.
"""

from __future__ import annotations

from flask import Flask

from admin_api.console import (
    audit,
    contacts,
    drop_imports,
    exports,
    failures,
    faults,
    frame,
    handover,
    imports,
    job_failures,
    jobs,
    now,
    policy,
    qa,
    qcontact,
    queues,
    repeat_fault_thresholds,
    repeat_faults,
    risks,
    schedules,
    services,
    session,
    sign_in,
    sla,
    sla_targets,
    ticket,
    ticket_bulk,
    ticket_decisions,
    ticket_edit,
    ticket_handover,
    ticket_messages,
    ticket_new,
    ticket_notes,
    ticket_photos,
    ticket_work,
    tickets,
    triage,
    whatsapp,
    workers,
)
from admin_api.console.pages import ConsolePages
from runtime.settings import Settings

PAGES: tuple[ConsolePages, ...] = (
    frame.pages,
    sign_in.pages,
    jobs.pages,
    sla.pages,
    sla_targets.pages,
    risks.pages,
    repeat_faults.pages,
    repeat_fault_thresholds.pages,
    handover.pages,
    faults.pages,
    imports.pages,
    drop_imports.pages,
    exports.pages,
    workers.pages,
    schedules.pages,
    queues.pages,
    now.pages,
    job_failures.pages,
    audit.pages,
    tickets.pages,
    ticket.pages,
    ticket_bulk.pages,
    ticket_edit.pages,
    ticket_messages.pages,
    ticket_new.pages,
    ticket_notes.pages,
    ticket_work.pages,
    ticket_photos.pages,
    ticket_decisions.pages,
    ticket_handover.pages,
    qa.pages,
    services.pages,
    qcontact.pages,
    whatsapp.pages,
    triage.pages,
    contacts.pages,
)


def register(app: Flask, settings: Settings) -> None:
    """Put the console into the app."""
    session.register(app, settings)
    policy.register(app)
    failures.register(app)
    frame.register(app)
    for pages in PAGES:
        app.register_blueprint(pages)
