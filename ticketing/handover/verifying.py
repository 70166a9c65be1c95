"""Walking the whole chain of handovers in batches: memory stays the same however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import InvalidInput
from ticketing.handover.chain import ChainCheck, ChainReport
from ticketing.handover.evidence import Archive

AT_ONCE: Final = 200
_FIRST = UUID(int=0)

Read = Callable[[], AbstractContextManager[Connection]]


def verify(
    read: Read,
    *,
    archive: Archive | None = None,
    expected: tuple[int, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ChainReport:
    """Check every link of the chain up to its present end and return what was found.

    With an `archive` every file on record is read again, too. `expected` is the number and hash of a link that was
    noted earlier, outside the database. Handovers that are made meanwhile are left for the next walk. Each batch
    borrows a connection of its own, so a long walk holds no transaction open.
    """
    check = ChainCheck(expected)
    with read() as connection:
        up_to = _end(connection)["last_number"] or 0
    for rows in _batches(read, up_to):
        for row in rows:
            check.take(row)
        if archive is not None:
            actual = archive.checksums({link["storage_key"] for row in rows for link in row["evidence_links"]})
            for row in rows:
                check.take_files(row, actual)
        progress(check.report.checked, up_to)
    with read() as connection:
        guards = frozenset(row["name"] for row in queries("handover").list_chain_guards(connection))
        return check.finish(_end(connection), guards)


def parse_expected(text: str) -> tuple[int, str]:
    """Read `NUMBER:SHA256` as somebody noted it. Raises InvalidInput."""
    number, _, sha256 = text.partition(":")
    problem = "must be NUMBER:SHA256, as an earlier verification printed it"
    if not (number.isascii() and number.isdigit() and int(number) > 0 and _is_sha256(sha256.lower())):
        raise InvalidInput(f"expect: {problem}", details={"expect": problem})
    return int(number), sha256.lower()


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _end(connection: Connection) -> dict[str, Any]:
    end: dict[str, Any] = queries("handover").get_chain_end(connection)
    return end


def _batches(read: Read, up_to: int) -> Iterator[list[dict[str, Any]]]:
    after: tuple[int, UUID] = (-1, _FIRST)
    while True:
        with read() as connection:
            rows = list(
                queries("handover").list_chain(
                    connection, after_number=after[0], after_id=after[1], up_to=up_to, row_limit=AT_ONCE
                )
            )
        if not rows:
            return
        yield rows
        after = (rows[-1]["chain_number"], rows[-1]["id"])
