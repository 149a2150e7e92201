"""Forgetting a person in every table of the store."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import BigInteger, delete, select
from sqlalchemy.orm import Session

from subscribers.address import Address, parse_address
from subscribers.consent import ConsentStore
from subscribers.dialect import as_list, elements
from subscribers.errors import AddressError
from subscribers.model import SubscriberId, SuppressionReason
from subscribers.store import SubscriberStore
from subscribers.suppression import SuppressionStore
from subscribers.tables import AddressChangeRow, OpinionRow, SignUpRow, WishRow

#: The tables an erasure empties or overwrites: their dead rows are what the database's files still hold of the person.
TABLES = ("address_change", "consent", "opinion", "sign_up", "subscriber", "subscription", "suppression", "wish")


def forget_sign_ups(session: Session, address: Address) -> None:
    """Delete the sign-ups for a mailbox that nobody has looked at yet, however the address was written.

    Call it before the person's row is locked: whoever deals with sign-ups locks in that order.
    """
    _delete_those_of(session, SignUpRow, address)


def forget(
    session: Session, suppressions: SuppressionStore, subscriber_id: SubscriberId, address: Address, *, now: datetime
) -> None:
    """Forget a person whose row is locked.

    What stays is that row with an opaque name, the bare events of consent, and the keyed hash among the suppressions.
    """
    if not suppressions.add(address, SuppressionReason.ERASED, detail="", at=now):
        suppressions.blank(address)
    ConsentStore(session).blank(subscriber_id)
    for table in (WishRow, OpinionRow, AddressChangeRow):
        session.execute(delete(table).where(table.subscriber_id == subscriber_id))
    # Somebody else may have asked for their mails to be sent to this address.
    _delete_those_of(session, AddressChangeRow, address)
    SubscriberStore(session).erase(subscriber_id, f"erased:{secrets.token_hex(16)}", now=now)


def _delete_those_of(session: Session, table: type[SignUpRow | AddressChangeRow], address: Address) -> None:
    # Few rows wait at any time, and no database can tell that two ways to write an address are one mailbox.
    found = [row.id for row in session.execute(select(table.id, table.address)) if _key_of(row.address) == address.key]
    listed, number = elements(session, as_list(found), BigInteger())
    session.execute(
        delete(table).where(table.id.in_(select(number).select_from(listed))), execution_options={"synchronize_session": False}
    )


def _key_of(text: str) -> str | None:
    try:
        return parse_address(text).key
    except AddressError:
        return None
