from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.ledger.tolerance import Level, note_after_resume

SHARES = st.floats(0, 1)


@given(SHARES, SHARES)
def test_a_note_remembers_the_rates_and_never_makes_them_smaller(bounces: float, complaints: float) -> None:
    level = Level(bounces, complaints)
    note = note_after_resume(f"{level.words}, of 1,000 messages of issue 7; what to do")
    read = Level.let_go_on(note)
    assert read is not None
    assert Level.at_pause(note) is None, "it is not paused for them any more"
    assert note_after_resume(note) == note
    for before, after in ((bounces, read.bounces), (complaints, read.complaints)):
        assert before - 1e-9 <= after <= before + 0.00011


@pytest.mark.parametrize(
    "note", ["", "the relay refuses us: mend SPF", "let go on when", "6 % came back", "let go on when it rains"]
)
def test_other_notes_are_dropped_when_an_issue_goes_on(note: str) -> None:
    assert note_after_resume(note) == ""
    assert Level.let_go_on(note) is None
