"""SLA compliance and fault trends beside plain aggregates: `python -m bench.day_totals --tickets 1000000`.

Starts PostgreSQL of its own in a temporary folder and fills it with tickets of two years. It reads the figures of the
console's pages from the totals of days and counts them from the tickets, makes sure that both say the same, and prints
milliseconds and ratios; then what the totals cost an import of 100,000 tickets and whoever changes one ticket.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench.many_tickets import NOW, Say, cost_of_writing, fill, running, tell, timed
from sql.database import Connection
from tests.factories.day_totals import count_compliance_plainly, count_faults_plainly
from ticketing.dashboard import totals
from ticketing.days import end_of_day, local_day
from ticketing.faults.rules import Grouping, Period
from ticketing.faults.trends import MOST_GROUPS, TrendRequest, count_faults
from ticketing.people import SYSTEM
from ticketing.sla.compliance import ComplianceRequest, count_compliance

ROUNDS = 15
PLAIN_ROUNDS = 3
LENGTHS = (7, 30, 365)
CHANGES = 3_000
OF_A_CHANGE = {
    "tickets_changed_added_up": "the dashboard's totals",
    "tickets_changed_added_up_by_day": "the totals of days",
}
CHANGE = b"update tickets set title = title || '.', sla_breached = true where id = %s"


def compare(connection: Connection, say: Say) -> None:
    """Read the figures both ways, of days up to today and of a stretch that begins and ends within a day."""
    say(f"{'milliseconds':<34}{'ours':>9}{'p95':>9}{'plain':>9}{'ratio':>9}")
    ends = end_of_day(local_day(NOW))
    for days in LENGTHS:
        _compliance(connection, f"SLA, {days} days", _asked(days, Period.DAY), say)
        for by in (Grouping.FAULT_CAUSE, Grouping.ASSIGNED_CONTRACTOR_ID, Grouping.PERIOD):
            wanted = TrendRequest(
                group_by=by, period=Period.DAY, reported_from=ends - timedelta(days=days), limit=MOST_GROUPS
            )
            _faults(connection, f"faults by {by.value.removeprefix('assigned_')}, {days} days"[:33], wanted, say)
    noon = NOW.replace(hour=10) - timedelta(days=40)
    asked = ComplianceRequest(reported_from=noon, reported_before=noon + timedelta(days=30))
    _compliance(connection, "SLA, 30 days from noon to noon", asked, say)


def _asked(days: int, period: Period) -> ComplianceRequest:
    return ComplianceRequest(period=period, reported_from=end_of_day(local_day(NOW)) - timedelta(days=days))


def _compliance(connection: Connection, label: str, wanted: ComplianceRequest, say: Say) -> None:
    ours, told = timed(lambda: count_compliance(connection, wanted, NOW), ROUNDS)
    plain, so = timed(lambda: count_compliance_plainly(connection, wanted, NOW), PLAIN_ROUNDS)
    tell(say, label, ours, plain, same=told == so)


def _faults(connection: Connection, label: str, wanted: TrendRequest, say: Say) -> None:
    ours, told = timed(lambda: count_faults(connection, SYSTEM, wanted), ROUNDS)
    plain, so = timed(lambda: count_faults_plainly(connection, wanted), PLAIN_ROUNDS)
    tell(say, label, ours, plain, same=told == so)


def cost_of_a_change(connection: Connection, say: Say) -> None:
    """Change one ticket after another, a transaction each; tell the triggers' own time, as the server measures it."""
    rows = connection.execute("select id from tickets where status = 'open' limit %s", [CHANGES]).fetchall()
    spent: dict[str, list[float]] = {name: [] for name in OF_A_CHANGE}
    for found in rows:
        row = connection.execute(b"explain (analyze, format json) " + CHANGE, [found["id"]]).fetchone()
        assert row is not None
        for trigger in row["QUERY PLAN"][0]["Triggers"]:
            if trigger["Trigger Name"] in spent:
                spent[trigger["Trigger Name"]].append(trigger["Time"])
    for name, of in OF_A_CHANGE.items():
        say(f"one ticket breached, {of}: {median(spent[name]):.3f} ms")


def run(tickets: int, say: Say) -> None:
    """Measure everything and print it."""
    with (
        tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as folder,
        running(Path(folder)) as platform,
        platform.read() as connection,
    ):
        found = fill(connection, tickets)
        with platform.begin(SYSTEM) as work:
            totals.fold(work)
        connection.execute("vacuum (analyze) ticket_day_totals, ticket_day_changes")
        row = connection.execute("select count(*) as n from ticket_day_totals").fetchone()
        assert row is not None
        say(f"{tickets:,} tickets, {row['n']:,} totals of days; median of {ROUNDS}")
        compare(connection, say)
        cost_of_writing(connection, found, tickets, say)
        cost_of_a_change(connection, say)
        proof = totals.prove(connection, NOW)
        say(f"the totals {'hold' if proof.holds else 'DO NOT HOLD'}: proved against {proof.tickets:,} tickets")
        rebuilt, _ = timed(lambda: connection.execute("select rebuild_ticket_totals()"), 1)
        say(f"all counted anew in {rebuilt[0] / 1000:.1f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="SLA compliance and fault trends, measured beside plain aggregates.")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    # Ended politely, it stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(parser.parse_args(arguments).tickets, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
