"""Ticket search: what is found, after any way of writing, in which order, by whom; and that it stays on its indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs.kinds.index_tickets import index_tickets
from jobs.platform import Platform
from jobs.registry import NoArgs
from sql.database import Connection, Database, queries
from tests.factories import Row, make_contractor, make_team, make_ticket, make_user
from tests.factories.tickets import NOON, actor_of, make_many_tickets
from tests.running import run_jobs
from ticketing import ticket_search, ticket_views
from ticketing.errors import InvalidInput
from ticketing.paging import Page, PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_search import MAX_COUNTED, Word, as_query, asked_for, is_narrowed
from ticketing.ticket_views import EVERYTHING, TicketFilter
from ticketing.vocabulary import Status

MANY = 30_000


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def page(connection: Connection, search: str, actor: Actor = SYSTEM, **more: Any) -> Page:
    request = more.pop("request", PageRequest())
    return ticket_views.list_tickets(connection, actor, TicketFilter(search=search, **more), request)


def found(connection: Connection, search: str, actor: Actor = SYSTEM, **more: Any) -> list[UUID]:
    return [row["id"] for row in page(connection, search, actor, **more).rows]


@pytest.fixture
def wanted(connection: Connection) -> Row:
    """A ticket to be found, beside others."""
    make_ticket(connection, title="Router swap", description="Wrong model", dr_number="DR1999999")
    make_ticket(connection, title="Slow speed", address="9 Oak Road, Lawley")
    return make_ticket(
        connection,
        title="Fibre break at the pole, 100% loss_of light",
        description="Café owner says: it's the trench (again) FT900123",
        dr_number="DR1753214",
        address="12 Voortrekker Street, Soweto",
    )


class TestWords:
    @pytest.mark.parametrize(
        "search",
        [
            "DR1753214", "dr 1753214", "1753214", "17532", "53214", "3214", "7532", "DR1753",
            "fibre break", "break fibre", "FIBRE", "fib", "ibre", "reak",
            "fibr brek", "fbire", "voortreker", "voortrekker 12", "trech", "sowetto",
            "cafe", "CAFÉ", "café owner", "cafe\u0301",
            "100%", "loss_of", "loss of", "(again)", "it's", "ft900123", "900123", "soweto street fibre",
        ],
    )  # fmt: skip
    def test_a_ticket_is_found_by_it_and_no_other(self, connection: Connection, wanted: Row, search: str) -> None:
        assert found(connection, search) == [wanted["id"]]
        assert page(connection, search).total == 1

    @pytest.mark.parametrize(
        "search", ["dr1753215", "fibre router", "zzzz", "12 oak", "90", "%", "_", "\\", "' --", "&|!"]
    )
    def test_what_no_ticket_has_finds_none(self, connection: Connection, wanted: Row, search: str) -> None:
        empty = page(connection, search)
        assert (empty.rows, empty.total, empty.next_cursor) == ([], 0, None)

    @pytest.mark.parametrize("search", [" ", "", "\t\n"])
    def test_blank_is_no_search(self, connection: Connection, wanted: Row, search: str) -> None:
        assert len(found(connection, search)) == 3

    @pytest.mark.parametrize(
        "search",
        ["fibre' & !light", "light:*B", "fibre | router <-> x", "\\'; drop table tickets; --", "\0fibre", "a" * 10_000,
         "x " * 5_000, "%_\\'\"" * 40, "٣٤٥ \uff46 ß İ", "\U0001f525", "'':*", "dr" * 100, "1" * 200],
        ids=range(13),
    )  # fmt: skip
    def test_hostile_text_is_only_text(self, connection: Connection, wanted: Row, search: str) -> None:
        assert page(connection, search).total in (0, 1)

    def test_the_uid_and_parts_of_it(self, connection: Connection, wanted: Row) -> None:
        uid = wanted["ticket_uid"]
        for part in (uid.lower(), uid[2:], uid[-4:]):
            assert found(connection, part) == [wanted["id"]]

    def test_huge_texts_are_indexed(self, connection: Connection) -> None:
        ticket = make_ticket(connection, description="x" * 19_000 + " needle " + "é" * 500 + " y'\\:" * 50)
        assert found(connection, "needle") == [ticket["id"]]


class TestOrder:
    def test_the_very_drop_comes_first_then_the_newest_over_all_pages(self, connection: Connection) -> None:
        exact = [
            make_ticket(connection, dr_number="DR123456", created_at=NOON + timedelta(hours=n))["id"] for n in (1, 2)
        ]
        others = [
            make_ticket(connection, title="See DR123456 too", created_at=NOON + timedelta(hours=n))["id"]
            for n in (3, 4)
        ]
        expected = [*reversed(exact), *reversed(others)]
        choices: tuple[dict[str, Any], ...] = ({}, {"status": Status.OPEN})
        for narrowed in choices:
            assert found(connection, "123456", **narrowed) == expected
            walked, cursor = [], None
            for _ in expected:
                part = page(connection, "dr123456", request=PageRequest(size=1, cursor=cursor), **narrowed)
                walked += [row["id"] for row in part.rows]
                cursor = part.next_cursor
            assert (walked, cursor) == (expected, None)
            second = page(connection, "123456", request=PageRequest(page=2, size=3), **narrowed)
            assert ([row["id"] for row in second.rows], second.total) == (expected[3:], 4)

    def test_a_cursor_that_is_none_is_refused(self, connection: Connection, wanted: Row) -> None:
        with pytest.raises(InvalidInput, match="cursor"):
            page(connection, "fibre", request=PageRequest(cursor="abc"))


class TestSight:
    def test_filters_and_search_narrow_together(self, connection: Connection) -> None:
        hit = make_ticket(connection, title="Fibre break", status="assigned")
        make_ticket(connection, title="Fibre break")
        assert found(connection, "fibre", status=Status.ASSIGNED) == [hit["id"]]
        assert found(connection, "fibre", status=Status.CLOSED) == []

    def test_people_on_site_find_only_what_is_theirs(self, connection: Connection) -> None:
        company, team = make_contractor(connection), make_team(connection)
        technician = make_user(connection, roles=["technician"])
        contractor = make_user(connection, roles=["contractor"], contractor_id=company["id"])
        mine = make_ticket(connection, title="Fibre break", assigned_to=technician["id"])["id"]
        theirs = make_ticket(connection, title="Fibre break", assigned_contractor_id=company["id"])["id"]
        make_ticket(connection, title="Fibre break", assigned_team_id=team["id"])
        make_ticket(connection, title="Fibre break", dr_number="DR1234567")
        assert found(connection, "fibr", actor_of(technician)) == [mine]
        assert found(connection, "fibr", actor_of(contractor)) == [theirs]
        assert found(connection, "DR1234567", actor_of(technician)) == []
        assert found(connection, "fibre", actor_of(make_user(connection, roles=[]))) == []


class TestAnyWayOfWriting:
    """Many tickets in one statement are only noted: found all the same, before they are indexed and after."""

    def test_a_changed_ticket_is_found_by_its_new_words_only(self, connection: Connection, wanted: Row) -> None:
        connection.execute("update tickets set title = 'Splice' where id = %s", [wanted["id"]])
        assert (found(connection, "splise"), found(connection, "light")) == ([wanted["id"]], [])

    def test_tickets_by_the_hundred(self, connection: Connection, platform: Platform) -> None:
        make_many_tickets(connection, 300)
        assert count(connection, "ticket_documents") == 0
        before = [found(connection, text) for text in ("1000777 house", "house 250", "DR1000250")]
        connection.execute("update tickets set address = 'Kruger Street'")
        index_noted(platform)
        assert count(connection, "ticket_search_notes") == 0
        assert count(connection, "ticket_documents") == 300
        assert [found(connection, text) for text in ("1000777 house", "house 250", "DR1000250")] == before
        assert page(connection, "krugr stret").total == 300

    def test_an_update_by_the_hundred_leaves_no_old_words(self, connection: Connection, platform: Platform) -> None:
        make_many_tickets(connection, 300)
        index_noted(platform)
        connection.execute("update tickets set title = 'Splice ' || ticket_uid")
        assert (page(connection, "light").total, page(connection, "splice").total) == (0, 300)
        one = found(connection, "splice")[0]
        # Written again by itself while it is noted: found once.
        connection.execute("update tickets set title = 'Splice again' where id = %s", [one])
        assert found(connection, "splice again") == [one]
        assert page(connection, "splice").total == 300
        index_noted(platform)
        assert (page(connection, "splice").total, found(connection, "splice again")) == (300, [one])

    def test_other_changes_write_nothing(self, connection: Connection, wanted: Row) -> None:
        before = connection.execute("select xmin::text from ticket_documents order by ticket_id").fetchall()
        connection.execute("update tickets set priority = 'high', title = title")
        assert connection.execute("select xmin::text from ticket_documents order by ticket_id").fetchall() == before

    def test_every_word_of_a_document_is_known_for_parts_and_slips(self, connection: Connection, wanted: Row) -> None:
        unknown = connection.execute(
            "select word from ticket_documents, unnest(tsvector_to_array(document)) as entry (word)"
            " where word ~ '^[[:alpha:]]{3,40}$' and not exists"
            " (select from search_trigrams as s where s.word = entry.word)"
        ).fetchall()
        assert unknown == []


def index_noted(platform: Platform) -> None:
    platform.declare()
    with platform.begin(SYSTEM) as work:
        work.enqueue(index_tickets, NoArgs())
    assert [job["state"] for job in run_jobs(platform)] == ["completed"]


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) as n from {table}").fetchone()
    assert row is not None
    return int(row["n"])


class TestRules:
    @pytest.mark.parametrize(
        ("search", "asked"),
        [
            ("DR1753214", (None, "DR1753214")),
            ("ff100001", ("FF100001", None)),
            (" dr-175 3214", (None, "DR1753214")),
            ("1753214", ("FF1753214", "DR1753214")),
            ("123456789", ("FF123456789", None)),
            ("12345", (None, None)),
            ("fibre 1753214", (None, None)),
        ],
    )
    def test_which_numbers_are_asked_for(self, search: str, asked: tuple[str | None, str | None]) -> None:
        assert asked_for(search) == asked

    def test_a_query_asks_for_all_words_each_in_any_of_its_meanings(self) -> None:
        words = [Word("fibr", ("fibre",)), Word("brek"), Word("12"), Word("a'b\\")]
        meant = {"brek": ["break"]}
        assert as_query(words, meant) == r"('fibr' | 'fibre') & ('brek' | 'break') & ('12') & ('a''b\\':*)"
        assert as_query(words[:2], meant, anew=True) == "('fibr':* | 'fibre') & ('brek':* | 'break')"

    def test_everything_is_not_narrowed(self) -> None:
        assert not is_narrowed({"status": None} | EVERYTHING.parameters())
        assert is_narrowed({"status": "open"} | EVERYTHING.parameters())
        assert is_narrowed({"see_all": False})


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many tickets, indexed, made once for the tests below; they only read."""
    make_many_tickets(module_connection, MANY)
    module_connection.execute("select index_tickets(ticket_ids) from ticket_search_notes")
    module_connection.execute("delete from ticket_search_notes")
    module_connection.execute("vacuum analyze ticket_documents")
    module_connection.execute("analyze search_trigrams")
    return module_connection


