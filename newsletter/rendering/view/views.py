"""What a template is shown of a digest: every word and figure ready, nothing left to decide but how it looks.

Pure: the same newsletter, issue, pool and digest give the same view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, DigestEntry, Issue, PoolEntry
from newsletter.papers.model import Paper, PaperSeq
from newsletter.rendering.words.sentences import (
    RHYTHM,
    author_words,
    date_words,
    intro,
    match_words,
    preheader,
    receipt_words,
    subject,
    trend_bar,
)
from newsletter.rendering.words.text import clean, shorten, shorten_encoded, summarize
from newsletter.rendering.words.urls import safe_url


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of each paper is shown; the byte budget chooses.

    Attributes:
        cards: papers after the lead that get a card; the rest are lines.
        lead_summary, card_summary: longest summary in characters; 0: none.
        title_bytes: longest title in encoded bytes; None: whole.
        url_bytes: longest web address; a longer one is left out.
        extra_links: whether code, project and discussion are linked.
        feedback: whether the lead and the cards have links to say "more" or "less like this".
    """

    cards: int = 4
    lead_summary: int = 420
    card_summary: int = 300
    title_bytes: int | None = None
    url_bytes: int = 500
    extra_links: bool = True
    feedback: bool = True


#: From everything to what fits whatever the papers are: 60 lines of at most 900 bytes each.
DETAILS = (
    Detail(),
    Detail(card_summary=160),
    Detail(card_summary=0, lead_summary=300),
    Detail(cards=2, card_summary=0, lead_summary=300, title_bytes=900, extra_links=False),
    Detail(cards=0, lead_summary=200, title_bytes=240, url_bytes=150, extra_links=False, feedback=False),
)


#: Views of papers kept in memory, for each issue.
PAPERS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Link:
    """A word to click and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    """Where a reader's own links lead: absolute URLs that end in his token, or in what stands for it."""

    unsubscribe: str
    preferences: str
    feedback: str


@dataclass(frozen=True, slots=True)
class PaperView:
    """One paper as it is shown. Absent text is ``""``.

    Attributes:
        place: in this digest, from 1.
        title_url: the page of its abstract.
        authors: the first three and how many more.
        votes: latest figure with its thousands separated.
        trend: eight block characters at most; ``trend_words`` says the same in words.
        facts: why it is here, in figures; ``match`` why for this reader.
        more_url, less_url: where the reader says that he wants more or less like this.
    """

    place: int
    title: str
    title_url: str
    authors: str
    lab: str
    summary: str
    votes: str
    trend: str
    trend_words: str
    facts: tuple[str, ...]
    match: str
    category: str
    links: tuple[Link, ...]
    more_url: str
    less_url: str


