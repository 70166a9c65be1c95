"""The QA board: the tickets that QA works through, with what is still missing of each."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.readiness import policy_in_force
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform
from admin_api.responses import Success, success
from ticketing.paging import MAX_ROWS, PageRequest
from ticketing.readiness.board import ON_BOARD, Board, BoardFilter, BoardRow, list_board
from ticketing.vocabulary import Status

api = blueprint("qa_board")

_Unset = BeforeValidator(lambda value: None if value == "" else value)


def _on_board(status: Status | None) -> Status | None:
    if status is not None and status not in ON_BOARD:
        raise ValueError(f"must be one of {', '.join(ON_BOARD)}")
    return status


class BoardQuery(BaseModel):
    """Which tickets of the board are wanted."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    status: Annotated[Status | None, AfterValidator(_on_board), _Unset] = Field(
        default=None, description=f"{' or '.join(ON_BOARD)}; both if none"
    )
    is_ready: Annotated[bool | None, _Unset] = Field(default=None, description="Whether a passed check stands")
    project_id: str | None = Field(default=None, description="A project's id or code")
    page_size: str | None = Field(
        default=None, alias="pageSize", description=f"Rows, 50 if not given, {MAX_ROWS} at most"
    )
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def filter(self) -> BoardFilter:
        """Return the filter, without the paging."""
        return BoardFilter(status=self.status, is_ready=self.is_ready, project_id=self.project_id or None)

    def request(self) -> PageRequest:
        """Return which part is wanted."""
        return PageRequest.of(size=self.page_size, cursor=self.cursor)


class BoardCounts(BaseModel):
    """How many tickets there are of each status, each exact up to 10,000."""

    pending_qa: int
    qa_in_progress: int


class BoardAnswer(Success):
    """A part of the board, oldest first; `meta.next_cursor` goes on. `counts` are under the other filters."""

    data: list[BoardRow]
    counts: BoardCounts


@api.get("/qa/board", responses={200: BoardAnswer})
@requires.signed_in()
def show_board(query: BoardQuery) -> Response:
    """List the tickets that QA works through and that you may see, oldest first, each with what its checks find now."""
    board = read_board(query)
    return success(board.page.rows, meta={"next_cursor": board.page.next_cursor}, counts=board.counts)


def read_board(query: BoardQuery) -> Board:
    """Return a part of the board for whoever is signed in."""
    with platform().read() as connection:
        return list_board(connection, actor(), query.filter(), query.request(), policy_in_force())
