"""Handing out claims to the connections of one sending run."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.delivery.ledger import Batch, Lane, Ledger
from newsletter.delivery.model import Claim, DeliveryId
from newsletter.delivery.writer import LedgerWriter
from newsletter.digest.model import IssueId
from subscribers.model import SubscriberId

#: Times a run goes over the deliveries; what is due even then is left to the next run.
MOST_PASSES = 10


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run works on: everything that is due, unless narrowed to an issue or a reader.

    ``due_only=False`` tries also what is to be tried later, once.
    """

    issue_id: IssueId | None = None
    subscriber_id: SubscriberId | None = None
    due_only: bool = True


class Handout:
    """Claims deliveries in batches and gives them out one by one, until nothing is due.

    Attributes:
        skipped: deliveries that settled in a claim, as their readers had left.
    """

    def __init__(self, writer: LedgerWriter, clock: Clock, scope: Scope, *, lease: timedelta, batch: int) -> None:
        self.skipped = 0
        self._writer = writer
        self._clock = clock
        self._scope = scope
        self._lease = lease
        self._size = batch
        self._claims: deque[Claim] = deque()
        self._lanes: deque[Lane] = deque()
        self._cursor: DeliveryId | None = None
        self._found_in_pass = True
        self._passes_left = MOST_PASSES if scope.due_only else 1
        self._is_exhausted = False
        self._one_at_a_time = asyncio.Lock()
        self._refilling: asyncio.Task[None] | None = None

    async def next(self) -> Claim | None:
        """Return the next claim; None when nothing is left to do.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        async with self._one_at_a_time:
            while not self._claims and not self._is_exhausted:
                # Not to be cut off with its caller: what was claimed in the database must be known here.
                self._refilling = asyncio.create_task(self._refill())
                await asyncio.shield(self._refilling)
        return self._claims.popleft() if self._claims else None

    def put_back(self, claim: Claim) -> None:
        """Take back a claim that was not tried; it is the next to be given out."""
        self._claims.appendleft(claim)

    async def close(self) -> list[Claim]:
        """Return the claims nobody took. Call it when nobody asks for more."""
        if self._refilling is not None:
            await asyncio.wait([self._refilling])
        left, self._claims = list(self._claims), deque()
        return left

    async def _refill(self) -> None:
        if not self._lanes:
            # Once more over all of them, as something may have become due behind the cursor.
            if self._passes_left and self._found_in_pass:
                self._lanes.extend(await self._writer.run(lambda session: Ledger(session).lanes(issue_id=self._scope.issue_id)))
            self._is_exhausted = not self._lanes
            self._passes_left -= 1
            self._found_in_pass = False
            return
        batch = await self._writer.run(self._claim)
        self.skipped += batch.skipped
        self._claims.extend(batch.claims)
        if batch.seen:
            self._cursor = batch.last
            self._found_in_pass = True
        else:
            self._cursor = None
            self._lanes.popleft()

    def _claim(self, session: Session) -> Batch:
        return Ledger(session).claim(
            self._lanes[0],
            now=self._clock.now(),
            lease=self._lease,
            limit=self._size,
            after=self._cursor,
            subscriber_id=self._scope.subscriber_id,
            due_only=self._scope.due_only,
        )
