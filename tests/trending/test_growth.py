"""The growth curve, and learning it."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.attention import Attention
from newsletter.papers.model import PaperSeq, Signal
from newsletter.trending.growth import Growth, settled
from newsletter.trending.learned import Learned
from newsletter.trending.tracks import Tracks
from tests.samples import LISTED, paper, votes

FOREVER = (LISTED + timedelta(days=999)).timestamp()
AGES = (1, 2, 3, 5, 8, 12, 18, 24, 40, 60, 90, 120, 200)


def _share(hours: float) -> float:
    return float(1 - 0.5 ** (hours / 12))


def _past(final: int) -> list[Signal]:
    return [votes(round(final * _share(hours)), hours=hours) for hours in AGES]


def _tracks(past: dict[PaperSeq, list[Signal]]) -> tuple[Tracks, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    listed = np.full(len(past), int(LISTED.timestamp()), dtype=np.int64)
    return Tracks.of(Attention.of(past), sorted(past), "votes", until=FOREVER), listed


def test_the_shipped_curve_rises_from_nothing_to_everything() -> None:
    growth = Growth.load()
    assert (growth.hours[0], growth.shares[0], growth.shares[-1]) == (0, 0, 1)
    assert list(growth.hours) == sorted(set(growth.hours))
    assert list(growth.shares) == sorted(growth.shares)
    assert growth.lift > 1
    assert growth.share(np.array([0.0, 10_000.0])).tolist() == [0, 1]
    assert Growth.from_json(growth.to_json()) == growth


def test_a_curve_is_learned_from_papers_that_follow_it() -> None:
    growth = Growth.learn(*_tracks({PaperSeq(seq): _past(seq * 40) for seq in range(1, 30)}))
    for hours in (3, 8, 12, 24):
        assert growth.share(np.array([float(hours)]))[0] == pytest.approx(_share(hours), abs=0.03)


def test_only_votes_of_four_days_after_listing_are_those_in_the_end() -> None:
    past = {
        PaperSeq(1): [votes(5, hours=95), votes(6, hours=96)],
        PaperSeq(2): [votes(5, hours=95)],
        PaperSeq(3): [],
        PaperSeq(4): [votes(7, hours=200), Signal("x", LISTED + timedelta(hours=201), comments=3)],
    }
    assert settled(*_tracks(past)).tolist() == [6, -1, -1, 7]


@pytest.mark.parametrize("past", [[], [votes(5, hours=24)], [votes(5, hours=200)], [votes(0, hours=9), votes(5, hours=200)]])
def test_nothing_is_learned_where_no_growth_is_known(past: list[Signal]) -> None:
    with pytest.raises(ValueError, match="4 days"):
        Growth.learn(*_tracks({PaperSeq(1): past}))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 400)), min_size=1, max_size=30))
def test_whatever_the_past_a_curve_never_falls(past: list[tuple[int, int]]) -> None:
    signals = {PaperSeq(1): [votes(count, hours=hours) for count, hours in past], PaperSeq(2): _past(50)}
    growth = Growth.learn(*_tracks(signals))
    assert list(growth.shares) == sorted(growth.shares)
    assert growth.shares[-1] == 1
    assert not any(math.isnan(share) for share in growth.shares)


def test_a_prior_is_learned_from_what_papers_are_on_course_for() -> None:
    papers = [paper(seq, title="Common words", author_count=1 + seq % 9) for seq in range(1, 40)]
    past = {each.seq: _past(10 * each.author_count) for each in papers}
    # Half of the papers are known for a day only; they count as well.
    past = {seq: signals if seq % 2 else signals[:8] for seq, signals in past.items()}
    learned = Learned.learn(papers, Attention.of(past), until=FOREVER)
    few, many = learned.prior.expected([paper(author_count=1), paper(author_count=9)])
    assert few < 30 < many
    mean = sum(10 * each.author_count for each in papers) / len(papers)
    assert learned.growth.lift * learned.prior.expected(papers).mean() == pytest.approx(mean, rel=0.1)
