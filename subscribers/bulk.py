"""The import's queries: each works on a whole batch, and people are named by their address key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, bindparam, insert, literal, select, text, update
from sqlalchemy.orm import Session

from subscribers.base import UtcDateTime
from subscribers.dialect import as_list, elements, insert_new, pairs
from subscribers.interests import interests_to_json
from subscribers.model import Choices, ConsentEvent, ConsentMethod, SubscriberState
from subscribers.tables import ConsentRow, SubscriberRow, SubscriptionRow

#: Keeps SQLite's parser from taking ON CONFLICT behind an INSERT … SELECT for a join's condition.
_ALWAYS = text("true")
_CHOICES = ("cadence", "local_hour", "zone", "interests", "size")


class BulkStore:
    """Many people at once. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def people(self, keys: Collection[str]) -> dict[str, tuple[int, SubscriberState]]:
        """Return id and state of those ``keys`` that have a row, and hold off other writers of these rows."""
        asked, key = elements(self._session, as_list(keys), Text())
        found = self._session.execute(
            select(SubscriberRow.address_key, SubscriberRow.id, SubscriberRow.state)
            .select_from(asked)
            .join(SubscriberRow, SubscriberRow.address_key == key)
            .order_by(SubscriberRow.id)
            .with_for_update(of=SubscriberRow)
        )
        return {key: (subscriber_id, SubscriberState(state)) for key, subscriber_id, state in found}

    def add_people(self, mailboxes: Collection[tuple[str, str]], state: SubscriberState, *, now: datetime) -> None:
        """Make a row for every mailbox (address as shown, key) that has none."""
        asked, value, key = pairs(self._session, as_list(mailboxes))
        at = literal(now, UtcDateTime)
        made = select(value, key, literal(state.value), literal(0, Integer), at, at).select_from(asked).where(_ALWAYS)
        columns = ["address", "address_key", "state", "token_epoch", "created_at", "changed_at"]
        self._session.execute(insert_new(self._session, SubscriberRow).from_select(columns, made).on_conflict_do_nothing())

    def activate(self, subscriber_ids: Collection[int], *, now: datetime) -> None:
        """Make people active."""
        asked, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        self._session.execute(
            update(SubscriberRow)
            .where(SubscriberRow.id.in_(select(number).select_from(asked)))
            .values(state=SubscriberState.ACTIVE, changed_at=now)
            .execution_options(synchronize_session=False)
        )

    def subscribed(self, subscriber_ids: Collection[int]) -> set[tuple[int, str]]:
        """Return who of them gets which newsletter."""
        asked, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        found = self._session.execute(
            select(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter)
            .select_from(asked)
            .join(SubscriptionRow, SubscriptionRow.subscriber_id == number)
        )
        return {(subscriber_id, newsletter) for subscriber_id, newsletter in found}

    def withdrawn(self, subscriber_ids: Collection[int]) -> set[tuple[int, str]]:
        """Return who of them left which newsletter, by the last they said about it."""
        asked, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        found = self._session.execute(
            select(ConsentRow.subscriber_id, ConsentRow.newsletter, ConsentRow.event)
            .select_from(asked)
            .join(ConsentRow, ConsentRow.subscriber_id == number)
            .order_by(ConsentRow.id)
        )
        last = {(subscriber_id, newsletter): event for subscriber_id, newsletter, event in found}
        return {place for place, event in last.items() if event == ConsentEvent.WITHDRAWN}

    def subscribe(self, newsletter: str, groups: Sequence[tuple[Choices, Sequence[str]]], *, now: datetime) -> None:
        """Give people (by address key) a newsletter, where they do not get it yet, each group with its choices."""
        asked, key = elements(self._session, bindparam("keys", type_=Text()), Text())
        at = literal(now, UtcDateTime)
        chosen = {name: bindparam(f"their_{name}", type_=SubscriptionRow.__table__.c[name].type) for name in _CHOICES}
        new = (
            select(SubscriberRow.id, literal(newsletter), *chosen.values(), at, at)
            .select_from(asked)
            .join(SubscriberRow, SubscriberRow.address_key == key)
            .where(_ALWAYS)
        )
        columns = ["subscriber_id", "newsletter", *_CHOICES, "created_at", "changed_at"]
        statement = insert_new(self._session, SubscriptionRow).from_select(columns, new).on_conflict_do_nothing()
        self._session.connection().execute(
            statement,
            [
                {
                    "keys": as_list(keys).value,
                    "their_cadence": choices.cadence,
                    "their_local_hour": choices.local_hour,
                    "their_zone": choices.zone,
                    "their_interests": interests_to_json(choices.interests),
                    "their_size": choices.size,
                }
                for choices, keys in groups
            ],
        )

    def pause(self, newsletter: str, keys: Collection[str], until: datetime, *, now: datetime) -> None:
        """Pause a newsletter of people (by address key) until an instant."""
        asked, key = elements(self._session, as_list(keys), Text())
        people = select(SubscriberRow.id).select_from(asked).join(SubscriberRow, SubscriberRow.address_key == key)
        self._session.execute(
            update(SubscriptionRow)
            .where(SubscriptionRow.newsletter == newsletter, SubscriptionRow.subscriber_id.in_(people))
            .values(paused_until=until, changed_at=now)
            .execution_options(synchronize_session=False)
        )

    def record_consent(
        self, newsletter: str, keys: Collection[str], *, method: ConsentMethod, wording: str, detail: str, now: datetime
    ) -> None:
        """Record that people (by address key) agreed to a newsletter."""
        asked, key = elements(self._session, as_list(keys), Text())
        said = [literal(value) for value in (newsletter, ConsentEvent.CONFIRMED.value, method.value, wording, detail)]
        lines = (
            select(SubscriberRow.id, *said, literal(now, UtcDateTime))
            .select_from(asked)
            .join(SubscriberRow, SubscriberRow.address_key == key)
        )
        columns = ["subscriber_id", "newsletter", "event", "method", "wording", "detail", "at"]
        self._session.execute(insert(ConsentRow).from_select(columns, lines))
