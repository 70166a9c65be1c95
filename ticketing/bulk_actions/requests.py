"""What a request may say about a bulk action: what to do, and to which tickets."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ticketing.bulk_actions.rules import MOST_TICKETS
from ticketing.ticket_changes import ASSIGNEE_FIELDS
from ticketing.ticket_input import Optional, Text
from ticketing.ticket_views import TicketFilter
from ticketing.vocabulary import BulkAction, Priority, Source, Status, TicketType

_SAYS = {
    BulkAction.ASSIGN: frozenset(ASSIGNEE_FIELDS),
    BulkAction.PRIORITY: frozenset({"priority"}),
    BulkAction.STATUS: frozenset({"status"}),
}
_FIELDS = frozenset().union(*_SAYS.values())


class BulkFilter(BaseModel):
    """Which tickets are meant: those that match everything that is given, as in the list of tickets."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    ticket_type: TicketType | None = None
    priority: Priority | None = None
    source: Source | None = None
    assigned_to: Text | None = None
    assigned_team_id: Text | None = None
    project_id: Text | None = Field(default=None, description="A project's id or code")
    dr_number: Text | None = None
    qa_ready: bool | None = None
    sla_breached: bool | None = None

    @model_validator(mode="after")
    def _narrows(self) -> Self:
        if not self.given():
            raise ValueError("Name at least one filter: a bulk action over every ticket there is would be a mistake")
        return self

    def given(self) -> dict[str, Any]:
        """Return the filters that are given, JSON-ready."""
        return self.model_dump(mode="json", exclude_none=True)

    def filter(self) -> TicketFilter:
        """Return the filter of the list of tickets that means the same."""
        return TicketFilter(**self.model_dump())


class NewBulkAction(BaseModel):
    """A change for many tickets: of their assignment, their priority or their status.

    The tickets are named (`ticket_ids`) or chosen by a `filter`, and frozen when the request is accepted. `dry_run`
    only counts them.
    """

    model_config = ConfigDict(extra="forbid")

    action: BulkAction
    ticket_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MOST_TICKETS)
    filter: BulkFilter | None = None
    assigned_to: Annotated[Text | None, Optional] = Field(default=None, description="A user; null takes the user off")
    assigned_contractor_id: Annotated[Text | None, Optional] = Field(default=None, description="A company, or null")
    assigned_team_id: Annotated[Text | None, Optional] = Field(default=None, description="A team, or null")
    priority: Priority | None = None
    status: Status | None = None
    reason: Annotated[Text | None, Optional] = Field(default=None, description="Why; a rejection by QA needs one")
    dry_run: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.ticket_ids is None) == (self.filter is None):
            raise ValueError("Give either ticket_ids or filter")
        says, given = _SAYS[self.action], self.model_fields_set & _FIELDS
        if not given or given - says:
            raise ValueError(f"The action {self.action.value} takes {' or '.join(sorted(says))} and nothing else")
        if self.action != BulkAction.ASSIGN and getattr(self, next(iter(given))) is None:
            raise ValueError(f"The action {self.action.value} needs a value")
        return self

    def changes(self) -> dict[str, Any]:
        """Return the change that each ticket is to get, JSON-ready, in the words of a single ticket's change."""
        named = self.model_fields_set & _FIELDS | ({"reason"} if self.reason else set())
        return self.model_dump(mode="json", include=named)
