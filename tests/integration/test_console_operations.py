"""The console's pages of operations: now, failures, queues, schedules, workers, the audit, and jobs run again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin_api.console.now import LEADS
from jobs import attention, failures, schedules, views
from jobs.platform import Platform
from runtime.settings import Settings
from tests.console import form_token, open_console
from tests.factories import make, make_ticket
from tests.factories.access import client_as, make_api_key
from tests.job_kinds import Effect, Key, Scene, effect, scene, unique
from tests.running import run_jobs
from tests.stand_in import StandIn, enqueue, fetch, job_row, platform_for_tests
from ticketing.people import SYSTEM

PAGES = ("", "failures", "queues", "schedules", "workers", "audit")


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    with platform_for_tests(settings) as platform:
        with platform.begin(SYSTEM) as work:
            schedules.declare(work.connection, platform.registry, work.now)
        yield platform


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "operator"))


def text_of(browser: FlaskClient, page: str, status: int = 200) -> str:
    answer = browser.get(f"/console/{page}")
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def send(browser: FlaskClient, address: str, **fields: Any) -> TestResponse:
    token = form_token(browser.get("/console/help"))
    return browser.post(f"/console/{address}", data={"csrf_token": token, **fields})


def followed(browser: FlaskClient, address: str, **fields: Any) -> str:
    """What a form that is accepted leads to."""
    answer = send(browser, address, **fields)
    assert answer.status_code == 303
    return browser.get(answer.location).get_data(as_text=True)


def make_failure(platform: Platform, plot: str = "discard") -> dict[str, Any]:
    """A job that was given up, and its group."""
    job_id = enqueue(platform, scene, Scene(plot=plot))
    run_jobs(platform)
    with platform.read() as connection:
        [group] = failures.list_failures(connection, platform.clock.now())
    return {"job_id": job_id, **group}


def test_with_nothing_there_the_pages_say_so(platform: Platform, operator: FlaskClient) -> None:
    fetch(platform, "delete from schedules returning name")
    said = [text_of(operator, page) for page in PAGES]
    for text, expected in zip(
        said,
        ("No job ended", "Nothing has failed", "Waits to run", "No schedules yet", "No processes", "Nothing here"),
        strict=True,
    ):
        assert expected in text


def test_jobs_lead_to_what_they_are_about(platform: Platform, operator: FlaskClient) -> None:
    tickets = [make(platform, make_ticket) for _ in range(3)]
    job_id = enqueue(platform, scene, Scene(plot="discard"), subjects=[("ticket", ticket["id"]) for ticket in tickets])
    led = [f'<a href="/console/tickets/{ticket["id"]}">{ticket["ticket_uid"]}</a>' for ticket in tickets]
    listed = text_of(operator, "jobs")
    assert sum(link in listed for link in led) == 2
    assert "…</div>" in listed, "there are more than a list names"
    assert all(link in text_of(operator, f"jobs/{job_id}") for link in led)


class TestNow:
    def test_what_needs_somebody_is_told_with_the_way_to_it(self, platform: Platform, operator: FlaskClient) -> None:
        make_failure(platform)
        enqueue(platform, effect, Effect())
        fetch(
            platform, "update jobs set scheduled_at = now() - interval '1 hour' where state = 'available' returning id"
        )
        fetch(platform, "update schedules set next_fire_at = now() - interval '1 hour' returning name")
        fetch(
            platform,
            "update queues set paused_at = now(), paused_by = 'Thandi', pause_reason = 'Moving' where name = 'tickets'"
            " returning name",
        )
        StandIn(platform).fall_silent(timedelta(minutes=10))
        fetch(
            platform,
            "update integration_states set held_at = now(), held_by = 'T', hold_reason = 'x' returning integration",
        )
        text = text_of(operator, "")
        for said in (
            "1 job given up in the last 24 hours",
            "No scheduler leads",
            "Schedules did not run when they were due",
            "No worker is alive",
            "gives no sign of life",
            "1 job waiting in tickets, which Thandi has paused",
        ):
            assert said in text, said
        for address in ("/console/failures", "/console/workers", "/console/schedules", "/console/queues"):
            assert f'<a href="{address}">' in text
        assert text.index("Urgent") < text.index("Soon")

    def test_each_state_of_jobs_leads_to_its_list(self, platform: Platform, operator: FlaskClient) -> None:
        make_failure(platform)
        text = text_of(operator, "")
        assert 'href="/console/jobs?state=discarded"><span class="value number">1</span>' in text
        assert "Jobs that ended in the last 24 hours" in text

    def test_decisions_that_wait_are_told_to_those_who_may_decide(self, app: Flask, platform: Platform) -> None:
        fetch(
            platform,
            "with message as (insert into inbound_messages (session, message_id, stanza_id, chat_id, sender_id, body,"
            " sent_at, received_at) values ('default', 'm', 's', 'c', 'p', 'No light', now(), now()) returning id)"
            " insert into triage_items (message_id, reason, created_at) select id, 'no_drop_number', now() from message"
            " returning id",
        )
        for role, told in (("qa", True), ("viewer", False)):
            text = text_of(open_console(app, make_api_key(platform, role)), "")  # type: ignore[arg-type]
            assert ("1 WhatsApp message to be given a place" in text) == told
            assert ("/console/jobs?state=discarded" in text) == (role == "viewer")

    def test_who_works_on_site_is_led_to_the_tickets(self, app: Flask, platform: Platform) -> None:
        answer = open_console(app, make_api_key(platform, "technician")).get("/console/")
        assert (answer.status_code, answer.location) == (303, "/console/tickets")

    def test_every_way_leads_to_a_page_that_exists(self, app: Flask) -> None:
        missing = {name for name, (endpoint, _) in LEADS.items() if endpoint not in app.view_functions}
        # Pages of the same release that are not in the menu of this one.
        assert missing == set()

    def test_the_api_tells_the_same(self, app: Flask, platform: Platform) -> None:
        make_failure(platform)
        answer = client_as(app, platform, "viewer").get("/api/ticketing/attention")
        assert answer.json is not None
        names = [concern["name"] for concern in answer.json["data"]]
        assert "discarded" in names
        with platform.read() as connection:
            assert [one.name for one in attention.list_concerns(platform, connection, SYSTEM)] == names


class TestFailures:
    def test_a_group_is_shown_with_the_ways_on(self, platform: Platform, operator: FlaskClient) -> None:
        made = make_failure(platform)
        text = text_of(operator, "failures?window=1h")
        for said in ("Test scene", "Discard", "tests.job_kinds._play", "this can never work", str(made["job_id"])):
            assert said in text
        listed = text_of(operator, f"jobs?fingerprint={made['fingerprint']}")
        assert "Only jobs that failed in one way" in listed
        assert str(made["job_id"]) in listed
        assert str(made["fingerprint"]) in text_of(operator, f"jobs/{made['job_id']}")

    def test_a_group_is_retried_slowly(self, platform: Platform, operator: FlaskClient) -> None:
        made = make_failure(platform)
        text = text_of(operator, f"jobs/many?action=retry&fingerprint={made['fingerprint']}&per_second=2")
        assert "Retry 1 job?" in text
        assert 'name="per_second" value="2"' in text
        assert f'name="fingerprint" value="{made["fingerprint"]}"' in text
        assert text_of(operator, "jobs/many?fingerprint=nonsense", status=422)

    def test_muting_needs_a_note_and_can_be_undone(self, platform: Platform, operator: FlaskClient) -> None:
        alike = make_failure(platform)["fingerprint"]
        refused = send(operator, f"failures/{alike}/mute", note=" ")
        assert refused.status_code == 422
        assert "Nothing has failed" in followed(operator, f"failures/{alike}/mute", note="The supplier knows")
        assert "The supplier knows" in text_of(operator, "failures?muted=true")
        assert "Discard" in followed(operator, f"failures/{alike}/unmute")


class TestQueues:
    def test_a_queue_is_paused_limited_and_goes_on(self, platform: Platform, operator: FlaskClient) -> None:
        enqueue(platform, effect, Effect())
        run_jobs(platform)
        assert "1 done" in text_of(operator, "queues")
        assert send(operator, "queues/tickets/pause").status_code == 422
        assert "Moving house" in followed(operator, "queues/tickets/pause", reason="Moving house")
        assert "Moving house" not in followed(operator, "queues/tickets/resume")
        assert "0 of 3" in followed(operator, "queues/tickets/limit", limit="3")
        assert send(operator, "queues/tickets/limit", limit="0").status_code == 422
        assert "0 of 3" not in followed(operator, "queues/tickets/limit", limit="")
        assert send(operator, "queues/nowhere/pause", reason="x").status_code == 404


class TestSchedules:
    def test_each_is_told_in_words_with_its_runs(self, platform: Platform, operator: FlaskClient) -> None:
        text = text_of(operator, "schedules")
        assert "At 02:10" in text
        assert "never ran" in text
        assert "Every 5 minutes" in text_of(operator, "schedules/count_attempts")
        assert text_of(operator, "schedules/nothing", status=404)

    def test_run_now_leads_to_the_job_and_its_run_is_in_the_strip(
        self, platform: Platform, operator: FlaskClient
    ) -> None:
        assert "Count attempts" in followed(operator, "schedules/count_attempts/run")
        fetch(
            platform,
            "update jobs set schedule_name = 'count_attempts', fire_at = now()"
            " where kind = 'count_attempts' returning id",
        )
        run_jobs(platform)
        assert "The last 1 runs: 1 completed, 0 failed" in text_of(operator, "schedules")
        assert "is left out" in text_of(operator, "schedules/count_attempts") or "made up for" in text_of(
            operator, "schedules/count_attempts"
        )

    def test_a_pause_is_in_local_time_has_a_reason_and_an_end(self, platform: Platform, operator: FlaskClient) -> None:
        wrong = send(operator, "schedules/sweep_risks/pause", until="soon", reason="Holidays")
        assert wrong.status_code == 422
        assert "Holidays" in wrong.get_data(as_text=True)
        too_long = send(operator, "schedules/sweep_risks/pause", until="9999-12-31T23:59", reason="For ever")
        assert too_long.status_code == 422
        assert "pause it again" in too_long.get_data(as_text=True)
        assert "Holidays" in followed(
            operator, "schedules/sweep_risks/pause", until="2099-01-01T08:00", reason="Holidays"
        )
        [row] = fetch(platform, "select paused_until from schedules where name = 'sweep_risks'")
        assert row["paused_until"].isoformat().startswith("2099-01-01T06:00")
        assert "Holidays" not in followed(operator, "schedules/sweep_risks/resume")


class TestWorkers:
    def test_a_worker_is_shown_with_what_it_does_and_made_quiet(
        self, platform: Platform, operator: FlaskClient
    ) -> None:
        worker = StandIn(platform)
        job_id = enqueue(platform, effect, Effect())
        worker.claim_one(job_id)
        text = text_of(operator, "workers")
        for said in ("here:1", "Alive", "No scheduler leads", f"/console/jobs/{job_id}"):
            assert said in text
        assert "Quiet" in followed(operator, f"workers/{worker.id}/quiet", reason="An upgrade")
        with platform.read() as connection:
            assert views.list_workers(connection, platform.clock.now())[0]["quiet"]
        assert "takes jobs again" in followed(operator, f"workers/{worker.id}/wake")


class TestAudit:
    def test_who_did_what_and_why_is_listed_filtered_and_exported(
        self, app: Flask, platform: Platform, operator: FlaskClient
    ) -> None:
        followed(operator, "queues/tickets/pause", reason="Moving house")
        followed(operator, "queues/tickets/resume")
        text = text_of(operator, "audit")
        assert "Queue pause" in text
        assert "Queue resume" in text
        text = text_of(operator, "audit?action=queue_pause")
        assert "Moving house" in text
        assert "Queue resume" not in text
        answer = operator.get("/console/audit.csv?action=queue_pause")
        assert answer.mimetype == "text/csv"
        lines = answer.get_data(as_text=True).splitlines()
        assert len(lines) == 2
        assert "Moving house" in lines[1]
        viewer = open_console(app, make_api_key(platform, "viewer"))
        assert viewer.get("/console/audit.csv").status_code == 403

    def test_the_list_goes_on_where_the_page_before_ended(self, operator: FlaskClient) -> None:
        for number in range(3):
            followed(operator, "queues/tickets/limit", limit=str(number + 1))
        text = text_of(operator, "audit?pageSize=2")
        assert "cursor=" in text


class TestRunningAgain:
    def test_a_job_is_run_again_with_what_was_typed(self, platform: Platform, operator: FlaskClient) -> None:
        old = make_failure(platform)["job_id"]
        text = text_of(operator, f"jobs/{old}/run-again")
        assert "&#34;plot&#34;: &#34;discard&#34;" in text
        shown = followed(operator, f"jobs/{old}/run-again", arguments='{"plot": "done"}', reason="Mended by hand")
        assert "Mended by hand" in shown
        [new] = run_jobs(platform)
        assert (new["state"], job_row(platform, old)["state"]) == ("completed", "discarded")
        assert str(new["id"]) in text_of(operator, f"jobs/{old}")

    @pytest.mark.parametrize(
        ("arguments", "said"), [("{", "this is no JSON"), ('{"plot": "dance"}', "plot"), ('{"x": 1}', "x")]
    )
    def test_what_does_not_fit_is_refused_and_what_was_typed_is_kept(
        self, platform: Platform, operator: FlaskClient, arguments: str, said: str
    ) -> None:
        old = make_failure(platform)["job_id"]
        answer = send(operator, f"jobs/{old}/run-again", arguments=arguments, reason="Mended by hand")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert said in text
        assert "Mended by hand" in text

    def test_a_job_that_is_not_finished_offers_no_editing(self, platform: Platform, operator: FlaskClient) -> None:
        waiting = enqueue(platform, unique, Key(key="a"))
        assert "Edit and run again" not in text_of(operator, f"jobs/{waiting}")
        assert send(operator, f"jobs/{waiting}/run-again", arguments="{}", reason="x").status_code == 409
