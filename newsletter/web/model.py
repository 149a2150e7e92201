"""What the public pages show, and what they need from the rest of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig, SignUpConfig, TrendingConfig
from newsletter.inbound.webhooks.door import Hooks, NoHooks
from newsletter.pictures.model import NoPictures, Pictures
from newsletter.rendering.view.look import Image
from newsletter.rendering.view.views import CorrectionView, PaperView
from newsletter.schedule.status import Status
from newsletter.taste.model import NoTaste, Tastes
from newsletter.trending.model import Receipt
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.links import Links
from subscribers.model import SubscriberId
from subscribers.service import SubscriberService


@dataclass(frozen=True, slots=True)
class Masthead:
    """How the publication calls itself: its name and one line below it."""

    name: str
    tagline: str

    @classmethod
    def of(cls, newsletter: NewsletterConfig) -> Masthead:
        """Return a newsletter's own."""
        return cls(newsletter.name, newsletter.tagline)


@dataclass(frozen=True, slots=True)
class ListedPaper:
    """A paper in a list: title and authors line as plain text, an http(s) address, votes (None: never counted).

    ``reasons`` say in words why it is there.
    """

    title: str
    authors: str
    url: str
    votes: int | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatestIssue:
    """The newest issue to look at: whose, which number, its date in words ("Friday 21 August 2026"), its papers best first."""

    masthead: Masthead
    number: int
    date_label: str
    papers: tuple[ListedPaper, ...]


@dataclass(frozen=True, slots=True)
class IssueLine:
    """An issue as a list shows it: number, day of its newsletter's zone, what its first paper is called, size of its pool."""

    number: int
    on: date
    date_label: str
    title: str
    papers: int


@dataclass(frozen=True, slots=True)
class IssueList:
    """A page of a newsletter's issues, newest first. ``before`` is where older ones go on; None: there are none."""

    issues: tuple[IssueLine, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class IssuePage:
    """An issue for everybody to read: what the common digest holds as cards, the rest of the pool as lines.

    Attributes:
        newsletter: its slug.
        number: of the issue.
        on: its day in the newsletter's zone; ``date_label`` the same in words.
        papers: size of the whole pool.
        cards: from the first place on; none on a page that goes on with the pool.
        lines: behind them, best first.
        late: papers listed long ago that take off now; on its first page only, as are corrections.
        corrections: papers of issues before it that were withdrawn or renamed since.
        after: place behind which the pool goes on; None: it ends here.
        older, newer: numbers of the issues before and after it; None: there is none.
        picture: of the lead.
    """

    newsletter: str
    number: int
    on: date
    date_label: str
    papers: int
    cards: tuple[PaperView, ...]
    lines: tuple[PaperView, ...]
    late: tuple[PaperView, ...]
    corrections: tuple[CorrectionView, ...]
    after: int | None
    older: int | None
    newer: int | None
    picture: Image | None


@dataclass(frozen=True, slots=True)
class RankingExample:
    """A paper in the first place of an issue, and the receipt of its score."""

    newsletter: str
    number: int
    date_label: str
    title: str
    receipt: Receipt


class IssueArchive(Protocol):
    """Knows the issues that went out. ``newsletter`` is a slug, of one that the configuration has."""

    def issues(self, newsletter: str, *, before: int | None = None) -> IssueList:
        """Return a page of the list, from the newest or from below number ``before``."""
        ...

    def issue(self, newsletter: str, number: int, *, after: int = 0) -> IssuePage | None:
        """Return an issue from its first paper, or from a place where its pages go on; None: no such issue, no such place."""
        ...

    def example(self, newsletter: str) -> RankingExample | None:
        """Return the first paper of the newest issue; None while there is none."""
        ...


class LatestIssueSource(Protocol):
    """Knows the newest issue."""

    def __call__(self, newsletter: str | None = None) -> LatestIssue | None:
        """Return the newest one of a newsletter (its slug), or with None of all; None while there is none."""
        ...


class PaperSource(Protocol):
    """Knows the papers."""

    def __call__(self, seq: int) -> ListedPaper | None:
        """Return the paper of an ingest number, or None."""
        ...


class Readiness(Protocol):
    """Knows whether requests can be served."""

    def __call__(self) -> bool:
        """Whether the database answers and is at this program's schema.

        Raises:
            NewsletterError: it does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebDeps:
    """Everything the public pages need.

    Attributes:
        base_url: how readers reach them, without a trailing slash; its path, if it has one, goes before every link.
        masthead: name and tagline of pages that are about no newsletter in particular.
        newsletters: what can be subscribed to, by slug; the first one is preselected.
        latest_issue: what the sign-up page shows.
        paper: what the page about a paper shows.
        archive: what the pages of past issues show.
        trending: the weights that the page about the ranking names.
        is_ready: what ``/readyz`` says.
        desk: takes sign-ups in.
        links: what the links in mails can do.
        confirmations: what the links in confirmation mails can do.
        subscribers: what the page of choices reads and changes.
        held_of: everything that is held about a person, as plain JSON values.
        clock: says what time it is.
        form_secret: signs the time at which a form was handed out.
        signup: age and life of a form, and the budgets its answers name.
        forget_deleted: makes what was erased unreadable in the database's files.
        wake: has what was taken in looked at; from any thread, returns at once.
        trusted_proxies: addresses or networks whose X-Forwarded-For is believed.
        pictures: what mails show.
        status: what the page about how things stand shows; by itself nothing is known.
        taste: what readers' feedback says; by itself nothing is learned.
        hooks: takes what providers of mail report; by itself there are none.
    """

    base_url: str
    masthead: Masthead
    newsletters: Mapping[str, NewsletterConfig]
    latest_issue: LatestIssueSource
    paper: PaperSource
    archive: IssueArchive
    trending: TrendingConfig
    is_ready: Readiness
    desk: SignUpDesk
    links: Links
    confirmations: Confirmations
    subscribers: SubscriberService
    held_of: Callable[[SubscriberId], Mapping[str, object]]
    clock: Clock
    form_secret: bytes
    signup: SignUpConfig
    forget_deleted: Callable[[], object]
    wake: Callable[[], None]
    trusted_proxies: tuple[str, ...] = ()
    pictures: Pictures = field(default_factory=NoPictures)
    status: Callable[[], Status] = Status
    taste: Tastes = field(default_factory=NoTaste)
    hooks: Hooks = field(default_factory=NoHooks)
