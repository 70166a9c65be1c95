"""What the sandbox of WAHA tells by itself, what becomes of messages, and its control from another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.waha.sandbox import WahaControl, WahaSandbox, WahaSwitches
from integrations.waha.sandbox.hooks import sign
from integrations.waha.sandbox.sender import HookSender
from integrations.waha.sandbox.switches import Engine
from integrations.waha.sandbox.timetable import Timetable
from runtime.clock import SystemClock
from tests.processes import PATIENCE
from tests.waha import SECRET, Receiver, hook_to, plain_client, quick_sandbox, receiving

CHAT = "27600000002@c.us"
GROUP = "120363000000000001@g.us"
TEXT = "Ticket FT900123: your technician arrives 10:00-12:00."
STANZA = "3EB0A1B2C3D4E5F60718"
PHOTO = b"\xff\xd8\xff\xe0 a photo"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def sandbox(receiver: Receiver) -> Iterator[WahaSandbox]:
    with quick_sandbox(hook=hook_to(receiver)).serving() as sandbox:
        yield sandbox


@pytest.fixture
def http(sandbox: WahaSandbox) -> Iterator[httpx.Client]:
    with plain_client(sandbox) as client:
        yield client


@pytest.fixture
def control(sandbox: WahaSandbox) -> Iterator[WahaControl]:
    with WahaControl(sandbox.url) as control:
        yield control


def send(http: httpx.Client, text: str = TEXT, **more: Any) -> httpx.Response:
    return http.post("/api/sendText", json={"session": "default", "chatId": CHAT, "text": text, **more})


class TestEvents:
    def test_each_is_signed_over_the_bytes_that_came(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver
    ) -> None:
        send(http, "Dankie, Zoë")
        assert sandbox.settle()
        assert receiver.events
        for event in receiver.events:
            assert event.headers["x-webhook-hmac"] == sign(SECRET, event.raw)
            assert event.headers["x-webhook-hmac-algorithm"] == "sha512"
            assert event.headers["user-agent"] == "WAHA/2026.9.2"
            assert event.headers["content-type"] == "application/json"
            assert abs(int(event.headers["x-webhook-timestamp"]) - event.body["timestamp"]) < 60_000
        assert len({event.headers["x-webhook-request-id"] for event in receiver.events}) == len(receiver.events)

    def test_gows_tells_the_server_s_level_by_our_own_message_only(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver
    ) -> None:
        send(http)
        assert sandbox.settle()
        assert [(e.payload["ack"], e.payload["from"]) for e in receiver.named("message.any")] == [(1, CHAT)]
        assert receiver.levels() == [2, 3]
        assert receiver.named("message") == []

    @pytest.mark.parametrize("engine", ["NOWEB", "WEBJS"])
    def test_the_others_tell_it_by_an_acknowledgement(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver, engine: Engine
    ) -> None:
        sandbox.switches.engine = engine
        send(http)
        assert sandbox.settle()
        assert [event.payload["ack"] for event in receiver.named("message.any")] == [0]
        assert receiver.levels() == [1, 2, 3]

    def test_levels_may_be_skipped_swapped_repeated_and_hidden(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver
    ) -> None:
        sandbox.switches.ack_skipped_share = 1
        send(http)
        assert sandbox.settle()
        assert receiver.levels() == [3]
        sandbox.switches.ack_skipped_share = 0
        sandbox.switches.ack_swapped_share = sandbox.switches.ack_hidden_share = 1
        sandbox.switches.ack_repeated_share = 1
        send(http, id=STANZA)
        assert sandbox.settle()
        later = receiver.named("message.ack")[1:]
        assert [event.payload["ack"] for event in later] == [3, 3, 2, 2]
        assert len({event.body["id"] for event in later}) == 4
        assert all("@lid" in event.payload["id"] and event.payload["id"].endswith(STANZA) for event in later)
        assert sandbox.chats.messages()[1].ack == 3

    def test_a_group_s_come_for_each_member(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver, control: WahaControl
    ) -> None:
        members = ["27600000011@c.us", "27600000012@c.us"]
        http.put("/_sandbox/groups", json={"chat_id": GROUP, "members": members})
        send(http, chatId=GROUP, id=STANZA)
        assert sandbox.settle()
        told = receiver.named("message.ack.group")
        assert sorted((event.payload["ack"], event.payload["participant"]) for event in told) == [
            (level, member) for level in (2, 3) for member in members
        ]
        assert told[0].payload["id"].startswith(f"true_{GROUP}_{STANZA}_")
        assert receiver.named("message.ack") == []
        sandbox.switches.group_ack_event = "message.ack"
        control.acknowledge(STANZA, 3, participant=members[0])
        assert sandbox.settle()
        assert len(receiver.named("message.ack")) == 1

    def test_of_an_error_newer_builds_tell_more(
        self, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.acknowledge(STANZA, -1, chat_id=CHAT, error={"code": 463, "reason": "timelock"})
        assert control.settle()
        [event] = receiver.named("message.ack")
        assert (event.payload["ackName"], event.payload["error"]["code"]) == ("ERROR", 463)

    def test_older_ones_tell_less(self, control: WahaControl, receiver: Receiver) -> None:
        control.switches(bare_envelopes=True)
        control.acknowledge(STANZA, 2, chat_id=CHAT)
        assert control.settle()
        [event] = receiver.events
        assert {"id", "timestamp"} & event.body.keys() == set()
        assert event.headers["x-webhook-hmac"] == sign(SECRET, event.raw)

    def test_a_refused_event_is_tried_again_in_the_same_envelope(
        self, sandbox: WahaSandbox, control: WahaControl, receiver: Receiver
    ) -> None:
        answers = iter([500, 404, 302, 200])
        receiver.answer = lambda _event: next(answers)
        sandbox.hook = hook_to(receiver, events=("message",))
        control.inbound("+27 60 000 0002", "Yes, 10:00 is fine")
        assert control.settle()
        assert len(receiver.events) == 4
        assert len({event.raw for event in receiver.events}) == 1
        assert len({event.headers["x-webhook-request-id"] for event in receiver.events}) == 4
        tries = control.hook_tries()
        assert [one["result"] for one in tries] == ["refused", "refused", "refused", "taken"]
        assert [one["attempt"] for one in tries] == [1, 2, 3, 4]

    def test_after_the_last_try_it_is_lost(self, sandbox: WahaSandbox, control: WahaControl) -> None:
        control.hook("http://127.0.0.1:9/", SECRET, retries={"attempts": 3, "delaySeconds": 1}, events=["message"])
        control.inbound("27600000002", "Hello")
        assert control.settle()
        [lost] = sandbox.sender.lost()
        assert (lost.attempt, lost.result, lost.error) == (3, "failed", "ConnectError")
        assert control.state()["events"]["lost"] == 1
        control.hook(None)
        assert sandbox.hook is None

    def test_events_may_come_twice_and_once_more_by_hand(
        self, sandbox: WahaSandbox, control: WahaControl, receiver: Receiver
    ) -> None:
        sandbox.hook = hook_to(receiver, events=("message",))
        sandbox.switches.hook_duplicated_share = 1
        for number in range(5):
            control.inbound("27600000002", f"Message {number}")
        assert control.settle()
        first = receiver.events[0].body["id"]
        control.tell_again(first)
        assert control.settle()
        times = [event.body["id"] for event in receiver.events]
        assert len(set(times)) == 5
        assert times.count(first) == 4
        with pytest.raises(ValueError, match="no such event"):
            control.tell_again("evt_0")

    def test_a_late_event_comes_after_those_that_happened_later(self, receiver: Receiver) -> None:
        late, in_time = WahaSwitches(hook_delayed_share=1, hook_longest_delay=0.01), WahaSwitches()
        switches = [late, in_time]
        timetable = Timetable("held back")
        sender = HookSender(timetable, lambda: switches[0], SystemClock())
        sender.start()
        for envelope_id in ("evt_1", "evt_2"):
            sender.send(
                hook_to(receiver),
                envelope_id=envelope_id,
                event="message",
                stanza=STANZA,
                body=json.dumps({"id": envelope_id}).encode(),
            )
            del switches[:-1]
        assert sender.await_tries(STANZA, 1, within=30)
        # Only now does the time begin in which the first one is due.
        timetable.start()
        assert sender.await_tries(STANZA, 2, within=30)
        timetable.stop()
        sender.stop()
        assert [event.body["id"] for event in receiver.events] == ["evt_2", "evt_1"]

    def test_the_same_receiver_twice_gets_everything_twice(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        webhooks = [{"url": receiver.url, "events": ["message"], "customHeaders": [{"name": "X-Source", "value": "1"}]}]
        http.put("/api/sessions/default", json={"config": {"webhooks": webhooks}})
        assert control.settle()
        control.inbound("27600000002", "Hello")
        assert control.settle()
        first, second = receiver.named("message")
        assert first.body["id"] == second.body["id"]
        assert {first.headers.get("x-source"), second.headers.get("x-source")} == {None, "1"}
        # The session's own receiver has no key.
        assert {"x-webhook-hmac" in first.headers, "x-webhook-hmac" in second.headers} == {True, False}

    def test_states_of_sessions_are_told_with_those_before(
        self, sandbox: WahaSandbox, http: httpx.Client, receiver: Receiver
    ) -> None:
        http.post("/api/sessions/default/restart")
        assert sandbox.settle()
        told = receiver.named("session.status")
        assert {event.payload["status"] for event in told} == {"STOPPED", "STARTING", "WORKING"}
        last = next(event for event in told if event.payload["status"] == "WORKING")
        assert [one["status"] for one in last.payload["statuses"]] == ["STOPPED", "STARTING", "WORKING"]
        assert last.payload["data"] is None

    def test_a_restriction_is_told_and_the_session_stays_working(
        self, control: WahaControl, receiver: Receiver
    ) -> None:
        data = {"isActive": True, "enforcementType": "RESTRICT_ALL_COMPANIONS", "timeEnforcementEnds": 1784980000}
        control.restrict("reachoutTimelock", data)
        assert control.settle()
        [event] = receiver.named("session.status")
        assert event.payload == {
            "name": "default", "status": "WORKING", "statuses": [], "data": {"reachoutTimelock": data},
        }  # fmt: skip


class TestInbound:
    def test_a_text_by_number_or_hidden_id(self, control: WahaControl, receiver: Receiver) -> None:
        control.inbound("27600000002", "Yes, 10:00 is fine", hidden=True)
        assert control.settle()
        [message], [same] = receiver.named("message"), receiver.named("message.any")
        assert message.payload == same.payload
        assert message.body["id"] != same.body["id"]
        assert message.payload["from"].endswith("@lid")
        assert message.payload["id"].startswith(f"false_{message.payload['from']}_3A")
        assert (message.payload["source"], message.payload["ackName"]) == ("app", "DEVICE")
        assert control.messages(chat_id=CHAT)[0]["body"] == "Yes, 10:00 is fine"

    def test_it_may_be_told_by_number_and_by_hidden_id(self, control: WahaControl, receiver: Receiver) -> None:
        control.switches(told_in_both_forms=True)
        message = control.inbound("27600000002", "Hello")
        assert control.settle()
        told = receiver.named("message")
        assert sorted(event.payload["from"].partition("@")[2] for event in told) == ["c.us", "lid"]
        assert all(event.payload["id"].endswith(message["stanza"]) for event in told)

    def test_a_photo_can_be_fetched_with_the_key_only(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.inbound("27600000002", "DR1234567 done", photo=PHOTO)
        assert control.settle()
        [event] = receiver.named("message")
        media = event.payload["media"]
        assert (event.payload["hasMedia"], media["mimetype"]) == (True, "image/jpeg")
        assert media["url"].startswith(f"{sandbox.url}/api/files/default/")
        answer = http.get(media["url"])
        assert (answer.content, answer.headers["content-type"]) == (PHOTO, "image/jpeg")
        with plain_client(sandbox, key=None) as stranger:
            assert stranger.get(media["url"]).status_code == 401
        assert http.get(media["url"] + "x").status_code == 404

    def test_events_need_not_tell_where_the_photo_is(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        sandbox.switches.media_urls = False
        control.inbound("27600000002", photo=PHOTO)
        assert control.settle()
        assert receiver.named("message")[0].payload["media"]["url"] is None
        # Who reads the message gets it fetched.
        sandbox.switches.media_base_url = "http://localhost:3000"
        [message] = http.get(f"/api/default/chats/{CHAT}/messages", params={"limit": 1}).json()
        assert message["media"]["url"].startswith("http://localhost:3000/api/files/default/")

    def test_in_a_group_the_sender_is_the_participant(self, control: WahaControl, receiver: Receiver) -> None:
        control.inbound("27600000011", "Here", group=GROUP)
        assert control.settle()
        payload = receiver.named("message")[0].payload
        assert (payload["from"], payload["participant"]) == (GROUP, "27600000011@c.us")

    @pytest.mark.parametrize(
        ("engine", "told"),
        [
            ("GOWS", {"Info": {"PushName": "Thandi"}}),
            ("NOWEB", {"pushName": "Thandi"}),
            ("WEBJS", {"notifyName": "Thandi"}),
        ],
    )
    def test_the_name_is_where_the_engine_has_it(
        self, sandbox: WahaSandbox, control: WahaControl, receiver: Receiver, engine: Engine, told: dict[str, Any]
    ) -> None:
        sandbox.switches.engine = engine
        control.inbound("27600000002", "Hello", name="Thandi")
        assert control.settle()
        assert receiver.named("message")[0].payload["_data"] == told

    def test_what_comes_while_the_session_is_away_is_told_afterwards(
        self, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.session(status="STOPPED")
        control.inbound("27600000002", "Hello")
        assert control.state()["pending"] >= 1
        assert receiver.named("message") == []
        http.post("/api/sessions/default/start")
        assert control.settle()
        assert len(receiver.named("message")) == 1

    def test_what_is_typed_at_our_phone_is_ours_but_not_through_waha(
        self, control: WahaControl, receiver: Receiver
    ) -> None:
        control.typed(CHAT, "On my way")
        assert control.settle()
        [event] = receiver.named("message.any")
        assert (event.payload["fromMe"], event.payload["source"]) == (True, "app")
        assert receiver.named("message") == []


class TestFates:
    def test_accepted_and_never_acknowledged(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.next_fate("unacknowledged", chat_id=CHAT)
        assert send(http, id=STANZA).status_code == 201
        assert control.settle()
        [message] = http.get(f"/api/default/chats/{CHAT}/messages", params={"limit": 9}).json()
        assert message["ackName"] == "PENDING"
        assert receiver.events == []
        assert len(control.received()["never_left"]) == 1
        # The same message again leaves, once.
        assert send(http, id=STANZA).status_code == 201
        assert control.settle()
        assert receiver.levels() == [2, 3]
        received = control.received()
        assert (len(received["received"]), received["doubled"], received["never_left"]) == (1, [], [])

    def test_accepted_and_nowhere_to_be_seen(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl
    ) -> None:
        control.next_fate("vanished")
        assert send(http, id=STANZA).status_code == 201
        assert http.get(f"/api/default/chats/{CHAT}/messages", params={"limit": 9}).json() == []
        assert http.get(f"/api/default/chats/{CHAT}/messages/{STANZA}").status_code == 404
        assert send(http, id=STANZA).status_code == 201
        assert len(http.get(f"/api/default/chats/{CHAT}/messages", params={"limit": 9}).json()) == 1

    def test_accepted_and_refused_by_whatsapp(
        self, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.next_fate("refused_later")
        assert send(http).status_code == 201
        assert control.settle()
        assert receiver.levels() == [-1]
        assert len(control.received()["never_left"]) == 1

    def test_accepted_without_a_body(self, http: httpx.Client, control: WahaControl) -> None:
        control.next_fate("empty")
        answer = send(http)
        assert (answer.status_code, answer.content) == (201, b"")
        assert len(control.received()["received"]) == 1

    def test_sent_and_the_answer_lost(self, http: httpx.Client, control: WahaControl) -> None:
        control.next_fault("cut_after", path="/api/sendText")
        with pytest.raises(httpx.RemoteProtocolError):
            send(http)
        assert len(control.received()["received"]) == 1
        [entry] = control.matching(path_prefix="/api/sendText")
        assert (entry.status, entry.fault, entry.handled) == (None, "cut_after", True)

    def test_told_of_before_the_answer(
        self, http: httpx.Client, control: WahaControl, receiver: Receiver, sandbox: WahaSandbox
    ) -> None:
        control.next_fate("early_acks")
        # What comes in time does not come before the time goes on.
        sandbox.timetable.stop()
        send(http, id=STANZA)
        assert receiver.levels() == [2]
        assert len(receiver.named("message.any")) == 1
        sandbox.timetable.start()
        assert control.settle()
        assert receiver.levels() == [2, 3]

    @pytest.mark.parametrize(("fate", "received"), [("restart_before", 0), ("restart_after", 1)])
    def test_waha_starts_anew_amid_the_call(
        self, http: httpx.Client, control: WahaControl, receiver: Receiver, fate: str, received: int
    ) -> None:
        before = http.get("/api/server/status").json()["startTimestamp"]
        control.next_fate(fate)
        with pytest.raises(httpx.RemoteProtocolError):
            send(http, id=STANZA)
        assert control.settle()
        assert len(control.received()["received"]) == received
        assert http.get("/api/server/status").json()["startTimestamp"] > before
        assert [event.payload["status"] for event in receiver.named("session.status")][-1] == "WORKING"
        assert len(receiver.named("message.any")) == received
        [entry] = control.matching(path_prefix="/api/sendText")
        assert (entry.status, entry.facts["fate"]) == (None, fate)

    def test_an_error_although_it_left(self, http: httpx.Client, control: WahaControl) -> None:
        control.next_fate("error_after")
        assert send(http).status_code == 500
        assert len(control.received()["received"]) == 1

    def test_twice_from_one_call(self, http: httpx.Client, control: WahaControl) -> None:
        control.next_fate("doubled")
        assert send(http).status_code == 201
        [twice] = control.received()["doubled"]
        assert (twice["chat_id"], len(twice["messages"])) == (CHAT, 2)

    def test_broken_until_it_is_restarted(self, http: httpx.Client, control: WahaControl) -> None:
        control.next_fate("broken")
        for _ in range(2):
            assert send(http).json()["exception"]["message"] == "2 UNKNOWN: server returned error 400"
        http.post("/api/sessions/default/restart")
        assert control.settle()
        assert send(http).status_code == 201

    def test_working_but_dead(self, http: httpx.Client, control: WahaControl, receiver: Receiver) -> None:
        control.session(dead=True)
        assert http.get("/api/sessions/default").json()["status"] == "WORKING"
        assert send(http, id=STANZA).status_code == 201
        control.inbound("27600000002", "Are you there?")
        assert receiver.events == []
        assert len(control.received()["never_left"]) == 1
        http.post("/api/sessions/default/restart")
        assert control.settle()
        assert len(receiver.named("message")) == 1
        # What was sent into the void stays unsent until it is sent again.
        assert len(control.received()["never_left"]) == 1
        send(http, id=STANZA)
        assert control.received()["never_left"] == []


class TestControl:
    def test_levels_by_hand_in_any_order_and_of_unknown_messages(
        self, sandbox: WahaSandbox, http: httpx.Client, control: WahaControl, receiver: Receiver
    ) -> None:
        control.switches(acks_automatic=False)
        send(http, id=STANZA)
        for level in (3, 2, -1):
            control.acknowledge(STANZA, level)
            assert control.settle()
        assert receiver.levels() == [3, 2, -1]
        assert control.messages()[0]["ack_name"] == "READ"
        control.acknowledge("3EB0FFFFFFFFFFFF", 2, chat_id=CHAT, times=2)
        assert control.settle()
        assert receiver.levels() == [3, 2, -1, 2, 2]
        with pytest.raises(ValueError, match="chat_id"):
            control.acknowledge("3EB0FFFFFFFFFFFF", 2)

    def test_sessions_and_people(self, http: httpx.Client, control: WahaControl) -> None:
        assert control.session(paired=False)["status"] in ("STARTING", "SCAN_QR_CODE")
        assert control.settle()
        assert control.session(paired=True)["status"] == "WORKING"
        assert control.session(status="FAILED", broken=True) == {"status": "FAILED", "dead": False, "broken": True}
        found = control.person("27600000002", hidden="184700000000001@lid", known=False)
        assert found == {"chat_id": CHAT, "hidden": "184700000000001@lid"}
        assert http.get("/api/default/lids/184700000000001@lid").json()["pn"] is None

    def test_what_it_holds(self, http: httpx.Client, control: WahaControl, receiver: Receiver) -> None:
        control.fates(rate=0.5, names=["empty"])
        send(http)
        assert control.settle()
        state = control.state()
        assert state["sessions"] == {"default": {"status": "WORKING", "dead": False}}
        assert state["hook"] == receiver.url
        assert state["switches"]["engine"] == "GOWS"
        assert state["pending"] == 0
        control.restart()
        assert control.settle()

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("inbound", {"text": "no sender"}),
            ("inbound", {"sender": "27600000002", "session": "other"}),
            ("acks", {"message": STANZA, "level": 9, "chat_id": CHAT}),
            ("typed", {}),
        ],
    )
    def test_mistakes_are_told(self, http: httpx.Client, path: str, body: dict[str, Any]) -> None:
        assert http.post(f"/_sandbox/{path}", json=body).status_code == 400

    def test_faults_are_worded_as_waha_words_them(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        for name, status in (("unauthorised", 401), ("too_many_requests_bare", 429), ("server_error", 500)):
            sandbox.faults.next(name)
            answer = send(http)
            assert answer.status_code == answer.json()["statusCode"] == status
        sandbox.faults.next("bad_gateway_html")
        assert send(http).headers["content-type"].startswith("text/html")
        assert sandbox.chats.messages() == []

    def test_as_a_process_of_its_own(self, receiver: Receiver) -> None:
        command = [sys.executable, "-m", "integrations.waha.sandbox", "--engine", "NOWEB", "--session", "fibre-noc"]
        command += ["--hook-url", receiver.url, "--hook-secret", SECRET]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                url = process.stdout.readline().strip()
                with WahaControl(url) as control:
                    assert control.state()["sessions"] == {"fibre-noc": {"status": "WORKING", "dead": False}}
                    control.inbound("27600000002", "Hello")
                    assert control.settle()
            finally:
                process.terminate()
            assert process.wait(PATIENCE) == 0
        [event] = receiver.named("message")
        assert event.headers["x-webhook-hmac"] == sign(SECRET, event.raw)
        assert event.body["engine"] == "NOWEB"
