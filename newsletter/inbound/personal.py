"""What mails that came in hold of one person: told to them, and emptied when they are erased."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Text, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.inbound.model import InboundId, InboundState
from newsletter.inbound.store import FORGOTTEN, UNREADABLE, raw_of
from newsletter.inbound.tables import InboundErasedRow, InboundMailRow, InboundPersonRow
from newsletter.notices.store import NoticeStore
from subscribers.dialect import as_list, elements, insert_new
from subscribers.model import SubscriberId
from subscribers.suppression import Hasher
from subscribers.tables import SubscriberRow

_IS_OPEN = InboundMailRow.state.in_((InboundState.WAITING, InboundState.AT_WORK))
_ROWS_ONLY = {"synchronize_session": False}


def inbound_of(session: Session, subscriber_id: SubscriberId) -> list[dict[str, object]]:
    """Return every mail that was certainly a person's, or about one of ours to them, as plain JSON values, oldest first.

    Keys: ``received_at`` (ISO 8601), ``kind``, ``newsletter``, ``outcome``, and ``mail``: its text as it came, with what is no
    UTF-8 replaced; null once it is not kept any more.
    """
    theirs = select(InboundMailRow).where(InboundMailRow.subscriber_id == subscriber_id).order_by(InboundMailRow.id)
    return [
        {
            "received_at": row.received_at.isoformat(),
            "kind": row.kind,
            "newsletter": row.newsletter,
            "outcome": row.outcome,
            "mail": _text_of(row),
        }
        for row in session.scalars(theirs)
    ]


class PersonStore:
    """Who is named in which mail, as keyed hashes of their addresses. Takes a session, never commits."""

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._hash = hasher

    def note(self, number: InboundId, keys: Collection[str]) -> bool:
        """Write down whom a mail names; True, and nothing is written, if one of them was erased while it waited.

        Args:
            number: of the mail.
            keys: of the addresses in it.
        """
        if not keys:
            return False
        listed, key = elements(self._session, as_list(keys), Text())
        # Locked, so that an erasure of this moment is either seen below or sees what is written here.
        holders = (
            select(SubscriberRow.id)
            .where(SubscriberRow.address_key.in_(select(key).select_from(listed)))
            .order_by(SubscriberRow.id)
            .with_for_update(read=True)
        )
        self._session.execute(holders).all()
        hashes = [self._hash_of(each) for each in sorted(keys)]
        listed, digest = elements(self._session, as_list(hashes), Text())
        erased = exists().where(
            InboundErasedRow.address_hash.in_(select(digest).select_from(listed)), InboundErasedRow.up_to >= number
        )
        if self._session.scalar(select(erased)):
            before = delete(InboundPersonRow).where(InboundPersonRow.inbound_id == number)
            self._session.execute(before, execution_options=_ROWS_ONLY)
            return True
        rows = [{"address_hash": each, "inbound_id": number} for each in hashes]
        self._session.execute(insert_new(self._session, InboundPersonRow).on_conflict_do_nothing(), rows)
        return False

    def forget(self, subscriber_id: SubscriberId) -> None:
        """Forget the mails of a person whose row is locked and still has the address: theirs for certain, and what names it.

        What came of them stays. What is theirs waits no more; what else waits and may name them, perhaps among many, is still
        handled, and forgotten then. With them goes what was to leave because of them: answers, and what was passed on.
        """
        key = self._session.scalars(select(SubscriberRow.address_key).where(SubscriberRow.id == subscriber_id)).one()
        digest = self._hash_of(key)
        named = select(InboundPersonRow.inbound_id).where(InboundPersonRow.address_hash == digest)
        theirs = or_(InboundMailRow.subscriber_id == subscriber_id, func.lower(InboundMailRow.envelope_from) == key)
        found = self._session.scalars(select(InboundMailRow.id).where(theirs | InboundMailRow.id.in_(named))).all()
        listed, number = elements(self._session, as_list(found), BigInteger())
        numbers = select(number).select_from(listed)
        NoticeStore(self._session).withdraw_because_of(numbers)
        ended = {"state": InboundState.HANDLED, "outcome": "forgotten", "epoch": InboundMailRow.epoch + 1}
        for statement in (
            update(InboundMailRow).where(theirs, _IS_OPEN).values(ended),
            update(InboundMailRow).where(InboundMailRow.id.in_(numbers), ~_IS_OPEN).values(FORGOTTEN | {"facts": {}}),
            delete(InboundPersonRow).where(InboundPersonRow.inbound_id.in_(numbers)),
        ):
            self._session.execute(statement, execution_options=_ROWS_ONLY)
        self._mark(digest)

    def drop_marks(self) -> None:
        """Delete what was written down of the erased for mails that waited then, once none of those waits any more."""
        waits = exists().where(InboundMailRow.id <= InboundErasedRow.up_to, _IS_OPEN)
        self._session.execute(delete(InboundErasedRow).where(~waits), execution_options=_ROWS_ONLY)

    def _mark(self, digest: str) -> None:
        last = self._session.scalar(select(func.max(InboundMailRow.id)).where(_IS_OPEN))
        if last is not None:
            new: Any = insert_new(self._session, InboundErasedRow).values(address_hash=digest, up_to=last)
            self._session.execute(new.on_conflict_do_update(index_elements=["address_hash"], set_={"up_to": last}))

    def _hash_of(self, key: str) -> str:
        return self._hash(f"inbound {key}")


class ForgetInbound:
    """Forgets a person's mails when they are erased; see :meth:`PersonStore.forget`.

    Args:
        hasher: makes the hashes that their addresses are found by.
    """

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    def __call__(self, session: Session, subscriber_id: SubscriberId) -> None:
        """Forget the mails of a person whose row still has the address."""
        PersonStore(session, self._hasher).forget(subscriber_id)


def _text_of(row: InboundMailRow) -> str | None:
    try:
        return None if row.raw is None else raw_of(row).decode(errors="replace")
    except UNREADABLE:
        return None
