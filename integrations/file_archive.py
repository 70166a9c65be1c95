"""The stored files, read again for their checksums: what `ticketing.handover` asks of an archive."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from integrations.storage import InvalidKey, Storage, StoredFileMissing

AT_ONCE = 4
"""How many files are read at the same time; each in pieces, so memory stays small."""


class FileArchive:
    """Reads files of a Storage again."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def checksums(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Return the SHA-256 of each file by its key, None where nothing is stored. Raises StorageError.

        A key that no file can have counts as one under which nothing is stored: somebody altered it.
        """
        wanted = sorted(set(keys))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(self._checksum, wanted), strict=True))

    def _checksum(self, key: str) -> str | None:
        try:
            return self._storage.checksum(key)
        except (StoredFileMissing, InvalidKey):
            return None
