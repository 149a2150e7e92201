"""What a template is shown of a digest: every word and figure ready, nothing left to decide but how it looks.

Pure: the same newsletter, issue, pool and digest give the same view.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from urllib.parse import quote

from newsletter.config import NewsletterConfig
from newsletter.digest.corrections import told
from newsletter.digest.model import Correction, CorrectionKind, Digest, DigestEntry, Issue, PoolEntry, Section
from newsletter.papers.model import Paper, PaperSeq
from newsletter.rendering.view.detail import DETAILS, Detail, Sections, shape_of
from newsletter.rendering.view.look import Image, Look, Sides
from newsletter.rendering.words.language import Language
from newsletter.rendering.words.sentences import (
    author_words,
    correction_words,
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

#: Views of papers kept in memory, for each issue.
PAPERS_KEPT = 4096
#: Characters of a title in a correction.
_CORRECTED_TITLE = 200
#: Chips of a paper, and characters of one.
_CHIPS, _CHIP_LENGTH = 2, 24


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
        commands: what the reader may write in an answer; ``""``: answers are not understood.
        images: returns the pictures of a paper, by its number and what they show; None where there are none.
    """

    language: Language
    look: Look
    links: ReaderLinks
    online_url: str
    ranking_url: str
    commands: str = ""
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
        chips: its first two categories; keywords where no source gave any. They are cut between words.
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
class CorrectionView:
    """A paper that the reader got before, and what happened to it since.

    Attributes:
        kind: ``withdrawn`` or ``retitled``, whatever the language.
        title: as it is now; of one that was withdrawn, as readers knew it.
        title_url: the page of its abstract, or ``""``.
        words: what happened, as a sentence.
    """

    kind: str
    title: str
    title_url: str
    words: str


@dataclass(frozen=True, slots=True)
class DigestView(Sides):
    """One digest as it is shown: ``lead``, then ``cards``, then ``rising`` as a list, then what takes off late.

    ``count`` papers are in it; of those, ``more_online`` are on the page of the issue only, as the mail has no room. The same
    goes for ``more_corrections`` beyond ``corrections``. ``commands`` are examples of what the reader may write in an answer.
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
    commands: str
    language: str
    direction: str
    look: Look
    count: int
    lead: PaperView
    cards: tuple[PaperView, ...]
    rising: tuple[PaperView, ...]
    more_online: int
    late: tuple[PaperView, ...]
    corrections: tuple[CorrectionView, ...]
    more_corrections: int


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
        setting: what stands around the papers.
        corrections: the issue's, of papers of issues before it.
        has_late: whether late bloomers have a section; where a template is older than that, they stand among the others.
    """

    def __init__(
        self,
        newsletter: NewsletterConfig,
        issue: Issue,
        pool: Mapping[PaperSeq, PoolEntry],
        setting: Setting,
        corrections: Sequence[Correction] = (),
        *,
        has_late: bool = True,
    ) -> None:
        self._newsletter = newsletter
        self._issue = issue
        self._pool = pool
        self._setting = setting
        self._late = {seq for seq, entry in pool.items() if has_late and entry.section is Section.LATE}
        self._corrections = corrections
        self._alike = {each.position for each in corrections if _looks_alike(each)}
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
        sections = self.sections(digest)
        shape = shape_of(sections, detail)
        shown = sections.top[: 1 + shape.cards + shape.rising]
        papers = [self.paper(place, entry, detail) for place, entry in enumerate(shown, start=1)]
        late = enumerate(sections.late[: shape.late], start=1 + len(sections.top))
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
            commands=setting.commands,
            language=setting.language.tag,
            direction=setting.language.direction,
            look=setting.look,
            count=len(digest.entries),
            lead=papers[0],
            cards=tuple(papers[1 : 1 + shape.cards]),
            rising=tuple(papers[1 + shape.cards :]),
            more_online=shape.more_online,
            late=tuple(self.paper(place, entry, detail, is_late=True) for place, entry in late),
            corrections=tuple(self.correction(each, detail) for each in sections.corrections[: shape.corrections]),
            more_corrections=shape.more_corrections,
        )

    def sections(self, digest: Digest) -> Sections:
        """Return a digest by its sections. One that has late bloomers only shows them as any papers: there is a lead always.

        Raises:
            ValueError: as for its view.
        """
        if not digest.entries:
            raise ValueError(f"digest {digest.id} is empty; a reader without news gets no mail")
        for entry in digest.entries:
            if entry.paper_seq not in self._pool:
                raise ValueError(
                    f"digest {digest.id} names paper {entry.paper_seq}, which is not in the pool of issue {self._issue.id}"
                )
        late = [each for each in digest.entries if each.paper_seq in self._late]
        top = [each for each in digest.entries if each.paper_seq not in self._late]
        return Sections(top or late, late if top else [], self.told(digest.corrections) if digest.corrections else [])

    def told(self, positions: Collection[int]) -> list[Correction]:
        """Return those corrections at ``positions`` of the issue's that say something to who got their papers."""
        return [each for each in told(self._corrections, positions) if each.position not in self._alike]

    def words(self, digest: Digest, detail: Detail = DETAILS[0]) -> Words:
        """Decide what is said of a digest as a whole.

        Raises:
            ValueError: as for its view.
        """
        sections = self.sections(digest)
        entries = [*sections.top, *sections.late]
        titles = [self._titles.get(entry.paper_seq) or self._title(entry.paper_seq) for entry in entries]
        lead = self.paper(1, entries[0], detail)
        votes = self._pool[entries[0].paper_seq].receipt.votes
        language = self._setting.language
        return Words(
            subject=subject(titles, language),
            preheader=preheader(titles, lead.summary, language),
            intro=intro(titles, votes, [entry.match for entry in entries], language),
        )

    def paper(self, place: int, chosen: DigestEntry, detail: Detail, *, is_late: bool = False) -> PaperView:
        """Decide what is shown of one paper of the pool, at its place in a digest, from 1; ``is_late``: as a late bloomer."""
        role = _Role.LATE if is_late else _Role.LEAD if place == 1 else _Role.CARD if place <= 1 + detail.cards else _Role.LINE
        shown = self._paper(role, chosen, detail)
        return shown if shown.place == place else replace(shown, place=place)

    def correction(self, correction: Correction, detail: Detail) -> CorrectionView:
        """Decide what is said of a paper that readers got before."""
        paper, is_withdrawn = correction.paper, correction.kind is CorrectionKind.WITHDRAWN
        before, now = _cut(readable(clean(correction.title_before)), detail), _cut(title_of(paper), detail)
        on = (paper.withdrawn_at or correction.changed_at).astimezone(self._newsletter.tzinfo).date()
        return CorrectionView(
            kind=correction.kind.value,
            title=(before or now) if is_withdrawn else now,
            title_url=_fitting(paper_url(paper), detail),
            words=correction_words(correction.kind, before, on, self._setting.language),
        )

    def _title(self, seq: PaperSeq) -> str:
        title = self._titles[seq] = title_of(self._pool[seq].paper)
        return title

    def _make_paper(self, role: _Role, chosen: DigestEntry, detail: Detail) -> PaperView:
        return _paper(role, self._pool[chosen.paper_seq], chosen, self._setting, detail)


