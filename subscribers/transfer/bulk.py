"""The import's queries: each works on a whole batch, which lies beside the store's tables while it is taken in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Self, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    cast,
    exists,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session, aliased

from subscribers.base import UtcDateTime
from subscribers.dialect import as_list, elements, fill, insert_new, reserve_ids
from subscribers.interests import interests_to_json
from subscribers.model import ConsentEvent, ConsentMethod, SubscriberState
from subscribers.tables import ConsentRow, SubscriberRow, SubscriptionRow
from subscribers.transfer.import_lines import Plan

#: Keeps SQLite's parser from taking ON CONFLICT behind an INSERT … SELECT for a join's condition.
_ALWAYS = text("true")
_CHOICES = ("newsletter", "cadence", "local_hour", "zone", "interests", "size", "fields", "paused_until")

_TEMPORARY = MetaData()
_LINE = Table(
    "import_line",
    _TEMPORARY,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("subscriber_id", BigInteger),
    Column("line", BigInteger),
    Column("address", String(320)),
    Column("address_key", String(320)),
    Column("wish", Integer),
    prefixes=["TEMPORARY"],
)
_WISH = Table(
    "import_wish",
    _TEMPORARY,
    Column("wish", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16)),
    *(Column(name, SubscriptionRow.__table__.c[name].type) for name in _CHOICES),
    prefixes=["TEMPORARY"],
)


#: A line that may be taken: its place in the batch, a number kept for the person (or the one they have), the line's number,
#: the address as shown, its key, and which of the plans it asks for. A plain tuple, which the garbage collector leaves alone.
Arrival: TypeAlias = tuple[int, int, int, str, str, int]


class BulkStore:
    """A batch of lines. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    @contextmanager
    def of(cls, session: Session, plans: Sequence[Plan]) -> Iterator[Self]:
        """Make room for lines that ask for ``plans``, for as long as the context lasts."""
        connection = session.connection()
        _TEMPORARY.create_all(connection, checkfirst=False)
        wishes = [
            {
                "wish": wish,
                "state": plan.state,
                "newsletter": plan.newsletter,
                "cadence": plan.choices.cadence,
                "local_hour": plan.choices.local_hour,
                "zone": plan.choices.zone,
                "interests": interests_to_json(plan.choices.interests),
                "size": plan.choices.size,
                "fields": dict(plan.choices.fields),
                "paused_until": plan.paused_until,
            }
            for wish, plan in enumerate(plans)
        ]
        if wishes:
            connection.execute(insert(_WISH), wishes)
        yield cls(session)
        # Not on errors: the rollback takes them away, and may be all that the connection still does.
        _TEMPORARY.drop_all(connection, checkfirst=False)

    def reserve(self, count: int) -> Sequence[int]:
        """Return numbers for so many new people."""
        return reserve_ids(self._session, SubscriberRow, count)

    def put(self, arrivals: Sequence[Arrival]) -> None:
        """Make ``arrivals`` the lines that the rest is about."""
        self._session.execute(_LINE.delete())
        fill(self._session, _LINE, arrivals)

    def add_people(self, *, now: datetime) -> int:
        """Make a row for everybody who has none, as the first line says; return how many were made."""
        at = literal(now, UtcDateTime)
        made = (
            select(_LINE.c.subscriber_id, _LINE.c.address, _LINE.c.address_key, _WISH.c.state, literal(0, Integer), at, at)
            .join_from(_LINE, _WISH, _WISH.c.wish == _LINE.c.wish)
            .where(_ALWAYS)
            .order_by(_LINE.c.place)
        )
        columns = ["id", "address", "address_key", "state", "token_epoch", "created_at", "changed_at"]
        statement = insert_new(self._session, SubscriberRow).from_select(columns, made).on_conflict_do_nothing()
        counted = statement.execution_options(preserve_rowcount=True)
        return self._session.connection().execute(counted).rowcount

    def people_there(self) -> dict[str, tuple[int, SubscriberState]]:
        """Return number and state, by address key, of those who had a row before; hold off other writers of these rows."""
        found = self._session.execute(
            select(SubscriberRow.address_key, SubscriberRow.id, SubscriberRow.state)
            .join_from(_LINE, SubscriberRow, SubscriberRow.address_key == _LINE.c.address_key)
            .where(SubscriberRow.id != _LINE.c.subscriber_id)
            .order_by(SubscriberRow.id)
            .with_for_update(of=SubscriberRow)
        )
        return {key: (subscriber_id, SubscriberState(state)) for key, subscriber_id, state in found}

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
        """Return who of them left which newsletter, and did not confirm since that they want it.

        That somebody asked by a form does not count: as long as it is not confirmed, it may have been a stranger.
        """
        asked, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        later = aliased(ConsentRow)
        came_back = exists().where(
            later.subscriber_id == ConsentRow.subscriber_id,
            later.newsletter == ConsentRow.newsletter,
            later.event == ConsentEvent.CONFIRMED,
            later.id > ConsentRow.id,
        )
        found = self._session.execute(
            select(ConsentRow.subscriber_id, ConsentRow.newsletter)
            .select_from(asked)
            .join(ConsentRow, ConsentRow.subscriber_id == number)
            .where(ConsentRow.event == ConsentEvent.WITHDRAWN, ~came_back)
        )
        return {(subscriber_id, newsletter) for subscriber_id, newsletter in found}

    def subscribe(self, *, now: datetime) -> None:
        """Give everybody what their lines ask for, where they do not get it yet."""
        at = literal(now, UtcDateTime)
        new = (
            select(_LINE.c.subscriber_id, *(_WISH.c[name] for name in _CHOICES), at, at)
            .join_from(_LINE, _WISH, _WISH.c.wish == _LINE.c.wish)
            .where(_ALWAYS)
        )
        columns = ["subscriber_id", *_CHOICES, "created_at", "changed_at"]
        statement = insert_new(self._session, SubscriptionRow).from_select(columns, new).on_conflict_do_nothing()
        self._session.connection().execute(statement)

    def record_consent(self, *, wording: str, source: str, now: datetime) -> None:
        """Record that everybody agreed to what their line asks for, and which line of which file says so."""
        detail: ColumnElement[str] = literal(f"{source}, line ") + cast(_LINE.c.line, Text)
        said = [literal(value) for value in (ConsentEvent.CONFIRMED.value, ConsentMethod.IMPORT.value, wording)]
        lines = select(_LINE.c.subscriber_id, _WISH.c.newsletter, *said, detail, literal(now, UtcDateTime)).join_from(
            _LINE, _WISH, _WISH.c.wish == _LINE.c.wish
        )
        columns = ["subscriber_id", "newsletter", "event", "method", "wording", "detail", "at"]
        self._session.connection().execute(insert(ConsentRow).from_select(columns, lines))
