"""What the register says about one drop."""

from __future__ import annotations

from typing import Any

from sql.database import Connection, queries
from ticketing.drops.register import DR_NUMBER
from ticketing.errors import InvalidInput, NotFound


def lookup(connection: Connection, dr_number: str) -> dict[str, Any]:
    """Return a drop with its project, in the shape of the wire contract's DR look-up.

    Spaces around the number and its case do not matter. `pon_number` and `zone_number` are int, `latitude` and
    `longitude` degrees as float, `status` is "spare" for a spare of which the register says nothing else; all but
    `dr_number` may be None. Raises InvalidInput for a blank number and NotFound for an unknown one.
    """
    wanted = dr_number.strip().upper()
    if not wanted:
        raise InvalidInput("DR number is required", details={"dr_number": "is required"})
    drop: dict[str, Any] | None = None
    if DR_NUMBER.fullmatch(wanted):
        drop = queries("drops").get_drop(connection, dr_number=wanted)
    if drop is None:
        raise NotFound("DR number not found", details={"dr_number": wanted[:40]})
    return drop