def title_of(paper: Paper) -> str:
    """Return what a paper is called: its title in plain Unicode, else its key."""
    return readable(clean(paper.title)) or clean(paper.key) or "Untitled"


def summary_of(paper: Paper, limit: int) -> str:
    """Return what a paper is about in at most ``limit`` characters of plain Unicode; ``""`` where nothing says so."""
    return best_summary(readable(clean(paper.summary)), readable(clean(paper.abstract)), limit)


class _Role(IntEnum):
    """How a paper is shown."""

    LINE = 0
    LEAD = 1
    CARD = 2
    LATE = 3


def _looks_alike(correction: Correction) -> bool:
    """Whether nobody could tell the titles before and after from each other, as in one of them a formula is spelled out."""
    if correction.kind is not CorrectionKind.RETITLED:
        return False
    return readable(clean(correction.title_before)).casefold() == title_of(correction.paper).casefold()


def _cut(title: str, detail: Detail) -> str:
    """Return a title as a correction has it, where it is no headline: shorter."""
    words = shorten(title, _CORRECTED_TITLE)
    return words if detail.title_bytes is None else shorten_encoded(words, detail.title_bytes)


def _paper(role: _Role, entry: PoolEntry, chosen: DigestEntry, setting: Setting, detail: Detail) -> PaperView:
    paper, receipt, language = entry.paper, entry.receipt, setting.language
    longest = {_Role.LEAD: detail.lead_summary, _Role.LATE: detail.late_summary}.get(role, detail.card_summary)
    title = title_of(paper)
    abstract_url = _fitting(paper_url(paper), detail)
    opinion_url = f"{setting.links.feedback}?paper={chosen.paper_seq}&like=" if detail.feedback and role else ""
    alt = language.gettext("Figure from “%(title)s”") % {"title": shorten(title, 80)}
    has_picture = detail.pictures and role in {_Role.LEAD, _Role.CARD}
    images = setting.images(chosen.paper_seq, alt) if has_picture else None
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
        chips=() if role is _Role.LATE else _chips(paper),
        links=tuple(_links(paper, abstract_url, detail, language, has_extra=detail.extra_links and role is not _Role.LATE)),
        more_url=opinion_url and f"{opinion_url}more",
        less_url=opinion_url and f"{opinion_url}less",
        picture=None if images is None else images.large if role is _Role.LEAD else images.small,
    )


def _chips(paper: Paper) -> tuple[str, ...]:
    return tuple(_chip(label) for label in (paper.categories or paper.keywords)[:_CHIPS])


def _chip(label: str) -> str:
    """Return a label that fits on a chip, cut between two words if need be; within one where too little would be left."""
    text = clean(label)
    if len(text) <= _CHIP_LENGTH:
        return text
    words = text[:_CHIP_LENGTH].rpartition(" ")[0]
    return shorten(text, len(words) + 1 if len(words) >= _CHIP_LENGTH // 3 else _CHIP_LENGTH)


def _links(paper: Paper, abstract_url: str, detail: Detail, language: Language, *, has_extra: bool) -> Iterable[Link]:
    _ = language.gettext
    yield from _link(_("Abstract"), abstract_url, "abstract")
    if paper.arxiv_id:
        yield from _link(_("PDF"), f"https://arxiv.org/pdf/{quote(clean(paper.arxiv_id))}", "pdf")
    if has_extra:
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
