"""Issues that were sent, and a desk for what comes back of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.config import BouncesConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.desk import ReturnDesk
from newsletter.delivery.returns.model import ReturnKind, ReturnOutcome, Sent
from newsletter.delivery.tables import DeliveryRow, ReturnRow
from newsletter.digest.model import IssueId
from newsletter.notices.composer import notice_message_id
from newsletter.notices.tables import NoticeRow
from subscribers.mailboxes import Mailbox, MailboxStore
from subscribers.model import NoticeKind, Subscriber, SubscriberId
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from tests.delivery.house import NEWSLETTER, add_readers, open_issue
from tests.subscribers.fakes import NoNotices

SECRET = b"a secret of at least thirty-two bytes"
NEWSLETTERS = {NEWSLETTER: NewsletterConfig(name="Papers", from_address="papers@news.example.org", postal_address="1 Road")}
DAY = timedelta(days=1)


@dataclass
class ReturnHouse:
    """A database with a desk; each day an issue can be sent, and something come back of it."""

    database: Database
    clock: ManualClock
    config: BouncesConfig = field(default_factory=BouncesConfig)
    notices: NoNotices = field(default_factory=NoNotices)
    issues: int = 0

    def __post_init__(self) -> None:
        self.hasher = Hasher(SECRET)
        self.desk = make_desk(self.database, self.config, self.notices)

    def readers(self, count: int) -> list[SubscriberId]:
        """People who get the newsletter."""
        return add_readers(self.database, count)

    def send(self, readers: Sequence[SubscriberId], *, relay: str = "smtp") -> IssueId:
        """Have an issue taken by ``relay`` now, for all of some readers."""
        self.issues += 1
        issue = open_issue(self.database, readers, slot=f"slot {self.issues}")
        with self.database.write() as session:
            sent = update(DeliveryRow).where(DeliveryRow.issue_id == issue)
            now = self.clock.now()
            session.execute(
                sent.values(state=DeliveryState.SENT, reply_code=250, relay=relay, dated_at=now, changed_at=now, attempts=1)
            )
        return issue

    def refuse(self, issue: IssueId, reader: SubscriberId, *, code: int, status: str, reason: Reason = Reason.REFUSED) -> None:
        """Let a delivery end refused instead."""
        with self.database.write() as session:
            change = update(DeliveryRow).where(DeliveryRow.issue_id == issue, DeliveryRow.subscriber_id == reader)
            values = {"reply_code": code, "reply_status": status, "reply_text": "no such user", "relay": "smtp"}
            session.execute(change.values(state=DeliveryState.FAILED, reason=reason, changed_at=self.clock.now(), **values))

    def delivery(self, issue: IssueId, reader: SubscriberId) -> Signed:
        """What the envelope sender of a delivery was signed for."""
        with self.database.read() as session:
            found = select(DeliveryRow.id).where(DeliveryRow.issue_id == issue, DeliveryRow.subscriber_id == reader)
            return Signed(SignedKind.DELIVERY, session.scalars(found).one())

    def notice(self, reader: SubscriberId | None, kind: NoticeKind, state: DeliveryState = DeliveryState.SENT) -> Signed:
        """A notice that was settled now."""
        with self.database.write() as session:
            now = self.clock.now()
            values = {"subscriber_id": reader, "address": "", "newsletter": NEWSLETTER, "reference": 0, "client": ""}
            row = NoticeRow(kind=kind, state=state, not_before=now, created_at=now, changed_at=now, **values)
            session.add(row)
            session.flush()
            return Signed(SignedKind.NOTICE, row.id)

    def sent(self, signed: Signed) -> Sent:
        """The message that was signed for."""
        sent = self.desk.by_signature(signed)
        assert sent is not None
        return sent

    def bounce(
        self, issue: IssueId, reader: SubscriberId, *, is_hard: bool = True, reason: str = "", status: str = ""
    ) -> ReturnOutcome:
        """Have a delivery come back."""
        sent = self.sent(self.delivery(issue, reader))
        reason = reason or ("userunknown" if is_hard else "mailboxfull")
        status = status or ("5.1.1" if is_hard else "4.2.2")
        return self.desk.record(
            sent, kind=ReturnKind.BOUNCE, is_hard=is_hard, reason=reason, status=status, now=self.clock.now()
        )

    def complain(self, issue: IssueId, reader: SubscriberId) -> ReturnOutcome:
        """Have somebody complain about a delivery."""
        sent = self.sent(self.delivery(issue, reader))
        return self.desk.record(sent, kind=ReturnKind.COMPLAINT, reason="feedback", now=self.clock.now())

    def person(self, reader: SubscriberId) -> Subscriber:
        with self.database.read() as session:
            found = SubscriberStore(session).get(reader)
        assert found is not None
        return found

    def mailbox(self, reader: SubscriberId) -> Mailbox | None:
        with self.database.read() as session:
            return MailboxStore(session, self.hasher).get(reader)

    def score(self, reader: SubscriberId) -> float:
        mailbox = self.mailbox(reader)
        return 0.0 if mailbox is None else mailbox.score

    def rows(self) -> list[ReturnRow]:
        """All that came back, in its order."""
        with self.database.read() as session:
            return list(session.scalars(select(ReturnRow).order_by(ReturnRow.id)))


def make_desk(database: Database, config: BouncesConfig, notices: NoNotices) -> ReturnDesk:
    return ReturnDesk(
        database,
        Hasher(SECRET),
        notices,
        config,
        secret=SECRET,
        newsletters=NEWSLETTERS,
        notice_message_id=lambda number, domain: notice_message_id(SECRET, number, domain),
    )


def at(clock: ManualClock, days: float) -> datetime:
    """Let so many days pass."""
    clock.advance(days * DAY)
    return clock.now()
