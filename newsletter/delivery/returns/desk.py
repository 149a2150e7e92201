"""Where everything that comes back is brought: whose message it was, and what follows for the reader."""

from __future__ import annotations

import hmac
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.config import BouncesConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed
from newsletter.delivery.returns.limits import LOOK_BACK
from newsletter.delivery.returns.model import Returned, ReturnKind, ReturnOutcome, Sent
from newsletter.delivery.returns.reasons import ON_THE_WAY, UNDEFINED
from newsletter.delivery.returns.store import ReturnStore
from newsletter.rendering.message.message import MessageIds
from subscribers.address import parse_address
from subscribers.errors import AddressError
from subscribers.leaving import Leaving, log_ended
from subscribers.mailboxes import Fate, MailboxPolicy, MailboxStore, counts_for, step
from subscribers.model import ConsentMethod, Notice, NoticeKind, Subscriber, SubscriberId, SubscriberState, SuppressionReason
from subscribers.ports import Notices
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.wishes import ChangeStore

log = logging.getLogger(__name__)

#: So many messages of an issue that did not get through are still their readers' own servers, however short the list is.
_FEW = 2


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
        self._most_soft = config.most_soft
        self._policy = MailboxPolicy(config.hard, config.soft, config.threshold, config.forget_after, config.probe)
        self._own = {
            address.lower()
            for each in newsletters.values()
            for address in (each.from_address, each.envelope_from, each.inbound_address)
            if address
        }
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

    def by_message_id(self, message_id: str, whom: str | SubscriberId) -> Sent | None:
        """Return the message with our Message-ID that left to an address or a person, however old; None if none did.

        Args:
            message_id: with or without its angle brackets.
            whom: where it went, as whoever reports it has it, or the person it went to.
        """
        asked = f"<{message_id.strip().strip('<>')}>"
        # Hashed with our key, so nobody can make one up: an equal one is of that very message.
        return next((sent for sent in self._sent_to(whom) if self._is_id_of(asked, sent)), None)

    def latest_to(self, address: str, *, by: datetime) -> Sent | None:
        """Return the latest message that left to an address by an instant, ``bounces.act_within`` at most before it.

        Only for reports whose sender is proven: anybody can name an address.

        Args:
            address: where it went.
            by: aware UTC; when the report came.
        """
        return next((sent for sent in self._sent_to(address, since=by - self._within) if sent.at <= by), None)

    def is_own(self, address: str) -> bool:
        """Whether our messages bear an address as their sender, with or without what stands behind a ``+``."""
        local, _, domain = address.lower().rpartition("@")
        # An address of ours may hold a "+" itself.
        begins = [local[:at] for at, sign in enumerate(local) if sign == "+"]
        return any(f"{begin}@{domain}" in self._own for begin in (local, *begins))

    def leave(self, subscriber_id: SubscriberId, newsletter: str, *, now: datetime) -> bool:
        """End a newsletter for a person, as the link to unsubscribe would; whether they had it.

        For whoever has a copy of a message, which proves less than to be the one it was sent to.
        """
        with self._database.write() as session:
            person = SubscriberStore(session).get(subscriber_id, lock=True)
            if person is None:
                return False
            places = {subscriber_id: [newsletter]}
            ended = Leaving(session).end(places, method=ConsentMethod.MAIL, detail="complaint", now=now)
        log_ended(ended, ConsentMethod.MAIL)
        return bool(ended)

    def is_of_before(self, sent: Sent) -> bool:
        """Whether a message went to the address that its reader had before the present one."""
        with self._database.read() as session:
            return _is_of_before(ReturnStore(session), sent)

    def record(
        self,
        sent: Sent,
        *,
        kind: ReturnKind,
        is_hard: bool = False,
        reason: str = UNDEFINED,
        status: str = "",
        inbound_id: int | None = None,
        received_at: datetime | None = None,
        now: datetime,
    ) -> ReturnOutcome:
        """Write that something came back of a message, and do what follows from it, in one transaction.

        A bounce or refusal that is about the mailbox is a step of the reader's score: see :func:`subscribers.mailboxes.step`
        and :mod:`newsletter.delivery.returns.reasons`. One message is one step at most, whatever comes back of it. A complaint
        suppresses at once, for all newsletters, however old the message. A delay counts for nothing. Mails that went to another
        mailbox than the person's, to confirm or tell of a change of address, or before it, are no step either. What did not get
        through is none while more than ``bounces.most_soft`` of an issue of the last 14 days did not.

        Args:
            sent: the message.
            kind: what came back of it; of each kind the first counts, and again changes nothing.
            is_hard: the mailbox is gone for good; only believed of a reason that is about the mailbox.
            reason: in the names that bounce parsers share; one that is not among them is kept as ``undefined``.
            status: enhanced code (RFC 3463); what is none is kept as ``""``.
            inbound_id: number of the mail that said so; None for a refusal, or a report that is no mail.
            received_at: when it came, aware UTC; None: now. Whatever waited with us is not too old for that.
            now: aware UTC.
        """
        if kind is not ReturnKind.COMPLAINT and (received_at or now) - sent.at > self._within:
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
            if _is_of_before(store, sent):
                # Whose mailbox that is now, nobody knows; the reader's it is not.
                domain = ""
            elif returned.kind is ReturnKind.COMPLAINT:
                MailboxStore(session, self._hasher).complained(subscriber, now=now)
                outcome = ReturnOutcome.SUPPRESSED
            elif self._is_step(store, sent, subscriber, returned, now) and not any(row.is_counted for row in before):
                outcome, is_counted = self._step(session, sent, subscriber, returned, now)
        store.add(sent, returned, domain=domain, is_counted=is_counted, now=now)
        return outcome

    def _is_step(self, store: ReturnStore, sent: Sent, subscriber: Subscriber, returned: Returned, now: datetime) -> bool:
        if not returned.is_about_mailbox or not counts_for(subscriber, sent.at):
            return False
        if returned.reason not in ON_THE_WAY:
            return True
        for issue_id, known in store.lost_on_the_way(sent.newsletter, at_least=_FEW, since=now - LOOK_BACK).items():
            # This one is not written down yet.
            lost = known + (issue_id == sent.issue_id)
            if lost > _FEW and not store.were_taken(issue_id, math.ceil(lost / self._most_soft)):
                return False
        return True

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

    def _sent_to(self, whom: str | SubscriberId, *, since: datetime | None = None) -> list[Sent]:
        with self._database.read() as session:
            if not isinstance(whom, str):
                return ReturnStore(session).sent_to(whom, since=since)
            try:
                subscriber = SubscriberStore(session).by_address(parse_address(whom))
            except AddressError:
                return []
            return [] if subscriber is None else ReturnStore(session).sent_to(subscriber.id, since=since)

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


def _is_of_before(store: ReturnStore, sent: Sent) -> bool:
    moved_at = store.moved_at(sent.subscriber_id)
    return moved_at is not None and sent.at < moved_at
