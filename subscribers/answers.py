"""How many automatic answers an address gets in a day (RFC 3834 section 2): every query on their table."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import case, delete, or_, select
from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.dialect import insert_new
from subscribers.limits import mailbox_of
from subscribers.suppression import Hasher
from subscribers.tables import AnsweredRow

#: For so long answers are counted together, from the first of them on.
PERIOD = timedelta(days=1)


class AnswerKind(StrEnum):
    """What is counted together.

    Answers to mails that are certainly the reader's own are counted apart from those to mails anybody could have written: who
    forges mails in a reader's name must not use up the reader's answers. Mails that ask to confirm a sign-up by mail are a
    third kind, so that who asked how it is done can do it on the same day.
    """

    READER = "reader"
    ANYBODY = "anybody"
    SIGN_UP = "sign_up"


class AnswerStore:
    """The answers that addresses got lately, by keyed hash. Takes a session, never commits."""

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._hash = hasher

    def may_answer(self, address: Address, mail: int, *, kind: AnswerKind, most: int, now: datetime) -> bool:
        """Count an answer to a mailbox if one may go there now; False if none may.

        The same mail is counted once, however often it is asked about within the period: whoever dies before the answer is
        queued asks again.

        Args:
            address: where the answer would go; all ways to write one mailbox count together.
            mail: number of the mail that is answered.
            kind: of the answer.
            most: answers in a period; of those who ask at once, so many get a yes.
            now: aware UTC.
        """
        granted = self._hash(f"{kind} mail {mail}")
        since = self._session.scalar(select(AnsweredRow.since).where(AnsweredRow.address_hash == granted))
        if since is not None and now - PERIOD < since:
            return True
        if not self._count(self._hash(f"{kind} {mailbox_of(address)}"), most, now):
            return False
        return self._count(granted, most, now)

    def drop(self, *, before: datetime) -> int:
        """Delete what was counted from before an instant on; return how much that was. A period must have passed since."""
        gone = delete(AnsweredRow).where(AnsweredRow.since < before).returning(AnsweredRow.address_hash)
        return len(self._session.scalars(gone, execution_options={"synchronize_session": False}).all())

    def _count(self, key: str, most: int, now: datetime) -> bool:
        # A clock that was wrong must not silence an address for longer than a period.
        is_over = or_(AnsweredRow.since <= now - PERIOD, AnsweredRow.since > now + PERIOD)
        first = insert_new(self._session, AnsweredRow).values(address_hash=key, answers=1, since=now)
        counted = first.on_conflict_do_update(
            index_elements=[AnsweredRow.address_hash],
            set_={
                "answers": case((is_over, 1), else_=AnsweredRow.answers + 1),
                "since": case((is_over, now), else_=AnsweredRow.since),
            },
            where=is_over | (AnsweredRow.answers < most),
        )
        return self._session.scalar(counted.returning(AnsweredRow.address_hash)) is not None
