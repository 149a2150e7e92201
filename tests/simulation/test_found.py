"""Seeds of histories that once broke a promise; what each of them found is said beside it."""

from __future__ import annotations

import pytest

from newsletter.simulation.ground import Ground
from newsletter.simulation.history import play


@pytest.mark.parametrize(
    ("seed", "_found"),
    [
        (12, "SQLite gave a worker the number of one that had left, and what that one still held was never taken over"),
        (45, "the same, after a claim whose commit failed when it was durable already"),
        (708, "what a dead worker held of a cancelled issue was not waited for, so no run saw the worker silent long enough"),
        (788, "the same"),
        (865, "the same"),
        (2529, "a server that had answered 421 took the message after all, and nobody asked why it was sent again"),
        (2806, "what a process held that had ended was found fault with, as if it still lived"),
        (3038945, "a pause that the server's objections asked for failed with the database, and nobody looked or tried again"),
    ],
)
def test_what_was_broken_once_holds(ground: Ground, seed: int, _found: str) -> None:
    assert play(seed, ground).broken == ()
