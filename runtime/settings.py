"""Settings, read once from `FIBREFLOW_*` and checked before anything starts.

A name that is unknown is refused with the name that was probably meant: a misspelt setting that is silently ignored is
the kind of mistake that is found in production.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.errors import SettingsError

PREFIX = "FIBREFLOW_"
MEGABYTE = 1024 * 1024


class Settings(BaseSettings):
    """Everything that differs between one installation and another.

    Sizes are bytes and times are seconds unless the name says otherwise. `database_url` and `redis_url` left empty mean
    the embedded servers under `data_dir`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False)

    environment: Literal["development", "test", "production"] = "development"
    data_dir: Path = Path(".fibreflow")
    timezone: Literal["Africa/Johannesburg"] = "Africa/Johannesburg"

    database_url: SecretStr | None = None
    database_connections: int = Field(default=16, ge=2, le=500)
    database_prepared_statements: bool | None = None
    redis_url: SecretStr | None = None
    redis_namespace: str = Field(default="fibreflow", pattern=r"^[a-z][a-z0-9_-]{0,40}$")
    storage_url: str | None = None

    # How long a link to a file, and an address that a file may be sent to, are good for.
    file_link_seconds: int = Field(default=900, ge=30, le=86_400)
    upload_link_seconds: int = Field(default=900, ge=30, le=3_600)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65535)
    api_threads: int = Field(default=8, ge=1, le=64)
    api_rate_limit: str = "600/minute"
    api_max_upload: int = Field(default=26 * MEGABYTE, ge=MEGABYTE)
    api_allowed_origins: tuple[str, ...] = ()
    api_trusted_proxies: int = Field(default=0, ge=0, le=5)
    secret_key: SecretStr | None = None

    clerk_issuer: str | None = None
    clerk_jwks_url: str | None = None
    clerk_authorized_parties: tuple[str, ...] = ()

    worker_processes: int = Field(default=2, ge=1, le=64)
    worker_threads: int = Field(default=8, ge=1, le=128)
    worker_queues: tuple[str, ...] = ()
    worker_prefetch: int = Field(default=16, ge=1, le=1024)
    worker_grace: float = Field(default=25.0, gt=0)
    worker_heartbeat: float = Field(default=1.0, gt=0, le=30)
    worker_lost_after: float = Field(default=6.0, gt=1, le=300)
    worker_memory_limit: int | None = Field(default=None, ge=64 * MEGABYTE)
    job_modules: tuple[str, ...] = ("jobs.kinds",)

    scheduler_lease: float = Field(default=5.0, gt=1, le=60)
    scheduler_relay_interval: float = Field(default=1.0, gt=0, le=60)
    scheduler_rescue_interval: float = Field(default=1.0, gt=0, le=60)
    scheduler_prune_interval: float = Field(default=300.0, gt=0)

    import_max_bytes: int = Field(default=25 * MEGABYTE, ge=MEGABYTE)
    import_max_rows: int = Field(default=100_000, ge=1)
    import_batch_rows: int = Field(default=5_000, ge=1, le=50_000)

    ont_rx_min_dbm: float = -27.0
    ont_rx_max_dbm: float = -8.0
    # Whether a ticket whose DR, pole, PON or zone differs between the platforms is kept from QA, or only warned about.
    qa_platforms_must_align: bool = False
    # In how many of its 64 bits a photo's perceptual hash may differ from another's to be called nearly the same.
    evidence_similar_bits: int = Field(default=7, ge=0, le=7)
    # How long before its ticket a photo may have been taken.
    evidence_capture_slack_hours: float = Field(default=24.0, ge=0, le=24 * 365)

    # QContact, the client's CRM; without an address nothing is asked of it. `qcontact_queue` is the record id of the
    # user to whom the partner's cases are assigned there. With a password the client signs in by itself, else it lives
    # on the three token values.
    qcontact_url: str | None = None
    qcontact_email: str | None = None
    qcontact_password: SecretStr | None = None
    qcontact_uid: str | None = None
    qcontact_access_token: SecretStr | None = None
    qcontact_client: SecretStr | None = None
    qcontact_queue: str | None = Field(default=None, pattern=r"^[0-9]{1,19}$")
    qcontact_timeout: float = Field(default=30.0, gt=0, le=300)
    # Calls at once. The service answers in 0.1 to 0.7 s: with 10, a sync would take a tenth of the time that one call
    # after another takes, and hardly less.
    qcontact_connections: int = Field(default=16, ge=1, le=50)
    # Whether status, assignment and notes are written back there.
    qcontact_push: bool = True
    # How long what was exchanged is kept in the log; what somebody still has to decide stays longer.
    qcontact_log_days: int = Field(default=90, ge=8, le=3_650)
    qcontact_webhook_secret: SecretStr | None = None
    # What a caller of the cron routes must present as a bearer token; without one nobody may call them.
    cron_secret: SecretStr | None = None

    # WAHA, the gateway to WhatsApp.
    waha_url: str | None = None
    waha_api_key: SecretStr | None = None
    waha_session: str = Field(default="default", pattern=r"^[A-Za-z0-9_-]{1,54}$")
    waha_timeout: float = Field(default=20.0, ge=1, le=300)
    waha_webhook_secret: SecretStr | None = None

    # When and how fast notices may go out; local times, and counts by session and by contact.
    notices_quiet_from: time = time(20, 0)
    notices_quiet_until: time = time(7, 0)
    notices_per_minute: int = Field(default=6, ge=1, le=6_000)
    notices_per_day: int = Field(default=500, ge=1, le=100_000)
    # How far the time between two notices over one session varies, as a share of an even beat; 0 sends them in bursts.
    notices_jitter: float = Field(default=0.5, ge=0, le=1)
    notices_per_contact_per_hour: int = Field(default=4, ge=1, le=1_000)
    notices_per_contact_per_day: int = Field(default=20, ge=1, le=10_000)

    # After so many failures in a row an integration is left alone for so long (doubled each time, up to the longest).
    breaker_failures: int = Field(default=5, ge=1, le=100)
    breaker_wait: float = Field(default=15.0, gt=0, le=3_600)
    breaker_longest_wait: float = Field(default=300.0, gt=0, le=86_400)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values only from `load_settings`, which reads the environment itself to name every mistake in it."""
        return (init_settings,)

    @field_validator("database_url")
    @classmethod
    def _database_url_is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgres://", "postgresql://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("storage_url")
    @classmethod
    def _storage_url_is_of_a_store(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("file://", "gs://", "s3://")):
            raise ValueError("must start with file://, gs:// or s3://")
        return value

    @field_validator("clerk_issuer", "clerk_jwks_url", "qcontact_url", "waha_url")
    @classmethod
    def _address_is_of_the_web(cls, value: str | None) -> str | None:
        if value is not None and not _is_web_address(value):
            raise ValueError("must be an address such as https://host.example")
        return value

    @field_validator("api_rate_limit")
    @classmethod
    def _rate_limit_lets_some_pass(cls, value: str) -> str:
        try:
            limits = parse_many(value)
        except ValueError:
            limits = []
        if not limits or any(limit.amount < 1 for limit in limits):
            raise ValueError("must say how many requests in which time, such as 600/minute or 20/second;600/minute")
        return value

    @field_validator("worker_lost_after")
    @classmethod
    def _lost_after_a_missed_heartbeat(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("worker_heartbeat", 0):
            raise ValueError("must be longer than FIBREFLOW_WORKER_HEARTBEAT: workers that are alive would be lost")
        return value

    @field_validator("ont_rx_max_dbm")
    @classmethod
    def _power_window_is_open(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("ont_rx_min_dbm", value):
            raise ValueError("must not be below FIBREFLOW_ONT_RX_MIN_DBM: no reading would pass")
        return value

    @field_validator("notices_quiet_from", "notices_quiet_until")
    @classmethod
    def _quiet_hours_are_local(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("must be a local time without a zone, such as 20:00")
        return value

    @property
    def prepares_statements(self) -> bool:
        """Whether connections may use server-side prepared statements.

        Neon's transaction pooler is recognised by its host name ("-pooler"); for another transaction-mode pooler set
        `FIBREFLOW_DATABASE_PREPARED_STATEMENTS=false`.
        """
        if self.database_prepared_statements is not None:
            return self.database_prepared_statements
        url = self.database_url.get_secret_value() if self.database_url else ""
        return "-pooler" not in url

    @property
    def storage_location(self) -> str:
        """The object store's URL; a folder under `data_dir` unless one is set."""
        return self.storage_url or (self.data_dir.resolve() / "storage").as_uri()


