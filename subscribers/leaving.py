"""Leaving newsletters: many people in a handful of statements."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import groupby

from sqlalchemy import BigInteger, delete, exists, insert, select, tuple_, update
from sqlalchemy.orm import Session

from subscribers.dialect import as_list, elements
from subscribers.model import ConsentEvent, ConsentMethod, Notice, NoticeKind, Subscriber, SubscriberId, SubscriberState
from subscribers.tables import ConsentRow, SubscriberRow, SubscriptionRow, WishRow

log = logging.getLogger(__name__)

#: States that end with the last newsletter.
_STAYING = (SubscriberState.PENDING, SubscriberState.ACTIVE, SubscriberState.PAUSED)
#: ORM-enabled statements touch rows only; no object of ours is in the session to be kept in step.
_ROWS_ONLY = {"synchronize_session": False}


class Leaving:
    """Ends subscriptions, and sign-ups that wait for their confirmation. Takes a session, never commits.

    The rows of the people concerned are to be locked before, ascending id.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def newsletters(self, subscriber_id: SubscriberId) -> list[str]:
        """Return what a person gets or signed up for, sorted."""
        gets = select(SubscriptionRow.newsletter).where(SubscriptionRow.subscriber_id == subscriber_id)
        wants = select(WishRow.newsletter).where(WishRow.subscriber_id == subscriber_id)
        return sorted(self._session.scalars(gets.union(wants)))

    def goodbyes(
        self, people: Iterable[Subscriber], leaving: Mapping[SubscriberId, Collection[str]], said_by: Collection[str]
    ) -> list[Notice]:
        """Return the last mails to those who are about to leave; to be asked for before they do.

        Who left before gets none, and neither does who only waits for a confirmation: that mailbox never answered.

        Args:
            people: who is leaving.
            leaving: the slugs each of them wants to end.
            said_by: slugs of the newsletters that say goodbye.
        """
        addresses = {person.id: person.address for person in people}
        places = [(who, slug) for who, slugs in leaving.items() for slug in slugs if slug in said_by]
        gets = (
            select(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter)
            .where(tuple_(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter).in_(places))
            .order_by(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter)
        )
        found = self._session.execute(gets) if places else ()
        return [Notice(NoticeKind.GOODBYE, SubscriberId(who), addresses[SubscriberId(who)], slug) for who, slug in found]

    def end(
        self, leaving: Mapping[SubscriberId, Collection[str]], *, method: ConsentMethod, detail: str, now: datetime
    ) -> dict[SubscriberId, tuple[str, ...]]:
        """End newsletters; who gets none any more, and waits for none, is unsubscribed. Again changes nothing.

        A link that would have confirmed a sign-up for one of them is dead afterwards. The withdrawal is recorded for whatever
        was ended, be it a subscription or a wait.

        Args:
            leaving: people, some thousands at most, and the slugs each of them wants to end.
            method: how they said so.
            detail: where the proof is.
            now: aware UTC.

        Returns:
            The slugs this call ended for each person, sorted; who had none of theirs is left out.
        """
        places = [(who, slug) for who, slugs in leaving.items() for slug in slugs]
        subscriptions = (
            delete(SubscriptionRow)
            .where(tuple_(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter).in_(places))
            .returning(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter)
        )
        wishes = (
            delete(WishRow)
            .where(tuple_(WishRow.subscriber_id, WishRow.newsletter).in_(places))
            .returning(WishRow.subscriber_id, WishRow.newsletter, WishRow.confirmed_at)
        )
        gone = {(who, slug) for who, slug in self._session.execute(subscriptions, execution_options=_ROWS_ONLY)}
        for who, slug, confirmed_at in self._session.execute(wishes, execution_options=_ROWS_ONLY):
            if confirmed_at is None:
                gone.add((who, slug))
        self._record(gone, method, detail, now)
        self._settle(leaving, now)
        return {
            SubscriberId(who): tuple(slug for _, slug in theirs)
            for who, theirs in groupby(sorted(gone), lambda place: place[0])
        }

    def _record(self, gone: Collection[tuple[int, str]], method: ConsentMethod, detail: str, now: datetime) -> None:
        said = {"event": ConsentEvent.WITHDRAWN, "method": method, "wording": "", "detail": detail, "at": now}
        if gone:
            lines = [{"subscriber_id": who, "newsletter": slug, **said} for who, slug in sorted(gone)]
            self._session.connection().execute(insert(ConsentRow), lines)

    def _settle(self, people: Collection[SubscriberId], now: datetime) -> None:
        listed, number = elements(self._session, as_list(people), BigInteger())
        gets = exists().where(SubscriptionRow.subscriber_id == SubscriberRow.id)
        waits = exists().where(WishRow.subscriber_id == SubscriberRow.id, WishRow.confirmed_at.is_(None))
        self._session.execute(
            update(SubscriberRow)
            .where(
                SubscriberRow.id.in_(select(number).select_from(listed)),
                SubscriberRow.state.in_(_STAYING),
                ~gets,
                # Somebody who never was a reader goes on waiting for the rest of what they signed up for.
                ~((SubscriberRow.state == SubscriberState.PENDING) & waits),
            )
            .values(state=SubscriberState.UNSUBSCRIBED, changed_at=now),
            execution_options=_ROWS_ONLY,
        )


def log_ended(ended: Mapping[SubscriberId, Collection[str]], method: ConsentMethod) -> None:
    """Log what :meth:`Leaving.end` did, once it is committed."""
    for who, slugs in ended.items():
        log.info("subscriber.unsubscribed subscriber=%d newsletters=%s method=%s", who, ",".join(slugs), method)
