"""The click in the mailbox: sign-ups and changes of address become true."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from subscribers.address import Address, parse_address
from subscribers.admission import LIFTED_BY_OWN_WISH, Request, admit
from subscribers.errors import AddressError, SuppressedError
from subscribers.keys import LinkKeys
from subscribers.limits import LimitStore
from subscribers.mailboxes import MailboxStore
from subscribers.model import (
    AddressChange,
    Choices,
    Notice,
    NoticeKind,
    SignUpLimits,
    Subscriber,
    SubscriberId,
    SubscriberState,
    Verdict,
    Wish,
)
from subscribers.ports import Clock, Notices, Transactions
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.tokens import TokenPurpose
from subscribers.wishes import ChangeStore, WishStore, ask_by_mail, never_asked

log = logging.getLogger(__name__)

#: Who gets mails, or will again.
_READERS = (SubscriberState.ACTIVE, SubscriberState.PAUSED)
#: Whose mailbox may be taken over: they get nothing, and whoever confirms a change to it reads its mail.
_GONE = (SubscriberState.PENDING, SubscriberState.UNSUBSCRIBED, SubscriberState.BOUNCED)


class ConfirmationKind(StrEnum):
    """What a link confirms."""

    SUBSCRIPTION = "subscription"
    ADDRESS = "address"


class Outcome(StrEnum):
    """How it stands: to be confirmed, confirmed, or in vain as somebody else gets mails at the new address."""

    OPEN = "open"
    DONE = "done"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a link confirms, and how that stands.

    Attributes:
        kind: a subscription or a change of address.
        newsletter: slug; ``""`` for a change of address.
        choices: what was picked, or what holds now if it is done; None for a change of address.
        outcome: open, done or taken.
        subscriber: whose, as they stand now.
    """

    kind: ConfirmationKind
    newsletter: str
    choices: Choices | None
    outcome: Outcome
    subscriber: Subscriber


