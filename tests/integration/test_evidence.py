"""Inspection on a real database with stored files: results, repetitions, QA's word, readiness, races and plans."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from integrations.storage import Storage
from jobs.kinds.inspect_photo import InspectPhoto, inspect_photo, submit
from jobs.kinds.reinspect_photos import ReinspectPhotos, reinspect_photos
from sql.database import Connection, queries
from tests.factories import Row, make_ticket
from tests.factories.attachments import camera
from tests.factories.evidence import codes, encoded, photo_row, photograph, scene, stored_photo
from tests.factories.readiness import make_ready_ticket
from tests.factories.tickets import make_actor, make_many_tickets
from tests.races import race
from tests.running import job_row, run_jobs
from ticketing import readiness, ticket_views
from ticketing.attachments import service as attachments
from ticketing.attachments.events import AttachmentUploaded
from ticketing.errors import Forbidden, InvalidInput, NotFound, StaleWrite
from ticketing.evidence import service, views
from ticketing.evidence.alike import MOST_REPEATS, find_alike
from ticketing.evidence.fingerprints import probes, signed
from ticketing.evidence.overruling import Overruling
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_access import Sight
from ticketing.vocabulary import InspectionStatus

if TYPE_CHECKING:
    from jobs.platform import Platform

WAIT = 20


@pytest.fixture
def qa(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


@pytest.fixture
def store(platform: Platform, connection: Connection) -> Callable[..., Row]:
    """Store a photo of a ticket that nobody has inspected."""

    def make(ticket: Row, data: bytes, **columns: Any) -> Row:
        return stored_photo(platform, connection, ticket["id"], data, **columns)

    return make


@pytest.fixture
def inspected(platform: Platform, connection: Connection) -> Callable[[Row], Row]:
    """Have a photo inspected, and whatever follows from it; return its row."""

    def inspect(photo: Row) -> Row:
        with platform.begin(SYSTEM) as work:
            submit(work, photo["id"], photo["ticket_id"])
        assert {job["state"] for job in run_jobs(platform)} <= {"completed", "cancelled"}
        return photo_row(connection, photo["id"])

    return inspect


def overrule(platform: Platform, actor: Actor, photo_id: UUID, **said: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return service.overrule(work, photo_id, Overruling.model_validate({"note": "Seen on site"} | said))


def events(connection: Connection, ticket: Row, kind: str) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket["id"], PageRequest(size=100))
    return [row for row in rows[::-1] if row["event_type"] == kind]


class TestInspecting:
    def test_an_upload_is_inspected_and_told_in_the_timeline(
        self, platform: Platform, connection: Connection, store: Callable[..., Row]
    ) -> None:
        ticket = make_ticket(connection)
        photo = store(ticket, photograph(1), step_number=3)
        with platform.begin(SYSTEM) as work:
            work.record(
                AttachmentUploaded(
                    ticket_id=ticket["id"],
                    attachment_id=photo["id"],
                    kind="photo",
                    step_number=3,
                    is_evidence=True,
                    sha256=photo["file_sha256"],
                )
            )
        job = next(job for job in run_jobs(platform) if job["kind"] == "inspect_photo")
        assert (job["state"], job["result"]["status"], job["result"]["codes"]) == ("completed", "accepted", [])
        row = photo_row(connection, photo["id"])
        assert (row["inspection_status"], row["width"], row["height"]) == ("accepted", 960, 720)
        assert row["perceptual_hash"] is not None
        assert row["inspected_at"] is not None
        (event,) = events(connection, ticket, "photo_inspected")
        assert (event["before"], event["after"]) == (
            {"inspection_status": "pending"},
            {"inspection_status": "accepted"},
        )
        assert event["details"]["attachment_id"] == str(photo["id"])
        assert event["details"]["step_number"] == 3

    @pytest.mark.parametrize(("kind", "is_evidence"), [("photo", False), ("pdf", True), ("document", False)])
    def test_only_evidence_photos_are_inspected(self, kind: str, is_evidence: bool) -> None:
        ids: Row = {"ticket_id": uuid4(), "attachment_id": uuid4()}
        event = AttachmentUploaded(**ids, kind=kind, step_number=None, is_evidence=is_evidence, sha256="0" * 64)
        assert InspectPhoto.from_event(event) is None

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (photograph(2)[:-5000], "unreadable"),
            (b"no photo at all", "unreadable"),
            (encoded(scene(2, (400, 300))), "too_small"),
            (encoded(Image.new("RGB", (800, 600), (200, 200, 200))), "blank"),
            (encoded(Image.new("RGB", (800, 600))), "too_dark"),
        ],
    )
    def test_a_bad_photo_is_a_finding_and_no_failed_job(
        self,
        connection: Connection,
        store: Callable[..., Row],
        inspected: Callable[[Row], Row],
        data: bytes,
        code: str,
    ) -> None:
        row = inspected(store(make_ticket(connection), data))
        assert (row["inspection_status"], codes(row)) == ("rejected", [code])
        assert row["inspection_reasons"][0]["message"]

    def test_bytes_that_changed_in_storage_are_no_evidence(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        photo = store(make_ticket(connection), photograph(3))
        Storage.from_settings(platform.settings).put(photo["storage_key"], photograph(4))
        assert codes(inspected(photo)) == ["changed_in_storage"]

    def test_a_missing_file_is_looked_for_again_and_fails_clearly_at_last(
        self, platform: Platform, connection: Connection, store: Callable[..., Row]
    ) -> None:
        photo = store(make_ticket(connection), photograph(5))
        Storage.from_settings(platform.settings).delete(photo["storage_key"])
        with platform.begin(SYSTEM) as work:
            job_id = submit(work, photo["id"], photo["ticket_id"]).id
        run_jobs(platform)
        job = job_row(platform, job_id)
        assert (job["state"], job["attempt"]) == ("retryable", 1)
        connection.execute(
            "update jobs set state = 'available', scheduled_at = now(), attempt = max_attempts - 1 where id = %s",
            [job_id],
        )
        run_jobs(platform)
        job = job_row(platform, job_id)
        assert job["state"] == "discarded"
        assert "upload it again" in job["error_message"]
        assert photo_row(connection, photo["id"])["inspection_status"] == "pending"

    def test_a_photo_that_is_deleted_meanwhile_is_left_alone(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        photo = store(make_ticket(connection), photograph(6))
        connection.execute("update ticket_attachments set deleted_at = now() where id = %s", [photo["id"]])
        assert inspected(photo)["inspection_status"] == "pending"

    def test_the_same_again_is_no_news(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        ticket = make_ticket(connection)
        photo = store(ticket, photograph(7))
        first = inspected(photo)
        assert inspected(photo)["inspection_status"] == first["inspection_status"] == "accepted"
        assert len(events(connection, ticket, "photo_inspected")) == 1

    def test_the_order_of_steps_and_the_age_of_the_ticket_are_looked_at(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        ticket = make_ticket(connection, created_at="2026-11-20T06:00:00Z")
        at = {"uploaded_at": "2026-11-20T12:00:00Z"}

        def taken(seed: int, step: int, moment: str) -> Row:
            return inspected(store(ticket, photograph(seed, exif=camera(taken=moment)), step_number=step, **at))

        assert codes(taken(10, 4, "2026:11:20 10:00:00")) == []
        assert codes(taken(11, 5, "2026:11:20 11:00:00")) == []
        early = taken(12, 6, "2026:11:20 10:30:00")
        assert (early["inspection_status"], codes(early)) == ("accepted", ["captured_out_of_order"])
        assert "step 5" in early["inspection_reasons"][0]["message"]
        old = taken(13, 7, "2026:10:01 10:30:00")
        assert (old["inspection_status"], codes(old)[0]) == ("suspect", "captured_before_ticket")


class TestRepeating:
    def test_the_photo_of_another_ticket_is_rejected_and_named(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        first, second = make_ticket(connection), make_ticket(connection)
        original = inspected(store(first, photograph(20), step_number=4, uploaded_at="2026-11-20T08:00:00Z"))
        copy = inspected(store(second, photograph(20), uploaded_at="2026-11-20T09:00:00Z"))
        assert (original["inspection_status"], copy["inspection_status"]) == ("accepted", "rejected")
        (reason,) = copy["inspection_reasons"]
        assert (reason["code"], reason["level"]) == ("same_photo", "rejects")
        assert first["ticket_uid"] in reason["message"]
        assert reason["repeats"] == {
            "ticket_id": str(first["id"]),
            "ticket_uid": first["ticket_uid"],
            "attachment_id": str(original["id"]),
            "step_number": 4,
            "distance": 0,
        }

    def test_nearly_the_photo_of_another_ticket_is_suspect(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        first, second = make_ticket(connection), make_ticket(connection)
        inspected(store(first, photograph(21, quality=92), uploaded_at="2026-11-20T08:00:00Z"))
        smaller = encoded(scene(21).resize((700, 525)), quality=60)
        row = inspected(store(second, smaller, uploaded_at="2026-11-20T09:00:00Z"))
        assert (row["inspection_status"], codes(row)) == ("suspect", ["similar_photo"])
        assert row["inspection_reasons"][0]["repeats"]["ticket_uid"] == first["ticket_uid"]
        other = inspected(store(second, photograph(22), uploaded_at="2026-11-20T09:30:00Z"))
        assert (other["inspection_status"], codes(other)) == ("accepted", [])

    def test_a_photo_twice_on_one_ticket_only_warns(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        ticket = make_ticket(connection)
        inspected(store(ticket, photograph(23), step_number=1, uploaded_at="2026-11-20T08:00:00Z"))
        row = inspected(store(ticket, photograph(23), step_number=2, uploaded_at="2026-11-20T09:00:00Z"))
        assert (row["inspection_status"], codes(row)) == ("accepted", ["repeated_on_ticket"])

    def test_the_earlier_upload_is_the_original_whichever_is_inspected_first(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        first = store(make_ticket(connection), photograph(24), uploaded_at="2026-11-20T08:00:00Z")
        second = store(make_ticket(connection), photograph(24, quality=60), uploaded_at="2026-11-20T09:00:00Z")
        assert inspected(second)["inspection_status"] == "accepted"
        # Inspecting the original has the copy looked at again.
        assert inspected(first)["inspection_status"] == "accepted"
        assert codes(photo_row(connection, second["id"])) == ["similar_photo"]
        assert inspected(first)["inspection_status"] == "accepted"

    def test_two_inspections_at_once_do_not_miss_each_other(
        self, platform: Platform, connection: Connection, store: Callable[..., Row]
    ) -> None:
        photos = [
            store(make_ticket(connection), photograph(25, quality=quality), uploaded_at=f"2026-11-20T0{hour}:00:00Z")
            for quality, hour in ((90, 8), (60, 9))
        ]
        with platform.begin(SYSTEM) as work:
            for photo in photos:
                submit(work, photo["id"], photo["ticket_id"])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: run_jobs(platform), range(2), timeout=3 * WAIT))
        run_jobs(platform)
        assert [codes(photo_row(connection, photo["id"])) for photo in photos] == [[], ["similar_photo"]]

    def test_who_deletes_from_the_wrong_ticket_repeats_nothing(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        wrong = inspected(store(make_ticket(connection), photograph(26), uploaded_at="2026-11-20T08:00:00Z"))
        right = inspected(store(make_ticket(connection), photograph(26), uploaded_at="2026-11-20T09:00:00Z"))
        assert right["inspection_status"] == "rejected"
        with platform.begin(SYSTEM) as work:
            attachments.delete(work, wrong["id"])
        ran = {job["kind"]: job for job in run_jobs(platform)}
        assert ran["forgive_repeats"]["result"] == {"photos": 1}
        mended = photo_row(connection, right["id"])
        assert (mended["inspection_status"], codes(mended)) == ("accepted", [])

    def test_the_search_agrees_with_the_comparison_of_all(self, connection: Connection) -> None:
        """Whatever differs in 7 bits or fewer is found, and nothing else."""
        ticket = make_ticket(connection)
        base = 0x5A5A_1234_9ABC_00FF
        connection.execute(
            "insert into ticket_attachments (ticket_id, filename, file_type, mime_type, file_size, file_sha256,"
            " storage_key, is_evidence, perceptual_hash)"
            " select %s, 'a.jpg', 'photo', 'image/jpeg', 10, encode(sha256(n::text::bytea), 'hex'), 'k/' || n, true,"
            " (%s::bigint # ((1::bigint << (n * 7 %% 61)) | (1::bigint << (n * 13 %% 59)) | (n::bigint << (n %% 50))))"
            " from generate_series(1, 3000) as n",
            [ticket["id"], signed(base)],
        )
        photo = {"id": uuid4(), "uploaded_at": "2030-01-01T00:00:00Z", "file_sha256": "0" * 64}
        for bits in (0, 2, 4, 7):
            expected = connection.execute(
                "select count(*) as n from ticket_attachments"
                " where bit_count((perceptual_hash # %s::bigint)::bit(64)) <= %s",
                [signed(base), bits],
            ).fetchone()
            assert expected is not None
            found = find_alike(connection, photo, signed(base), bits)
            assert len(found.earlier) == min(expected["n"], 2 * MOST_REPEATS)
            assert all(repeat.distance <= bits for repeat in found.earlier)
            assert found.cut_buckets == 0

    def test_a_crowded_bucket_is_cut_and_says_so_but_the_very_same_hash_is_found(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ticketing.evidence.alike.BUCKET_MOST", 5)
        ticket = make_ticket(connection)
        for place in range(12):
            store(ticket, f"crowd {place}".encode(), perceptual_hash=signed(0x7F00 << 48 | place << 20 | place))
        target = store(ticket, b"target", perceptual_hash=signed(0x7F00 << 48 | 0xFFFF_0000_FFFF))
        photo = {"id": uuid4(), "uploaded_at": "2030-01-01T00:00:00Z", "file_sha256": "0" * 64}
        found = find_alike(connection, photo, target["perceptual_hash"], 7)
        assert found.cut_buckets >= 1
        assert str(target["id"]) in [repeat.attachment_id for repeat in found.earlier]


class TestOverruling:
    def test_qas_word_stands_with_who_when_and_why(
        self,
        platform: Platform,
        connection: Connection,
        store: Callable[..., Row],
        inspected: Callable[[Row], Row],
        qa: Actor,
    ) -> None:
        ticket = make_ticket(connection)
        photo = inspected(store(ticket, encoded(scene(30, (400, 300)))))
        said = overrule(platform, qa, photo["id"])
        assert set(said) == set(views.EvidenceView.model_fields)
        assert (said["inspection_status"], said["overruled_by"], said["overrule_note"]) == (
            "accepted",
            qa.user_id,
            "Seen on site",
        )
        assert said["overruled_by_name"] == qa.name
        (event,) = events(connection, ticket, "photo_overruled")
        assert (event["actor_id"], event["before"]["inspection_status"]) == (qa.user_id, "rejected")
        assert event["after"]["inspection_status"] == "accepted"
        assert (event["details"]["note"], event["details"]["codes"]) == ("Seen on site", ["too_small"])
        again = inspected(photo)
        assert (again["inspection_status"], codes(again)) == ("accepted", ["too_small"])
        overrule(platform, qa, photo["id"])
        assert len(events(connection, ticket, "photo_overruled")) == 1
        changed = overrule(platform, qa, photo["id"], status="rejected", overruled_at=said["overruled_at"])
        assert changed["inspection_status"] == "rejected"

    def test_rejecting_a_photo_takes_back_that_its_step_was_verified(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], qa: Actor
    ) -> None:
        ticket = make_ticket(connection)
        photo = store(ticket, photograph(34), step_number=6)
        connection.execute(
            "update verification_steps set photo_verified = true where ticket_id = %s and step_number in (6, 7)",
            [ticket["id"]],
        )
        overrule(platform, qa, photo["id"], status="rejected")
        rows = connection.execute(
            "select step_number from verification_steps where ticket_id = %s and photo_verified", [ticket["id"]]
        ).fetchall()
        assert [row["step_number"] for row in rows] == [7]
        (event,) = events(connection, ticket, "photo_overruled")
        assert (event["before"]["photo_verified"], event["after"]["photo_verified"]) == (True, False)

    def test_of_two_who_overrule_at_once_one_wins(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        photo = inspected(store(make_ticket(connection), encoded(scene(31, (400, 300)))))
        people = [make_actor(connection, "qa") for _ in range(2)]
        won, lost = race(
            [
                lambda: overrule(platform, people[0], photo["id"], note="Fine"),
                lambda: overrule(platform, people[1], photo["id"], status="rejected", note="Not fine"),
            ]
        )
        assert (len(won), [type(error) for error in lost]) == (1, [StaleWrite])
        row = photo_row(connection, photo["id"])
        assert row["overrule_note"] == won[0]["overrule_note"]
        assert isinstance(lost[0].details, dict)
        assert lost[0].details["overruled_by"] == str(row["overruled_by"])

    def test_who_may_not_who_is_nobody_and_what_is_not_there(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], qa: Actor
    ) -> None:
        technician = make_actor(connection, "technician")
        photo = store(make_ticket(connection, assigned_to=technician.user_id), photograph(32))
        with pytest.raises(Forbidden):
            overrule(platform, technician, photo["id"])
        with pytest.raises(InvalidInput, match="overruled_by"):
            overrule(platform, SYSTEM, photo["id"])
        assert overrule(platform, SYSTEM, photo["id"], overruled_by=qa.user_id)["overruled_by"] == qa.user_id
        with pytest.raises(NotFound):
            overrule(platform, qa, uuid4())

    def test_readiness_counts_what_is_accepted_and_its_word_is_withdrawn_with_a_photo(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        qa = make_actor(connection, "qa")
        ticket = make_ready_ticket(connection)
        connection.execute(
            "update ticket_attachments set deleted_at = now() where ticket_id = %s and step_number = 4", [ticket["id"]]
        )
        photo = store(ticket, encoded(scene(33, (400, 300))), step_number=4)

        def check() -> dict[str, Any]:
            with platform.begin(qa) as work:
                return readiness.check(work, ticket["id"], readiness.Policy(), checked_by=qa.user_id)

        assert check()["photos_count"] == 10
        inspected(photo)
        assert not check()["passed"]
        said = overrule(platform, qa, photo["id"])
        assert check()["passed"]
        overrule(platform, qa, photo["id"], status="rejected", overruled_at=said["overruled_at"])
        row = ticket_views.get_ticket(connection, qa, ticket["id"])
        assert row["qa_ready"] is False


class TestInspectingAgain:
    def test_many_are_inspected_again_and_tickets_that_are_over_stay(
        self, platform: Platform, connection: Connection, store: Callable[..., Row], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobs.kinds.reinspect_photos.AT_ONCE", 2)
        past = {"uploaded_at": "2026-01-01T00:00:00Z"}
        photos = [store(make_ticket(connection), photograph(40 + number), **past) for number in range(3)]
        closed = store(make_ticket(connection, status="closed"), photograph(45), **past)
        with platform.begin(SYSTEM) as work:
            job_id = work.enqueue(reinspect_photos, ReinspectPhotos(statuses=(InspectionStatus.PENDING,))).id
        run_jobs(platform)
        assert job_row(platform, job_id)["result"] == {"photos": 3}
        assert {photo_row(connection, photo["id"])["inspection_status"] for photo in photos} == {"accepted"}
        assert photo_row(connection, closed["id"])["inspection_status"] == "pending"
        with platform.begin(SYSTEM) as work:
            some = ReinspectPhotos(ticket_ids=(photos[0]["ticket_id"],))
            job_id = work.enqueue(reinspect_photos, some).id
        run_jobs(platform)
        assert job_row(platform, job_id)["result"] == {"photos": 1}

    def test_an_inspected_photo_of_a_ticket_that_is_over_is_not_judged_again(
        self, connection: Connection, store: Callable[..., Row], inspected: Callable[[Row], Row]
    ) -> None:
        ticket = make_ticket(connection, status="cancelled")
        past = {"inspection_status": "accepted", "inspected_at": "2026-01-01T00:00:00Z"}
        row = inspected(store(ticket, b"broken", **past))
        assert (row["inspection_status"], codes(row)) == ("accepted", [])


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many photos, made once for the tests below; they only read."""
    make_many_tickets(module_connection, 2_000)
    module_connection.execute(
        "insert into ticket_attachments (ticket_id, filename, file_type, mime_type, file_size, file_sha256,"
        " storage_key, is_evidence, perceptual_hash, inspection_status, inspected_at, uploaded_at)"
        " select t.id, 'a.jpg', 'photo', 'image/jpeg', 10, encode(sha256((t.id::text || n)::bytea), 'hex'),"
        " 'k/' || t.id || n, true, ('x' || substr(md5(t.id::text || n), 1, 16))::bit(64)::bigint,"
        " case when n = 1 and t.id::text ~ '[0-3]$' then 'suspect' else 'accepted' end, now(),"
        " '2026-01-01'::timestamptz + n * interval '1 minute' + random() * interval '300 days'"
        " from tickets as t cross join generate_series(1, 15) as n"
    )
    module_connection.execute("vacuum (analyze) ticket_attachments")
    return module_connection


