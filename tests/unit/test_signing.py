"""Signatures: only this installation makes them, for one purpose and one text."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import SettingsError
from runtime.settings import load_settings
from runtime.signing import KEY_FILE, Signer

PARTS = st.lists(st.text(max_size=10), max_size=4)


@given(PARTS, PARTS)
def test_a_signature_fits_its_parts_and_no_others(one: list[str], other: list[str]) -> None:
    signer = Signer(b"secret", "file")
    assert signer.is_valid(signer.sign(*one), *one)
    assert signer.is_valid(signer.sign(*one), *other) == (one == other)


@given(st.text())
def test_made_up_signatures_do_not_fit(signature: str) -> None:
    assert not Signer(b"secret", "file").is_valid(signature, "a")


def test_purposes_and_secrets_are_apart() -> None:
    made = Signer(b"secret", "file").sign("a")
    assert not Signer(b"secret", "upload").is_valid(made, "a")
    assert not Signer(b"other", "file").is_valid(made, "a")


def test_the_secret_of_the_settings_is_used(tmp_path: Path) -> None:
    one, other = (
        Signer.from_settings(load_settings({}, data_dir=tmp_path / name, secret_key="long and random"), "file")
        for name in ("one", "other")
    )
    assert one.is_valid(other.sign("a"), "a")
    assert not list(tmp_path.iterdir())


def test_without_one_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path / "data")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Signer.from_settings(settings, "file").sign("a"), range(8)))
    assert len(set(made)) == 1
    (kept,) = (tmp_path / "data").iterdir()
    assert (kept.name, stat.S_IMODE(kept.stat().st_mode)) == (KEY_FILE, 0o600)
    other = load_settings({}, data_dir=tmp_path / "elsewhere")
    assert Signer.from_settings(other, "file").sign("a") != made[0]


def test_a_folder_that_keeps_nothing_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="FIBREFLOW_SECRET_KEY"):
        Signer.from_settings(load_settings({}, data_dir=tmp_path / "file" / "data"), "file")
