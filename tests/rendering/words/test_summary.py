"""A summary says what was done and found, whatever the abstract begins with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.summaries import f1
from newsletter.rendering.words.summary import best_summary
from newsletter.rendering.words.text import clean, sentences, summarize

BACKGROUND = (
    "Counting pebbles has become increasingly popular in recent years. However, existing methods struggle with small ones and "
    "remain costly. Can pebbles be counted without hands?"
)
DONE = "we introduce PebbleNet, a counter of small things that never forgets one."
FOUND = "Experiments on three beaches show that PebbleNet outperforms counting by hand by 12%."
CODE = "Our code is available at https://example.org/pebbles."


def test_the_summary_of_the_source_comes_first() -> None:
    assert best_summary("Pebbles are counted.", f"{BACKGROUND} In this paper, {DONE} {FOUND}", 300) == "Pebbles are counted."


def test_a_long_summary_of_the_source_is_cut_at_a_sentence() -> None:
    told = "Pebbles are counted. " * 30
    assert best_summary(told, "", 100) == ("Pebbles are counted. " * 4).strip()


def test_what_was_done_and_found_is_taken_and_background_left_out() -> None:
    told = best_summary(
        "", f"{BACKGROUND} In this paper, {DONE} It has two parts, a large one and a small one. {FOUND} {CODE}", 300
    )
    assert told == f"We{DONE[2:]} {FOUND}"


@pytest.mark.parametrize(
    "tie",
    [
        "To address these challenges,",
        "To bridge this gap between hands and pebbles,",
        "In this short paper,",
        "To this end,",
        "Motivated by this,",
        "Based on this observation,",
        "Therefore,",
        "Here",
        "In this paper",
        "Methods:",
        "Methods: In this study,",
    ],
)
def test_words_that_tie_a_sentence_to_the_one_before_are_left_out(tie: str) -> None:
    assert best_summary("", f"{BACKGROUND} {tie} {DONE} {CODE * 9}", 120) == f"We{DONE[2:]}"


def test_a_sentence_that_speaks_of_the_one_before_never_stands_behind_another() -> None:
    abstract = (
        f"{BACKGROUND} In this paper, {DONE} Pebbles that look alike are put into heaps of equal weight, in the order of their "
        f"size, by a robot of our own design. This outperforms all known methods significantly. {CODE}"
    )
    for limit in range(80, 500, 20):
        told = best_summary("", abstract, limit)
        assert "This outperforms" not in told or "own design. This" in told


def test_an_abstract_in_parts_whose_heads_lost_their_blanks_is_told_by_its_methods_and_results() -> None:
    abstract = (
        "BackgroundWe all know that pebbles are hard to count by hand, and found that others say so.MethodsWe counted pebbles "
        "on three beaches with a net.ResultsThe net was twice as fast as a hand and found more of the small ones. CONCLUSIONS "
        "Pebbles can be counted."
    )
    told = (
        "We counted pebbles on three beaches with a net. The net was twice as fast as a hand and found more of the small ones."
    )
    assert best_summary("", abstract, 130) == told


def test_an_abstract_that_fits_is_shown_whole() -> None:
    assert best_summary("", f"{BACKGROUND} {DONE}", 1000) == f"{BACKGROUND} {DONE}"


def test_a_main_sentence_that_is_too_long_begins_where_the_work_begins() -> None:
    long = f"While others have counted pebbles for many years and by many means, {DONE.removesuffix('.')}, and {'so on ' * 60}."
    told = best_summary("", f"{BACKGROUND} {long} {FOUND}", 120)
    assert told.startswith("We introduce PebbleNet")
    assert told.endswith("…")
    assert len(told) <= 120


@pytest.mark.parametrize(
    "abstract",
    [
        "Pebbles lie on the beach. " * 40,
        "Wir stellen ein Netz vor, das Steine zählt. Es zählt sie schneller als die Hand. " * 9,
        "我们提出了一种新的方法来数石头。实验表明它更快。" * 20,
        "نقترح طريقة جديدة لعد الحصى. تظهر التجارب أنها أسرع. " * 12,
    ],
)
def test_where_no_cue_is_known_the_abstract_is_cut_at_a_sentence(abstract: str) -> None:
    assert best_summary("", abstract, 200) == summarize(abstract, 200)


@pytest.mark.parametrize("limit", [-1, 0, 1, 2, 40, 160, 420])
@given(st.text(st.sampled_from("We propose it. A (e.g.)! 我。\u202e\u2069%1-") | st.characters(), max_size=600))
def test_any_text_gives_a_summary_that_fits(limit: int, text: str) -> None:
    for told in (best_summary("", clean(text), limit), best_summary(clean(text), "", limit)):
        assert len("".join(character for character in told if character not in "\u202c\u2069")) <= max(limit, 0)


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        ".",
        "We propose A. ",
        "We a ",
        "aA",
        ".)",
        "To address this ",
        "我们提出。",
        'We propose x."',
        "et al. ",
        "\u202e",
        "a-",
        "?!",
    ],
)
def test_a_hostile_abstract_takes_no_time(unit: str) -> None:
    abstract = unit * (1_000_000 // len(unit))
    for limit in (160, 420):
        began = time.process_time()
        best_summary("", abstract, limit)
        assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("See Smith et al. (2020), e.g. Fig. 3, vs. 2.5 by J. K. Example. It is new.", 2),
        ("It is by Smith et al. We go on. It uses method A. We go on.", 4),
        ("vLLM is fast. vLLM is small. arXiv lists it. and so on.", 3),
        ("The blank is lost.This happens.In abstracts, often.", 3),
        ('He said "so." Then he left. (She stayed.) They met.', 4),
        ("我们提出。很好\uff01「好。」完", ["我们提出。", "很好\uff01", "「好。」", "完"]),
        ("هل هذا جديد؟ نعم.", 2),
        ("Node.js and 3.5 and example.org are one sentence.", 1),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_say_so(text: str, expected: list[str] | int) -> None:
    found = sentences(text)
    assert (found if isinstance(expected, list) else len(found)) == expected
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.shared_data
def test_extracts_come_nearer_to_real_summaries_than_first_sentences(shared_data: Path) -> None:
    extracted = first = 0.0
    papers = 0
    for path in sorted((shared_data / "daily_papers").glob("20*.json"))[::12]:
        for entry in json.loads(path.read_text(encoding="utf-8")):
            paper = entry["paper"]
            if paper.get("ai_summary"):
                abstract = clean(paper["summary"])
                extracted += f1(best_summary("", abstract, 300), paper["ai_summary"])
                first += f1(summarize(abstract, 300), paper["ai_summary"])
                papers += 1
    assert papers > 250
    assert extracted > 1.25 * first
