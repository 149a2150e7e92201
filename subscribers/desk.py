"""The desk where people sign up: first everything is taken in unseen, then each sign-up is looked at."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from subscribers.address import Address, parse_address
from subscribers.admission import LIFTED_BY_OWN_WISH
from subscribers.choices_json import choices_from_json
from subscribers.errors import AddressError
from subscribers.limits import BY_MAIL, LimitStore, mailbox_of
from subscribers.model import (
    ConsentMethod,
    Notice,
    NoticeKind,
    SignUp,
    SignUpLimits,
    SubscriberState,
    SuppressionReason,
    Verdict,
)
from subscribers.ports import Clock, Notices, Transactions
from subscribers.sign_ups import SignUpStore, Waiting
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.wishes import Asked, WishStore, ask_by_mail

log = logging.getLogger(__name__)


class Ending(StrEnum):
    """What became of a sign-up.

    ``RENEWED``: the choices of a wish that waits were replaced. ``POSTPONED``: it will be asked about when the mail for another
    wish was answered. ``LIMITED``: the mailbox was written to enough.
    """

    CONFIRM = "confirm"
    KNOWN = "known"
    SUPERSEDED = "superseded"
    RENEWED = "renewed"
    POSTPONED = "postponed"
    LIMITED = "limited"
    UNWELCOME = "unwelcome"
    NO_ADDRESS = "no_address"
    BROKEN = "broken"


def answer_to(state: SubscriberState | None, *, gets_it: bool, suppression: SuppressionReason | None) -> NoticeKind | None:
    """Decide which mail a sign-up deserves, if the mailbox may get one now; None: never any.

    ==================================================  ==========================================
    the address                                         the mail
    ==================================================  ==========================================
    suppressed by the operator, or after a complaint    none
    of somebody who complained                          none
    suppressed for another reason                       confirm; nothing is lifted before the click
    unknown, pending                                    confirm
    active or paused, with that newsletter              known
    active or paused, without it                        confirm
    unsubscribed, bounced                               confirm
    ==================================================  ==========================================

    Args:
        state: where the person stands; None if nobody is known there.
        gets_it: they have a subscription to that newsletter.
        suppression: why the address must not be written to, if so.
    """
    if suppression is not None:
        return NoticeKind.CONFIRM if suppression in LIFTED_BY_OWN_WISH and state is not SubscriberState.COMPLAINED else None
    match state:
        case SubscriberState.COMPLAINED:
            return None
        case SubscriberState.ACTIVE | SubscriberState.PAUSED if gets_it:
            return NoticeKind.KNOWN
        case _:
            return NoticeKind.CONFIRM


class SignUpDesk:
    """Takes sign-ups in and deals with them.

    What was taken in is durable before it is answered, and stays until it was dealt with: a crash in between loses nothing, and
    none is dealt with twice. Any number of processes may do either at once.
    """

    def __init__(self, database: Transactions, clock: Clock, hasher: Hasher, limits: SignUpLimits, notices: Notices) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._limits = limits
        self._notices = notices

    def receive(self, batch: Sequence[SignUp]) -> list[Verdict]:
        """Store sign-ups as far as the budgets go, in one transaction.

        Nothing is looked up about any address, and the work is the same for all: neither the answer nor its time tells who is
        on the list, or whether it is an address at all.

        Args:
            batch: each for a newsletter there is.

        Returns:
            What became of each, in the same order. Only what is taken counts.
        """
        now = self._clock.now()
        with self._database.write() as session:
            limits = LimitStore(session, self._hasher)
            verdicts = limits.admit([_client(one) for one in batch], limits=self._limits, now=now)
            taken = [one for one, verdict in zip(batch, verdicts, strict=True) if verdict is Verdict.TAKEN]
            SignUpStore(session).add(taken, now=now)
        for verdict, count in sorted(Counter(verdicts).items()):
            if verdict is not Verdict.TAKEN:
                log.info("signup.refused reason=%s count=%d", verdict, count)
        return verdicts

    def process(self, *, limit: int = 20) -> int:
        """Deal with the oldest sign-ups that wait, in one transaction.

        Of several for one mailbox and newsletter the newest counts.

        Args:
            limit: sign-ups at most.

        Returns:
            How many were dealt with; 0: nothing waits, or others have it in hand.
        """
        now = self._clock.now()
        with self._database.write() as session:
            sign_ups = SignUpStore(session)
            waiting = sign_ups.oldest(limit)
            if not waiting:
                return 0
            ends = self._deal_with(session, waiting, now)
            sign_ups.drop([one.id for one in waiting])
        for one, end, subscriber in ends:
            log.info(
                "signup.dealt_with sign_up=%d subscriber=%d newsletter=%s outcome=%s", one.id, subscriber, one.newsletter, end
            )
        return len(waiting)

    def _deal_with(self, session: Session, waiting: Sequence[Waiting], now: datetime) -> list[tuple[Waiting, Ending, int]]:
        ends: list[tuple[Waiting, Ending, int]] = []
        newest: dict[tuple[str, str], tuple[Address, Waiting]] = {}
        for one in waiting:
            try:
                address = parse_address(one.address)
            except AddressError:
                ends.append((one, Ending.NO_ADDRESS, 0))
                continue
            place = address.key, one.newsletter
            if place in newest:  # a flood for one mailbox costs little
                ends.append((newest[place][1], Ending.SUPERSEDED, 0))
            newest[place] = address, one
        SignUpStore(session).hold_people({key for key, _ in newest})
        # By mailbox, as the limits are held in that order.
        for address, one in sorted(newest.values(), key=lambda found: mailbox_of(found[0])):
            try:
                with session.begin_nested():
                    ends.append((one, *self._deal_with_one(session, one, address, now)))
            except (ValueError, DataError, IntegrityError) as error:
                # It would be as broken next time, and everybody behind it would wait for ever.
                log.warning("signup.broken sign_up=%d error=%s", one.id, type(error).__name__)
                ends.append((one, Ending.BROKEN, 0))
        return ends

    def _deal_with_one(self, session: Session, one: Waiting, address: Address, now: datetime) -> tuple[Ending, int]:
        store, wishes, limits = SubscriberStore(session), WishStore(session), LimitStore(session, self._hasher)
        person = store.by_address(address, lock=True)
        suppression = SuppressionStore(session, self._hasher).get(address)
        kind = answer_to(
            None if person is None else person.state,
            gets_it=person is not None and store.subscription(person.id, one.newsletter) is not None,
            suppression=None if suppression is None else suppression.reason,
        )
        if kind is None:
            return Ending.UNWELCOME, 0 if person is None else person.id
        asked = Asked(choices_from_json(one.choices), ConsentMethod(one.method), one.wording, limits.network_name(one.client))
        if not limits.may_mail(address, limits=self._limits, now=now):
            if kind is not NoticeKind.CONFIRM or person is None:
                return Ending.LIMITED, 0 if person is None else person.id
            if wishes.renew(person.id, one.newsletter, asked):
                return Ending.RENEWED, person.id
            if not any(wish.confirmed_at is None for wish in wishes.of(person.id)):
                return Ending.LIMITED, person.id
            wishes.ask(person.id, one.newsletter, asked, now=now)
            return Ending.POSTPONED, person.id
        if person is None:
            person, _ = store.add(address, SubscriberState.PENDING, now=now)
        if kind is NoticeKind.KNOWN:
            notice = Notice(kind, person.id, person.address, one.newsletter, client=one.client)
            self._notices.put(session, notice, now=now)
            return Ending.KNOWN, person.id
        wish = wishes.ask(person.id, one.newsletter, asked, now=now)
        ask_by_mail(session, self._notices, person, wish, client=one.client, now=now)
        return Ending.CONFIRM, person.id


def _client(sign_up: SignUp) -> str:
    return f"{BY_MAIL}{sign_up.address.lower()}" if sign_up.method is ConsentMethod.MAIL else sign_up.client
