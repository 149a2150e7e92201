"""Envelope senders that name the message a bounce is about, and that nobody else can make."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.delivery.identity.verp import EnvelopeSenders, Signed, SignedAddresses, SignedKind

SECRET = b"a secret of the tests, 32 bytes."
BOUNCES = SignedAddresses(SECRET)
PLAIN = "bounces@example.org"
MADE = BOUNCES.make(PLAIN, SignedKind.DELIVERY, 4711)


@given(st.sampled_from(SignedKind), st.integers(0, 2**40 - 1))
def test_what_was_signed_is_read_back_whatever_the_case(kind: SignedKind, number: int) -> None:
    made = BOUNCES.make(PLAIN, kind, number)
    for seen in (made, made.upper(), made.title()):
        assert BOUNCES.read(seen) == Signed(kind, number)
    local, _, domain = made.rpartition("@")
    assert local.startswith("bounces+")
    assert domain == "example.org"
    assert len(local) <= 64


def test_one_message_has_one_envelope_sender_for_ever() -> None:
    assert SignedAddresses(SECRET).make(PLAIN, SignedKind.DELIVERY, 4711) == MADE
    assert MADE == "bounces+110000001267d6cc179323be81890e8f@example.org"


@given(st.integers(0, 127))
def test_no_flipped_bit_is_accepted(bit: int) -> None:
    local, _, token = MADE.removesuffix("@example.org").partition("+")
    changed = bytearray.fromhex(token)
    changed[bit // 8] ^= 1 << bit % 8
    assert BOUNCES.read(f"{local}+{changed.hex()}@example.org") is None


def test_another_secret_signs_for_nobody() -> None:
    assert SignedAddresses(b"another secret of the tests, 32.").read(MADE) is None


@given(st.text(max_size=80))
def test_any_text_is_read_as_nothing(text: str) -> None:
    assert BOUNCES.read(text) is None
    assert BOUNCES.read(f"bounces+{text}@example.org") is None


def test_a_token_is_read_at_its_place_only() -> None:
    token = MADE.partition("+")[2].partition("@")[0]
    assert BOUNCES.read(f"list+bounces+{token}@example.net") == Signed(SignedKind.DELIVERY, 4711)
    for text in (token, f"{token}@example.org", f"+{token}@example.org", f"b+{token}x@example.org", f"b+{token}", f"{MADE}\n"):
        assert BOUNCES.read(text) is None, text


def test_a_number_or_an_address_that_does_not_fit_is_refused() -> None:
    for number in (-1, 2**40):
        with pytest.raises(ValueError, match="out of range"):
            BOUNCES.make(PLAIN, SignedKind.DELIVERY, number)
    assert BOUNCES.read(BOUNCES.make(f"{'b' * 31}@example.org", SignedKind.NOTICE, 1)) == Signed(SignedKind.NOTICE, 1)
    with pytest.raises(ValueError, match="no room"):
        BOUNCES.make(f"{'b' * 32}@example.org", SignedKind.NOTICE, 1)


def test_a_newsletter_is_sent_from_what_it_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    newsletters = {
        "signed": NewsletterConfig(envelope_from=PLAIN),
        "plain": NewsletterConfig(envelope_from=PLAIN, verp=False),
        "unset": NewsletterConfig(from_address="papers@example.org"),
        "long": NewsletterConfig(envelope_from=f"{'b' * 40}@example.org"),
    }
    with caplog.at_level(logging.WARNING):
        senders = EnvelopeSenders(newsletters, BOUNCES)
        made = {slug: [senders.of(slug, SignedKind.NOTICE, number) for number in (1, 2)] for slug in newsletters}
    assert [BOUNCES.read(sender) for sender in made["signed"]] == [Signed(SignedKind.NOTICE, 1), Signed(SignedKind.NOTICE, 2)]
    assert set(made["plain"]) == {PLAIN}
    assert set(made["unset"]) == {"papers@example.org"}
    assert set(made["long"]) == {f"{'b' * 40}@example.org"}
    assert [record.getMessage().split()[:2] for record in caplog.records] == [["verp.no_room", "newsletter=long"]]
