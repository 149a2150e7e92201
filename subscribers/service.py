"""What can be done with a subscriber; each call is one transaction, safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.address import parse_address
from subscribers.admission import Request, admit
from subscribers.erasure import forget, forget_sign_ups
from subscribers.errors import NotSubscribedError, UnknownSubscriberError
from subscribers.holdings import Held, load_held
from subscribers.leaving import Leaving, log_ended
from subscribers.limits import LimitStore
from subscribers.mailboxes import MailboxStore
from subscribers.model import (
    Added,
    Choices,
    ConsentMethod,
    Subscriber,
    SubscriberId,
    SubscriberState,
    Suppression,
    SuppressionReason,
)
from subscribers.pausing import Pausing
from subscribers.ports import Clock, Notices, Transactions
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore

log = logging.getLogger(__name__)


class SubscriberService:
    """Adds, changes, lets go and erases people. ``who`` is an address or a subscriber's number."""

    def __init__(
        self,
        database: Transactions,
        clock: Clock,
        secret: bytes,
        *,
        notices: Notices,
        on_erase: Sequence[Callable[[Session, SubscriberId], None]] = (),
    ) -> None:
        """Take what it works with.

        Args:
            database: where everything is.
            clock: of all instants.
            secret: behind the hashes of addresses.
            notices: mails to single people: to say goodbye, and taken back when a person is erased.
            on_erase: each forgets a person somewhere else, in the transaction of the erasure.
        """
        self._database = database
        self._clock = clock
        self._hasher = Hasher(secret)
        self._notices = notices
        self._on_erase = tuple(on_erase)

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

    def subscribe_again(
        self,
        subscriber_id: SubscriberId,
        newsletter: str,
        choices: Choices,
        *,
        method: ConsentMethod,
        wording: str,
        detail: str = "",
    ) -> Added:
        """Like :meth:`resubscribe`, for the holder of a link to their choices: their mailbox is proven, so no mail asks again.

        Raises:
            UnknownSubscriberError: nobody of that number, or erased.
            SuppressedError: they complained once, or the operator suppressed the address.
        """
        with self._database.write() as session:
            subscriber = _find(session, subscriber_id, lock=True)
            if subscriber.state is SubscriberState.ERASED:
                raise UnknownSubscriberError
            address = parse_address(subscriber.address)
            request = Request(address, newsletter, choices, method, wording, detail, asked_again=True)
            added = admit(session, self._suppressions(session), request, now=self._clock.now())
            self._answered(session, subscriber)
        _log_added(added, newsletter)
        return added

    def heard_from(self, who: int | str) -> None:
        """A person answered a mail of ours: their mailbox lives, and nothing that came back of it before counts any more.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        # Nearly always there is nothing to forget, and looking costs no commit.
        with self._database.read() as session:
            if not self._is_anything_held(session, _find(session, who)):
                return
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            if subscriber.state is not SubscriberState.ERASED:
                self._answered(session, subscriber)

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
            return load_held(session, self._suppressions(session), _find(session, who))

    def set_choices(self, who: int | str, newsletter: str, choices: Choices) -> None:
        """Replace a person's choices for one newsletter, as they themselves want it: so their mailbox answered.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
            NotSubscribedError: they do not get it.
        """
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            if not SubscriberStore(session).set_choices(subscriber.id, newsletter, choices, now=self._clock.now()):
                raise NotSubscribedError(newsletter)
            self._answered(session, subscriber)

    def unsubscribe(
        self,
        who: int | str,
        newsletter: str | None = None,
        *,
        method: ConsentMethod,
        detail: str = "",
        goodbye_from: Collection[str] = (),
    ) -> tuple[str, ...]:
        """End one newsletter, or all of them with None; who gets none any more is unsubscribed, not deleted.

        Idempotent: what has ended already is left alone, and the withdrawal is recorded once. A sign-up that waits for its
        confirmation ends too. Those of ``goodbye_from`` send a last mail to who got them.

        Returns:
            The newsletters that this call ended, sorted; empty if there was nothing to do.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        now = self._clock.now()
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            leaving = Leaving(session)
            slugs = leaving.newsletters(subscriber.id) if newsletter is None else [newsletter]
            goodbyes = leaving.goodbyes([subscriber], {subscriber.id: slugs}, goodbye_from)
            ended = leaving.end({subscriber.id: slugs}, method=method, detail=detail, now=now)
            for notice in goodbyes:
                self._notices.put(session, notice, now=now)
        log_ended(ended, method)
        return ended.get(subscriber.id, ())

    def pause(self, who: int | str, newsletter: str | None = None, *, until: datetime | None = None) -> bool:
        """Stop writing to a person for a while: until an instant, or until :meth:`resume`.

        The latest word counts: an end may come sooner or later than the one before, and for all they get it takes the place of
        a pause without end. The pause of a single newsletter leaves a pause of the person as it is.

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
            NotConfirmedError: they signed up and have not confirmed it.
        """
        if newsletter is not None and until is None:
            raise ValueError("the pause of a single newsletter needs an end")
        with self._database.write() as session:
            subscriber = _find(session, who, lock=True)
            return Pausing(session, subscriber, now=self._clock.now()).pause(newsletter, until)

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
            return Pausing(session, subscriber, now=self._clock.now()).resume(newsletter)

    def erase(self, who: int | str) -> bool:
        """Forget a person: the address leaves every table, with their choices, opinions and the free text about them.

        What stays is a row without a name, so that accounts of past issues still add up, the bare events of consent, and the
        keyed hash among the suppressions, so that no import brings them back. The database's files may hold the old pages until
        they are cleaned; see ``subscribers.erasure.TABLES``.

        Returns:
            False if they had been erased before.

        Raises:
            AddressError: not an address.
            UnknownSubscriberError: nobody of that address or number.
        """
        now = self._clock.now()
        with self._database.write() as session:
            found = _find(session, who)
            if found.state is SubscriberState.ERASED:
                return False
            forget_sign_ups(session, parse_address(found.address))
            subscriber = _find(session, found.id, lock=True)
            if subscriber.state is SubscriberState.ERASED:
                return False
            self._notices.withdraw(session, subscriber.id)
            for forget_there in self._on_erase:
                forget_there(session, subscriber.id)
            forget(session, self._suppressions(session), subscriber.id, parse_address(subscriber.address), now=now)
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

    def _answered(self, session: Session, subscriber: Subscriber) -> None:
        LimitStore(session, self._hasher).answered(parse_address(subscriber.address))
        MailboxStore(session, self._hasher).forget(subscriber.id)

    def _is_anything_held(self, session: Session, subscriber: Subscriber) -> bool:
        if subscriber.state is SubscriberState.ERASED:
            return False
        mailboxes, limits = MailboxStore(session, self._hasher), LimitStore(session, self._hasher)
        return mailboxes.get(subscriber.id) is not None or limits.is_unanswered(parse_address(subscriber.address))

    def _admit(self, request: Request) -> Added:
        with self._database.write() as session:
            added = admit(session, self._suppressions(session), request, now=self._clock.now())
        _log_added(added, request.newsletter)
        return added

    def _suppressions(self, session: Session) -> SuppressionStore:
        return SuppressionStore(session, self._hasher)


def _find(session: Session, who: int | str, *, lock: bool = False) -> Subscriber:
    store = SubscriberStore(session)
    found = store.by_address(parse_address(who), lock=lock) if isinstance(who, str) else store.get(who, lock=lock)
    if found is None:
        raise UnknownSubscriberError
    return found


def _log_added(added: Added, newsletter: str) -> None:
    if added.is_new:
        log.info("subscriber.added subscriber=%d newsletter=%s", added.subscriber.id, newsletter)
