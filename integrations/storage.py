"""Stored files: uploads, photos, reports. A local folder by default, `gs://` or `s3://` by setting.

Credentials of a cloud store come from where its own tools look for them (environment, metadata server). A Storage opens
its store on first use and must be opened after a process forks: the library's runtime does not survive a fork.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import BaseError
from obstore.store import GCSStore, LocalStore, S3Store, from_url

from runtime.errors import FibreflowError
from runtime.identifiers import uuid7
from runtime.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("file", "gs", "s3")
CHUNK = 1024 * 1024
LISTED_AT_ONCE = 1_000

# A store that is away is told so while somebody still waits for the answer.
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
# The stores themselves are reached by https; plain http only where somebody has set such an address.
_CLIENT: Any = {"timeout": "60s", "connect_timeout": "5s", "allow_http": True}

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=-]*(?:/[A-Za-z0-9_][A-Za-z0-9._=-]*)*")
LONGEST_KEY = 512

P = ParamSpec("P")
R = TypeVar("R")


class StorageError(FibreflowError):
    """The store cannot be reached or refuses; trying again later may help."""

    code = "SERVICE_UNAVAILABLE"


class StoredFileMissing(StorageError):
    """Nothing is stored under the key."""

    code = "NOT_FOUND"


class InvalidKey(StorageError):
    """A key that could reach outside the store, or that some store would refuse."""

    code = "VALIDATION_ERROR"


class StorageMisconfigured(StorageError):
    """`FIBREFLOW_STORAGE_URL` names no store that can be used."""

    code = "SETTINGS_ERROR"


def check_key(key: str) -> str:
    """Return the key if it is a relative path of plain names ("imports/2026/report.xlsx"); else raise InvalidKey."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidKey(f"Not a key that a file can be stored under: {key[:80]!r}", details={"key": key[:80]})
    return key


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as a listing shows it: size in bytes, and when it was last written."""

    key: str
    size: int
    written_at: datetime


def _translated(operation: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(operation)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return operation(*args, **kwargs)
        except FileNotFoundError as error:
            raise StoredFileMissing("The stored file is gone", details={"key": str(args[1])}) from error
        except (BaseError, OSError, ValueError) as error:
            # The library's text names hosts, folders and accounts: it belongs in the log, not in an answer.
            raise StorageError("The file store cannot be used just now") from error

    return wrapper


class Storage:
    """A flat space of files by key. Safe for threads, and for several processes: a put appears whole or not at all."""

    def __init__(self, url: str) -> None:
        self.url = url
        if urlsplit(url).scheme not in SCHEMES:
            raise StorageMisconfigured(f"FIBREFLOW_STORAGE_URL must start with {', '.join(s + '://' for s in SCHEMES)}")

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        """Return the storage that the settings name: a folder under `data_dir` unless a URL is set."""
        return cls(settings.storage_location)

    @functools.cached_property
    def _store(self) -> ObjectStore:
        if urlsplit(self.url).scheme == "file":
            return LocalStore(prefix=self._folder, mkdir=True)
        return from_url(self.url, retry_config=_RETRIES, client_options=_CLIENT)

    @property
    def signs_urls(self) -> bool:
        """Whether files can be sent straight to the store by an address that it signs: buckets can, folders cannot."""
        return urlsplit(self.url).scheme != "file"

    @property
    def _folder(self) -> Path:
        return Path(url2pathname(urlsplit(self.url).path))

    @_translated
    def put(self, key: str, data: bytes) -> str:
        """Store the bytes under the key, replacing what was there; return their SHA-256 in hex.

        On return a local file is on the disk itself: a job that names it may be committed. Raises StorageError.
        """
        obstore.put(self._store, check_key(key), data)
        if isinstance(self._store, LocalStore):
            _sync(self._folder / key)
        return hashlib.sha256(data).hexdigest()

    @_translated
    def put_file(self, key: str, file: BinaryIO) -> str:
        """Store an open file from its start, in pieces, as `put` does; return its SHA-256 in hex.

        Raises StorageError.
        """
        file.seek(0)
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        file.seek(0)
        obstore.put(self._store, check_key(key), file, use_multipart=True)
        if isinstance(self._store, LocalStore):
            _sync(self._folder / key)
        return digest.hexdigest()

    @_translated
    def get(self, key: str) -> bytes:
        """Return the stored bytes. Raises StoredFileMissing or StorageError."""
        return bytes(obstore.get(self._store, check_key(key)).bytes())

    @_translated
    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start` (0 is the first); fewer at the end, none beyond it."""
        size = int(obstore.head(self._store, check_key(key))["size"])
        if start >= size or length <= 0:
            return b""
        return bytes(obstore.get_range(self._store, key, start=start, length=min(length, size - start)))

    @_translated
    def size(self, key: str) -> int:
        """Return the size in bytes. Raises StoredFileMissing or StorageError."""
        return int(obstore.head(self._store, check_key(key))["size"])

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key. Raises StorageError when the store cannot say."""
        try:
            self.size(key)
        except StoredFileMissing:
            return False
        return True

    @_translated
    def _remove(self, key: str) -> None:
        obstore.delete(self._store, check_key(key))

    def delete(self, key: str) -> None:
        """Delete the file; nothing happens if there is none."""
        try:
            self._remove(key)
        except StoredFileMissing:
            return

    @_translated
    def checksum(self, key: str) -> str:
        """Return the SHA-256 of the stored bytes in hex, read in pieces: is it still what was stored?"""
        digest = hashlib.sha256()
        for chunk in obstore.get(self._store, check_key(key)).stream(min_chunk_size=CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def stored(self, prefix: str) -> Iterator[list[StoredFile]]:
        """Yield what lies under the prefix (a folder's name), up to LISTED_AT_ONCE at a time, in any order."""
        listing = iter(self._list(prefix))
        while (found := self._next(listing)) is not None:
            yield [StoredFile(one["path"], int(one["size"]), one["last_modified"]) for one in found]

    @_translated
    def _list(self, prefix: str) -> Any:
        return obstore.list(self._store, check_key(prefix), chunk_size=LISTED_AT_ONCE)

    @_translated
    def _next(self, listing: Iterator[Any]) -> Any:
        return next(listing, None)

    @_translated
    def upload_url(self, key: str, valid_for: timedelta) -> str:
        """Return an address under which, with PUT and for a while, anybody may store a file under the key.

        Raises StorageError where the store has no credentials to sign with, or is a folder.
        """
        if not isinstance(self._store, GCSStore | S3Store):
            raise ValueError("a folder signs no addresses")  # noqa: TRY004 - becomes a StorageError like the others
        return obstore.sign(self._store, "PUT", check_key(key), valid_for)

    def check(self) -> None:
        """Write, read back and delete a small file. Raises StorageError when the store is not fit for use."""
        key = f"checks/{uuid7()}"
        if self.put(key, key.encode()) != self.checksum(key):
            raise StorageError("The file store gives back other bytes than were stored")
        self.delete(key)


def _sync(path: Path) -> None:
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