class Confirmations:
    """Confirms whatever waits for a click. Each call is one transaction, safe to repeat."""

    def __init__(
        self,
        database: Transactions,
        clock: Clock,
        keys: LinkKeys,
        hasher: Hasher,
        limits: SignUpLimits,
        notices: Notices,
        *,
        on_erase: Sequence[Callable[[Session, SubscriberId], None]] = (),
    ) -> None:
        """Take what it works with.

        Args:
            database: where everything is.
            clock: of all instants.
            keys: sign the links.
            hasher: of addresses.
            limits: how long links work, and how often a mailbox is written to.
            notices: mails to single people.
            on_erase: each forgets a person somewhere else, for somebody who left and whose mailbox is now another's.
        """
        self._database = database
        self._clock = clock
        self._keys = keys
        self._hasher = hasher
        self._limits = limits
        self._notices = notices
        self._on_erase = tuple(on_erase)

    def peek(self, token: str) -> Confirmation | None:
        """Return what a link would confirm; changes nothing.

        Returns:
            None for what is no link to confirm, has expired, or was answered and undone since (the person left again).
        """
        with self._database.read() as session:
            found = self._find(session, token)
            return None if found is None else self._look(session, *found)

    def confirm(self, token: str) -> Confirmation | None:
        """Make true what a link confirms; again changes nothing and answers the same.

        Subscription: the person is active, whatever their own wish can lift is lifted, and a welcome mail is queued. Address:
        mails go to the new one, all links but those to unsubscribe end, and the old one is told.

        Returns:
            As :meth:`peek`, afterwards.
        """
        try:
            return self._confirm(token)
        except SuppressedError:  # by somebody else, at this very moment
            return None

    def _confirm(self, token: str) -> Confirmation | None:
        with self._database.write() as session:
            found = self._find(session, token, lock=True)
            seen = None if found is None else self._look(session, *found)
            if found is None or seen is None or seen.outcome is not Outcome.OPEN:
                return seen
            subscriber, what = found
            now = self._clock.now()
            if isinstance(what, Wish):
                self._subscribe(session, subscriber, what, now)
                what = replace(what, confirmed_at=now)
            elif not self._move(session, subscriber, what, now):
                return replace(seen, outcome=Outcome.TAKEN)
            done = self._look(session, SubscriberStore(session).get(subscriber.id) or subscriber, what)
        log.info("signup.confirmed subscriber=%d kind=%s newsletter=%s", subscriber.id, seen.kind, seen.newsletter)
        return done

    def ask_address(self, subscriber_id: SubscriberId, text: str, *, client: str = "") -> None:
        """Have a mail ask at another address whether the person's mails shall come there.

        Silent whatever the address is: the person must not learn from us who else reads the newsletter. The mail counts towards
        the limits of the new mailbox and towards the budgets, like one for a sign-up.

        Args:
            subscriber_id: holder of a link to their choices; nothing happens unless they are active or paused.
            text: as typed.
            client: IP address it came from; "" if unknown.
        """
        now = self._clock.now()
        try:
            address = parse_address(text)
        except AddressError:
            log.info("address.not_asked subscriber=%d reason=no_address", subscriber_id)
            return
        with self._database.write() as session:
            refusal = self._ask(session, subscriber_id, address, client, now)
        if refusal:
            log.info("address.not_asked subscriber=%d reason=%s", subscriber_id, refusal)
        else:
            log.info("address.asked subscriber=%d", subscriber_id)

    def _ask(self, session: Session, subscriber_id: SubscriberId, address: Address, client: str, now: datetime) -> str:
        """Queue the mail, or return why not."""
        store, limits = SubscriberStore(session), LimitStore(session, self._hasher)
        subscriber = store.get(subscriber_id, lock=True)
        if subscriber is None or subscriber.state not in _READERS:
            return "no_reader"
        if parse_address(subscriber.address).key == address.key:
            return "same"
        other = store.by_address(address)
        if self._is_suppressed(session, address) or (other is not None and other.state is SubscriberState.COMPLAINED):
            return "unwelcome"
        if limits.admit([client], limits=self._limits, now=now) != [Verdict.TAKEN]:
            return "busy"
        if not limits.may_mail(address, limits=self._limits, now=now):
            return "limited"
        change = ChangeStore(session).ask(subscriber.id, address, now=now)
        notice = Notice(NoticeKind.CONFIRM_ADDRESS, subscriber.id, address.value, "", reference=change.id, client=client)
        self._notices.put(session, notice, now=now)
        return ""

    def _find(self, session: Session, token: str, *, lock: bool = False) -> tuple[Subscriber, Wish | AddressChange] | None:
        """Return whose token this is and what it confirms, however old."""
        claim = self._keys.claim(token, TokenPurpose.CONFIRM)
        subscriber = None if claim is None else SubscriberStore(session).get(claim.subscriber_id, lock=lock)
        if claim is None or subscriber is None or subscriber.state is SubscriberState.ERASED:
            return None
        for wish in WishStore(session).of(subscriber.id):
            if self._keys.verify(claim, subscriber, wish_id=wish.id):
                return subscriber, wish
        change, claim = ChangeStore(session).find(subscriber.id), self._keys.claim(token, TokenPurpose.ADDRESS)
        if change is None or claim is None:
            return None
        # Making the change ended its own link with all the others; it is still answered, so that a second click is no error.
        signed_for = replace(subscriber, token_epoch=subscriber.token_epoch - 1) if _is_made(subscriber, change) else subscriber
        return (subscriber, change) if self._keys.verify(claim, signed_for, change_id=change.id) else None

    def _look(self, session: Session, subscriber: Subscriber, what: Wish | AddressChange) -> Confirmation | None:
        if self._clock.now() > what.asked_at + self._limits.confirm_within:
            return None
        if isinstance(what, Wish):
            return self._look_at_wish(session, subscriber, what)
        outcome = self._outcome_of(session, subscriber, what)
        return None if outcome is None else Confirmation(ConfirmationKind.ADDRESS, "", None, outcome, subscriber)

    def _look_at_wish(self, session: Session, subscriber: Subscriber, wish: Wish) -> Confirmation | None:
        kind, slug = ConfirmationKind.SUBSCRIPTION, wish.newsletter
        if wish.confirmed_at is None:
            suppression = SuppressionStore(session, self._hasher).get(parse_address(subscriber.address))
            is_barred = suppression is not None and suppression.reason not in LIFTED_BY_OWN_WISH
            if is_barred or subscriber.state is SubscriberState.COMPLAINED:
                return None
            return Confirmation(kind, slug, wish.choices, Outcome.OPEN, subscriber)
        subscription = SubscriberStore(session).subscription(subscriber.id, slug)
        if subscription is None or subscriber.state not in _READERS:
            return None
        return Confirmation(kind, slug, subscription.choices, Outcome.DONE, subscriber)

    def _outcome_of(self, session: Session, subscriber: Subscriber, change: AddressChange) -> Outcome | None:
        if subscriber.state not in _READERS:
            return None
        if _is_made(subscriber, change):
            return Outcome.DONE
        address = parse_address(change.address)
        if self._is_suppressed(session, address):
            return None
        other = SubscriberStore(session).by_address(address)
        return Outcome.OPEN if other is None or other.state in _GONE else Outcome.TAKEN

    def _subscribe(self, session: Session, subscriber: Subscriber, wish: Wish, now: datetime) -> None:
        address, wishes = parse_address(subscriber.address), WishStore(session)
        asked = wishes.asked(wish.id)
        request = Request(
            address,
            wish.newsletter,
            wish.choices,
            asked.method,
            asked.wording,
            f"wish {wish.id}",
            asked_again=True,
            confirmed=True,
        )
        admit(session, SuppressionStore(session, self._hasher), request, now=now)
        wishes.confirm(wish.id, now=now)
        LimitStore(session, self._hasher).answered(address)
        MailboxStore(session, self._hasher).forget(subscriber.id)
        welcome = Notice(NoticeKind.WELCOME, subscriber.id, subscriber.address, wish.newsletter, reference=wish.id)
        self._notices.put(session, welcome, now=now)
        for other in never_asked(session, subscriber.id):
            if LimitStore(session, self._hasher).may_mail(address, limits=self._limits, now=now):
                again = wishes.ask(subscriber.id, other.newsletter, wishes.asked(other.id), now=now)
                ask_by_mail(session, self._notices, subscriber, again, client="", now=now)

    def _move(self, session: Session, subscriber: Subscriber, change: AddressChange, now: datetime) -> bool:
        address, changes = parse_address(change.address), ChangeStore(session)
        # Made if there is none, so that nobody else can take the mailbox until this is committed.
        other, _ = SubscriberStore(session).add(address, SubscriberState.PENDING, now=now)
        if other.state not in _GONE:  # it became a reader's since we looked
            return False
        self._notices.withdraw(session, other.id)
        if other.state is SubscriberState.PENDING:
            changes.remove_pending(other.id)
        else:
            for forget_there in self._on_erase:
                forget_there(session, other.id)
            changes.forget_holder(other.id)
            SubscriberStore(session).erase(other.id, f"erased:{secrets.token_hex(16)}", now=now)
        changes.make(subscriber.id, address, now=now)
        LimitStore(session, self._hasher).answered(address)
        MailboxStore(session, self._hasher).forget(subscriber.id)
        told = Notice(NoticeKind.ADDRESS_CHANGED, subscriber.id, subscriber.address, "")
        self._notices.put(session, told, now=now)
        return True

    def _is_suppressed(self, session: Session, address: Address) -> bool:
        return SuppressionStore(session, self._hasher).get(address) is not None


def _is_made(subscriber: Subscriber, change: AddressChange) -> bool:
    return parse_address(subscriber.address).key == parse_address(change.address).key
