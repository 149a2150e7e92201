from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from newsletter.taste.learning import Floats, Lessons

COLUMNS = 24


def background(papers: int = 60) -> Floats:
    """Papers of a few words each; a word is the rarer, the later its column."""
    random = np.random.default_rng(7)
    has = random.random((papers, COLUMNS)) < np.linspace(0.9, 0.05, COLUMNS)
    has[:, 0] = True
    rows: Floats = (has / np.sqrt(has.sum(axis=1, keepdims=True))).astype(np.float32)
    return rows


def having(*columns: int) -> Floats:
    row = np.zeros(COLUMNS, dtype=np.float32)
    row[list(columns)] = 1
    return row


def learn(lessons: Lessons, more: list[Floats], less: list[Floats], strength: float = 1.0) -> Floats:
    signs = np.array([1] * len(more) + [-1] * len(less), dtype=np.int8)
    rows = np.array([*more, *less], dtype=np.float32).reshape(-1, COLUMNS)
    return lessons.learn(rows, signs, np.full(len(signs), strength, dtype=np.float32))


def test_a_rare_word_says_more_than_one_that_every_paper_has() -> None:
    weights = learn(Lessons(background()), [having(0, 20)] * 2, [])
    assert weights[20] == weights.max()
    assert weights[20] > weights[0] + 0.1


def test_more_opinions_are_trusted_more_and_old_ones_less() -> None:
    lessons = Lessons(background())
    one, many = learn(lessons, [having(0, 20)], []), learn(lessons, [having(0, 20)] * 8, [])
    faded = learn(lessons, [having(0, 20)], [], strength=0.25)
    assert faded[20] < one[20] < many[20]


def test_most_papers_are_worth_about_nothing_and_none_of_them_far_more_than_one() -> None:
    papers = background()
    says = papers @ learn(Lessons(papers), [having(0, 18, 20)] * 50, [])
    assert abs(float(says.mean())) < 0.01
    assert 0.2 < float(says.std()) < 0.4


def test_less_speaks_against_a_word_and_alone_for_no_paper() -> None:
    papers = background()
    lessons = Lessons(papers)
    says = papers @ learn(lessons, [], [having(0, 20)] * 20)
    has_word = papers[:, 20] > 0
    assert float(says.max()) < 0.05
    assert says[has_word].mean() < says[~has_word].mean() - 0.2
    weights = learn(lessons, [having(0, 22)] * 20, [having(0, 20)] * 20)
    assert weights[20] < 0 < weights[22]


def test_what_answers_a_wish_brings_its_other_words() -> None:
    papers = background()
    rows = papers[papers[:, 20] > 0]
    lessons = Lessons(papers)
    likely = lessons.answering(having(20))
    assert likely[20] == 1
    assert np.allclose(likely, (rows > 0).mean(axis=0))
    papers[:, 23] = 0
    assert (Lessons(papers).answering(having(23)) == having(23)).all()


@given(
    papers=st.integers(0, 30),
    rows=hnp.arrays(np.bool_, st.tuples(st.integers(0, 12), st.just(COLUMNS))),
    signs=st.lists(st.sampled_from([1, -1]), min_size=12, max_size=12),
    strength=st.floats(0, 1, width=32),
)
def test_whatever_was_said_the_model_is_made_of_numbers(
    papers: int, rows: np.ndarray[tuple[int, int], np.dtype[np.bool_]], signs: list[int], strength: float
) -> None:
    lessons = Lessons(background(papers) if papers else np.zeros((0, COLUMNS), dtype=np.float32))
    given_signs = np.array(signs[: len(rows)], dtype=np.int8)
    strengths = np.full(len(rows), strength, dtype=np.float32)
    weights = lessons.learn(rows.astype(np.float32), given_signs, strengths)
    assert weights.shape == (COLUMNS,)
    assert weights.dtype == np.float32
    assert np.isfinite(weights.astype("<f2")).all()
