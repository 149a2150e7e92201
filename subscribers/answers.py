"""How much is sent because mail came in: answers an address gets in a day (RFC 3834 section 2), and mails an hour in all.

Every query on their table is here.
"""

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
#: What is counted over all addresses is counted for so long, and may be so much: answers to mails anybody could have written,
#: and mails to whoever runs the newsletter. A flood of mails in invented names must not leave as another.
HOUR = timedelta(hours=1)
MOST_TO_ANYBODY, MOST_FORWARDED = 200, 200


class AnswerKind(StrEnum):
    """What is counted together.

    Answers to mails that are certainly the reader's own are counted apart from those to mails anybody could have written: who
    forges mails in a reader's name must not use up the reader's answers. Mails that ask to confirm a sign-up anybody could have
    asked for (``SIGN_UP``) are one number with the latter for each address, but not over all: the desk has a budget for these.
    ``DOUBTFUL`` are answers to what may be a machine's reply to such a mail.
    """

    READER = "reader"
    ANYBODY = "anybody"
    SIGN_UP = "sign_up"
    DOUBTFUL = "doubtful"


class AnswerStore:
    """The answers that addresses got lately, by keyed hash. Takes a session, never commits."""

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._hash = hasher

    def may_answer(
        self, address: Address, mail: int, *, kind: AnswerKind, most: int, now: datetime, message_id: str = ""
    ) -> bool:
        """Count an answer to a mailbox if one may go there now; False if none may.

        The same mail is counted once, however often it is asked about within the period: whoever dies before the answer is
        queued asks again. One that came on several ways, under a number each, is answered under one of them.

        Args:
            address: where the answer would go; all ways to write one mailbox count together.
            mail: number of the mail that is answered.
            kind: of the answer.
            most: answers in a period; of those who ask at once, so many get a yes.
            now: aware UTC.
            message_id: of that mail; ``""`` if it has none.
        """
        granted = self._hash(f"{kind} mail {mail}")
        if self._is_granted(granted, now):
            return True
        mailbox = mailbox_of(address)
        answered = self._hash(f"message {mailbox} {message_id}") if message_id else ""
        if answered and self._is_granted(answered, now):
            return False
        together = AnswerKind.ANYBODY if kind is AnswerKind.SIGN_UP else kind
        if not self._count(self._hash(f"{together} {mailbox}"), most, now):
            return False
        if kind is AnswerKind.ANYBODY and not self._count(self._hash("all to anybody"), MOST_TO_ANYBODY, now, period=HOUR):
            return False
        if answered and not self._count(answered, 1, now):
            return False
        return self._count(granted, most, now)

    def may_forward(self, mail: int, *, now: datetime) -> bool:
        """Count a mail that is passed on to whoever runs the newsletter; False if there were enough within the hour.

        Args:
            mail: its number; the same one is counted once.
            now: aware UTC.
        """
        granted = self._hash(f"forwarded mail {mail}")
        if self._is_granted(granted, now):
            return True
        return self._count(self._hash("all forwarded"), MOST_FORWARDED, now, period=HOUR) and self._count(granted, 1, now)

    def drop(self, *, before: datetime) -> int:
        """Delete what was counted from before an instant on; return how much that was. A period must have passed since."""
        gone = delete(AnsweredRow).where(AnsweredRow.since < before).returning(AnsweredRow.address_hash)
        return len(self._session.scalars(gone, execution_options={"synchronize_session": False}).all())

    def _is_granted(self, key: str, now: datetime) -> bool:
        since = self._session.scalar(select(AnsweredRow.since).where(AnsweredRow.address_hash == key))
        return since is not None and now - PERIOD < since

    def _count(self, key: str, most: int, now: datetime, *, period: timedelta = PERIOD) -> bool:
        # A clock that was wrong must not silence an address for longer than a period.
        is_over = or_(AnsweredRow.since <= now - period, AnsweredRow.since > now + period)
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