@dataclass(frozen=True, slots=True)
class DigestView:
    """One digest as it is shown: ``lead``, then ``cards``, then ``rising`` as a list."""

    name: str
    tagline: str
    number: str
    date: str
    subject: str
    preheader: str
    intro: str
    rhythm: str
    postal_address: str
    unsubscribe_url: str
    preferences_url: str
    count: int
    lead: PaperView
    cards: tuple[PaperView, ...]
    rising: tuple[PaperView, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a digest as a whole."""

    subject: str
    preheader: str
    intro: str


class Views:
    """What templates are shown of the digests of one issue. What several digests share is decided once.

    Args:
        newsletter: names, zone and postal address.
        issue: number, cadence and date.
        pool: the issue's entries by the number of their paper.
        links: of the reader.
    """

    def __init__(
        self, newsletter: NewsletterConfig, issue: Issue, pool: Mapping[PaperSeq, PoolEntry], links: ReaderLinks
    ) -> None:
        self._newsletter = newsletter
        self._issue = issue
        self._pool = pool
        self._links = links
        self._date = date_words(issue.frozen_at.astimezone(newsletter.tzinfo))
        self._titles: dict[PaperSeq, str] = {}
        self._paper = lru_cache(PAPERS_KEPT)(self._make_paper)

    def view(self, digest: Digest, detail: Detail = DETAILS[0]) -> DigestView:
        """Decide every word of a digest.

        Raises:
            ValueError: the digest is empty, or names a paper that is not in the pool.
        """
        words = self.words(digest, detail)
        papers = [self.paper(place, entry, detail) for place, entry in enumerate(digest.entries, start=1)]
        return DigestView(
            name=self._newsletter.name,
            tagline=self._newsletter.tagline,
            number=f"No. {self._issue.number}",
            date=self._date,
            subject=words.subject,
            preheader=words.preheader,
            intro=words.intro,
            rhythm=RHYTHM[self._issue.cadence],
            postal_address=self._newsletter.postal_address,
            unsubscribe_url=self._links.unsubscribe,
            preferences_url=self._links.preferences,
            count=len(papers),
            lead=papers[0],
            cards=tuple(papers[1 : 1 + detail.cards]),
            rising=tuple(papers[1 + detail.cards :]),
        )

    def words(self, digest: Digest, detail: Detail = DETAILS[0]) -> Words:
        """Decide what is said of a digest as a whole.

        Raises:
            ValueError: as for its view.
        """
        if not digest.entries:
            raise ValueError(f"digest {digest.id} is empty; a reader without news gets no mail")
        titles = [self._titles.get(entry.paper_seq) or self._title(digest, entry.paper_seq) for entry in digest.entries]
        lead = self.paper(1, digest.entries[0], detail)
        return Words(
            subject=subject(titles),
            preheader=preheader(titles, lead.summary),
            intro=intro(titles, lead.votes, [entry.match for entry in digest.entries]),
        )

    def paper(self, place: int, chosen: DigestEntry, detail: Detail) -> PaperView:
        """Decide what is shown of one paper of the pool, at its place in a digest, from 1."""
        shown = self._paper(min(place, 2) if place <= 1 + detail.cards else 0, chosen, detail)
        return shown if shown.place == place else replace(shown, place=place)

    def _title(self, digest: Digest, seq: PaperSeq) -> str:
        if seq not in self._pool:
            raise ValueError(f"digest {digest.id} names paper {seq}, which is not in the pool of issue {self._issue.id}")
        title = self._titles[seq] = _title(self._pool[seq].paper)
        return title

    def _make_paper(self, role: int, chosen: DigestEntry, detail: Detail) -> PaperView:
        """Make a view of a paper in its role: 1 leads, 2 is a card, 0 a line."""
        return _paper(role, self._pool[chosen.paper_seq], chosen, self._links.feedback, detail)


def _title(paper: Paper) -> str:
    return clean(paper.title) or clean(paper.key) or "Untitled"


def _paper(role: int, entry: PoolEntry, chosen: DigestEntry, feedback_url: str, detail: Detail) -> PaperView:
    paper, receipt = entry.paper, entry.receipt
    longest = detail.lead_summary if role == 1 else detail.card_summary
    title = _title(paper)
    abstract_url = _fitting(paper_url(paper), detail)
    opinion_url = f"{feedback_url}?paper={chosen.paper_seq}&like=" if detail.feedback and role else ""
    return PaperView(
        place=role,
        title=title if detail.title_bytes is None else shorten_encoded(title, detail.title_bytes),
        title_url=abstract_url,
        authors=author_words(paper),
        lab=shorten(clean(paper.organization), 80),
        summary=summarize(clean(paper.summary) or clean(paper.abstract), longest) if longest else "",
        votes="" if receipt.votes is None else f"{receipt.votes:,}",
        trend=trend_bar(receipt.history),
        trend_words=f"votes from {receipt.history[0]:,} to {receipt.history[-1]:,}" if receipt.history else "",
        facts=tuple(receipt_words(receipt, listed_at=paper.listed_at)),
        match=match_words(chosen.match),
        category=shorten(clean(paper.categories[0]), 24) if paper.categories else "",
        links=tuple(_links(paper, abstract_url, detail)),
        more_url=opinion_url and f"{opinion_url}more",
        less_url=opinion_url and f"{opinion_url}less",
    )


def _links(paper: Paper, abstract_url: str, detail: Detail) -> Iterable[Link]:
    yield from _link("Abstract", abstract_url)
    if paper.arxiv_id:
        yield from _link("PDF", f"https://arxiv.org/pdf/{quote(clean(paper.arxiv_id))}")
    if detail.extra_links:
        for label, url in (("Code", paper.code_url), ("Project", paper.project_url), ("Discuss", paper.discussion_url)):
            yield from _link(label, _fitting(safe_url(url), detail))


def _link(label: str, url: str) -> Iterable[Link]:
    return [Link(label, url)] if url else []


def paper_url(paper: Paper) -> str:
    """Return the page that shows the abstract: arXiv's, else the DOI's, else whatever page is known."""
    if paper.arxiv_id:
        return safe_url(f"https://arxiv.org/abs/{quote(clean(paper.arxiv_id))}")
    if paper.doi:
        return safe_url(f"https://doi.org/{quote(clean(paper.doi))}")
    return safe_url(paper.discussion_url) or safe_url(paper.project_url)


def _fitting(url: str, detail: Detail) -> str:
    return url if len(url) <= detail.url_bytes else ""
