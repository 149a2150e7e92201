"""What waits for a click in a mailbox: sign-ups and changes of address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.choices_json import choices_from_json, choices_to_json
from subscribers.consent import ConsentStore
from subscribers.model import (
    AddressChange,
    Choices,
    Consent,
    ConsentEvent,
    ConsentMethod,
    Notice,
    NoticeKind,
    Subscriber,
    SubscriberId,
    SubscriberState,
    Wish,
)
from subscribers.ports import Notices
from subscribers.tables import AddressChangeRow, OpinionRow, SubscriberRow, WishRow


@dataclass(frozen=True, slots=True)
class Asked:
    """What came with a wish.

    Attributes:
        choices: what was picked.
        method: web or mail.
        wording: the very words that stood beside the button.
        network: keyed hash of the network it came from.
    """

    choices: Choices
    method: ConsentMethod
    wording: str
    network: str


class WishStore:
    """The wish table: at most one of a person for a newsletter. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, subscriber_id: SubscriberId, newsletter: str, asked: Asked, *, now: datetime) -> Wish:
        """Keep a wish.

        One that is still open keeps its number, so that links mailed for it go on working. One that was confirmed is replaced
        under a new number: what confirmed it once never confirms another.
        """
        whose = (WishRow.subscriber_id == subscriber_id, WishRow.newsletter == newsletter)
        self._session.execute(delete(WishRow).where(*whose, WishRow.confirmed_at.is_not(None)))
        if not self.renew(subscriber_id, newsletter, asked, asked_at=now):
            self._session.execute(
                insert(WishRow).values(
                    subscriber_id=subscriber_id, newsletter=newsletter, asked_at=now, confirmed_at=None, **_columns(asked)
                )
            )
        return next(wish for wish in self.of(subscriber_id) if wish.newsletter == newsletter)

    def renew(self, subscriber_id: SubscriberId, newsletter: str, asked: Asked, *, asked_at: datetime | None = None) -> bool:
        """Let the newest sign-up take the place of an open wish; False if there is none.

        Args:
            subscriber_id: whose.
            newsletter: its slug.
            asked: what came with the sign-up.
            asked_at: when the mail for it is queued; None if none is, and then the wish is no younger than before.
        """
        values = _columns(asked) if asked_at is None else {**_columns(asked), "asked_at": asked_at}
        change = update(WishRow).where(
            WishRow.subscriber_id == subscriber_id, WishRow.newsletter == newsletter, WishRow.confirmed_at.is_(None)
        )
        return self._session.scalar(change.values(**values).returning(WishRow.id)) is not None

    def of(self, subscriber_id: int) -> tuple[Wish, ...]:
        """Return a person's wishes, open and confirmed, ascending number."""
        query = select(WishRow).where(WishRow.subscriber_id == subscriber_id).order_by(WishRow.id)
        return tuple(_to_wish(row) for row in self._session.scalars(query.execution_options(populate_existing=True)))

    def asked(self, wish_id: int) -> Asked:
        """Return what came with a wish that is there."""
        row = self._session.get_one(WishRow, wish_id)
        return Asked(choices_from_json(row.choices), ConsentMethod(row.method), row.wording, row.network)

    def confirm(self, wish_id: int, *, now: datetime) -> None:
        """Mark a wish as confirmed."""
        self._session.execute(update(WishRow).where(WishRow.id == wish_id).values(confirmed_at=now))


def ask_by_mail(session: Session, notices: Notices, person: Subscriber, wish: Wish, *, client: str, now: datetime) -> None:
    """Have a mail ask whether ``wish`` is meant, and record that it was asked for.

    Args:
        session: in the transaction that keeps the wish.
        notices: takes the mail.
        person: whose wish it is.
        wish: as kept.
        client: IP address of whoever sent the form; "" if unknown.
        now: aware UTC.
    """
    asked = WishStore(session).asked(wish.id)
    ConsentStore(session).record(
        Consent(person.id, wish.newsletter, ConsentEvent.ASKED, asked.method, asked.wording, _detail(wish), now)
    )
    notice = Notice(NoticeKind.CONFIRM, person.id, person.address, wish.newsletter, reference=wish.id, client=client)
    notices.put(session, notice, now=now)


