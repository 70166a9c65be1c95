"""The jobs behind attachments: smaller pictures, and the sweep that never deletes what a row names."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from integrations.storage import Storage
from jobs.kinds.make_pictures import MakePictures, make_pictures
from jobs.kinds.sweep_stored_files import sweep_stored_files
from jobs.procedures.attachment_files import add, keep
from tests.factories import Row, make_ticket
from tests.factories.attachments import PDF, draw
from tests.factories.tickets import make_actor
from tests.running import run_jobs
from ticketing.attachments import direct, rules, service
from ticketing.attachments.direct import UploadRequest
from ticketing.attachments.service import Said
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection


class Killed(BaseException):
    """Ends a program between two of its steps, like a kill: nothing is tidied up."""


@pytest.fixture(autouse=True)
def _queues(platform: Platform) -> None:
    platform.declare()


@pytest.fixture
def storage(platform: Platform) -> Storage:
    return Storage.from_settings(platform.settings)


@pytest.fixture
def ticket(connection: Connection) -> Row:
    return make_ticket(connection, status="in_progress")


def attach(platform: Platform, ticket: Row, data: bytes, **said: Any) -> dict[str, Any]:
    kept = keep(Storage.from_settings(platform.settings), ticket["id"], [(data, "a")])
    with platform.begin(SYSTEM) as work:
        (row,) = add(work, ticket["id"], kept, Said(**said))
    return row


def keys(storage: Storage) -> set[str]:
    return {file.key for folder in (rules.FILES, rules.UPLOADS) for batch in storage.stored(folder) for file in batch}


def stored_row(connection: Connection, attachment_id: UUID) -> Row:
    row = connection.execute("select * from ticket_attachments where id = %s", [attachment_id]).fetchone()
    assert row is not None
    return row


def jobs_of(platform: Platform, kind: str) -> list[dict[str, Any]]:
    return [job for job in run_jobs(platform) if job["kind"] == kind]


class TestPictures:
    def test_a_photo_gets_two(self, platform: Platform, connection: Connection, storage: Storage, ticket: Row) -> None:
        photo = attach(platform, ticket, draw(size=(1000, 500)))
        (job,) = jobs_of(platform, "make_pictures")
        assert (job["state"], job["result"]["made"]) == ("completed", 2)
        row = stored_row(connection, photo["id"])
        assert keys(storage) == {row["storage_key"], row["thumbnail_key"], row["preview_key"]}
        with platform.begin(SYSTEM) as work:
            work.enqueue(make_pictures, MakePictures(attachment_id=photo["id"]))
        (again,) = jobs_of(platform, "make_pictures")
        assert again["result"] == {"made": 0}

    def test_a_document_gets_none(self, platform: Platform, ticket: Row) -> None:
        attach(platform, ticket, PDF)
        assert jobs_of(platform, "make_pictures") == []

    def test_a_photo_whose_pixels_are_damaged_gets_none_and_is_kept(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        photo = attach(platform, ticket, draw(size=(1000, 500))[:2000])
        (job,) = jobs_of(platform, "make_pictures")
        assert (job["state"], job["result"]["made"]) == ("completed", 0)
        assert "damaged" in job["result"]["because"]
        assert stored_row(connection, photo["id"])["thumbnail_key"] is None

    def test_a_photo_that_was_deleted_meanwhile_needs_none(self, platform: Platform, ticket: Row) -> None:
        photo = attach(platform, ticket, draw())
        with platform.begin(SYSTEM) as work:
            service.delete(work, photo["id"])
        (job,) = jobs_of(platform, "make_pictures")
        assert job["state"] == "cancelled"

    def test_other_bytes_than_were_uploaded_are_told_apart(
        self, platform: Platform, storage: Storage, ticket: Row
    ) -> None:
        photo = attach(platform, ticket, draw())
        storage.put(photo["storage_path"], draw())
        (job,) = jobs_of(platform, "make_pictures")
        assert job["state"] == "discarded"


class TestSweep:
    @pytest.fixture
    def aged(self, platform: Platform) -> Any:
        """Make every stored file older than the time of grace."""

        def age() -> None:
            old = (platform.clock.now() - rules.GRACE - timedelta(minutes=1)).timestamp()
            for path in (platform.settings.data_dir / "storage").rglob("*"):
                os.utime(path, (old, old))

        return age

    def sweep(self, platform: Platform) -> dict[str, Any]:
        with platform.begin(SYSTEM) as work:
            work.enqueue(sweep_stored_files)
        (job,) = jobs_of(platform, "sweep_stored_files")
        assert job["state"] == "completed"
        result: dict[str, Any] = job["result"]
        return result

    def test_what_a_row_names_stays_even_when_it_was_deleted(
        self, platform: Platform, connection: Connection, storage: Storage, ticket: Row, aged: Any
    ) -> None:
        kept, deleted = (attach(platform, ticket, draw()) for _ in range(2))
        run_jobs(platform)
        with platform.begin(SYSTEM) as work:
            service.delete(work, deleted["id"])
        named = keys(storage)
        storage.put("weekly/report.xlsx", b"another's")
        aged()
        assert self.sweep(platform) == {"forgotten_uploads": 0, "looked_at": 6, "deleted": 0}
        assert keys(storage) == named
        assert storage.exists("weekly/report.xlsx")
        assert stored_row(connection, kept["id"])["deleted_at"] is None

    def test_a_kill_between_storing_and_naming_leaves_only_what_the_sweep_removes(
        self, platform: Platform, connection: Connection, storage: Storage, ticket: Row, aged: Any
    ) -> None:
        kept = keep(storage, ticket["id"], [(draw(), "a.jpg")])

        def be_killed() -> None:
            with platform.begin(SYSTEM) as work:
                add(work, ticket["id"], kept, Said())
                raise Killed

        with pytest.raises(Killed):
            be_killed()
        assert keys(storage) == {kept[0].storage_key}
        count = connection.execute("select count(*) as n from ticket_attachments").fetchone()
        assert count == {"n": 0}
        assert self.sweep(platform)["deleted"] == 0
        aged()
        assert self.sweep(platform)["deleted"] == 1
        assert keys(storage) == set()

    def test_a_kill_between_pictures_and_their_names_leaves_only_what_the_sweep_removes(
        self,
        platform: Platform,
        connection: Connection,
        storage: Storage,
        ticket: Row,
        aged: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        photo = attach(platform, ticket, draw())

        def killed(*_: Any, **__: Any) -> bool:
            raise OSError("the worker is gone")

        with monkeypatch.context() as patch:
            patch.setattr(service, "name_pictures", killed)
            run_jobs(platform)
        assert len(keys(storage)) == 3
        connection.execute("update jobs set state = 'available' where kind = 'make_pictures' and state = 'retryable'")
        run_jobs(platform)
        assert len(keys(storage)) == 5
        aged()
        assert self.sweep(platform)["deleted"] == 2
        row = stored_row(connection, photo["id"])
        assert keys(storage) == {row["storage_key"], row["thumbnail_key"], row["preview_key"]}

    def test_uploads_that_never_came_and_those_that_were_confirmed_are_forgotten(
        self, platform: Platform, connection: Connection, storage: Storage, ticket: Row, aged: Any
    ) -> None:
        data = draw()
        wanted = UploadRequest(filename="a.jpg", file_size=len(data))
        with platform.begin(SYSTEM) as work:
            never, late = (direct.request_upload(work, ticket["id"], wanted, timedelta(minutes=15)) for _ in range(2))
        storage.put(late["storage_key"], data)
        aged()
        assert self.sweep(platform) == {"forgotten_uploads": 0, "looked_at": 1, "deleted": 0}
        connection.execute(
            "update attachment_uploads set requested_at = requested_at - interval '2 days',"
            " expires_at = expires_at - interval '2 days'"
        )
        assert self.sweep(platform) == {"forgotten_uploads": 2, "looked_at": 1, "deleted": 1}
        assert connection.execute("select id from attachment_uploads").fetchall() == []
        assert never["attachment_id"] is None


def test_an_empty_store_is_swept(platform: Platform, tmp_path: Path, connection: Connection) -> None:
    make_actor(connection, "qa")
    with platform.begin(SYSTEM) as work:
        work.enqueue(sweep_stored_files)
    (job,) = jobs_of(platform, "sweep_stored_files")
    assert job["result"] == {"forgotten_uploads": 0, "looked_at": 0, "deleted": 0}
