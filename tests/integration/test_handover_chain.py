"""The proof of the chain: what somebody does who owns the tables and switches the triggers off, and how it is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import sql

from integrations.storage import Storage
from jobs.kinds.verify_handovers import submit
from jobs.platform import Platform
from sql.database import Connection, Database
from tests.conftest import Said
from tests.factories.handover import archive_of, make_chain
from tests.running import run_jobs
from ticketing.errors import InvalidInput
from ticketing.handover import verifying
from ticketing.handover.chain import ChainReport
from ticketing.handover.snapshots import hash_of
from ticketing.handover.verifying import parse_expected, verify
from ticketing.people import SYSTEM

GUARDED = ("handover_snapshots", "handover_chain", "ticket_events")


@pytest.fixture
def chain(platform: Platform, connection: Connection) -> list[dict[str, Any]]:
    return make_chain(platform, connection, 5)


def tamper(connection: Connection, *statements: str) -> None:
    """Do what only the tables' owner can: switch the triggers and foreign keys off, change, switch them on again."""
    with connection.transaction():
        for table in GUARDED:
            connection.execute(sql.SQL("alter table {} disable trigger all").format(sql.Identifier(table)))
        for statement in statements:
            connection.execute(statement)
        for table in GUARDED:
            connection.execute(sql.SQL("alter table {} enable trigger all").format(sql.Identifier(table)))
        guards = (
            ("handover_snapshots", "handover_snapshots_immutable"),
            ("handover_snapshots", "handover_snapshots_lengthen_chain"),
            ("handover_chain", "handover_chain_only_grows"),
            ("handover_chain", "handover_chain_never_deleted"),
            ("ticket_events", "ticket_events_append_only"),
        )
        for table, name in guards:
            connection.execute(
                sql.SQL("alter table {} enable always trigger {}").format(sql.Identifier(table), sql.Identifier(name))
            )


def kinds(report: ChainReport) -> list[tuple[str, int | None]]:
    return [(one.kind, one.number) for one in report.breaks]


def test_a_chain_that_nobody_touched_holds(platform: Platform, chain: list[dict[str, Any]]) -> None:
    report = verify(platform.read, archive=archive_of(platform))
    assert (report.holds, report.checked, report.files_checked) == (True, 5, 10)
    assert report.head_sha256 == chain[-1]["snapshot_sha256"]


def test_an_empty_chain_holds(platform: Platform) -> None:
    assert verify(platform.read).holds


def test_batches_join_without_a_seam(
    platform: Platform, chain: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 2)
    told: list[tuple[int, int]] = []
    report = verify(platform.read, progress=lambda number, of: told.append((number, of)))
    assert (report.holds, told) == (True, [(2, 5), (4, 5), (5, 5)])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update handover_snapshots set snapshot_data = snapshot_data || '{\"title\": \"x\"}' where chain_number = 2",
         [("content", 2)]),
        ("update handover_snapshots set handover_at = handover_at + interval '1 second' where chain_number = 3",
         [("content", 3)]),
        ("update handover_snapshots set decisions = '[{\"decision_type\": \"approval\"}]' where chain_number = 1",
         [("content", 1)]),
        ("update handover_snapshots set to_owner_id = gen_random_uuid() where chain_number = 4", [("content", 4)]),
        ("update handover_snapshots set snapshot_data = '{\"n\": 1e300}' where chain_number = 4", [("content", 4)]),
        ("delete from handover_snapshots where chain_number = 3", [("missing", 3), ("previous", 4)]),
        ("delete from handover_snapshots where chain_number in (2, 3)", [("missing", 2), ("previous", 4)]),
        ("delete from handover_snapshots where chain_number = 1", [("missing", 1), ("previous", 2)]),
        ("delete from handover_snapshots where chain_number >= 4", [("missing", 4)]),
        ("delete from ticket_events where details ->> 'chain_number' = '2'", [("timeline", 2)]),
        ("update handover_chain set length = 7", [("missing", 6)]),
        ("update handover_chain set head_sha256 = repeat('a', 64)", [("end", 5)]),
        ("update handover_chain set length = 3", [("end", 4)]),
        ("delete from handover_chain", [("end", None)]),
    ],
)  # fmt: skip
def test_what_was_changed_with_the_triggers_off_is_named(
    platform: Platform,
    connection: Connection,
    chain: list[dict[str, Any]],
    change: str,
    found: list[tuple[str, int | None]],
) -> None:
    tamper(connection, change)
    report = verify(platform.read)
    assert (report.holds, kinds(report)) == (False, found)


def test_a_tail_cut_off_with_the_chains_row_set_back_is_known_to_the_timeline(
    platform: Platform, connection: Connection, chain: list[dict[str, Any]]
) -> None:
    tamper(
        connection,
        "delete from handover_snapshots where chain_number > 3",
        f"update handover_chain set length = 3, head_sha256 = '{chain[2]['snapshot_sha256']}'",
    )
    report = verify(platform.read)
    assert kinds(report) == [("missing", 4)]
    assert "links 4 to 5 are missing: the timeline knows of them" in report.breaks[0].message


