"""Search over the uid, DR number, title, description and address of tickets.

Every word of the search must be in the ticket, in any order, case and accents set aside: whole, at the beginning of a
word, or (four letters and more) anywhere in one. A word of letters that no ticket has stands for the nearest ones. The
very ticket or drop that was asked for comes first, then the newest: an order that a cursor can go on in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.paging import PageRequest, fetch_planned
from ticketing.spelling import meant_by

LONGEST_SEARCH = 200
# Words beyond these make a search no narrower that anybody would notice.
MOST_WORDS = 12
# A beginning so short, or a number so short, begins too many words to be looked for as one.
SHORTEST_BEGINNING = 3
SHORTEST_NUMBER = 4
# A word that stands for more words than these is looked for as a beginning.
MOST_OTHERS = 300
# Matches are counted, and pages numbered, so far: whoever searches reads no further by number.
MAX_COUNTED = 1_000
# So many of the newest tickets are looked at one by one where filters may leave few, or where much matches.
LOOK_AT = 5_000
NOTES_AT_ONCE = 1

_NUMBER = re.compile(r"\b(ff|dr)[^0-9a-z]+(?=\d)", re.IGNORECASE)
_UID = re.compile(r"(?:FF)?(\d{6,18})")
_DR = re.compile(r"(?:DR)?(\d{6,8})")


@dataclass(frozen=True, slots=True)
class Matches:
    """A part of what a search found: ids in their order, one more than a page if there are more; and how many in all.

    `counted` goes no further than MAX_COUNTED + 1.
    """

    ids: list[UUID]
    counted: int


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a search, and those words of tickets that begin with it or hold it."""

    text: str
    others: Sequence[str] = ()

    @property
    def may_be_misspelt(self) -> bool:
        """Whether the word is one of letters, long enough to be recognised, that no ticket has."""
        return self.text.isalpha() and len(self.text) >= SHORTEST_BEGINNING and not self.others


def find(
    connection: Connection, search: str, narrowed: Mapping[str, Any], request: PageRequest, *, look_at: int = LOOK_AT
) -> Matches:
    """Find the tickets that match a search, within filters and sight (`narrowed`: the parameters of `list_tickets`).

    A search without a letter or digit in it finds nothing. Raises InvalidInput for a cursor that is none.
    """
    place = {**request.place(), "row_skip": request.skip}
    words = read_words(connection, search)
    if not words:
        return Matches([], 0)
    values = {**narrowed, **_wanted(connection, search, words)}
    if is_narrowed(narrowed):
        rows = _walk(connection, values, request=None, look_at=look_at)
        if rows[0]["looked"] < look_at:
            return _part_of(rows, request)
    few = _through_index(connection, values | place, most=MAX_COUNTED + 1)
    if few.counted <= MAX_COUNTED:
        return few
    rows = _walk(connection, values, request=request, look_at=look_at)
    ids = [row["id"] for row in rows if row["id"] is not None][request.skip : request.skip + request.size + 1]
    if len(ids) > request.size and values["ticket_uid"] is values["searched_dr"] is None:
        return Matches(ids, few.counted)
    return Matches(_through_index(connection, values | place, most=None).ids, few.counted)


def is_narrowed(parameters: Mapping[str, Any]) -> bool:
    """Whether filters or sight leave less than every ticket."""
    unset: dict[str, Any] = {"see_all": True, "see_user": None, "see_contractor": None, "see_teams": []}
    return any(value != unset.get(name) for name, value in parameters.items())


def asked_for(search: str) -> tuple[str | None, str | None]:
    """Return the uid and the DR number that a search may be, in full: bare digits may be either."""
    text = re.sub(r"[\W_]+", "", search).upper()
    uid, dr_number = _UID.fullmatch(text), _DR.fullmatch(text)
    return f"FF{uid[1]}" if uid else None, f"DR{dr_number[1]}" if dr_number else None


def read_words(connection: Connection, search: str) -> list[Word]:
    """Take a search apart into words, by the rule by which tickets are indexed; the longest words if there are many."""
    text = _NUMBER.sub(r"\1", search[:LONGEST_SEARCH].replace("\0", " "))
    found = [
        Word(row["word"], tuple(row["words"])) for row in queries("ticket_search").read_words(connection, search=text)
    ]
    return sorted(found, key=lambda word: (-len(word.text), word.text))[:MOST_WORDS]


