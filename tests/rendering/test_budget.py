"""Whatever the papers are, a message fits below the clip limit, counts those it has no room for, and has its footer whole."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.digest.model import PoolEntry
from newsletter.rendering.bodies import IssueBodies
from newsletter.rendering.message.lint import BUDGET_BYTES, lint
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.view.detail import DETAILS
from tests.rendering.pictures import MadeUpPictures
from tests.rendering.samples import BASE_URL, ISSUE, NEWSLETTER, PERSONAL, SECRET, TOKEN, digest_of, paper, pool_of

THEMES = TemplateFolder().themes()
#: Words for titles, abstracts and names: each kind is large in another way, once it is escaped and encoded.
ENORMOUS = {
    "Chinese": "模型的长标题" * 500,
    "right to left": "שבכה عصبية " * 300,
    "turned around": "\u202e" * 3000,
    "combining": "e" + "\u0301" * 3000,
    "one combining row for each letter": "e\u0301\u0302\u0303" * 750,
    "escaped": "<&\"'" * 750,
    "equal signs": "=" * 3000,
    "one word": "x" * 3000,
    "emoji": "👩‍🔬" * 750,
}


def enormous_pool(words: str, count: int = 60) -> list[PoolEntry]:
    """That many papers of which everything is enormous."""
    url = "https://example.org/" + "a?&'=" * 95
    return pool_of(
        [
            paper(
                number,
                title=f"{number} {words}",
                abstract=words,
                summary="" if number % 2 else words,
                authors=(words,) * 60,
                author_count=10_000,
                organization=words,
                categories=(words, words),
                code_url=url,
                project_url=url,
                discussion_url=url,
            )
            for number in range(1, count + 1)
        ]
    )


def newsletter_of(theme: str, pictures: Literal["linked", "embedded", "none"] = "none") -> NewsletterConfig:
    look = NEWSLETTER.look.model_copy(update={"theme": theme, "pictures": pictures})
    return NEWSLETTER.model_copy(update={"look": look})


def renderer_of(pool: list[PoolEntry]) -> Renderer:
    return Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=MadeUpPictures([entry.paper.seq for entry in pool]))


def composed(newsletter: NewsletterConfig, pool: list[PoolEntry]) -> list[ComposedBody | PiecedBody]:
    """The digest of a whole pool, each paper of it for a reason: rendered whole, and put together from pieces."""
    digest = digest_of(pool, [f"keyword:{entry.paper.title[:300]}" for entry in pool])
    renderer = renderer_of(pool)
    (pieced,) = IssueBodies(renderer, newsletter, "papers", ISSUE, pool).compose([digest])
    assert isinstance(pieced, PiecedBody)
    return [renderer.compose(newsletter, "papers", ISSUE, pool, digest), pieced]


def check(body: ComposedBody | PiecedBody, count: int) -> int:
    """Make sure that nothing is lost of a digest of that many papers; return how many of them it shows."""
    assert body.html_bytes <= BUDGET_BYTES
    data = body.gapped().fill(PERSONAL.encoded())
    assert lint(data, body.expectation(PERSONAL)) == []
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    text, html = (part.get_content() for part in message.walk() if part.get_content_maintype() == "text")
    for side in (text, html):
        shown = {int(number) for number in re.findall(r"arxiv\.org/abs/2608\.(\d{5})", side)}
        assert shown == set(range(1, len(shown) + 1))
        more = count - len(shown)
        words = f"{more} more paper{'' if more == 1 else 's'} online"
        assert (words in unescape(side)) is (more > 0)
        assert f"/unsubscribe/{TOKEN}" in side
        assert f"/preferences/{TOKEN}" in side
        assert NEWSLETTER.postal_address in " ".join(side.split())
    assert html.rindex(f"/unsubscribe/{TOKEN}") > html.rindex("arxiv.org/abs/")
    assert html.rstrip().endswith("</html>")
    assert any(TOKEN in line for line in text.splitlines()[:10])
    return len(shown)


@pytest.mark.parametrize("pictures", ["linked", "none"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("words", ENORMOUS.values(), ids=ENORMOUS)
def test_sixty_enormous_papers_fit(words: str, theme: str, pictures: Literal["linked", "none"]) -> None:
    pool = enormous_pool(words)
    for body in composed(newsletter_of(theme, pictures), pool):
        assert check(body, len(pool)) >= 21


@pytest.mark.parametrize("theme", THEMES)
def test_sixty_papers_with_long_chinese_abstracts_keep_a_line_each(theme: str) -> None:
    papers = [paper(number, title="模型的长标题" * 5, abstract="一句很长的话。" * 430, summary="") for number in range(1, 61)]
    for body in composed(newsletter_of(theme, "embedded"), pool_of(papers)):
        assert check(body, 60) == 60


@pytest.mark.parametrize("theme", THEMES)
def test_thirty_papers_of_the_usual_kind_are_shown_with_everything(theme: str) -> None:
    abstract = "This made-up abstract says in plain words what was done, how it was checked and what came out of it. " * 12
    title = "A Title of the Usual Length That Says in One Line What Was Done"
    pool = pool_of([paper(number, title=f"{title} ({number})", abstract=abstract, summary="") for number in range(1, 31)])
    sample = renderer_of(pool).sample(
        newsletter_of(theme, "linked"), "papers", ISSUE, pool, digest_of(pool), address="ada@example.org"
    )
    assert sample.html_bytes < BUDGET_BYTES
    assert sample.detail_level == 0
    assert sample.findings == ()


@pytest.mark.parametrize("theme", THEMES)
def test_a_few_papers_with_enormous_titles_keep_their_cards(theme: str) -> None:
    pool = enormous_pool(ENORMOUS["Chinese"], count=10)
    sample = renderer_of(pool).sample(
        newsletter_of(theme, "linked"), "papers", ISSUE, pool, digest_of(pool), address="ada@example.org"
    )
    assert sample.detail_level > 0
    assert DETAILS[sample.detail_level].cards == DETAILS[0].cards
    assert DETAILS[sample.detail_level].card_summary > 0


WORDS = st.one_of(
    st.text(st.characters(), max_size=200),
    st.builds(
        lambda part, times: part * times,
        st.sampled_from([*"模e\u0301\u202e&=ש ", "👩‍🔬", "e\u0301 "]),
        st.integers(1, 4000),
    ),
)


@pytest.mark.parametrize("theme", THEMES)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.integers(1, 80), st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4), st.sampled_from(["linked", "none"])
)
def test_any_digest_fits_and_no_paper_vanishes_uncounted(
    theme: str, count: int, words: list[tuple[str, str, str]], pictures: Literal["linked", "none"]
) -> None:
    papers = []
    for number in range(1, count + 1):
        title, abstract, name = words[number % len(words)]
        papers.append(
            paper(
                number,
                title=title,
                abstract=abstract,
                summary="",
                authors=(name,) * (number % 5),
                author_count=number,
                organization=name,
                categories=(name,),
                code_url=f"https://example.org/{name}",
            )
        )
    for body in composed(newsletter_of(theme, pictures), pool_of(papers)):
        check(body, count)
