"""What readers asked for in words, as papers to learn from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from newsletter.papers.model import Paper, PaperSeq
from subscribers.interests import parse_phrases
from subscribers.model import Interests

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def as_papers(interests: Iterable[Interests]) -> list[Paper]:
    """Return a paper for each category and keyword that is asked for: one that has it, and nothing else.

    Authors and labs are left out: they are followed by name.
    """
    categories = dict.fromkeys(category for each in interests for category in each.categories)
    keywords = dict.fromkeys(phrase for each in interests for entry in each.keywords for phrase in _wanted(entry))
    return [_paper(categories=(category,)) for category in categories] + [_paper(keywords=(phrase,)) for phrase in keywords]


def _wanted(entry: str) -> tuple[str, ...]:
    try:
        return parse_phrases(entry).wanted
    except ValueError:  # stored by an earlier version, which took any text
        return ()


def _paper(*, categories: tuple[str, ...] = (), keywords: tuple[str, ...] = ()) -> Paper:
    return Paper(
        seq=PaperSeq(0),
        key="",
        title="",
        abstract="",
        arxiv_id=None,
        version=None,
        doi=None,
        authors=(),
        author_count=0,
        summary="",
        categories=categories,
        keywords=keywords,
        organization="",
        published_at=None,
        listed_at=_NEVER,
        code_url="",
        project_url="",
        discussion_url="",
        thumbnail_url="",
        withdrawn_at=None,
        first_seen_at=_NEVER,
    )
