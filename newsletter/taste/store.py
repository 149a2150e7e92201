"""The table of models, and every question that is asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Row, Select, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from newsletter.taste.model import Learned
from newsletter.taste.tables import TasteRow
from newsletter.trending.vectors import DIM
from subscribers.dialect import as_list, elements, insert_new
from subscribers.model import SubscriberId, SubscriberState
from subscribers.store import SubscriberStore
from subscribers.tables import OpinionRow, SubscriptionRow

_STORED = np.dtype("<f2")

Weights: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """A reader who said something of papers: how many opinions there are, and the instant of the newest."""

    subscriber_id: SubscriberId
    opinions: int
    newest_at: datetime


class TasteStore:
    """Models of taste in one session. Nothing is committed here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def weights(self, subscriber_ids: Iterable[int]) -> tuple[NDArray[np.int64], Weights]:
        """Return the models of those among ``subscriber_ids`` that have one.

        Returns:
            Their numbers, ascending, and a row of ``DIM`` weights for each.
        """
        listed, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        found = select(TasteRow.subscriber_id, TasteRow.weights).join(listed, TasteRow.subscriber_id == number)
        usable = found.where(func.length(TasteRow.weights) == DIM * _STORED.itemsize)
        rows = self._session.execute(usable.order_by(TasteRow.subscriber_id)).all()
        stored = np.frombuffer(b"".join(row.weights for row in rows), dtype=_STORED)
        return np.array([row.subscriber_id for row in rows], dtype=np.int64), stored.reshape(-1, DIM).astype(np.float32)

    def learned(self, subscriber_id: int) -> Learned | None:
        """Return what a reader's model was made of, None if there is none."""
        row = self._session.get(TasteRow, subscriber_id)
        return None if row is None else Learned(row.opinions, row.newest_at, row.learned_at)

    def to_learn(self, *, after: int, limit: int, before: datetime) -> list[Voice]:
        """Return readers whose model is to be made anew, ascending number, the next ``limit`` behind ``after``.

        These are those whose opinions or choices changed since, those whose model was made before ``before``, aware, and
        those whose model is of another version of the program.
        """
        said = _voices().where(OpinionRow.subscriber_id > after).subquery()
        chosen_since = exists().where(
            SubscriptionRow.subscriber_id == said.c.subscriber_id, SubscriptionRow.changed_at > TasteRow.learned_at
        )
        is_old = or_(
            TasteRow.subscriber_id.is_(None),
            TasteRow.opinions != said.c.opinions,
            TasteRow.newest_at != said.c.newest_at,
            TasteRow.learned_at < before,
            func.length(TasteRow.weights) != DIM * _STORED.itemsize,
            chosen_since,
        )
        found = select(said).outerjoin(TasteRow, TasteRow.subscriber_id == said.c.subscriber_id).where(is_old)
        return [_voice(row) for row in self._session.execute(found.order_by(said.c.subscriber_id).limit(limit))]

    def put(self, learned: Sequence[tuple[Voice, Weights]], *, now: datetime) -> int:
        """Store models in place of those before; return how many.

        A reader who said something else meanwhile, or was erased, is left out: the people's rows are locked here, so what was
        taken back is never stored after all.
        """
        people = SubscriberStore(self._session).among([voice.subscriber_id for voice, _ in learned], lock=True)
        listed, number = elements(self._session, as_list(person.id for person in people), BigInteger())
        still = _voices().join(listed, OpinionRow.subscriber_id == number)
        voices = {_voice(row) for row in self._session.execute(still)}
        erased = {person.id for person in people if person.state is SubscriberState.ERASED}
        rows = [
            {
                "subscriber_id": voice.subscriber_id,
                "opinions": voice.opinions,
                "newest_at": voice.newest_at,
                "learned_at": now,
                "weights": weights.astype(_STORED).tobytes(),
            }
            for voice, weights in learned
            if voice in voices and voice.subscriber_id not in erased
        ]
        if rows:
            insert = insert_new(self._session, TasteRow)
            taken = {name: insert.excluded[name] for name in ("opinions", "newest_at", "learned_at", "weights")}
            self._session.execute(insert.on_conflict_do_update(index_elements=["subscriber_id"], set_=taken), rows)
        return len(rows)

    def has_orphans(self) -> bool:
        """Whether a model is of a reader whose opinions are all gone."""
        return self._session.scalar(select(TasteRow.subscriber_id).where(_is_orphan()).limit(1)) is not None

    def drop_orphans(self) -> None:
        """Delete the models of readers whose opinions are all gone."""
        self._session.execute(delete(TasteRow).where(_is_orphan()), execution_options={"synchronize_session": False})


def forget_taste(session: Session, subscriber_id: SubscriberId) -> None:
    """Delete what was learned about a person."""
    session.execute(
        delete(TasteRow).where(TasteRow.subscriber_id == subscriber_id), execution_options={"synchronize_session": False}
    )


def _voices() -> Select[int, int, datetime]:
    counted = func.count().label("opinions")
    newest = func.max(OpinionRow.at).label("newest_at")
    return select(OpinionRow.subscriber_id, counted, newest).group_by(OpinionRow.subscriber_id)


def _voice(row: Row[int, int, datetime]) -> Voice:
    return Voice(SubscriberId(row.subscriber_id), row.opinions, row.newest_at)


def _is_orphan() -> ColumnElement[bool]:
    return ~exists().where(OpinionRow.subscriber_id == TasteRow.subscriber_id)
