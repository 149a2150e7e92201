"""Interests: JSON and words both come back as they went."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.interests import (
    Phrases,
    category_of,
    interests_from_json,
    interests_to_json,
    is_archive,
    join_words,
    parse_phrases,
    parse_topics,
    split_phrases,
    split_words,
)
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
    found = parse_topics(' cs.CL;hep-th ; physics.acc-ph; cs; node.js; diffusion  models; ;"a;b"; cs.CL')
    categories = ("cs.CL", "hep-th", "physics.acc-ph", "cs")
    assert found == Interests(categories=categories, keywords=("node.js", "diffusion models", "a;b"))


def test_categories_are_kept_as_arxiv_spells_them() -> None:
    spellings = "CS.LG; cs.cl; cs.CL; Hep-TH; PHYSICS.Acc-Ph; Cond-Mat.Mes-Hall; q-bio.nc; CS"
    canonical = ("cs.LG", "cs.CL", "hep-th", "physics.acc-ph", "cond-mat.mes-hall", "q-bio.NC", "cs")
    assert parse_topics(spellings) == Interests(categories=canonical)
    assert category_of("diffusion") is None


@pytest.mark.parametrize("split", [parse_topics, split_phrases])
@pytest.mark.parametrize("entry", ["-benchmark", "-", '-"world model"'])
def test_an_entry_that_only_leaves_out_is_refused_and_named(split: Callable[[str], object], entry: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(entry)} cannot be looked for: it "):
        split(f"agents; {entry}")


@pytest.mark.parametrize("split", [parse_topics, split_phrases])
@pytest.mark.parametrize("text", ["cs.CL, cs.CV", "agents,planning", '"a, b" c, d', "agents;x,"])
def test_commas_do_not_part_words(split: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="write semicolons between them: agents; diffusion models"):
        split(text)


def test_a_comma_in_quotation_marks_belongs_to_the_phrase() -> None:
    words = ("retrieval, augmented", 'planning -"a, b"')
    assert split_phrases('"retrieval, augmented"; planning -"a, b"') == words
    assert join_words(words) == '"retrieval, augmented";planning -"a, b"'
    assert join_words(["Example, Ada"], are_names=True) == "Example, Ada"


@given(WORDS)
def test_phrases_survive_a_cell_if_each_can_be_read(words: tuple[str, ...]) -> None:
    readable = tuple(word for word in words if _can_be_read(word))
    assert split_phrases(join_words(readable)) == readable


def _can_be_read(word: str) -> bool:
    try:
        parse_phrases(word)
    except ValueError:
        return False
    return True


def test_an_archive_is_a_category_without_a_subject() -> None:
    assert [name for name in ("cs", "math-ph", "q-bio", "cs.CL", "computers", "") if is_archive(name)] == [
        "cs",
        "math-ph",
        "q-bio",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('diffusion models -image -"stable diffusion"; b', ('diffusion models -image -"stable diffusion"', "b")),
        ('"stable diffusion" -image', ('"stable diffusion" -image',)),
        ('"stable diffusion"', ("stable diffusion",)),
        ('planning -"a;b"', ('planning -"a;b"',)),
        ('"say ""so"""', ('say "so"',)),
        ('5" display; x', ('5" display', "x")),
    ],
)
def test_quotation_marks_inside_a_word_stay(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words
    assert split_words(join_words(words)) == words


def test_what_was_written_is_shown_as_it_was() -> None:
    assert join_words(['planning -"a;b"', 'models -"stable diffusion"']) == 'planning -"a;b";models -"stable diffusion"'


@pytest.mark.parametrize(
    ("entry", "phrases"),
    [
        ("diffusion models", Phrases(("diffusion models",))),
        ('diffusion models -image -"stable diffusion"', Phrases(("diffusion models",), ("image", "stable diffusion"))),
        ('"diffusion" "planning"', Phrases(("diffusion", "planning"))),
        ("x-ray - or not", Phrases(("x-ray - or not",))),
        ("one -two three", Phrases(("one", "three"), ("two",))),
        ('"say ""so"""', Phrases(('say "so"',))),
    ],
)
def test_an_entry_is_phrases_and_exclusions(entry: str, phrases: Phrases) -> None:
    assert parse_phrases(entry) == phrases


@pytest.mark.parametrize("entry", ["-image", '"open', 'a "b', '"a"b', "...", "", '""'])
def test_an_entry_that_asks_for_nothing_or_is_left_open_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"quotation mark|no word|only leaves out"):
        parse_phrases(entry)


@given(WORD)
def test_any_text_is_read_or_refused(entry: str) -> None:
    try:
        found = parse_phrases(entry)
    except ValueError:
        return
    assert found.wanted
    assert all(any(map(str.isalnum, phrase)) for phrase in (*found.wanted, *found.unwanted))


@pytest.mark.parametrize("text", ["x" * 101, ";".join(map(str, range(201))), '"open', "bell\a", "two\nlines"])
def test_what_is_too_much_or_broken_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a list|a word|a quotation mark"):
        split_words(text)
