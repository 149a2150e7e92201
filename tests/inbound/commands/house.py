"""The whole room of commands on one database: real services, real sorting, and mails as readers' programs write them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sqlalchemy import insert, select, update

from newsletter.clock import ManualClock
from newsletter.config import InboundConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import SignedAddresses, SignedKind
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueState, Section
from newsletter.digest.tables import DigestRow, IssuePaperRow
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.commands.grammar import looks_like_command
from newsletter.inbound.commands.handler import CommandHandler
from newsletter.inbound.forwarding import Forwarder
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, MailKind, Stored, Via
from newsletter.inbound.noted import Noted
from newsletter.inbound.origins import Origins
from newsletter.inbound.service import InboundService
from newsletter.inbound.store import InboundRecord
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.tables import NoticeRow
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import (
    Choices,
    ConsentMethod,
    NoticeKind,
    SignUpLimits,
    SubscriberId,
    SubscriberState,
    Subscription,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from subscribers.tokens import KeyRing
from tests.conftest import MONDAY
from tests.delivery.house import add_issue, add_papers

SECRET = b"0123456789abcdef0123456789abcdef"
SLUG, COMMANDS = "papers", "papers@example.org"
ADA = "ada@example.net"
#: Name of our own mail server in Authentication-Results.
OURS = "mx.example.org"
PAPERS = NewsletterConfig(
    name="Papers",
    from_address="news@example.org",
    envelope_from="bounces@example.org",
    inbound_address=COMMANDS,
    cadences=("daily", "weekdays", "weekly"),
    zone="Europe/Berlin",
)


def letter(
    text: str, *, sender: str = f"Ada Example <{ADA}>", subject: str = "Re: 5 papers", to: str = COMMANDS, more: str = ""
) -> bytes:
    """A mail as a person's program writes it; ``more``: further fields, each with its line end. No other has its Message-ID."""
    head = f"{more}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {format_datetime(MONDAY)}\r\n"
    body = text.replace("\n", "\r\n")
    named = hashlib.sha256(f"{head}{body}".encode()).hexdigest()[:16]
    head += f"Message-ID: <one.{named}@example.net>\r\nMIME-Version: 1.0\r\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()


