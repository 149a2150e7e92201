"""Everything that is held about one person (GDPR Art. 15 and 20)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.address import parse_address
from subscribers.choices_json import choices_to_json
from subscribers.consent import ConsentStore
from subscribers.interests import interests_to_json
from subscribers.model import (
    AddressChange,
    Consent,
    Opinion,
    Subscriber,
    SubscriberState,
    Subscription,
    Suppression,
    Wish,
)
from subscribers.opinions import OpinionStore
from subscribers.store import SubscriberStore
from subscribers.suppression import SuppressionStore
from subscribers.wishes import ChangeStore, WishStore


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that the store holds about one person.

    Attributes:
        subscriber: the person.
        subscriptions: what they get, by newsletter.
        consents: the proof of what they asked for, oldest first.
        suppression: why their address must not be written to; None if it may be.
        wishes: sign-ups that wait for their confirmation, or had it lately.
        change: of address, waiting for its confirmation.
        opinions: what they said of papers, ascending paper number.
    """

    subscriber: Subscriber
    subscriptions: tuple[Subscription, ...]
    consents: tuple[Consent, ...]
    suppression: Suppression | None
    wishes: tuple[Wish, ...] = ()
    change: AddressChange | None = None
    opinions: tuple[Opinion, ...] = ()


def load_held(session: Session, suppressions: SuppressionStore, subscriber: Subscriber) -> Held:
    """Return everything that is held about a person."""
    is_erased = subscriber.state is SubscriberState.ERASED
    return Held(
        subscriber,
        tuple(SubscriberStore(session).subscriptions([subscriber.id])),
        ConsentStore(session).of(subscriber.id),
        None if is_erased else suppressions.get(parse_address(subscriber.address)),
        WishStore(session).of(subscriber.id),
        ChangeStore(session).of(subscriber.id),
        OpinionStore(session).of(subscriber.id),
    )


def subscription_to_json(chosen: Subscription) -> dict[str, object]:
    """Return somebody's choices for one newsletter as JSON takes them; interests are lists by kind."""
    return {
        "newsletter": chosen.newsletter,
        "cadence": chosen.cadence,
        "hour": chosen.local_hour,
        "zone": chosen.zone,
        "interests": interests_to_json(chosen.interests),
        "size": chosen.size,
        "fields": dict(chosen.fields),
        "paused_until": chosen.paused_until and chosen.paused_until.isoformat(),
    }


def holdings_as_json(held: Held, **more: object) -> dict[str, object]:
    """Return what is held as plain JSON values: for the person's own download, and for scripts.

    Keys: ``id``, ``address``, ``state``, ``created_at``, ``changed_at``, ``subscriptions`` (as in the export), ``consents``,
    ``suppression`` or null, ``wishes`` (``choices`` by the names of :class:`~subscribers.model.Choices`), ``address_change`` or
    null, ``opinions``. Instants are ISO 8601 with their zone.

    Args:
        held: from ``SubscriberService.held``.
        more: what the caller holds besides, by the key it gets; plain JSON values.
    """
    person = held.subscriber
    return {
        "id": person.id,
        "address": person.address,
        "state": person.state.value,
        "created_at": person.created_at.isoformat(),
        "changed_at": person.changed_at.isoformat(),
        "subscriptions": [subscription_to_json(found) for found in held.subscriptions],
        "consents": [_plain(consent) for consent in held.consents],
        "suppression": held.suppression and _plain(held.suppression),
        "wishes": [_wish_to_json(wish) for wish in held.wishes],
        "address_change": held.change and {"address": held.change.address, "asked_at": held.change.asked_at.isoformat()},
        "opinions": [_plain(opinion) for opinion in held.opinions],
        **more,
    }


def _wish_to_json(wish: Wish) -> dict[str, object]:
    return {
        "newsletter": wish.newsletter,
        "choices": choices_to_json(wish.choices),
        "asked_at": wish.asked_at.isoformat(),
        "confirmed_at": wish.confirmed_at and wish.confirmed_at.isoformat(),
    }


def _plain(value: Consent | Suppression | Opinion) -> dict[str, object]:
    return {name: part.isoformat() if isinstance(part, datetime) else part for name, part in asdict(value).items()}
