"""Finding nearly the same photo among a million: `python -m bench.photo_index --photos 1000000`.

Starts PostgreSQL of its own in a temporary folder, fills `ticket_attachments` with made-up hashes, and asks for photos
near one by the query of the inspection and by the plain way, a comparison with every photo. Both must find the same;
where a bucket was cut (so it says), the index may find less. A part of the photos is crowded into few buckets, as skies
and white walls are.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.embedded import EmbeddedServers
from runtime.identifiers import uuid7
from runtime.settings import load_settings
from sql.database import Connection, Database, queries
from sql.migrate import migrate
from ticketing.evidence.alike import BUCKET_MOST, MOST_REPEATS
from ticketing.evidence.fingerprints import BITS, FARTHEST, probes, signed

PHOTOS_OF_A_TICKET = 20
BATCH = 50_000
# One photo in fifty shows next to nothing but sky: the same highest 16 bits, and little that differs below.
CROWDED_EVERY = 50
SKY = 0x7F00

PLAIN = """
select id from ticket_attachments
where
    perceptual_hash is not null and deleted_at is null and file_type = 'photo' and is_evidence
    and bit_count((perceptual_hash # %(hash)s::bigint)::bit(64)) <= %(distance)s
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A hash that is asked for, and what sort of question it is."""

    name: str
    fingerprint: int


def fill(connection: Connection, photos: int, chance: random.Random, say: Callable[[str], None]) -> list[int]:
    """Make tickets and their photos; return the hashes."""
    tickets = connection.execute(
        "insert into tickets (source, ticket_type, title)"
        " select 'ad_hoc', 'maintenance', 'Bench ' || n from generate_series(1, %s::integer) as n returning id",
        [max(1, photos // PHOTOS_OF_A_TICKET)],
    ).fetchall()
    ids = [row["id"] for row in tickets]
    hashes = [_hash(chance, crowded=number % CROWDED_EVERY == 0) for number in range(photos)]
    started = time.perf_counter()
    for first in range(0, photos, BATCH):
        part = hashes[first : first + BATCH]
        _insert(
            connection,
            first,
            part,
            [ids[(first + place) // PHOTOS_OF_A_TICKET % len(ids)] for place in range(len(part))],
        )
        if first % (5 * BATCH) == 0:
            say(f"  {first + len(part):,} photos after {time.perf_counter() - started:.0f} s")
    connection.execute("vacuum (analyze) ticket_attachments")
    return hashes


def _hash(chance: random.Random, *, crowded: bool) -> int:
    if crowded:
        return signed(SKY << 48 | chance.getrandbits(48))
    return signed(chance.getrandbits(BITS))


def _insert(connection: Connection, first: int, hashes: Sequence[int], tickets: Sequence[Any]) -> None:
    connection.execute(
        """
        insert into ticket_attachments (
            ticket_id, filename, file_type, mime_type, file_size, file_sha256, storage_key, is_evidence,
            perceptual_hash, width, height, inspection_status, inspected_at
        )
        select
            ticket_id, 'photo-' || n || '.jpg', 'photo', 'image/jpeg', 3000000, encode(sha256(n::text::bytea), 'hex'),
            'tickets/' || ticket_id || '/' || n || '.jpg', true, hash, 4000, 3000, 'accepted', now()
        from unnest(%s::bigint [], %s::uuid [], %s::bigint []) as photo (n, ticket_id, hash)
        """,
        [list(range(first, first + len(hashes))), list(tickets), list(hashes)],
    )


def questions(chance: random.Random, hashes: Sequence[int], how_many: int) -> list[Question]:
    """Return hashes to ask for: near a photo that there is, near none, near one in the crowd."""
    asked, crowd = [], hashes[::CROWDED_EVERY]
    for _ in range(how_many):
        near = signed(_flipped(chance, chance.choice(hashes)))
        asked.append(Question("near one", near))
        asked.append(Question("near none", signed(chance.getrandbits(BITS))))
        asked.append(Question("in the crowd", signed(_flipped(chance, chance.choice(crowd)))))
    return asked


def _flipped(chance: random.Random, fingerprint: int) -> int:
    bits = fingerprint & ((1 << BITS) - 1)
    for place in chance.sample(range(BITS), chance.randint(0, FARTHEST)):
        bits ^= 1 << place
    return bits


def by_index(connection: Connection, fingerprint: int) -> tuple[set[Any], int]:
    """Ask as an inspection does; return the photos found and how many buckets were cut."""
    rows = list(
        queries("evidence").find_similar_photos(
            connection,
            attachment_id=uuid7(),
            perceptual_hash=fingerprint,
            uploaded_at=datetime.now(UTC),
            distance=FARTHEST,
            bucket_most=BUCKET_MOST,
            most=2 * MOST_REPEATS,
            **{f"values_{band}": values for band, values in enumerate(probes(fingerprint))},
        )
    )
    return {row["attachment_id"] for row in rows if row["attachment_id"]}, rows[0]["cut_buckets"]


def by_scan(connection: Connection, fingerprint: int) -> set[Any]:
    """Ask the plain way: every photo is compared."""
    rows = connection.execute(PLAIN, {"hash": fingerprint, "distance": FARTHEST}).fetchall()
    return {row["id"] for row in rows}


def measure(connection: Connection, asked: Sequence[Question], scans: int, say: Callable[[str], None]) -> bool:
    """Ask all, print the figures by sort of question; return whether both ways agree."""
    agree = True
    say(f"{'question':<16}{'way':<8}{'p50 ms':>10}{'p95 ms':>10}{'max ms':>10}{'found':>8}{'cut':>6}{'ratio':>9}")
    for name in dict.fromkeys(question.name for question in asked):
        some = [question.fingerprint for question in asked if question.name == name]
        index, found = _timed(lambda hash_: by_index(connection, hash_), some)
        scan, plain = _timed(lambda hash_: by_scan(connection, hash_), some[:scans])
        cut = sum(bool(buckets) for _, buckets in found)
        middle = statistics.median(index)
        say(_line(name, "index", index, sum(len(ids) for ids, _ in found), cut))
        say(_line(name, "scan", scan, sum(map(len, plain)), 0) + f"{statistics.median(scan) / middle:>8.0f}x")
        agree &= all(
            ids == other or (buckets and ids < other) for (ids, buckets), other in zip(found, plain, strict=False)
        )
    return agree


def _timed(ask: Callable[[int], Any], hashes: Sequence[int]) -> tuple[list[float], list[Any]]:
    times, answers = [], []
    for fingerprint in hashes:
        started = time.perf_counter()
        answers.append(ask(fingerprint))
        times.append((time.perf_counter() - started) * 1000)
    return times, answers


def _line(name: str, way: str, times: Sequence[float], found: int, cut: int) -> str:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{name:<16}{way:<8}{statistics.median(times):>10.2f}{p95:>10.2f}{ordered[-1]:>10.2f}{found:>8}{cut:>6}"


def run(photos: int, asked: int, scans: int, say: Callable[[str], None]) -> bool:
    """Run the benchmark; `say` is given each line."""
    chance = random.Random(64)
    with (
        tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as folder,
        EmbeddedServers(load_settings({}, data_dir=Path(folder))) as servers,
    ):
        assert servers.settings.database_url is not None
        url = servers.settings.database_url.get_secret_value()
        migrate(url)
        database = Database(url)
        try:
            with database.connection() as connection:
                hashes = fill(connection, photos, chance, say)
                size = connection.execute(
                    "select sum(pg_relation_size(indexrelid)) as bytes from pg_stat_user_indexes"
                    " where indexrelname like 'ticket_attachments_band%'"
                ).fetchone()
                say(f"  the four indexes: {int(size['bytes']) / 1e6:,.0f} MB" if size else "")
                return measure(connection, questions(chance, hashes, asked), scans, say)
        finally:
            database.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from a shell; 1 if the index found other photos than the scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=200, help="questions of each sort")
    parser.add_argument("--scans", type=int, default=10, help="of these also by a scan")
    given = parser.parse_args(arguments)
    agree = run(given.photos, given.asked, given.scans, lambda line: print(line, flush=True))
    print("both ways found the same" if agree else "THE INDEX FOUND OTHER PHOTOS THAN THE SCAN")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
