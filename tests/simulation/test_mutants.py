"""Whether the simulation would notice: senders with one thing wrong, each found within a few hundred histories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from newsletter.delivery.model import Claim, Finding, OutgoingMessage
from newsletter.delivery.sending.sender import Sender
from newsletter.simulation.ground import Ground
from newsletter.simulation.history import SimComposer, play
from newsletter.simulation.shelf import ShelfJournal

MOST = 400
#: What an intent and a result have in common in the statement that writes them.
EPOCH = "delivery.epoch = said.column2"


def found_by(ground: Ground, promise: str, **mutant: Any) -> int:
    """Play histories with a mutant until one breaks a promise that says ``promise``; return its seed."""
    for seed in range(MOST):
        if any(promise in broken for broken in play(seed, ground, **mutant).broken):
            return seed
    raise AssertionError(f"{MOST} histories, and nothing was said of {promise!r}")


def without(part: str, instead: str = "") -> Callable[[str], str]:
    """Statements of workers with a part left out."""
    return lambda sql: sql.replace(part, instead)


@pytest.mark.parametrize(
    ("part", "instead", "promise"),
    [
        ("AND issue.state = 'open'", "", "an intent while its issue was"),
        ("AND subscriber.state = 'active'", "", "an intent after the reader had left"),
        ("WHERE suppression.address_hash = said.column10", "WHERE 1 = 0", "an intent after the reader had left"),
        ("state = said.column3", "state = iif(said.column4 = 'in_doubt', 'failed', said.column3)", "counts as failed"),
        (
            "reason = COALESCE(said.column4,",
            "reason = COALESCE(replace(said.column4, 'in_doubt', 'refused'),",
            "was not in doubt",
        ),
        ("epoch = delivery.epoch + 1", "epoch = delivery.epoch + 0", "epoch"),
        (EPOCH, f"({EPOCH} OR said.column3 = 'dot_sent')", "an intent of somebody whose claim was taken over"),
        ("THEN delivery.state = 'claimed'", "THEN 1", "an intent from"),
        ("ELSE delivery.state IN ('claimed', 'dot_sent')", "ELSE 1", "was settled as"),
        ("asked.column2 AND delivery.state IN ('claimed', 'dot_sent')", "asked.column2", "was settled as"),
        ("AND delivery.epoch = asked.column2", "", "says somebody else, though its owner was well"),
    ],
    ids=[
        "paused issue",
        "reader who left",
        "suppressed",
        "doubt is failure",
        "doubt is forgotten",
        "epoch stands still",
        "intent of any epoch",
        "intent from any state",
        "result from any state",
        "given back from any state",
        "given back under any epoch",
    ],
)
def test_a_ledger_with_one_condition_wrong_is_found(ground: Ground, part: str, instead: str, promise: str) -> None:
    found_by(ground, promise, rewrite=without(part, instead))


def test_a_sender_that_repeats_what_it_should_hold_is_found(ground: Ground) -> None:
    def resending(*arguments: Any, **options: Any) -> Sender:
        database, clock, relays, config = arguments
        return Sender(database, clock, relays, config.model_copy(update={"on_doubt": "resend"}), **options)

    found_by(ground, "though doubt is held", make_sender=resending)


def test_messages_that_change_with_each_try_are_found(ground: Ground) -> None:
    numbers = count()

    class Moody(SimComposer):
        def compose(self, claim: Claim) -> OutgoingMessage:
            message = super().compose(claim)
            return OutgoingMessage(message.envelope_from, message.recipient, message.data + b"%d\r\n" % next(numbers))

    def moody(*arguments: Any, **options: Any) -> Sender:
        return Sender(*arguments, **{**options, "composer": Moody()})

    found_by(ground, "altered", make_sender=moody)


def test_a_journal_that_nobody_reads_is_found(ground: Ground) -> None:
    class Forgotten:
        def __init__(self, journal: ShelfJournal) -> None:
            self.append, self.clear, self.close, self.prepare = journal.append, journal.clear, journal.close, journal.prepare

        def left_behind(self) -> Iterator[Sequence[Finding]]:
            return iter(())

    def forgetful(*arguments: Any, **options: Any) -> Sender:
        journal = options.pop("journal")
        return Sender(*arguments, **options, journal=lambda: Forgotten(journal()))

    found_by(ground, "a journal here knows", make_sender=forgetful)
