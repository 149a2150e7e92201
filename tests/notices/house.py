"""People, wishes and notices for the tests of this room, and a composer that asks for nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState, OutgoingMessage
from newsletter.notices.model import NoticeClaim, NoticeId
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.sender import LOOK_EVERY, Composer, NoticeSender
from newsletter.notices.tables import NoticeRow
from subscribers.choices_json import choices_to_json
from subscribers.model import Choices, ConsentMethod, Notice, NoticeKind, SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow, WishRow
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, address, relays

WEEK = timedelta(days=7)


def add_person(database: Database, *, state: SubscriberState = SubscriberState.PENDING) -> SubscriberId:
    """Somebody without a subscription; their address is ``address`` of their number."""
    with database.write() as session:
        number = (session.scalar(select(func.max(SubscriberRow.id))) or 0) + 1
        row = SubscriberRow(
            id=number,
            address=address(number),
            address_key=address(number),
            state=state,
            token_epoch=0,
            created_at=MONDAY,
            changed_at=MONDAY,
        )
        session.add(row)
    return SubscriberId(number)


def add_wish(
    database: Database,
    person: SubscriberId,
    *,
    at: datetime = MONDAY,
    choices: Choices | None = None,
    method: ConsentMethod = ConsentMethod.WEB,
) -> int:
    with database.write() as session:
        wish = insert(WishRow).values(
            subscriber_id=person,
            newsletter=NEWSLETTER,
            choices=choices_to_json(choices or Choices()),
            method=method,
            wording="Yes, please.",
            network="",
            asked_at=at,
        )
        return session.scalars(wish.returning(WishRow.id)).one()


def put(database: Database, notice: Notice, *, at: datetime = MONDAY) -> NoticeId:
    with database.write() as session:
        NoticeQueue().put(session, notice, now=at)
        return NoticeId(session.scalars(select(func.max(NoticeRow.id))).one())


def ask_to_confirm(database: Database, *, at: datetime = MONDAY) -> tuple[SubscriberId, NoticeId]:
    """Somebody new who signed up, and the notice for it."""
    person = add_person(database)
    wish = add_wish(database, person, at=at)
    notice = Notice(NoticeKind.CONFIRM, person, address(person), NEWSLETTER, reference=wish, client="192.0.2.7")
    return person, put(database, notice, at=at)


def row(database: Database, notice_id: NoticeId) -> NoticeRow:
    with database.read() as session:
        return session.get_one(NoticeRow, notice_id)


def states(database: Database) -> dict[DeliveryState, int]:
    with database.read() as session:
        counted = select(NoticeRow.state, func.count()).group_by(NoticeRow.state)
        return {DeliveryState(state): count for state, count in session.execute(counted)}


class PlainComposer:
    """Makes small messages that depend on nothing but the notice; remembers how often it was asked."""

    def __init__(self, act: Callable[[NoticeClaim], object] = lambda _claim: None) -> None:
        self.asked = 0
        self._act = act

    def compose(self, claim: NoticeClaim) -> OutgoingMessage:
        self.asked += 1
        self._act(claim)
        data = (
            f"From: papers@example.org\r\nTo: {claim.address}\r\nDate: {claim.dated_at:%a, %d %b %Y %H:%M:%S +0000}\r\n"
            f"Message-ID: <{claim.notice_id}@example.org>\r\nSubject: {claim.kind}\r\n\r\nTry {self.asked}\r\n"
        )
        return OutgoingMessage("bounces@example.org", claim.address, data.encode())


def sender(
    database: Database,
    clock: Clock,
    port: int,
    *,
    composer: Composer | None = None,
    may_write: Callable[[str, NoticeKind], bool] = lambda _address, _kind: True,
    look_every: timedelta = LOOK_EVERY,
    smtp: dict[str, object] | None = None,
    **delivery: object,
) -> NoticeSender:
    return NoticeSender(
        database,
        clock,
        relays(port, **(smtp or {})),
        DeliveryConfig.model_validate(delivery),
        composer=composer or PlainComposer(),
        may_write=may_write,
        confirm_within=WEEK,
        look_every=look_every,
        jitter=lambda: 0.0,
    )
