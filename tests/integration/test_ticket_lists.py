"""Lists of tickets: every filter, both ways of paging, and plans that stay on an index when there are many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
import pytest

from sql.database import Connection, Database, queries
from tests.factories import Row, make_contractor, make_project, make_team, make_ticket, make_user
from tests.factories.tickets import NOON, actor_of, make_many_tickets
from tests.plans import nodes
from ticketing import ticket_views
from ticketing.errors import InvalidInput
from ticketing.paging import MAX_DEPTH, Page, PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_access import Sight
from ticketing.ticket_order import Order, Place, parts_in
from ticketing.ticket_views import EVERYTHING, TicketFilter
from ticketing.vocabulary import Priority, Source, Status, TicketType

MANY = 50_000


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def listed(connection: Connection, actor: Actor = SYSTEM, **filters: Any) -> list[UUID]:
    return [row["id"] for row in page(connection, actor, **filters).rows]


def page(connection: Connection, actor: Actor = SYSTEM, request: PageRequest | None = None, **filters: Any) -> Page:
    return ticket_views.list_tickets(connection, actor, TicketFilter(**filters), request or PageRequest())


class TestFilters:
    @pytest.fixture
    def wanted(self, connection: Connection) -> Row:
        """A ticket that differs in everything from the one made beside it."""
        make_ticket(connection, title="Other", source="manual", ticket_type="ont_swap", priority="low")
        return make_ticket(
            connection,
            source="qcontact",
            ticket_type="incident",
            priority="urgent",
            status="in_progress",
            title="100% loss_of light",
            description="Since the storm",
            dr_number="DR1737348",
            project_id=make_project(connection, code="LAW")["id"],
            assigned_to=make_user(connection)["id"],
            assigned_team_id=make_team(connection)["id"],
            qa_ready=True,
            sla_breached=True,
        )

    @pytest.mark.parametrize(
        "filters",
        [
            {"status": Status.IN_PROGRESS},
            {"ticket_type": TicketType.INCIDENT},
            {"priority": Priority.URGENT},
            {"source": Source.QCONTACT},
            {"project_id": "law"},
            {"dr_number": " dr1737348 "},
            {"qa_ready": True},
            {"sla_breached": True},
            {"search": "LOSS"},
            {"search": "storm"},
            {"search": "1737348"},
            {"search": "100%"},
            {"search": "loss_of"},
            {"status": Status.IN_PROGRESS, "priority": Priority.URGENT, "search": "light"},
        ],
        ids=str,
    )
    def test_a_filter_finds_its_ticket_and_no_other(
        self, connection: Connection, wanted: Row, filters: dict[str, Any]
    ) -> None:
        assert listed(connection, **filters) == [wanted["id"]]
        assert page(connection, **filters).total == 1

    def test_references_are_matched_by_id(self, connection: Connection, wanted: Row) -> None:
        for name in ("assigned_to", "assigned_team_id", "project_id"):
            for value, ids in ((str(wanted[name]), [wanted["id"]]), (str(uuid4()), []), ("user123", [])):
                filters: dict[str, Any] = {name: value}
                assert listed(connection, **filters) == ids

    def test_false_is_a_filter_too(self, connection: Connection, wanted: Row) -> None:
        assert wanted["id"] not in listed(connection, qa_ready=False)
        assert len(listed(connection, sla_breached=False)) == 1

    def test_the_uid_is_searched(self, connection: Connection, wanted: Row) -> None:
        assert listed(connection, search=wanted["ticket_uid"].lower()) == [wanted["id"]]


class TestPaging:
    def test_cursors_walk_the_whole_list_once_while_tickets_arrive(self, connection: Connection) -> None:
        # Same moment for every three: the id decides.
        made = [make_ticket(connection, created_at=NOON + timedelta(hours=n // 3))["id"] for n in range(20)]
        seen: list[UUID] = []
        cursor = None
        while True:
            part = page(connection, request=PageRequest(size=7, cursor=cursor))
            seen += [row["id"] for row in part.rows]
            make_ticket(connection, created_at=NOON + timedelta(days=1))
            cursor = part.next_cursor
            if cursor is None:
                break
        assert len(seen) == 20
        assert set(seen) == set(made)

    def test_pages_by_number_tell_where_they_stand(self, connection: Connection) -> None:
        made = [make_ticket(connection, created_at=NOON + timedelta(hours=n))["id"] for n in range(5)][::-1]
        second = page(connection, request=PageRequest(page=2, size=2))
        assert [row["id"] for row in second.rows] == made[2:4]
        pagination = second.pagination()
        assert {name: pagination[name] for name in ("page", "pageSize", "total", "totalPages")} == {
            "page": 2,
            "pageSize": 2,
            "total": 5,
            "totalPages": 3,
        }
        assert page(connection, request=PageRequest(page=9, size=2)).rows == []


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many tickets, made once for the tests below; they only read."""
    make_many_tickets(module_connection, MANY)
    return module_connection


