"""The client of QContact and the service agree: over the sandbox always, over a real tenant when one is given.

For a real one set FIBREFLOW_TEST_QCONTACT_URL, _QUEUE and _EMAIL with _PASSWORD, or _UID, _ACCESS_TOKEN and _CLIENT.
FIBREFLOW_TEST_QCONTACT_CASE is the id of a case that may be written to (without it nothing is written there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cli.ports import free_port
from integrations.outside import (
    NoAnswer,
    NotAllowed,
    NotSetUp,
    NotSignedIn,
    NotThere,
    OutsideError,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unreachable,
)
from integrations.qcontact.client import QContactClient
from integrations.qcontact.sandbox import NewCase, QContactSandbox, findings
from integrations.qcontact.tokens import MemoryTokens
from integrations.qcontact.wire import WireCase
from runtime.settings import Settings, load_settings
from tests.conformance.real import endpoints, reachable, values_for
from tests.factories.qcontact import renew
from tests.processes import wait_until

Connect = Callable[..., QContactClient]
STRANGE_ID = "21999999999999"
SAMPLE = NewCase(
    label="Connection Issue FT900123",
    reference="FT900123",
    category="Connectivity::Link Light",
    description="No light",
    drop="DR9900123",
    contact="Thandi Example",
    telephone="+27600000002",
)


@pytest.fixture(scope="module")
def _serving() -> Iterator[QContactSandbox]:
    with QContactSandbox().serving() as sandbox:
        sandbox.add_cases(60)
        yield sandbox


@pytest.fixture
def sandbox(_serving: QContactSandbox) -> QContactSandbox:
    """The module's sandbox as good as new, but for the cases that it holds."""
    renew(_serving)
    return _serving


@pytest.fixture
def connect(sandbox: QContactSandbox) -> Iterator[Connect]:
    """Make clients of the sandbox, each with tokens of its own."""
    with ExitStack() as stack:

        def connected(**changes: Any) -> QContactClient:
            client = QContactClient.from_settings(settings_for(sandbox, **changes), MemoryTokens())
            stack.callback(client.close)
            return client

        yield connected


def settings_for(sandbox: QContactSandbox, **changes: Any) -> Settings:
    return load_settings({}, **{**sandbox.settings_values, "qcontact_timeout": 30.0, **changes})


@pytest.fixture(scope="module", params=endpoints("qcontact"))
def endpoint(request: pytest.FixtureRequest, _serving: QContactSandbox) -> Iterator[tuple[QContactClient, str | None]]:
    """A client of the sandbox, or of the real one, and the id of a case that may be written to, if there is one."""
    if request.param == "real":
        values = values_for("qcontact")
        case_id = values.pop("qcontact_case", None)
        settings = load_settings({f"FIBREFLOW_{name.upper()}": value for name, value in values.items()})
        reaching = reachable(values["qcontact_url"])
    else:
        case_id = str(_serving.add_case(SAMPLE).id)
        settings, reaching = settings_for(_serving), reachable(_serving.url)
    client = QContactClient.from_settings(settings, MemoryTokens())
    with reaching:
        yield client, case_id
        client.close()


