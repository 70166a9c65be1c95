"""The client of WAHA and the gateway agree: over the sandbox always, over a real gateway when one is given.

For a real one set FIBREFLOW_TEST_WAHA_URL, _API_KEY and _SESSION; its session must work. FIBREFLOW_TEST_WAHA_PHONE is a
number in E.164 to which one short message may be sent (without it nothing is sent there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cli.ports import free_port
from integrations.outside import (
    NoAnswer,
    NotSetUp,
    NotSignedIn,
    NotThere,
    OutsideError,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unreachable,
)
from integrations.waha.client import WahaClient
from integrations.waha.errors import Capped, SessionBroken, SessionNotWorking, Timelocked, UnknownChat
from integrations.waha.events import confirmed_of, received_of
from integrations.waha.sandbox import WahaSandbox
from integrations.waha.sandbox.chats import Media
from integrations.waha.sandbox.switches import Engine
from runtime.settings import Settings, load_settings
from tests.conformance.real import endpoints, reachable, values_for
from tests.processes import wait_until
from tests.waha import Receiver, hook_to, quick_sandbox, receiving

CHAT = "27600000002@c.us"
PHONE = "+27600000002"
TEXT = "Ticket FT900123: your technician arrives 10:00-12:00."
ENGINES = ("GOWS", "NOWEB", "WEBJS", "WPP")
Connect = Callable[..., WahaClient]


@pytest.fixture
def connect(waha_sandbox: WahaSandbox) -> Iterator[Connect]:
    """Make clients of the sandbox."""
    with ExitStack() as stack:

        def connected(**changes: Any) -> WahaClient:
            client = WahaClient.from_settings(settings_for(waha_sandbox, **changes))
            stack.callback(client.close)
            return client

        yield connected


@pytest.fixture
def client(connect: Connect) -> WahaClient:
    return connect()


@pytest.fixture
def receiver(waha_sandbox: WahaSandbox) -> Iterator[Receiver]:
    with receiving() as receiver:
        waha_sandbox.hook = hook_to(receiver)
        yield receiver
        waha_sandbox.hook = None


def settings_for(sandbox: WahaSandbox, **changes: Any) -> Settings:
    return load_settings({}, **{**sandbox.settings_values, **changes})


@pytest.fixture(scope="module", params=endpoints("waha"))
def endpoint(request: pytest.FixtureRequest) -> Iterator[tuple[WahaClient, str | None]]:
    """A client of the sandbox, or of the real one, and the number to which something may be sent, if there is one."""
    with ExitStack() as stack:
        if request.param == "real":
            values = values_for("waha")
            phone = values.pop("waha_phone", None)
            settings = load_settings({f"FIBREFLOW_{name.upper()}": value for name, value in values.items()})
            stack.enter_context(reachable(values["waha_url"]))
        else:
            phone = PHONE
            settings = settings_for(stack.enter_context(quick_sandbox().serving()))
        client = WahaClient.from_settings(settings)
        stack.callback(client.close)
        yield client, phone


class TestEverywhere:
    """What holds for the sandbox and for the gateway alike."""

    @pytest.fixture
    def client(self, endpoint: tuple[WahaClient, str | None]) -> WahaClient:
        return endpoint[0]

    @pytest.fixture
    def phone(self, endpoint: tuple[WahaClient, str | None]) -> str:
        if endpoint[1] is None:
            pytest.skip("no number was given to which something may be sent")
        return endpoint[1]

    def test_it_says_which_it_is_and_since_when(self, client: WahaClient) -> None:
        server = client.version()
        assert server.engine in ENGINES
        assert server.version
        started = client.started_at()
        assert started is not None
        assert started <= datetime.now(UTC)

    def test_its_session_works(self, client: WahaClient) -> None:
        session = client.session()
        assert (session.name, session.status) == (client.session_name, "WORKING")
        assert session.me == client.me()

    def test_a_message_is_found_again_by_its_id_and_in_its_chat(self, client: WahaClient, phone: str) -> None:
        contact = client.check_exists(phone)
        assert contact.exists
        assert contact.chat_id
        text, began = f"FibreFlow tries itself: {uuid4()}", datetime.now(UTC) - timedelta(minutes=1)
        sent = client.send_text(contact.chat_id, text, client.new_message_id())
        [listed] = [one for one in client.list_messages(contact.chat_id, since=began) if one.body == text]
        assert sent.stanza in (None, listed.stanza)
        found = client.get_message(contact.chat_id, listed.raw_id)
        assert found is not None
        assert (found.stanza, found.body, found.from_me) == (listed.stanza, text, True)

    def test_what_is_not_there(self, client: WahaClient, phone: str) -> None:
        chat_id = client.check_exists(phone).chat_id or ""
        assert client.get_message(chat_id, f"true_{chat_id}_3EB000000000000000FF") is None


class TestShapes:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_stanza_is_found_in_every_engine_s_answer(
        self, waha_sandbox: WahaSandbox, client: WahaClient, engine: Engine
    ) -> None:
        waha_sandbox.switches.engine = engine
        planned = client.new_message_id()
        assert (planned is None) == (engine in ("WEBJS", "WPP"))
        sent = client.send_text(CHAT, TEXT, planned)
        [message] = waha_sandbox.chats.messages()
        assert sent.stanza == message.stanza
        assert planned in (None, sent.stanza)
        [listed] = client.list_messages(CHAT)
        assert (listed.stanza, listed.body, listed.from_me) == (message.stanza, TEXT, True)
        found = client.get_message(CHAT, message.id)
        assert found is not None
        assert found.stanza == message.stanza

    def test_an_answer_without_a_body_is_a_message_accepted(
        self, waha_sandbox: WahaSandbox, client: WahaClient
    ) -> None:
        waha_sandbox.fates.next("empty")
        sent = client.send_text(CHAT, TEXT)
        assert (sent.raw_id, sent.stanza) == (None, None)
        assert len(client.list_messages(CHAT)) == 1

    def test_an_older_gateway_gives_no_ids(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        waha_sandbox.switches.given_ids = False
        assert client.new_message_id() is None

    def test_levels_are_read_in_lists(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        stanza = client.send_text(CHAT, TEXT).stanza
        assert waha_sandbox.settle()
        assert [one.ack for one in client.list_messages(CHAT)] == [3]
        waha_sandbox.fates.next("unacknowledged")
        client.send_text(CHAT, "Another")
        assert {one.body: one.ack for one in client.list_messages(CHAT)} == {TEXT: 3, "Another": 0}
        assert stanza

    def test_lists_are_of_ours_and_of_the_time_asked_for(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        client.send_text(CHAT, TEXT)
        waha_sandbox.inbound(PHONE, TEXT)
        assert len(client.list_messages(CHAT)) == 1
        assert len(client.list_messages(CHAT, from_me=False)) == 2
        assert client.list_messages(CHAT, since=datetime.now(UTC) + timedelta(minutes=1)) == []
        assert client.list_messages("27600000003@c.us") == []


class TestNumbers:
    def test_the_number_s_own_form_is_preferred(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        assert client.check_exists(PHONE).chat_id == CHAT
        waha_sandbox.switches.check_answers_hidden = True
        assert client.check_exists(PHONE).chat_id == CHAT
        for engine in ("GOWS", "NOWEB"):
            waha_sandbox.switches.engine = engine
            waha_sandbox.people.change(PHONE, exists=False, hidden=None, known=True)
            missing = client.check_exists(PHONE)
            assert (missing.exists, missing.chat_id) == (False, None)

    def test_who_is_behind_a_hidden_id(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        hidden = waha_sandbox.people.hidden_of(CHAT)
        assert client.phone_of_hidden_id(hidden) == PHONE
        assert client.phone_of_hidden_id("184799999@lid") is None


class TestSessions:
    def test_one_that_does_not_work_refuses_and_nothing_leaves(
        self, waha_sandbox: WahaSandbox, client: WahaClient
    ) -> None:
        waha_sandbox.put_session(status="SCAN_QR_CODE")
        with pytest.raises(SessionNotWorking) as caught:
            client.send_text(CHAT, TEXT)
        assert (caught.value.session_status, caught.value.may_have_happened) == ("SCAN_QR_CODE", False)
        assert waha_sandbox.chats.messages() == []

    def test_a_restart_keeps_the_pairing(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        client.restart()
        assert waha_sandbox.settle()
        assert client.session().status == "WORKING"
        assert client.me() == "27600000001@c.us"

    def test_one_without_a_telephone_has_no_account(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        waha_sandbox.put_session(paired=False)
        assert client.me() is None
        assert client.session().me is None

    def test_one_that_was_never_made(self, connect: Connect) -> None:
        stranger = connect(waha_session="other")
        for call in (stranger.session, stranger.restart, lambda: stranger.send_text(CHAT, TEXT)):
            with pytest.raises(NotThere) as caught:
                call()
            assert not caught.value.may_have_happened

    @pytest.mark.parametrize(
        ("name", "data", "error"),
        [
            ("reachoutTimelock", {"isActive": True, "timeEnforcementEnds": 1784980000}, Timelocked),
            (
                "messageCapping",
                {"cappingStatus": "CAPPED", "totalQuota": 9, "usedQuota": 9, "cycleEnd": 1784980000},
                Capped,
            ),
        ],
    )
    def test_restrictions_are_read_and_refuse_new_contacts(
        self,
        waha_sandbox: WahaSandbox,
        client: WahaClient,
        name: str,
        data: dict[str, Any],
        error: type[OutsideError],
    ) -> None:
        assert client.session().restrictions is None
        waha_sandbox.restrict(name, data)
        [restriction] = client.session().restrictions or ()
        assert restriction.until == datetime.fromtimestamp(1784980000, UTC)
        for short in (False, True):
            waha_sandbox.switches.short_engine_errors = short
            with pytest.raises(error) as caught:
                client.send_text(CHAT, TEXT)
            assert not caught.value.may_have_happened

    def test_broken_until_it_is_restarted(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        waha_sandbox.fates.next("broken")
        with pytest.raises(SessionBroken):
            client.send_text(CHAT, TEXT)
        client.restart()
        assert waha_sandbox.settle()
        assert client.send_text(CHAT, TEXT).stanza


class TestFailures:
    """What each failure is called, and whether it says rightly that nothing left."""

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("unauthorised", NotSignedIn),
            ("not_found", NotThere),
            ("unprocessable", Refused),
            ("too_many_requests", TooManyRequests),
            ("too_many_requests_bare", TooManyRequests),
            ("server_error", ServerFailed),
            ("server_error_after", ServerFailed),
            ("bad_gateway_html", ServerFailed),
            ("unavailable_html", ServerFailed),
            ("cut_before", NoAnswer),
            ("cut_midway", NoAnswer),
            ("cut_after", NoAnswer),
        ],
    )
    def test_of_the_network(
        self, waha_sandbox: WahaSandbox, client: WahaClient, fault: str, error: type[OutsideError]
    ) -> None:
        waha_sandbox.faults.next(fault, path="/api/sendText")
        with pytest.raises(error) as caught:
            client.send_text(CHAT, TEXT)
        assert caught.value.may_have_happened or waha_sandbox.chats.messages() == []

    @pytest.mark.parametrize(
        ("fate", "error"),
        [
            ("timelocked", Timelocked),
            ("capped", Capped),
            ("rate_limited", TooManyRequests),
            ("no_lid", UnknownChat),
            ("restart_before", NoAnswer),
            ("restart_after", NoAnswer),
            ("error_after", ServerFailed),
        ],
    )
    def test_of_the_gateway(
        self, waha_sandbox: WahaSandbox, client: WahaClient, fate: str, error: type[OutsideError]
    ) -> None:
        waha_sandbox.fates.next(fate)
        with pytest.raises(error) as caught:
            client.send_text(CHAT, TEXT)
        assert caught.value.may_have_happened or waha_sandbox.chats.messages() == []

    def test_an_answer_that_does_not_come(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        waha_sandbox.faults.next("slow", path="/api/sendText")
        client._send_timeout = httpx.Timeout(2.0)
        with pytest.raises(NoAnswer):
            client.send_text(CHAT, TEXT)
        # It left all the same: whoever repeats this without a look sends it twice.
        wait_until(waha_sandbox.chats.received, "it has arrived")
        assert len(waha_sandbox.chats.received()) == 1

    def test_nobody_listens(self, connect: Connect) -> None:
        client = connect(waha_url=f"http://127.0.0.1:{free_port()}")
        with pytest.raises(Unreachable) as caught:
            client.send_text(CHAT, TEXT)
        assert not caught.value.may_have_happened

    def test_a_wrong_key(self, waha_sandbox: WahaSandbox, connect: Connect) -> None:
        with pytest.raises(NotSignedIn):
            connect(waha_api_key="another").send_text(CHAT, TEXT)
        assert waha_sandbox.chats.messages() == []

    def test_without_an_address_it_says_what_to_set(self) -> None:
        with pytest.raises(NotSetUp, match="FIBREFLOW_WAHA_URL"):
            WahaClient.from_settings(load_settings({}))

    def test_a_repeat_with_the_same_id_after_a_lost_answer_is_one_message(
        self, waha_sandbox: WahaSandbox, client: WahaClient
    ) -> None:
        planned = client.new_message_id()
        for fate in ("restart_after", "vanished", None):
            if fate:
                waha_sandbox.fates.next(fate)
            try:
                client.send_text(CHAT, TEXT, planned)
            except NoAnswer:
                assert waha_sandbox.settle()
        assert len(waha_sandbox.chats.received()) == 1
        assert waha_sandbox.chats.doubled() == {}


class TestEvents:
    def test_our_messages_are_confirmed_by_their_stanza_whatever_the_chat_is_called(
        self, waha_sandbox: WahaSandbox, client: WahaClient, receiver: Receiver
    ) -> None:
        waha_sandbox.switches.ack_hidden_share = 1
        sent = client.send_text(CHAT, TEXT)
        assert waha_sandbox.settle()
        told = [
            confirmed_of(event.payload) for event in (*receiver.named("message.any"), *receiver.named("message.ack"))
        ]
        assert [(one.stanza, one.level) for one in told if one] == [
            (sent.stanza, 1),
            (sent.stanza, 2),
            (sent.stanza, 3),
        ]
        assert all("@lid" in event.payload["id"] for event in receiver.named("message.ack"))

    @pytest.mark.parametrize("engine", ENGINES)
    def test_what_people_write_is_read_and_their_photos_fetched(
        self, waha_sandbox: WahaSandbox, client: WahaClient, receiver: Receiver, engine: Engine
    ) -> None:
        waha_sandbox.switches.engine = engine
        waha_sandbox.switches.media_base_url = "http://localhost:3000"
        photo = Media(b"\xff\xd8\xff\xe0 a photo", "image/jpeg")
        waha_sandbox.inbound(PHONE, "DR9900123 done", hidden=True, media=photo, name="Thandi")
        assert waha_sandbox.settle()
        [event] = receiver.named("message")
        found = received_of("default", event.payload, datetime.now(UTC))
        assert found is not None
        assert (found.body, found.sender_phone, found.sender_name) == ("DR9900123 done", None, "Thandi")
        assert client.phone_of_hidden_id(found.sender_id) == PHONE
        assert found.media is not None
        assert client.download(found.media.url or "") == photo.data
        with pytest.raises(Refused):
            client.download(found.media.url or "", most=3)


class TestManyAtOnce:
    def test_one_client_serves_many_threads(self, waha_sandbox: WahaSandbox, client: WahaClient) -> None:
        with ThreadPoolExecutor(8) as pool:
            sent = list(pool.map(lambda number: client.send_text(CHAT, f"Notice {number}"), range(80)))
        assert len({one.stanza for one in sent}) == len(waha_sandbox.chats.received()) == 80
