"""The first step of a mail's way, apart from all the others, so that a pipe which is started for each mail is quick."""

from __future__ import annotations

import logging

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, Kept
from newsletter.inbound.store import InboundStore

log = logging.getLogger(__name__)


class Keeping:
    """Stores mails.

    Args:
        database: where they go.
        clock: says when they came.
        max_bytes: largest mail taken.
    """

    def __init__(self, database: Database, clock: Clock, *, max_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bytes = max_bytes

    def keep(self, arrival: Arrival) -> Kept:
        """Store a mail; when this returns it is on the disk, and whoever brought it may forget it.

        Raises:
            InboundTooLarge: it has more than ``inbound.max_bytes``.
        """
        if len(arrival.raw) > self._max_bytes:
            raise InboundTooLarge(len(arrival.raw), self._max_bytes)
        with self._database.write() as session:
            kept = InboundStore(session).keep(arrival, now=self._clock.now())
        log.info("inbound.kept mail=%d via=%s size=%d new=%s", kept.id, arrival.via, len(arrival.raw), kept.is_new)
        return kept