class TestEverywhere:
    """What holds for the sandbox and for the service alike."""

    @pytest.fixture
    def client(self, endpoint: tuple[QContactClient, str | None]) -> QContactClient:
        return endpoint[0]

    @pytest.fixture
    def writable(self, endpoint: tuple[QContactClient, str | None]) -> str:
        if endpoint[1] is None:
            pytest.skip("no case was given that may be written to")
        return endpoint[1]

    def test_we_are_signed_in(self, client: QContactClient) -> None:
        client.me()

    def test_a_walk_over_the_pages_meets_the_cases_that_were_counted(self, client: QContactClient) -> None:
        first = client.list_cases(page=1, items=20)
        assert first.total is not None
        assert (first.page, first.unreadable) == (1, 0)
        met: set[str] = {case.id for case in first.cases}
        page = first
        while not page.is_last:
            page = client.list_cases(page=page.page + 1, items=20)
            met |= {case.id for case in page.cases}
        assert page.page == first.pages
        # Rows move between pages whenever somebody works on a case.
        assert first.total - 5 <= len(met) <= first.total + 5

    def test_a_list_of_one_status_holds_no_other(self, client: QContactClient) -> None:
        page = client.list_cases(page=1, items=10, status="Assigned")
        assert {client.get_case(case.id).status for case in page.cases[:3]} <= {"Assigned"}

    def test_a_case_of_the_list_is_there_whole(self, client: QContactClient) -> None:
        row = client.list_cases(page=1, items=1).cases[0]
        case = client.get_case(row.id)
        assert (case.id, case.label, case.is_whole, row.is_whole) == (row.id, row.label, True, False)
        assert case.status is not None
        assert case.created_at is not None
        assert case.assigned_to is not None
        assert case.assigned_to.isdecimal()
        drop = case.label_of("c__dr_number")
        assert drop is None or "DR" in drop.upper()

    def test_no_such_case(self, client: QContactClient) -> None:
        with pytest.raises(NotThere) as caught:
            client.get_case(STRANGE_ID)
        assert (caught.value.is_outage, caught.value.may_have_happened) == (False, False)
        assert client.list_events(STRANGE_ID) == []

    def test_a_timeline_is_newest_first(self, client: QContactClient) -> None:
        row = client.list_cases(page=1, items=1).cases[0]
        moments = [event.at for event in client.list_events(row.id) if event.at is not None]
        assert moments == sorted(moments, reverse=True)

    def test_a_change_arrives_and_is_seen(self, client: QContactClient, writable: str) -> None:
        before = client.get_case(writable).text("description") or ""
        marked = f"{before}\n[FF:{uuid4()}] conformance"
        assert client.update_case(writable, {"description": marked}).text("description") == marked
        assert client.get_case(writable).text("description") == marked
        assert any(change[0] == "Description" for event in client.list_events(writable) for change in event.changes)
        client.update_case(writable, {"description": before})
        assert (client.get_case(writable).text("description") or "") == before

    def test_a_status_in_the_words_of_the_screen_is_refused(self, client: QContactClient, writable: str) -> None:
        before = client.get_case(writable).status
        with pytest.raises(Refused):
            client.update_case(writable, {"status": "In Progress"})
        assert client.get_case(writable).status == before

    def test_free_text_in_a_dropdown_is_refused(self, client: QContactClient, writable: str) -> None:
        with pytest.raises(Refused):
            client.update_case(writable, {"c__update": "Called the client, who wants a morning visit"})

    def test_a_note_is_taken_or_not_allowed(self, client: QContactClient, writable: str) -> None:
        try:
            assert client.add_note(writable, "Conformance", public=False)
        except NotAllowed as refusal:
            assert refusal.status == 403  # noqa: PT017 - both ends are right


def retold(case: WireCase) -> dict[str, Any]:
    return {"status": case.status, "description": case.text("description"), "drop": case.label_of("c__dr_number")}


class TestVariants:
    """Whatever shape the service chooses, the same is read."""

    @pytest.fixture
    def case_id(self, sandbox: QContactSandbox) -> str:
        return str(sandbox.add_case(replace(SAMPLE, status="InProgress")).id)

    @pytest.mark.parametrize(
        ("switches", "status"),
        [
            ({}, "InProgress"),
            ({"status_form": "label"}, "In Progress"),
            ({"detail_shape": "flat"}, "InProgress"),
            ({"detail_shape": "flat", "status_form": "label"}, "In Progress"),
        ],
    )
    def test_details(
        self, sandbox: QContactSandbox, connect: Connect, case_id: str, switches: dict[str, str], status: str
    ) -> None:
        sandbox.switches = sandbox.switches_type.model_validate(switches)
        assert retold(connect().get_case(case_id)) == {
            "status": status,
            "description": "No light",
            "drop": "DR9900123",
        }

    @pytest.mark.parametrize(
        ("switches", "statuses"),
        [
            ({}, {"InProgress"}),
            ({"status_form": "label"}, {"In Progress"}),
            ({"row_status": "never"}, {None}),
            ({"pagination_shape": "top_level"}, {"InProgress"}),
        ],
    )
    def test_rows(
        self, sandbox: QContactSandbox, connect: Connect, case_id: str, switches: dict[str, str], statuses: set[str]
    ) -> None:
        sandbox.switches = sandbox.switches_type.model_validate(switches)
        page = connect().list_cases(page=1, items=1, status="InProgress")
        assert {case.status for case in page.cases} == statuses
        assert (page.cases[0].id, page.is_last) == (case_id, page.total == 1)
        assert page.cases[0].assigned_to == sandbox.settings_values["qcontact_queue"]

    @pytest.mark.parametrize("shape", ["results", "list"])
    @pytest.mark.parametrize("names", ["new", "old"])
    def test_timelines(self, sandbox: QContactSandbox, connect: Connect, case_id: str, shape: str, names: str) -> None:
        sandbox.edit(case_id, {"status": "Solved"})
        sandbox.switches = sandbox.switches_type.model_validate({"events_shape": shape, "event_names": names})
        (event,) = connect().list_events(case_id)
        assert (event.kind, event.author, event.is_public) == ("update", "Lerato Example", False)
        assert event.changes == (("Status", "In Progress", "Solved"),)
        assert event.at is not None

    def test_notes_with_the_right_to_them(self, sandbox: QContactSandbox, connect: Connect, case_id: str) -> None:
        sandbox.switches.notes_allowed = True
        client = connect()
        note_id = client.add_note(case_id, "On site", public=True)
        (event,) = client.list_events(case_id)
        assert (event.id, event.kind, event.text, event.is_public) == (note_id, "note", "On site", True)

    def test_a_closed_case_refuses_and_an_ignored_change_shows(
        self, sandbox: QContactSandbox, connect: Connect, case_id: str
    ) -> None:
        client = connect()
        sandbox.switches.ignore_writes = True
        assert client.update_case(case_id, {"status": "Solved"}).status == "InProgress"
        sandbox.edit(case_id, {"status": "Closed"})
        with pytest.raises(Refused) as caught:
            client.update_case(case_id, {"status": "Solved"})
        assert (caught.value.status, caught.value.may_have_happened) == (422, False)


