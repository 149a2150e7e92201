"""Acting on what providers report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.delivery.returns.desk import ReturnDesk
from newsletter.delivery.returns.model import ReturnKind, Sent
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import MailKind, Stored, Via
from newsletter.inbound.webhooks.mailgun import mailgun_events
from newsletter.inbound.webhooks.model import EventKind, ProviderEvent
from newsletter.inbound.webhooks.postmark import postmark_events
from newsletter.inbound.webhooks.sendgrid import sendgrid_events
from newsletter.inbound.webhooks.ses import ses_events
from subscribers.errors import UnknownSubscriberError
from subscribers.model import ConsentMethod
from subscribers.service import SubscriberService

#: Events of one post that are acted upon; the largest a provider sends are a tenth of it.
MAX_EVENTS = 10_000
_EVENTS: Mapping[Via, Callable[[bytes], tuple[ProviderEvent, ...]]] = {
    Via.SES: ses_events,
    Via.POSTMARK: postmark_events,
    Via.SENDGRID: sendgrid_events,
    Via.MAILGUN: mailgun_events,
}
_RETURNS = {
    EventKind.BOUNCE: ReturnKind.BOUNCE,
    EventKind.DELAYED: ReturnKind.DELAYED,
    EventKind.COMPLAINT: ReturnKind.COMPLAINT,
}
#: What a post with several kinds in it counts as: the first of these.
_WEIGHTIEST = (MailKind.COMPLAINT, MailKind.BOUNCE, MailKind.UNSUBSCRIBE, MailKind.DELAYED)


def events_of(via: Via, body: bytes) -> tuple[ProviderEvent, ...]:
    """Return what a provider's post says happened, in its order; nothing of one that cannot be read.

    Raises:
        KeyError: ``via`` is no provider.
    """
    return _EVENTS[via](body)


class ProviderHandler:
    """Records bounces, delays and complaints, and lets readers leave who told the provider so.

    The post is proven, so it is believed of whom it speaks: by an address that we signed, by our Message-ID, or, if it tells of
    neither Message-ID nor sender or the sender is ours, by the last message to the address within ``bounces.act_within``. Whom
    nothing was sent to is left alone, and what it says about others' mail on the same account changes nothing.

    Args:
        desk: knows the messages, and records.
        signed: reads our addresses.
        subscribers: ends subscriptions.
    """

    def __init__(self, desk: ReturnDesk, signed: SignedAddresses, subscribers: SubscriberService) -> None:
        self._desk, self._signed, self._subscribers = desk, signed, subscribers

    def handle(self, stored: Stored, *, now: datetime) -> Handled:
        """Act on each event of a post; again changes nothing.

        Outcomes: ``KIND.WHAT`` of a post with one event, such as ``bounce.counted``, ``complaint.suppressed``,
        ``unsubscribe.done``; ``report.handled`` of one with several, with their counts in the facts; ``report.empty``.
        """
        events = events_of(stored.arrival.via, stored.arrival.raw)[:MAX_EVENTS]
        counts: Counter[str] = Counter()
        people: dict[int, Sent] = {}
        for event in events:
            sent = self._sent(event, stored.received_at)
            if sent is None:
                counts[f"{event.kind}.nobody"] += 1
                continue
            people[sent.subscriber_id] = sent
            counts[f"{event.kind}.{self._act(event, sent, stored, now)}"] += 1
        if not events:
            return Handled("report.empty", kind=MailKind.OTHER)
        only = next(iter(people.values())) if len(people) == 1 else None
        kinds = {MailKind(event.kind) for event in events}
        return Handled(
            next(iter(counts)) if len(events) == 1 else "report.handled",
            None if only is None else only.subscriber_id,
            "" if only is None else only.newsletter,
            {"events": dict(counts), **({"reason": events[0].reason, "status": events[0].status} if len(events) == 1 else {})},
            kind=next(kind for kind in _WEIGHTIEST if kind in kinds),
        )

    def _act(self, event: ProviderEvent, sent: Sent, stored: Stored, now: datetime) -> str:
        if event.kind is EventKind.UNSUBSCRIBE:
            return self._leave(sent, stored.arrival.via)
        return self._desk.record(
            sent,
            kind=_RETURNS[event.kind],
            is_hard=event.is_hard,
            reason=event.reason,
            status=event.status,
            inbound_id=stored.id,
            received_at=stored.received_at,
            now=now,
        )

    def _leave(self, sent: Sent, via: Via) -> str:
        try:
            ended = self._subscribers.unsubscribe(
                sent.subscriber_id, sent.newsletter or None, method=ConsentMethod.MAIL, detail=f"told {via}"
            )
        except UnknownSubscriberError:
            return "nobody"
        return "done" if ended else "known"

    def _sent(self, event: ProviderEvent, received_at: datetime) -> Sent | None:
        for address in event.ours:
            signed = self._signed.read(address)
            if signed is not None and (sent := self._desk.by_signature(signed)) is not None:
                return sent
        for message_id in event.message_ids:
            if (sent := self._desk.by_message_id(message_id, event.address)) is not None:
                return sent
        is_others = bool(event.ours) and not any(map(self._desk.is_own, event.ours))
        return None if event.message_ids or is_others else self._desk.latest_to(event.address, by=received_at)