def plan(connection: Connection, statement: str, parameters: dict[str, Any]) -> str:
    rows = connection.execute("explain (format text) " + statement, parameters, prepare=False).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("which", ["queue", "all", "ticket"])
def test_lists_read_an_index(many: Connection, which: str, after: bool) -> None:
    ticket = many.execute("select id from tickets limit 1").fetchone()
    row = many.execute(
        "select uploaded_at, id from ticket_attachments order by uploaded_at limit 1 offset 9000"
    ).fetchone()
    assert ticket is not None
    assert row is not None
    wanted = {
        "queue": views.EvidenceFilter(statuses=(InspectionStatus.REJECTED, InspectionStatus.SUSPECT), overruled=False),
        "all": views.EvidenceFilter(),
        "ticket": views.EvidenceFilter(ticket_id=ticket["id"]),
    }[which]
    parameters = views.parameters_of(many, wanted, Sight(everything=True), PageRequest(size=50))
    if after:
        parameters |= {"after_at": row["uploaded_at"], "after_id": row["id"]}
    text = plan(many, queries("evidence").list_evidence.sql, parameters)
    index = {"queue": "findings_idx", "all": "evidence_idx", "ticket": "ticket_attachments_"}[which]
    assert index in text
    assert "Seq Scan on ticket_attachments" not in text


