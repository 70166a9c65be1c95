"""States as people see them: a word, an icon and a tone. The tone is never alone in telling one from another."""

from __future__ import annotations

import functools

from markupsafe import Markup

from admin_api.console.icons import icon
from admin_api.console.wording import words

# name: (tone, icon); the tone is one of Bootstrap's.
_STATES: dict[str, tuple[str, str]] = {
    # What jobs are.
    "scheduled": ("secondary", "clock"),
    "available": ("info", "hourglass-top"),
    "running": ("primary", "play-circle"),
    "retryable": ("warning", "arrow-repeat"),
    "completed": ("success", "check-circle"),
    "discarded": ("danger", "x-octagon"),
    "cancelled": ("secondary", "slash-circle"),
    # What tickets are.
    "open": ("info", "inbox"),
    "assigned": ("info", "person-check"),
    "in_progress": ("primary", "tools"),
    "pending_qa": ("warning", "hourglass-split"),
    "qa_in_progress": ("primary", "search"),
    "qa_rejected": ("danger", "hand-thumbs-down"),
    "qa_approved": ("success", "hand-thumbs-up"),
    "pending_handover": ("warning", "box-arrow-right"),
    "handed_to_maintenance": ("success", "house-check"),
    "closed": ("success", "check2-all"),
    # How urgent they are.
    "low": ("secondary", "chevron-down"),
    "normal": ("secondary", "dash"),
    "high": ("warning", "chevron-up"),
    "urgent": ("danger", "chevron-double-up"),
    "critical": ("danger", "exclamation-triangle"),
    # How their clocks stand.
    "sla_running": ("info", "stopwatch"),
    "sla_warning": ("warning", "stopwatch"),
    "sla_paused": ("secondary", "pause-circle"),
    "sla_met": ("success", "check-circle"),
    "sla_breached": ("danger", "alarm"),
    # Whether QA can begin, and where they came from.
    "qa_ready": ("success", "clipboard-check"),
    "not_qa_ready": ("secondary", "clipboard"),
    "weekly_report": ("secondary", "file-earmark-spreadsheet"),
    "qcontact": ("secondary", "headset"),
    "construction": ("secondary", "cone-striped"),
    "ad_hoc": ("secondary", "pencil-square"),
    "incident": ("secondary", "lightning"),
    "revenue": ("secondary", "cash-coin"),
    "ont_swap": ("secondary", "router"),
    "manual": ("secondary", "keyboard"),
    # What became of tickets in a bulk action.
    "done": ("success", "check-circle"),
    "unchanged": ("secondary", "dash-circle"),
    "refused": ("danger", "x-circle"),
    "waiting": ("secondary", "hourglass"),
    # What else goes through states: risks, faults, imports, photos, notices and syncs.
    "active": ("warning", "exclamation-circle"),
    "resolved": ("success", "check-circle"),
    "expired": ("danger", "calendar-x"),
    "escalated": ("danger", "megaphone"),
    "investigating": ("primary", "search"),
    "no_action": ("secondary", "slash-circle"),
    "pending": ("secondary", "hourglass"),
    "processing": ("primary", "play-circle"),
    "failed": ("danger", "x-circle"),
    "accepted": ("success", "check-circle"),
    "rejected": ("danger", "x-circle"),
    "suspect": ("warning", "question-circle"),
    "sent": ("info", "send"),
    "delivered": ("success", "check2"),
    "read": ("success", "check2-all"),
    "held": ("warning", "pause-circle"),
    "success": ("success", "check-circle"),
    "partial": ("warning", "exclamation-circle"),
    # What became of the rows of an import, and how far an export is.
    "created": ("success", "plus-circle"),
    "updated": ("primary", "pencil"),
    "duplicate": ("secondary", "files"),
    "conflict": ("warning", "shuffle"),
    "writing": ("primary", "pencil"),
    "finished": ("success", "check-circle"),
    # How processes and services outside are.
    "alive": ("success", "heart-pulse"),
    "lost": ("danger", "heartbreak"),
    "stopping": ("warning", "box-arrow-down"),
    "stopped": ("secondary", "stop-circle"),
    "quiet": ("secondary", "moon"),
    "paused": ("warning", "pause-circle"),
    "late": ("danger", "alarm"),
    "ok": ("success", "check-circle"),
    "degraded": ("warning", "exclamation-triangle"),
    "down": ("danger", "x-octagon"),
    "half_open": ("warning", "arrow-left-right"),
}
_PLAIN = ("secondary", "circle")


# By type too: a text and markup of the same letters are equal, and only the text is escaped.
@functools.lru_cache(maxsize=1_000, typed=True)
def state(name: str | None, said: str | None = None) -> Markup:
    """Return a state as a badge: its icon, and its word or what is `said` instead."""
    tone, drawing = _STATES.get(name or "", _PLAIN)
    return Markup('<span class="badge border bg-{}-subtle text-{}-emphasis">{} {}</span>').format(
        tone, tone, icon(drawing), said or words(name)
    )
