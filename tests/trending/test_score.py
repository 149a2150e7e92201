"""The formula is what its docstring says, and its receipt adds up."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import TrendingConfig
from newsletter.papers.model import Signal
from newsletter.trending.score import HISTORY_POINTS, score
from tests.samples import LISTED, paper, votes

WEIGHTS = TrendingConfig()


def test_the_formula_is_the_printed_one() -> None:
    at = LISTED + timedelta(hours=6)
    signals = [Signal("hf_daily_papers", at, votes=36, comments=3, stars=7)]
    expected = 2 ** (-6 / 36) * (10 * math.log2(1 + 36 / 12) + 2 * math.log2(4) + 1 * math.log2(8))
    assert score(paper(), signals, at=at, weights=WEIGHTS).score == pytest.approx(expected)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50), st.integers(0, 90_000), st.integers(0, 400)), max_size=20),
    st.integers(0, 400),
)
def test_the_parts_add_up_and_nothing_later_leaks_in(figures: list[tuple[int, int, int, int]], hours: int) -> None:
    at = LISTED + timedelta(hours=hours)
    signals = sorted(
        (Signal("a", LISTED + timedelta(hours=when), votes=v, comments=c, stars=s) for v, c, s, when in figures),
        key=lambda signal: signal.observed_at,
    )
    receipt = score(paper(), signals, at=at, weights=WEIGHTS)
    assert receipt.score == pytest.approx(sum(part.points for part in receipt.parts))
    assert receipt == score(paper(), [signal for signal in signals if signal.observed_at <= at], at=at, weights=WEIGHTS)
    assert len(receipt.history) <= HISTORY_POINTS
    assert list(receipt.history) == sorted(receipt.history)


@given(st.integers(0, 1000), st.integers(1, 500), st.integers(0, 200))
def test_more_votes_never_rank_lower(few: int, more: int, hours: int) -> None:
    at = LISTED + timedelta(hours=hours)

    def worth(count: int) -> float:
        return score(paper(), [votes(count, hours=0)], at=at, weights=WEIGHTS).score

    assert worth(few + more) > worth(few)


def test_a_paper_nobody_voted_for_has_an_empty_receipt() -> None:
    receipt = score(paper(), [], at=LISTED, weights=WEIGHTS)
    assert (receipt.score, receipt.parts, receipt.votes, receipt.votes_gained) == (0.0, (), None, None)


def test_votes_gained_count_from_a_day_ago() -> None:
    signals = [votes(5, hours=2), votes(30, hours=20), votes(50, hours=40)]
    assert score(paper(), signals, at=LISTED + timedelta(hours=44), weights=WEIGHTS).votes_gained == 20
    assert score(paper(), signals, at=LISTED + timedelta(hours=21), weights=WEIGHTS).votes_gained is None


def test_two_sources_of_one_count_are_not_added_up() -> None:
    signals = [votes(30, hours=2), votes(31, hours=3, source="mirror")]
    assert score(paper(), signals, at=LISTED + timedelta(hours=4), weights=WEIGHTS).votes == 31
