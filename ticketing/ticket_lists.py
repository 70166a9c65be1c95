"""Which tickets a page of a list has: by whatever filters, in whatever order, without reading the whole table.

Where few match, all of them are read and sorted; where many do, an index of the order is walked, and comes upon enough
of them soon. So no combination of filters and order needs an index of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sql.database import Connection, queries
from ticketing.paging import MAX_DEPTH, PageRequest, fetch_planned, require_depth
from ticketing.ticket_order import Order, Part, Place, parts_in
from ticketing.vocabulary import Status


@dataclass(frozen=True, slots=True)
class Found:
    """A page of places in a list, and one more if there are more; and how many match in all.

    `counted` goes as far as the depth of the list + 1, or further where that costs nothing.
    """

    places: list[Place]
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """A list that is asked for: its filters and sight (the parameters of the queries), and its order."""

    connection: Connection
    narrowed: Mapping[str, Any]
    order: Order
    depth: int

    def part(self, part: Part) -> _Listing | None:
        """Return the list of one part of the order, or None where the filters leave nothing of it."""
        if not part.may_hold(self.narrowed):
            return None
        return _Listing(
            connection=self.connection, narrowed={**self.narrowed, **part.narrowed}, order=self.order, depth=self.depth
        )

    def find_few(self, after: Place | None, *, rows: int, skip: int) -> Found:
        """Count, and find `rows` places unless more match than the list is deep."""
        own = _is_own(self.narrowed)
        counted = 0 if own else self._count()
        if counted > self.depth or not (counted or own):
            return Found([], counted)
        return self._sort(after, rows=rows, skip=skip, own=own)

    def _count(self) -> int:
        """Count out of an index, where one holds what is asked for: far quicker than out of the tickets themselves."""
        parameters = {"clock_runs": None, **self.narrowed, "most": self.depth + 1}
        counted = fetch_planned(self.connection, queries("tickets").count_tickets, **parameters)
        return int(counted[0]["count"])

    def _sort(self, after: Place | None, *, rows: int, skip: int, own: bool) -> Found:
        found = self._fetch_few(after, rows=rows, skip=skip, own=own, by_status=False)
        return Found(_places(found), found[0]["counted"] if found else 0)

    def sort_own_by_status(self, *, rows: int) -> dict[str, Found] | None:
        """Find `rows` places of each status that there is among somebody's own; None where they are too many to sort.

        All are read at once: asked for by status, as many would be read for each.
        """
        found = self._fetch_few(None, rows=rows, skip=0, own=True, by_status=True)
        counts = {row["status"]: row["counted"] for row in found}
        if sum(counts.values()) > self.depth:
            return None
        return {
            status: Found(_places([row for row in found if row["status"] == status]), counted)
            for status, counted in counts.items()
        }

    def _fetch_few(
        self, after: Place | None, *, rows: int, skip: int, own: bool, by_status: bool
    ) -> list[dict[str, Any]]:
        return fetch_planned(
            self.connection,
            queries("tickets").find_few_tickets,
            **self._parameters(after, rows, skip, sorted_by=self.order),
            own=own,
            by_status=by_status,
            after_part=after.part if after else None,
            most=self.depth + 1,
        )

    def walk(self, part: Part, after: Place | None, *, rows: int, skip: int) -> list[Place]:
        """Find `rows` places along the index of a part of the order."""
        parameters = self._parameters(after, rows, skip, sorted_by=part.sorted_by)
        found = fetch_planned(self.connection, queries("tickets").walk_tickets, **parameters)
        return [Place(part.number, row["at"], row["id"]) for row in found]

    def _parameters(self, after: Place | None, rows: int, skip: int, *, sorted_by: Order) -> dict[str, Any]:
        return {
            "clock_runs": None,
            **self.narrowed,
            "sorted_by": sorted_by,
            "newest_first": self.order.newest_first,
            "after_at": after.at if after else None,
            "after_id": after.id if after else None,
            "row_limit": rows,
            "row_skip": skip,
        }


def find(
    connection: Connection, narrowed: Mapping[str, Any], order: Order, request: PageRequest, *, depth: int
) -> Found:
    """Find a page of the tickets within filters and sight (`narrowed`), and count them as deep as `depth`.

    Raises InvalidInput for a cursor that is none of this order, and for a page by number that lies too deep.
    """
    after = Place.from_cursor(request.cursor, order) if request.cursor else None
    listing = _Listing(connection=connection, narrowed=narrowed, order=order, depth=depth)
    found = listing.find_few(after, rows=request.size + 1, skip=request.skip)
    require_depth(request, found.counted, depth=depth)
    if found.counted <= depth:
        return found
    return Found(_find_among_many(listing, after, request), found.counted)


def find_by_status(
    connection: Connection,
    narrowed: Mapping[str, Any],
    order: Order,
    statuses: Sequence[Status],
    *,
    rows: int,
    depth: int,
) -> dict[Status, Found]:
    """Find the first `rows` tickets, and one more, in each of several statuses, as `find` does: a board's columns."""
    if len(statuses) > 1 and _is_own(narrowed):
        listing = _Listing(connection=connection, narrowed=narrowed, order=order, depth=MAX_DEPTH)
        own = listing.sort_own_by_status(rows=rows + 1)
        if own is not None:
            return {status: own.get(status, Found([], 0)) for status in statuses}
    request = PageRequest(size=rows)
    return {
        status: find(connection, {**narrowed, "status": status}, order, request, depth=depth) for status in statuses
    }


def _places(found: Sequence[Mapping[str, Any]]) -> list[Place]:
    return [Place(row["part"], row["at"], row["id"]) for row in found if row["id"] is not None]


def _find_among_many(listing: _Listing, after: Place | None, request: PageRequest) -> list[Place]:
    parts = parts_in(listing.order)
    if len(parts) == 1:
        return listing.walk(parts[0], after, rows=request.size + 1, skip=request.skip)
    places: list[Place] = []
    skip = request.skip
    for part in parts[after.part - 1 if after else 0 :]:
        of_part, rows = listing.part(part), request.size + 1 - len(places)
        if of_part is None:
            continue
        here = after if after and after.part == part.number else None
        found = of_part.find_few(here, rows=rows, skip=skip)
        few = found.counted <= listing.depth
        places += found.places if few else of_part.walk(part, here, rows=rows, skip=skip)
        skip = max(0, skip - found.counted)
        if len(places) > request.size:
            break
    return places


def _is_own(narrowed: Mapping[str, Any]) -> bool:
    """Whether what matches belongs to somebody, or to one drop, and is found by that."""
    return not narrowed["see_all"] or any(
        narrowed[name] is not None for name in ("assigned_to", "assigned_team_id", "dr_number")
    )
