"""What a form of choices takes, and what it says of the rest."""

from __future__ import annotations

import pytest

from newsletter.config import NewsletterConfig
from newsletter.web.choosing import READERS, Written, parse_choices, topics_of

NEWSLETTER = NewsletterConfig(topics=("cs.RO",))


@pytest.mark.parametrize("kind", ["keywords", "muted"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fine; -image", "-image cannot be looked for: it only leaves out"),
        ('fine; "a" b"c" "d', "cannot be read: a quotation mark is not closed."),
        ("fine; agents, planning", "agents, planning cannot be looked for: it has a comma; write semicolons between them"),
    ],
)
def test_an_entry_that_cannot_be_looked_for_is_named(kind: str, text: str, problem: str) -> None:
    written = Written(keywords=text) if kind == "keywords" else Written(muted=text)
    choices, problems = parse_choices(written, NEWSLETTER, (), limits=READERS)
    assert choices is None
    assert list(problems) == [kind]
    assert problem in problems[kind]


def test_phrases_with_exclusions_come_back_as_they_were_written() -> None:
    written = Written(keywords='diffusion models -image -"stable diffusion"; "a;b"', authors="Example, Ada", muted="survey")
    choices, problems = parse_choices(written, NEWSLETTER, (), limits=READERS)
    assert problems == {}
    assert choices is not None
    assert choices.interests.keywords == ('diffusion models -image -"stable diffusion"', "a;b")
    assert Written.of_choices(choices).keywords == 'diffusion models -image -"stable diffusion"; "a;b"'


def test_an_archive_may_be_chosen_and_stays_on_the_form() -> None:
    choices, problems = parse_choices(Written(categories=("cs", "cs.CL")), NEWSLETTER, (), limits=READERS)
    assert problems == {}
    assert choices is not None
    assert [name for name, _ in topics_of([NEWSLETTER], choices.interests.categories)] == ["cs.RO", "cs", "cs.CL"]
    _, problems = parse_choices(Written(categories=("computers",)), NEWSLETTER, (), limits=READERS)
    assert list(problems) == ["topics"]


def test_names_may_have_commas_and_are_shown_as_they_were_written() -> None:
    written = Written(authors="Example, Ada", labs="Example University, Bonn", keywords='"a, b"')
    choices, problems = parse_choices(written, NEWSLETTER, (), limits=READERS)
    assert problems == {}
    assert choices is not None
    shown = Written.of_choices(choices)
    assert (shown.authors, shown.labs, shown.keywords) == ("Example, Ada", "Example University, Bonn", '"a, b"')


def test_categories_are_taken_in_any_case_and_kept_as_arxiv_spells_them() -> None:
    choices, problems = parse_choices(Written(categories=("CS.lg", "cs.LG", "cs.RO")), NEWSLETTER, (), limits=READERS)
    assert problems == {}
    assert choices is not None
    assert choices.interests.categories == ("cs.LG", "cs.RO")
