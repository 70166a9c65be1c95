"""The SOW register: looking a drop up, importing a register."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import fails_with
from admin_api.responses import success
from admin_api.uploads import read_upload
from jobs.kinds.import_drops import submit
from jobs.ledger import EnqueuedJob
from ticketing import drops

api = blueprint("drops")


class DropsUpload(BaseModel):
    """An upload of a drop register."""

    model_config = ConfigDict(extra="ignore")

    file: FileStorage = Field(description="The register, .xlsx, with the headers label, strtfeat, pon_no, zone_no ...")
    project: str | None = Field(
        default=None,
        max_length=100,
        description="Project (code, name or alias) that all rows belong to; without it each row's stackref says so",
    )


@api.get("/dr-lookup/<path:dr_number>")
@requires.signed_in()
@fails_with("Failed to lookup DR number")
def look_up(dr_number: str) -> Response:
    """Return what the register says about a drop: pole, PON, zone, project, position, cable."""
    with platform().read() as connection:
        return success(drops.lookup(connection, dr_number))


@api.get("/dr-lookup/")
@requires.signed_in()
def look_up_nothing() -> Response:
    """Refuse a look-up without a number, as the contract words it."""
    with platform().read() as connection:
        return success(drops.lookup(connection, ""))


@api.post("/import/drops")
@requires("manager", "operator")
@idempotent
def start_import(form: DropsUpload) -> Response:
    """Take a drop register and start its import; the answer names the job to follow.

    Uploading the same file again while its import is unfinished answers with that import.
    """
    job, filename = take_register(form)
    status_url = f"{api.url_prefix}/jobs/{job.id}"
    response = success(
        {"job_id": job.id, "existing": job.existing, "status_url": status_url, "filename": filename},
        "The import has been queued",
        status=202,
    )
    response.headers["Location"] = status_url
    return response


def take_register(form: DropsUpload) -> tuple[EnqueuedJob, str]:
    """Take a register in, as whoever is signed in; returns the job that imports it, and the file's name.

    Raises InvalidInput for no file or one that is too large, and what `submit` raises.
    """
    settings = platform().settings
    upload = read_upload(form.file, settings.import_max_bytes)
    with unit_of_work() as work:
        return submit(work, settings, upload.data, upload.filename, form.project), upload.filename
