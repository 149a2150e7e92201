"""The tables of what mail systems say."""

from __future__ import annotations

import time
from dataclasses import fields

import pytest

from newsletter.inbound.bounces.account import fold
from newsletter.inbound.bounces.phrases import PhraseBook, Weight, words_of
from newsletter.inbound.bounces.sentences import REASONS, landmarks, sentences, telling
from newsletter.inbound.model import BounceReason


@pytest.mark.parametrize("name", REASONS)
def test_every_phrase_is_found_in_itself(name: str) -> None:
    for reason, weight, listed in sentences(name):
        given, heavy = BounceReason(reason), Weight[weight.upper()]
        for phrase in listed:
            book = PhraseBook([(given, heavy, [phrase])])
            assert [found.reason for found in book.find(words_of(phrase.replace("*", "x")))] == [given], phrase
            assert phrase == " ".join(phrase.split()), phrase


def test_no_phrase_gives_two_reasons() -> None:
    given: dict[str, str] = {}
    for name in REASONS:
        for reason, _, listed in sentences(name):
            for phrase in listed:
                words = " * ".join(words_of(piece).spaced.strip() for piece in phrase.split("*"))
                assert given.setdefault(words, reason) == reason, phrase


@pytest.mark.parametrize("name", REASONS)
def test_no_phrase_stands_twice_in_a_table(name: str) -> None:
    for reason, weight, listed in sentences(name):
        assert len(listed) == len(set(listed)), (reason, weight)


def test_the_words_that_tell_what_a_mail_is_have_the_form_that_they_are_looked_for_in() -> None:
    for table in (telling(), landmarks()):
        for field in fields(table):
            listed = getattr(table, field.name)
            assert listed
            assert [phrase for phrase in listed if phrase != fold(phrase)] == []


def test_the_tables_are_read_in_no_time() -> None:
    def seconds() -> float:
        began = time.process_time()
        PhraseBook(
            (BounceReason(reason), Weight[weight.upper()], listed)
            for name in REASONS
            for reason, weight, listed in sentences(name)
        )
        return time.process_time() - began

    # Some 25 ms on a quiet processor.
    assert min(seconds() for _ in range(5)) < 0.1
