"""What the public pages show, and what they need from the rest of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig, SignUpConfig
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
    """

    base_url: str
    masthead: Masthead
    newsletters: Mapping[str, NewsletterConfig]
    latest_issue: LatestIssueSource
    paper: PaperSource
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
