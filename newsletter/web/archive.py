"""What the public pages show of past issues and of papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from urllib.parse import urlsplit

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.model import DigestEntry, Issue, PoolEntry, Section
from newsletter.digest.published import LISTED, PublishedIssues
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.pictures.model import LARGE_WIDTH, NoPictures, Pictures
from newsletter.rendering.view.detail import Detail
from newsletter.rendering.view.images import PicturePlace
from newsletter.rendering.view.look import Image, look_of
from newsletter.rendering.view.views import CorrectionView, PaperView, ReaderLinks, Setting, Views, paper_url, title_of
from newsletter.rendering.words.language import ENGLISH
from newsletter.rendering.words.sentences import author_words, receipt_words
from newsletter.web.model import IssueLine, IssueList, IssuePage, LatestIssue, ListedPaper, Masthead, RankingExample

#: Issues on a page of the list, and papers on a page of an issue: more than the largest digest has.
ISSUES_SHOWN, PAPERS_SHOWN = 30, 120
#: Pools whose papers are kept in memory as they are shown: an issue is never edited, and deciding it again takes 30 ms.
_POOLS_KEPT = 32
#: Longest summaries in characters: a page has room for more than a mail.
_LEAD_SUMMARY, _CARD_SUMMARY = 600, 360
#: Issues looked through for one that is out: more than are ever being built or paused at a time.
_LOOK_BACK = 50


def latest_issue(
    database: Database, newsletters: Mapping[str, NewsletterConfig], slug: str | None = None
) -> LatestIssue | None:
    """Return the newest issue that is going out or has gone out, with as many papers as its digest holds; None if none is.

    Args:
        database: where issues are.
        newsletters: those there are, by slug.
        slug: only of this newsletter.
    """
    with database.read() as session:
        store = IssueStore(session)
        recent = store.latest(newsletter=slug, limit=_LOOK_BACK)
        newest = next((issue for issue in recent if issue.state in LISTED and issue.newsletter in newsletters), None)
        if newest is None:
            return None
        newsletter = newsletters[newest.newsletter]
        pool = store.pool(newest.id, section=Section.TOP, limit=newsletter.size)
    return LatestIssue(
        masthead=Masthead.of(newsletter),
        number=newest.number,
        date_label=ENGLISH.date(_day(newest, newsletter)),
        papers=tuple(_listed(entry) for entry in pool),
    )


def listed_paper(database: Database, seq: int) -> ListedPaper | None:
    """Return the paper of an ingest number; None if there is none."""
    with database.read() as session:
        paper = PaperStore(session).get(seq)
    return None if paper is None else _of_paper(paper)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Papers of a pool from some place on, at least one; ``first`` is the number of the one that stands there.

    ``late`` and ``corrections`` go with the first place.
    """

    first: PaperSeq
    papers: tuple[PaperView, ...]
    late: tuple[PaperView, ...]
    corrections: tuple[CorrectionView, ...]


