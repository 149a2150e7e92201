"""What the links in mails do. Tokens are text from outside: anything may come."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, select
from sqlalchemy.orm import Session

from subscribers.dialect import as_list, elements
from subscribers.keys import LinkKeys
from subscribers.leaving import Leaving, log_ended
from subscribers.model import Cadence, ConsentMethod, Holder, SubscriberId, SubscriberState, Subscription, Taste
from subscribers.opinions import OpinionStore
from subscribers.ports import Clock, Notices, Transactions
from subscribers.store import SubscriberStore
from subscribers.tables import ConsentRow, SubscriptionRow
from subscribers.tokens import Claim, TokenPurpose

log = logging.getLogger(__name__)

#: Longest pause that a link to unsubscribe can ask for.
MAX_PAUSE = timedelta(days=366)
#: Often to rarely.
_CADENCES = (Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY, Cadence.MONTHLY)
#: Purposes whose token says all there is to know; those that confirm something name a row, see ``subscribers.confirming``.
_HELD_FOR_LONG = frozenset({TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES, TokenPurpose.FEEDBACK})


class Links:
    """Acts for whoever holds a token. Each call is one transaction, safe to repeat.

    A token to unsubscribe can make mails of its newsletter fewer, and nothing else: end it, a rarer cadence, a pause. It works
    for ever, and for somebody who left already it is answered as before.
    """

    def __init__(self, database: Transactions, clock: Clock, keys: LinkKeys, notices: Notices) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._notices = notices

    def holder_of(self, token: str, purpose: TokenPurpose) -> Holder | None:
        """Return whose token this is; None for whatever is not a valid token of that purpose, and for erased people.

        Args:
            token: what came.
            purpose: to unsubscribe, preferences, or feedback.

        Returns:
            With the newsletter where the token is to unsubscribe from it, and None as the newsletter for the other two.

        Raises:
            ValueError: another purpose.
        """
        if purpose not in _HELD_FOR_LONG:
            raise ValueError(f"a link to {purpose} is for Confirmations to read")
        claim = self._keys.claim(token, purpose)
        if claim is None:
            return None
        with self._database.read() as session:
            return self._holders(session, [claim])[0]

    def unsubscribe(
        self, tokens: Sequence[str], *, method: ConsentMethod = ConsentMethod.WEB, goodbye_from: Collection[str] = ()
    ) -> list[Holder | None]:
        """Unsubscribe the holders of ``tokens`` from the newsletters they name (RFC 8058 section 3.1), in one transaction.

        Idempotent: what has ended already is left alone, and each withdrawal is recorded once. A sign-up for the newsletter
        that waits for its confirmation ends too.

        Args:
            tokens: some thousands at most, from anywhere.
            method: how they came.
            goodbye_from: slugs of newsletters that send who leaves them a last mail.

        Returns:
            For each token its holder as found, None in the place of what is no token to unsubscribe.
        """
        claims = [self._keys.claim(token, TokenPurpose.UNSUBSCRIBE) for token in tokens]
        if not any(claims):
            return [None] * len(claims)
        leaving, ended = defaultdict[SubscriberId, set[str]](set), dict[SubscriberId, tuple[str, ...]]()
        with self._database.write() as session:
            holders = self._holders(session, claims, lock=True)
            for holder in holders:
                if holder is not None and holder.newsletter is not None:
                    leaving[holder.subscriber.id].add(holder.newsletter)
            if leaving:
                now, left = self._clock.now(), Leaving(session)
                people = [holder.subscriber for holder in holders if holder is not None]
                goodbyes = left.goodbyes(people, leaving, goodbye_from)
                ended = left.end(leaving, method=method, detail="link", now=now)
                for notice in goodbyes:
                    self._notices.put(session, notice, now=now)
        log_ended(ended, method)
        return holders

    def lessen(self, token: str, cadence: Cadence) -> Holder | None:
        """Have mails come at ``cadence`` if that is rarer than now; never more often.

        Args:
            token: to unsubscribe.
            cadence: one that the newsletter has.

        Returns:
            The holder as found; None: no token to unsubscribe.
        """

        def act(store: SubscriberStore, found: Subscription) -> bool:
            is_rarer = _CADENCES.index(cadence) > _CADENCES.index(found.cadence)
            return is_rarer and store.set_cadence(found.subscriber_id, found.newsletter, cadence, now=self._clock.now())

        holder, is_changed = self._make_fewer(token, act)
        if holder is not None and is_changed:
            log.info(
                "subscriber.lessened subscriber=%d newsletter=%s cadence=%s", holder.subscriber.id, holder.newsletter, cadence
            )
        return holder

    def pause(self, token: str, until: datetime) -> Holder | None:
        """Have no mails of the newsletter come before ``until``; a pause that lasts longer stays.

        Args:
            token: to unsubscribe.
            until: aware, from now to 366 days ahead.

        Returns:
            The holder as found; None: no token to unsubscribe.

        Raises:
            ValueError: ``until`` is past or too far ahead.
        """
        now = self._clock.now()
        if not now < until <= now + MAX_PAUSE:
            raise ValueError(f"a pause ends from now to {MAX_PAUSE.days} days ahead")

        def act(store: SubscriberStore, found: Subscription) -> bool:
            is_longer = found.paused_until is None or found.paused_until < until
            return is_longer and store.pause(found.subscriber_id, found.newsletter, until, now=now)

        holder, is_changed = self._make_fewer(token, act)
        if holder is not None and is_changed:
            log.info("subscriber.paused subscriber=%d newsletter=%s", holder.subscriber.id, holder.newsletter)
        return holder

    def say(self, subscriber_id: SubscriberId, paper_seq: int, taste: Taste | None) -> None:
        """Store what somebody says of a paper in place of what they said before; None takes it back.

        Args:
            subscriber_id: holder of a token for feedback.
            paper_seq: ingest number of a paper there is.
            taste: more or less like this.
        """
        with self._database.write() as session:
            person = SubscriberStore(session).get(subscriber_id, lock=True)
            if person is not None and person.state is not SubscriberState.ERASED:  # as it may have become meanwhile
                OpinionStore(session).say(subscriber_id, paper_seq, taste, at=self._clock.now())

    def opinion(self, subscriber_id: SubscriberId, paper_seq: int) -> Taste | None:
        """Return what somebody said of a paper, None for nothing."""
        with self._database.read() as session:
            return OpinionStore(session).get(subscriber_id, paper_seq)

    def _make_fewer(self, token: str, act: Callable[[SubscriberStore, Subscription], bool]) -> tuple[Holder | None, bool]:
        """Return the holder as found, and what ``act`` said; it is not called for who left already."""
        claim = self._keys.claim(token, TokenPurpose.UNSUBSCRIBE)
        if claim is None:
            return None, False
        with self._database.write() as session:
            (holder,) = self._holders(session, [claim], lock=True)
            if holder is None or holder.newsletter is None:
                return None, False
            store = SubscriberStore(session)
            found = store.subscription(holder.subscriber.id, holder.newsletter)
            return holder, found is not None and act(store, found)

    def _holders(self, session: Session, claims: Sequence[Claim | None], *, lock: bool = False) -> list[Holder | None]:
        numbers = {claim.subscriber_id for claim in claims if claim is not None}
        people = {
            person.id: person
            for person in SubscriberStore(session).among(numbers, lock=lock)
            if person.state is not SubscriberState.ERASED
        }
        newsletters = _had_to_do_with(session, people)

        def holder(claim: Claim | None) -> Holder | None:
            subscriber = people.get(claim.subscriber_id) if claim is not None else None
            if claim is None or subscriber is None:
                return None
            scopes = newsletters[subscriber.id] if claim.purpose is TokenPurpose.UNSUBSCRIBE else [None]
            for scope in scopes:
                if self._keys.verify(claim, subscriber, newsletter=scope or ""):
                    return Holder(subscriber, scope)
            return None

        return [holder(claim) for claim in claims]


def _had_to_do_with(session: Session, people: Iterable[SubscriberId]) -> dict[SubscriberId, list[str | None]]:
    """Return the newsletters people get or ever asked for, so that an old link is answered as it was before it was used."""
    listed, number = elements(session, as_list(people), BigInteger())
    asked = select(ConsentRow.subscriber_id, ConsentRow.newsletter).join(listed, ConsentRow.subscriber_id == number)
    gets = select(SubscriptionRow.subscriber_id, SubscriptionRow.newsletter).join(
        listed, SubscriptionRow.subscriber_id == number
    )
    found = defaultdict[SubscriberId, list[str | None]](list)
    for who, slug in session.execute(asked.union(gets)):
        found[SubscriberId(who)].append(slug)
    return found