def plan_of(connection: Connection, query: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the nodes of a query's plan, planned for its values as `fetch_planned` has it."""
    row = connection.execute("explain (format json) " + query.sql, parameters, prepare=False).fetchone()
    assert row is not None
    return list(nodes(row["QUERY PLAN"][0]["Plan"]))


def scans_of_tickets(connection: Connection, query: Any, parameters: dict[str, Any]) -> list[str]:
    """Return the kinds of scan by which a list reads tickets."""
    nodes = plan_of(connection, query, parameters)
    names = {"t", "ticket"}
    return [node["Node Type"] for node in nodes if "Bitmap Index" in node["Node Type"] or node.get("Alias") in names]


def indexes_of(connection: Connection, query: Any, parameters: dict[str, Any]) -> set[str]:
    """Return the indexes that a list reads."""
    return {node["Index Name"] for node in plan_of(connection, query, parameters) if "Index Name" in node}


def parameters(connection: Connection, sight: Sight, filters: dict[str, Any]) -> dict[str, Any]:
    project = first(connection, "projects") if "project_id" in filters else None
    narrowed = ticket_views._parameters(TicketFilter(**filters), project) | sight.parameters()
    return narrowed | {"clock_runs": None, "most": MAX_DEPTH + 1}


def placed(order: Order, after: Place | None = None) -> dict[str, Any]:
    """Return the parameters of a page of a list beside its filters."""
    return {
        "sorted_by": order,
        "newest_first": order.newest_first,
        "after_part": after and after.part,
        "after_at": after and after.at,
        "after_id": after and after.id,
        "row_limit": 51,
        "row_skip": 0,
    }


def first(connection: Connection, table: str) -> UUID:
    row = connection.execute(f"select id from {table} order by id limit 1").fetchone()
    assert row is not None
    found: UUID = row["id"]
    return found


COMMON: dict[str, dict[str, Any]] = {
    "nothing": {},
    "status": {"status": "open"},
    "rare status": {"status": "qa_rejected"},
    "no such status": {"status": "qa_approved"},
    "status and priority": {"status": "in_progress", "priority": "high"},
    "status and breached": {"status": "open", "sla_breached": False},
    "type": {"ticket_type": "incident"},
    "type and source": {"ticket_type": "incident", "source": "qcontact"},
    "priority": {"priority": "critical"},
    "source": {"source": "qcontact"},
    "no such source": {"source": "manual"},
    "person": {"assigned_to": "users"},
    "team": {"assigned_team_id": "teams"},
    "project": {"project_id": "x"},
    "project and status": {"project_id": "x", "status": "qa_rejected"},
    "drop": {"dr_number": "DR1000777"},
    "ready": {"qa_ready": True},
    "breached": {"sla_breached": True},
    "neither": {"qa_ready": False, "sla_breached": False},
}
OWN = {"person", "team", "drop"}
# What so few are of is not walked: it is sorted, by the planner too.
FEW = {"no such source", "project and status", "rare status", "ready", "breached"}
WALKS = [
    (Order.NEWEST, None, "tickets_created_at_idx"),
    (Order.OLDEST, None, "tickets_created_at_idx"),
    (Order.CHANGED, None, "tickets_updated_at_idx"),
    (Order.DUE, True, "tickets_sla_due_at_idx"),
]


class TestPlans:
    """A list never reads the whole table: neither its pages nor its total."""

    def filters(self, connection: Connection, case: str) -> dict[str, Any]:
        tables = {"users", "teams"}
        return {
            name: str(first(connection, value)) if value in tables else value for name, value in COMMON[case].items()
        }

    @pytest.mark.parametrize("case", COMMON)
    def test_a_total_uses_an_index(self, many: Connection, case: str) -> None:
        values = parameters(many, EVERYTHING, self.filters(many, case))
        scans = scans_of_tickets(many, queries("tickets").count_tickets, values)
        assert scans
        # Where nearly all tickets match, so many as are counted stand at the table's very beginning.
        assert "Seq Scan" not in scans or case in ("nothing", "neither")

    @pytest.mark.parametrize("case", sorted(OWN | {"rare status", "no such source", "project and status", "ready"}))
    def test_few_are_found_by_an_index(self, many: Connection, case: str) -> None:
        values = parameters(many, EVERYTHING, self.filters(many, case)) | {"own": case in OWN, "by_status": False}
        scans = scans_of_tickets(many, queries("tickets").find_few_tickets, values | placed(Order.PRIORITY))
        assert scans
        assert "Seq Scan" not in scans

    @pytest.mark.parametrize(("order", "clock_runs", "index"), WALKS)
    @pytest.mark.parametrize("keyset", [False, True], ids=["first page", "keyset page"])
    def test_many_are_walked_along_the_index_of_their_order(
        self, many: Connection, order: Order, clock_runs: bool | None, index: str, keyset: bool
    ) -> None:
        place = Place(1, NOON.replace(month=1, day=25), uuid4()) if keyset else None
        values = parameters(many, EVERYTHING, {}) | placed(order, place) | {"clock_runs": clock_runs}
        plan = plan_of(many, queries("tickets").walk_tickets, values)
        assert {node.get("Index Name") for node in plan if node.get("Alias") == "ticket"} == {index}
        assert not [node for node in plan if node["Node Type"] == "Sort"]

    @pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
    @pytest.mark.parametrize(
        ("filters", "index"),
        [({"status": "qa_rejected"}, "tickets_status_idx"), ({"sla_breached": True}, "tickets_sla_breached_idx")],
        ids=str,
    )
    def test_what_an_index_holds_apart_is_walked_along_it(
        self, many: Connection, filters: dict[str, Any], index: str, order: Order
    ) -> None:
        values = parameters(many, EVERYTHING, filters) | placed(order)
        assert indexes_of(many, queries("tickets").walk_tickets, values) == {index}

    @pytest.mark.parametrize("order", Order)
    @pytest.mark.parametrize("case", sorted(COMMON.keys() - OWN))
    def test_no_walk_reads_the_table_or_sorts_it(self, many: Connection, case: str, order: Order) -> None:
        filters = parameters(many, EVERYTHING, self.filters(many, case))
        for part in parts_in(order):
            values = filters | part.narrowed | placed(order) | {"sorted_by": part.sorted_by}
            kinds = {node["Node Type"] for node in plan_of(many, queries("tickets").walk_tickets, values)}
            assert "Seq Scan" not in kinds
            assert "Sort" not in kinds or filters["status"] == "qa_approved" or case in FEW

    def test_what_one_person_sees_is_found_by_it_and_by_nothing_else(self, many: Connection) -> None:
        technician = Sight(user_id=first(many, "users"), team_ids=(first(many, "teams"),))
        for filters in ({}, {"status": "closed", "sla_breached": False}):
            values = parameters(many, technician, filters) | placed(Order.NEWEST) | {"own": True, "by_status": False}
            indexes = indexes_of(many, queries("tickets").find_few_tickets, values)
            assert indexes <= {
                "tickets_assigned_to_idx",
                "tickets_assigned_contractor_id_idx",
                "tickets_assigned_team_id_idx",
            }
            assert indexes

    def test_the_plan_stays_however_often_a_list_is_asked_for(self, many: Connection) -> None:
        """A prepared statement would turn to one plan for all values after five executions."""
        for _ in range(8):
            ticket_views.list_tickets(many, SYSTEM, TicketFilter(dr_number="DR1000777"), PageRequest())
        row = many.execute(
            "select count(*) as n from pg_prepared_statements where statement like '%%from tickets%%'"
        ).fetchone()
        assert row == {"n": 0}

    def test_the_total_is_exact_up_to_its_cap_and_says_when_there_is_more(self, many: Connection) -> None:
        few = page(many, status=Status.OPEN)
        assert (few.total, few.total_is_capped) == (MANY // 10, False)
        all_of_them = page(many)
        assert (all_of_them.total, all_of_them.total_is_capped) == (MAX_DEPTH, True)
        with pytest.raises(InvalidInput, match="cursor"):
            page(many, request=PageRequest(page=101, size=100))
        assert len(page(many, request=PageRequest(page=100, size=100)).rows) == 100


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts what all of its kind executed."""

    executed = 0

    def execute(self, *arguments: Any, **options: Any) -> Self:
        """Count, and execute."""
        Counting.executed += 1
        return super().execute(*arguments, **options)


def test_a_list_takes_the_same_statements_for_one_row_and_for_many(connection: Connection) -> None:
    company = make_contractor(connection)
    contractor = actor_of(make_user(connection, roles=["contractor"], contractor_id=company["id"]))
    users = [make_user(connection)["id"] for _ in range(20)]

    def statements(actor: Actor) -> int:
        Counting.executed = 0
        connection.cursor_factory = Counting
        assert page(connection, actor).rows
        connection.cursor_factory = psycopg.Cursor
        return Counting.executed

    make_ticket(connection, assigned_to=users[0], assigned_contractor_id=company["id"])
    few = [statements(SYSTEM), statements(contractor)]
    for user in users:
        make_ticket(connection, assigned_to=user, assigned_contractor_id=company["id"])
    assert [statements(SYSTEM), statements(contractor)] == few == [3, 3]
