"""Settings are checked at boot: a misspelt or wrong name stops the start and says what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.errors import SettingsError
from runtime.settings import Settings, load_settings


def test_defaults_describe_a_system_that_starts() -> None:
    settings = load_settings({})
    assert settings.environment == "development"
    assert settings.data_dir == Path(".fibreflow")
    assert settings.database_url is None
    assert settings.redis_url is None


def test_reads_what_is_set() -> None:
    settings = load_settings(
        {
            "FIBREFLOW_API_PORT": "9000",
            "FIBREFLOW_WORKER_QUEUES": "imports, tickets",
            "FIBREFLOW_API_ALLOWED_ORIGINS": "https://a.example",
            "PATH": "/usr/bin",
        }
    )
    assert settings.api_port == 9000
    assert settings.worker_queues == ("imports", "tickets")
    assert settings.api_allowed_origins == ("https://a.example",)


def test_an_empty_value_means_the_default() -> None:
    assert load_settings({"FIBREFLOW_DATABASE_URL": "", "FIBREFLOW_API_PORT": ""}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FIBREFLOW_DATABASE_ULR", "did you mean FIBREFLOW_DATABASE_URL?"),
        ("FIBREFLOW_WORKER_PROCESS", "did you mean FIBREFLOW_WORKER_PROCESSES?"),
        ("fibreflow_redis_url", "did you mean FIBREFLOW_REDIS_URL?"),
        ("FIBREFLOW_QQQQ", "`fibreflow settings` lists the known names"),
    ],
)
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({name: "x"})
    assert f"{name}: no such setting; {meant}" in refused.value.message


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("FIBREFLOW_DATABASE_URL", "mysql://x", "must start with postgresql://"),
        ("FIBREFLOW_REDIS_URL", "localhost:6379", "must start with redis://"),
        ("FIBREFLOW_API_PORT", "0", "greater than or equal to 1"),
        ("FIBREFLOW_API_PORT", "eighty", "valid integer"),
        ("FIBREFLOW_ENVIRONMENT", "prod", "'development', 'test' or 'production'"),
        ("FIBREFLOW_TIMEZONE", "Europe/Paris", "Africa/Johannesburg"),
        ("FIBREFLOW_REDIS_NAMESPACE", "Not A Name", "pattern"),
        ("FIBREFLOW_WORKER_MEMORY_LIMIT", "1000", "67108864"),
        ("FIBREFLOW_WORKER_GRACE", "inf", "finite"),
        ("FIBREFLOW_ONT_RX_MIN_DBM", "nan", "finite"),
        ("FIBREFLOW_API_RATE_LIMIT", "600/minuet", "such as 600/minute"),
        ("FIBREFLOW_API_RATE_LIMIT", "plenty", "such as 600/minute"),
        ("FIBREFLOW_API_RATE_LIMIT", "20/second;0/minute", "such as 600/minute"),
        ("FIBREFLOW_NOTICES_QUIET_FROM", "20:00+02:00", "without a zone, such as 20:00"),
        ("FIBREFLOW_NOTICES_QUIET_UNTIL", "07:00Z", "without a zone, such as 20:00"),
        ("FIBREFLOW_STORAGE_URL", "/var/lib/files", "must start with file://, gs:// or s3://"),
        ("FIBREFLOW_QCONTACT_URL", "http://[crm.example", "such as https://host.example"),
        ("FIBREFLOW_WAHA_URL", "http://gateway:port", "such as https://host.example"),
        ("FIBREFLOW_CLERK_ISSUER", "clerk.example", "such as https://host.example"),
        ("FIBREFLOW_CLERK_JWKS_URL", "https:///keys", "such as https://host.example"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({name: value})
    assert f"{name}: " in refused.value.message
    assert problem in refused.value.message


@pytest.mark.parametrize(
    ("name", "value", "other", "says"),
    [
        ("WORKER_LOST_AFTER", "6", {"WORKER_HEARTBEAT": "10"}, "must be longer than FIBREFLOW_WORKER_HEARTBEAT"),
        ("WORKER_LOST_AFTER", None, {"WORKER_HEARTBEAT": "10"}, "must be longer than FIBREFLOW_WORKER_HEARTBEAT"),
        ("ONT_RX_MAX_DBM", "-30", {}, "must not be below FIBREFLOW_ONT_RX_MIN_DBM"),
        ("ONT_RX_MAX_DBM", None, {"ONT_RX_MIN_DBM": "-5"}, "must not be below FIBREFLOW_ONT_RX_MIN_DBM"),
    ],
)
def test_a_value_that_does_not_fit_another_is_refused_by_name(
    name: str, value: str | None, other: dict[str, str], says: str
) -> None:
    given = {f"FIBREFLOW_{key}": text for key, text in {name: value or "", **other}.items()}
    with pytest.raises(SettingsError) as refused:
        load_settings(given)
    assert f"FIBREFLOW_{name}: {says}" in refused.value.message


@pytest.mark.parametrize("limit", ["600/minute", "600 per minute", "20/second;600/minute"])
def test_a_rate_limit_is_spelt_as_the_limiter_reads_it(limit: str) -> None:
    assert load_settings({"FIBREFLOW_API_RATE_LIMIT": limit}).api_rate_limit == limit


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"FIBREFLOW_API_PORT": "0", "FIBREFLOW_LOG_LEVEL": "loud", "FIBREFLOW_NAME": "x"})
    assert all(
        name in refused.value.message for name in ("FIBREFLOW_API_PORT", "FIBREFLOW_LOG_LEVEL", "FIBREFLOW_NAME")
    )


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"FIBREFLOW_DATABASE_URL": "mysql://root:hunter2@db/x"})
    assert "hunter2" not in refused.value.message


def test_secrets_do_not_show_in_a_representation() -> None:
    settings = load_settings(
        {"FIBREFLOW_DATABASE_URL": "postgresql://u:hunter2@db/x", "FIBREFLOW_SECRET_KEY": "hunter2"}
    )
    assert "hunter2" not in repr(settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings({}).api_port = 1  # type: ignore[misc]  # that is what is refused


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_API_PORT", "9001")
    assert load_settings().api_port == 9001
    assert load_settings({}, api_port=9002).api_port == 9002


@pytest.mark.parametrize(
    ("url", "setting", "prepares"),
    [
        ("postgresql://u@db.example/x", None, True),
        ("postgresql://u@ep-1-pooler.example/x", None, False),
        ("postgresql://u@ep-1-pooler.example/x", True, True),
        ("postgresql://u@db.example/x", False, False),
        (None, None, True),
    ],
)
def test_prepared_statements_are_left_out_behind_a_pooler(
    url: str | None, setting: bool | None, prepares: bool
) -> None:
    settings = load_settings({}, database_url=url, database_prepared_statements=setting)
    assert settings.prepares_statements is prepares


def test_files_are_stored_under_the_data_folder_unless_a_url_is_set(tmp_path: Path) -> None:
    assert load_settings({}, data_dir=tmp_path).storage_location == (tmp_path / "storage").as_uri()
    assert load_settings({}, storage_url="gs://bucket/x").storage_location == "gs://bucket/x"


def test_every_setting_has_a_default() -> None:
    assert [name for name, field in Settings.model_fields.items() if field.is_required()] == []
