"""The sandbox of WAHA answers and behaves as the service does, seen with a plain HTTP client."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from integrations.waha.sandbox import WahaSandbox
from integrations.waha.sandbox.identifiers import stanza_of
from integrations.waha.sandbox.switches import Engine
from tests.processes import wait_until
from tests.waha import plain_client, quick_sandbox

CHAT = "27600000002@c.us"
TEXT = "Ticket FT900123: your technician arrives 10:00-12:00."
STANZA = "3EB0A1B2C3D4E5F60718"


@pytest.fixture
def sandbox() -> Iterator[WahaSandbox]:
    with quick_sandbox().serving() as sandbox:
        yield sandbox


@pytest.fixture
def http(sandbox: WahaSandbox) -> Iterator[httpx.Client]:
    with plain_client(sandbox) as client:
        yield client


def send(http: httpx.Client, text: str = TEXT, **more: Any) -> httpx.Response:
    return http.post("/api/sendText", json={"session": "default", "chatId": CHAT, "text": text, **more})


def listed(http: httpx.Client, chat: str = CHAT, **query: Any) -> list[dict[str, Any]]:
    answer = http.get(f"/api/default/chats/{chat}/messages", params={"limit": 100, "downloadMedia": "false", **query})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


class TestKey:
    def test_without_a_key_nothing_is_answered_but_the_ping(self, sandbox: WahaSandbox) -> None:
        with plain_client(sandbox, key=None) as bare:
            for path in ("/api/sessions", "/health"):
                answer = bare.get(path)
                assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized", "statusCode": 401})
            assert bare.get("/api/sessions", headers={"X-Api-Key": "wrong"}).status_code == 401
            assert bare.get("/api/sessions", params={"x-api-key": "sandbox-key"}).status_code == 200
            assert bare.get("/ping").json() == {"message": "pong"}

    def test_paths_may_be_opened_and_the_key_left_out(self, sandbox: WahaSandbox) -> None:
        sandbox.open_paths = frozenset({"/health"})
        assert httpx.get(f"{sandbox.url}/health", trust_env=False).json()["status"] == "ok"
        sandbox.api_key = None
        assert httpx.get(f"{sandbox.url}/api/sessions", trust_env=False).status_code == 200

    def test_it_listens_on_this_machine_only(self) -> None:
        with pytest.raises(ValueError, match="this machine only"):
            WahaSandbox(host="0.0.0.0")  # noqa: S104 - that is what is refused


class TestShapes:
    def test_gows_has_the_id_as_text(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        answer = send(http, id=STANZA)
        assert answer.status_code == 201
        assert answer.json() == {"id": f"true_{CHAT}_{STANZA}", "_data": None}

    def test_noweb_has_it_in_its_key_only(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.switches.engine = "NOWEB"
        reply = send(http, id=STANZA).json()
        assert "id" not in reply
        assert reply["key"] == {"remoteJid": "27600000002@s.whatsapp.net", "fromMe": True, "id": STANZA}
        assert reply["message"] == {"extendedTextMessage": {"text": TEXT}}
        assert isinstance(reply["messageTimestamp"], str)
        assert reply["status"] == "PENDING"

    @pytest.mark.parametrize("engine", ["WEBJS", "WPP"])
    def test_browsers_have_it_as_an_object_twice_and_take_none(
        self, sandbox: WahaSandbox, http: httpx.Client, engine: Engine
    ) -> None:
        sandbox.switches.engine = engine
        reply = send(http, id=STANZA).json()
        assert reply["id"]["id"] != STANZA
        assert reply["id"]["_serialized"] == f"true_{CHAT}_{reply['id']['id']}"
        assert reply["_data"]["id"] == reply["id"]
        assert (reply["from"], reply["to"], reply["ack"]) == ("27600000001@c.us", CHAT, 0)
        [message] = listed(http)
        assert (message["from"], message["to"]) == ("27600000001@c.us", CHAT)

    def test_ids_are_given_out_where_the_engine_takes_them(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        assert http.get("/api/default/new-message-id").json()["id"].startswith("3EB0")
        sandbox.switches.engine = "WEBJS"
        assert http.get("/api/default/new-message-id").status_code == 422
        sandbox.switches.given_ids = False
        assert http.get("/api/default/new-message-id").status_code == 404

    def test_a_repeat_of_an_id_is_the_same_message(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        assert send(http, id=STANZA).json() == send(http, id=STANZA).json()
        [message] = sandbox.chats.messages()
        assert message.calls == 2
        assert sandbox.chats.doubled() == {}
        assert [entry.facts["again"] for entry in sandbox.journal.matching(path_prefix="/api/sendText")] == [
            False,
            True,
        ]

    def test_without_an_id_a_repeat_is_received_twice_and_shows(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        send(http)
        send(http)
        assert [len(twice) for twice in sandbox.chats.doubled().values()] == [2]

    def test_files_go_the_same_way(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        file = {"mimetype": "application/pdf", "filename": "jobcard.pdf", "data": "JVBERi0xLjQK"}
        body = {"session": "default", "chatId": CHAT, "caption": "Job card", "file": file}
        assert http.post("/api/sendFile", json=body).status_code == 201
        [message] = listed(http, downloadMedia="true")
        assert message["body"] == "Job card"
        assert http.get(message["media"]["url"]).content == b"%PDF-1.4\n"
        by_address = {"mimetype": "image/jpeg", "url": "https://files.example.test/ont.jpg"}
        assert http.post("/api/sendImage", json=body | {"file": by_address}).status_code == 201

    @pytest.mark.parametrize(
        "wrong",
        [
            {"text": None},
            {"chatId": "0600000002"},
            {"session": 3},
            {"id": "x y"},
        ],
    )
    def test_what_cannot_be_sent_is_refused_in_the_framework_s_words(
        self, http: httpx.Client, wrong: dict[str, Any]
    ) -> None:
        answer = send(http, **wrong) if "text" not in wrong else send(http, text=wrong["text"])
        assert answer.status_code == 400
        assert answer.json()["error"] == "Bad Request"
        assert answer.json()["message"]

    def test_a_file_must_be_one(self, http: httpx.Client) -> None:
        body = {"session": "default", "chatId": CHAT, "file": {"mimetype": "image/png", "data": "data:;x"}}
        assert http.post("/api/sendImage", json=body).status_code == 400
        assert http.post("/api/sendImage", json=body | {"file": None}).status_code == 400

    def test_gestures(self, http: httpx.Client) -> None:
        for path in ("sendSeen", "startTyping", "stopTyping"):
            answer = http.post(f"/api/{path}", json={"session": "default", "chatId": CHAT})
            assert (answer.status_code, answer.json()) == (201, {"result": True})


class TestSessions:
    def test_one_that_does_not_work_is_refused_after_a_short_wait(
        self, sandbox: WahaSandbox, http: httpx.Client
    ) -> None:
        http.post("/api/sessions/default/stop")
        answer = send(http)
        assert answer.status_code == 422
        assert answer.json() == {
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": "default",
            "status": "STOPPED",
            "expected": ["WORKING"],
        }
        assert answer.elapsed.total_seconds() >= sandbox.switches.ready_wait
        assert sandbox.chats.messages() == []
        assert http.get("/api/contacts/check-exists", params={"phone": "1", "session": "default"}).status_code == 422

    def test_a_send_waits_for_one_that_starts(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.switches.ready_wait = 5
        assert http.post("/api/sessions/default/restart").json()["status"] == "STARTING"
        assert send(http).status_code == 201

    def test_a_send_may_hang_instead(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.switches.hang_when_not_ready = True
        http.post("/api/sessions/default/stop")
        with pytest.raises(httpx.ReadTimeout):
            http.post("/api/sendText", json={"session": "default", "chatId": CHAT, "text": TEXT}, timeout=0.4)
        # Who asked may have given up before the sandbox had waited for the session.
        wait_until(lambda: sandbox.journal.matching(path_prefix="/api/sendText"), "the call is in the journal")
        [entry] = sandbox.journal.matching(path_prefix="/api/sendText")
        assert (entry.status, entry.fault, entry.handled) == (None, "hang", False)

    def test_the_life_of_a_session(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        made = http.post("/api/sessions", json={"name": "fibre-noc", "start": False})
        assert (made.status_code, made.json()["status"], made.json()["me"]) == (201, "STOPPED", None)
        assert http.post("/api/sessions", json={"name": "fibre-noc"}).status_code == 422
        assert [one["name"] for one in http.get("/api/sessions").json()] == ["default"]
        assert len(http.get("/api/sessions", params={"all": "true"}).json()) == 2
        assert http.post("/api/sessions/fibre-noc/start").status_code == 201
        assert sandbox.settle()
        assert http.get("/api/sessions/fibre-noc").json()["status"] == "SCAN_QR_CODE"
        assert http.get("/api/sessions/fibre-noc/me").json() is None
        assert http.get("/api/fibre-noc/auth/qr", params={"format": "raw"}).json()["value"]
        assert http.get("/api/fibre-noc/auth/qr").json()["data"]
        assert http.post("/api/fibre-noc/auth/request-code", json={}).json()["code"]
        sandbox.put_session("fibre-noc", paired=True)
        assert http.get("/api/sessions/fibre-noc/me").json()["id"] == "27600000001@c.us"
        assert http.get("/api/fibre-noc/auth/qr").status_code == 422
        assert http.post("/api/sessions/fibre-noc/logout").json()["me"] is None
        assert http.delete("/api/sessions/fibre-noc").status_code == 200
        assert http.get("/api/sessions/fibre-noc").status_code == 404

    def test_a_code_that_nobody_scans_ends_in_failure(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.switches.qr_seconds = 0
        http.post("/api/sessions/default/logout")
        assert sandbox.settle()
        wait_until(lambda: http.get("/api/sessions/default").json()["status"] == "FAILED", "the code has expired")

    def test_by_the_addresses_of_old(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        stopped = http.post("/api/sessions/stop", json={"name": "default"})
        assert (stopped.status_code, stopped.json()["status"]) == (201, "STOPPED")
        assert http.post("/api/sessions/start", json={"name": "default"}).json()["status"] == "STARTING"
        assert http.post("/api/sessions/logout", json={"name": "default"}).json()["me"] is None
        assert http.post("/api/sessions/start", json={"name": "other"}).status_code == 404

    def test_configuration_is_replaced_and_restarts(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        config = {"webhooks": [{"url": "http://127.0.0.1:1/", "events": ["message.ack"]}]}
        changed = http.put("/api/sessions/default", json={"name": "default", "config": config})
        assert (changed.json()["status"], changed.json()["config"]) == ("STARTING", config)
        away = {"webhooks": [{"url": "https://hooks.example.test/", "events": ["*"]}]}
        assert http.put("/api/sessions/default", json={"config": away}).status_code == 400
        assert http.put("/api/sessions/default", json={"config": {"webhooks": 3}}).status_code == 400
        assert http.post("/api/sessions", json={"name": "no such/name"}).status_code == 400

    def test_one_that_is_not_there(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        assert send(http, session="other").status_code == 404
        sandbox.switches.unknown_session_status = 422
        assert send(http, session="other").status_code == 422

    def test_the_server_tells_of_itself_and_of_its_restart(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        assert http.get("/api/server/version").json() == http.get("/api/version").json()
        assert http.get("/api/server/version").json()["engine"] == "GOWS"
        before = http.get("/api/server/status").json()["startTimestamp"]
        for path in ("/_sandbox/restart", "/api/server/stop"):
            assert http.post(path).is_success
            now = http.get("/api/server/status").json()["startTimestamp"]
            assert now > before
            before = now
        assert http.get("/api/nothing").json()["message"] == "Cannot GET /api/nothing"


class TestReading:
    def test_a_listing_shows_the_latest_level(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        send(http, id=STANZA)
        assert sandbox.settle()
        [message] = listed(http, **{"filter.fromMe": "true"})
        expected = {"id": f"true_{CHAT}_{STANZA}", "from": CHAT, "to": None, "fromMe": True, "source": "api"}
        assert message.items() >= (expected | {"body": TEXT, "ack": 3, "ackName": "READ", "media": None}).items()
        assert listed(http, **{"filter.ack": "PENDING"}) == []
        assert listed(http, **{"filter.timestamp.gte": message["timestamp"] + 1}) == []
        assert len(listed(http, **{"filter.timestamp.lte": message["timestamp"]})) == 1

    def test_what_is_asked_wrongly(self, http: httpx.Client) -> None:
        path = f"/api/default/chats/{CHAT}/messages"
        assert http.get(path).status_code == 400
        assert http.get(path, params={"limit": 1, "filter.ack": "SEEN"}).status_code == 400
        assert http.get(path, params={"limit": 1, "filter.timestamp.gte": "today"}).status_code == 400

    def test_one_message_by_either_id(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        send(http, id=STANZA)
        chat = f"/api/default/chats/{CHAT}/messages"
        assert http.get(f"{chat}/true_{CHAT}_{STANZA}").json()["body"] == TEXT
        assert http.get(f"{chat}/{STANZA}").json()["body"] == TEXT
        assert http.get(f"/api/default/chats/all/messages/{STANZA}").json()["body"] == TEXT
        assert http.get(f"{chat}/3EB000000000").status_code == 404
        assert http.get(f"/api/default/chats/27600000003@c.us/messages/{STANZA}").status_code == 404
        sandbox.switches.engine = "WEBJS"
        assert http.get(f"{chat}/{STANZA}").status_code == 404
        assert http.get(f"{chat}/true_{CHAT}_{STANZA}").status_code == 200

    def test_without_a_store_nothing_is_there(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        send(http, id=STANZA)
        sandbox.switches.store = False
        assert listed(http) == []
        assert http.get(f"/api/default/chats/{CHAT}/messages/{STANZA}").status_code == 404
        assert len(sandbox.chats.received()) == 1

    def test_numbers(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        def check(phone: str) -> Any:
            return http.get("/api/contacts/check-exists", params={"phone": phone, "session": "default"}).json()

        assert check("27600000002") == {"numberExists": True, "chatId": CHAT}
        sandbox.switches.check_answers_hidden = True
        hidden = check("27600000002")
        assert hidden["chatId"].endswith("@lid")
        assert hidden["pn"] == CHAT
        sandbox.people.change("27600000099", exists=False, hidden=None, known=True)
        assert check("27600000099") == {"numberExists": False, "chatId": None}
        sandbox.switches.engine = "NOWEB"
        assert check("27600000099") == {"numberExists": False}

    def test_hidden_ids(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        lid = http.get("/api/default/lids/pn/27600000002").json()["lid"]
        assert http.get(f"/api/default/lids/{lid}").json() == {"lid": lid, "pn": CHAT}
        assert http.get("/api/default/lids/184799999@lid").json() == {"lid": "184799999@lid", "pn": None}
        assert http.get("/api/default/lids").json() == [{"lid": lid, "pn": CHAT}]
        assert http.get("/api/default/lids/count").json() == {"count": 1}
        send(http, chatId=lid)
        send(http)
        assert len(listed(http)) == len(listed(http, lid)) == 2
        assert [one["from"] for one in listed(http, lid, merge="false")] == [lid]


class TestRestrictions:
    LOCK = {"isActive": True, "enforcementType": "RESTRICT_ALL_COMPANIONS", "timeEnforcementEnds": 1784980000}
    CAP = {"cappingStatus": "CAPPED", "totalQuota": 10, "usedQuota": 10, "cycleEnd": 1784980000}

    @pytest.mark.parametrize(
        ("name", "data", "code"), [("reachoutTimelock", LOCK, "463"), ("messageCapping", CAP, "475")]
    )
    def test_only_new_contacts_are_refused(
        self, sandbox: WahaSandbox, http: httpx.Client, name: str, data: dict[str, Any], code: str
    ) -> None:
        assert http.put("/_sandbox/restrictions", json={"name": name, "data": data}).status_code == 204
        assert http.get("/api/sessions/default").json()["me"][name] == data
        answer = send(http)
        assert answer.status_code == 500
        assert answer.json()["exception"]["message"] == f"2 UNKNOWN: server returned error {code}"
        assert answer.json()["request"]["path"] == "/api/sendText"
        http.post("/_sandbox/inbound", json={"sender": "27600000002", "text": "Hello"})
        assert send(http).status_code == 201
        path = {"reachoutTimelock": "timelock", "messageCapping": "capping"}[name]
        assert http.get(f"/api/sessions/default/{path}").json() == data

    def test_an_engine_s_error_may_be_told_in_short(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.switches.short_engine_errors = True
        sandbox.fates.next("capped")
        assert send(http).json() == {"error": "2 UNKNOWN: server returned error 475"}

    def test_a_number_that_is_not_there(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        sandbox.people.change("27600000002", exists=False, hidden=None, known=True)
        assert send(http).status_code == 201
        assert listed(http)[0]["ackName"] == "PENDING"
        sandbox.switches.engine = "WEBJS"
        assert send(http).json()["exception"]["message"] == "No LID for user"


class TestManyAtOnce:
    def test_a_thousand_from_many_threads_are_each_there_once(self, sandbox: WahaSandbox, http: httpx.Client) -> None:
        def one(number: int) -> str:
            chat = f"2760000{number % 50:04d}@c.us"
            reply = http.post("/api/sendText", json={"session": "default", "chatId": chat, "text": f"Notice {number}"})
            return stanza_of(reply.json()["id"])

        with ThreadPoolExecutor(8) as pool:
            stanzas = list(pool.map(one, range(1_000)))
        assert len(set(stanzas)) == 1_000
        assert len(sandbox.chats.received()) == 1_000
        assert sandbox.chats.doubled() == {}
        assert sandbox.chats.never_left() == []
        numbers = [entry.number for entry in sandbox.journal.entries()]
        assert numbers == list(range(1, 1_001))