class House:
    """What a newsletter that takes commands consists of."""

    def __init__(
        self,
        database: Database,
        clock: ManualClock,
        *,
        newsletter: NewsletterConfig = PAPERS,
        before: Mapping[str, NewsletterConfig] | None = None,
        limits: SignUpLimits | None = None,
        answers_per_day: int = 20,
        forward_to: Sequence[str] = (),
    ) -> None:
        limits = limits or SignUpLimits()
        self.database, self.clock = database, clock
        self.signed, self.keys, hasher = SignedAddresses(SECRET), LinkKeys(KeyRing.of(SECRET)), Hasher(SECRET)
        self.newsletter = newsletter
        newsletters = {**(before or {}), SLUG: newsletter}
        queue, origins = NoticeQueue(), Origins(database)
        self.subscribers = SubscriberService(database, clock, SECRET, notices=queue)
        self.desk = SignUpDesk(database, clock, hasher, limits, queue)
        addressing = Addressing(newsletters, self.signed, origins)
        self.confirmations = Confirmations(database, clock, self.keys, hasher, limits, queue)
        self.handler = CommandHandler(
            database,
            newsletters,
            InboundConfig(trusted_results=(OURS,), answers_per_day=answers_per_day),
            is_own=addressing.is_own,
            subscribers=self.subscribers,
            desk=self.desk,
            confirmations=self.confirmations,
            links=Links(database, clock, self.keys, queue),
            keys=self.keys,
            hasher=hasher,
            people=Forwarder(
                newsletters,
                forward_to=forward_to,
                is_own=addressing.is_own,
                origin=origins,
                secret=SECRET,
                may_forward=lambda _number, _now: True,
                heard_from=self.subscribers.heard_from,
            ),
        )
        self.service = InboundService(
            database,
            clock,
            addressing=addressing,
            handlers=dict.fromkeys((MailKind.COMMAND, MailKind.CONFIRM, MailKind.UNSUBSCRIBE), self.handler),
            otherwise=Noted(origins),
            reports=_NoReports(),
            notices=queue,
            hasher=hasher,
            looks_like_command=looks_like_command,
            max_bytes=1_000_000,
            keep_for=timedelta(days=30),
        )

    def receive(self, raw: bytes, to: str = COMMANDS, *, sender: str | None = ADA) -> InboundRecord:
        """Take a mail in and deal with it; return what is known of it afterwards."""
        kept = self.service.keep(Arrival(raw, Via.LMTP, sender, (to,)))
        self.service.work()
        record = self.service.record(kept.id)
        assert record is not None
        return record

    def notices(self, kind: NoticeKind | None = None) -> list[NoticeRow]:
        """The mails that are to leave, oldest first."""
        query = select(NoticeRow).order_by(NoticeRow.id)
        with self.database.read() as session:
            found = session.scalars(query if kind is None else query.where(NoticeRow.kind == kind)).all()
        return list(found)

    def answer(self) -> NoticeRow:
        """The last answer."""
        return self.notices(NoticeKind.ANSWER)[-1]

    def done(self) -> list[tuple[str, str, list[str]]]:
        """What the last answer says was done: command, result, values."""
        return [(line["command"], line["result"], line["values"]) for line in self.answer().details["done"]]

    def add_reader(self, address: str = ADA, choices: Choices | None = None) -> SubscriberId:
        """Somebody who gets the newsletter."""
        chosen = choices or Choices(zone="Europe/Berlin")
        added = self.subscribers.add(address, SLUG, chosen, method=ConsentMethod.IMPORT, wording="Yes.")
        return added.subscriber.id

    def gets(self, reader: SubscriberId) -> Subscription | None:
        """What a reader chose; None if the newsletter does not come any more."""
        with self.database.read() as session:
            return SubscriberStore(session).subscription(reader, SLUG)

    def state(self, address: str) -> SubscriberState:
        """Where somebody stands."""
        return self.subscribers.find(address).state

    def send_issue(
        self, reader: SubscriberId, seqs: Sequence[int], *, slot: str, at: datetime, late: Sequence[int] = ()
    ) -> str:
        """Have an issue's mail sent to a reader; return the address that takes answers to it."""
        issue_id = add_issue(self.database, slot=slot, seqs=seqs, state=IssueState.OPEN)
        with self.database.write() as session:
            session.execute(
                update(IssuePaperRow)
                .where(IssuePaperRow.issue_id == issue_id, IssuePaperRow.paper_seq.in_(late))
                .values(section=Section.LATE)
            )
            digest = DigestRow(issue_id=issue_id, key="k", entries=[[seq, ""] for seq in seqs])
            session.add(digest)
            session.flush()
            sent = insert(DeliveryRow).values(
                issue_id=issue_id,
                subscriber_id=reader,
                digest_id=digest.id,
                state=DeliveryState.SENT,
                not_before=at,
                dated_at=at,
                changed_at=at,
            )
            number = session.scalars(sent.returning(DeliveryRow.id)).one()
        return self.signed.make(COMMANDS, SignedKind.DELIVERY_REPLY, number)

    def add_papers(self, *seqs: int) -> None:
        """Papers there are."""
        add_papers(self.database, seqs)

    def reply_to(self, notice: NoticeRow) -> str:
        """The address that takes answers to a notice."""
        return self.signed.make(COMMANDS, SignedKind.NOTICE_REPLY, notice.id)

    def mark_sent(self, notice: NoticeRow) -> None:
        """Let a notice have left: what it said is forgotten then."""
        with self.database.write() as session:
            gone: dict[str, Any] = {"state": DeliveryState.SENT, "address": "", "details": {}, "content": None, "client": ""}
            session.execute(update(NoticeRow).where(NoticeRow.id == notice.id).values(gone))


class _NoReports:
    def handle(self, stored: Stored, *, now: datetime) -> Handled:
        raise AssertionError(f"no provider reports here, but {stored.id} came at {now}")


def passed(domain: str = "example.net", *, server: str = OURS, method: str = "dkim") -> str:
    """An Authentication-Results field that says that a domain stands behind the mail."""
    said = f"header.d={domain}" if method == "dkim" else f"header.from={domain}"
    return f"Authentication-Results: {server}; {method}=pass (all is well) {said}\r\n"
