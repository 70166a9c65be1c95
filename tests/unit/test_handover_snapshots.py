"""Canonical JSON and the hash of a snapshot: the same for the same, another for anything else."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.handover.canonical import LARGEST_WHOLE, canonical, moment, plain, sha256_of
from ticketing.handover.chain import ChainCheck
from ticketing.handover.snapshots import hash_of
from ticketing.vocabulary import Status

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-LARGEST_WHOLE, LARGEST_WHOLE) | st.decimals(-1000, 1000, places=6).map(float)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ("Bloukrans \u00eb \u20ac \n\u0001", '"Bloukrans \u00eb \u20ac \\n\\u0001"'),
        (-19.0, "-19"),
        (-19.5, "-19.5"),
        (0.000001, "0.000001"),
        (-0.0, "0"),
        (1e15, "1000000000000000"),
        # RFC 8785, 3.2.3: the order of UTF-16 code units, not of code points.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
    ],
)
def test_one_text_for_one_value(value: Any, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 1e-9, 2**53])
def test_numbers_without_a_plain_form_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"plain decimal form|too large"):
        canonical(value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="datetime"):
        canonical({"at": NOON})
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 1, 1))  # noqa: DTZ001


@given(values)
def test_it_is_json_and_reading_it_back_changes_nothing(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(texts, values, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert sha256_of(dict(reversed(value.items()))) == sha256_of(value)


def test_plain_material() -> None:
    south_africa = timezone(timedelta(hours=2))
    given_values = {
        "at": datetime(2026, 11, 20, 12, 0, 0, 5, south_africa),
        "id": UUID(int=1),
        "rx": Decimal("-19.50"),
        "status": Status.OPEN,
        "day": NOON.date(),
        "list": (1, [Decimal(2)]),
    }
    assert plain(given_values) == {
        "at": "2026-11-20T10:00:00.000005Z",
        "id": str(UUID(int=1)),
        "rx": -19.5,
        "status": "open",
        "day": "2026-11-20",
        "list": [1, [2.0]],
    }


def link(number: int, previous: str | None, **fields: Any) -> dict[str, Any]:
    row = {
        "id": UUID(int=number),
        "chain_number": number,
        "ticket_id": UUID(int=99),
        "handover_type": "qa_to_maintenance",
        "snapshot_data": {"title": "No light", "ont_rx_level": -19.5},
        "evidence_links": [],
        "decisions": [],
        "guarantee_status": None,
        "from_owner_type": "qa",
        "from_owner_id": None,
        "to_owner_type": "maintenance",
        "to_owner_id": None,
        "handover_at": NOON,
        "handover_by": UUID(int=7),
        "previous_sha256": previous,
        "created_at": NOON,
    } | fields
    sha256 = hash_of(row)
    return row | {"snapshot_sha256": sha256, "told_sha256": sha256}


def test_the_form_of_the_hash_is_fixed() -> None:
    """A change here would make every snapshot that exists unprovable: give it another FORMAT instead."""
    text = (
        '{"chain_number":1,"created_at":"2026-11-20T10:00:00.000000Z","decisions":[],"evidence_links":[],"format":1,'
        '"from_owner_id":null,"from_owner_type":"qa","guarantee_status":null,"handover_at":"2026-11-20T10:00:00.000000Z",'
        '"handover_by":"00000000-0000-0000-0000-000000000007","handover_type":"qa_to_maintenance",'
        '"id":"00000000-0000-0000-0000-000000000001","previous_sha256":null,'
        '"snapshot_data":{"ont_rx_level":-19.5,"title":"No light"},"ticket_id":"00000000-0000-0000-0000-000000000063",'
        '"to_owner_id":null,"to_owner_type":"maintenance"}'
    )
    assert link(1, None)["snapshot_sha256"] == hashlib.sha256(text.encode()).hexdigest()


@given(st.sampled_from(sorted(link(1, None).keys() - {"snapshot_sha256", "told_sha256"})))
def test_every_field_is_covered(name: str) -> None:
    row = link(2, "a" * 64)
    other = {"id": UUID(int=3), "ticket_id": UUID(int=3), "handover_by": UUID(int=3), "chain_number": 3}
    other |= dict.fromkeys(("handover_at", "created_at"), NOON + timedelta(microseconds=1))
    assert hash_of(row | {name: other.get(name, "another")}) != row["snapshot_sha256"]


@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_any_link_that_is_changed_or_taken_out_is_found(titles: list[str], data: st.DataObject) -> None:
    chain: list[dict[str, Any]] = []
    for number, title in enumerate(titles, start=1):
        chain.append(link(number, chain[-1]["snapshot_sha256"] if chain else None, snapshot_data={"title": title}))
    end = {"length": len(chain), "head_sha256": chain[-1]["snapshot_sha256"], "told_number": len(chain)}
    place = data.draw(st.integers(0, len(chain) - 1))
    assert check(chain, end).holds
    assert not check([*chain[:place], *chain[place + 1 :]], end).holds
    forged = chain[place] | {"snapshot_data": {"title": titles[place] + "!"}}
    assert not check([*chain[:place], forged, *chain[place + 1 :]], end).holds
    twice = check([*chain[: place + 1], *chain[place:]], end)
    assert ("number", place + 1) in [(one.kind, one.number) for one in twice.breaks]


def check(rows: list[dict[str, Any]], end: dict[str, Any]) -> Any:
    from ticketing.handover.chain import GUARDS

    walk = ChainCheck()
    for row in rows:
        walk.take(row)
    return walk.finish(end | {"last_number": rows[-1]["chain_number"] if rows else None}, GUARDS)
