"""How far an issue has come: counts, rate, expected end, and how its receiving domains fare."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState, SmtpReply
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId
from subscribers.tables import SubscriberRow

#: How far a rate looks back.
WINDOW = timedelta(seconds=30)
#: States in which a message was given to a server, or its tries ended.
_TRIED = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.DOUBTFUL)
_OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.DOT_SENT)
#: Counts of a group's line; whatever is none of the others is waiting.
_COLUMNS = ("waiting", "sent", "deferred", "failed", "doubtful")
#: A group of readers whose domain is not known any more.
ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Standing:
    """Deliveries of an issue by state at one moment; every state is there.

    ``next_try_at`` is when the first deferred one is due again.
    """

    by_state: Mapping[DeliveryState, int]
    next_try_at: datetime | None

    @property
    def tried(self) -> int:
        """Deliveries that were sent, failed, or are in doubt."""
        return sum(self.by_state[state] for state in _TRIED)

    @property
    def deferred(self) -> int:
        """Deliveries that wait for another try."""
        return self.by_state[DeliveryState.DEFERRED]

    @property
    def open(self) -> int:
        """Deliveries that wait for their first try or are being tried."""
        return sum(self.by_state[state] for state in _OPEN)


def standing(session: Session, issue_id: IssueId) -> Standing:
    """Count an issue's deliveries by state: cheap enough to be asked every second while millions go out."""
    counted = select(DeliveryRow.state, func.count()).where(DeliveryRow.issue_id == issue_id).group_by(DeliveryRow.state)
    by_state = dict.fromkeys(DeliveryState, 0)
    # A state this program does not know is for the account to name.
    by_state |= {DeliveryState(state): count for state, count in session.execute(counted) if state in by_state}
    next_try_at = None
    if by_state[DeliveryState.DEFERRED]:
        next_try_at = session.scalar(
            select(func.min(DeliveryRow.not_before)).where(
                DeliveryRow.issue_id == issue_id, DeliveryRow.state == DeliveryState.DEFERRED
            )
        )
    return Standing(by_state, next_try_at)


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second, and how long what is open takes at that rate; None where that cannot be said."""

    per_second: float
    left: timedelta | None


class Progress:
    """Tells rate and remaining time from looks at an issue's standing."""

    def __init__(self, *, window: timedelta = WINDOW) -> None:
        """Make one that looks back over ``window`` at most."""
        self._window = window.total_seconds()
        self._last: Standing | None = None
        self._done = 0
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now: Standing, at: float) -> Rate:
        """Take a look into account and return the rate over the window.

        A try that ended deferred counts as done, and again when its retry ends.

        Args:
            now: the standing.
            at: when that was, in seconds on a clock that never goes back.
        """
        if self._last is not None:
            self._done += max(now.tried - self._last.tried, 0) + max(now.deferred - self._last.deferred, 0)
        self._last = now
        self._looks.append((at, self._done))
        # The oldest look kept is the last one outside of the window, so that the rate is always over all of it.
        while len(self._looks) > 2 and self._looks[1][0] <= at - self._window:
            self._looks.popleft()
        since, done_then = self._looks[0]
        return rate_of(self._done - done_then, at - since, now.open)


def rate_of(done: int, seconds: float, left: int) -> Rate:
    """Return the rate of ``done`` messages in ``seconds``, and what it means for those ``left``."""
    per_second = done / seconds if seconds > 0 else 0.0
    if not left:
        return Rate(per_second, timedelta(0))
    return Rate(per_second, timedelta(seconds=left / per_second) if per_second else None)


def recent_rate(session: Session, issue_id: IssueId, now: Standing, *, at: datetime, window: timedelta = WINDOW) -> Rate:
    """Return the rate of the tries that ended within ``window`` before ``at`` (aware UTC), whoever made them.

    One look suffices, but it reads all of the issue's deliveries.
    """
    ended = select(func.count(), func.min(DeliveryRow.changed_at)).where(
        DeliveryRow.issue_id == issue_id,
        DeliveryRow.state.in_((*_TRIED, DeliveryState.DEFERRED)),
        DeliveryRow.changed_at > at - window,
    )
    done, first = session.execute(ended).one()
    # Sending may have begun within the window; before the first second is over there is no rate to speak of.
    seconds = max((at - first).total_seconds(), 1.0) if first else window.total_seconds()
    return rate_of(done, seconds, now.open)


@dataclass(frozen=True, slots=True)
class DomainLine:
    """How the readers of one group of domains fare.

    ``waiting`` have no try behind them or are being tried. ``last_reply`` is the last one that was no acceptance, if any.
    """

    group: str
    waiting: int
    sent: int
    deferred: int
    failed: int
    doubtful: int
    last_reply: SmtpReply | None

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.sent + self.deferred + self.failed + self.doubtful


def by_domain(session: Session, issue_id: IssueId, *, group_of: Callable[[str], str]) -> list[DomainLine]:
    """Return an issue's deliveries by receiving group, the largest first; skipped ones are left out.

    Reads every delivery of the issue with its reader: some seconds a million.

    Args:
        session: to read in.
        issue_id: the issue.
        group_of: names the group of an address.
    """
    address = SubscriberRow.address_key
    # What stands behind the last @, in words both databases know: cut off from the right whatever is not an @.
    behind_at = func.substr(address, func.length(func.rtrim(address, func.replace(address, "@", ""))) + 1)
    domain = case((address.contains("@"), behind_at), else_="")
    counted = (
        select(domain, DeliveryRow.state, func.count())
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.issue_id == issue_id, DeliveryRow.state != DeliveryState.SKIPPED)
        .group_by(domain, DeliveryRow.state)
    )
    groups: dict[str, str] = {"": ERASED}
    lines: dict[str, dict[str, int]] = {}
    for name, state, count in session.execute(counted):
        if name not in groups:
            groups[name] = group_of(f"reader@{name}")
        column = state if state in _COLUMNS else "waiting"
        line = lines.setdefault(groups[name], dict.fromkeys(_COLUMNS, 0))
        line[column] += count
    replies = _last_replies(session, issue_id, domain, groups)
    found = [DomainLine(group, **line, last_reply=replies.get(group)) for group, line in lines.items()]
    return sorted(found, key=lambda line: (-line.total, line.group))


def _last_replies(
    session: Session, issue_id: IssueId, domain: ColumnElement[str], groups: Mapping[str, str]
) -> dict[str, SmtpReply]:
    newest_first = func.row_number().over(partition_by=domain, order_by=(DeliveryRow.changed_at.desc(), DeliveryRow.id.desc()))
    refused = (
        select(
            domain.label("domain"),
            DeliveryRow.reply_code,
            DeliveryRow.reply_status,
            DeliveryRow.reply_text,
            DeliveryRow.changed_at,
            newest_first.label("place"),
        )
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(
            DeliveryRow.issue_id == issue_id,
            DeliveryRow.state.in_((DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.DOUBTFUL)),
            DeliveryRow.reply_code.is_not(None),
        )
        .subquery()
    )
    replies: dict[str, SmtpReply] = {}
    for row in session.execute(select(refused).where(refused.c.place == 1).order_by(refused.c.changed_at)):
        if row.domain in groups:
            replies[groups[row.domain]] = SmtpReply(row.reply_code, row.reply_status, row.reply_text)
    return replies
