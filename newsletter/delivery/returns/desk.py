"""Where everything that comes back is brought: whose message it was, and what follows for the reader."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.config import BouncesConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed
from newsletter.delivery.returns.model import Returned, ReturnKind, ReturnOutcome, Sent
from newsletter.delivery.returns.reasons import UNDEFINED
from newsletter.delivery.returns.store import ReturnStore
from newsletter.rendering.message.message import MessageIds
from subscribers.address import parse_address
from subscribers.errors import AddressError
from subscribers.mailboxes import Fate, MailboxPolicy, MailboxStore, counts_for, step
from subscribers.model import Notice, NoticeKind, Subscriber, SubscriberId, SubscriberState, SuppressionReason
from subscribers.ports import Notices
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.wishes import ChangeStore

log = logging.getLogger(__name__)


class ReturnDesk:
    """Finds the message that something came back of, and records it.

    Each call is one transaction, safe to repeat, by any number of processes at once.
    """

    def __init__(
        self,
        database: Database,
        hasher: Hasher,
        notices: Notices,
        config: BouncesConfig,
        *,
        secret: bytes,
        newsletters: Mapping[str, NewsletterConfig],
        notice_message_id: Callable[[int, str], str],
    ) -> None:
        """Take what it works with.

        Args:
            database: where everything is.
            hasher: of addresses.
            notices: takes the last mail to a mailbox before the end.
            config: points, and how long something may take to come back.
            secret: the installation's key; Message-IDs depend on it.
            newsletters: by slug; their From domains stand in Message-IDs.
            notice_message_id: the Message-ID of a notice, from its number and its newsletter's From domain.
        """
        self._database = database
        self._hasher = hasher
        self._notices = notices
        self._within = config.act_within
        self._policy = MailboxPolicy(config.hard, config.soft, config.threshold, config.forget_after, config.probe)
        self._domains = {slug: newsletter.from_address.rpartition("@")[2] for slug, newsletter in newsletters.items()}
        self._ids = {domain: MessageIds(secret, domain) for domain in self._domains.values()}
        self._notice_message_id = notice_message_id

    def by_signature(self, signed: Signed) -> Sent | None:
        """Return the message that an address of ours was signed for, however old; None if none left that is a subscriber's.

        Args:
            signed: of either kind, envelope sender or address for answers.
        """
        with self._database.read() as session:
            return ReturnStore(session).sent(signed)

    def by_message_id(self, message_id: str, address: str, *, now: datetime) -> Sent | None:
        """Return the message with our Message-ID that left to an address within ``bounces.act_within``; None if none did.

        Args:
            message_id: with or without its angle brackets.
            address: where it went, as whoever reports it has it.
            now: aware UTC.
        """
        asked = f"<{message_id.strip().strip('<>')}>"
        # Hashed with our key, so nobody can make one up: an equal one is of that very message.
        return next((sent for sent in self._sent_to(address, now) if self._is_id_of(asked, sent)), None)

    def latest_to(self, address: str, *, now: datetime) -> Sent | None:
        """Return the latest message that left to an address within ``bounces.act_within``; None if none did.

        Only for reports whose sender is proven: anybody can name an address.
        """
        return next(iter(self._sent_to(address, now)), None)

    def latest_of(self, subscriber_id: SubscriberId, newsletter: str, *, now: datetime) -> Sent | None:
        """Return the latest message of a newsletter that left to a person within ``bounces.act_within``; None if none did."""
        with self._database.read() as session:
            sent_to = ReturnStore(session).sent_to(subscriber_id, since=now - self._within)
        return next((sent for sent in sent_to if sent.newsletter == newsletter), None)

    def record(
        self,
        sent: Sent,
        *,
        kind: ReturnKind,
        is_hard: bool = False,
        reason: str = UNDEFINED,
        status: str = "",
        inbound_id: int | None = None,
        now: datetime,
    ) -> ReturnOutcome:
        """Write that something came back of a message, and do what follows from it, in one transaction.

        A bounce or refusal that is about the mailbox is a step of the reader's score: see :func:`subscribers.mailboxes.step`
        and :mod:`newsletter.delivery.returns.reasons`. One message is one step at most, whatever comes back of it. A complaint
        suppresses at once, for all newsletters. A delay counts for nothing. Mails that went to another mailbox than the
        person's, to confirm or tell of a change of address, are no step either.

        Args:
            sent: the message.
            kind: what came back of it; of each kind the first counts, and again changes nothing.
            is_hard: the mailbox is gone for good; only believed of a reason that is about the mailbox.
            reason: in the names that bounce parsers share; one that is not among them is kept as ``undefined``.
            status: enhanced code (RFC 3463); what is none is kept as ``""``.
            inbound_id: number of the mail that said so; None for a refusal, or a report that is no mail.
            now: aware UTC.
        """
        if now - sent.at > self._within:
            return ReturnOutcome.TOO_OLD
        returned = Returned.of(kind, is_hard=is_hard, reason=reason, status=status, inbound_id=inbound_id)
        with self._database.write() as session:
            outcome = self._record(session, sent, returned, now)
        log.info(
            "returns.%s kind=%s %s=%d subscriber=%d hard=%s reason=%s",
            outcome,
            kind,
            sent.signed.kind,
            sent.signed.number,
            sent.subscriber_id,
            returned.is_hard,
            returned.reason,
        )
        return outcome

    def _record(self, session: Session, sent: Sent, returned: Returned, now: datetime) -> ReturnOutcome:
        # Held to the end: whatever comes back of one person's mails is dealt with one after the other.
        subscriber = SubscriberStore(session).get(sent.subscriber_id, lock=True)
        if subscriber is None:
            return ReturnOutcome.NOBODY
        store = ReturnStore(session)
        before = store.of(sent)
        if any(row.kind == returned.kind for row in before):
            return ReturnOutcome.KNOWN
        is_counted = False
        if subscriber.state is SubscriberState.ERASED:
            outcome, domain = ReturnOutcome.NOBODY, ""
        elif sent.went_elsewhere:
            outcome, domain = self._of_another_mailbox(session, sent, returned, now), ""
        else:
            outcome, domain = ReturnOutcome.NOTED, parse_address(subscriber.address).key.rpartition("@")[2]
            if returned.kind is ReturnKind.COMPLAINT:
                MailboxStore(session, self._hasher).complained(subscriber, now=now)
                outcome = ReturnOutcome.SUPPRESSED
            elif returned.is_about_mailbox and not any(row.is_counted for row in before) and counts_for(subscriber, sent.at):
                outcome, is_counted = self._step(session, sent, subscriber, returned, now)
        store.add(sent, returned, domain=domain, is_counted=is_counted, now=now)
        return outcome

    def _of_another_mailbox(self, session: Session, sent: Sent, returned: Returned, now: datetime) -> ReturnOutcome:
        """Whoever has the mailbox that a reader wished to change to, and complains, is never asked again; the reader stays."""
        wished = ChangeStore(session).of(sent.subscriber_id)
        if returned.kind is not ReturnKind.COMPLAINT or sent.notice is not NoticeKind.CONFIRM_ADDRESS or wished is None:
            return ReturnOutcome.NOTED
        SuppressionStore(session, self._hasher).add(
            parse_address(wished.address), SuppressionReason.COMPLAINED, detail="", at=now
        )
        return ReturnOutcome.SUPPRESSED

    def _step(
        self, session: Session, sent: Sent, subscriber: Subscriber, returned: Returned, now: datetime
    ) -> tuple[ReturnOutcome, bool]:
        mailboxes, store = MailboxStore(session, self._hasher), ReturnStore(session)
        before = mailboxes.get(subscriber.id)
        taken = step(
            before,
            is_hard=returned.is_hard,
            reason=returned.reason,
            status=returned.status,
            now=now,
            policy=self._policy,
            was_hard=before is not None and store.was_hard(subscriber.id),
            first_sent_since=None if before is None else store.first_quiet(subscriber.id, after=before.stepped_at, but=sent),
            is_probe=sent.is_probe,
        )
        if taken.fate is Fate.ENDS:
            mailboxes.end(subscriber, reason=returned.reason, status=returned.status, now=now)
            return ReturnOutcome.ENDED, taken.is_counted
        mailboxes.keep(subscriber.id, taken.mailbox)
        if taken.fate is Fate.PROBE:
            why = {"reason": str(returned.reason)}
            probe = Notice(NoticeKind.PROBE, subscriber.id, subscriber.address, sent.newsletter, details=why)
            self._notices.put(session, probe, now=now)
            return ReturnOutcome.PROBED, taken.is_counted
        return ReturnOutcome.COUNTED if taken.is_counted else ReturnOutcome.NOTED, taken.is_counted

    def _sent_to(self, address: str, now: datetime) -> list[Sent]:
        try:
            parsed = parse_address(address)
        except AddressError:
            return []
        with self._database.read() as session:
            subscriber = SubscriberStore(session).by_address(parsed)
            if subscriber is None:
                return []
            return ReturnStore(session).sent_to(subscriber.id, since=now - self._within)

    def _is_id_of(self, asked: str, sent: Sent) -> bool:
        return any(hmac.compare_digest(asked.encode(), made.encode()) for made in self._ids_of(sent))

    def _ids_of(self, sent: Sent) -> Iterator[str]:
        # A notice that concerns all newsletters is written in the name of one of them.
        slugs = [sent.newsletter] if sent.newsletter else list(self._domains)
        for domain in {self._domains[slug] for slug in slugs if slug in self._domains}:
            if sent.issue_id is None:
                yield self._notice_message_id(sent.signed.number, domain)
            else:
                yield self._ids[domain].of(sent.issue_id, sent.subscriber_id)
