"""Clearing away what nobody confirmed, and budgets that are full again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from subscribers.limits import REFILL
from subscribers.model import SignUpLimits, SubscriberState
from subscribers.ports import Clock, Transactions
from subscribers.tables import AddressChangeRow, AllowanceRow, SubscriberRow, WishRow

log = logging.getLogger(__name__)

#: Rows in one transaction, so that nobody waits long for it.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How much was cleared away.

    Attributes:
        people: who never confirmed anything.
        wishes: sign-ups of others, too old to be confirmed, or confirmed and no longer needed to answer a second click.
        changes: of address, likewise.
        allowances: budgets that are full again, or that a wrong clock wrote into the future.
    """

    people: int = 0
    wishes: int = 0
    changes: int = 0
    allowances: int = 0


class Upkeep:
    """Clears away. Any number of processes may do it at once, and it may be stopped at any time.

    How often a mailbox was written to without an answer stays for ever, as a keyed hash: it is what ends a nuisance.
    """

    def __init__(self, database: Transactions, clock: Clock, limits: SignUpLimits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    def run(self) -> Cleaned:
        """Clear away whatever is due, in small transactions.

        A person who never confirmed anything goes with all that belongs to them, once their last sign-up a mail was sent for
        is older than ``forget_after``.
        """
        now = self._clock.now()
        forget, expired = now - self._limits.forget_after, now - self._limits.confirm_within
        waits = exists().where(WishRow.subscriber_id == SubscriberRow.id, WishRow.asked_at >= forget)
        nobody = and_(SubscriberRow.state == SubscriberState.PENDING, SubscriberRow.created_at < forget, ~waits)
        answered = and_(WishRow.confirmed_at.is_not(None), WishRow.asked_at < expired)
        full = or_(AllowanceRow.at < now - REFILL, AllowanceRow.at > now + REFILL)
        cleaned = Cleaned(
            people=self._clear(SubscriberRow.id, nobody),
            wishes=self._clear(WishRow.id, or_(WishRow.asked_at < forget, answered)),
            changes=self._clear(AddressChangeRow.id, AddressChangeRow.asked_at < expired),
            allowances=self._clear(AllowanceRow.name, full),
        )
        if cleaned != Cleaned():
            log.info(
                "signup.cleared people=%d wishes=%d changes=%d allowances=%d",
                cleaned.people, cleaned.wishes, cleaned.changes, cleaned.allowances,
            )  # fmt: skip
        return cleaned

    def _clear(self, key: InstrumentedAttribute[Any], due: ColumnElement[bool]) -> int:
        """Delete the rows that are ``due``, by their ``key``; return how many."""
        count = 0
        while True:
            with self._database.write() as session:
                rows = select(key).where(due).order_by(key).limit(BATCH).with_for_update(skip_locked=True)
                found = session.scalars(rows).all()
                # Asked once more now that they are held: what came meanwhile may have saved them.
                gone = delete(key.class_).where(key.in_(found), due).execution_options(synchronize_session=False)
                count += len(session.scalars(gone.returning(key)).all()) if found else 0
            if len(found) < BATCH:
                return count
