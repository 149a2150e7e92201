"""The proof of consent: append-only, one line an event (GDPR Art. 7(1))."""

from __future__ import annotations

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from subscribers.model import Consent, ConsentEvent, ConsentMethod, SubscriberId
from subscribers.tables import ConsentRow


class ConsentStore:
    """The consent table: lines are added and read; only an erasure blanks what they say of a person."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, consent: Consent) -> None:
        """Add a line."""
        self._session.add(
            ConsentRow(
                subscriber_id=consent.subscriber_id,
                newsletter=consent.newsletter,
                event=consent.event,
                method=consent.method,
                wording=consent.wording,
                detail=consent.detail,
                at=consent.at,
            )
        )
        self._session.flush()

    def of(self, subscriber_id: int) -> tuple[Consent, ...]:
        """Return a person's lines, oldest first."""
        rows = self._session.scalars(
            select(ConsentRow).where(ConsentRow.subscriber_id == subscriber_id).order_by(ConsentRow.id)
        )
        return tuple(_to_consent(row) for row in rows)

    def has_withdrawn(self, subscriber_id: int, newsletter: str) -> bool:
        """Whether the last the person said about ``newsletter`` was to leave it.

        That somebody asked by a form does not count: as long as it is not confirmed, it may have been a stranger.
        """
        last = self._session.scalar(
            select(ConsentRow.event)
            .where(
                ConsentRow.subscriber_id == subscriber_id,
                ConsentRow.newsletter == newsletter,
                ConsentRow.event != ConsentEvent.ASKED,
            )
            .order_by(ConsentRow.id.desc())
            .limit(1)
        )
        return last == ConsentEvent.WITHDRAWN

    def blank(self, subscriber_id: int) -> None:
        """Empty the free text of a person's lines; what happened, when and how, stays as the proof it is.

        The words beside a form's button are everybody's and stay; those an operator wrote down for one person may name them.
        """
        written = ConsentRow.method == ConsentMethod.OPERATOR
        self._session.execute(
            update(ConsentRow)
            .where(ConsentRow.subscriber_id == subscriber_id)
            .values(detail="", wording=case((written, ""), else_=ConsentRow.wording)),
            execution_options={"synchronize_session": False},
        )


def _to_consent(row: ConsentRow) -> Consent:
    return Consent(
        subscriber_id=SubscriberId(row.subscriber_id),
        newsletter=row.newsletter,
        event=ConsentEvent(row.event),
        method=ConsentMethod(row.method),
        wording=row.wording,
        detail=row.detail,
        at=row.at,
    )
