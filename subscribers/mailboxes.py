"""How readers' mailboxes fare: a score that grows with what comes back, what it leads to, and when it is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete
from sqlalchemy.orm import Session

from subscribers.address import parse_address
from subscribers.admission import LIFTED_BY_OWN_WISH
from subscribers.dialect import insert_new
from subscribers.model import Subscriber, SubscriberId, SubscriberState, SuppressionReason
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.tables import MailboxRow

#: Whose score counts: all others get no mail anyway.
_COUNTED = frozenset({SubscriberState.ACTIVE, SubscriberState.PAUSED})


@dataclass(frozen=True, slots=True)
class MailboxPolicy:
    """How many points what comes back is worth, and what they lead to.

    Attributes:
        hard: points where the mailbox is gone for good.
        soft: points of anything else that is about the mailbox.
        threshold: points at which a reader gets no more mail.
        forget_after: quiet time after which points are forgotten; see :func:`step`.
        probe: whether a last mail asks first.
    """

    hard: float = 1.0
    soft: float = 0.5
    threshold: float = 3.0
    forget_after: timedelta = timedelta(days=7)
    probe: bool = True


@dataclass(frozen=True, slots=True)
class Mailbox:
    """How a reader's mailbox fares.

    Attributes:
        score: points, more than 0.
        stepped_at: when they last grew, aware UTC.
        probed_at: when the last mail before the end was asked for; None before that.
        reason, status: of the last step, like ``mailboxfull`` and ``4.2.2``.
    """

    score: float
    stepped_at: datetime
    probed_at: datetime | None = None
    reason: str = ""
    status: str = ""


class Fate(StrEnum):
    """What a mailbox's score leads to."""

    GOES_ON = "goes_on"
    PROBE = "probe"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Step:
    """What something that came back did to a mailbox.

    Attributes:
        mailbox: as it stands now; None if nothing is held against it.
        is_counted: whether the score grew.
        fate: what to do now.
    """

    mailbox: Mailbox | None
    is_counted: bool
    fate: Fate


def step(
    mailbox: Mailbox | None,
    *,
    is_hard: bool,
    reason: str = "",
    status: str = "",
    now: datetime,
    policy: MailboxPolicy,
    was_hard: bool = False,
    first_sent_since: datetime | None = None,
    is_probe: bool = False,
) -> Step:
    """Decide what a message that came back does to a mailbox.

    The score grows once a UTC day at most: a hard one makes a soft step of the same day a hard one, in whatever order they
    come. At the threshold a last mail asks, if the policy has it; the next step, or that mail's own return, is the end.

    Points are forgotten when mails went out for ``forget_after`` and none came back. That time begins with a mail: a reader who
    is written to once a month is not forgiven because nothing was sent.

    Args:
        mailbox: as it stands; None if nothing is held against it.
        is_hard: the mailbox is gone for good.
        reason: why it came back.
        status: the enhanced code of that (RFC 3463), or ``""``.
        now: aware UTC.
        policy: points and their ends.
        was_hard: whether the last step was hard.
        first_sent_since: when a server took the first mail after the last step that has not come back; None if none.
        is_probe: what came back is the last mail.
    """
    points = policy.hard if is_hard else policy.soft
    if mailbox is not None and _is_forgotten(mailbox, first_sent_since, now, policy):
        mailbox = None
    is_same_day = mailbox is not None and _day(now) <= _day(mailbox.stepped_at)
    if is_same_day:
        points = max(points - (policy.hard if was_hard else policy.soft), 0.0)
    is_counted = points > 0
    if is_counted:
        before = mailbox or Mailbox(0.0, now)
        mailbox = replace(before, score=before.score + points, stepped_at=now, reason=reason, status=status)
    if mailbox is None or mailbox.score < policy.threshold:
        return Step(mailbox, is_counted, Fate.GOES_ON)
    if mailbox.probed_at is not None:
        is_end = is_probe or (is_counted and not is_same_day)
        return Step(mailbox, is_counted, Fate.ENDS if is_end else Fate.GOES_ON)
    if not is_counted:
        return Step(mailbox, is_counted, Fate.GOES_ON)
    if policy.probe:
        return Step(replace(mailbox, probed_at=now), is_counted, Fate.PROBE)
    return Step(mailbox, is_counted, Fate.ENDS)


def _is_forgotten(mailbox: Mailbox, first_sent_since: datetime | None, now: datetime, policy: MailboxPolicy) -> bool:
    return (
        first_sent_since is not None
        and now - first_sent_since >= policy.forget_after
        # However short that is: what a day brings is one step.
        and _day(now) > _day(mailbox.stepped_at)
    )


def _day(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal()


def counts_for(subscriber: Subscriber, sent_at: datetime) -> bool:
    """Whether a message of ``sent_at`` that came back says something about a reader's mailbox.

    It does not where they get no mail anyway, nor where they came back, or got another address, after it was sent.
    """
    return subscriber.state in _COUNTED and sent_at >= subscriber.changed_at


class MailboxStore:
    """The mailboxes something is held against. Takes a session, never commits; hold the person's row."""

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._suppressions = SuppressionStore(session, hasher)

    def get(self, subscriber_id: SubscriberId) -> Mailbox | None:
        """Return how a mailbox fares; None if nothing is held against it."""
        row = self._session.get(MailboxRow, subscriber_id, populate_existing=True)
        return None if row is None else Mailbox(row.score, row.stepped_at, row.probed_at, row.reason, row.status)

    def keep(self, subscriber_id: SubscriberId, mailbox: Mailbox | None) -> None:
        """Write how a mailbox fares; with None, that nothing is held against it any more."""
        if mailbox is None:
            self.forget(subscriber_id)
            return
        values = {
            "score": mailbox.score,
            "stepped_at": mailbox.stepped_at,
            "probed_at": mailbox.probed_at,
            "reason": mailbox.reason,
            "status": mailbox.status,
        }
        row = insert_new(self._session, MailboxRow).values(subscriber_id=subscriber_id, **values)
        self._session.execute(row.on_conflict_do_update(index_elements=[MailboxRow.subscriber_id], set_=values))

    def forget(self, subscriber_id: SubscriberId) -> None:
        """The mailbox lives: somebody there answered, confirmed or chose."""
        gone = delete(MailboxRow).where(MailboxRow.subscriber_id == subscriber_id)
        self._session.execute(gone, execution_options={"synchronize_session": False})

    def end(self, subscriber: Subscriber, *, reason: str, status: str, now: datetime) -> None:
        """Write no more to a mailbox that is gone, until its owner wants it; what they chose and wish for stays.

        The score goes: who comes back starts at nothing.
        """
        SubscriberStore(self._session).set_state(subscriber.id, SubscriberState.BOUNCED, now=now)
        said = " ".join(filter(None, (reason, status)))
        self._suppressions.add(parse_address(subscriber.address), SuppressionReason.BOUNCED, detail=said, at=now)
        self.forget(subscriber.id)

    def complained(self, subscriber: Subscriber, *, now: datetime) -> None:
        """Never write again to somebody who complained, not even if they are signed up once more; not for the erased."""
        address = parse_address(subscriber.address)
        earlier = self._suppressions.get(address)
        if earlier is not None and earlier.reason in LIFTED_BY_OWN_WISH:
            self._suppressions.remove(address)
        self._suppressions.add(address, SuppressionReason.COMPLAINED, detail="", at=now)
        if subscriber.state is not SubscriberState.COMPLAINED:
            SubscriberStore(self._session).set_state(subscriber.id, SubscriberState.COMPLAINED, now=now)
        self.forget(subscriber.id)
