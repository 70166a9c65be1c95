"""API keys: shown once, kept as a hash, found by their prefix, and refused the moment they are revoked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from runtime.logging import mask_text
from tests.clocks import FixedClock
from tests.factories import make_contractor, make_user
from tests.factories.access import make_api_key
from ticketing import api_keys
from ticketing.errors import InvalidInput, NotFound
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform


def authenticate(platform: Platform, plain: str) -> api_keys.ApiKey | None:
    with platform.read() as connection:
        return api_keys.authenticate(connection, plain, now=platform.clock.now())


def test_the_plain_key_signs_in_and_is_nowhere_in_the_database(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        made, plain = api_keys.create(work, "nightly script", ("viewer", "operator"))

    key = authenticate(platform, plain)

    assert key is not None
    assert (key.id, key.name, set(key.roles)) == (made.id, "nightly script", {"viewer", "operator"})
    with platform.read() as connection:
        row = connection.execute("select * from api_keys").fetchone()
    assert row is not None
    assert plain.split("_")[2] not in str(row)
    assert row["key_sha256"] == hashlib.sha256(plain.encode()).hexdigest()


def test_a_key_has_256_random_bits_and_its_form_is_masked_in_logs(platform: Platform) -> None:
    plain = make_api_key(platform, "viewer")
    mark, prefix, secret = plain.split("_")
    assert (mark, len(prefix), len(secret)) == ("ff", 8, 43)
    assert secret not in mask_text(f"GET with {plain} failed")
    assert secret not in mask_text(f"Authorization: Bearer {plain}")


@pytest.mark.parametrize("damage", ["secret", "prefix", "form", "empty", "cut"])
def test_anything_but_the_very_key_is_refused(platform: Platform, damage: str) -> None:
    plain = make_api_key(platform, "viewer")
    damaged = {
        "secret": plain[:-1] + ("a" if plain[-1] != "a" else "b"),
        "prefix": "ff_zzzzzzzz_" + plain.split("_")[2],
        "form": plain.upper(),
        "empty": "",
        "cut": plain[:-1],
    }[damage]
    assert authenticate(platform, damaged) is None


def test_a_revoked_key_is_refused_and_who_revoked_it_first_stays(platform: Platform) -> None:
    plain = make_api_key(platform, "viewer")
    with platform.begin(SYSTEM) as work:
        first = api_keys.revoke(work, plain.split("_")[1])
    with platform.begin(SYSTEM) as work:
        again = api_keys.revoke(work, plain)
    assert authenticate(platform, plain) is None
    assert first.revoked_at == again.revoked_at
    assert again.revoked_at is not None


def test_revoking_an_unknown_key_says_so(platform: Platform) -> None:
    with pytest.raises(NotFound, match="ff_nosuchke"), platform.begin(SYSTEM) as work:
        api_keys.revoke(work, "nosuchke")


def test_a_key_ends_when_it_was_said_to(platform: Platform, frozen_clock: FixedClock) -> None:
    platform.clock = frozen_clock
    plain = make_api_key(platform, "viewer", expires_at=frozen_clock.now() + timedelta(days=1))
    assert authenticate(platform, plain) is not None
    frozen_clock.advance(timedelta(days=1))
    assert authenticate(platform, plain) is None


def test_the_last_use_is_noted_at_most_once_a_minute(platform: Platform, frozen_clock: FixedClock) -> None:
    platform.clock = frozen_clock
    plain = make_api_key(platform, "viewer")

    def last_used_after(wait: timedelta) -> object:
        frozen_clock.advance(wait)
        authenticate(platform, plain)
        with platform.read() as connection:
            return api_keys.list_keys(connection)[0].last_used_at

    first = last_used_after(timedelta())
    assert first == frozen_clock.now()
    assert last_used_after(timedelta(seconds=59)) == first
    assert last_used_after(timedelta(seconds=1)) == frozen_clock.now()


def test_a_key_of_a_deactivated_person_is_refused(platform: Platform) -> None:
    with platform.read() as connection:
        user = make_user(connection)
    plain = make_api_key(platform, "viewer", user_id=user["id"])
    assert authenticate(platform, plain) is not None
    with platform.read() as connection:
        connection.execute("update users set is_active = false")
    assert authenticate(platform, plain) is None


def test_a_contractors_key_carries_the_company(platform: Platform) -> None:
    with platform.read() as connection:
        company = make_contractor(connection)["id"]
    key = authenticate(platform, make_api_key(platform, "contractor", contractor_id=company))
    assert key is not None
    assert key.actor().contractor_id == company
    assert key.actor().kind == "api_key"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "  "}, "name"),
        ({"roles": ()}, "roles"),
        ({"roles": ("root",)}, "roles"),
        ({"roles": ("contractor",)}, "contractor_id"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(platform: Platform, fields: dict[str, object], wrong: str) -> None:
    wished: dict[str, Any] = {"name": "x", "roles": ("viewer",), **fields}
    with pytest.raises(InvalidInput) as refusal, platform.begin(SYSTEM) as work:
        api_keys.create(work, **wished)
    assert isinstance(refusal.value.details, dict)
    assert wrong in refusal.value.details


def test_keys_are_listed_newest_first(platform: Platform) -> None:
    for name in ("first", "second"):
        make_api_key(platform, "viewer", name=name)
    with platform.read() as connection:
        assert [key.name for key in api_keys.list_keys(connection)] == ["second", "first"]
