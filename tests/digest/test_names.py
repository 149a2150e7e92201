"""People and labs are found however they are written, and namesakes are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest.names import Labs, Name, People


@pytest.mark.parametrize(
    ("followed", "printed"),
    [
        ("Ada Example", "Ada Example"),
        ("ada example", "ADA EXAMPLE"),
        ("Zoë Müller", "Zoe Muller"),
        ("Søren Ødegård", "Soren Odegard"),
        ("Example, Ada", "Ada Example"),
        ("Ada B. Example", "Ada Example"),
        ("Ada Example", "Ada B. Example"),
        ("Ada B. Example", "Ada Beatrix Example"),
        ("A. B. Example", "Ada Beatrix Example"),
        ("Ada Beatrix Example", "A. B. Example"),
        ("Jean-Luc Sample", "Jean Luc Sample"),
        ("Jean-Luc Sample", "J.-L. Sample"),
        ("Kai-Fu Pattern", "Kaifu Pattern"),
        ("Ada van den Example", "Ada van den Example"),
        ("Ada Example Jr.", "Ada Example"),
        ("Madonna", "Madonna"),
        ("A. Example", "A. Example"),
    ],
)
def test_somebody_is_found_as_others_print_the_name(followed: str, printed: str) -> None:
    assert People([["Bo Other"], [printed]]).papers_of(followed) == {1}


@pytest.mark.parametrize(
    ("followed", "printed"),
    [
        ("Wei Wang", "Wen Wang"),
        ("Wei Wang", "W. Wang"),
        ("Ming Yang", "Ming-Hsuan Yang"),
        ("Ada B. Example", "Ada C. Example"),
        ("Ada Example", "Ada Sample"),
        ("Ada Example", "Example"),
        ("Example", "Ada Example"),
        ("", "Ada Example"),
    ],
)
def test_a_namesake_is_somebody_else(followed: str, printed: str) -> None:
    assert People([["Bo Other"], [printed]]).papers_of(followed) == frozenset()


def test_an_initial_stands_for_a_name_while_only_one_person_fits_it() -> None:
    assert People([["Yann Pattern"], ["Yann Q. Pattern"], ["Bo Pattern"]]).papers_of("Y. Pattern") == {0, 1}
    assert People([["Yann Pattern"], ["Yuki Pattern"]]).papers_of("Y. Pattern") == frozenset()
    assert People([["Yann Pattern"], ["Yuki Pattern"], ["Y. Pattern"]]).papers_of("Y. Pattern") == {2}


NAMES = st.lists(st.sampled_from(["ada", "a", "bo", "b", "beatrix"]), max_size=3).map(
    lambda given: Name(tuple(given), "example")
)


@given(NAMES, NAMES)
def test_whether_two_names_may_be_one_does_not_depend_on_who_asks(one: Name, two: Name) -> None:
    assert one.may_be(two) == two.may_be(one)
    assert one.is_surely(two) == two.is_surely(one)
    assert one.may_be(one)


@pytest.mark.parametrize(
    ("followed", "printed"),
    [
        ("deepmind", "Google DeepMind"),
        ("Google", "Google DeepMind"),
        ("Deep Mind", "DeepMind"),
        ("MOSS", "OpenMOSS"),
        ("ByteDance Seed", "ByteDance-Seed"),
        ("Universite de Montreal", "Université de Montréal"),
    ],
)
def test_a_lab_is_found_by_words_of_its_name(followed: str, printed: str) -> None:
    assert Labs(["", printed]).papers_of(followed) == {1}


@pytest.mark.parametrize(
    ("followed", "printed"),
    [
        ("Intel", "Institute for Intelligence"),
        ("Meta", "Metabolic Lab"),
        ("Google Lab", "Google DeepMind Lab"),
        ("", "Any Lab"),
    ],
)
def test_a_part_of_a_word_is_no_lab(followed: str, printed: str) -> None:
    assert Labs([printed]).papers_of(followed) == frozenset()
