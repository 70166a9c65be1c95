"""Stored files: whole or not at all, shared by processes, and no key reaches outside."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.storage import (
    InvalidKey,
    Storage,
    StorageError,
    StorageMisconfigured,
    StoredFileMissing,
    check_key,
)
from runtime.settings import load_settings

KEY = "imports/drops/2026-w47.xlsx"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder whose name needs escaping in a URL."""
    return Storage((tmp_path / "stored files").as_uri())


def test_what_is_put_is_got(storage: Storage) -> None:
    data = bytes(range(256)) * 10_000
    checksum = storage.put(KEY, data)
    assert checksum == hashlib.sha256(data).hexdigest()
    assert storage.get(KEY) == data
    assert storage.checksum(KEY) == checksum
    assert storage.size(KEY) == len(data)
    assert storage.exists(KEY)


def test_a_put_replaces_what_was_there(storage: Storage) -> None:
    storage.put(KEY, b"first")
    storage.put(KEY, b"second")
    assert storage.get(KEY) == b"second"


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    storage.put(KEY, b"")
    assert (storage.get(KEY), storage.size(KEY), storage.get_range(KEY, 0, 10)) == (b"", 0, b"")


@pytest.mark.parametrize(
    ("start", "length", "expected"), [(0, 2, b"01"), (8, 5, b"89"), (10, 1, b""), (99, 1, b""), (3, 0, b"")]
)
def test_a_range_ends_with_the_file(storage: Storage, start: int, length: int, expected: bytes) -> None:
    storage.put(KEY, b"0123456789")
    assert storage.get_range(KEY, start, length) == expected


def test_what_is_missing_is_said_to_be_missing(storage: Storage) -> None:
    assert not storage.exists(KEY)
    for read in (storage.get, storage.checksum, storage.size):
        with pytest.raises(StoredFileMissing) as refusal:
            read(KEY)
        assert refusal.value.details == {"key": KEY}


def test_deleting_twice_is_deleting(storage: Storage) -> None:
    storage.put(KEY, b"x")
    storage.delete(KEY)
    storage.delete(KEY)
    assert not storage.exists(KEY)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", "a\\b", "a b", "é", "a\n", "a" * 513]
)
def test_keys_that_could_reach_outside_are_refused(storage: Storage, key: str) -> None:
    for use in (storage.get, storage.exists, storage.delete, lambda key: storage.put(key, b"x")):
        with pytest.raises(InvalidKey):
            use(key)


@given(st.text(max_size=30))
def test_an_accepted_key_stays_inside(key: str) -> None:
    try:
        accepted = check_key(key)
    except InvalidKey:
        return
    root = Path("/store")
    assert Path(os.path.normpath(root / accepted)).is_relative_to(root)
    assert Path(os.path.normpath(root / accepted)) != root


def test_a_store_that_refuses_is_a_storage_error_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    storage = Storage((tmp_path / "file").as_uri())
    with pytest.raises(StorageError) as refusal:
        storage.put(KEY, b"x")
    assert refusal.value.code == "SERVICE_UNAVAILABLE"
    assert str(tmp_path) not in refusal.value.message


@pytest.mark.parametrize("url", ["http://files.test/x", "ftp://x", "stored", "memory:///"])
def test_a_url_that_names_no_store_is_refused_when_it_is_set(url: str) -> None:
    with pytest.raises(StorageMisconfigured, match="FIBREFLOW_STORAGE_URL"):
        Storage(url)


@pytest.mark.parametrize("url", ["gs://fibreflow-files/production", "s3://fibreflow-files"])
def test_a_bucket_is_not_contacted_before_it_is_used(url: str) -> None:
    assert Storage(url).url == url


def test_the_default_is_a_folder_under_the_data(tmp_path: Path) -> None:
    storage = Storage.from_settings(load_settings({}, data_dir=tmp_path))
    storage.put(KEY, b"x")
    assert (tmp_path / "storage" / KEY).read_bytes() == b"x"


def test_the_check_leaves_nothing_behind(storage: Storage, tmp_path: Path) -> None:
    storage.check()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_another_process_sees_what_was_put(storage: Storage) -> None:
    storage.put(KEY, b"from here")
    program = (
        "import sys; from integrations.storage import Storage; storage = Storage(sys.argv[1]);"
        "storage.put('answer', storage.get(sys.argv[2]).upper())"
    )
    subprocess.run([sys.executable, "-c", program, storage.url, KEY], check=True, timeout=60)
    assert storage.get("answer") == b"FROM HERE"


def test_readers_never_see_half_a_file(storage: Storage) -> None:
    versions = [bytes([number]) * 500_000 for number in range(4)]
    storage.put(KEY, versions[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for version in versions:
                storage.put(KEY, version)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {storage.get(KEY) for _ in range(50)}
    finally:
        stop.set()
        writer.join()
    assert seen <= set(versions)
