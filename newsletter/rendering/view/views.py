"""What a template is shown of a digest: every word and figure ready, nothing left to decide but how it looks.

Pure: the same newsletter, issue, pool and digest give the same view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, DigestEntry, Issue, PoolEntry
from newsletter.papers.model import Paper, PaperSeq
from newsletter.rendering.view.look import Image, Look, Sides
from newsletter.rendering.words.language import Language
from newsletter.rendering.words.sentences import (
    author_words,
    intro,
    match_words,
    preheader,
    receipt_words,
    rhythm,
    subject,
    trend_bar,
    trend_words,
)
from newsletter.rendering.words.summary import best_summary
from newsletter.rendering.words.tex import readable
from newsletter.rendering.words.text import clean, shorten, shorten_encoded
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
        pictures: whether papers have pictures.
        lines: papers shown as a line at most; of the rest there is only the number, and a page where they are.
    """

    cards: int = 4
    lead_summary: int = 330
    card_summary: int = 240
    title_bytes: int | None = None
    url_bytes: int = 500
    extra_links: bool = True
    feedback: bool = True
    pictures: bool = True
    lines: int | None = None


_SHORT = Detail(cards=0, lead_summary=200, title_bytes=450, url_bytes=150, extra_links=False, feedback=False)
#: From everything to what fits whatever the papers are: full cards, short cards, titles, and at last "n more online". Titles
#: are first cut where no real one is as long.
DETAILS = (
    Detail(),
    Detail(title_bytes=900),
    Detail(title_bytes=900, card_summary=150),
    Detail(title_bytes=900, card_summary=0, lead_summary=240),
    Detail(cards=2, title_bytes=600, card_summary=0, lead_summary=240, url_bytes=250, extra_links=False),
    _SHORT,
    replace(_SHORT, lines=40),
    replace(_SHORT, lead_summary=120, title_bytes=240, pictures=False, lines=20),
)


#: Views of papers kept in memory, for each issue.
PAPERS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Link:
    """A word to click and where it leads. ``kind`` names the word whatever the language: ``pdf``."""

    label: str
    url: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    """Where a reader's own links lead: absolute URLs that end in his token, or in what stands for it."""

    unsubscribe: str
    preferences: str
    feedback: str


