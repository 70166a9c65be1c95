"""The command line: what it prints, what it leaves behind, and how it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import typer.main

from admin_api.console.sign_in_links import holder_of
from admin_api.sign_in import Unauthorized
from cli.demo_user import demo_user
from cli.main import make_app
from cli.system import environment_of, operator
from integrations.workbooks import SheetData, write_workbook
from jobs import schedules
from runtime.settings import Settings, load_settings
from tests.factories.drops import register_workbook
from tests.running import job_row, jobs_running, run_jobs
from ticketing import api_keys
from ticketing.api_keys import ApiKey

if TYPE_CHECKING:
    from jobs.platform import Platform

Command = Callable[..., Any]
WEEKLY = SheetData(
    "Tickets",
    ("FT Ref", "Title", "Type", "Project", "DR Number", "Priority", "Status", "Date"),
    [
        (f"FT{number:06d}", "No light", "Fault", "LAW", f"DR{number:07d}", "High", "Open", "2025-03-03")
        for number in (1, 2)
    ],
)


@pytest.fixture
def weekly_file(tmp_path: Path) -> Path:
    path = tmp_path / "week.xlsx"
    path.write_bytes(write_workbook([WEEKLY]))
    return path


@pytest.fixture
def drops_file(tmp_path: Path) -> Path:
    path = tmp_path / "drops.xlsx"
    path.write_bytes(register_workbook())
    return path


def id_in(output: str) -> UUID:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", output)
    assert found is not None, output
    return UUID(found.group())


def test_every_command_says_what_it_is_for() -> None:
    def silent(command: Any, name: str) -> list[str]:
        inner = getattr(command, "commands", {})
        return [
            *([] if command.help else [name]),
            *(found for key, one in inner.items() for found in silent(one, f"{name} {key}")),
        ]

    assert silent(typer.main.get_command(make_app()), "fibreflow") == []


def test_an_unknown_command_is_a_wrong_call(command: Command) -> None:
    assert command("fly").code == 2


def test_a_key_is_printed_once_and_signs_in(command: Command, platform: Platform) -> None:
    said = command("keys", "create", "nightly export", "--role", "viewer", "--role", "qa", "--days", "30")
    assert said.code == 0, said.err
    plain = said.out.strip()
    with platform.read() as connection:
        key = api_keys.authenticate(connection, plain, now=platform.clock.now())
    assert key is not None
    assert (key.name, set(key.roles), key.created_by) == ("nightly export", {"viewer", "qa"}, operator().name)
    assert key.expires_at is not None
    listed = command("keys", "list").out
    assert "nightly export" in listed
    assert plain not in listed


def test_the_demo_user_signs_in_while_an_installation_for_development_runs_and_no_longer(
    settings: Settings, platform: Platform
) -> None:
    def holder() -> ApiKey:
        token = (link or "").rpartition("/")[2]
        with platform.read() as connection:
            return holder_of(connection, token, settings, platform.clock.now())

    with demo_user(settings.model_copy(update={"environment": "development"})) as link:
        first = holder()
        assert (first.name, first.roles, first.user_id is not None) == ("Demo User", ("admin",), True)
    with demo_user(settings.model_copy(update={"environment": "development"})) as link:
        assert holder().user_id == first.user_id
    with pytest.raises(Unauthorized, match="revoked"):
        holder()


@pytest.mark.parametrize("environment", ["test", "production"])
def test_no_link_signs_anybody_in_but_in_development(settings: Settings, environment: str) -> None:
    with demo_user(settings.model_copy(update={"environment": environment})) as link:
        assert link is None


def test_a_revoked_key_signs_in_no_more(command: Command, platform: Platform) -> None:
    plain = command("keys", "create", "export", "--role", "admin").out.strip()
    assert command("keys", "revoke", plain.rpartition("_")[0]).code == 0
    with platform.read() as connection:
        assert api_keys.authenticate(connection, plain, now=platform.clock.now()) is None


def test_an_expected_error_is_one_line_and_exit_1(command: Command) -> None:
    said = command("keys", "create", "export", "--role", "king")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert said.err.startswith("fibreflow: roles: must be one or more of admin, manager")
    assert command("keys", "revoke", "ff_nobodyxx").code == 1


def test_a_database_that_is_away_is_one_line_and_exit_1(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/x?connect_timeout=1")
    said = command("migrate")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "fibreflow doctor" in said.err
    assert "hunter2" not in said.err


def test_a_wrong_schema_names_the_command_that_mends_it(
    command: Command, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBREFLOW_DATABASE_URL", empty_database_url)
    said = command("keys", "list")
    assert said.code == 1
    assert "Run `fibreflow migrate`" in said.err
    applied = command("migrate").out
    assert "applied 0001_" in applied
    assert command("migrate").out == "the schema is up to date\n"
    assert command("keys", "list").code == 0


def test_a_drop_register_is_imported(command: Command, drops_file: Path, platform: Platform) -> None:
    said = command("import", "drops", str(drops_file))
    assert said.code == 0, said.err
    job_id = id_in(said.out)
    assert f"fibreflow jobs follow {job_id}" in said.err
    run_jobs(platform)
    assert job_row(platform, job_id)["state"] == "completed"
    followed = command("jobs", "follow", str(job_id))
    assert (followed.code, followed.out.strip()) == (0, "completed")


def test_a_weekly_report_is_previewed_and_confirmed(command: Command, weekly_file: Path, platform: Platform) -> None:
    said = command("import", "weekly", str(weekly_file), "--preview", "--week", "10", "--year", "2025")
    assert said.code == 0, said.err
    report = re.search(r"fibreflow import confirm (\S+)", said.err)
    assert report is not None
    run_jobs(platform)
    confirmed = command("import", "confirm", report.group(1))
    assert confirmed.code == 0, confirmed.err
    run_jobs(platform)
    job = job_row(platform, id_in(confirmed.out))
    assert (job["state"], job["result"]["created"]) == ("completed", 2)
    assert "weekly_report" in command("jobs", "show", str(job["id"])).out


def test_a_followed_register_names_the_label_that_comes_twice(
    command: Command, tmp_path: Path, platform: Platform
) -> None:
    register = tmp_path / "twice.xlsx"
    register.write_bytes(register_workbook({}, {}))
    with jobs_running(platform):
        said = command("import", "drops", str(register), "--follow")
    assert said.code == 0, said.err
    assert re.search(r"duplicate: row 3 repeats DR\d+ of row 2", said.out)


@pytest.mark.parametrize("what", ["drops", "weekly"])
def test_a_file_that_is_not_there_is_one_line(command: Command, what: str, tmp_path: Path) -> None:
    said = command("import", what, str(tmp_path / "none.xlsx"))
    assert said.code == 1
    assert "No such file" in said.err


def test_a_file_that_is_no_workbook_is_refused_at_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b\n", encoding="utf-8")
    said = command("import", "drops", str(tmp_path / "list.csv"))
    assert said.code == 1
    assert "csv" in said.err


def test_sample_people_are_added_once(command: Command, platform: Platform) -> None:
    assert command("seed").out == "added 10 people, 2 companies, 4 teams\n"
    assert command("seed").out == "added 0 people, 0 companies, 0 teams\n"
    with platform.read() as connection:
        row = connection.execute("select count(*) as members from team_members").fetchone()
    assert row == {"members": 5}


def test_children_find_the_same_settings(settings: Settings) -> None:
    changed = settings.model_copy(update={"worker_queues": ("imports", "tickets")})
    rich = Settings(**{**changed.model_dump(include=changed.model_fields_set), "worker_queues": ("imports", "tickets")})
    environment = environment_of(rich)
    assert load_settings(environment) == rich


def test_a_company_is_made_listed_and_given_a_key_by_its_name(command: Command, platform: Platform) -> None:
    assert "no companies" in command("people", "companies").err
    made = command("people", "add-company", "Trench & Sons", "--code", "TS")
    assert made.code == 0, made.err
    company = id_in(made.out)
    assert id_in(command("people", "companies", "trench").out) == company
    for named in (str(company), "ts", "TRENCH & SONS"):
        said = command("keys", "create", "gate", "--role", "contractor", "--company", named)
        assert said.code == 0, said.err
        with platform.read() as connection:
            key = api_keys.authenticate(connection, said.out.strip(), now=platform.clock.now())
        assert key is not None
        assert key.contractor_id == company
    unknown = command("keys", "create", "gate", "--role", "contractor", "--company", "Nobody")
    assert unknown.code == 1
    assert "people companies" in unknown.err
    assert command("people", "add-company", "trench & sons").code == 1
    for group in ("users", "teams", "projects"):
        assert command("people", group).code == 0


def test_a_schedule_is_paused_from_here_for_so_long_that_it_ends(command: Command, platform: Platform) -> None:
    with platform.begin(operator()) as work:
        schedules.declare(work.connection, platform.registry, work.now)
    too_long = command("schedules", "pause", "sweep_risks", "--reason", "for ever", "--hours", "1e12")
    assert too_long.code == 2
    paused = command("schedules", "pause", "sweep_risks", "--reason", "holidays", "--hours", "48")
    assert paused.code == 0, paused.err
    assert "sweep_risks is paused for 48 h" in paused.err + paused.out
    assert "sweep_risks" in command("schedules", "list").out
