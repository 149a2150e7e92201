"""Bounces, delayed notices and complaints: the message they are about is looked up, and what follows is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.delivery.returns.desk import ReturnDesk
from newsletter.delivery.returns.model import ReturnKind, Sent
from newsletter.inbound.handling import Handled, Received
from newsletter.inbound.model import BounceReason, MailKind
from newsletter.inbound.reading.header import Header, read_fields
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.sorting.complaints import HARMLESS
from subscribers.model import Holder, SubscriberId
from subscribers.tokens import TokenPurpose

_KINDS = {
    MailKind.BOUNCE: ReturnKind.BOUNCE,
    MailKind.DELAYED: ReturnKind.DELAYED,
    MailKind.COMPLAINT: ReturnKind.COMPLAINT,
}
#: These are in no copy of a message that its reader passes on: what comes to one, or names one, speaks about its message.
_ENVELOPE_SENDERS = (SignedKind.DELIVERY, SignedKind.NOTICE)
#: Fields of a report (RFC 5965 section 3.2) and of a message that was complained about in which our signed addresses stand.
#: Those that take answers stand in the last two, for everybody the message was passed on to. An Original-Envelope-Id is a bare
#: number of ours, which anybody could guess.
_REPORTED = ("original-mail-from",)
_ENCLOSED = (
    *("return-path", "x-original-mail-from", "x-envelope-from", "x-env-sender", "errors-to", "sender", "reply-to"),
    "list-unsubscribe",
)
_BETWEEN = re.compile(r'[\s<>,;:?"()\[\]]+')
_TO_UNSUBSCRIBE = re.compile(r"/unsubscribe/([A-Za-z0-9_.~=-]{1,200})")
#: Addresses of one mail that are looked at, and recipients whose messages are searched.
MAX_ADDRESSES = 200
MAX_RECIPIENTS = 5
#: A report that names more was put together by somebody with time.
_MAX_MESSAGES = 3


class ReturnedMail:
    """Handler of bounces, delayed notices and complaints.

    Whose message it is about is certain by an envelope sender that we signed: of a bounce the one it came to, of a complaint
    also one in the header of the message that it encloses, as providers send the copy from where they like; there our
    Message-IDs count too, which nobody else can make. An address that takes answers and a link to unsubscribe are in the hands
    of everybody the message was passed on to: a complaint that has no more ends that newsletter, as the link would, and
    suppresses nobody. Nothing in a text counts. All else changes nothing.

    Args:
        desk: knows the messages, and records.
        signed: reads our addresses.
        holder_of: whose link a token is of; ``None`` for what is none.
    """

    def __init__(
        self, desk: ReturnDesk, signed: SignedAddresses, holder_of: Callable[[str, TokenPurpose], Holder | None]
    ) -> None:
        self._desk = desk
        self._signed = signed
        self._holder_of = holder_of

    def handle(self, received: Received, *, now: datetime) -> Handled:
        """Record what came back. Outcomes: ``KIND.WHAT``, such as ``bounce.counted``, ``complaint.suppressed``.

        ``WHAT`` is a :class:`~newsletter.delivery.returns.model.ReturnOutcome`, or ``unsigned`` (nothing says for certain which
        message it is about), ``unknown`` (no such message left), ``harmless`` (of a complaint that says nothing of the kind),
        ``unsubscribed`` (of one that proves no more than to have a copy).
        """
        verdict = received.verdict
        facts = _facts(received)
        if verdict.kind is MailKind.COMPLAINT:
            is_signed, sent = self._complained_of(received)
        else:
            signed = received.addressed.signed
            is_signed = signed is not None and signed.kind in _ENVELOPE_SENDERS
            sent = self._desk.by_signature(signed) if signed is not None and is_signed else None
        newsletter = received.addressed.newsletter
        if sent is None and verdict.kind is MailKind.COMPLAINT and verdict.detail not in HARMLESS:
            left = self._leave(received, now)
            if left is not None:
                return left
        if sent is None:
            return Handled(f"{verdict.kind}.{'unknown' if is_signed else 'unsigned'}", newsletter=newsletter, facts=facts)
        newsletter = sent.newsletter or newsletter
        if verdict.kind is MailKind.COMPLAINT and verdict.detail in HARMLESS:
            return Handled("complaint.harmless", sent.subscriber_id, newsletter, facts)
        worst = verdict.worst
        outcome = self._desk.record(
            sent,
            kind=_KINDS[verdict.kind],
            is_hard=worst is not None and worst.hard,
            reason=BounceReason.UNDEFINED if worst is None else worst.reason,
            status="" if worst is None else worst.report.status,
            inbound_id=received.stored.id,
            received_at=received.stored.received_at,
            now=now,
        )
        return Handled(f"{verdict.kind}.{outcome}", sent.subscriber_id, newsletter, facts)

    def _complained_of(self, received: Received) -> tuple[bool, Sent | None]:
        """Return whether anything of ours names a message, and that message if it left and it is proven."""
        is_signed = False
        people: list[SubscriberId] = []
        for signed in self._signatures(received):
            is_signed = True
            sent = self._desk.by_signature(signed)
            if sent is None:
                continue
            if signed.kind in _ENVELOPE_SENDERS:
                return True, sent
            people.append(sent.subscriber_id)
        people += [holder.subscriber.id for holder in self._holders(received)]
        sent = self._by_message_id(received, people)
        return is_signed or bool(people) or sent is not None, sent

    def _leave(self, received: Received, now: datetime) -> Handled | None:
        """End the newsletter whose link to unsubscribe, or whose address for answers, a complaint has; None: it has none."""
        places = [(holder.subscriber.id, holder.newsletter) for holder in self._holders(received)]
        for signed in self._signatures(received):
            sent = self._desk.by_signature(signed)
            if sent is not None and not self._desk.is_of_before(sent):
                places.append((sent.subscriber_id, sent.newsletter or received.addressed.newsletter))
        for person, newsletter in places:
            if newsletter:
                self._desk.leave(person, newsletter, now=now)
                return Handled("complaint.unsubscribed", person, newsletter)
        return None

    def _signatures(self, received: Received) -> Iterator[Signed]:
        if received.addressed.signed is not None:
            yield received.addressed.signed
        values = [value for name in _REPORTED for value in _report(received.mail).all(name)]
        for header in received.mail.enclosed[:_MAX_MESSAGES]:
            values += [value for name in _ENCLOSED for value in header.all(name)]
        words = (word for value in values for word in _BETWEEN.split(value) if "@" in word)
        for address in islice(words, MAX_ADDRESSES):
            if (signed := self._signed.read(address)) is not None:
                yield signed

    def _holders(self, received: Received) -> Iterator[Holder]:
        for header in received.mail.enclosed[:_MAX_MESSAGES]:
            for value in header.all("list-unsubscribe")[:_MAX_MESSAGES]:
                for token in islice(_TO_UNSUBSCRIBE.findall(value), _MAX_MESSAGES):
                    if (holder := self._holder_of(token, TokenPurpose.UNSUBSCRIBE)) is not None:
                        yield holder

    def _by_message_id(self, received: Received, people: Iterable[SubscriberId]) -> Sent | None:
        """Return the message whose Message-ID is enclosed, if it went to one of ``people`` or whom the report names."""
        ids = [found for header in received.mail.enclosed[:_MAX_MESSAGES] if (found := header.get("message-id"))]
        recipients = [failure.report.recipient for failure in received.verdict.failures if failure.report.recipient]
        asked: dict[SubscriberId | str, None] = dict.fromkeys([*people, *recipients])
        for whom in islice(asked, MAX_RECIPIENTS):
            for message_id in ids:
                if (sent := self._desk.by_message_id(message_id, whom)) is not None:
                    return sent
        return None


def _facts(received: Received) -> dict[str, object]:
    worst = received.verdict.worst
    if received.verdict.kind is MailKind.COMPLAINT or worst is None:
        return {}
    return {"reason": worst.reason.value, "hard": worst.hard, "status": worst.report.status[:16]}


def _report(mail: Mail) -> Header:
    """Return the fields of a feedback report of a mail's own; none if it has none."""
    parts = (part for part in mail.parts if part.depth == 0 and part.content_type.endswith("/feedback-report"))
    first = next(parts, None)
    return Header(()) if first is None else read_fields(first.body)