@dataclass(frozen=True, slots=True)
class PaperImages:
    """The pictures of one paper: at the width of a lead, and small for a card."""

    large: Image
    small: Image


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands around the papers of an issue, and is the same in all of its digests.

    Attributes:
        language: of the words.
        look: colours and logo.
        links: of the reader.
        online_url: the page of the issue.
        ranking_url: the page that says how the ranking works.
        images: returns the pictures of a paper, by its number and what they show; None where there are none.
    """

    language: Language
    look: Look
    links: ReaderLinks
    online_url: str
    ranking_url: str
    images: Callable[[PaperSeq, str], PaperImages | None] = lambda _seq, _alt: None


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
        chips: its first two categories; keywords where no source gave any.
        more_url, less_url: where the reader says that he wants more or less like this.
        picture: of the paper, large for the lead; None where there is none.
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
    chips: tuple[str, ...]
    links: tuple[Link, ...]
    more_url: str
    less_url: str
    picture: Image | None


@dataclass(frozen=True, slots=True)
class DigestView(Sides):
    """One digest as it is shown: ``lead``, then ``cards``, then ``rising`` as a list.

    ``count`` papers are in it; of those, ``more_online`` are on the page of the issue only, as the mail has no room.
    """

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
    online_url: str
    ranking_url: str
    language: str
    direction: str
    look: Look
    count: int
    lead: PaperView
    cards: tuple[PaperView, ...]
    rising: tuple[PaperView, ...]
    more_online: int


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a digest as a whole."""

    subject: str
    preheader: str
    intro: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How many papers of a digest are shown how: ``cards`` after the lead, ``rising`` as lines, ``more_online`` elsewhere."""

    cards: int
    rising: int
    more_online: int


def shape_of(count: int, detail: Detail) -> Shape:
    """Return the shape of a digest of ``count`` papers."""
    cards = min(detail.cards, count - 1)
    rising = count - 1 - cards
    shown = rising if detail.lines is None else min(rising, detail.lines)
    return Shape(cards, shown, rising - shown)


class Views:
    """What templates are shown of the digests of one issue. What several digests share is decided once.

    Args:
        newsletter: names, zone and postal address.
        issue: number, cadence and date.
        pool: the issue's entries by the number of their paper.
        setting: what stands around the papers.
    """

    def __init__(
        self, newsletter: NewsletterConfig, issue: Issue, pool: Mapping[PaperSeq, PoolEntry], setting: Setting
    ) -> None:
        self._newsletter = newsletter
        self._issue = issue
        self._pool = pool
        self._setting = setting
        language = setting.language
        self._number = language.gettext("No. %(number)s") % {"number": issue.number}
        self._date = language.date(issue.frozen_at.astimezone(newsletter.tzinfo).date())
        self._titles: dict[PaperSeq, str] = {}
        self._paper = lru_cache(PAPERS_KEPT)(self._make_paper)

    def view(self, digest: Digest, detail: Detail = DETAILS[0]) -> DigestView:
        """Decide every word of a digest.

        Raises:
            ValueError: the digest is empty, or names a paper that is not in the pool.
        """
        words = self.words(digest, detail)
        shape = shape_of(len(digest.entries), detail)
        shown = digest.entries[: 1 + shape.cards + shape.rising]
        papers = [self.paper(place, entry, detail) for place, entry in enumerate(shown, start=1)]
        setting = self._setting
        return DigestView(
            name=self._newsletter.name,
            tagline=self._newsletter.tagline,
            number=self._number,
            date=self._date,
            subject=words.subject,
            preheader=words.preheader,
            intro=words.intro,
            rhythm=rhythm(self._issue.cadence, setting.language),
            postal_address=self._newsletter.postal_address,
            unsubscribe_url=setting.links.unsubscribe,
            preferences_url=setting.links.preferences,
            online_url=setting.online_url,
            ranking_url=setting.ranking_url,
            language=setting.language.tag,
            direction=setting.language.direction,
            look=setting.look,
            count=len(digest.entries),
            lead=papers[0],
            cards=tuple(papers[1 : 1 + shape.cards]),
            rising=tuple(papers[1 + shape.cards :]),
            more_online=shape.more_online,
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
        votes = self._pool[digest.entries[0].paper_seq].receipt.votes
        language = self._setting.language
        return Words(
            subject=subject(titles, language),
            preheader=preheader(titles, lead.summary, language),
            intro=intro(titles, votes, [entry.match for entry in digest.entries], language),
        )

    def paper(self, place: int, chosen: DigestEntry, detail: Detail) -> PaperView:
        """Decide what is shown of one paper of the pool, at its place in a digest, from 1."""
        shown = self._paper(min(place, 2) if place <= 1 + detail.cards else 0, chosen, detail)
        return shown if shown.place == place else replace(shown, place=place)

    def _title(self, digest: Digest, seq: PaperSeq) -> str:
        if seq not in self._pool:
            raise ValueError(f"digest {digest.id} names paper {seq}, which is not in the pool of issue {self._issue.id}")
        title = self._titles[seq] = title_of(self._pool[seq].paper)
        return title

    def _make_paper(self, role: int, chosen: DigestEntry, detail: Detail) -> PaperView:
        """Make a view of a paper in its role: 1 leads, 2 is a card, 0 a line."""
        return _paper(role, self._pool[chosen.paper_seq], chosen, self._setting, detail)


def title_of(paper: Paper) -> str:
    """Return what a paper is called: its title in plain Unicode, else its key."""
    return readable(clean(paper.title)) or clean(paper.key) or "Untitled"


def summary_of(paper: Paper, limit: int) -> str:
    """Return what a paper is about in at most ``limit`` characters of plain Unicode; ``""`` where nothing says so."""
    return best_summary(readable(clean(paper.summary)), readable(clean(paper.abstract)), limit)


def _paper(role: int, entry: PoolEntry, chosen: DigestEntry, setting: Setting, detail: Detail) -> PaperView:
    paper, receipt, language = entry.paper, entry.receipt, setting.language
    longest = detail.lead_summary if role == 1 else detail.card_summary
    title = title_of(paper)
    abstract_url = _fitting(paper_url(paper), detail)
    opinion_url = f"{setting.links.feedback}?paper={chosen.paper_seq}&like=" if detail.feedback and role else ""
    alt = language.gettext("Figure from “%(title)s”") % {"title": shorten(title, 80)}
    images = setting.images(chosen.paper_seq, alt) if detail.pictures and role else None
    return PaperView(
        place=role,
        title=title if detail.title_bytes is None else shorten_encoded(title, detail.title_bytes),
        title_url=abstract_url,
        authors=author_words(paper, language),
        lab=shorten(clean(paper.organization), 80),
        summary=summary_of(paper, longest) if longest else "",
        votes="" if receipt.votes is None else language.number(receipt.votes),
        trend=trend_bar(receipt.history),
        trend_words=trend_words(receipt.history, language),
        facts=tuple(receipt_words(receipt, entry.rank, paper, language)),
        match=match_words(chosen.match, language),
        chips=tuple(shorten(clean(word), 24) for word in (paper.categories or paper.keywords)[:2]),
        links=tuple(_links(paper, abstract_url, detail, language)),
        more_url=opinion_url and f"{opinion_url}more",
        less_url=opinion_url and f"{opinion_url}less",
        picture=None if images is None else images.large if role == 1 else images.small,
    )


def _links(paper: Paper, abstract_url: str, detail: Detail, language: Language) -> Iterable[Link]:
    _ = language.gettext
    yield from _link(_("Abstract"), abstract_url, "abstract")
    if paper.arxiv_id:
        yield from _link(_("PDF"), f"https://arxiv.org/pdf/{quote(clean(paper.arxiv_id))}", "pdf")
    if detail.extra_links:
        for label, url, kind in (
            (_("Code"), paper.code_url, "code"),
            (_("Project"), paper.project_url, "project"),
            (_("Discuss"), paper.discussion_url, "discussion"),
        ):
            yield from _link(label, _fitting(safe_url(url), detail), kind)


def _link(label: str, url: str, kind: str) -> Iterable[Link]:
    return [Link(label, url, kind)] if url else []


def paper_url(paper: Paper) -> str:
    """Return the page that shows the abstract: arXiv's, else the DOI's, else whatever page is known."""
    if paper.arxiv_id:
        return safe_url(f"https://arxiv.org/abs/{quote(clean(paper.arxiv_id))}")
    if paper.doi:
        return safe_url(f"https://doi.org/{quote(clean(paper.doi))}")
    return safe_url(paper.discussion_url) or safe_url(paper.project_url)


def _fitting(url: str, detail: Detail) -> str:
    return url if len(url) <= detail.url_bytes else ""
