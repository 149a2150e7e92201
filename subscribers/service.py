"""What can be done with a subscriber; each call is one transaction, safe to repeat."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.address import parse_address
from subscribers.admission import LEFT, Request, admit
from subscribers.consent import ConsentStore
from subscribers.errors import HasLeftError, NotSubscribedError, UnknownSubscriberError
from subscribers.importing import AddressImport
from subscribers.model import (
    Added,
    Choices,
    Consent,
    ConsentEvent,
    ConsentMethod,
    Held,
    Holder,
    Subscriber,
    SubscriberState,
    Suppression,
    SuppressionReason,
)
from subscribers.ports import Clock, Transactions
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.tokens import KeyRing, TokenPurpose

log = logging.getLogger(__name__)


class SubscriberService:
    """Adds, changes, lets go and erases people. ``who`` is an address or a subscriber's number."""

    def __init__(self, database: Transactions, clock: Clock, secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._hasher = Hasher(secret)
        self.keys = KeyRing.of(secret)

    def add(
        self, address: str, newsletter: str, choices: Choices, *, method: ConsentMethod, wording: str, detail: str = ""
    ) -> Added:
        """Subscribe somebody whose consent was given elsewhere; active at once, and the consent is recorded as given.

        Args:
            address: one plain address.
            newsletter: its slug.
            choices: taken if they do not get it yet; else theirs stay.
            method: how the consent reached us.
            wording: what they agreed to.
            detail: where the proof is.

        Raises:
            AddressError: not an address.
            SuppressedError: never to be written to.
            HasLeftError: they left; see :meth:`resubscribe`.
        """
        request = Request(parse_address(address), newsletter, choices, method, wording, detail, asked_again=False)
        return self._admit(request)

    def resubscribe(
        self, address: str, newsletter: str, choices: Choices, *, method: ConsentMethod, wording: str, detail: str = ""
    ) -> Added:
        """Like :meth:`add`, for somebody who asked for it (again) themselves: lifts everything their own wish can lift.

        Raises:
            AddressError: not an address.
            SuppressedError: they complained once, or the operator suppressed the address.
        """
        request = Request(parse_address(address), newsletter, choices, method, wording, detail, asked_again=True)
        return self._admit(request)

    def importer(self) -> AddressImport:
        """Return what takes files of addresses in."""
        return AddressImport(self._database, self._clock, self._hasher)

    def find(self, who: int | str) -> Subscriber:
        """Return a person.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        with self._database.read() as session:
            return _find(session, who)

    def held(self, who: int | str) -> Held:
        """Return everything that is held about a person.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        with self._database.read() as session:
            subscriber = _find(session, who)
            erased = subscriber.state is SubscriberState.ERASED
            return Held(
                subscriber,
                tuple(SubscriberStore(session).subscriptions([subscriber.id])),
                ConsentStore(session).of(subscriber.id),
                None if erased else self._suppressions(session).get(parse_address(subscriber.address)),
            )

    def set_choices(self, who: int | str, newsletter: str, choices: Choices) -> None:
        """Replace a person's choices for one newsletter.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
            NotSubscribedError: they do not get it.
        """
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            if not SubscriberStore(session).set_choices(subscriber.id, newsletter, choices, now=self._clock.now()):
                raise NotSubscribedError(newsletter)

    def unsubscribe(
        self, who: int | str, newsletter: str | None = None, *, method: ConsentMethod, detail: str = ""
    ) -> tuple[str, ...]:
        """End one newsletter, or all of them with None; who gets none any more is unsubscribed, not deleted.

        Idempotent: what has ended already is left alone, and the withdrawal is recorded once.

        Returns:
            The newsletters that this call ended, sorted; empty if there was nothing to do.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        now = self._clock.now()
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            store, consents = SubscriberStore(session), ConsentStore(session)
            gets = [subscription.newsletter for subscription in store.subscriptions([subscriber.id])]
            ended = tuple(slug for slug in gets if newsletter in (None, slug) and store.end(subscriber.id, slug))
            for slug in ended:
                consents.record(Consent(subscriber.id, slug, ConsentEvent.WITHDRAWN, method, "", detail, now))
            if len(ended) == len(gets) and subscriber.state not in LEFT | {SubscriberState.ERASED}:
                store.set_state(subscriber.id, SubscriberState.UNSUBSCRIBED, now=now)
        if ended:
            log.info("subscriber.unsubscribed subscriber=%d newsletters=%s method=%s", subscriber.id, ",".join(ended), method)
        return ended

    def pause(self, who: int | str, newsletter: str | None = None, *, until: datetime | None = None) -> bool:
        """Stop writing to a person for a while: until an instant, or until :meth:`resume`.

        Args:
            who: the person.
            newsletter: only this one (then ``until`` must be given); None for all they get.
            until: aware; None for as long as nobody lifts it.

        Returns:
            False if the person is paused like that already.

        Raises:
            ValueError: a newsletter without an end of the pause.
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
            NotSubscribedError: they do not get that newsletter.
            HasLeftError: they have left.
        """
        if newsletter is not None and until is None:
            raise ValueError("the pause of a single newsletter needs an end")
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            if subscriber.state in LEFT | {SubscriberState.ERASED}:
                raise HasLeftError(subscriber.state)
            if until is not None:
                return self._pause_each(session, subscriber, newsletter, until)
            if subscriber.state is SubscriberState.PAUSED:
                return False
            SubscriberStore(session).set_state(subscriber.id, SubscriberState.PAUSED, now=self._clock.now())
            return True

    def resume(self, who: int | str, newsletter: str | None = None) -> bool:
        """Lift pauses: of one newsletter, or with None of the person and all they get.

        Returns:
            False if nothing was paused.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
            NotSubscribedError: they do not get that newsletter.
        """
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            lifted = self._pause_each(session, subscriber, newsletter, None)
            if newsletter is None and subscriber.state is SubscriberState.PAUSED:
                SubscriberStore(session).set_state(subscriber.id, SubscriberState.ACTIVE, now=self._clock.now())
                return True
            return lifted

    def erase(self, who: int | str) -> bool:
        """Forget a person: the address leaves every table here, their choices and the free text about them are gone.

        What stays is a row without a name, so that accounts of past issues still add up, the bare events of consent, and the
        keyed hash among the suppressions, so that no import brings them back.

        Returns:
            False if they had been erased before.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        now = self._clock.now()
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            if subscriber.state is SubscriberState.ERASED:
                return False
            address = parse_address(subscriber.address)
            suppressions = self._suppressions(session)
            if not suppressions.add(address, SuppressionReason.ERASED, detail="", at=now):
                suppressions.blank(address)
            ConsentStore(session).blank(subscriber.id)
            SubscriberStore(session).erase(subscriber.id, f"erased:{secrets.token_hex(16)}", now=now)
        log.info("subscriber.erased subscriber=%d", subscriber.id)
        return True

    def suppress(self, address: str, reason: SuppressionReason, *, detail: str = "") -> bool:
        """Never write to ``address`` again, known or not; False if it was suppressed already.

        Raises:
            AddressError: not an address.
        """
        parsed = parse_address(address)
        with self._database.write() as session:
            return self._suppressions(session).add(parsed, reason, detail=detail, at=self._clock.now())

    def lift(self, address: str) -> bool:
        """End a suppression; False if there was none.

        Raises:
            AddressError: not an address.
        """
        parsed = parse_address(address)
        with self._database.write() as session:
            return self._suppressions(session).remove(parsed)

    def suppressions(self, *, after: str = "", limit: int | None = 50) -> list[Suppression]:
        """Return the next page of suppressions, ascending hash, at most ``limit``; None for all."""
        with self._database.read() as session:
            return self._suppressions(session).list(after=after, limit=limit)

    def is_suppressed(self, address: str) -> bool:
        """Whether ``address`` must not be written to.

        Raises:
            AddressError: not an address.
        """
        return bool(self.suppressed_among([address]))

    def suppressed_among(self, addresses: Iterable[str]) -> set[str]:
        """Return those of ``addresses`` that must not be written to, with one query for all.

        Raises:
            AddressError: one is not an address.
        """
        parsed = {text: parse_address(text) for text in addresses}
        with self._database.read() as session:
            keys = self._suppressions(session).contains(address.key for address in parsed.values())
        return {text for text, address in parsed.items() if address.key in keys}

    def holder_of(self, token: str, purpose: TokenPurpose) -> Holder | None:
        """Return whose token this is; None for whatever is not a valid token of that purpose."""
        claim = self.keys.subscriber_of(token, purpose)
        if claim is None:
            return None
        with self._database.read() as session:
            subscriber = SubscriberStore(session).get(claim.subscriber_id)
            if subscriber is None or subscriber.state is SubscriberState.ERASED:
                return None
            # Past newsletters too: an old link is answered the same whether it was used before or not.
            scopes = ("", *ConsentStore(session).newsletters_of(subscriber.id))
        for scope in scopes:
            if self.keys.verify(claim, subscriber.token_epoch, scope=scope):
                return Holder(subscriber, scope or None)
        return None

    def token_is_known(self, token: str) -> bool:
        """Whether ``token`` is a valid unsubscribe token. Changes nothing."""
        return self.holder_of(token, TokenPurpose.UNSUBSCRIBE) is not None

    def unsubscribe_by_token(self, token: str, *, method: ConsentMethod = ConsentMethod.WEB) -> bool:
        """Unsubscribe the holder of an unsubscribe token, from its newsletter or from all; idempotent (RFC 8058 section 3.1).

        Returns:
            False if it is not a valid token.
        """
        holder = self.holder_of(token, TokenPurpose.UNSUBSCRIBE)
        if holder is None:
            return False
        self.unsubscribe(holder.subscriber.id, holder.newsletter, method=method, detail="link")
        return True

    def _admit(self, request: Request) -> Added:
        with self._database.write() as session:
            added = admit(session, self._suppressions(session), request, now=self._clock.now())
        if added.is_new:
            log.info("subscriber.added subscriber=%d newsletter=%s", added.subscriber.id, request.newsletter)
        return added

    def _pause_each(self, session: Session, subscriber: Subscriber, newsletter: str | None, until: datetime | None) -> bool:
        store = SubscriberStore(session)
        gets = [found for found in store.subscriptions([subscriber.id]) if newsletter in (None, found.newsletter)]
        if newsletter is not None and not gets:
            raise NotSubscribedError(newsletter)
        other = [found for found in gets if found.paused_until != until]
        for found in other:
            store.pause(subscriber.id, found.newsletter, until, now=self._clock.now())
        return bool(other)

    def _suppressions(self, session: Session) -> SuppressionStore:
        return SuppressionStore(session, self._hasher)


def _find(session: Session, who: int | str, *, lock: bool = False) -> Subscriber:
    store = SubscriberStore(session)
    found = store.by_address(parse_address(who), lock=lock) if isinstance(who, str) else store.get(who, lock=lock)
    if found is None:
        raise UnknownSubscriberError
    return found
