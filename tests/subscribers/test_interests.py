"""Interests: JSON and words both come back as they went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.interests import interests_from_json, interests_to_json, join_words, parse_topics, split_words
from subscribers.model import Interests

WORD = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), min_size=1, max_size=30).map(
    lambda text: " ".join(text.split())
)
WORDS = st.lists(WORD.filter(bool), max_size=5, unique=True).map(tuple)
INTERESTS = st.builds(Interests, WORDS, WORDS, WORDS, WORDS, WORDS)


@given(INTERESTS)
def test_interests_survive_the_database(interests: Interests) -> None:
    assert interests_from_json(interests_to_json(interests)) == interests


def test_no_interests_are_stored_as_nothing() -> None:
    assert interests_to_json(Interests()) == {}


def test_a_kind_of_a_later_version_is_left_aside() -> None:
    assert interests_from_json({"keywords": ["agents"], "moods": ["sunny"]}) == Interests(keywords=("agents",))


@given(WORDS)
def test_words_survive_a_cell(words: tuple[str, ...]) -> None:
    assert split_words(join_words(words)) == words


def test_topics_are_categories_and_keywords() -> None:
    found = parse_topics(' cs.CL;hep-th ; physics.acc-ph; node.js; diffusion  models; ;"a;b"; cs.CL')
    assert found == Interests(categories=("cs.CL", "hep-th", "physics.acc-ph"), keywords=("node.js", "diffusion models", "a;b"))


@pytest.mark.parametrize("text", ["x" * 101, ";".join(map(str, range(201))), '"open', "bell\a"])
def test_what_is_too_much_or_broken_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a list|a word"):
        split_words(text)