def plan_of(connection: Connection, search: str, query: str, **values: Any) -> str:
    words = ticket_search.read_words(connection, search)
    common = ticket_views._parameters(TicketFilter(), None) | EVERYTHING.parameters()
    common |= ticket_search._wanted(connection, search, words) | {"after_at": None, "after_id": None}
    statement = getattr(queries("ticket_search"), query).sql
    rows = connection.execute("explain " + statement, common | values, prepare=False).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)


class TestMany:
    @pytest.mark.parametrize("search", ["17532", "house 2500", "10007", "DR10007"])
    def test_few_are_found_by_index(self, many: Connection, search: str) -> None:
        plan = plan_of(many, search, "find_matches", most=MAX_COUNTED + 1, row_limit=51, row_skip=0)
        assert "ticket_documents_document_idx" in plan
        assert "Seq Scan on ticket_documents" not in plan
        assert "Seq Scan on tickets" not in plan

    def test_the_newest_are_looked_at_by_index(self, many: Connection) -> None:
        plan = plan_of(many, "house", "walk_matches", look_at=1000)
        assert "tickets_created_at_idx" in plan
        assert "ticket_documents_pkey" in plan
        assert "Seq Scan" not in plan

    def test_words_are_read_by_index(self, many: Connection) -> None:
        many.execute("set enable_seqscan = off")
        for query, values in (("read_words", {"search": "hous"}), ("find_similar_words", {"words": ["huose"]})):
            plan = many.execute(
                "explain " + getattr(queries("ticket_search"), query).sql, values, prepare=False
            ).fetchall()
            assert "search_trigrams_idx" in str(plan)
        many.execute("reset enable_seqscan")

    def test_what_matches_everywhere_is_walked_without_a_gap(self, many: Connection) -> None:
        everywhere = page(many, "house")
        assert (everywhere.total, everywhere.total_is_capped) == (MAX_COUNTED, True)
        seen = [row["id"] for row in everywhere.rows]
        following = page(many, "house", request=PageRequest(cursor=everywhere.next_cursor))
        seen += [row["id"] for row in following.rows]
        newest = many.execute("select id from tickets order by created_at desc, id desc limit 100").fetchall()
        assert seen == [row["id"] for row in newest]
        third = page(many, "house", request=PageRequest(page=3, size=20)).rows
        assert [row["id"] for row in third] == seen[40:60]
        with pytest.raises(InvalidInput, match="cursor"):
            page(many, "house", request=PageRequest(page=11, size=100))

    def test_many_that_are_all_old_are_found_too(self, many: Connection) -> None:
        """Looking at the newest finds too few of them: the index does."""
        narrowed = ticket_views._parameters(TicketFilter(), None) | EVERYTHING.parameters()
        plain = ticket_search.find(many, "house", narrowed, PageRequest())
        assert ticket_search.find(many, "house", narrowed, PageRequest(), look_at=10) == plain

    def test_filters_that_leave_few_are_looked_at_one_by_one(self, many: Connection) -> None:
        rare = page(many, "house", status=Status.QA_REJECTED)
        assert rare.total == MANY // 100
        walked: list[UUID] = []
        cursor = None
        while len(walked) < MANY // 100:
            part = page(many, "house", status=Status.QA_REJECTED, request=PageRequest(cursor=cursor))
            walked += [row["id"] for row in part.rows]
            cursor = part.next_cursor
        assert cursor is None
        assert len(set(walked)) == MANY // 100
