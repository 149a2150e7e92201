"""People and what they chose: every query on the subscriber and subscription tables, but for the bulk ones of the import."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.dialect import as_list, elements, insert_new
from subscribers.interests import interests_from_json, interests_to_json
from subscribers.model import Cadence, Choices, Reader, Subscriber, SubscriberId, SubscriberState, Subscription
from subscribers.tables import SubscriberRow, SubscriptionRow

#: See :func:`readers_query`.
ReadersQuery: TypeAlias = Select[int, dict[str, Any], int | None, int, str]


class SubscriberStore:
    """Subscribers and subscriptions. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, address: Address, state: SubscriberState, *, now: datetime) -> tuple[Subscriber, bool]:
        """Return the person with that mailbox, and whether this call made the row; one row a mailbox, whoever else adds it."""
        row = insert_new(self._session, SubscriberRow).values(
            address=address.value, address_key=address.key, state=state, token_epoch=0, created_at=now, changed_at=now
        )
        made = self._session.scalar(row.on_conflict_do_nothing().returning(SubscriberRow.id))
        found = self.by_address(address, lock=True)
        if found is None:  # the row that was in the way was erased meanwhile
            raise RuntimeError("a subscriber vanished while being added; try again")
        return found, made is not None

    def get(self, subscriber_id: int, *, lock: bool = False) -> Subscriber | None:
        """Return a person by number; ``lock`` holds off other writers of that row until the transaction ends."""
        return self._one(SubscriberRow.id == subscriber_id, lock=lock)

    def by_address(self, address: Address, *, lock: bool = False) -> Subscriber | None:
        """Return the person with that mailbox, however it is written."""
        return self._one(SubscriberRow.address_key == address.key, lock=lock)

    def among(self, subscriber_ids: Iterable[int], *, lock: bool = False) -> builtins.list[Subscriber]:
        """Return those of ``subscriber_ids`` that exist, ascending; ``lock`` as in :meth:`get`."""
        listed, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        query = select(SubscriberRow).join(listed, SubscriberRow.id == number).order_by(SubscriberRow.id)
        if lock:
            query = query.with_for_update(of=SubscriberRow)
        return [_to_subscriber(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def counts(self, newsletter: str | None = None) -> dict[SubscriberState, int]:
        """Return how many people stand in each state, states nobody is in left out.

        Args:
            newsletter: only people with a subscription to it.
        """
        query = select(SubscriberRow.state, func.count()).group_by(SubscriberRow.state)
        if newsletter is not None:
            query = query.where(_subscribes_to(newsletter))
        return {SubscriberState(state): count for state, count in self._session.execute(query)}

    def set_state(self, subscriber_id: int, state: SubscriberState, *, now: datetime) -> None:
        """Change where a person stands."""
        self._session.execute(
            update(SubscriberRow).where(SubscriberRow.id == subscriber_id).values(state=state, changed_at=now)
        )

    def subscribe(self, subscriber_id: int, newsletter: str, choices: Choices, *, now: datetime) -> bool:
        """Give a person a newsletter; False if they had it already, and then their choices stay."""
        row = insert_new(self._session, SubscriptionRow).values(
            subscriber_id=subscriber_id, newsletter=newsletter, created_at=now, changed_at=now, **_columns(choices)
        )
        return self._session.scalar(row.on_conflict_do_nothing().returning(SubscriptionRow.id)) is not None

    def set_choices(self, subscriber_id: int, newsletter: str, choices: Choices, *, now: datetime) -> bool:
        """Replace a person's choices for a newsletter; False if they do not get it."""
        return self._change(subscriber_id, newsletter, changed_at=now, **_columns(choices))

    def set_cadence(self, subscriber_id: int, newsletter: str, cadence: Cadence, *, now: datetime) -> bool:
        """Change how often a person gets a newsletter; False if they do not get it."""
        return self._change(subscriber_id, newsletter, changed_at=now, cadence=cadence)

    def pause(self, subscriber_id: int, newsletter: str, until: datetime | None, *, now: datetime) -> bool:
        """Pause a newsletter until an instant (aware UTC), or with None go on; False if they do not get it."""
        return self._change(subscriber_id, newsletter, changed_at=now, paused_until=until)

    def erase(self, subscriber_id: int, opaque: str, *, now: datetime) -> None:
        """Replace a person's address by ``opaque``, drop their choices, and make every token of theirs worthless."""
        self._session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id == subscriber_id))
        self._session.execute(
            update(SubscriberRow)
            .where(SubscriberRow.id == subscriber_id)
            .values(
                address=opaque,
                address_key=opaque,
                state=SubscriberState.ERASED,
                token_epoch=SubscriberRow.token_epoch + 1,
                changed_at=now,
            )
        )

    def subscription(self, subscriber_id: int, newsletter: str) -> Subscription | None:
        """Return a person's choices for one newsletter, None if they do not get it."""
        return next((found for found in self.subscriptions([subscriber_id]) if found.newsletter == newsletter), None)

    def subscriptions(self, subscriber_ids: Iterable[int]) -> builtins.list[Subscription]:
        """Return what those people (a page of them) get, ascending person and newsletter."""
        query = select(SubscriptionRow).where(SubscriptionRow.subscriber_id.in_(list(subscriber_ids)))
        ordered = query.order_by(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter)
        return [_to_subscription(row) for row in self._session.scalars(ordered)]

    def readers(
        self, newsletter: str, cadence: Cadence, *, now: datetime, after: int = 0, limit: int = 1000
    ) -> builtins.list[Reader]:
        """Return the next page of those who are to get an issue: active, subscribed at that cadence, not paused at ``now``.

        Args:
            newsletter: its slug.
            cadence: of the issue.
            now: aware UTC; a pause that ends at this instant is over.
            after: highest subscriber id already seen.
            limit: readers at most.

        Returns:
            Ascending subscriber id.
        """
        page = readers_query(newsletter, cadence, now=now, after=after, limit=limit)
        return [
            Reader(SubscriberId(subscriber_id), interests_from_json(interests), size, local_hour, zone)
            for subscriber_id, interests, size, local_hour, zone in self._session.execute(page)
        ]

    def list(
        self,
        *,
        state: SubscriberState | None = None,
        newsletter: str | None = None,
        after: int = 0,
        limit: int | None = 50,
    ) -> builtins.list[Subscriber]:
        """Return the next page of people, ascending id.

        Args:
            state: only those who stand there.
            newsletter: only those with a subscription to it.
            after: highest id already seen.
            limit: people at most; None for all.
        """
        page = select(SubscriberRow).where(SubscriberRow.id > after).order_by(SubscriberRow.id).limit(limit)
        if state is not None:
            page = page.where(SubscriberRow.state == state)
        if newsletter is not None:
            page = page.where(_subscribes_to(newsletter))
        return [_to_subscriber(row) for row in self._session.scalars(page)]

    def _one(self, condition: ColumnElement[bool], *, lock: bool) -> Subscriber | None:
        query = select(SubscriberRow).where(condition)
        if lock:
            query = query.with_for_update()
        row = self._session.scalar(query.execution_options(populate_existing=True))
        return None if row is None else _to_subscriber(row)

    def _change(self, subscriber_id: int, newsletter: str, **values: object) -> bool:
        change = update(SubscriptionRow).where(
            SubscriptionRow.subscriber_id == subscriber_id, SubscriptionRow.newsletter == newsletter
        )
        return self._session.scalar(change.values(**values).returning(SubscriptionRow.id)) is not None


