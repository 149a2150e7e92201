"""Commands and the choices they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.commands.answers import Result
from newsletter.inbound.commands.choosing import changed, first_choices, pause_end, written
from newsletter.inbound.commands.grammar import read_commands
from newsletter.inbound.commands.model import Day, Pause, SetCadence, Topics
from subscribers.model import Cadence, Choices, Interests
from tests.inbound.commands.house import PAPERS

BEFORE = Choices(
    interests=Interests(
        categories=("cs.CL", "cs.CV"), keywords=("agents",), authors=("Ada Example",), labs=("MOSS",), muted=("x",)
    )
)
SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(text: str, before: Choices = BEFORE) -> Choices:
    for command in read_commands(text).commands:
        before, _ = changed(before, command, PAPERS)
    return before


@pytest.mark.parametrize(
    ("text", "interests"),
    [
        ("topics +cs.LG -cs.cv", {"categories": ("cs.CL", "cs.LG")}),
        ("topics stat.ML", {"categories": ("stat.ML",)}),
        ("topics none", {"categories": ()}),
        ("topics +planning -agents", {"keywords": ("planning",)}),
        ("keywords +AGENTS +planning", {"keywords": ("agents", "planning")}),
        ("keywords planning", {"keywords": ("planning",)}),
        ("follow ada example", {"authors": ("Ada Example",)}),
        ("follow Bo Sample; follow lab Place", {"authors": ("Ada Example", "Bo Sample"), "labs": ("MOSS", "Place")}),
        ("unfollow moss; unfollow Áda Example", {"authors": (), "labs": ()}),
        ("mute surveys; unmute X", {"muted": ("surveys",)}),
    ],
)
def test_lists_change_by_their_entries(text: str, interests: dict[str, tuple[str, ...]]) -> None:
    found = after(text).interests
    assert {name: getattr(found, name) for name in interests} == interests


@given(
    st.lists(
        st.sampled_from(
            [
                "weekly",
                "topics +cs.LG -cs.CL",
                "keywords a, b",
                "mute c",
                "unmute c",
                "follow Bo Sample",
                "hour 9",
                "size 3",
                "daily",
            ]
        ),
        max_size=6,
    )
)
def test_the_same_commands_again_change_nothing(lines: list[str]) -> None:
    once = after("\n".join(lines))
    last = after(lines[-1], once) if lines else once
    assert last == once


def test_what_is_told_of_topics_is_how_they_are_now() -> None:
    _, [line] = changed(BEFORE, Topics(("cs.LG",), ("cs.CL",)), PAPERS)
    assert (line.result, line.values) == (Result.DONE, ("cs.CV", "cs.LG", "agents"))


def test_more_words_than_are_kept_change_nothing() -> None:
    many = Topics(add_words=tuple(f"word {number}" for number in range(201)), replaces=True)
    after_that, [line] = changed(BEFORE, many, PAPERS)
    assert (after_that, line.result) == (BEFORE, Result.TOO_MANY)


def test_a_sign_up_takes_what_is_offered_and_no_more_words_than_the_form() -> None:
    assert first_choices([SetCadence(Cadence.MONTHLY)], PAPERS) == Choices(Cadence.DAILY, zone="Europe/Berlin")
    many = Topics(add_words=(*(f"word {number}" for number in range(80)), "x" * 61), replaces=True)
    assert len(first_choices([many], PAPERS).interests.keywords) == 50


@pytest.mark.parametrize(
    ("pause", "end"),
    [
        (Pause(14), "2026-12-06T13:00:00+01:00"),
        (Pause(until=Day(2026, 12, 24)), "2026-12-24T00:00:00+01:00"),
        (Pause(until=Day(None, 12, 24)), "2026-12-24T00:00:00+01:00"),
        (Pause(until=Day(None, 3, 29)), "2027-03-29T00:00:00+02:00"),
        (Pause(until=Day(None, 11, 22)), "2027-11-22T00:00:00+01:00"),
        (Pause(until=Day(2026, 11, 22)), None),
        (Pause(until=Day(2026, 2, 30)), None),
        (Pause(until=Day(None, 13, 1)), None),
        (Pause(until=Day(0, 1, 1)), None),
        (Pause(until=Day(9999, 12, 31)), None),
        (Pause(0), None),
        (Pause(999 * 365), None),
    ],
)
def test_a_pause_ends_at_the_readers_own_midnight_or_so_many_days_on(pause: Pause, end: str | None) -> None:
    found = pause_end(pause, asked_at=SUNDAY, zone="Europe/Berlin")
    assert (None if found is None else found.isoformat()) == end


@given(
    st.builds(
        Pause,
        st.integers(0, 999 * 365),
        st.none() | st.builds(Day, st.none() | st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99)),
    ),
    st.integers(0, 3 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["UTC", "Pacific/Apia", "America/New_York", "Asia/Kathmandu"]),
)
def test_a_pause_always_ends_within_a_year(pause: Pause, now: datetime, zone: str) -> None:
    end = pause_end(pause, asked_at=now, zone=zone)
    assert end is None or now < end <= now + timedelta(days=366)


def test_what_was_asked_is_shown_as_it_can_be_written() -> None:
    text = "weekly\ntopics +cs.LG -cs.CL\nkeywords a, b\nmute c, d\nless 1 and 2\nhour 7\nzone Mars\nunfollow Ada Example\nstop"
    lines = [line for command in read_commands(text).commands for line in written(command)]
    assert [(line.command, line.values) for line in lines] == [
        ("cadence", ("weekly",)),
        ("topics", ("+cs.LG", "-cs.CL")),
        ("keywords", ("a", "b")),
        ("mute", ("c",)),
        ("mute", ("d",)),
        ("less", ("1",)),
        ("less", ("2",)),
        ("hour", ("7",)),
        ("zone", ("Mars",)),
        ("unfollow", ("Ada Example",)),
        ("stop", ()),
    ]
