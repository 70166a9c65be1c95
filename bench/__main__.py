"""`python -m bench`: every benchmark, one after the other."""

from __future__ import annotations

import sys

from bench import dashboard, ledger, photo_index, qcontact_sync, repeat_faults, ticket_search, weekly_import


def main() -> int:
    """Run them; returns the exit code of the ledger's."""
    print("== the weekly import", flush=True)
    weekly_import.run(100_000, lambda line: print(line, flush=True))
    print("\n== ticket search", flush=True)
    ticket_search.main([])
    print("\n== the photo index", flush=True)
    photo_index.main([])
    print("\n== repeat faults", flush=True)
    repeat_faults.run(1_000_000, lambda line: print(line, flush=True))
    print("\n== the dashboard", flush=True)
    dashboard.main([])
    print("\n== the sync from QContact", flush=True)
    qcontact_sync.main([])
    print("\n== the ledger", flush=True)
    return ledger.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
