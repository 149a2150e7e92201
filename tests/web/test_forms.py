from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import ManualClock
from newsletter.config import FieldConfig, NewsletterConfig
from newsletter.web.choosing import (
    READERS,
    STRANGERS,
    WordLimits,
    Written,
    cadence_options,
    parse_choices,
    rhythm_words,
    topics_of,
    zones_by_region,
)
from newsletter.web.forms import Form, FormSeal, SealState, read_object
from newsletter.web.json_form import form_of_object
from subscribers.interests import parse_phrases
from subscribers.model import Cadence, Choices, Interests
from tests.conftest import MONDAY

NEWSLETTER = NewsletterConfig(
    zone="Europe/Berlin",
    cadences=(Cadence.WEEKLY, Cadence.MONTHLY),
    fields={"role": FieldConfig(kind="choice", options=("student", "engineer"), required=True)},
)
PLAIN = NewsletterConfig()
SECRET = b"s" * 32


def seal_of(clock: ManualClock, secret: bytes = SECRET) -> FormSeal:
    return FormSeal(secret, clock, youngest=timedelta(seconds=2), oldest=timedelta(hours=24))


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(), SealState.TOO_QUICK),
        (timedelta(seconds=1.9), SealState.TOO_QUICK),
        (timedelta(seconds=2), SealState.GOOD),
        (timedelta(hours=24), SealState.GOOD),
        (timedelta(hours=24, seconds=1), SealState.NOT_OURS),
        (timedelta(seconds=-30), SealState.TOO_QUICK),
    ],
)
def test_a_form_has_an_age_at_which_it_is_taken(age: timedelta, state: SealState) -> None:
    clock = ManualClock(MONDAY)
    made = seal_of(clock).make()
    clock.advance(age)
    assert seal_of(clock).check(made) is state


@given(st.text() | st.from_regex(r"[0-9a-f]{1,13}\.[0-9a-f]{32}", fullmatch=True))
def test_no_seal_can_be_made_up(text: str) -> None:
    assert seal_of(ManualClock(MONDAY)).check(text) is SealState.NOT_OURS


def test_a_seal_of_another_secret_or_another_time_is_not_ours() -> None:
    clock = ManualClock(MONDAY)
    made = seal_of(clock, b"o" * 32).make()
    stamp, mac = seal_of(clock).make().split(".")
    clock.advance(timedelta(seconds=5))
    assert seal_of(clock).check(made) is SealState.NOT_OURS
    assert seal_of(clock).check(f"{int(stamp, 16) - 1:x}.{mac}") is SealState.NOT_OURS


def test_what_a_form_holds_can_be_stored() -> None:
    form = Form([("a\0", "x\0y"), ("b", "\ud800 z "), ("c", " 1"), ("c", "1"), ("c", "2")])
    assert form.one("a") == "xy"
    assert form.one("b") == "? z"
    assert form.all("c") == ("1", "2")
    assert form.one("missing") == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 10_000, b"1" * 5_000])
def test_what_is_no_object_is_none(body: bytes) -> None:
    assert read_object(body) is None


def test_an_object_reads_like_the_form_that_says_the_same() -> None:
    given_object = {
        "address": "a@example.org",
        "hour": 7,
        "topics": ["cs.CL", "cs.LG"],
        "keywords": ["a; b", 'say "x"'],
        "fields": {"n": 3, "yes": True},
        "zone": None,
    }
    form, problems = form_of_object(given_object)
    assert problems == {}
    assert form.one("hour") == "7"
    assert form.all("topics") == ("cs.CL", "cs.LG")
    assert form.starting("field-") == {"n": "3", "yes": "yes"}
    choices, wrong = parse_choices(Written(keywords=form.one("keywords")), PLAIN, (), limits=STRANGERS)
    assert wrong == {}
    assert choices is not None
    assert choices.interests.keywords == ("a; b", 'say "x"')


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": 1},
        {"hour": "7"},
        {"hour": True},
        {"topics": "cs.CL"},
        {"topics": [1]},
        {"fields": []},
        {"fields": {"x": []}},
        {"x": 1},
    ],
)
def test_a_key_of_another_type_or_name_is_a_problem(wrong: dict[str, object]) -> None:
    _, problems = form_of_object(wrong)
    assert set(problems) == set(wrong)


