"""`fibreflow seed`: sample people, and a made-up history that is written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.conftest import Said

if TYPE_CHECKING:
    from jobs.platform import Platform

Command = Callable[..., Said]
PEOPLE = "added 10 people, 2 companies, 4 teams\n"
NOBODY = "added 0 people, 0 companies, 0 teams\n"


def count(platform: Platform, table: str) -> int:
    with platform.read() as connection:
        row = connection.execute(f"select count(*) as n from {table}").fetchone()
    assert row is not None
    return int(row["n"])


def test_a_history_of_any_size_is_written_once_and_grows(command: Command, platform: Platform) -> None:
    said = command("seed", "--tickets", "30", "--photos", "0")
    assert (said.code, said.out) == (0, f"{PEOPLE}added 30 tickets, 0 photos, 0 handovers\n")
    assert "tickets" in said.err
    assert (
        command("seed", "--tickets", "30", "--photos", "0").out == f"{NOBODY}added 0 tickets, 0 photos, 0 handovers\n"
    )
    assert command("seed", "--tickets", "1010", "--photos", "0").out.endswith(
        "added 980 tickets, 0 photos, 0 handovers\n"
    )
    assert count(platform, "tickets") == 1010
    assert count(platform, "verification_steps") == 12 * 1010
    assert count(platform, "projects") == 3


def test_another_random_seed_makes_another_history_in_the_same_network(command: Command, platform: Platform) -> None:
    command("seed", "--tickets", "20", "--photos", "0")
    drops = count(platform, "drops")
    assert "added 20 tickets" in command("seed", "--tickets", "20", "--photos", "0", "--random-seed", "7").out
    assert (count(platform, "tickets"), count(platform, "drops")) == (40, drops)


def test_fewer_than_no_tickets_are_refused(command: Command) -> None:
    assert command("seed", "--tickets", "-1").code == 2
