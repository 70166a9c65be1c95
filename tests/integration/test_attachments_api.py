"""Attachments over HTTP: uploads that are told by their bytes, lists, signed links, deleting."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from admin_api.api import attachments as attachments_api
from integrations.storage import Storage
from tests.clocks import FixedClock
from tests.factories import Row, make_ticket
from tests.factories.access import client_as, client_with
from tests.factories.attachments import HEIC, PDF, XLS, camera, draw, make_site_ticket, workbook
from tests.factories.tickets import make_actor
from tests.running import run_jobs
from ticketing import ticket_views
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

API = "/api/ticketing"


@pytest.fixture
def technician(connection: Connection) -> Actor:
    return make_actor(connection, "technician")


@pytest.fixture
def ticket(connection: Connection, technician: Actor) -> Row:
    return make_site_ticket(connection, technician)


@pytest.fixture
def client(app: Flask, platform: Platform, technician: Actor) -> FlaskClient:
    return client_as(app, platform, "technician", user_id=technician.user_id)


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


@pytest.fixture
def upload(client: FlaskClient, technician: Actor, ticket: Row) -> Any:
    """Upload a file to the ticket as the technician and return the answer."""

    def send(data: bytes, name: str = "photo.jpg", **fields: Any) -> Any:
        form = {"file": (io.BytesIO(data), name), "uploaded_by": str(technician.user_id)} | fields
        return client.post(f"{API}/tickets/{ticket['id']}/attachments", data=form)

    return send


class TestUploading:
    def test_a_photo_of_a_step_is_evidence_of_it(
        self, client: FlaskClient, upload: Any, technician: Actor, ticket: Row, connection: Connection
    ) -> None:
        photo = draw(exif=camera(6, taken="2026:11:20 09:30:00", place=((26, 12, 15.12), "S", (28, 2, 50), "E")))
        answer = upload(photo, "../../Site 7.JPG", step_number="3")
        assert answer.status_code == 201
        data = answer.get_json()["data"]
        assert set(data) == set(attachments_api.UploadResult.model_fields)
        assert (data["filename"], data["mime_type"], data["file_size"]) == ("Site 7.JPG", "image/jpeg", len(photo))
        assert answer.headers["Location"] == f"{API}/attachments/{data['attachment_id']}"
        shown = client.get(answer.headers["Location"]).get_json()["data"]
        attachments_api.AttachmentView.model_validate(shown)
        assert (shown["is_evidence"], shown["step_number"], shown["file_type"]) == (True, 3, "photo")
        assert (shown["width"], shown["height"]) == (600, 800)
        assert shown["captured_at"] == "2026-11-20T07:30:00.000Z"
        assert shown["captured_position"] == {"latitude": -26.204200, "longitude": 28.047222}
        assert shown["file_sha256"] == hashlib.sha256(photo).hexdigest()
        assert shown["uploaded_by"] == str(technician.user_id)
        assert (shown["inspection_status"], shown["thumbnail_url"]) == ("pending", None)
        steps = client.get(f"{API}/tickets/{ticket['id']}/verification").get_json()["data"]
        assert (steps[2]["id"], steps[2]["photos_count"]) == (shown["verification_step_id"], 1)
        events, _ = ticket_views.list_events(connection, SYSTEM, ticket["id"], PageRequest(size=9))
        assert [event["event_type"] for event in events] == ["attachment_uploaded"]
        assert events[0]["after"]["file_sha256"] == shown["file_sha256"]

    @pytest.mark.parametrize(
        ("data", "name", "mime_type", "stored_as"),
        [
            (draw("PNG"), "a.png", "image/png", "a.png"),
            (draw("WEBP"), "a.jpg", "image/webp", "a.jpg.webp"),
            (draw("GIF"), "a.gif", "image/gif", "a.gif"),
            (HEIC, "IMG_1.HEIC", "image/heic", "IMG_1.HEIC"),
            (PDF, "as built.pdf", "application/pdf", "as built.pdf"),
            (workbook(), "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "a.xlsx"),
            (XLS, "old.xls", "application/vnd.ms-excel", "old.xls"),
            (draw("JPEG"), "run.exe", "image/jpeg", "run.exe.jpg"),
        ],
    )
    def test_the_bytes_say_what_it_is(
        self, upload: Any, data: bytes, name: str, mime_type: str, stored_as: str
    ) -> None:
        answer = upload(data, name)
        assert answer.status_code == 201, answer.get_json()
        got = answer.get_json()["data"]
        assert (got["mime_type"], got["filename"], got["is_evidence"]) == (mime_type, stored_as, False)

    @pytest.mark.parametrize(
        ("data", "fields", "words"),
        [
            (b"<html><script>alert(1)</script>", {}, "not accepted"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "not accepted"),
            (b"MZ" + bytes(100), {}, "not accepted"),
            (b"", {}, "file is required|1 byte"),
            (draw()[:30], {}, "damaged"),
            (b"PK\x03\x04" + bytes(40), {}, "corrupt|cannot be read"),
            (draw("GIF"), {"is_evidence": "true"}, "no evidence"),
            (draw(), {"step_number": "13"}, "12"),
            (draw(), {"verification_step_id": str(uuid4())}, "no such verification step"),
            (draw(), {"uploaded_by": ""}, "uploaded_by is required"),
            (draw(), {"is_evidence": "perhaps"}, "is_evidence"),
        ],
    )
    def test_what_cannot_be_taken_is_422_and_says_why(
        self, upload: Any, data: bytes, fields: dict[str, Any], words: str
    ) -> None:
        answer = upload(data, **fields)
        assert answer.status_code == 422
        error = answer.get_json()["error"]
        assert error["code"] == "VALIDATION_ERROR"
        assert re.search(words, error["message"])

    def test_more_than_10_mb_is_refused(self, client: FlaskClient, technician: Actor, ticket: Row) -> None:
        large = draw() + bytes(10 * 1024 * 1024)
        # Written out: the client's own way of sending large forms leaves a file open.
        body = (
            b'--x\r\nContent-Disposition: form-data; name="uploaded_by"\r\n\r\n'
            + str(technician.user_id).encode()
            + b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            + large
            + b"\r\n--x--\r\n"
        )
        url = f"{API}/tickets/{ticket['id']}/attachments"
        answer = client.post(url, data=body, content_type="multipart/form-data; boundary=x")
        assert (answer.status_code, "at most 10 MB" in answer.get_json()["error"]["message"]) == (422, True)

    def test_a_picture_that_unpacks_to_gigabytes_is_refused_unread(self, upload: Any) -> None:
        made = io.BytesIO()
        Image.new("1", (30_000, 30_000)).save(made, "PNG")
        answer = upload(made.getvalue(), "bomb.png")
        assert (answer.status_code, len(made.getvalue()) < 1_000_000) == (422, True)
        assert "million pixels" in answer.get_json()["error"]["message"]

    def test_several_files_come_together_or_not_at_all(
        self, client: FlaskClient, technician: Actor, ticket: Row, connection: Connection
    ) -> None:
        url = f"{API}/tickets/{ticket['id']}/attachments"

        def files(*some: bytes) -> dict[str, Any]:
            return {"file": [(io.BytesIO(one), "a.jpg") for one in some], "uploaded_by": str(technician.user_id)}

        assert client.post(url, data=files(draw(), b"nothing known")).status_code == 422
        twice = draw()
        assert client.post(url, data=files(twice, twice)).status_code == 409
        assert client.get(url).get_json()["data"]["total"] == 0
        answer = client.post(url, data=files(draw(), draw()))
        assert (answer.status_code, answer.get_json()["data"]["count"]) == (201, 2)

    def test_the_same_file_twice_names_the_first(self, upload: Any) -> None:
        photo = draw()
        first = upload(photo, step_number="3").get_json()["data"]
        again = upload(photo, "other name.jpg", step_number="3")
        assert (again.status_code, again.get_json()["error"]["code"]) == (409, "ALREADY_EXISTS")
        assert again.get_json()["error"]["details"] == {"attachment_id": first["attachment_id"]}
        assert upload(photo, step_number="4").status_code == 201

    def test_the_flat_route_takes_the_ticket_from_the_form(
        self, client: FlaskClient, technician: Actor, ticket: Row
    ) -> None:
        form = {"file": (io.BytesIO(PDF), "a.pdf"), "uploaded_by": str(technician.user_id)}
        answer = client.post(f"{API}/attachments", data=form | {"ticket_id": str(ticket["id"])})
        assert (answer.status_code, "success" in answer.get_json()["message"]) == (201, True)
        missing = client.post(f"{API}/attachments", data={"uploaded_by": "x"})
        assert missing.status_code == 422
        assert missing.get_json()["error"]["details"] == {"file": "is required", "ticket_id": "is required"}

    @pytest.mark.parametrize(
        ("form", "words"),
        [({"uploaded_by": "user123"}, "file is required"), ({}, "file is required; uploaded_by is required")],
    )
    def test_the_contracts_words(self, client: FlaskClient, ticket: Row, form: dict[str, str], words: str) -> None:
        answer = client.post(f"{API}/tickets/{ticket['id']}/attachments", data=form)
        assert (answer.status_code, answer.get_json()["error"]["message"]) == (422, words)
        odd = client.post(f"{API}/tickets/7/attachments", data=form)
        assert "Invalid ticket ID format" in odd.get_json()["error"]["message"]

    def test_who_may_not(self, app: Flask, platform: Platform, ticket: Row, connection: Connection) -> None:
        url = f"{API}/tickets/{ticket['id']}/attachments"
        stranger = make_actor(connection, "technician")
        for client, status in [
            (client_as(app, platform, "viewer"), 403),
            (client_as(app, platform, "operator"), 403),
            (client_as(app, platform, "technician", user_id=stranger.user_id), 404),
        ]:
            form = {"file": (io.BytesIO(draw()), "a.jpg"), "uploaded_by": "x"}
            assert client.post(url, data=form).status_code == status
        assert list(Storage.from_settings(platform.settings).stored("attachments")) == []

    def test_nobody_uploads_in_anothers_name(self, upload: Any, connection: Connection) -> None:
        other = make_actor(connection, "technician")
        assert upload(draw(), uploaded_by=str(other.user_id)).status_code == 403

    def test_a_retry_with_the_key_adds_nothing(self, client: FlaskClient, technician: Actor, ticket: Row) -> None:
        url, photo = f"{API}/tickets/{ticket['id']}/attachments", draw()
        answers = [
            client.post(
                url,
                data={"file": (io.BytesIO(photo), "a.jpg"), "uploaded_by": str(technician.user_id)},
                headers={"Idempotency-Key": "one"},
                content_type="multipart/form-data; boundary=same",
            )
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].get_json()["data"]["attachment_id"] == answers[1].get_json()["data"]["attachment_id"]


class TestListing:
    def test_files_are_counted_by_type(self, client: FlaskClient, upload: Any, ticket: Row) -> None:
        for data, step in ((draw(), "1"), (draw(), "2"), (PDF, ""), (workbook(), "")):
            assert upload(data, step_number=step).status_code == 201
        body = client.get(f"{API}/tickets/{ticket['id']}/attachments").get_json()
        attachments_api.AttachmentListView.model_validate(body["data"])
        data = body["data"]
        assert data["by_file_type"] == {"photo": 2, "pdf": 1, "document": 0, "excel": 1}
        assert (data["total"], data["evidence_count"]) == (4, 2)
        assert data["total_size_bytes"] == sum(one["file_size"] for one in data["attachments"])
        assert [one["file_type"] for one in data["attachments"]] == ["excel", "pdf", "photo", "photo"]

    def test_filters_and_cursor(self, client: FlaskClient, upload: Any, ticket: Row, technician: Actor) -> None:
        for step in ("1", "2", "3"):
            upload(draw(), step_number=step)
        upload(PDF, "a.pdf")
        url = f"{API}/tickets/{ticket['id']}/attachments"

        def total(**query: Any) -> int:
            return int(client.get(url, query_string=query).get_json()["data"]["total"])

        assert total(file_type="photo") == 3
        assert total(file_type="nonsense") == 4
        assert total(is_evidence="false") == 1
        assert total(uploaded_by=str(technician.user_id)) == 4
        assert total(uploaded_by="user123") == 0
        first = client.get(url, query_string={"pageSize": 3}).get_json()
        step_id = first["data"]["attachments"][1]["verification_step_id"]
        assert total(verification_step_id=step_id) == 1
        rest = client.get(url, query_string={"cursor": first["pagination"]["next_cursor"], "limit": 3}).get_json()
        seen = [one["step_number"] for page in (first, rest) for one in page["data"]["attachments"]]
        assert (seen, rest["pagination"]["next_cursor"]) == ([None, 3, 2, 1], None)
        assert client.get(url, query_string={"cursor": "x"}).status_code == 422

    def test_unknown_things_and_strangers(
        self, client: FlaskClient, app: Flask, platform: Platform, upload: Any, connection: Connection, ticket: Row
    ) -> None:
        made = upload(draw()).get_json()["data"]["attachment_id"]
        stranger = client_as(app, platform, "technician", user_id=make_actor(connection, "technician").user_id)
        assert stranger.get(f"{API}/tickets/{ticket['id']}/attachments").status_code == 404
        for send in (stranger.get, stranger.delete):
            assert send(f"{API}/attachments/{made}").status_code == 404
        for send in (client.get, client.delete):
            assert send(f"{API}/attachments/{uuid4()}").status_code == 404
            assert send(f"{API}/attachments/7").status_code == 422


class TestLinks:
    @pytest.fixture
    def link(self, upload: Any) -> str:
        self.photo = draw()
        url: str = upload(self.photo, "Bé x.jpg", step_number="3").get_json()["data"]["storage_url"]
        return url

    def test_whoever_holds_the_link_reads_the_file(self, app: Flask, link: str) -> None:
        answer = client_with(app).get(link)
        assert (answer.status_code, answer.data, answer.content_type) == (200, self.photo, "image/jpeg")
        assert (
            answer.headers["Content-Disposition"] == "inline; filename=\"B_ x.jpg\"; filename*=UTF-8''B%C3%A9%20x.jpg"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"].startswith("private, max-age=")

    def test_a_document_is_offered_for_saving(self, app: Flask, upload: Any) -> None:
        link = upload(PDF, "a.pdf").get_json()["data"]["storage_url"]
        assert client_with(app).get(link).headers["Content-Disposition"].startswith("attachment;")

    def test_an_altered_link_leads_nowhere(self, app: Flask, link: str, upload: Any) -> None:
        parts = urlsplit(link)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        other = urlsplit(upload(draw()).get_json()["data"]["storage_url"]).path
        nobody = client_with(app)
        altered = [
            (parts.path, query | {"expires": str(int(query["expires"]) + 1)}),
            (parts.path, query | {"signature": "0" * 64}),
            (parts.path, query | {"signature": "é"}),
            (other, query),
            (parts.path.replace("original", "desk"), query),
        ]
        for path, said in altered:
            answer = nobody.get(f"{path}?{urlencode(said)}")
            assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "FORBIDDEN")
        assert nobody.get(parts.path).status_code == 422

    def test_a_link_runs_out(self, app: Flask, platform: Platform, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
        later = FixedClock(platform.clock.now() + timedelta(seconds=901))
        monkeypatch.setattr(platform, "clock", later)
        answer = client_with(app).get(link)
        assert (answer.status_code, "too old" in answer.get_json()["error"]["message"]) == (403, True)

    def test_a_deleted_file_is_gone_for_who_holds_a_link(
        self, app: Flask, client: FlaskClient, upload: Any, link: str
    ) -> None:
        which = UUID(urlsplit(link).path.split("/")[-2])
        assert client.delete(f"{API}/attachments/{which}").status_code == 200
        assert client_with(app).get(link).status_code == 404

    def test_a_file_that_is_lost_is_not_found(
        self, app: Flask, platform: Platform, client: FlaskClient, link: str
    ) -> None:
        shown = client.get(f"{API}/attachments/{urlsplit(link).path.split('/')[-2]}").get_json()["data"]
        Storage.from_settings(platform.settings).delete(shown["storage_path"])
        assert client_with(app).get(link).status_code == 404

    def test_smaller_pictures_are_made_by_a_job_and_linked(
        self, app: Flask, platform: Platform, client: FlaskClient, upload: Any
    ) -> None:
        made = upload(draw(size=(2000, 1000), exif=camera(6)), step_number="5").get_json()["data"]["attachment_id"]
        run_jobs(platform)
        shown = client.get(f"{API}/attachments/{made}").get_json()["data"]
        sizes = []
        for url in (shown["thumbnail_url"], shown["preview_url"]):
            answer = client_with(app).get(url)
            assert (answer.status_code, answer.content_type) == (200, "image/webp")
            with Image.open(io.BytesIO(answer.data)) as picture:
                sizes.append(picture.size)
                assert dict(picture.getexif()) == {}
        assert sizes == [(240, 480), (800, 1600)]


class TestDeleting:
    def test_a_file_is_deleted_and_stays_on_record(
        self, client: FlaskClient, upload: Any, ticket: Row, connection: Connection, technician: Actor
    ) -> None:
        made = upload(draw(), step_number="3").get_json()["data"]["attachment_id"]
        answer = client.delete(f"{API}/attachments/{made}")
        assert answer.get_json()["data"] == {"message": "Attachment deleted successfully", "attachment_id": made}
        assert client.get(f"{API}/attachments/{made}").status_code == 404
        assert client.get(f"{API}/tickets/{ticket['id']}/attachments").get_json()["data"]["total"] == 0
        row = connection.execute("select * from ticket_attachments where id = %s", [made]).fetchone()
        assert row is not None
        assert row["deleted_by"] == technician.user_id
        again = client.delete(f"{API}/attachments/{made}")
        assert (again.status_code, again.get_json()["error"]["code"]) == (409, "STALE_WRITE")

    def test_the_roles_refusals_reach_the_caller(
        self, client: FlaskClient, manager: FlaskClient, connection: Connection, upload: Any
    ) -> None:
        closed = make_ticket(connection, status="closed")
        form = {"file": (io.BytesIO(draw()), "a.jpg"), "uploaded_by": "x"}
        answer = manager.post(f"{API}/tickets/{closed['id']}/attachments", data=form)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "CONDITION_NOT_MET")