def test_the_search_reads_the_indexes_of_the_bands(many: Connection) -> None:
    parameters: dict[str, Any] = {f"values_{band}": values for band, values in enumerate(probes(42))}
    parameters |= {"attachment_id": uuid4(), "perceptual_hash": 42, "uploaded_at": "2026-01-01T00:00:00Z"}
    parameters |= {"distance": 7, "bucket_most": 2000, "most": 40}
    text = plan(many, queries("evidence").find_similar_photos.sql, parameters)
    assert all(f"ticket_attachments_band_{band}_idx" in text for band in range(4))
    assert "Seq Scan" not in text
    same = {"attachment_id": uuid4(), "sha256": "0" * 64, "uploaded_at": "2026-01-01T00:00:00Z", "most": 40}
    assert "Seq Scan on ticket_attachments" not in plan(many, queries("evidence").list_same_photos.sql, same)


def test_what_is_to_be_inspected_again_is_read_in_the_order_of_an_index(many: Connection) -> None:
    parameters = dict.fromkeys(("statuses", "ticket_ids", "uploaded_from", "after_at", "after_id"))
    asked = parameters | {"uploaded_before": "2027-01-01T00:00:00Z", "row_limit": 500}
    assert "evidence_idx" in plan(many, queries("evidence").list_photos_to_inspect.sql, asked)


def test_the_job_is_limited_in_how_many_run_at_once() -> None:
    assert inspect_photo.concurrency == 4
