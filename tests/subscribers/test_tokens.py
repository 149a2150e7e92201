"""Tokens: one purpose, fixed width, nothing but what was signed is believed (standards T12)."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.tokens import TOKEN_LENGTH, KeyRing, TokenPurpose

KEYS = KeyRing.of(b"a" * 32)
IDS = st.integers(0, 2**56 - 1)
EPOCHS = st.integers(0, 2**31)
PURPOSES = st.sampled_from(TokenPurpose)


def holds(keys: KeyRing, token: str, purpose: TokenPurpose, epoch: int, scope: str = "") -> bool:
    claim = keys.subscriber_of(token, purpose)
    return claim is not None and keys.verify(claim, epoch, scope=scope)


@given(PURPOSES, IDS, EPOCHS, st.text(max_size=20))
def test_a_token_is_32_characters_and_verifies(purpose: TokenPurpose, number: int, epoch: int, scope: str) -> None:
    token = KEYS.make(purpose, number, epoch, scope=scope)
    assert len(token) == TOKEN_LENGTH
    assert token.replace("-", "a").replace("_", "a").isalnum()
    claim = KEYS.subscriber_of(token, purpose)
    assert claim is not None
    assert claim.subscriber_id == number
    assert KEYS.verify(claim, epoch, scope=scope)


@pytest.mark.parametrize("purpose", TokenPurpose)
def test_one_flipped_bit_is_refused(purpose: TokenPurpose) -> None:
    raw = base64.urlsafe_b64decode(KEYS.make(purpose, 7, 0))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not holds(KEYS, base64.urlsafe_b64encode(flipped).decode(), purpose, 0), bit


@given(IDS, st.text(string.ascii_letters + string.digits + "-_", min_size=TOKEN_LENGTH, max_size=TOKEN_LENGTH))
def test_no_guess_is_accepted(number: int, guess: str) -> None:
    head = KEYS.make(TokenPurpose.UNSUBSCRIBE, number, 0)[:10]  # key and number are no secret
    for purpose in TokenPurpose:
        assert not holds(KEYS, head + guess[10:], purpose, 0)


@given(PURPOSES, PURPOSES, IDS, EPOCHS, EPOCHS)
def test_another_purpose_or_epoch_is_refused(made: TokenPurpose, used: TokenPurpose, number: int, epoch: int, now: int) -> None:
    token = KEYS.make(made, number, epoch)
    assert holds(KEYS, token, used, now) == ((made, epoch) == (used, now))


def test_another_scope_is_refused() -> None:
    token = KEYS.make(TokenPurpose.UNSUBSCRIBE, 7, 0, scope="papers")
    assert holds(KEYS, token, TokenPurpose.UNSUBSCRIBE, 0, "papers")
    assert not holds(KEYS, token, TokenPurpose.UNSUBSCRIBE, 0, "other")
    assert not holds(KEYS, token, TokenPurpose.UNSUBSCRIBE, 0)


@given(st.text() | st.text("abcXYZ019-_=+/", min_size=31, max_size=33))
def test_garbage_is_no_token(text: str) -> None:
    assert not holds(KEYS, text, TokenPurpose.UNSUBSCRIBE, 0)


@pytest.mark.parametrize("text", ["", "a" * 31, "a" * 33, "a" * 32 + "\n", "ä" * 32, "٣" * 32, "a" * 100_000, "+" * 32])
def test_what_is_not_32_characters_of_the_alphabet_is_not_even_decoded(text: str) -> None:
    assert KEYS.subscriber_of(text, TokenPurpose.UNSUBSCRIBE) is None


def test_old_keys_still_open_and_the_new_one_signs() -> None:
    old, new = KeyRing({1: b"a" * 32}, 1), KeyRing({1: b"a" * 32, 2: b"b" * 32}, 2)
    token = old.make(TokenPurpose.UNSUBSCRIBE, 7, 3)
    assert holds(new, token, TokenPurpose.UNSUBSCRIBE, 3)
    fresh = new.make(TokenPurpose.UNSUBSCRIBE, 7, 3)
    assert fresh != token
    assert not holds(old, fresh, TokenPurpose.UNSUBSCRIBE, 3)


def test_another_secret_opens_nothing() -> None:
    assert not holds(KeyRing.of(b"b" * 32), KEYS.make(TokenPurpose.UNSUBSCRIBE, 7, 0), TokenPurpose.UNSUBSCRIBE, 0)


def test_a_ring_without_its_current_key_is_refused() -> None:
    with pytest.raises(ValueError, match="current one must be among them"):
        KeyRing({1: b"a"}, 2)
