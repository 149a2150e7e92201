"""What is expected of a paper that nobody voted for."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.prior import Prior
from newsletter.trending.vectors import Vectors
from tests.samples import paper

VECTORS = Vectors()
TOPICS = ("video diffusion frames", "theorem proofs algebra")


def _paper(seq: int, topic: str, lab: str = "", authors: int = 4) -> Paper:
    return paper(seq, title=f"On {topic}", abstract=f"{topic} once more", organization=lab, author_count=authors, categories=())


PAPERS = [_paper(seq, TOPICS[seq % 2], lab="Known Lab" if seq % 5 == 0 else "", authors=1 + seq % 7) for seq in range(80)]
VOTES = [(40.0 if seq % 2 == 0 else 5.0) * (2 if seq % 5 == 0 else 1) * (1 + seq % 7) ** 0.5 for seq in range(80)]
PRIOR = Prior.learn(PAPERS, VOTES, vectors=VECTORS)


def test_words_lab_and_many_authors_raise_what_is_expected() -> None:
    plain, worded, from_lab, crowd = PRIOR.expected(
        [
            _paper(90, TOPICS[1]),
            _paper(91, TOPICS[0]),
            _paper(92, TOPICS[1], lab="KNOWN LAB"),
            _paper(93, TOPICS[1], authors=60),
        ]
    )
    assert plain < worded
    assert plain < from_lab
    assert plain < crowd


def test_what_is_expected_is_near_what_such_papers_got() -> None:
    assert float(np.median(PRIOR.expected(PAPERS))) == pytest.approx(float(np.median(VOTES)), rel=0.5)


def test_nothing_but_words_lab_and_authors_takes_part() -> None:
    one = _paper(90, TOPICS[0])
    other = replace(
        one, seq=PaperSeq(7), code_url="", discussion_url="", summary="Much.", thumbnail_url="https://example.org/a.png"
    )
    assert PRIOR.expected([one])[0] == PRIOR.expected([other])[0]


def test_an_unknown_lab_is_as_none() -> None:
    # The lab is a word too, but one that nothing was learned of.
    nobody, unknown = PRIOR.expected([_paper(90, TOPICS[0]), _paper(91, TOPICS[0], lab="Unheard-of Institute")])
    assert unknown == pytest.approx(nobody, rel=0.2)


@given(st.lists(st.sampled_from(PAPERS), max_size=30))
def test_a_paper_is_expected_the_same_in_whatever_company(company: list[Paper]) -> None:
    fresh = Prior.from_json(PRIOR.to_json(), vectors=VECTORS)
    alone = [float(Prior.from_json(PRIOR.to_json(), vectors=VECTORS).expected([each])[0]) for each in company[:3]]
    assert fresh.expected(company)[:3].tolist() == alone
    assert fresh.expected(company[:3]).tolist() == alone


def test_a_prior_that_was_written_expects_the_same() -> None:
    again = Prior.from_json(PRIOR.to_json(), vectors=VECTORS)
    assert again.expected(PAPERS) == pytest.approx(PRIOR.expected(PAPERS), rel=1e-3)
    assert again.to_json() == PRIOR.to_json()


def test_a_table_of_another_version_is_refused() -> None:
    table = json.loads(PRIOR.to_json())
    with pytest.raises(ValueError, match="learn it anew"):
        Prior.from_json(json.dumps({**table, "words": table["words"][:100]}))


def test_papers_and_votes_must_match() -> None:
    with pytest.raises(ValueError, match="the votes of each"):
        Prior.learn(PAPERS, VOTES[:3])
    with pytest.raises(ValueError, match="the votes of each"):
        Prior.learn([], [])


def test_the_shipped_prior_expects_votes_of_any_paper() -> None:
    shipped = Prior.load()
    odd = paper(1, title="", abstract="", organization="", author_count=0, categories=())
    few, many = shipped.expected([paper(2, author_count=2), paper(2, author_count=50)])
    assert 0 < few < many < 500
    assert 0 < shipped.expected([odd])[0] < 100
    assert shipped.expected([]).shape == (0,)
    assert len(shipped.to_json()) < 200_000
