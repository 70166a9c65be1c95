"""Files in a bucket: the promises of a folder, through Google's interface on a stand-in that checks signatures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from integrations.storage import Storage, StorageError, StoredFileMissing
from tests.gcs_server import Bucket, running_bucket

KEY = "attachments/one/photo.jpg"
MINUTE = timedelta(minutes=1)
WAIT = 60


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with running_bucket() as bucket:
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", bucket.account)
        yield bucket


@pytest.fixture
def storage(bucket: Bucket) -> Storage:
    return Storage("gs://fibreflow.appspot.example/production")


def test_a_file_is_put_read_and_deleted(storage: Storage, bucket: Bucket) -> None:
    data = bytes(range(256)) * 5_000
    assert storage.put(KEY, data) == hashlib.sha256(data).hexdigest()
    assert list(bucket.files) == [f"production/{KEY}"]
    assert (storage.get(KEY), storage.size(KEY), storage.exists(KEY)) == (data, len(data), True)
    assert storage.checksum(KEY) == hashlib.sha256(data).hexdigest()
    assert storage.get_range(KEY, 254, 4) == data[254:258]
    storage.delete(KEY)
    storage.delete(KEY)
    assert not storage.exists(KEY)
    with pytest.raises(StoredFileMissing):
        storage.get(KEY)
    assert bucket.refused == []


def test_what_is_stored_is_listed_by_folder(storage: Storage) -> None:
    storage.put(KEY, b"12345")
    storage.put("uploads/other", b"x")
    (found,) = [file for batch in storage.stored("attachments") for file in batch]
    assert (found.key, found.size) == (KEY, 5)
    assert found.written_at.tzinfo is not None


def test_a_signed_address_takes_a_file_from_anybody(storage: Storage, bucket: Bucket) -> None:
    address = storage.upload_url("uploads/one", MINUTE)
    assert storage.signs_urls
    with httpx.Client(timeout=WAIT) as anybody:
        assert anybody.put(address, content=b"from a phone").status_code == 200
        assert storage.get("uploads/one") == b"from a phone"
        assert anybody.put(address.replace("uploads/one", "uploads/two"), content=b"x").status_code == 403
        longer = address.replace("X-Goog-Expires=60", "X-Goog-Expires=6000")
        assert anybody.put(longer, content=b"x").status_code == 403
        assert anybody.get(address).status_code == 403
    assert len(bucket.refused) == 3


def test_a_bucket_that_refuses_is_a_storage_error(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_bucket() as other:
        monkeypatch.setenv(
            "GOOGLE_SERVICE_ACCOUNT_KEY", other.account.replace(str(other.server_port), str(bucket.server_port))
        )
        with pytest.raises(StorageError) as refusal:
            Storage("gs://fibreflow.appspot.example").put(KEY, b"x")
    assert "127.0.0.1" not in refusal.value.message


def test_s3_signs_addresses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("REGION", "af-south-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    address = Storage("s3://fibreflow-files").upload_url("uploads/one", MINUTE)
    assert "X-Amz-Signature=" in address
    assert "X-Amz-Expires=60" in address
