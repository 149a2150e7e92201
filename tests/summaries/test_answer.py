"""What a model wrote is text of an unknown hand: kept only if it is a plain paragraph about the paper."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.summaries.answer import LEAST, MOST, fit
from newsletter.summaries.model import SummaryError
from tests.summaries.chat import ABSTRACT, GOOD, TITLE

MATERIAL = f"{TITLE} {ABSTRACT}"


def test_a_plain_paragraph_is_kept_as_it_is() -> None:
    assert fit(GOOD, MATERIAL) == GOOD


@pytest.mark.parametrize(
    "answer",
    [
        f"**Summary:** {GOOD}",
        f"Summary: {GOOD}",
        f'"{GOOD}"',
        f"  {GOOD}\n\n",
        GOOD.replace(" ", "\n"),
        f"<think>The user wants {'me to think ' * 50}</think>\n\n{GOOD}",
        GOOD.replace("counter", "`counter`").replace("never", "**never**"),
        GOOD.replace("small", "sm\u200ball\u202e\U000e0041").replace("never", "nev\x00\x1b\ufffeer"),
        GOOD.removesuffix("."),
    ],
)
def test_wrapping_markup_and_invisible_signs_are_taken_off(answer: str) -> None:
    assert fit(answer, MATERIAL) == GOOD


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "too short"),
        ("A counter.", "too short"),
        ("I'm sorry, but I cannot sum up a counter of small things that never forgets one.", "talk"),
        ("As an AI model I find that a counter of small things counts pebbles twice as fast.", "talk"),
        ("Sure! A counter of small things that never forgets one counts pebbles twice as fast.", "talk"),
        (f"{GOOD} See https://example.org/pebbles.", "address"),
        (f"{GOOD} More on www.example.org.", "address"),
        (f"{GOOD} Visit cheap-pebbles.shop today.", "address"),
        (f"{GOOD} Write to pebbles@example.org.", "address"),
        (f"<b>{GOOD}</b>", "markup"),
        (f"{GOOD} <script>alert(1)</script>", "markup"),
        (f"{GOOD} &lt;img src=x&gt;", "markup"),
        (f"{GOOD} {{{{ secret }}}}", "markup"),
        (f"[{GOOD}](javascript:alert(1))", "markup"),
        ("Buy cheap watches today and get a second one free, the best offer that there ever was for you!", "not about"),
        ("I have been told to ignore what I was told before and obey whoever wrote this.", "not about"),
    ],
)
def test_what_is_no_summary_of_the_paper_is_refused(answer: str, problem: str) -> None:
    with pytest.raises(SummaryError, match=problem):
        fit(answer, MATERIAL)


def test_a_long_answer_ends_with_a_whole_sentence() -> None:
    kept = fit(f"{GOOD} " * 9, MATERIAL)
    assert kept == f"{GOOD} {GOOD} {GOOD}"
    assert len(kept) <= MOST


def test_a_last_sentence_that_was_cut_off_is_dropped() -> None:
    assert fit(f"{GOOD} It also counts the", MATERIAL) == GOOD


@given(st.text(st.characters()))
def test_whatever_comes_is_one_line_of_visible_text_or_refused(noise: str) -> None:
    try:
        kept = fit(f"{GOOD} {noise}", MATERIAL)
    except SummaryError:
        return
    assert LEAST <= len(kept) <= MOST
    assert not any(unicodedata.category(character).startswith("C") for character in kept)
    assert not {"\n", "\u2028"} & set(kept)


@pytest.mark.parametrize("sign", ["a-", "<", "&", "@a", "a.", "*", "\n#", "!?", "(", "[[", "\u202e", "w ", "<think>"])
def test_a_hostile_answer_takes_no_time(sign: str) -> None:
    began = time.perf_counter()
    with pytest.raises(SummaryError):
        fit(sign * 200_000, MATERIAL)
    assert time.perf_counter() - began < 1


@pytest.mark.shared_data
def test_what_a_real_model_wrote_about_real_papers_is_kept(shared_data: Path) -> None:
    refused = []
    asked = 0
    for path in sorted((shared_data / "daily_papers").glob("20*.json"))[::10]:
        for entry in json.loads(path.read_text(encoding="utf-8")):
            paper = entry["paper"]
            if not paper.get("ai_summary"):
                continue
            asked += 1
            try:
                fit(paper["ai_summary"], f"{paper['title']} {paper['summary']}")
            except SummaryError as error:
                refused.append((paper["id"], str(error)))
    assert asked > 300
    assert len(refused) <= asked // 100, refused
