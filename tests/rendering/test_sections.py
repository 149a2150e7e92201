"""Late bloomers and corrections: sections of their own, small, and never lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Correction, Digest, DigestId, PoolEntry, Section
from newsletter.packaging import default_templates
from newsletter.rendering.bodies import IssueBodies
from newsletter.rendering.message.lint import BUDGET_BYTES, lint
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.detail import DETAILS, Detail
from newsletter.rendering.view.views import DigestView, Views
from newsletter.rendering.words.tex import readable
from newsletter.rendering.words.text import clean
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    SECRET,
    SETTING,
    THEMES,
    TITLES,
    TOKEN,
    correction,
    digest_of,
    in_theme,
    late_entry,
    paper,
    pool_of,
    sample_pool,
    whole_sections,
)
from tests.rendering.test_budget import ENORMOUS
from tests.rendering.test_renderer import BODY_TRICKS, HEADER_TRICKS


def view_of(
    pool: Sequence[PoolEntry],
    digest: Digest,
    corrections: Sequence[Correction] = (),
    *,
    detail: Detail = DETAILS[0],
    has_late: bool = True,
) -> DigestView:
    by_seq = {entry.paper.seq: entry for entry in pool}
    return Views(NEWSLETTER, ISSUE, by_seq, SETTING, corrections, has_late=has_late).view(digest, detail)


def bodies_of(
    newsletter: NewsletterConfig,
    pool: Sequence[PoolEntry],
    digest: Digest,
    corrections: Sequence[Correction],
    *,
    templates: Path | None = None,
) -> list[ComposedBody | PiecedBody]:
    """The digest rendered whole, and put together from pieces."""
    renderer = Renderer(templates, base_url=BASE_URL, secret=SECRET)
    (pieced,) = IssueBodies(renderer, newsletter, "papers", ISSUE, pool, corrections).compose([digest])
    assert isinstance(pieced, PiecedBody)
    return [renderer.compose(newsletter, "papers", ISSUE, pool, digest, corrections=corrections), pieced]


def sides_of(body: ComposedBody | PiecedBody) -> list[str]:
    """Text and HTML of a message in which the linter finds nothing."""
    data = body.gapped().fill(PERSONAL.encoded())
    assert lint(data, body.expectation(PERSONAL)) == []
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    words = [str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"]
    return [side.replace("\r\n", "\n") for side in words]


def test_late_bloomers_follow_the_others_wherever_they_stand_in_the_digest() -> None:
    pool, _, digest = whole_sections()
    view = view_of(pool, replace(digest, entries=digest.entries[::-1]))
    assert [each.title for each in (view.lead, *view.cards, *view.rising)] == [*TITLES[::-1]]
    assert [(each.place, each.title) for each in view.late] == [
        (8, TITLES[3]),
        (9, "Ferry: Sample Agents That Cross Between Small Worlds"),
    ]
    assert view.count == 9
    assert view.intro.startswith("Nine papers new to you.")


def test_a_late_bloomer_is_small_and_says_why_it_is_here() -> None:
    pool, _, digest = whole_sections()
    late = view_of(pool, digest).late[0]
    assert late.facts == ("+85 votes in 2 days", "listed 3 weeks ago")
    assert (late.votes, late.chips, late.picture) == ("131", (), None)
    assert [link.kind for link in late.links] == ["abstract", "pdf"]
    assert late.more_url
    long = late_entry(2, "Long", summary="", abstract="A sentence of some length stands here. " * 30)
    view = view_of([*pool_of([paper(1)]), long], digest_of([*pool_of([paper(1)]), long]))
    assert 100 < len(view.late[0].summary) <= DETAILS[0].late_summary


def test_a_digest_of_late_bloomers_only_has_a_lead() -> None:
    pool = [late_entry(1, TITLES[0]), late_entry(2, TITLES[1])]
    view = view_of(pool, digest_of(pool))
    assert (view.lead.place, len(view.cards), view.late) == (1, 1, ())


def test_corrections_alone_are_no_mail() -> None:
    with pytest.raises(ValueError, match="gets no mail"):
        view_of([], Digest(DigestId(1), ISSUE.id, (), (0,)), [correction(0)])


def test_a_correction_says_what_happened_and_is_for_whom_it_concerns() -> None:
    pool, corrections, digest = whole_sections()
    view = view_of(pool, digest, corrections)
    assert [(each.kind, each.title, each.words) for each in view.corrections] == [
        ("withdrawn", "On Sample Proofs That Do Not Hold", "Withdrawn on Wednesday 19 August 2026."),
        ("retitled", "Harbour: A Sample Benchmark of Calm Waters", "Its title was “Harbor, a Benchmark”."),
        ("retitled", TITLES[5], f"Its title was “{TITLES[3]}”."),
    ]
    assert view.corrections[1].title_url == "https://arxiv.org/abs/2608.00091"
    assert [each.title for each in view_of(pool, replace(digest, corrections=(2,)), corrections).corrections] == [TITLES[5]]
    assert view_of(pool, replace(digest, corrections=()), corrections).corrections == ()


def test_of_several_changes_of_a_paper_the_first_one_after_he_got_it_is_said() -> None:
    corrections = [correction(0, "Second", title="Third"), correction(1, "First", title="Third", changed_hours_ago=30)]
    pool = sample_pool()
    view = view_of(pool, replace(digest_of(pool), corrections=(0, 1)), corrections)
    assert [each.words for each in view.corrections] == ["Its title was “First”."]


def test_a_formula_that_was_spelled_out_is_no_other_title() -> None:
    pool = sample_pool()
    same = [correction(0, r"On $\alpha$-Samples", title="On α-samples")]  # noqa: RUF001 - the Greek letter is what the TeX is read as
    assert view_of(pool, replace(digest_of(pool), corrections=(0,)), same).corrections == ()


def test_a_withdrawn_paper_is_called_what_readers_know_it_as() -> None:
    pool = sample_pool()
    gone = replace(correction(0, title="WITHDRAWN: see comments"), title_before="A Proof")
    view = view_of(pool, replace(digest_of(pool), corrections=(0,)), [gone])
    assert view.corrections[0].title == "A Proof"
    undated = replace(gone, paper=replace(gone.paper, withdrawn_at=None))
    view = view_of(pool, replace(digest_of(pool), corrections=(0,)), [undated])
    assert view.corrections[0].words == "Withdrawn on Thursday 20 August 2026."


def test_the_sections_of_the_text_stand_in_their_places() -> None:
    pool, corrections, digest = whole_sections()
    text = sides_of(bodies_of(NEWSLETTER, pool, digest, corrections)[0])[0]
    heads = ["ALSO RISING", "TAKING OFF NOW", "LINKS", "CORRECTIONS", "You get Trending Papers"]
    assert sorted(heads, key=text.index) == heads
    assert "[8]  Abstract: https://arxiv.org/abs/2608.00008" in text
    assert "On Sample Proofs That Do Not Hold\nWithdrawn on Wednesday 19 August 2026.\nhttps://arxiv.org" in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("theme", THEMES)
def test_without_late_bloomers_and_corrections_nothing_speaks_of_them(theme: str) -> None:
    pool = sample_pool()
    for side in sides_of(bodies_of(in_theme(NEWSLETTER, theme), pool, digest_of(pool), [])[1]):
        assert not re.search("taking off|correction", re.sub("(?s)<style.*?</style>", "", side), re.IGNORECASE)


@pytest.mark.parametrize("title", [*HEADER_TRICKS, *BODY_TRICKS])
def test_hostile_words_come_out_as_text_in_both_sections(title: str) -> None:
    pool = [*pool_of([paper(1)]), late_entry(2, title, summary=title, organization=title)]
    corrections = [correction(0, title=title), correction(1, title, seq=91), correction(2, "Before", seq=92, title=title)]
    digest = replace(digest_of(pool), corrections=(0, 1, 2))
    for body in bodies_of(NEWSLETTER, pool, digest, corrections):
        text, html = sides_of(body)
        begins = "".join(readable(clean(title)).split())[:40]
        assert text.count(f"/unsubscribe/{TOKEN}") == 2
        assert "".join(text.split()).count(begins) >= 4
        assert "".join(unescape(html).split()).count(begins) >= 4
        assert "<script" not in html


@pytest.mark.parametrize(
    ("theme", "words", "others"),
    [*((theme, "Chinese", 60) for theme in THEMES), ("rich", "escaped", 1), ("quiet", "one combining row for each letter", 1)],
)
def test_enormous_sections_fit_and_what_is_left_out_is_counted(words: str, theme: str, others: int) -> None:
    words = ENORMOUS[words]
    enormous = {"abstract": words, "summary": "", "authors": (words,) * 3, "organization": words}
    pool = pool_of([paper(number, title=words) for number in range(1, others + 1)])
    pool += [late_entry(others + number, f"{number} {words}", **enormous) for number in range(1, 11)]
    corrections = [correction(number, f"{number} {words}", seq=1000 + number, title=words) for number in range(40)]
    digest = replace(digest_of(pool), corrections=tuple(range(40)))
    for body in bodies_of(in_theme(NEWSLETTER, theme), pool, digest, corrections):
        assert body.html_bytes <= BUDGET_BYTES
        for side in sides_of(body):
            shown = {int(number) for number in re.findall(r"arxiv\.org/abs/2608\.(\d{5})", side)}
            late = sum(others < number <= others + 10 for number in shown)
            told = sum(number >= 1000 for number in shown)
            assert late >= 3
            assert told >= 3
            more = re.search(r"(\d+) more papers? online", side)
            assert len(shown) - told + (int(more[1]) if more else 0) == others + 10
            assert f"{40 - told} more corrections online" in " ".join(unescape(side).split())
            assert f"/preferences/{TOKEN}" in side


def test_templates_older_than_late_bloomers_show_them_among_the_others(tmp_path: Path) -> None:
    partials = tmp_path / "partials"
    partials.mkdir()
    own = (default_templates() / "partials" / "papers.mjml").read_text().replace("view.late", "view.rising")
    (partials / "papers.mjml").write_text(own.replace("late.mjml", "rising.mjml"))
    pool, corrections, digest = whole_sections()
    for body in bodies_of(NEWSLETTER, pool, digest, corrections, templates=tmp_path):
        for side in sides_of(body):
            assert {f"2608.0000{number}" for number in range(1, 10)} <= set(re.findall(r"2608\.\d{5}", side))
            assert "taking off now" not in side.lower()
    assert [each.place for each in view_of(pool, digest, has_late=False).rising] == [6, 7, 8, 9]


@pytest.mark.parametrize("detail", DETAILS)
def test_the_less_room_the_less_is_said_and_nothing_is_lost(detail: Detail) -> None:
    pool = [*sample_pool(), *(late_entry(8 + number, "Late") for number in range(10))]
    assert {entry.section for entry in pool} == set(Section)
    corrections = [correction(number, f"Before {number}", seq=100 + number) for number in range(20)]
    view = view_of(pool, replace(digest_of(pool), corrections=tuple(range(20))), corrections, detail=detail)
    shown = 1 + len(view.cards) + len(view.rising) + len(view.late)
    assert shown + view.more_online == view.count == 17
    assert len(view.corrections) + view.more_corrections == 20