class TestSignIn:
    """Tokens come and go; the client signs in once, and not again for half a minute."""

    def test_tokens_in_the_body_are_found(self, sandbox: QContactSandbox, connect: Connect) -> None:
        sandbox.switches.tokens_in_body = True
        connect().me()

    def test_given_tokens_need_no_sign_in(self, sandbox: QContactSandbox, connect: Connect) -> None:
        uid, token, client = sandbox.issue_tokens()
        given = {"qcontact_uid": uid, "qcontact_access_token": token, "qcontact_client": client}
        connect(**given, qcontact_password=None, qcontact_email=None).me()
        assert [entry.path for entry in sandbox.journal.entries()] == ["/api/v2/me"]

    def test_expired_tokens_are_renewed_once_for_all_threads(self, sandbox: QContactSandbox, connect: Connect) -> None:
        uid, token, given_client = sandbox.issue_tokens()
        client = connect(qcontact_uid=uid, qcontact_access_token=token, qcontact_client=given_client)
        client.me()
        sandbox.expire_tokens()
        signed_in = sandbox.accounts.sign_ins
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.me(), range(24)))
        assert sandbox.accounts.sign_ins == signed_in + 1
        assert findings(sandbox.journal.entries()).all() == []

    def test_a_write_that_met_expired_tokens_is_done_once(self, sandbox: QContactSandbox, connect: Connect) -> None:
        case = sandbox.add_case(SAMPLE)
        uid, token, given_client = sandbox.issue_tokens()
        client = connect(qcontact_uid=uid, qcontact_access_token=token, qcontact_client=given_client)
        sandbox.expire_tokens()
        client.update_case(str(case.id), {"status": "Solved"})
        writes = sandbox.journal.matching(method="PATCH")
        assert [(entry.status, bool(entry.facts.get("changed"))) for entry in writes] == [(401, False), (200, True)]

    def test_refused_for_good_it_gives_up_and_keeps_its_distance(
        self, sandbox: QContactSandbox, connect: Connect
    ) -> None:
        sandbox.switches.always_unauthorised = True
        client = connect()
        for _ in range(5):
            with pytest.raises(NotSignedIn):
                client.me()
        assert sandbox.accounts.sign_ins == 1
        assert findings(sandbox.journal.entries()).hasty_sign_ins == []

    def test_a_wrong_password_is_tried_once(self, sandbox: QContactSandbox, connect: Connect) -> None:
        client = connect(qcontact_password="wrong")
        for _ in range(3):
            with pytest.raises(NotSignedIn) as caught:
                client.me()
        assert caught.value.retry_after is not None
        assert len(sandbox.journal.matching(method="POST", path_prefix="/api/v2/auth")) == 1

    def test_rotating_tokens_are_followed(self, sandbox: QContactSandbox, connect: Connect) -> None:
        sandbox.switches = sandbox.switches_type(rotate_tokens=True, rotation_grace=0)
        client = connect()
        for _ in range(5):
            client.me()
        assert (sandbox.accounts.sign_ins, {entry.status for entry in sandbox.journal.entries()}) == (1, {200})


