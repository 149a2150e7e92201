"""What one more record changes in what is known of a paper. Pure.

As far as that can be, the order in which records arrive does not matter: texts follow the newest arXiv version, then the fuller
text; dates the earliest; labels are united; an empty field takes what comes, and what is known is never emptied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.papers.clean import MAX_LABELS
from newsletter.papers.identity import end_of_arxiv_month
from newsletter.papers.model import Paper, PaperRecord, PaperSeq

#: The ``seq`` of a paper that is not stored yet.
UNSTORED = PaperSeq(0)


@dataclass(frozen=True, slots=True)
class Mention(PaperRecord):
    """A record by somebody who only points to a paper, such as a blog: of a known paper it fills gaps and replaces nothing.

    Its version, its dates and whether it calls the paper withdrawn do not count for a known paper either.
    """


def new_paper(record: PaperRecord, *, key: str, now: datetime) -> Paper:
    """Return a paper made of its first record (clean, with a title).

    Where the source gave no listing time, the paper counts as listed when it appeared, or else ``now``; but never after the
    month its arXiv id was given out in: a replacement of an old paper is not news.
    """
    listed_at = record.listed_at or record.published_at
    if listed_at is None:
        listed_at = min(now, end_of_arxiv_month(record.arxiv_id)) if record.arxiv_id else now
    return Paper(
        seq=UNSTORED,
        key=key,
        title=record.title,
        abstract=record.abstract,
        arxiv_id=record.arxiv_id,
        version=record.version,
        doi=record.doi,
        authors=record.authors,
        author_count=len(record.authors) or record.author_count or 0,
        summary=record.summary,
        categories=record.categories,
        keywords=record.keywords,
        organization=record.organization,
        published_at=record.published_at,
        listed_at=listed_at,
        code_url=record.code_url,
        project_url=record.project_url,
        discussion_url=record.discussion_url,
        thumbnail_url=record.thumbnail_url,
        withdrawn_at=record.withdrawn_at,
        first_seen_at=now,
    )


def merged(paper: Paper, record: PaperRecord) -> Paper:
    """Return ``paper`` with what ``record`` (clean, of the same paper) adds; equal to ``paper`` if that is nothing.

    ``version`` is the arXiv version that title and abstract are of: a newer one replaces both, except that a notice of
    withdrawal does not replace an abstract. ``seq``, ``sources`` and ``absorbed`` are the store's business and stay.
    """
    if isinstance(record, Mention):
        record = replace(
            record,
            abstract=paper.abstract or record.abstract,
            authors=paper.authors or record.authors,
            version=None,
            published_at=None,
            listed_at=None,
            withdrawn_at=None,
        )
    known, given = paper.version or 0, record.version or 0
    title, abstract, authors, version = paper.title or record.title, paper.abstract, paper.authors, paper.version
    if given > known and record.title and record.abstract:
        title, version = record.title, record.version
        authors = record.authors or authors
        if record.withdrawn_at is None or len(record.abstract) > len(abstract):
            abstract = record.abstract
    elif given == known:
        abstract = max(abstract, record.abstract, key=len)
        authors = max(authors, record.authors, key=len)
    else:
        abstract = abstract or record.abstract
        authors = authors or record.authors
    arxiv_id = paper.arxiv_id or record.arxiv_id
    doi = paper.doi or record.doi
    return replace(
        paper,
        key=best_key(arxiv_id, doi, paper.key),
        title=title,
        abstract=abstract,
        arxiv_id=arxiv_id,
        version=version,
        doi=doi,
        authors=authors,
        author_count=len(authors) or max(paper.author_count, record.author_count or 0),
        summary=paper.summary or record.summary,
        categories=_united(paper.categories, record.categories),
        keywords=_united(paper.keywords, record.keywords),
        organization=paper.organization or record.organization,
        published_at=_earliest(paper.published_at, record.published_at),
        listed_at=min(paper.listed_at, record.listed_at) if record.listed_at else paper.listed_at,
        code_url=paper.code_url or record.code_url,
        project_url=paper.project_url or record.project_url,
        discussion_url=paper.discussion_url or record.discussion_url,
        thumbnail_url=paper.thumbnail_url or record.thumbnail_url,
        withdrawn_at=_earliest(paper.withdrawn_at, record.withdrawn_at),
    )


def absorbed(survivor: Paper, other: Paper) -> Paper:
    """Return ``survivor`` with everything that was known of ``other``, which turned out to be the same paper."""
    record = PaperRecord(
        title=other.title,
        abstract=other.abstract,
        arxiv_id=other.arxiv_id,
        version=other.version,
        doi=other.doi,
        authors=other.authors,
        author_count=other.author_count,
        summary=other.summary,
        categories=other.categories,
        keywords=other.keywords,
        organization=other.organization,
        published_at=other.published_at,
        listed_at=other.listed_at,
        code_url=other.code_url,
        project_url=other.project_url,
        discussion_url=other.discussion_url,
        thumbnail_url=other.thumbnail_url,
        withdrawn_at=other.withdrawn_at,
    )
    return replace(merged(survivor, record), first_seen_at=min(survivor.first_seen_at, other.first_seen_at))


def may_be(paper: Paper, other: PaperRecord | Paper, *, by: str) -> bool:
    """Whether ``other``, which shares the name ``by`` with ``paper``, can be the same paper.

    Different arXiv ids are different papers, whatever else is equal (a journal DOI may cover two preprints); two DOIs under one
    title are two papers ("Editorial"). An equal arXiv id or, without that conflict, an equal DOI settles it.
    """
    if paper.arxiv_id and other.arxiv_id and paper.arxiv_id != other.arxiv_id:
        return False
    if by.startswith("title:") and not (paper.arxiv_id and other.arxiv_id):
        return not (paper.doi and other.doi and paper.doi != other.doi)
    return True


def best_key(arxiv_id: str | None, doi: str | None, otherwise: str) -> str:
    """Return the most certain name of a paper; ``otherwise`` where it has neither arXiv id nor DOI."""
    if arxiv_id:
        return f"arxiv:{arxiv_id}"
    return f"doi:{doi}" if doi else otherwise


def _united(known: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    seen = {label.casefold() for label in known}
    fresh = tuple(label for label in given if label.casefold() not in seen)
    return (known + fresh)[:MAX_LABELS]


def _earliest(known: datetime | None, given: datetime | None) -> datetime | None:
    return min(known, given) if known and given else known or given
