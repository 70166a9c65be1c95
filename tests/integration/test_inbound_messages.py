"""Messages over WhatsApp on a real database, with a gateway on loopback: to which ticket, with what, told by whom."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from integrations.storage import Storage
from integrations.waha.events import received_of
from integrations.waha.sandbox import replies
from integrations.waha.sandbox.chats import Media
from jobs.kinds.forget_webhooks import forget_webhooks
from runtime.settings import Settings
from tests.factories import Row, make_ticket, make_user
from tests.factories.attachments import draw
from tests.factories.tickets import NOON as NOW
from tests.inbound import DROP, PHONE, SENDER, keep, message_body, messages, queue, write
from tests.races import race
from tests.running import run_jobs
from ticketing.inbound_messages import service
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from integrations.waha.sandbox import WahaSandbox
    from jobs.platform import Platform
    from sql.database import Connection

OTHER_DROP = "DR1737349"
LID = "184700000000001@lid"


@pytest.fixture
def settings(settings: Settings, waha_sandbox: WahaSandbox) -> Settings:
    values = waha_sandbox.settings_values
    return settings.model_copy(update=values | {"waha_api_key": SecretStr(values["waha_api_key"])})


@pytest.fixture
def ticket(connection: Connection) -> Row:
    return make_ticket(connection, dr_number=DROP, status="in_progress")


def notes(connection: Connection, ticket: Row) -> list[dict[str, Any]]:
    return connection.execute(
        "select * from ticket_notes where ticket_id = %s order by created_at, id", [ticket["id"]]
    ).fetchall()


def files(connection: Connection, ticket: Row) -> list[dict[str, Any]]:
    return connection.execute(
        "select * from ticket_attachments where ticket_id = %s order by id", [ticket["id"]]
    ).fetchall()


def sent_by(sender: str) -> dict[str, Any]:
    return {"from": sender}


class TestPlaces:
    def test_a_message_about_a_drop_is_a_note_on_its_one_open_ticket(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        make_ticket(connection, dr_number=DROP, status="closed")
        make_ticket(connection, dr_number=OTHER_DROP)
        write(platform, f"No light at {DROP.lower()}")
        (note,) = notes(connection, ticket)
        assert (note["content"], note["author_name"]) == (f"No light at {DROP.lower()}", "Thandi (WhatsApp)")
        assert (note["note_type"], note["visibility"]) == ("client", "private")
        (message,) = messages(connection)
        assert (message["outcome"], message["ticket_id"], message["note_id"]) == ("attached", ticket["id"], note["id"])
        assert queue(connection) == []
        contact = connection.execute("select * from whatsapp_contacts").fetchone()
        assert contact is not None
        assert (contact["phone"], contact["last_dr_number"]) == (PHONE, DROP)

    def test_somebody_of_the_house_is_named_as_we_know_them(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        user = make_user(connection, phone=PHONE)
        write(platform, f"{DROP} done")
        (note,) = notes(connection, ticket)
        assert (note["author_name"], note["note_type"]) == (f"{user['name']} (WhatsApp)", "internal")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("Yes, 10:00 is fine", "no_drop_number"),
            (f"{DROP} or {OTHER_DROP}?", "several_drop_numbers"),
            ("DR9999999", "no_open_ticket"),
            (OTHER_DROP, "several_open_tickets"),
        ],
    )
    def test_what_has_no_one_place_waits_for_a_person(
        self, platform: Platform, connection: Connection, ticket: Row, text: str, reason: str
    ) -> None:
        for _ in range(2):
            make_ticket(connection, dr_number=OTHER_DROP)
        make_ticket(connection, dr_number="DR9999999", status="cancelled")
        write(platform, text)
        (item,) = queue(connection)
        assert (item["reason"], item["status"]) == (reason, "open")
        assert messages(connection)[0]["outcome"] == "triage"

    def test_the_same_message_in_two_events_and_two_forms_is_one(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        at = platform.clock.now()
        write(platform, DROP, id="false_27600000002@c.us_3ASAME")
        keep(platform, message_body(DROP, at, id=f"false_{LID}_3ASAME", **{"from": LID}))
        run_jobs(platform)
        assert len(messages(connection)) == len(notes(connection, ticket)) == 1

    def test_in_a_group_only_what_is_about_a_drop_is_taken(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        group: dict[str, Any] = {"from": "120363000000000001@g.us", "participant": SENDER}
        write(platform, "Good morning all", **group)
        write(platform, "STOP", **group)
        assert messages(connection) == []
        write(platform, f"{DROP} is down", **group)
        assert [note["content"] for note in notes(connection, ticket)] == [f"{DROP} is down"]

    def test_in_a_group_photos_follow_the_drop_whichever_is_dealt_with_first(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        group: dict[str, Any] = {"from": "120363000000000001@g.us", "participant": SENDER}
        write(platform, "", ago=timedelta(minutes=1), media={"url": None}, **group)
        assert [message["outcome"] for message in messages(connection)] == ["ignored"]
        assert queue(connection) == []
        write(platform, DROP, ago=timedelta(minutes=2), **group)
        write(platform, "", media={"url": None}, **group)
        assert {message["outcome"] for message in messages(connection)} == {"attached"}
        assert len(notes(connection, ticket)) == 3

    def test_our_own_messages_and_states_are_none(self, platform: Platform, connection: Connection) -> None:
        write(platform, DROP, fromMe=True)
        write(platform, DROP, **sent_by("status@broadcast"))
        assert messages(connection) == []

    @pytest.mark.parametrize("was", [True, False])
    def test_who_writes_is_not_taken_for_one_who_is_not_there(
        self, platform: Platform, connection: Connection, ticket: Row, was: bool
    ) -> None:
        connection.execute(
            "insert into whatsapp_contacts (phone, exists_on_whatsapp, checked_at) values (%s, %s, %s)",
            [PHONE, was, NOW],
        )
        write(platform, DROP)
        (contact,) = connection.execute("select exists_on_whatsapp, checked_at from whatsapp_contacts").fetchall()
        assert contact == ({"exists_on_whatsapp": True, "checked_at": NOW} if was else dict.fromkeys(contact))

    def test_a_message_without_an_id_is_noted_as_unusable(self, platform: Platform, connection: Connection) -> None:
        (job,) = write(platform, DROP, id=None)
        assert (job["state"], job["result"]["outcome"]) == ("completed", "unusable")
        row = connection.execute("select outcome, error from webhook_receipts").fetchone()
        assert row == {"outcome": "unusable", "error": "the message has no id"}


class TestContext:
    def test_what_follows_within_five_minutes_belongs_to_the_drop_named_last(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        other = make_ticket(connection, dr_number=OTHER_DROP)
        write(platform, DROP, ago=timedelta(minutes=9))
        write(platform, "the pole", ago=timedelta(minutes=5))
        write(platform, OTHER_DROP, ago=timedelta(minutes=4))
        write(platform, "and this", ago=timedelta(minutes=3))
        write(platform, "from somebody else", **sent_by("27600000003@c.us"))
        assert [note["content"] for note in notes(connection, ticket)] == [DROP, "the pole"]
        assert [note["content"] for note in notes(connection, other)] == [OTHER_DROP, "and this"]
        assert [item["reason"] for item in queue(connection)] == ["no_drop_number"]

    def test_after_five_minutes_a_person_is_asked(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        write(platform, DROP, ago=timedelta(minutes=6))
        write(platform, "and this")
        assert [item["reason"] for item in queue(connection)] == ["no_drop_number"]

    def test_the_order_in_which_the_jobs_come_does_not_matter(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        write(platform, "before", ago=timedelta(minutes=4))
        write(platform, "second", ago=timedelta(minutes=2))
        write(platform, "third", ago=timedelta(minutes=1))
        write(platform, DROP, ago=timedelta(minutes=3))
        assert {note["content"] for note in notes(connection, ticket)} == {DROP, "second", "third"}
        assert [item["status"] for item in queue(connection)] == ["open", "attached", "attached"]
        assert queue(connection)[1]["ticket_id"] == ticket["id"]


class TestWishes:
    def wish(self, connection: Connection) -> Any:
        return connection.execute("select opted_out_at, opted_out_reason from whatsapp_contacts").fetchall()

    def test_stop_and_start(self, platform: Platform, connection: Connection) -> None:
        write(platform, "Stop.", ago=timedelta(minutes=2))
        (contact,) = self.wish(connection)
        assert contact["opted_out_at"] is not None
        assert "Stop." in contact["opted_out_reason"]
        write(platform, "START", ago=timedelta(minutes=1))
        assert self.wish(connection) == [{"opted_out_at": None, "opted_out_reason": None}]
        assert [message["outcome"] for message in messages(connection)] == ["opted_out", "opted_in"]
        assert queue(connection) == []

    def test_an_older_wish_that_comes_late_changes_nothing(self, platform: Platform, connection: Connection) -> None:
        write(platform, "START", ago=timedelta(minutes=1))
        write(platform, "STOP", ago=timedelta(minutes=2))
        assert self.wish(connection) == [{"opted_out_at": None, "opted_out_reason": None}]


class TestHiddenSenders:
    def test_the_gateway_is_asked_once_who_it_is(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox
    ) -> None:
        hidden = waha_sandbox.people.hidden_of(SENDER)
        for text in (DROP, "STOP"):
            write(platform, text, **sent_by(hidden))
        assert {message["sender_phone"] for message in messages(connection)} == {PHONE}
        assert messages(connection)[1]["outcome"] == "opted_out"
        asked = waha_sandbox.journal.matching(path_prefix="/api/default/lids")
        assert len(asked) == 1

    def test_a_wish_of_somebody_unknown_waits_for_a_person(self, platform: Platform, connection: Connection) -> None:
        write(platform, "STOP", **sent_by(LID))
        assert [item["reason"] for item in queue(connection)] == ["sender_unknown"]


class TestFiles:
    @pytest.fixture
    def photo(self) -> bytes:
        return draw()

    def send(self, platform: Platform, sandbox: WahaSandbox, text: str, data: bytes) -> list[dict[str, Any]]:
        """Let somebody send a file through the gateway; return the jobs that ran."""
        session = sandbox.session("default")
        sent = sandbox.inbound(SENDER, text, media=Media(data, "image/jpeg"))
        payload = replies.message(sent, session, sandbox.switches, media=sandbox.media_of(sent))
        keep(platform, message_body(text, platform.clock.now(), **payload))
        return run_jobs(platform)

    def test_a_photo_becomes_a_file_of_the_ticket_and_is_inspected_as_any(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox, photo: bytes
    ) -> None:
        ran = self.send(platform, waha_sandbox, DROP, photo)
        (file,) = files(connection, ticket)
        assert Storage.from_settings(platform.settings).get(file["storage_key"]) == photo
        assert (file["mime_type"], file["is_evidence"], file["step_number"]) == ("image/jpeg", True, None)
        assert file["inspection_status"] != "pending"
        assert {"inspect_photo", "make_pictures"} <= {job["kind"] for job in ran}
        (note,) = notes(connection, ticket)
        assert note["attachments"] == [str(file["id"])]
        (message,) = messages(connection)
        assert (message["media_status"], message["attachment_id"]) == ("attached", file["id"])

    def test_photos_without_words_follow_the_drop_that_was_named(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox
    ) -> None:
        write(platform, DROP)
        for _ in range(3):
            self.send(platform, waha_sandbox, "", draw())
        assert len(files(connection, ticket)) == 3
        assert [note["content"] for note in notes(connection, ticket)] == [DROP] + ["Sent a file by WhatsApp"] * 3

    @pytest.mark.parametrize("words", ["Start", "Stop"])
    def test_the_caption_of_a_photo_is_no_wish(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox, words: str
    ) -> None:
        write(platform, DROP, ago=timedelta(minutes=1))
        self.send(platform, waha_sandbox, words, draw())
        assert len(files(connection, ticket)) == 1
        assert [note["content"] for note in notes(connection, ticket)] == [DROP, words]
        (contact,) = connection.execute("select opted_out_at from whatsapp_contacts").fetchall()
        assert contact["opted_out_at"] is None

    def test_the_same_photo_twice_is_one_file(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox, photo: bytes
    ) -> None:
        for _ in range(2):
            self.send(platform, waha_sandbox, DROP, photo)
        (file,) = files(connection, ticket)
        assert [message["attachment_id"] for message in messages(connection)] == [file["id"]] * 2

    def test_a_photo_that_belongs_nowhere_is_kept_and_comes_along_later(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox, photo: bytes
    ) -> None:
        self.send(platform, waha_sandbox, "", photo)
        (message,) = messages(connection)
        assert message["media_status"] == "stored"
        storage = Storage.from_settings(platform.settings)
        assert storage.get(message["media_key"]) == photo
        waha_sandbox.faults.rate = 1.0
        write(platform, DROP, ago=timedelta(minutes=2))
        (file,) = files(connection, ticket)
        assert storage.get(file["storage_key"]) == photo
        with platform.begin(SYSTEM) as work:
            work.enqueue(forget_webhooks)
        (swept,) = run_jobs(platform)
        assert swept["result"] == {"events": 0, "files": 1}
        assert not storage.exists(message["media_key"])
        assert storage.exists(file["storage_key"])

    def test_what_is_no_file_for_a_ticket_is_refused_and_the_words_stay(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox
    ) -> None:
        self.send(platform, waha_sandbox, f"{DROP} virus", b"MZ" + bytes(500))
        (message,) = messages(connection)
        assert (message["media_status"], message["outcome"]) == ("refused", "attached")
        assert "not accepted" in message["media_error"]
        assert (len(notes(connection, ticket)), files(connection, ticket)) == (1, [])

    def test_what_the_gateway_has_no_more_is_lost_and_says_so(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        for url in (None, "http://waha:3000/api/files/default/gone.jpeg"):
            write(platform, DROP, media={"url": url, "mimetype": "image/jpeg"})
        assert [message["media_status"] for message in messages(connection)] == ["lost", "lost"]
        assert all(message["media_error"] for message in messages(connection))

    def test_a_gateway_that_is_away_puts_the_file_off_and_nothing_else(
        self, platform: Platform, connection: Connection, ticket: Row, waha_sandbox: WahaSandbox, photo: bytes
    ) -> None:
        waha_sandbox.faults.next("server_error", times=1)
        self.send(platform, waha_sandbox, DROP, photo)
        (message,) = messages(connection)
        assert (message["outcome"], message["media_status"]) == ("attached", "pending")
        connection.execute(
            "update jobs set state = 'available', scheduled_at = now() where kind = 'fetch_inbound_media'"
        )
        run_jobs(platform)
        assert len(files(connection, ticket)) == 1


def test_of_many_who_handle_one_message_one_keeps_it(platform: Platform, connection: Connection, ticket: Row) -> None:
    received = received_of("default", json.loads(message_body(DROP, platform.clock.now()))["payload"], NOW)
    assert received is not None

    def take() -> list[UUID]:
        with platform.begin(SYSTEM) as work:
            return service.receive(work, received)

    won, lost = race([take] * 4)
    assert (len(won), lost) == (4, [])
    assert len(messages(connection)) == len(notes(connection, ticket)) == 1