class TestFailures:
    """Each failure's type says whether the call may have taken effect; nothing is repeated that must not be."""

    @pytest.fixture
    def case_id(self, sandbox: QContactSandbox) -> str:
        return str(sandbox.add_case(SAMPLE).id)

    @pytest.fixture
    def client(self, connect: Connect) -> QContactClient:
        client = connect()
        client.me()
        return client

    @pytest.mark.parametrize(
        ("fault", "kind", "status"),
        [
            ("forbidden", NotAllowed, 403),
            ("not_found", NotThere, 404),
            ("unprocessable", Refused, 422),
            ("too_many_requests", TooManyRequests, 429),
            ("too_many_requests_bare", TooManyRequests, 429),
            ("server_error", ServerFailed, 500),
            ("server_error_after", ServerFailed, 500),
            ("bad_gateway_html", ServerFailed, 502),
            ("unavailable_html", ServerFailed, 503),
            ("cut_before", NoAnswer, None),
            ("cut_midway", NoAnswer, None),
            ("cut_after", NoAnswer, None),
        ],
    )
    def test_a_write_is_sent_once(
        self,
        sandbox: QContactSandbox,
        client: QContactClient,
        case_id: str,
        fault: str,
        kind: type[OutsideError],
        status: int | None,
    ) -> None:
        sandbox.faults.next(fault, method="PATCH")
        with pytest.raises(kind) as caught:
            client.update_case(case_id, {"status": "Solved"})
        assert type(caught.value) is kind
        assert caught.value.status == status
        (entry,) = sandbox.journal.matching(method="PATCH")
        # Whatever may have happened is told so; that it may have, although it has not, is fair.
        assert caught.value.may_have_happened or not entry.facts.get("changed")

    def test_it_says_how_long_to_wait(self, sandbox: QContactSandbox, client: QContactClient) -> None:
        sandbox.faults.retry_after = 17
        sandbox.faults.next("too_many_requests")
        sandbox.faults.next("too_many_requests_bare")
        for expected in (17, None):
            with pytest.raises(TooManyRequests) as caught:
                client.me()
            assert caught.value.retry_after == expected

    @pytest.mark.parametrize("fault", ["cut_before", "cut_after", "cut_midway"])
    def test_a_read_whose_connection_broke_is_tried_once_more(
        self, sandbox: QContactSandbox, client: QContactClient, case_id: str, fault: str
    ) -> None:
        sandbox.faults.next(fault, method="GET")
        assert client.get_case(case_id).id == case_id
        sandbox.faults.next(fault, method="GET", times=2)
        with pytest.raises(NoAnswer):
            client.get_case(case_id)
        assert len(sandbox.journal.matching(method="GET", path_prefix="/api/v2/entities")) == 4

    @pytest.mark.parametrize("fault", ["server_error", "bad_gateway_html", "too_many_requests_bare"])
    def test_a_read_that_was_answered_is_not(
        self, sandbox: QContactSandbox, client: QContactClient, case_id: str, fault: str
    ) -> None:
        sandbox.faults.next(fault, method="GET")
        with pytest.raises(OutsideError):
            client.get_case(case_id)
        assert len(sandbox.journal.matching(method="GET", path_prefix="/api/v2/entities")) == 1

    @pytest.mark.parametrize("fault", ["slow", "hang"])
    def test_it_waits_for_so_long_and_no_longer(
        self, sandbox: QContactSandbox, connect: Connect, case_id: str, fault: str
    ) -> None:
        client = connect(qcontact_timeout=2.0)
        client.me()
        sandbox.faults.next(fault, method="PATCH")
        with pytest.raises(NoAnswer):
            client.update_case(case_id, {"status": "Solved"})
        wait_until(lambda: sandbox.journal.matching(method="PATCH"), "the call has come in")
        (entry,) = sandbox.journal.matching(method="PATCH")
        assert bool(entry.facts.get("changed")) == (fault == "slow")

    def test_nobody_there_means_that_nothing_happened(self, connect: Connect) -> None:
        client = connect(qcontact_url=f"http://127.0.0.1:{free_port()}")
        with pytest.raises(Unreachable) as caught:
            client.me()
        assert (caught.value.is_outage, caught.value.may_have_happened) == (True, False)


def test_without_settings_it_names_them() -> None:
    with pytest.raises(NotSetUp, match="FIBREFLOW_QCONTACT_URL"):
        QContactClient.from_settings(load_settings({}), MemoryTokens())


def test_the_sandbox_refuses_what_the_service_ignores(sandbox: QContactSandbox) -> None:
    """The client always wraps; that a write without its wrapper is lost shows with a plain one only."""
    case = sandbox.add_case(SAMPLE)
    headers = sandbox.issue_tokens().headers
    address = f"{sandbox.url}/api/v2/entities/Case/{case.id}"
    answer = httpx.patch(address, json={"status": "Solved"}, headers=headers, trust_env=False)
    assert (answer.status_code, case.fields["status"]) == (200, "Assigned")
    assert len(findings(sandbox.journal.entries()).unwrapped_writes) == 1
