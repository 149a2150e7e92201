"""Addresses never to be written to, kept as keyed hashes: the list cannot be read back into addresses without the secret."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import String, delete, select, update
from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.dialect import as_list, elements, insert_new
from subscribers.model import Suppression, SuppressionReason
from subscribers.tables import SuppressionRow


class Hasher:
    """Makes the keyed hash of an address key: HMAC-SHA-256 under a key derived from the secret.

    With another secret nothing would be found again, so the secret may gain keys for tokens but this one stays.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"subscribers.suppression", "sha256")

    def __call__(self, key: str) -> str:
        """Return 64 hexadecimal digits."""
        return hmac.digest(self._key, key.encode(), "sha256").hex()


class SuppressionStore:
    """The suppression table. Takes a session, never commits."""

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._hash = hasher

    def add(self, address: Address, reason: SuppressionReason, *, detail: str, at: datetime) -> bool:
        """Suppress an address; False if it was already, and then the earlier reason stays.

        Args:
            address: never to be written to again.
            reason: why.
            detail: free text of the operator; must not name the person.
            at: aware UTC.
        """
        row = insert_new(self._session, SuppressionRow).values(
            address_hash=self._hash(address.key), reason=reason, detail=detail, at=at
        )
        added = self._session.scalar(row.on_conflict_do_nothing().returning(SuppressionRow.address_hash))
        return added is not None

    def remove(self, address: Address) -> bool:
        """Lift a suppression; False if there was none."""
        gone = self._session.scalar(
            delete(SuppressionRow)
            .where(SuppressionRow.address_hash == self._hash(address.key))
            .returning(SuppressionRow.address_hash)
        )
        return gone is not None

    def get(self, address: Address) -> Suppression | None:
        """Return what is kept of an address, None if it is not suppressed."""
        row = self._session.get(SuppressionRow, self._hash(address.key))
        return None if row is None else _to_suppression(row)

    def blank(self, address: Address) -> None:
        """Empty the free text kept with an address."""
        self._session.execute(
            update(SuppressionRow).where(SuppressionRow.address_hash == self._hash(address.key)).values(detail="")
        )

    def contains(self, keys: Iterable[str]) -> set[str]:
        """Return those address ``keys`` that are suppressed, with one query for all."""
        hashes = {self._hash(key): key for key in keys}
        return {hashes[digest] for digest in self.contains_hashes(hashes)}

    def contains_hashes(self, hashes: Iterable[str]) -> set[str]:
        """Return those ``hashes`` that are suppressed, with one query for all."""
        asked, digest = elements(self._session, as_list(hashes), String(64))
        suppressed = select(SuppressionRow.address_hash).select_from(asked)
        return set(self._session.scalars(suppressed.join(SuppressionRow, SuppressionRow.address_hash == digest)))

    def hashes(self, *, limit: int) -> set[str]:
        """Return the hashes of all suppressed addresses, or ``limit`` of them if there are more."""
        return set(self._session.scalars(select(SuppressionRow.address_hash).limit(limit)))

    def list(self, *, after: str = "", limit: int | None = 50) -> list[Suppression]:
        """Return the next page, ascending hash, at most ``limit``; None for all."""
        page = select(SuppressionRow).where(SuppressionRow.address_hash > after).order_by(SuppressionRow.address_hash)
        return [_to_suppression(row) for row in self._session.scalars(page.limit(limit))]


def _to_suppression(row: SuppressionRow) -> Suppression:
    return Suppression(row.address_hash, SuppressionReason(row.reason), row.detail, row.at)
