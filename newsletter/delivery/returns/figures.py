"""How much of what was sent came back: counted by issue, by the readers' domain and by relay. Figures only, no person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.model import ReturnKind
from newsletter.delivery.returns.reasons import About, about
from newsletter.delivery.tables import DeliveryRow, ReturnRow
from newsletter.digest.model import IssueId
from subscribers.model import SubscriberState
from subscribers.tables import SubscriberRow


@dataclass(frozen=True, slots=True)
class Figures:
    """What was taken by servers, and what came back, in messages.

    Attributes:
        taken: messages that a next hop took.
        refused: messages that it refused for the mailbox's sake.
        hard, soft: bounces that are about the mailbox, gone for good or not.
        complaints: messages that somebody complained about.
        policy: messages that were refused or bounced as something is held against us or the message.
    """

    taken: int = 0
    refused: int = 0
    hard: int = 0
    soft: int = 0
    complaints: int = 0
    policy: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.taken + other.taken,
            self.refused + other.refused,
            self.hard + other.hard,
            self.soft + other.soft,
            self.complaints + other.complaints,
            self.policy + other.policy,
        )

    @property
    def bounce_rate(self) -> float | None:
        """Share of the messages that were refused or bounced for good, 0 to 1; None if none was tried."""
        tried = self.taken + self.refused
        return (self.hard + self.refused) / tried if tried else None

    @property
    def return_rate(self) -> float | None:
        """Share of the messages that came back for good for whatever reason, 0 to 1; None if none was tried."""
        tried = self.taken + self.refused
        return min((self.hard + self.refused + self.policy) / tried, 1.0) if tried else None

    @property
    def soft_rate(self) -> float | None:
        """Share of the messages taken that bounced though no mailbox is gone, 0 to 1; None if none was taken."""
        return min(self.soft / self.taken, 1.0) if self.taken else None

    @property
    def complaint_rate(self) -> float | None:
        """Share of the messages taken that were complained about, 0 to 1; None if none was taken."""
        return self.complaints / self.taken if self.taken else None


_Column: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]


class By(StrEnum):
    """What figures are told apart by: domain of the reader's mailbox, or next hop."""

    DOMAIN = "domain"
    RELAY = "relay"


class FigureStore:
    """Counts. Takes a session, changes nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_issues(self, issue_ids: Collection[IssueId]) -> dict[IssueId, Figures]:
        """Return the figures of some issues, each of which is in the answer."""
        found = self._collect(issue_ids, DeliveryRow.issue_id, ReturnRow.issue_id, is_joined=False)
        return {issue_id: found.get(issue_id, Figures()) for issue_id in issue_ids}

    def told_apart(self, issue_ids: Collection[IssueId], by: By) -> dict[str, Figures]:
        """Return the figures of some issues together, by domain or relay.

        ``""`` stands for people who were erased since, and for messages of before relays were written down.
        """
        if by is By.RELAY:
            return self._collect(issue_ids, DeliveryRow.relay, ReturnRow.relay, is_joined=False)
        return self._collect(issue_ids, _DOMAIN, ReturnRow.domain, is_joined=True)

    def _collect(
        self, issue_ids: Collection[IssueId], sent_by: _Column, back_by: _Column, *, is_joined: bool
    ) -> dict[Any, Figures]:
        figures: defaultdict[Any, Figures] = defaultdict(Figures)
        sent: Select[Any] = (
            select(sent_by, _FATE, func.count())
            .where(DeliveryRow.issue_id.in_(issue_ids), _FATE.is_not(None))
            .group_by(sent_by, _FATE)
        )
        if is_joined:
            sent = sent.join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        for key, fate, count in self._session.execute(sent):
            figures[key] += Figures(**{fate: count})
        back = (
            select(back_by, ReturnRow.kind, ReturnRow.is_hard, ReturnRow.reason, func.count())
            .where(ReturnRow.issue_id.in_(issue_ids))
            .group_by(back_by, ReturnRow.kind, ReturnRow.is_hard, ReturnRow.reason)
        )
        for key, kind, is_hard, reason, count in self._session.execute(back):
            if name := _counted_as(ReturnKind(kind), reason, is_hard=is_hard):
                figures[key] += Figures(**{name: count})
        return dict(figures)


_PERMANENT = 500
#: A failed delivery is told apart by what the refusal said, which is written down with it (:mod:`.refusals`).
_FATE = case(
    (DeliveryRow.state == DeliveryState.SENT, "taken"),
    # Those of 4yz are but slowed down.
    (
        (DeliveryRow.state == DeliveryState.DEFERRED)
        & (DeliveryRow.reason == Reason.POLICY)
        & (DeliveryRow.reply_code >= _PERMANENT),
        "policy",
    ),
)
#: The domain of an address: without the longest beginning that ends in an "@". No function for that is on both databases.
_KEY = SubscriberRow.address_key
_DOMAIN = case(
    (SubscriberRow.state == SubscriberState.ERASED, ""),
    else_=func.substr(_KEY, func.length(func.rtrim(_KEY, func.replace(_KEY, "@", ""))) + 1),
)


def _counted_as(kind: ReturnKind, reason: str, *, is_hard: bool) -> str:
    """Return the name of the figure that something that came back belongs to; ``""`` if to none."""
    if kind is ReturnKind.COMPLAINT:
        return "complaints"
    if kind is ReturnKind.DELAYED or about(reason) is About.NOBODY:
        return ""
    if about(reason) is About.US:
        return "policy"
    if kind is ReturnKind.REFUSAL:
        return "refused"
    return "hard" if is_hard else "soft"


def fold(figures: Mapping[str, Figures], *, least: int, most: int) -> dict[str, Figures]:
    """Return the largest lines, most messages first, and the rest together under ``""``.

    Args:
        figures: by name.
        least: messages that a line of its own must have: a domain with one reader would name a person.
        most: lines at most, but for the rest.
    """

    def size(name: str) -> int:
        return figures[name].taken + figures[name].refused

    named = [name for name in figures if name and size(name) >= least]
    shown = sorted(named, key=lambda name: (-size(name), name))[:most]
    rest = _total(each for name, each in figures.items() if name not in set(shown))
    lines = {name: figures[name] for name in shown}
    return {**lines, "": rest} if rest != Figures() else lines


def _total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())