def test_what_is_left_out_is_the_newsletters_own() -> None:
    choices, problems = parse_choices(Written(fields={"role": "student"}), NEWSLETTER, NEWSLETTER.own_fields, limits=STRANGERS)
    assert problems == {}
    assert choices == Choices(Cadence.WEEKLY, 8, "Europe/Berlin", fields=(("role", "student"),))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (Written(cadence="daily"), "cadence"),
        (Written(cadence="hourly"), "cadence"),
        (Written(hour="24"), "hour"),
        (Written(hour="٣"), "hour"),
        (Written(hour="-1"), "hour"),
        (Written(zone="Berlin"), "zone"),
        (Written(zone="../../etc/passwd"), "zone"),
        (Written(categories=("cs.CL", "cs.XX")), "topics"),
        (Written(keywords=";".join(str(number) for number in range(51))), "keywords"),
        (Written(authors="x" * 61), "authors"),
        (Written(keywords="a\nb"), "keywords"),
        (Written(muted='"'), "muted"),
        (Written(size="0"), "size"),
        (Written(size="61"), "size"),
        (Written(fields={"role": "king"}), "field-role"),
        (Written(fields={"colour": "blue"}), "field-colour"),
        (Written(), "field-role"),
    ],
)
def test_each_problem_is_named_by_its_field(written: Written, name: str) -> None:
    choices, problems = parse_choices(written, NEWSLETTER, NEWSLETTER.own_fields, limits=STRANGERS)
    assert choices is None
    assert name in problems


def test_a_near_zone_is_named() -> None:
    _, problems = parse_choices(Written(zone="Europe/Berln"), PLAIN, (), limits=READERS)
    assert "Europe/Berlin" in problems["zone"]


def _can_be_looked_for(entry: str) -> bool:
    try:
        parse_phrases(entry)
    except ValueError:
        return False
    return True


WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    st.builds(
        Interests,
        **{
            kind: st.lists(words, unique=True, max_size=5).map(tuple)
            for kinds, words in ((("authors", "labs"), WORDS), (("keywords", "muted"), WORDS.filter(_can_be_looked_for)))
            for kind in kinds
        },
    )
)
def test_choices_that_are_written_into_a_form_come_back_as_they_were(interests: Interests) -> None:
    made = Choices(Cadence.WEEKLY, 23, "Asia/Tokyo", interests, 7)
    choices, problems = parse_choices(Written.of_choices(made), PLAIN, (), limits=WordLimits(200, 100))
    assert problems == {}
    assert choices == made


def test_cadences_are_said_in_words() -> None:
    assert [option.value for option in cadence_options([NEWSLETTER])] == [Cadence.WEEKLY, Cadence.MONTHLY]
    assert rhythm_words(PLAIN, Choices(Cadence.WEEKLY, 7, "Europe/Berlin")) == "every Friday at 07:00 (Europe/Berlin)"
    other = NewsletterConfig(weekly_on="monday")
    details = {option.value: option.detail for option in cadence_options([PLAIN, other])}
    assert details[Cadence.WEEKLY] == "the week's best"


def test_topics_have_names_and_keep_what_was_chosen_elsewhere() -> None:
    topics = dict(topics_of([PLAIN], ("astro-ph.CO", "no.such")))
    assert topics["cs.CL"] == "Computation and language"
    assert "astro-ph.CO" in topics
    assert "no.such" not in topics


def test_every_zone_on_the_form_is_one_that_is_taken() -> None:
    names = [name for _, places in zones_by_region() for name, _ in places]
    assert len(names) > 400
    assert {"UTC", "Europe/Amsterdam", "America/Argentina/Buenos_Aires"} <= set(names)
    for name in names:
        Choices(zone=name)
