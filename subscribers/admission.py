"""Who may be subscribed: people who left, bounced or complained are kept out, and come back by their own wish only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.consent import ConsentStore
from subscribers.errors import HasLeftError, SuppressedError
from subscribers.model import (
    Added,
    Choices,
    Consent,
    ConsentEvent,
    ConsentMethod,
    Subscriber,
    SubscriberState,
    SuppressionReason,
)
from subscribers.store import SubscriberStore
from subscribers.suppression import SuppressionStore

#: States out of which only the person's own wish leads back.
LEFT = frozenset({SubscriberState.UNSUBSCRIBED, SubscriberState.BOUNCED, SubscriberState.COMPLAINED})
#: Suppressions that end when the person asks to come back; a complaint and the operator's word stay.
LIFTED_BY_OWN_WISH = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.ERASED})


@dataclass(frozen=True, slots=True)
class Request:
    """A wish to get a newsletter.

    Attributes:
        address: of the mailbox.
        newsletter: its slug.
        choices: taken if the person does not get it yet; else theirs stay, unless ``confirmed``.
        method: how the consent reached us.
        wording: what was agreed to.
        detail: where the proof is.
        asked_again: the person asked themselves, knowing that they had left.
        confirmed: they said yes to these very choices, from the mailbox itself.
    """

    address: Address
    newsletter: str
    choices: Choices
    method: ConsentMethod
    wording: str
    detail: str
    asked_again: bool
    confirmed: bool = False


def admit(session: Session, suppressions: SuppressionStore, request: Request, *, now: datetime) -> Added:
    """Subscribe a person, or refuse.

    Raises:
        SuppressedError: the address must not be written to, whatever was asked.
        HasLeftError: they left and did not ask again.
    """
    _pass_suppression(suppressions, request)
    store, consents = SubscriberStore(session), ConsentStore(session)
    subscriber, is_new = store.add(request.address, SubscriberState.ACTIVE, now=now)
    if not is_new and not request.asked_again:
        _refuse_who_left(consents, subscriber, request.newsletter)
    changed = store.subscribe(subscriber.id, request.newsletter, request.choices, now=now)
    if request.confirmed and not changed:
        changed = store.set_choices(subscriber.id, request.newsletter, request.choices, now=now)
    stays = {SubscriberState.ACTIVE} if request.asked_again else {SubscriberState.ACTIVE, SubscriberState.PAUSED}
    if subscriber.state not in stays:
        store.set_state(subscriber.id, SubscriberState.ACTIVE, now=now)
        changed = True
    if changed:
        consents.record(
            Consent(
                subscriber_id=subscriber.id,
                newsletter=request.newsletter,
                event=ConsentEvent.CONFIRMED,
                method=request.method,
                wording=request.wording,
                detail=request.detail,
                at=now,
            )
        )
    return Added(store.get(subscriber.id) or subscriber, changed)


def _pass_suppression(suppressions: SuppressionStore, request: Request) -> None:
    suppression = suppressions.get(request.address)
    if suppression is None:
        return
    if not request.asked_again or suppression.reason not in LIFTED_BY_OWN_WISH:
        raise SuppressedError(suppression.reason)
    suppressions.remove(request.address)


def _refuse_who_left(consents: ConsentStore, subscriber: Subscriber, newsletter: str) -> None:
    if subscriber.state in LEFT:
        raise HasLeftError(subscriber.state)
    if consents.has_withdrawn(subscriber.id, newsletter):
        raise HasLeftError(SubscriberState.UNSUBSCRIBED)
