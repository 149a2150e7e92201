"""What a reader's feedback says, as people are told it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from newsletter.papers.model import Paper
from subscribers.model import SubscriberId, Taste


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader said of a paper: its number as it was then, and the paper as it is now; None if it is unknown."""

    paper_seq: int
    paper: Paper | None
    taste: Taste
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What was learned from a reader's feedback, in words.

    Attributes:
        more, less: words, phrases, categories and labs that speak most for a paper, and against it; weightiest first.
        said: all opinions there are, newest first.
    """

    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def since(self) -> datetime | None:
        """Instant of the oldest opinion."""
        return min((each.at for each in self.said), default=None)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a model was made of: how many opinions, the instant of the newest, and when."""

    opinions: int
    newest_at: datetime
    learned_at: datetime


class Tastes(Protocol):
    """Knows what readers' feedback says."""

    def told(self, subscriber_id: SubscriberId) -> Told:
        """Return what a reader's feedback says, as it stands now; changes nothing."""
        ...

    def forget(self, subscriber_id: SubscriberId) -> None:
        """Forget what was learned from a reader's feedback."""
        ...


class NoTaste:
    """Learns nothing."""

    def told(self, subscriber_id: SubscriberId) -> Told:  # noqa: ARG002 - the protocol gives it; here nothing is known of anybody
        return Told()

    def forget(self, subscriber_id: SubscriberId) -> None:
        pass