class Archive:
    """The issues that went out, for everybody: nothing here depends on a reader.

    Args:
        database: where issues are.
        newsletters: those there are, by slug.
        base_url: of the public pages; below its path lie the pictures.
        pictures: of papers.
    """

    def __init__(
        self,
        database: Database,
        newsletters: Mapping[str, NewsletterConfig],
        base_url: str,
        pictures: Pictures | None = None,
    ) -> None:
        self._database = database
        self._newsletters = newsletters
        self._root = urlsplit(base_url).path.rstrip("/")
        self._pictures = pictures or NoPictures()
        self._shown = lru_cache(_POOLS_KEPT)(self._make_shown)

    def issues(self, newsletter: str, *, before: int | None = None) -> IssueList:
        """Return a page of the list; see :class:`newsletter.web.model.IssueArchive`."""
        with self._database.read() as session:
            found = PublishedIssues(session).listed(newsletter, before=before, limit=ISSUES_SHOWN + 1)
        shown = found[:ISSUES_SHOWN]
        lines = []
        for each in shown:
            on = _day(each.issue, self._newsletters[newsletter])
            lines.append(IssueLine(each.issue.number, on, ENGLISH.date(on), title_of(each.lead), each.papers))
        return IssueList(tuple(lines), shown[-1].issue.number if len(found) > ISSUES_SHOWN else None)

    def issue(self, newsletter: str, number: int, *, after: int = 0) -> IssuePage | None:
        """Return an issue; see :class:`newsletter.web.model.IssueArchive`."""
        if after % PAPERS_SHOWN:
            return None
        with self._database.read() as session:
            found = PublishedIssues(session).find(newsletter, number)
        # Before it is looked for: what is nowhere must not take the place of a pool that is kept in memory.
        if found is None or after >= found.papers:
            return None
        shown = self._shown(found.issue, after)
        config = self._newsletters[newsletter]
        on = _day(found.issue, config)
        cards, last = 0 if after else config.size, shown.papers[-1].place
        return IssuePage(
            newsletter=newsletter,
            number=number,
            on=on,
            date_label=ENGLISH.date(on),
            papers=found.papers,
            cards=shown.papers[:cards],
            lines=shown.papers[cards:],
            late=shown.late,
            corrections=shown.corrections,
            after=last if last < found.papers else None,
            older=found.older,
            newer=found.newer,
            picture=None if after else self._picture(config, shown.first),
        )

    def example(self, newsletter: str) -> RankingExample | None:
        """Return the first paper of the newest issue; see :class:`newsletter.web.model.IssueArchive`."""
        with self._database.read() as session:
            newest = PublishedIssues(session).listed(newsletter, limit=1)
            pool = IssueStore(session).pool(newest[0].issue.id, limit=1) if newest else []
        if not pool:
            return None
        issue, (lead,) = newest[0].issue, pool
        date_label = ENGLISH.date(_day(issue, self._newsletters[newsletter]))
        return RankingExample(newsletter, issue.number, date_label, title_of(lead.paper), lead.receipt)

    def _make_shown(self, issue: Issue, after: int) -> _Shown:
        """Return what a mail would show of the papers, in English, without what belongs to a reader; there are some."""
        config = self._newsletters[issue.newsletter]
        with self._database.read() as session:
            store = IssueStore(session)
            pool = store.pool(issue.id, section=Section.TOP, after=after, limit=PAPERS_SHOWN)
            late = [] if after else store.pool(issue.id, section=Section.LATE)
            corrections = [] if after else store.corrections(issue.id)
        setting = Setting(ENGLISH, look_of(config.look), ReaderLinks("", "", ""), online_url="", ranking_url="")
        views = Views(config, issue, {entry.paper.seq: entry for entry in (*pool, *late)}, setting, corrections)
        detail = Detail(
            cards=config.size - 1, lead_summary=_LEAD_SUMMARY, card_summary=_CARD_SUMMARY, feedback=False, pictures=False
        )
        papers = tuple(views.paper(entry.rank, DigestEntry(entry.paper.seq), detail) for entry in pool)
        return _Shown(
            pool[0].paper.seq,
            papers,
            tuple(views.paper(entry.rank, DigestEntry(entry.paper.seq), detail, is_late=True) for entry in late),
            tuple(views.correction(each, detail) for each in views.told({each.position for each in corrections})),
        )

    def _picture(self, config: NewsletterConfig, seq: PaperSeq) -> Image | None:
        kept = {} if config.look.pictures == "none" else self._pictures.of([seq])
        if seq not in kept:
            return None
        # A page has no parts of its own to take a picture from, as a mail may have.
        linked = config.model_copy(update={"look": config.look.model_copy(update={"pictures": "linked"})})
        return PicturePlace(linked, self._root).image(kept[seq].large, LARGE_WIDTH, "")


def _day(issue: Issue, newsletter: NewsletterConfig) -> date:
    return issue.frozen_at.astimezone(newsletter.tzinfo).date()


def _listed(entry: PoolEntry) -> ListedPaper:
    paper, receipt = entry.paper, entry.receipt
    reasons = tuple(receipt_words(receipt, entry.rank, paper, ENGLISH))
    return _of_paper(paper, votes=receipt.votes, reasons=reasons)


def _of_paper(paper: Paper, *, votes: int | None = None, reasons: tuple[str, ...] = ()) -> ListedPaper:
    return ListedPaper(title_of(paper), author_words(paper, ENGLISH), paper_url(paper), votes, reasons)
