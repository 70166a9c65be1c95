"""Drop registers: what the SOW says of each drop, brought in from a workbook, and looked up."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from admin_api.api.drops import DropsUpload, take_register
from admin_api.api.jobs import READERS, read_job
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages, done
from admin_api.context import platform
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid
from jobs import views
from jobs.kinds.import_drops import import_drops
from ticketing import drops
from ticketing.errors import InvalidInput, NotFound

pages = ConsolePages("drop_imports")


@pages.page("/imports/drops")
@requires(*READERS)
def list_registers() -> str:
    """List the imports of registers, newest first, and look a drop up."""
    query = query_of(KeysetQuery)
    wanted = views.JobFilter(kind=import_drops.name)
    with platform().read() as connection:
        jobs = views.list_jobs(connection, wanted, before_id=query.cursor, page_size=query.page_size + 1)
        drop, problem = _looked_up(connection)
    shown, pagination = keyset(jobs, query)
    return render_template(
        "console/drop_imports.html",
        jobs=shown,
        drop=drop,
        problem=problem,
        most=platform().settings.import_max_bytes // (1024 * 1024),
        next=address_with(cursor=pagination["next_cursor"]) if pagination["next_cursor"] else None,
        first=address_with(cursor=None) if query.cursor else None,
    )


@pages.action("/imports/drops", again=list_registers)
@requires("manager", "operator")
def take_in() -> Response:
    """Take a register in and start its import; the same file, while its import is unfinished, is that import."""
    job, filename = take_register(form_of(DropsUpload))
    said = f"{filename} is being imported already" if job.existing else f"{filename} is being imported"
    return done(said, ".show_register", job_id=job.id)


@pages.page("/imports/drops/<job_id>")
@requires(*READERS)
def show_register(job_id: str) -> str:
    """Show the import of a register: how far it is, then what it brought and what it left out."""
    job = read_job(parse_uuid(job_id, "Invalid job ID"))
    if job["kind"] != import_drops.name:
        raise NotFound("There is no import of a register here", details={"id": job_id})
    return render_template("console/drop_import.html", job=job, result=job["result"] or {})


def _looked_up(connection: Any) -> tuple[dict[str, Any] | None, str]:
    """Return the drop that the address asks for, or why there is none."""
    number = request.args.get("dr_number", "")
    if not number.strip():
        return None, ""
    try:
        return drops.lookup(connection, number), ""
    except (NotFound, InvalidInput) as error:
        return None, error.message
