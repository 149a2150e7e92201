"""Sign-ups that wait to be looked at: every query on their table, and the way to the people they may be of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, delete, insert, select
from sqlalchemy.orm import Session

from subscribers.choices_json import choices_to_json
from subscribers.dialect import as_list, elements
from subscribers.model import SignUp
from subscribers.tables import SignUpRow, SubscriberRow

#: Characters kept of what was written as an address: more than any has, so that one that was cut is refused.
MAX_ADDRESS = 320
#: Stands for what no database takes; no address may hold it, so what is refused stays refused (U+001A SUBSTITUTE).
_NOT_TEXT = "\x1a"
_NOT_STORABLE = {0: _NOT_TEXT, **dict.fromkeys(range(0xD800, 0xE000), _NOT_TEXT)}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sign-up as it was stored; ``choices`` are not read yet, so that a broken one spoils only itself."""

    id: int
    address: str
    newsletter: str
    choices: dict[str, Any]
    method: str
    wording: str
    client: str


class SignUpStore:
    """The table of sign-ups nobody has looked at. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, batch: Sequence[SignUp], *, now: datetime) -> None:
        """Store sign-ups, one statement for all of them; whatever was written as an address is taken."""
        if not batch:
            return
        rows = [
            {
                "address": one.address[:MAX_ADDRESS].translate(_NOT_STORABLE),
                "newsletter": one.newsletter,
                "choices": choices_to_json(one.choices),
                "method": one.method.value,
                "wording": one.wording,
                "client": one.client,
                "received_at": now,
            }
            for one in batch
        ]
        self._session.connection().execute(insert(SignUpRow), rows)

    def oldest(self, limit: int) -> list[Waiting]:
        """Return the next to be looked at, at most ``limit``, oldest first; nobody else is given them until the end."""
        page = (
            select(
                SignUpRow.id,
                SignUpRow.address,
                SignUpRow.newsletter,
                SignUpRow.choices,
                SignUpRow.method,
                SignUpRow.wording,
                SignUpRow.client,
            )
            .order_by(SignUpRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [Waiting(*row) for row in self._session.execute(page)]

    def drop(self, sign_up_ids: Collection[int]) -> None:
        """Delete sign-ups that were dealt with."""
        listed, number = elements(self._session, as_list(sign_up_ids), BigInteger())
        gone = delete(SignUpRow).where(SignUpRow.id.in_(select(number).select_from(listed)))
        self._session.execute(gone, execution_options={"synchronize_session": False})

    def hold_people(self, keys: Collection[str]) -> None:
        """Hold off other writers of the people with those address keys; ascending, so that nobody waits in a ring."""
        listed, key = elements(self._session, as_list(keys), String(320))
        people = select(SubscriberRow.id).join(listed, SubscriberRow.address_key == key).order_by(SubscriberRow.id)
        self._session.execute(people.with_for_update(of=SubscriberRow)).all()
