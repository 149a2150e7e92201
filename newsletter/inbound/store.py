"""Every query on mails that came in: which wait, who works on which, what was made of them.

A claim carries the row's ``epoch``, which grows with each claim; a write under an older one finds nothing to change.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Table, bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, InboundId, InboundState, Kept, MailKind, Stored, Via
from newsletter.inbound.tables import InboundMailRow, InboundPersonRow
from subscribers.dialect import insert_new
from subscribers.model import NoticeKind, SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow

#: How often a mail is tried; a try that died with its process counts.
TRIES = 5
#: Pause behind each failed try but the last.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
#: Recipients of one mail that are kept.
MAX_RECIPIENTS = 100
_MAX_ADDRESS = 1000
#: In the order they are looked through.
_OPEN = (InboundState.WAITING, InboundState.AT_WORK)
_SETTLED = (InboundState.HANDLED, InboundState.FAILED)
_ROWS_ONLY = {"synchronize_session": False}
#: What goes with the mail itself; the figures stay.
FORGOTTEN: dict[str, Any] = {"raw": None, "envelope_from": None, "recipients": []}
#: What a damaged row, or one of a newer version, raises when it is read.
UNREADABLE = (zlib.error, ValueError)


@dataclass(frozen=True, slots=True)
class InboundClaim:
    """A mail that this process alone works on.

    Attributes:
        stored: the mail.
        epoch: number of the claim.
        attempts: tries, this one included.
        was_answered: whether an answer to it was queued before: it is handled again, and never answered twice.
    """

    stored: Stored
    epoch: int
    attempts: int
    was_answered: bool


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """What is known of a mail, without the mail itself.

    Attributes:
        via: the way it came, as :class:`Via` or a newer version names it.
        size: in bytes, as it came.
        not_before: of one that waits: when it is due; of one at work: when others take over.
        attempts: how often handling it was tried.
        outcome: what was done, like ``bounce.counted``; ``""`` before that.
        subscriber_id: whom it was certainly about.
        facts: figures and names; never an address.
        is_kept: whether the mail itself is still there.
    """

    id: InboundId
    via: str
    received_at: datetime
    size: int
    state: InboundState
    not_before: datetime
    attempts: int
    kind: str
    detail: str
    outcome: str
    newsletter: str
    subscriber_id: SubscriberId | None
    facts: dict[str, Any]
    handled_at: datetime | None
    is_kept: bool

    def as_json(self) -> dict[str, object]:
        """Return it as scripts get it: its attributes; instants as they are."""
        return asdict(self)


class InboundStore:
    """The mails that came in. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, arrival: Arrival, *, now: datetime) -> Kept:
        """Store a mail whole, due at once; the very same one, to the same recipients, is stored only once."""
        key = _key(arrival)
        sender = arrival.envelope_from
        row = {
            "key": key,
            "via": arrival.via,
            "envelope_from": None if sender is None else _storable(sender),
            "recipients": [_storable(recipient) for recipient in arrival.recipients[:MAX_RECIPIENTS]],
            "size": len(arrival.raw),
            "raw": zlib.compress(arrival.raw),
            "received_at": now,
            "state": InboundState.WAITING,
            "not_before": now,
        }
        new = insert_new(self._session, InboundMailRow).values(row).on_conflict_do_nothing().returning(InboundMailRow.id)
        made = self._session.scalar(new)
        if made is not None:
            return Kept(InboundId(made), is_new=True)
        known = self._session.scalars(select(InboundMailRow.id).where(InboundMailRow.key == key)).one()
        return Kept(InboundId(known), is_new=False)

    def has_work(self, *, now: datetime) -> bool:
        """Whether :meth:`claim` would find anything; quick, and asks for no lock."""
        due = [exists().where(InboundMailRow.state == state, InboundMailRow.not_before <= now) for state in _OPEN]
        return bool(self._session.scalar(select(or_(*due))))

    def claim(self, *, now: datetime, lease: timedelta) -> InboundClaim | None:
        """Take the mail that is due longest, for this process alone; None if nothing is due.

        What crashes left comes behind what waits. Two processes never get the same mail: PostgreSQL passes over rows that
        another transaction holds, SQLite has one writer. After a crash it is due again when the lease ends. One that was at
        work in as many crashes as there are tries is given up, and so is a row that this version cannot read, so that no mail
        can stop the others for ever.
        """
        while (row := self._take(now, now + lease)) is not None:
            why = "crashed"
            if row.raw is not None and row.attempts <= TRIES:
                try:
                    return InboundClaim(_to_stored(row), row.epoch, row.attempts, bool(row.facts.get("answered")))
                except UNREADABLE:
                    why = "unreadable"
            given_up = {"state": InboundState.FAILED, "outcome": f"failed.{why}", "handled_at": now}
            self._write(row.id, row.epoch, given_up)
        return None

    def settle(
        self,
        claim: InboundClaim,
        handled: Handled,
        *,
        kind: MailKind,
        detail: str,
        now: datetime,
        is_forgotten: bool = False,
    ) -> bool:
        """Write what a mail was and what was done; False if somebody else took the claim over.

        Of a person who was erased meanwhile (``is_forgotten``, or known by the row they had) the mail itself goes at once.
        """
        answered = claim.was_answered or any(notice.kind is NoticeKind.ANSWER for notice in handled.notices)
        values: dict[str, Any] = {
            "state": InboundState.HANDLED,
            "kind": kind,
            "detail": detail[:32],
            "outcome": handled.outcome[:48],
            "newsletter": handled.newsletter,
            "subscriber_id": handled.subscriber_id,
            "facts": {**handled.facts, **({"answered": True} if answered else {})},
            "handled_at": now,
        }
        if is_forgotten or (handled.subscriber_id is not None and self._is_erased(handled.subscriber_id)):
            values |= FORGOTTEN | {"facts": {}}
        return self._write(claim.stored.id, claim.epoch, values)

    def fail(self, claim: InboundClaim, problem: str, *, now: datetime, is_forgotten: bool = False) -> InboundState | None:
        """Have a mail tried again later, or give it up after the last try.

        Args:
            claim: of the try that failed.
            problem: name of the error.
            now: aware UTC; the next try is due ``PAUSES[attempts - 1]`` later.
            is_forgotten: its person was erased meanwhile: the mail itself goes when it is given up.

        Returns:
            Where it stands; None if somebody else took the claim over.
        """
        if claim.attempts < TRIES:
            state = InboundState.WAITING
            values: dict[str, Any] = {"state": state, "not_before": now + PAUSES[claim.attempts - 1]}
        else:
            state = InboundState.FAILED
            values = {"state": state, "outcome": f"failed.{problem}"[:48], "handled_at": now}
            values |= FORGOTTEN | {"facts": {}} if is_forgotten else {}
        return state if self._write(claim.stored.id, claim.epoch, values) else None

    def replay(self, ids: Iterable[int], *, now: datetime) -> list[InboundId]:
        """Have mails handled again, whatever became of them; return those that are still kept, ascending.

        Whoever works on one at this moment works in vain: it is claimed anew.
        """
        again = (
            update(InboundMailRow)
            .where(InboundMailRow.id.in_(list(ids)), InboundMailRow.raw.is_not(None))
            .values(state=InboundState.WAITING, not_before=now, attempts=0, epoch=InboundMailRow.epoch + 1)
            .returning(InboundMailRow.id)
        )
        return sorted(InboundId(found) for found in self._session.scalars(again, execution_options=_ROWS_ONLY))

    def latest(
        self, *, kind: MailKind | None = None, state: InboundState | None = None, limit: int | None = None
    ) -> list[InboundRecord]:
        """Return what is known of mails, newest first, at most ``limit``."""
        found = select(*_COLUMNS).order_by(InboundMailRow.id.desc()).limit(limit)
        if kind is not None:
            found = found.where(InboundMailRow.kind == kind)
        if state is not None:
            found = found.where(InboundMailRow.state == state)
        return [_to_record(row) for row in self._session.execute(found)]

    def record(self, number: int) -> InboundRecord | None:
        """Return what is known of a mail; None if there is none of that number."""
        row = self._session.execute(select(*_COLUMNS).where(InboundMailRow.id == number)).one_or_none()
        return None if row is None else _to_record(row)

    def stored(self, number: int) -> Stored | None:
        """Return a mail itself; None if there is none of that number, it is not kept any more, or its row is damaged."""
        row = self._session.get(InboundMailRow, number)
        try:
            return None if row is None or row.raw is None else _to_stored(row)
        except UNREADABLE:
            return None

    def blank_old(self, before: datetime, *, limit: int) -> int:
        """Forget mails themselves that came before an instant and were settled, at most ``limit``; return how many."""
        due = (InboundMailRow.received_at < before) & InboundMailRow.raw.is_not(None) & InboundMailRow.state.in_(_SETTLED)
        old = self._some(due, limit)
        named = delete(InboundPersonRow).where(InboundPersonRow.inbound_id.in_(old))
        self._session.execute(named, execution_options=_ROWS_ONLY)
        blank = update(InboundMailRow).where(InboundMailRow.id.in_(old)).values(FORGOTTEN)
        return len(self._session.scalars(blank.returning(InboundMailRow.id), execution_options=_ROWS_ONLY).all())

    def drop_old(self, before: datetime, *, limit: int) -> int:
        """Delete what is known of mails that came before an instant, at most ``limit``; return how many."""
        drop = delete(InboundMailRow).where(InboundMailRow.id.in_(self._some(InboundMailRow.received_at < before, limit)))
        return len(self._session.scalars(drop.returning(InboundMailRow.id), execution_options=_ROWS_ONLY).all())

    def _take(self, now: datetime, until: datetime) -> Row[Any] | None:
        # One after the other: each is a walk along the index, and what crashes left is little.
        connection = self._session.connection()
        for state in _OPEN:
            row = connection.execute(_TAKE, {"open": state, "now": now, "until": until}).first()
            if row is not None:
                return row
        return None

    def _write(self, number: int, epoch: int, values: dict[str, Any]) -> bool:
        held = _HELD.values(values).returning(_MAIL.c.id)
        return self._session.connection().scalar(held, {"held_id": number, "held_epoch": epoch}) is not None

    def _is_erased(self, subscriber_id: SubscriberId) -> bool:
        # Locked, so that an erasure of this moment is either seen here or sees what is written here.
        state = select(SubscriberRow.state).where(SubscriberRow.id == subscriber_id).with_for_update(read=True)
        return self._session.scalar(state) == SubscriberState.ERASED

    def _some(self, due: ColumnElement[bool], limit: int) -> Sequence[int]:
        found = select(InboundMailRow.id).where(due).order_by(InboundMailRow.received_at, InboundMailRow.id).limit(limit)
        return self._session.scalars(found.with_for_update(skip_locked=True)).all()


