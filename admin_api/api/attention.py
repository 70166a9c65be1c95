"""What needs a person first, of all that whoever asks may look at."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform
from admin_api.responses import Success, success
from jobs import attention
from jobs.attention import SEES, Level

api = blueprint("attention")


class ConcernView(BaseModel):
    """One thing that needs somebody."""

    name: str = Field(description="`discarded`, `backlog`, `conflicts`, ...: what it is about")
    level: Level
    message: str
    advice: str | None
    number: int | None
    since: datetime | None


class AttentionAnswer(Success):
    """What needs somebody, the worst first; empty when nothing does."""

    data: list[ConcernView]


@api.get("/attention", responses={200: AttentionAnswer})
@requires(*SEES)
def list_concerns() -> Response:
    """List what needs somebody, the worst first: jobs given up, late schedules, silent workers, conflicts and so on."""
    with platform().read() as connection:
        concerns = attention.list_concerns(platform(), connection, actor())
    return success([dataclasses.asdict(concern) for concern in concerns])
