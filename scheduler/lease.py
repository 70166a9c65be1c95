"""Who of several schedulers acts: a row with an expiry and a fencing token: it works behind a pooler."""

from __future__ import annotations

from uuid import UUID

from sql.database import Connection, Database, queries

NAME = "scheduler"


class Lease:
    """One process's view of the scheduler's lease."""

    def __init__(self, database: Database, holder_id: UUID, holder_name: str, seconds: float) -> None:
        self._database = database
        self._holder_id = holder_id
        self._holder_name = holder_name
        self._seconds = seconds
        self.token: int | None = None

    def renew(self) -> bool:
        """Take or renew the lease; True while it is ours. The token changes whenever it has changed hands."""
        with self._database.transaction() as connection:
            self.token = queries("leases").take_lease(
                connection,
                name=NAME,
                holder_id=self._holder_id,
                holder_name=self._holder_name,
                seconds=self._seconds,
            )
        return self.token is not None

    def holds(self, connection: Connection) -> bool:
        """Whether the lease is still ours, held so for the rest of the caller's transaction."""
        return bool(queries("leases").hold_lease(connection, name=NAME, token=self.token))

    def release(self) -> None:
        """Give the lease back at once."""
        with self._database.transaction() as connection:
            queries("leases").release_lease(connection, name=NAME, holder_id=self._holder_id)
        self.token = None