def readers_query(newsletter: str, cadence: Cadence, *, now: datetime, after: int, limit: int) -> ReadersQuery:
    """Return the query behind :meth:`SubscriberStore.readers`, for what goes through readers inside the database.

    Returns:
        A query of subscriber id, interests, size (None: the newsletter's), local hour and zone, ascending subscriber id.
    """
    return (
        select(
            SubscriptionRow.subscriber_id,
            SubscriptionRow.interests,
            SubscriptionRow.size,
            SubscriptionRow.local_hour,
            SubscriptionRow.zone,
        )
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(
            SubscriptionRow.newsletter == newsletter,
            SubscriptionRow.cadence == cadence,
            SubscriptionRow.subscriber_id > after,
            SubscriberRow.state == SubscriberState.ACTIVE,
            or_(SubscriptionRow.paused_until.is_(None), SubscriptionRow.paused_until <= now),
        )
        .order_by(SubscriptionRow.subscriber_id)
        .limit(limit)
    )


def _subscribes_to(newsletter: str) -> ColumnElement[bool]:
    return (
        select(SubscriptionRow.id)
        .where(SubscriptionRow.subscriber_id == SubscriberRow.id, SubscriptionRow.newsletter == newsletter)
        .exists()
    )


def _columns(choices: Choices) -> dict[str, object]:
    return {
        "cadence": choices.cadence,
        "local_hour": choices.local_hour,
        "zone": choices.zone,
        "interests": interests_to_json(choices.interests),
        "size": choices.size,
        "fields": dict(choices.fields),
    }


def _to_subscriber(row: SubscriberRow) -> Subscriber:
    return Subscriber(
        id=SubscriberId(row.id),
        address=row.address,
        state=SubscriberState(row.state),
        token_epoch=row.token_epoch,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _to_subscription(row: SubscriptionRow) -> Subscription:
    return Subscription(
        subscriber_id=SubscriberId(row.subscriber_id),
        newsletter=row.newsletter,
        cadence=Cadence(row.cadence),
        local_hour=row.local_hour,
        zone=row.zone,
        interests=interests_from_json(row.interests),
        size=row.size,
        paused_until=row.paused_until,
        fields=tuple(sorted(row.fields.items())),
    )
