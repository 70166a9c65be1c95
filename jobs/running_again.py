"""Running a job again with other arguments: a new job beside the old one, which stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from jobs.ledger import FINISHED, EnqueuedJob
from jobs.operations import audit
from jobs.registry import JobArgs, Kind, Registry
from jobs.views import subjects_of
from jobs.work import Work
from sql.database import Connection, queries
from ticketing.errors import AlreadyExists, ConditionNotMet, InvalidInput, NotFound

HIDDEN = "***"


def editable_arguments(connection: Connection, registry: Registry, job_id: UUID) -> dict[str, Any]:
    """Return the arguments of a job that may be looked at and changed: those that its kind redacts are left out.

    Raises NotFound for an unknown job, UnknownKind for a kind of another release.
    """
    job = _find(connection, job_id)
    kind = registry.get(job["kind"])
    return {name: value for name, value in job["arguments"].items() if name not in kind.redact}


def run_again(work: Work, registry: Registry, job_id: UUID, arguments: Mapping[str, Any], reason: str) -> EnqueuedJob:
    """Enqueue a job like a finished one, with these arguments; redacted ones that are not given stay as they were.

    Raises NotFound, UnknownKind, ConditionNotMet while the job is unfinished, InvalidInput for arguments that the kind
    does not accept (`details` by `arguments.<name>`), and AlreadyExists while an unfinished job does the same.
    """
    job = _find(work.connection, job_id)
    if job["state"] not in FINISHED:
        raise ConditionNotMet(
            f"A job that is {job['state']} is not run again; that needs one of: {', '.join(FINISHED)}",
            details={"state": job["state"], "allowed": list(FINISHED)},
        )
    kind = registry.get(job["kind"])
    again = work.enqueue(
        kind,
        _accepted(kind, job["arguments"], arguments),
        priority=job["priority"],
        tags=job["tags"],
        subjects=_further_subjects(work.connection, kind, job),
    )
    if again.existing:
        raise AlreadyExists(f"Job {again.id} is doing the same: wait for it or cancel it", details={"job_id": again.id})
    changed = sorted(name for name, value in arguments.items() if value != job["arguments"].get(name, value))
    added = sorted(set(arguments) - set(job["arguments"]))
    details = {"job_id": str(again.id), "changed": sorted({*changed, *added})}
    audit(work, "job_run_again", ("job", job_id), reason=reason, details=details)
    audit(work, "job_made_from", ("job", again.id), reason=reason, details={"job_id": str(job_id)})
    return again


def _find(connection: Connection, job_id: UUID) -> dict[str, Any]:
    row: dict[str, Any] | None = queries("job_operations").find_job(connection, id=job_id)
    if row is None:
        raise NotFound(f"No job has the id {job_id}")
    return row


def _accepted(kind: Kind[Any], before: Mapping[str, Any], given: Mapping[str, Any]) -> JobArgs:
    kept = {name: before[name] for name in kind.redact if name in before and given.get(name, HIDDEN) == HIDDEN}
    try:
        accepted: JobArgs = kind.arguments.model_validate({**given, **kept})
    except ValidationError as error:
        raise _refused(error) from None
    return accepted


def _refused(error: ValidationError) -> InvalidInput:
    """Tell what is wrong with the arguments without repeating them: a redacted one may be among them."""
    problems: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(["arguments", *(str(part) for part in problem["loc"])])
        problems.setdefault(name, problem["msg"].removeprefix("Value error, "))
    told = "; ".join(f"{name.removeprefix('arguments.')}: {wrong}" for name, wrong in problems.items())
    return InvalidInput(f"The kind does not accept these arguments: {told}", details=problems)


def _further_subjects(connection: Connection, kind: Kind[Any], job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the job was about besides what follows from its arguments: that may have changed with them."""
    types = {subject for subject, _ in kind.subjects}
    about = subjects_of(connection, [job["id"]])[job["id"]]
    return [(one["subject_type"], one["subject_id"]) for one in about if one["subject_type"] not in types]
