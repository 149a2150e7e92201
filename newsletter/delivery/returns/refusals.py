"""What the next hop refused at once counts like a bounce: whoever relays for us may have asked the reader's server already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from newsletter.database import Database
from newsletter.delivery.returns.desk import ReturnDesk
from newsletter.delivery.returns.model import ReturnKind
from newsletter.delivery.returns.store import Refused, ReturnStore

#: Refusals looked up at once.
BATCH = 200


class Refusals:
    """Brings refusals to the desk."""

    def __init__(
        self,
        database: Database,
        desk: ReturnDesk,
        reason_of: Callable[[int, str, str], tuple[str, bool]],
        within: timedelta,
        *,
        batch: int = BATCH,
    ) -> None:
        """Take what it works with.

        Args:
            database: where deliveries and notices are.
            desk: records them.
            reason_of: says why a message was refused and whether its mailbox is gone for good, from reply code, enhanced status
                and text.
            within: older ones are left alone.
            batch: how many are looked up at once.
        """
        self._database = database
        self._desk = desk
        self._reason_of = reason_of
        self._within = within
        self._batch = batch

    def sweep(self, now: datetime) -> int:
        """Record the refusals that are new since the last sweep; return how many.

        Those are deliveries and notices that ended with a refusal that was about them: a permanent one, or a temporary one that
        stayed until all tries were used up. Each is one transaction: after a crash the next sweep goes on, and none counts
        twice, however many processes sweep.

        Args:
            now: aware UTC.
        """
        return sum(self._sweep(now, of) for of in (ReturnStore.refused_deliveries, ReturnStore.refused_notices))

    def _sweep(self, now: datetime, refused_of: Callable[..., list[Refused]]) -> int:
        count, after = 0, 0
        while True:
            with self._database.read() as session:
                page = refused_of(ReturnStore(session), since=now - self._within, after=after, limit=self._batch)
            for refused in page:
                self._record(refused, now)
            count += len(page)
            if len(page) < self._batch:
                return count
            after = page[-1].sent.signed.number

    def _record(self, refused: Refused, now: datetime) -> None:
        reason, is_hard = self._reason_of(refused.code, refused.status, refused.text)
        self._desk.record(
            refused.sent, kind=ReturnKind.REFUSAL, is_hard=is_hard, reason=str(reason), status=refused.status, now=now
        )
