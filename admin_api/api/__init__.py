"""The resources, one module each, listed by hand: what is not in the list is not served."""

from __future__ import annotations

from admin_api.api import (
    attachments,
    audit,
    bulk_actions,
    drops,
    evidence,
    faults,
    files,
    guarantee,
    health,
    jobs,
    notes,
    queues,
    readiness,
    risks,
    schedules,
    sla,
    tickets,
    timeline,
    verification,
    weekly_reports,
    workers,
)
from admin_api.blueprints import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = (
    attachments.api,
    audit.api,
    bulk_actions.api,
    drops.api,
    evidence.api,
    faults.api,
    files.api,
    guarantee.api,
    health.api,
    jobs.api,
    notes.api,
    queues.api,
    readiness.api,
    risks.api,
    schedules.api,
    sla.api,
    tickets.api,
    timeline.api,
    verification.api,
    weekly_reports.api,
    workers.api,
)
