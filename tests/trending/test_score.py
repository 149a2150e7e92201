"""The formula is what its modules and the documentation say, and its receipts add up."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import TrendingConfig
from newsletter.papers.attention import Attention
from newsletter.papers.model import Paper, PaperSeq, Signal
from newsletter.trending.arithmetic import points, said
from newsletter.trending.growth import Growth
from newsletter.trending.learned import Learned
from newsletter.trending.model import Receipt, ReceiptPart
from newsletter.trending.score import HISTORY_POINTS, Scores
from tests.samples import LISTED, paper, votes
from tests.trending.past import LEARNED, PRIOR

WEIGHTS = TrendingConfig()
#: Nothing but the forecast, where half of the growth is over at 9 hours.
PLAIN = TrendingConfig.model_validate(
    {f"{name}_weight": 0 for name in ("velocity", "attention", "discussion", "stars", "agreement", "freshness")}
)
figures = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50), st.integers(0, 90_000), st.integers(0, 400)), max_size=20)


def _receipt(
    signals: Sequence[Signal], *, hours: float = 9, weights: TrendingConfig = PLAIN, of: Paper | None = None
) -> Receipt:
    of = of or paper()
    at = LISTED + timedelta(hours=hours)
    scores = Scores([of], Attention.of({of.seq: signals}), at=at, weights=weights, learned=LEARNED)
    [receipt] = scores.receipts([0])
    assert scores.totals == [receipt.score]
    return receipt


def _signals(given_figures: list[tuple[int, int, int, int]]) -> list[Signal]:
    return [
        Signal("ab"[when % 2], LISTED + timedelta(hours=when), votes=v, comments=c, stars=s) for v, c, s, when in given_figures
    ]


def test_a_paper_is_on_course_for_what_it_has_and_what_its_pace_and_the_expected_bring() -> None:
    receipt = _receipt([votes(30, hours=9)])
    # 20 votes are expected in all, which weighs like 8 votes; half of the growth is over.
    course = 30 + 0.5 * (8 + 30) / (8 / 20 + 0.5)
    assert receipt.forecast == pytest.approx(course)
    assert receipt.score == pytest.approx(10 * math.log2(1 + course))
    assert [part.name for part in receipt.parts] == ["forecast"]


def test_the_first_measurement_does_not_decide_whatever_it_is() -> None:
    at_once, none_yet = _receipt([votes(2, hours=0.01)], hours=1), _receipt([votes(0, hours=0.01)], hours=1)
    assert at_once.forecast == pytest.approx(27, abs=1)
    assert none_yet.forecast == pytest.approx(20, abs=0.2)


def test_of_two_papers_with_equal_votes_the_one_that_gained_them_of_late_is_on_course_for_more() -> None:
    early = _receipt([votes(28, hours=3), votes(30, hours=24)], hours=24).forecast
    late = _receipt([votes(2, hours=3), votes(30, hours=24)], hours=24).forecast
    assert early is not None
    assert late is not None
    assert late > early + 2


def test_a_forecast_goes_by_the_age_at_the_last_measurement() -> None:
    assert _receipt([votes(30, hours=9)], hours=9).forecast == _receipt([votes(30, hours=9)], hours=40).forecast


def test_a_grown_paper_is_on_course_for_what_it_has() -> None:
    assert _receipt([votes(30, hours=9), votes(50, hours=99)], hours=300).forecast == 50


def test_votes_from_before_the_listing_are_no_pace() -> None:
    receipt = _receipt([votes(40, hours=-30), votes(45, hours=9)])
    assert receipt.forecast == pytest.approx(45 + 0.5 * (8 + 5) / (8 / 20 + 0.5))


def test_a_paper_without_measured_votes_counts_with_what_is_expected() -> None:
    listed = _receipt([])
    assert [part.name for part in listed.parts] == ["prior"]
    assert listed.score == pytest.approx(WEIGHTS.prior_weight * math.log2(1 + 20))
    assert (listed.votes, listed.votes_gained, listed.forecast, listed.history) == (None, None, None, ())
    elsewhere = _receipt([], of=paper(sources=("arxiv",)))
    assert elsewhere.score == pytest.approx(WEIGHTS.prior_weight * math.log2(1 + 20 * WEIGHTS.elsewhere))


def test_each_further_part_counts_what_it_says() -> None:
    signals = [
        Signal("hf_daily_papers", LISTED + timedelta(hours=8), votes=10, comments=1, stars=100),
        Signal("hf_daily_papers", LISTED + timedelta(hours=20), votes=30, comments=3, stars=180),
    ]
    of = paper(sources=("hf_daily_papers", "arxiv", "openalex", "feed"))
    receipt = _receipt(signals, hours=20, weights=WEIGHTS, of=of)
    worth = {part.name: part.points for part in receipt.parts}
    # Half-life is 12 hours: what came by the first measurement counts half.
    assert worth["velocity"] == pytest.approx(WEIGHTS.velocity_weight * math.log2(1 + 0.5 * 10 + 20))
    assert worth["stars"] == pytest.approx(WEIGHTS.stars_weight * math.log2(1 + 80))
    assert worth["attention"] == pytest.approx(WEIGHTS.attention_weight * math.log2(31))
    assert worth["discussion"] == pytest.approx(WEIGHTS.discussion_weight * math.log2(4))
    assert worth["agreement"] == pytest.approx(WEIGHTS.agreement_weight * 2)
    assert worth["freshness"] == pytest.approx(-WEIGHTS.freshness_weight * math.log2(1 + (20 / 336) ** 3))


def test_a_paper_fades_gently_within_a_week_and_does_not_vanish_in_five() -> None:
    def lost(days: int) -> float:
        receipt = _receipt([votes(30, hours=3)], hours=24 * days, weights=WEIGHTS)
        return -next(part.points for part in receipt.parts if part.name == "freshness")

    assert lost(7) < 0.2 * WEIGHTS.forecast_weight
    assert lost(14) == WEIGHTS.freshness_weight
    assert lost(35) < 4 * WEIGHTS.forecast_weight


@given(figures, st.integers(0, 400))
def test_the_parts_add_up_and_their_figures_give_their_points(
    given_figures: list[tuple[int, int, int, int]], hours: int
) -> None:
    receipt = _receipt(_signals(given_figures), hours=hours, weights=WEIGHTS)
    assert receipt.score == math.fsum(part.points for part in receipt.parts)
    for part in receipt.parts:
        assert points(part.name, {name: [value] for name, value in part.figures}) == [part.points]
        assert said(part)
    assert len(receipt.history) <= HISTORY_POINTS
    assert list(receipt.history) == sorted(receipt.history)
    assert receipt.votes is None or receipt.history[-1] == receipt.votes


@given(figures, figures, st.integers(0, 400))
def test_nothing_measured_later_has_any_influence(
    given_figures: list[tuple[int, int, int, int]], more: list[tuple[int, int, int, int]], hours: int
) -> None:
    known = [signal for signal in _signals(given_figures) if signal.observed_at <= LISTED + timedelta(hours=hours)]
    later = [replace(signal, observed_at=signal.observed_at + timedelta(hours=hours, seconds=1)) for signal in _signals(more)]
    assert _receipt([*known, *later], hours=hours, weights=WEIGHTS) == _receipt(known, hours=hours, weights=WEIGHTS)


@given(st.lists(figures, min_size=2, max_size=5), st.integers(0, 400))
def test_a_receipt_is_the_same_in_whatever_company(company: list[list[tuple[int, int, int, int]]], hours: int) -> None:
    papers = [paper(seq, title=f"Paper {'of words ' * seq}") for seq in range(1, len(company) + 1)]
    signals = {each.seq: _signals(some) for each, some in zip(papers, company, strict=True)}
    at = LISTED + timedelta(hours=hours)
    together = Scores(papers, Attention.of(signals), at=at, weights=WEIGHTS, learned=LEARNED)
    alone = [_receipt(signals[each.seq], hours=hours, weights=WEIGHTS, of=each) for each in papers]
    assert together.receipts(range(len(papers))) == alone
    assert together.receipts([1, 0]) == [alone[1], alone[0]]


@given(st.integers(0, 1000), st.integers(1, 500), st.integers(0, 200))
def test_more_votes_never_rank_lower(few: int, more: int, hours: int) -> None:
    def worth(count: int) -> float:
        return _receipt([votes(count, hours=hours)], hours=hours, weights=WEIGHTS).score

    assert worth(few + more) > worth(few)


def test_a_weight_of_zero_switches_its_part_off() -> None:
    signals = [
        Signal("hf_daily_papers", LISTED + timedelta(hours=hours), votes=9 * hours, comments=2, stars=5 * hours)
        for hours in (1, 2)
    ]
    of = paper(sources=("hf_daily_papers", "arxiv"))
    names = [part.name for part in _receipt(signals, weights=WEIGHTS, of=of).parts]
    assert names == ["forecast", "velocity", "attention", "discussion", "stars", "agreement", "freshness"]
    for name in names:
        without = WEIGHTS.model_copy(update={f"{name}_weight": 0.0})
        assert [part.name for part in _receipt(signals, weights=without, of=of).parts] == [
            each for each in names if each != name
        ]


def test_votes_gained_count_from_a_day_ago() -> None:
    signals = [votes(5, hours=2), votes(30, hours=20), votes(50, hours=40)]
    assert _receipt(signals, hours=44).votes_gained == 20
    assert _receipt(signals, hours=21).votes_gained is None


def test_votes_gained_are_not_known_where_none_were_counted_in_the_day_before_yesterday() -> None:
    signals = [votes(5, hours=2), votes(50, hours=50)]
    assert _receipt(signals, hours=50).votes_gained == 45
    assert _receipt(signals, hours=51).votes_gained is None
    assert _receipt([*signals, votes(40, hours=20)], hours=51).votes_gained == 10


def test_a_long_history_is_thinned_to_its_ends_and_what_lies_between() -> None:
    history = _receipt([votes(hours, hours=hours) for hours in range(1, 100)], hours=200).history
    assert (len(history), history[0], history[-1]) == (HISTORY_POINTS, 1, 99)


def test_no_papers_have_no_scores() -> None:
    assert Scores([], Attention.of({}), at=LISTED, weights=WEIGHTS, learned=LEARNED).totals == []


def test_the_shipped_curve_and_prior_serve() -> None:
    of = paper(PaperSeq(1))
    scores = Scores([of], Attention.of({of.seq: [votes(30)]}), at=LISTED, weights=WEIGHTS, learned=Learned.shipped())
    assert scores.totals[0] > 0


def test_the_arithmetic_of_a_part_is_said_in_one_line() -> None:
    receipt = _receipt([votes(30, hours=9)], weights=WEIGHTS)
    assert [said(part) for part in receipt.parts] == [
        "10 x log2(1 + 51.1), with 51.1 = 30 + 0.500 x (8 + 30) / (8 / 20.0 + 0.500)",
        "0.250 x log2(1 + 30)",
        "1 x log2(1 + 30)",
        "-8 x log2(1 + (9 / 336)^3)",
    ]
    assert said(_receipt([], of=paper(sources=("arxiv",))).parts[0]) == "11 x log2(1 + 20.0 x 0.100)"


def test_a_part_of_another_version_says_its_words_or_its_figures() -> None:
    assert said(ReceiptPart("votes", 3.0, "42 votes in 8 hours")) == "42 votes in 8 hours"
    assert said(ReceiptPart("velocity", 3.0, figures=(("hours", 8.0), ("votes", 1234.5)))) == "hours 8, votes 1,234"
    assert said(ReceiptPart("late", 0.0, figures=(("gained", 0.01234),))) == "gained 0.0123"


def test_the_example_of_the_documentation_is_what_the_formula_gives() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ranking.md").read_text(encoding="utf-8")
    signals = [
        Signal("hf_daily_papers", LISTED + timedelta(hours=2), votes=12, comments=0, stars=80),
        Signal("hf_daily_papers", LISTED + timedelta(hours=10), votes=57, comments=3, stars=120),
    ]
    of = paper(sources=("hf_daily_papers", "arxiv"))
    growth = replace(Growth.load(), lift=2.4)
    at = LISTED + timedelta(hours=10)
    scores = Scores([of], Attention.of({of.seq: signals}), at=at, weights=WEIGHTS, learned=Learned(growth, PRIOR))
    [receipt] = scores.receipts([0])
    expected = [[part.name, f"{part.points:.2f}", said(part)] for part in receipt.parts]
    rows = re.findall(r"^\| (\w+) \| (-?[\d.]+) \| `?(.+?)`? \|$", page, re.MULTILINE)
    assert [list(row) for row in rows] == [*expected, ["score", f"{receipt.score:.2f}", "the sum"]]


def test_every_weight_is_in_the_documentation_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ranking.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert [name for name, _ in named] == list(TrendingConfig.model_fields)
    for name, default in named:
        value = getattr(WEIGHTS, name)
        if isinstance(value, float):
            assert float(default) == value
