from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from newsletter.taste.preference import preference


def value(standing: float, matched: float, taste: float) -> float:
    one = np.ones((1, 1), dtype=np.float32)
    return float(preference(one[0] * np.float32(standing), one * np.float32(matched), one * np.float32(taste))[0, 0])


def test_a_paper_that_nothing_speaks_for_is_no_personal_pick_however_high_it_stands() -> None:
    assert value(1.0, 0.0, 0.0) <= 0
    assert value(1.0, 0.0, -0.5) <= 0
    assert value(1.0, 0.5, -0.6) <= 0


def test_what_was_asked_for_is_a_pick_even_at_the_end_of_the_pool() -> None:
    assert 0 < value(0.0, 0.5, 0.0) < value(0.0, 0.8, 0.0) < value(0.0, 1.0, 0.0)


def test_feedback_makes_a_pick_and_moves_one() -> None:
    assert value(0.0, 0.0, 0.5) > 0
    assert value(0.2, 0.5, -0.2) < value(0.2, 0.5, 0.0) < value(0.2, 0.5, 0.4)


def test_of_equal_wishes_the_better_ranked_paper_is_worth_more() -> None:
    assert value(0.9, 0.5, 0.2) > value(0.1, 0.5, 0.2)


@given(
    st.integers(1, 6).flatmap(
        lambda papers: st.tuples(
            hnp.arrays(np.float32, papers, elements=st.floats(0, 1, width=32)),
            hnp.arrays(np.float32, (4, papers), elements=st.sampled_from([0.0, 0.5, 0.800000011920929, 1.0])),
            hnp.arrays(np.float32, (4, papers), elements=st.floats(-2, 2, width=32)),
        )
    )
)
def test_what_a_paper_is_worth_to_a_reader_depends_on_nothing_else(
    given_values: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    standing, matched, taste = given_values
    together = preference(standing, matched, taste)
    assert together.shape == matched.shape
    assert together.dtype == np.float32
    for reader in range(len(matched)):
        alone = preference(standing, matched[reader : reader + 1], taste[reader : reader + 1])
        assert (alone[0] == together[reader]).all()
