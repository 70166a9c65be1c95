"""Where one can go: the console's sections, in the order of the menu. Who may not use a page is not shown the way."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g

from admin_api.console.pages import may


@dataclass(frozen=True, slots=True)
class Entry:
    """A way to a page: its name, its icon, its endpoint, and the letter that leads there after `g`.

    `on_phone` puts it among the tabs at the foot of a phone's screen; there is room for five. `also` are the other
    groups of pages that belong under it.
    """

    label: str
    icon: str
    endpoint: str
    letter: str
    on_phone: bool = False
    also: tuple[str, ...] = ()


_TICKET = tuple(
    f"console_ticket{part}"
    for part in ("", "_edit", "_new", "_notes", "_bulk", "_messages", "_work", "_photos", "_decisions", "_handover")
)
_IMPORTS = ("console_drop_imports",)
_THRESHOLDS = ("console_repeat_fault_thresholds",)
_TARGETS = ("console_sla_targets",)
_WHATSAPP = ("console_triage", "console_contacts")

MENU: dict[str, tuple[Entry, ...]] = {
    "Work": (
        Entry("Now", "speedometer2", "console_now.show", "n", on_phone=True),
        Entry("Tickets", "ticket-detailed", "console_tickets.list_tickets", "t", on_phone=True, also=_TICKET),
        Entry("QA board", "clipboard-check", "console_qa.show_board", "b", on_phone=True),
        Entry("Imports", "file-earmark-spreadsheet", "console_imports.list_imports", "i", also=_IMPORTS),
        Entry("Handover", "box-arrow-right", "console_handover.show_centre", "h"),
        Entry("Repeat faults", "bullseye", "console_repeat_faults.list_escalations", "r", also=_THRESHOLDS),
        Entry("Risks", "shield-exclamation", "console_risks.list_risks", "k"),
        Entry("Fault trends", "bar-chart", "console_faults.show_trends", "f"),
        Entry("SLA", "stopwatch", "console_sla.show", "l", also=_TARGETS),
        Entry("Exports", "download", "console_exports.list_exports", "e"),
    ),
    "Outside": (
        Entry("QContact", "arrow-left-right", "console_qcontact.show", "c"),
        Entry("WhatsApp", "chat-dots", "console_whatsapp.show", "w", on_phone=True, also=_WHATSAPP),
        Entry("Services", "plug", "console_services.list_services", "o"),
    ),
    "Operations": (
        Entry("Jobs", "list-task", "console_jobs.list_jobs", "j", on_phone=True),
        Entry("Failures", "bug", "console_failures.list_failures", "x"),
        Entry("Queues", "stack", "console_queues.list_queues", "q"),
        Entry("Schedules", "calendar-week", "console_schedules.list_schedules", "s"),
        Entry("Workers", "cpu", "console_workers.list_workers", "p"),
        Entry("Audit", "journal-text", "console_audit.list_audit", "a"),
    ),
}


def menu() -> dict[str, list[Entry]]:
    """Return the sections with the entries that whoever is signed in may use; empty sections are left out."""
    if g.get("actor") is None:
        return {}
    known = current_app.view_functions
    shown = {
        section: [entry for entry in entries if entry.endpoint in known and may(entry.endpoint)]
        for section, entries in MENU.items()
    }
    return {section: entries for section, entries in shown.items() if entries}
