"""What operators see of the services outside and do to them: hold one back, let it go, try it now."""

from __future__ import annotations

from typing import Any, cast, get_args

from integrations.outside import Integration
from jobs.kinds.probe_integration import ProbeIntegration, probe_integration
from jobs.ledger import EnqueuedJob
from jobs.operations import audit
from jobs.outside import is_set_up
from jobs.work import Work
from runtime.settings import Settings
from sql.database import Connection, queries
from ticketing.errors import ConditionNotMet, InvalidInput, NotFound

NAMES: tuple[Integration, ...] = get_args(Integration)


def list_integrations(connection: Connection, settings: Settings) -> list[dict[str, Any]]:
    """Return how things stand with each service."""
    return [_shown(row, settings) for row in queries("integrations").list_states(connection)]


def hold(work: Work, name: str, reason: str) -> None:
    """Have no job call the service until it is released; what is under way ends.

    Raises NotFound, InvalidInput without a reason, and ConditionNotMet when it is held already.
    """
    row = _locked(work, name)
    if not reason.strip():
        raise InvalidInput("A reason is needed: others will want to know why", details={"reason": "must not be blank"})
    if row["held_at"] is not None:
        raise ConditionNotMet(f"{name} is held already, by {row['held_by']}", details={"held_by": row["held_by"]})
    queries("integrations").hold_integration(
        work.connection, integration=name, now=work.now, who=work.actor.name, reason=reason.strip()
    )
    audit(work, "integration_hold", ("integration", name), reason=reason.strip())


def release(work: Work, name: str, reason: str | None = None) -> None:
    """End a hold; jobs that were put off come back within a minute and a half. Raises NotFound, ConditionNotMet."""
    row = _locked(work, name)
    if row["held_at"] is None:
        raise ConditionNotMet(f"{name} is not held", details={"state": row["state"]})
    queries("integrations").release_integration(work.connection, integration=name)
    audit(work, "integration_release", ("integration", name), reason=reason)


def probe(work: Work, settings: Settings, name: str, reason: str | None = None) -> EnqueuedJob:
    """Try the service now, by a job, whenever it would have been tried next.

    Raises NotFound, and ConditionNotMet when it is held or not set up.
    """
    row = _locked(work, name)
    integration = cast("Integration", name)
    if row["held_at"] is not None:
        raise ConditionNotMet(f"{name} is held by {row['held_by']}: release it first")
    if not is_set_up(settings, integration):
        raise ConditionNotMet(f"{name} is not set up: `fibreflow doctor` tells what is missing")
    queries("integrations").retry_now(work.connection, integration=name, now=work.now)
    job = work.enqueue(probe_integration, ProbeIntegration(integration=integration))
    audit(work, "integration_probe", ("integration", name), reason=reason, details={"job_id": job.id})
    return job


def _locked(work: Work, name: str) -> dict[str, Any]:
    row: dict[str, Any] | None = queries("integrations").lock_state(work.connection, integration=name)
    if row is None:
        raise NotFound(f"No integration is called {name!r}; there are: {', '.join(NAMES)}")
    return row


def _shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    held = {"at": row["held_at"], "by": row["held_by"], "reason": row["hold_reason"]}
    error = {"code": row["last_error_code"], "message": row["last_error_message"], "at": row["last_failure_at"]}
    return {
        "name": row["integration"],
        "set_up": is_set_up(settings, row["integration"]),
        "state": row["state"],
        "held": held if row["held_at"] is not None else None,
        "failures": row["failures"],
        "opened_at": row["opened_at"],
        "retry_at": row["retry_at"],
        "changed_at": row["changed_at"],
        "last_error": error if row["last_error_code"] is not None else None,
        "last_success_at": row["last_success_at"],
        "signed_in_at": row["signed_in_at"],
        "sign_in_outcome": row["sign_in_outcome"],
    }