def test_a_tail_cut_off_everywhere_is_known_only_to_who_noted_it(
    platform: Platform, connection: Connection, chain: list[dict[str, Any]]
) -> None:
    tamper(
        connection,
        "delete from handover_snapshots where chain_number > 3",
        "delete from ticket_events where (details ->> 'chain_number')::bigint > 3",
        f"update handover_chain set length = 3, head_sha256 = '{chain[2]['snapshot_sha256']}'",
    )
    assert verify(platform.read).holds
    noted = (5, chain[4]["snapshot_sha256"])
    assert kinds(verify(platform.read, expected=noted)) == [("missing", 4)]


def test_a_link_hashed_anew_breaks_what_follows_and_what_was_noted(
    platform: Platform, connection: Connection, chain: list[dict[str, Any]]
) -> None:
    row = connection.execute("select * from handover_snapshots where chain_number = 5").fetchone()
    assert row is not None
    forged = hash_of(row | {"snapshot_data": row["snapshot_data"] | {"title": "Another"}})
    tamper(
        connection,
        'update handover_snapshots set snapshot_data = snapshot_data || \'{"title": "Another"}\','
        f" snapshot_sha256 = '{forged}' where chain_number = 5",
        f"update handover_chain set head_sha256 = '{forged}'",
    )
    assert kinds(verify(platform.read)) == [("timeline", 5)]
    noted = (5, chain[4]["snapshot_sha256"])
    assert kinds(verify(platform.read, expected=noted)) == [("timeline", 5), ("expected", 5)]


def test_files_that_changed_or_went_are_named(platform: Platform, chain: list[dict[str, Any]]) -> None:
    storage = Storage.from_settings(platform.settings)
    storage.put(chain[1]["evidence_links"][0]["storage_key"], b"another picture")
    storage.delete(chain[3]["evidence_links"][1]["storage_key"])
    assert verify(platform.read).holds
    report = verify(platform.read, archive=archive_of(platform))
    assert kinds(report) == [("evidence", 2), ("evidence", 4)]
    assert "has other content" in report.breaks[0].message
    assert "is gone" in report.breaks[1].message


def test_a_guard_that_is_off_is_named(platform: Platform, connection: Connection, chain: list[dict[str, Any]]) -> None:
    connection.execute("alter table handover_snapshots disable trigger handover_snapshots_immutable")
    connection.execute("alter table ticket_events enable trigger ticket_events_append_only")
    report = verify(platform.read)
    assert [one.message for one in report.breaks] == [
        "the trigger handover_snapshots_immutable is gone or not always in force",
        "the trigger ticket_events_append_only is gone or not always in force",
    ]


def test_the_weekly_job_tells_the_end_and_fails_on_a_break(
    platform: Platform, connection: Connection, chain: list[dict[str, Any]]
) -> None:
    platform.declare()
    with platform.begin(SYSTEM) as work:
        submit(work)
    *_, held = run_jobs(platform)
    assert (held["state"], held["result"]["checked"]) == ("completed", 5)
    assert held["result"]["head_sha256"] == chain[-1]["snapshot_sha256"]
    tamper(connection, "delete from handover_snapshots where chain_number = 3")
    with platform.begin(SYSTEM) as work:
        submit(work)
    (broken,) = run_jobs(platform)
    assert broken["state"] == "discarded"
    attempt = connection.execute("select * from job_attempts where job_id = %s", [broken["id"]]).fetchone()
    assert "link 3 is missing" in str(attempt)


def test_the_command_says_so_and_leaves_with_0_or_1(
    command: Callable[..., Said], platform: Platform, connection: Connection, chain: list[dict[str, Any]]
) -> None:
    said = command("handover", "verify", "--evidence")
    assert said.code == 0
    assert "The chain holds: 5 handovers, 10 files" in said.err
    noted = re.search(r"5 +([0-9a-f]{64})", said.out)
    assert noted is not None
    assert command("handover", "verify", "--expect", f"5:{noted.group(1)}").code == 0
    assert command("handover", "verify", "--expect", "5").code == 1
    tamper(connection, "delete from handover_snapshots where chain_number >= 4")
    broken = command("handover", "verify", "--expect", f"5:{noted.group(1)}")
    assert broken.code == 1
    assert "the chain is broken: links 4 to 5 are missing: the end of the chain was cut off" in broken.err


@pytest.mark.parametrize("text", ["", "5", "5:abc", f"0:{'a' * 64}", f"x:{'a' * 64}", f"5:{'g' * 64}"])
def test_what_was_not_noted_so_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="NUMBER:SHA256"):
        parse_expected(text)


def test_each_batch_is_read_by_an_index(platform: Platform, connection: Connection, database: Database) -> None:
    from sql.database import queries

    values = {"after_number": 0, "after_id": verifying._FIRST, "up_to": 10**6, "row_limit": 200}
    with connection.transaction():
        connection.execute("set local enable_seqscan = off")
        rows = connection.execute("explain " + queries("handover").list_chain.sql, values, prepare=False).fetchall()
    plan = "\n".join(next(iter(row.values())) for row in rows)
    assert "handover_snapshots_chain_number_key" in plan
    assert "ticket_events_handovers_idx" in plan
