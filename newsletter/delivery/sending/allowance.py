"""Drawing what the limits allow, a little ahead, from the store that all senders share."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.delivery.ledger.writer import LedgerWriter
from newsletter.delivery.pacing.pace import PaceStore, Purse


class Allowance:
    """Keeps a purse filled for one sending run.

    Args:
        purse: what the run spends from.
        writer: its thread asks the database.
        clock: decides which day it is.
        on_drawn: called when there is more in the purse.
        on_day_used_up: called when there will be no more today; nothing is drawn after that.
    """

    def __init__(
        self,
        purse: Purse,
        writer: LedgerWriter,
        clock: Clock,
        *,
        on_drawn: Callable[[], object],
        on_day_used_up: Callable[[], object],
    ) -> None:
        self._purse = purse
        self._writer = writer
        self._clock = clock
        self._on_drawn = on_drawn
        self._on_day_used_up = on_day_used_up
        self._loop = asyncio.get_running_loop()
        self._is_dry = asyncio.Event()

    def spend(self, relay: str, group: str) -> bool:
        """Take a message's worth out of the purse; False if there is not enough, and then more is drawn when it may be."""
        if self._purse.is_unlimited or self._purse.spend(relay, group):
            return True
        self._is_dry.set()
        return False

    async def keep(self) -> None:
        """Draw, about a second ahead, when something is missing; until cancelled, or the day's limit is reached."""
        while True:
            self._is_dry.clear()
            wait = self._purse.next_look(self._loop.time())
            if math.isinf(wait):
                self._on_day_used_up()
                return
            if not self._purse.wanted():
                await self._is_dry.wait()
            elif wait:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._is_dry.wait()
            else:
                await self._draw()

    async def give_back(self) -> None:
        """Give back what was drawn and not spent: else others would have to do without for a moment, and the day for good."""
        if not self._purse.is_unlimited:
            with contextlib.suppress(SQLAlchemyError):
                await self._writer.run(
                    lambda session: PaceStore(session).give_back(self._purse.limits, self._purse.empty(), now=self._clock.now())
                )

    async def _draw(self) -> None:
        wanted = self._purse.wanted()
        granted = await self._writer.run(
            lambda session: PaceStore(session).draw(self._purse.limits, wanted, now=self._clock.now())
        )
        self._purse.fill(granted, self._loop.time())
        self._on_drawn()
