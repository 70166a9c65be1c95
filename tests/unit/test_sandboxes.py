"""What all sandboxes share: routes, faults that happen when asked for, a journal in the order of effect, control."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from integrations.sandboxes import Answer, BadRequest, Faults, Request, Sandbox, SandboxControl, route
from integrations.sandboxes.control import PLAIN
from integrations.sandboxes.faults import AFTER, BEFORE, FAULT_NAMES
from tests.processes import PATIENCE, wait_until


class Counter(Sandbox):
    """Counts."""

    name = "counter"
    count = 0

    @route("POST", "/counts/<name>")
    def add(self, request: Request, name: str) -> Answer:
        self.count += request.json_object().get("by", 1)
        request.facts["count"] = self.count
        return Answer(201, {"name": name, "count": self.count}, {"x-counter": "yes"})

    @route("GET", "/counts/last")
    def last(self, _request: Request) -> Answer:
        return Answer(body=b"\x00\x01", headers={"Content-Type": "image/x-count"})


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter(seed=7).serving() as sandbox:
        yield sandbox


@pytest.fixture
def client(counter: Counter) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=counter.url, timeout=PATIENCE, verify=PLAIN) as client:
        yield client


def add(client: httpx.Client) -> httpx.Response:
    return client.post("/counts/a%20b", json={"by": 1}, headers={"X-Api-Key": "secret-1234"})


def test_routes_answer_and_the_journal_keeps_what_happened(counter: Counter, client: httpx.Client) -> None:
    answer = add(client)
    assert (answer.status_code, answer.json(), answer.headers["x-counter"]) == (
        201,
        {"name": "a b", "count": 1},
        "yes",
    )
    assert client.get("/counts/last").content == b"\x00\x01"
    first, second = counter.journal.entries()
    assert (first.number, first.path, first.status, first.body, first.facts) == (
        1,
        "/counts/a b",
        201,
        {"by": 1},
        {"count": 1},
    )
    assert first.headers["x-api-key"] == "***1234"
    assert (second.method, second.body, second.handled) == ("GET", None, True)
    assert [one.number for one in counter.journal.matching(method="POST", path_prefix="/counts")] == [1]


def test_what_nobody_knows_is_404_and_what_nobody_understands_400(client: httpx.Client) -> None:
    assert client.get("/nothing").status_code == 404
    assert client.post("/counts/a", content=b"{").status_code == 400
    assert client.post("/counts/a", content=iter([b"{}"])).status_code == 411


@pytest.mark.parametrize("fault", [name for name in FAULT_NAMES if name not in ("slow", "hang")])
def test_each_fault_does_what_it_says(counter: Counter, client: httpx.Client, fault: str) -> None:
    counter.faults.next(fault, path="/counts", method="POST")
    try:
        status = add(client).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        status = 0
    (entry,) = counter.journal.entries()
    assert entry.fault == fault
    assert entry.handled == (fault in AFTER) == (counter.count == 1)
    assert (status == 0) == fault.startswith("cut") == (entry.status is None)
    assert entry.status in (None, status)
    assert add(client).status_code == 201


def test_429_says_for_how_long_or_does_not(counter: Counter, client: httpx.Client) -> None:
    counter.faults.retry_after = 17
    counter.faults.next("too_many_requests")
    counter.faults.next("too_many_requests_bare")
    assert add(client).headers["Retry-After"] == "17"
    assert "Retry-After" not in add(client).headers


def test_gateways_speak_html(counter: Counter, client: httpx.Client) -> None:
    counter.faults.next("bad_gateway_html")
    answer = add(client)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "<html>" in answer.text


@pytest.mark.parametrize(("fault", "took_effect"), [("slow", 1), ("hang", 0)])
def test_a_client_that_does_not_wait_frees_its_thread(counter: Counter, fault: str, took_effect: int) -> None:
    counter.faults.slow_seconds = counter.faults.hang_seconds = 10 * PATIENCE
    counter.faults.next(fault)
    before = threading.active_count()
    with httpx.Client(base_url=counter.url, timeout=0.2, verify=PLAIN) as impatient, pytest.raises(httpx.ReadTimeout):
        add(impatient)
    wait_until(lambda: len(counter.journal) == 1, "the request is carried out")
    assert counter.count == took_effect
    wait_until(lambda: threading.active_count() <= before, "the thread is free")


def test_latency_is_added(counter: Counter, client: httpx.Client) -> None:
    counter.latency = 0.15
    assert add(client).elapsed.total_seconds() >= 0.15


def test_a_rate_of_faults_is_the_same_for_the_same_seed() -> None:
    def run(seed: int) -> list[str | None]:
        faults = Faults(seed)
        faults.rate = 0.2
        return [faults.choose("GET", "/") for _ in range(2_000)]

    first = run(1)
    assert first == run(1) != run(2)
    assert 0.17 < sum(one is not None for one in first) / 2_000 < 0.23


def test_a_rate_can_be_for_some_requests_only() -> None:
    faults = Faults()
    faults.change({"rate": 1, "names": ["cut_after"], "path": "/api", "methods": ["PATCH"]})
    assert faults.choose("PATCH", "/api/x") == "cut_after"
    assert faults.choose("GET", "/api/x") is None
    assert faults.choose("PATCH", "/other") is None


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 2},
        {"rate": "much"},
        {"names": ["nonsense"]},
        {"colour": 1},
        {"next": [{"name": "nonsense"}]},
        {"next": [{"path": "/"}]},
        {"next": [{"name": "slow", "often": 1}]},
    ],
)
def test_faults_that_nobody_knows_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        Faults().change(values)


def test_many_threads_at_once_lose_nothing(counter: Counter) -> None:
    with (
        httpx.Client(base_url=counter.url, timeout=PATIENCE, limits=httpx.Limits(max_connections=16)) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        list(pool.map(lambda _: add(client), range(320)))
    assert counter.count == 320
    assert [one.facts["count"] for one in counter.journal.entries()] == list(range(1, 321))
    assert [one.number for one in counter.journal.entries()] == list(range(1, 321))


def test_control_from_another_process(counter: Counter, client: httpx.Client) -> None:
    with SandboxControl(counter.url) as control:
        for _ in range(3):
            add(client)
        assert [one.number for one in control.journal(after=1)] == [2, 3]
        assert control.journal() == counter.journal.entries()
        control.next_fault("forbidden", method="POST")
        assert [add(client).status_code, add(client).status_code] == [403, 201]
        assert control.faults(rate=1, names=["server_error"])["rate"] == 1
        assert add(client).status_code == 500
        control.stop_faults()
        assert add(client).status_code == 201
        assert control.switches(latency=0.01)["latency"] == counter.latency == 0.01
        state = control.state()
        assert (state["name"], state["journal"]["entries"]) == ("counter", 7)
        assert state["faults"]["counts"] == {"forbidden": 1, "server_error": 1}
        assert len(control.matching(status=201)) == 5
        control.clear_journal()
        assert control.journal() == []
        with pytest.raises(ValueError, match="latency"):
            control.switches(latency=-1)
        with pytest.raises(ValueError, match="Extra inputs"):
            control.switches(colour="blue")


def test_nothing_but_loopback() -> None:
    with pytest.raises(ValueError, match="this machine"):
        Counter(host="0.0.0.0")  # noqa: S104 - it is refused
    with pytest.raises(ValueError, match="this machine"):
        SandboxControl("https://example.test")


def test_the_faults_are_all_told_apart() -> None:
    assert set(BEFORE) & set(AFTER) == set()


def test_an_outage_ends_at_the_same_address_with_everything_still_there() -> None:
    sandbox = Counter()
    with sandbox.serving():
        url = sandbox.url
        with httpx.Client(base_url=url, timeout=PATIENCE, verify=PLAIN) as client:
            add(client)
    with httpx.Client(base_url=url, timeout=PATIENCE, verify=PLAIN) as client:
        with pytest.raises(httpx.ConnectError):
            add(client)
        with sandbox.serving():
            assert (sandbox.url, add(client).json()["count"]) == (url, 2)
    assert len(sandbox.journal) == 2