def load_settings(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Read and check the settings.

    Raises SettingsError that lists every mistake at once, each with the name of the variable and, for an unknown name,
    the one that was probably meant.
    """
    environ = os.environ if environ is None else environ
    mistakes = _unknown_names(environ)
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in Settings.model_fields and value != ""
    }
    try:
        settings = Settings(**{**_split_lists(values), **overrides})  # type: ignore[arg-type]
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False)
        ]
        settings = None
    if mistakes or settings is None:
        raise SettingsError("The settings cannot be used:\n  " + "\n  ".join(mistakes))
    return settings


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        return False


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    mistakes = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name not in known:
            # The prefix that all names share must not make strangers look alike.
            meant = name.upper().removeprefix(PREFIX)
            close = difflib.get_close_matches(meant, [one.removeprefix(PREFIX) for one in known], n=1, cutoff=0.6)
            hint = f"did you mean {PREFIX}{close[0]}?" if close else "`fibreflow settings` lists the known names"
            mistakes.append(f"{name}: no such setting; {hint}")
    return mistakes


def _split_lists(values: dict[str, str]) -> dict[str, object]:
    return {
        name: tuple(part.strip() for part in value.split(",") if part.strip())
        if str(Settings.model_fields[name].annotation).startswith("tuple")
        else value
        for name, value in values.items()
    }