def as_query(words: Iterable[Word], meant: Mapping[str, Sequence[str]], *, anew: bool = False) -> str:
    """Return the text of the tsquery that all words ask for, each with what else it may mean.

    The index has no word of letters that is not known, and finds whole words quicker than beginnings; a ticket that is
    not indexed is asked `anew`, for beginnings too.
    """
    return " & ".join(f"({' | '.join(_alternatives(word, meant.get(word.text, ()), anew))})" for word in words)


def learn(work: UnitOfWork) -> int | None:
    """Index the tickets of the oldest note and return how many; None when nothing waits to be indexed."""
    statements = queries("ticket_search")
    notes = list(statements.take_notes(work.connection, how_many=NOTES_AT_ONCE))
    if not notes:
        return None
    ticket_ids = [ticket_id for note in notes for ticket_id in note["ticket_ids"]]
    statements.hold_tickets(work.connection, ticket_ids=ticket_ids)
    statements.index_tickets(work.connection, ticket_ids=ticket_ids)
    statements.drop_notes(work.connection, ids=[note["id"] for note in notes])
    return len(ticket_ids)


def tidy(work: UnitOfWork) -> int:
    """Bring new entries into the index, which a search would otherwise read one by one; returns their pages."""
    pages: int = queries("ticket_search").merge_new_entries(work.connection)
    return pages


def _meant(connection: Connection, words: Iterable[Word]) -> dict[str, list[str]]:
    """Return, for each word that no ticket has, the words that it may mean."""
    unknown = [word.text for word in words if word.may_be_misspelt]
    if not unknown:
        return {}
    candidates: dict[str, dict[str, float]] = {}
    for row in queries("ticket_search").find_similar_words(connection, words=unknown):
        candidates.setdefault(row["word"], {})[row["candidate"]] = row["similarity"]
    return {word: meant_by(word, near) for word, near in candidates.items()}


def _wanted(connection: Connection, search: str, words: Sequence[Word]) -> dict[str, Any]:
    meant = _meant(connection, words)
    uid, dr_number = asked_for(search)
    return {
        "wanted": as_query(words, meant),
        "wanted_anew": as_query(words, meant, anew=True),
        "ticket_uid": uid,
        "searched_dr": dr_number,
    }


def _alternatives(word: Word, meant: Sequence[str], anew: bool) -> list[str]:
    others = word.others if len(word.others) <= MOST_OTHERS else ()
    known = bool(others or meant) and not anew
    begins = _quoted(word.text) + ("" if known or not _is_beginning(word.text) else ":*")
    return list(dict.fromkeys([begins, *(_quoted(other) for other in (*others, *meant))]))


def _is_beginning(word: str) -> bool:
    digits = sum(letter.isdigit() for letter in word)
    return digits >= SHORTEST_NUMBER if digits else len(word) >= SHORTEST_BEGINNING


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _through_index(connection: Connection, values: Mapping[str, Any], *, most: int | None) -> Matches:
    rows = fetch_planned(connection, queries("ticket_search").find_matches, **values, most=most)
    return Matches([row["id"] for row in rows if row["id"] is not None], rows[0]["total"])


def _walk(
    connection: Connection, values: Mapping[str, Any], *, request: PageRequest | None, look_at: int
) -> list[dict[str, Any]]:
    after = request.after if request else None
    place = {"after_at": after.at if after else None, "after_id": after.id if after else None}
    return fetch_planned(connection, queries("ticket_search").walk_matches, **values, **place, look_at=look_at)


def _part_of(rows: Sequence[Mapping[str, Any]], request: PageRequest) -> Matches:
    """Return the part that is asked for of everything that matches, which is in its order already."""
    found = [row for row in rows if row["id"] is not None]
    after = request.after
    if after is not None:
        pinned = any(row["is_pinned"] for row in found if row["id"] == after.id)
        seen = (pinned, after.at, after.id)
        found = [row for row in found if (row["is_pinned"], row["created_at"], row["id"]) < seen]
    part = found[request.skip : request.skip + request.size + 1]
    return Matches([row["id"] for row in part], min(sum(1 for row in rows if row["id"]), MAX_COUNTED + 1))
