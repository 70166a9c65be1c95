"""Files that go straight to storage: a place is kept, the file is sent there by a signed address, looked at, added."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.storage import Storage
from tests.clocks import FixedClock
from tests.factories import Row
from tests.factories.access import client_as, client_with
from tests.factories.attachments import draw, make_site_ticket
from tests.factories.tickets import make_actor
from tests.gcs_server import Bucket, running_bucket
from ticketing.people import Actor

if TYPE_CHECKING:
    from jobs.platform import Platform
    from runtime.settings import Settings
    from sql.database import Connection

API = "/api/ticketing"
WAIT = 20


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
def url(ticket: Row) -> str:
    return f"{API}/tickets/{ticket['id']}/attachments"


def announce(client: FlaskClient, url: str, data: bytes, **said: Any) -> dict[str, Any]:
    answer = client.post(f"{url}/uploads", json={"filename": "a.jpg", "file_size": len(data), "step_number": 3} | said)
    assert answer.status_code == 201, answer.get_json()
    place: dict[str, Any] = answer.get_json()["data"]
    return place


class TestThroughTheServer:
    def test_a_file_is_sent_and_confirmed(self, app: Flask, client: FlaskClient, url: str, technician: Actor) -> None:
        photo = draw()
        place = announce(client, url, photo, file_sha256=hashlib.sha256(photo).hexdigest(), filename="../x/Site.jpeg")
        sent = client_with(app).put(place["url"], data=photo)
        assert (sent.status_code, sent.get_json()["data"]["file_size"]) == (201, len(photo))
        assert client.get(url).get_json()["data"]["total"] == 0
        answer = client.post(place["confirm_url"])
        assert answer.status_code == 201
        data = answer.get_json()["data"]
        assert (data["filename"], data["step_number"], data["is_evidence"]) == ("Site.jpeg", 3, True)
        assert client.get(data["storage_url"]).data == photo
        again = client.post(place["confirm_url"])
        assert (again.status_code, again.get_json()["error"]["code"]) == (409, "ALREADY_EXISTS")
        assert again.get_json()["error"]["details"] == {"attachment_id": data["attachment_id"]}
        assert client_with(app).put(place["url"], data=draw()).status_code == 409

    def test_what_is_sent_later_changes_nothing(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str
    ) -> None:
        photo = draw()
        place = announce(client, url, photo)
        client_with(app).put(place["url"], data=photo)
        data = client.post(place["confirm_url"]).get_json()["data"]
        Storage.from_settings(platform.settings).put(f"uploads/{place['upload_id']}", b"something else")
        assert client.get(data["storage_url"]).data == photo

    def test_what_did_not_come_or_is_not_as_announced(self, app: Flask, client: FlaskClient, url: str) -> None:
        photo, nobody = draw(), client_with(app)
        place = announce(client, url, photo)
        nothing = client.post(place["confirm_url"])
        assert (nothing.status_code, nothing.get_json()["error"]["code"]) == (409, "CONDITION_NOT_MET")
        for wrong in (photo[:-1], photo + b"x"):
            refused = nobody.put(place["url"], data=wrong)
            assert (refused.status_code, "announced" in refused.get_json()["error"]["message"]) == (422, True)
        other = announce(client, url, photo, file_sha256="0" * 64)
        assert nobody.put(other["url"], data=photo).status_code == 201
        confirmed = client.post(other["confirm_url"])
        assert (confirmed.status_code, "checksum" in confirmed.get_json()["error"]["message"]) == (422, True)

    def test_what_is_no_photo_is_refused_when_it_is_looked_at(self, app: Flask, client: FlaskClient, url: str) -> None:
        page = b"<html>not a photo</html>"
        place = announce(client, url, page)
        assert client_with(app).put(place["url"], data=page).status_code == 201
        assert client.post(place["confirm_url"]).status_code == 422

    def test_an_address_is_for_one_upload_and_one_time(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo = draw()
        place, other = announce(client, url, photo), announce(client, url, photo)
        nobody = client_with(app)
        assert nobody.put(place["url"].replace(place["upload_id"], other["upload_id"]), data=photo).status_code == 403
        # A link for reading is signed for another purpose.
        assert nobody.put(place["url"], data=photo).status_code == 201
        monkeypatch.setattr(platform, "clock", FixedClock(platform.clock.now() + timedelta(hours=1)))
        assert nobody.put(other["url"], data=photo).status_code == 403
        late = client.post(place["confirm_url"])
        assert (late.status_code, "time" in late.get_json()["error"]["message"]) == (409, True)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"filename": "a.jpg", "file_size": 0}, "file_size"),
            ({"filename": "a.jpg", "file_size": 10 * 1024 * 1024 + 1}, "file_size"),
            ({"filename": " ", "file_size": 1}, "filename"),
            ({"filename": "\0", "file_size": 1}, "filename"),
            ({"filename": "a\0.jpg", "file_size": 1}, "filename"),
            ({"filename": "a.jpg", "file_size": 1, "step_number": 13}, "step_number"),
            ({"filename": "a.jpg", "file_size": 1, "file_sha256": "x"}, "file_sha256"),
            ({"filename": "a.jpg", "file_size": 1, "verification_step_id": str(uuid4())}, "verification_step_id"),
        ],
    )
    def test_what_cannot_be_announced(self, client: FlaskClient, url: str, body: dict[str, Any], field: str) -> None:
        answer = client.post(f"{url}/uploads", json=body)
        assert answer.status_code == 422
        assert field in answer.get_json()["error"]["details"]

    @pytest.mark.parametrize("nothing", [None, "", " "])
    def test_no_checksum_is_a_checksum_left_out(
        self, app: Flask, client: FlaskClient, url: str, nothing: str | None
    ) -> None:
        photo = draw()
        place = announce(client, url, photo, file_sha256=nothing)
        assert client_with(app).put(place["url"], data=photo).status_code == 201
        assert client.post(place["confirm_url"]).status_code == 201

    def test_strangers_and_unknown_uploads(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str, connection: Connection
    ) -> None:
        photo = draw()
        place = announce(client, url, photo)
        client_with(app).put(place["url"], data=photo)
        stranger = client_as(app, platform, "technician", user_id=make_actor(connection, "technician").user_id)
        assert stranger.post(place["confirm_url"]).status_code == 404
        assert stranger.post(f"{url}/uploads", json={"filename": "a", "file_size": 1}).status_code == 404
        assert client.post(f"{url}/uploads/{uuid4()}/confirm").status_code == 404
        assert client.post(f"{url}/uploads/7/confirm").status_code == 422
        manager = make_actor(connection, "manager")
        other = client_as(app, platform, "manager", user_id=manager.user_id)
        assert other.post(place["confirm_url"]).status_code == 403

    def test_of_two_who_confirm_one_wins(self, app: Flask, client: FlaskClient, url: str) -> None:
        photo = draw()
        place = announce(client, url, photo)
        client_with(app).put(place["url"], data=photo)
        start = threading.Barrier(2, timeout=WAIT)

        def confirm() -> tuple[int, str]:
            start.wait()
            answer = client_with(app, client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")).post(
                place["confirm_url"]
            )
            return answer.status_code, answer.get_json().get("error", {}).get("code", "")

        with ThreadPoolExecutor(2) as pool:
            ends = sorted(future.result(WAIT) for future in [pool.submit(confirm) for _ in range(2)])
        assert ends == [(201, ""), (409, "ALREADY_EXISTS")]
        assert client.get(url).get_json()["data"]["total"] == 1


class TestThroughABucket:
    @pytest.fixture
    def bucket(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
        with running_bucket() as bucket:
            monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", bucket.account)
            yield bucket

    @pytest.fixture
    def settings(self, settings: Settings, bucket: Bucket) -> Settings:
        return settings.model_copy(update={"storage_url": "gs://fibreflow.appspot.example"})

    def test_the_file_never_passes_the_server_before_it_is_confirmed(
        self, app: Flask, client: FlaskClient, url: str, bucket: Bucket
    ) -> None:
        photo = draw()
        place = announce(client, url, photo)
        assert place["url"].startswith(f"http://127.0.0.1:{bucket.server_port}/")
        assert httpx.put(place["url"], content=photo, timeout=WAIT).status_code == 200
        data = client.post(place["confirm_url"]).get_json()["data"]
        assert client_with(app).get(data["storage_url"]).data == photo
        assert sorted(key.partition("/")[0] for key in bucket.files) == ["attachments", "uploads"]

    def test_more_than_was_announced_is_not_read(self, client: FlaskClient, url: str, bucket: Bucket) -> None:
        place = announce(client, url, draw())
        assert httpx.put(place["url"], content=bytes(11 * 1024 * 1024), timeout=WAIT).status_code == 200
        assert client.post(place["confirm_url"]).status_code == 422

    def test_a_form_goes_there_too(self, client: FlaskClient, url: str, technician: Actor, bucket: Bucket) -> None:
        form = {"file": (io.BytesIO(draw()), "a.jpg"), "uploaded_by": str(technician.user_id)}
        assert client.post(url, data=form).status_code == 201
        (key,) = bucket.files
        assert key.startswith("attachments/")