def never_asked(session: Session, subscriber_id: SubscriberId) -> tuple[Wish, ...]:
    """Return a person's open wishes no mail was queued for yet, ascending number: another one's mail came first."""
    asked = {line.detail for line in ConsentStore(session).of(subscriber_id) if line.event is ConsentEvent.ASKED}
    wishes = WishStore(session).of(subscriber_id)
    return tuple(wish for wish in wishes if wish.confirmed_at is None and _detail(wish) not in asked)


def _detail(wish: Wish) -> str:
    return f"wish {wish.id}"


class ChangeStore:
    """Changes of address: at most one of a person. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, subscriber_id: SubscriberId, address: Address, *, now: datetime) -> AddressChange:
        """Keep a change a mail is about to go out for; it takes the place of an earlier one.

        Another address means another number: a link mailed to one address never confirms another.
        """
        before = self.find(subscriber_id)
        if before is not None and before.address == address.value:
            self._session.execute(update(AddressChangeRow).where(AddressChangeRow.id == before.id).values(asked_at=now))
        else:
            self.drop(subscriber_id)
            self._session.execute(
                insert(AddressChangeRow).values(subscriber_id=subscriber_id, address=address.value, asked_at=now)
            )
        return _to_change(self._session.scalars(_change_of(subscriber_id)).one())

    def find(self, subscriber_id: int) -> AddressChange | None:
        """Return a person's change, waiting or made; None if there is none."""
        row = self._session.scalar(_change_of(subscriber_id))
        return None if row is None else _to_change(row)

    def of(self, subscriber_id: int) -> AddressChange | None:
        """Return the change a person waits for; None if there is none. One that was made waits no more."""
        waiting = _change_of(subscriber_id).join(SubscriberRow, SubscriberRow.id == AddressChangeRow.subscriber_id)
        row = self._session.scalar(waiting.where(SubscriberRow.address != AddressChangeRow.address))
        return None if row is None else _to_change(row)

    def make(self, subscriber_id: SubscriberId, address: Address, *, now: datetime) -> None:
        """Give a person another address, and end the links mailed to the old one but those to unsubscribe.

        The change stays until it is dropped, so that its link can be answered the same once more.
        """
        self._session.execute(
            update(SubscriberRow)
            .where(SubscriberRow.id == subscriber_id)
            .values(address=address.value, address_key=address.key, token_epoch=SubscriberRow.token_epoch + 1, changed_at=now)
        )

    def remove_pending(self, subscriber_id: SubscriberId) -> None:
        """Delete a person who never confirmed anything, with all that belongs to them; their mailbox is another's now."""
        self._session.execute(
            delete(SubscriberRow).where(SubscriberRow.id == subscriber_id, SubscriberRow.state == SubscriberState.PENDING)
        )

    def forget_holder(self, subscriber_id: SubscriberId) -> None:
        """Forget what somebody wished and said who left, and whose mailbox is another's now."""
        for table in (WishRow, OpinionRow, AddressChangeRow):
            self._session.execute(delete(table).where(table.subscriber_id == subscriber_id))
        ConsentStore(self._session).blank(subscriber_id)

    def drop(self, subscriber_id: int) -> None:
        """Forget a person's change."""
        self._session.execute(delete(AddressChangeRow).where(AddressChangeRow.subscriber_id == subscriber_id))


def _change_of(subscriber_id: int) -> Select[AddressChangeRow]:
    query = select(AddressChangeRow).where(AddressChangeRow.subscriber_id == subscriber_id)
    return query.execution_options(populate_existing=True)


def _columns(asked: Asked) -> dict[str, object]:
    return {
        "choices": choices_to_json(asked.choices),
        "method": asked.method,
        "wording": asked.wording,
        "network": asked.network,
    }


def _to_wish(row: WishRow) -> Wish:
    return Wish(
        id=row.id,
        subscriber_id=SubscriberId(row.subscriber_id),
        newsletter=row.newsletter,
        choices=choices_from_json(row.choices),
        asked_at=row.asked_at,
        confirmed_at=row.confirmed_at,
    )


def _to_change(row: AddressChangeRow) -> AddressChange:
    return AddressChange(row.id, SubscriberId(row.subscriber_id), row.address, row.asked_at)
