"""Words and phrases are found as people mean them, and nothing else is."""

from __future__ import annotations

import pytest

from newsletter.digest.matching import Matching
from newsletter.digest.words import WordIndex
from tests.samples import paper


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("agent", "Many Agents"),
        ("agents", "an agent"),
        ("policies", "one policy"),
        ("branch", "two branches"),
        ("cache", "all caches"),
        ("GPUs", "a GPU"),
        ("bias", "biases"),
        ("losses", "the loss"),
        ("metric", "metrics"),
        ("world models", "A World-Model of things"),
        ("world-models", "a world model"),
        ("multi-modal", "Multimodal learning"),
        ("multimodal", "multi\u2010modal learning"),
        ("large multimodal models", "Large multi-modal model"),
        ("schrodinger", "Schrödinger bridges"),
        ("Łukasiewicz", "Lukasiewicz logic"),
        ("C++", "code in C++, mostly"),
        ("parkinson", "Parkinson's disease"),
        ("GPT-4", "GPT 4 and others"),
    ],
)
def test_a_word_is_found_in_other_forms(wanted: str, text: str) -> None:
    assert WordIndex([["nothing"], [text]]).having(wanted) == {1}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("rl", "world"),
        ("agents", "reagents"),
        ("new", "news"),
        ("news", "new"),
        ("dynamics", "dynamic"),
        ("plan", "plane"),
        ("planes", "plans"),
        ("loss", "los"),
        ("C", "C++"),
        ("world models", "models of the world"),
        ("world models", "world. A second field holds models"),
        ("", "anything"),
        ("...", "anything ..."),
    ],
)
def test_what_only_looks_like_a_word_is_not_found(wanted: str, text: str) -> None:
    assert WordIndex([text.split(".")]).having(wanted) == frozenset()


@pytest.mark.parametrize(
    ("entry", "titles", "found"),
    [
        ('diffusion models -image -"stable diffusion"', ["A diffusion model", "Diffusion models of images"], [True, False]),
        ('"diffusion" "planning"', ["Planning by diffusion", "Planning", "Diffusion"], [True, False, False]),
        ("diffusion planning", ["Planning by diffusion", "Diffusion planning"], [False, True]),
        # Kept from before there were rules: a phrase as it is, unless it was to leave out.
        ('"open', ['What is "open', "shut"], [True, False]),
        ("-benchmark", ["A benchmark", "Agents"], [False, False]),
        ('-"open', ['What is -"open', "shut"], [False, False]),
        ("-", ["A - b", "-"], [False, False]),
    ],
)
def test_an_entry_holds_phrases_and_exclusions(entry: str, titles: list[str], found: list[bool]) -> None:
    matching = Matching([paper(number, title=title, abstract="") for number, title in enumerate(titles)])
    assert matching.answering("keywords", entry).tolist() == found
    assert matching.answering("muted", entry).tolist() == found


def test_an_archive_stands_for_all_of_its_categories() -> None:
    papers = [paper(1, categories=("cs.CL",)), paper(2, categories=("math.CO", "cs.DM")), paper(3, categories=("math-ph",))]
    matching = Matching(papers)
    for wanted, found in (("cs", [True, True, False]), ("MATH", [False, True, False]), ("cs.cl", [True, False, False])):
        assert matching.answering("categories", wanted).tolist() == found
    assert matching.answering("categories", "math-ph").tolist() == [False, False, True]
