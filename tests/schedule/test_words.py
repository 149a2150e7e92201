"""What is told of sources: what went wrong with one, and on which days they rest."""

from __future__ import annotations

import pytest

from newsletter.schedule.outcome import Figures, Freshness, Reason, SlotOutcome, SlotState, Standing
from newsletter.schedule.words import problem_words, sentence
from subscribers.model import Cadence
from tests.conftest import MONDAY


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("arxiv_api: [Errno 111] Connection refused (4 times); the next run tries again", "it could not be reached"),
        ("arxiv_api: [Errno 101] Network is unreachable; the next run tries again", "it could not be reached"),
        ("arxiv_api: [Errno -2] Name or service not known; the next run tries again", "it could not be reached"),
        ("arxiv_api: [Errno -3] Temporary failure in name resolution; the next run tries again", "it could not be reached"),
        ("arxiv_api: timed out (4 times); the next run tries again", "it did not answer in time"),
        ("arxiv_api: took too long (4 times); the next run tries again", "it did not answer in time"),
        ("arxiv_api: could not be read: IndexError; this is a bug", "something went wrong on the way"),
    ],
)
def test_what_went_wrong_with_a_source_is_told_in_plain_words(problem: str, words: str) -> None:
    assert problem_words(problem) == words


@pytest.mark.parametrize(
    ("slot", "holiday", "words"),
    [
        ("2026-08-22", "", "arXiv lists nothing on a Saturday."),
        ("2026-08-23", "", "arXiv lists nothing on a Sunday."),
        ("2026-08-24", "", "arXiv lists nothing on such a day."),
        ("2026-11", "", "arXiv lists nothing on such a day."),
        ("2026-11-28", "Thanksgiving", "arXiv lists nothing on such a day (Thanksgiving)."),
    ],
)
def test_a_weekend_is_called_by_its_day(slot: str, holiday: str, words: str) -> None:
    figures = Figures(0, 3, (Standing("arxiv_api", Freshness.NOT_EXPECTED, holiday=holiday),))
    outcome = SlotOutcome("papers", Cadence.DAILY, slot, SlotState.SKIPPED, Reason.NO_NEWS_DAY, figures, MONDAY)
    assert sentence(outcome) == words
