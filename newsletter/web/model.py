"""What the public pages show, and what they need from the rest of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Masthead:
    """How the publication calls itself: its name and one line below it."""

    name: str
    tagline: str


@dataclass(frozen=True, slots=True)
class ListedPaper:
    """A paper in a list: title and authors line as plain text, an http(s) address, votes (None: never counted)."""

    title: str
    authors: str
    url: str
    votes: int | None = None


@dataclass(frozen=True, slots=True)
class LatestIssue:
    """The newest issue to look at: whose, which number, its date in words ("Friday 21 August 2026"), its papers best first."""

    masthead: Masthead
    number: int
    date_label: str
    papers: tuple[ListedPaper, ...]


class Unsubscribing(Protocol):
    """Leaving by the link in a mail. Tokens are text from outside: anything may come."""

    def token_is_known(self, token: str) -> bool:
        """Whether ``token`` was made by us to unsubscribe somebody; changes nothing."""
        ...

    def unsubscribe_by_token(self, token: str) -> bool:
        """Unsubscribe whom ``token`` names, durably before it returns; again does no harm. False: no such token."""
        ...


class LatestIssueSource(Protocol):
    """Knows the newest issue."""

    def __call__(self) -> LatestIssue | None:
        """Return it; None while there is none."""
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

    ``base_url`` is how readers reach them, without a trailing slash; its path, if it has one, goes before every link.
    """

    base_url: str
    masthead: Masthead
    subscribers: Unsubscribing
    latest_issue: LatestIssueSource
    is_ready: Readiness