#: What a claim is made of.
_WHOLE: tuple[InstrumentedAttribute[Any], ...] = (
    InboundMailRow.id,
    InboundMailRow.via,
    InboundMailRow.envelope_from,
    InboundMailRow.recipients,
    InboundMailRow.size,
    InboundMailRow.raw,
    InboundMailRow.received_at,
    InboundMailRow.attempts,
    InboundMailRow.epoch,
    InboundMailRow.facts,
)
_MAIL = cast("Table", InboundMailRow.__table__)
#: Taking the mail that is due longest among those in the state ``open``. Made once, and run past the ORM: it is done for every
#: mail, and making such a statement anew costs several times what the database needs for it.
_TAKE = (
    update(_MAIL)
    .where(
        _MAIL.c.id
        == select(_MAIL.c.id)
        .where(_MAIL.c.state == bindparam("open"), _MAIL.c.not_before <= bindparam("now"))
        .order_by(_MAIL.c.not_before, _MAIL.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(state=InboundState.AT_WORK, epoch=_MAIL.c.epoch + 1, attempts=_MAIL.c.attempts + 1, not_before=bindparam("until"))
    .returning(*(_MAIL.c[column.key] for column in _WHOLE))
)
#: What a claim still holds; to be given values. Likewise.
_HELD = update(_MAIL).where(
    _MAIL.c.id == bindparam("held_id"), _MAIL.c.epoch == bindparam("held_epoch"), _MAIL.c.state == InboundState.AT_WORK
)
#: All but the mail itself.
_COLUMNS: tuple[InstrumentedAttribute[Any] | ColumnElement[Any], ...] = (
    InboundMailRow.id,
    InboundMailRow.via,
    InboundMailRow.received_at,
    InboundMailRow.size,
    InboundMailRow.state,
    InboundMailRow.not_before,
    InboundMailRow.attempts,
    InboundMailRow.kind,
    InboundMailRow.detail,
    InboundMailRow.outcome,
    InboundMailRow.newsletter,
    InboundMailRow.subscriber_id,
    InboundMailRow.facts,
    InboundMailRow.handled_at,
    InboundMailRow.raw.is_not(None).label("is_kept"),
)


def raw_of(row: InboundMailRow | Row[Any]) -> bytes:
    """Return the bytes of a mail as they came, never more than its ``size``; none if the row has them no more.

    Raises:
        UNREADABLE: what the row holds is not what was written.
    """
    if row.raw is None:
        return b""
    raw = zlib.decompressobj().decompress(row.raw, max(row.size, 1))
    if len(raw) != row.size:
        raise ValueError("cut")
    return raw


def _key(arrival: Arrival) -> str:
    if arrival.named:
        return hashlib.sha256(f"{arrival.via}\n{arrival.named}".encode(errors="surrogatepass")).hexdigest()
    recipients = "\n".join(sorted(arrival.recipients)).encode(errors="surrogatepass")
    return hashlib.sha256(b"%d\n%b\n%b" % (len(recipients), recipients, arrival.raw)).hexdigest()


def _storable(address: str) -> str:
    """Return what both databases take: no NUL, no halves of characters, not too long."""
    return address.encode(errors="replace").decode().replace("\x00", "\ufffd")[:_MAX_ADDRESS]


def _to_stored(row: InboundMailRow | Row[Any]) -> Stored:
    arrival = Arrival(raw_of(row), Via(row.via), row.envelope_from, tuple(row.recipients))
    return Stored(InboundId(row.id), arrival, row.received_at)


def _to_record(row: Row[Any]) -> InboundRecord:
    known: dict[str, Any] = row._asdict()
    known["state"] = InboundState(known["state"])
    return InboundRecord(**known)
