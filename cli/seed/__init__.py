"""`fibreflow seed`, and a made-up history for demos, benchmarks and tests: a year of tickets, as many as wanted.

Pure: `network` (where homes are), `goals` (how far tickets get), `lives` (what becomes of each, and when), `clocks`
(what its SLA comes to), `happenings` (its timeline), `rows` (all of it as rows). `photos` draws, `writer` puts blocks
of a thousand into the database, `handovers` hands over through the real service, `history` brings it together.
"""

from cli.seed.command import register
from cli.seed.history import PHOTOS, RANDOM_SEED, Wanted, Written, write_history

__all__ = ["PHOTOS", "RANDOM_SEED", "Wanted", "Written", "register", "write_history"]
