"""The parts of the WAHA sandbox that need no server: ids, signatures, pauses, plans of levels, chats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sandboxes import BadRequest
from integrations.waha.sandbox import identifiers, replies
from integrations.waha.sandbox.acknowledgements import plan
from integrations.waha.sandbox.chats import DEVICE, ERROR, PENDING, READ, SERVER, Chats, Listing, Message
from integrations.waha.sandbox.fates import FATES, USUAL, Fates
from integrations.waha.sandbox.hooks import Hook, Retries, sign, written
from integrations.waha.sandbox.people import People
from integrations.waha.sandbox.sessions import Session
from integrations.waha.sandbox.switches import WahaSwitches

CHAT = "27600000002@c.us"
NOW = datetime(2026, 7, 24, 12, 2, 10, tzinfo=UTC)
DOCUMENTED = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
)
OF_AN_ACK = (
    "b5aabf90f3ad5170c8f63d756632f8b01da72292a463f0bed9e5b4c15cb5afeb"
    "d9cf041ab469920fee4d8ea37eb677b6b65fed6071fbce5954fc1e5117f0a0be"
)


def keep(chats: Chats, stanza: str = "3EB0A1B2C3D4E5F60718", **values: Any) -> Message:
    given: dict[str, Any] = {
        "session": "default", "chat_id": CHAT, "stanza": stanza, "from_me": True, "body": "Hello", "at": NOW,
        "addressed": CHAT,
    }  # fmt: skip
    return chats.add(**(given | values))


class TestIdentifiers:
    def test_a_message_is_named_by_whose_it_is_its_chat_and_its_stanza(self) -> None:
        stanza = identifiers.new_stanza()
        assert identifiers.STANZA.match(stanza)
        assert len(stanza) == 20
        assert identifiers.message_id(CHAT, stanza, from_me=True) == f"true_{CHAT}_{stanza}"
        in_group = identifiers.message_id("1203@g.us", stanza, from_me=False, participant=CHAT)
        assert in_group == f"false_1203@g.us_{stanza}_{CHAT}"

    @pytest.mark.parametrize("form", ["true_27600000002@c.us_3EB0A1", "false_1847@lid_3EB0A1", "3EB0A1"])
    def test_the_stanza_is_found_in_every_form(self, form: str) -> None:
        assert identifiers.stanza_of(form) == "3EB0A1"

    def test_ids_of_envelopes_are_26_small_letters_and_sort_by_time(self) -> None:
        ids = identifiers.EnvelopeIds()
        made = [ids.new(moment) for moment in (1784894532417, 1784894532418, 1784894532418, 1784894532417)]
        assert made == sorted(set(made))
        earlier = made[0]
        assert len(earlier) == len("evt_") + 26
        assert earlier == earlier.lower()

    def test_the_engines_inner_form_is_the_person_s_outer_one(self) -> None:
        assert identifiers.outer("27600000002@s.whatsapp.net") == CHAT
        assert identifiers.inner(CHAT) == "27600000002@s.whatsapp.net"
        assert identifiers.inner("1203@g.us") == identifiers.outer("1203@g.us") == "1203@g.us"


class TestSignatures:
    def test_the_documented_vector(self) -> None:
        body = b'{"event":"message","session":"default","engine":"WEBJS"}'
        assert sign("my-secret-key", body) == DOCUMENTED

    def test_an_acknowledgement_has_exactly_the_bytes_of_its_vector(self) -> None:
        envelope = replies.envelope(
            "message.ack",
            replies.acknowledgement(CHAT, "3EB0A1B2C3D4E5F60718", DEVICE),
            envelope_id="evt_01k9zq4m7x2t8v5c3b6n1r0dae",
            milliseconds=1784894532417,
            session=Session("fibre-noc"),
            switches=WahaSwitches(),
        )
        body = written(envelope)
        assert len(body) == 465
        assert sign("test-hook-key", body) == OF_AN_ACK

    def test_letters_beyond_ascii_are_sent_as_they_are(self) -> None:
        assert written({"body": "Dankie, Zoë 👍"}) == '{"body":"Dankie, Zoë 👍"}'.encode()


class TestHooks:
    @pytest.mark.parametrize(
        ("policy", "pauses"), [("constant", [2, 2, 2]), ("linear", [2, 4, 6]), ("exponential", [2, 4, 8])]
    )
    def test_pauses_follow_the_policy(self, policy: str, pauses: list[float]) -> None:
        retries = Retries.model_validate({"policy": policy, "delaySeconds": 2, "attempts": 4})
        found = list(retries.pauses(Random(1)))
        slack = 0.2 if policy == "exponential" else 0.0
        assert len(found) == len(pauses)
        assert all(abs(real - meant) <= meant * slack for real, meant in zip(found, pauses, strict=True))

    def test_as_waha_is_configured(self) -> None:
        hook = Hook.model_validate(
            {
                "url": "http://127.0.0.1:8080/hooks/waha",
                "events": ["message.ack"],
                "hmac": {"key": "test-hook-key"},
                "retries": {"policy": "exponential", "delaySeconds": 2, "attempts": 15},
                "customHeaders": [{"name": "X-Source", "value": "waha-1"}],
            }
        )
        assert hook.key == "test-hook-key"
        assert hook.wants("message.ack")
        assert not hook.wants("message")
        assert hook.model_copy(update={"events": ("*",)}).wants("message")

    def test_it_never_sends_to_another_machine(self) -> None:
        with pytest.raises(ValueError, match="this machine only"):
            Hook(url="https://hooks.example.test/waha")


def plans(**switches: Any) -> Any:
    return plan(WahaSwitches(**({"ack_read_share": 1.0} | switches)), Random(7))


class TestPlans:
    def test_of_a_message_that_goes_well(self) -> None:
        assert [one.level for one in plans()] == [SERVER, DEVICE, READ]

    def test_gows_tells_no_server_level_and_the_others_do(self) -> None:
        assert plans(engine="GOWS")[0].told_after is None
        assert plans(engine="NOWEB")[0].told_after is not None
        group = plan(WahaSwitches(engine="NOWEB"), Random(7), group=True)
        assert group[0].told_after is None

    def test_read_overtakes_or_swallows_device(self) -> None:
        _server, device, read = plans(ack_swapped_share=1.0)
        assert device.told_after > read.told_after
        _server, device, read = plans(ack_skipped_share=1.0)
        assert device.told_after is None
        assert read.told_after is not None

    def test_an_error_comes_instead_of_all_else(self) -> None:
        assert [one.level for one in plans(ack_error_share=1.0)] == [ERROR]

    def test_by_hand_there_is_no_plan(self) -> None:
        assert plans(acks_automatic=False) == []

    @given(
        seed=st.integers(),
        delivered=st.floats(0, 1),
        read=st.floats(0, 1),
        swapped=st.floats(0, 1),
        skipped=st.floats(0, 1),
        delivered_after=st.floats(0, 5),
        read_after=st.floats(0, 5),
    )
    def test_levels_truly_rise_in_time_however_they_are_told(
        self,
        seed: int,
        delivered: float,
        read: float,
        swapped: float,
        skipped: float,
        delivered_after: float,
        read_after: float,
    ) -> None:
        switches = WahaSwitches(
            ack_delivered_share=delivered, ack_read_share=read, ack_swapped_share=swapped, ack_skipped_share=skipped,
            ack_delivered_after=delivered_after, ack_read_after=read_after,
        )  # fmt: skip
        found = plan(switches, Random(seed))
        assert [one.level for one in found] == [SERVER, DEVICE, READ][: len(found)]
        assert [one.after for one in found] == sorted(one.after for one in found)
        assert found == plan(switches, Random(seed))
        assert all(one.told_after is None or one.told_after >= one.after for one in found)


class TestChats:
    @given(levels=st.lists(st.sampled_from([ERROR, PENDING, SERVER, DEVICE, READ]), max_size=8))
    def test_a_level_never_falls_and_an_error_undoes_no_delivery(self, levels: list[int]) -> None:
        chats = Chats()
        message = keep(chats)
        highest = PENDING
        for level in levels:
            now = chats.acknowledge(message, level, NOW).ack
            assert now >= highest or (level == ERROR and highest < DEVICE)
            highest = now
        assert (chats.messages()[0].left_at is not None) == (highest >= SERVER)

    def test_what_people_received_and_what_of_it_twice(self) -> None:
        chats = Chats()
        once, twice, again, lost = (keep(chats, stanza=f"3EB0000{n}", body=b) for n, b in enumerate("abbc"))
        for message in (once, twice, again):
            chats.acknowledge(message, SERVER, NOW)
        assert set(chats.received()) == {(CHAT, "a"), (CHAT, "b")}
        assert [one.stanza for one in chats.doubled()[CHAT, "b"]] == [twice.stanza, again.stanza]
        assert [one.stanza for one in chats.never_left()] == [lost.stanza]

    def test_a_list_is_filtered_sorted_and_cut(self) -> None:
        chats = Chats()
        for minute in range(5):
            keep(chats, stanza=f"3EB0000{minute}", at=NOW + timedelta(minutes=minute), from_me=minute != 3)
        keep(chats, stanza="3EB00009", withheld=True)

        def stanzas(asked: Listing) -> str:
            return "".join(one.stanza[-1] for one in chats.listing("default", [CHAT], asked))

        start = NOW.timestamp()
        assert stanzas(Listing(10)) == "43210"
        assert stanzas(Listing(2, offset=1)) == "32"
        assert stanzas(Listing(10, since=start + 60, until=start + 180, from_me=True, rising=True)) == "12"
        assert stanzas(Listing(10, ack=READ)) == ""


class TestPeople:
    def test_a_hidden_id_leads_to_the_same_chat_and_tells_no_number(self) -> None:
        people = People()
        hidden = people.hidden_of(CHAT)
        assert identifiers.is_hidden(hidden)
        assert "600000002" not in hidden
        assert people.chat_of(hidden) == people.chat_of("27600000002@s.whatsapp.net") == CHAT
        assert people.phone_of(hidden) == CHAT
        assert people.phone_of("184799999@lid") is None

    def test_waha_may_not_know_whose_it_is(self) -> None:
        people = People()
        people.change("27600000002", exists=True, hidden="184700000000001@lid", known=False)
        assert people.phone_of("184700000000001@lid") is None
        assert people.pairs() == [{"lid": "184700000000001@lid", "pn": None}]


class TestFates:
    def test_by_chance_the_same_for_the_same_seed(self) -> None:
        def course(seed: int) -> list[str | None]:
            fates = Fates(seed)
            fates.change({"rate": 0.2})
            return [fates.choose(CHAT) for _ in range(500)]

        assert course(1) == course(1) != course(2)
        assert 60 <= sum(one is not None for one in course(1)) <= 140
        assert {one for one in course(1) if one} == set(USUAL)

    def test_scripted_ones_come_first_and_only_to_their_chat(self) -> None:
        fates = Fates()
        fates.next("empty", chat_id=CHAT, times=2)
        assert [fates.choose("1@c.us"), fates.choose(CHAT), fates.choose(CHAT), fates.choose(CHAT)] == [
            None, "empty", "empty", None,
        ]  # fmt: skip
        assert fates.as_json()["counts"] == {"empty": 2}

    @pytest.mark.parametrize(
        "values", [{"rate": 2}, {"names": ["luck"]}, {"luck": 1}, {"next": [{"times": 1}]}, {"next": [{"name": "x"}]}]
    )
    def test_mistakes_are_refused(self, values: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            Fates().change(values)

    def test_all_can_be_named(self) -> None:
        fates = Fates()
        for name in FATES:
            fates.next(name)
        assert [fates.choose(CHAT) for _ in FATES] == list(FATES)
        fates.next("empty")
        fates.stop()
        assert fates.choose(CHAT) is None
