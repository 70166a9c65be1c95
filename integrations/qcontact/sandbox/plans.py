"""What agents do meanwhile: edits at once, or at a planned moment, such as between a client's GET and its PATCH."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from integrations.sandboxes import BadRequest, Request

Moment = Literal["before", "after"]


@dataclass(slots=True, eq=False)
class Plan:
    """Do something before or after the next request with that method and exact path, `skip` of them passed over."""

    moment: Moment
    method: str
    path: str
    skip: int
    action: Callable[[], None]

    def is_due(self, moment: Moment, request: Request) -> bool:
        """Tell whether this is the moment; a request that is passed over is counted."""
        if (moment, request.method, request.path) != (self.moment, self.method, self.path):
            return False
        self.skip -= 1
        return self.skip < 0


class Plans:
    """What is planned still. Not safe for threads by itself: the sandbox's lock is held around it."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []

    def __len__(self) -> int:
        """Return how many plans have not come true yet."""
        return len(self._plans)

    def add(self, when: Mapping[str, Any], default_path: str, action: Callable[[], None]) -> None:
        """Plan an action for `{"moment", "method", "path", "skip"}`. Raises BadRequest for anything else."""
        unknown = when.keys() - {"moment", "method", "path", "skip"}
        if unknown or when.get("moment") not in ("before", "after"):
            raise BadRequest("a moment is `before` or `after` a method and a path, with how many to skip")
        self._plans.append(
            Plan(
                when["moment"], when.get("method", "PATCH"), when.get("path", default_path), when.get("skip", 0), action
            )
        )

    def happen(self, moment: Moment, request: Request) -> None:
        """Do what is planned for this moment, each once."""
        due = [plan for plan in self._plans if plan.is_due(moment, request)]
        self._plans = [plan for plan in self._plans if plan not in due]
        for plan in due:
            plan.action()
