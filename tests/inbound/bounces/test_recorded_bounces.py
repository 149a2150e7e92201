"""Recorded bounces: those that were looked at while the rules were written, and those that were not."""

from pathlib import Path

import pytest

from benchmarks.bounces import Sample, load
from newsletter.inbound.bounces.failures import Bounce, read_bounce
from newsletter.inbound.reading.mail import read_mail

Read = list[tuple[Sample, Bounce | None]]


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Read:
    """Every message with what is read in it."""
    return [(sample, read_bounce(read_mail(sample.raw))) for sample in load(shared_data / "bounces")]


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def recipients(bounce: Bounce | None) -> list[str]:
    return (
        [] if bounce is None else [failure.report.recipient.lower() for failure in bounce.failures if failure.report.recipient]
    )


def are_found(sample: Sample, bounce: Bounce | None) -> bool:
    found = recipients(bounce)
    return set(found) == sample.failed if sample.failed else len(found) == sample.recipients


@pytest.mark.shared_data
@pytest.mark.parametrize(("part", "floor"), [("dev", 0.99), ("test", 0.98)])
def test_recorded_bounces_are_known(recorded: Read, part: str, floor: float) -> None:
    assert (
        share([bounce is not None for sample, bounce in recorded if sample.kind == "bounce" and sample.part == part]) >= floor
    )


@pytest.mark.shared_data
@pytest.mark.parametrize(("part", "floor"), [("dev", 0.98), ("test", 0.97)])
def test_their_recipients_are_found(recorded: Read, part: str, floor: float) -> None:
    known = [
        are_found(sample, bounce)
        for sample, bounce in recorded
        if sample.kind == "bounce" and sample.part == part and (sample.failed or sample.recipients)
    ]
    assert share(known) >= floor


@pytest.mark.shared_data
def test_recorded_mails_of_other_kinds_are_no_bounces(recorded: Read) -> None:
    assert not [sample.file for sample, bounce in recorded if sample.kind in ("complaint", "auto-reply") and bounce is not None]


@pytest.mark.shared_data
def test_recorded_delays_are_no_failures(recorded: Read) -> None:
    assert not [
        sample.file
        for sample, bounce in recorded
        if sample.kind == "temporary-or-ignorable" and bounce is not None and not bounce.is_delayed
    ]
