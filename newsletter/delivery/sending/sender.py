"""Sending: claim, compose, send, record, on several connections at once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig
from newsletter.database import Database
from newsletter.delivery.ledger.journal import Journal
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.run import Composer, Parts, SendingRun, SendReport
from newsletter.errors import DatabaseError

__all__ = ["Composer", "SendReport", "Sender"]


class Sender:
    """Sends what is due. Any number of senders may work on one database at the same time, on PostgreSQL from any machine."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        relays: Sequence[Relay],
        config: DeliveryConfig,
        *,
        composer: Composer,
        hash_of: Callable[[str], str],
        journal: Callable[[], Journal],
        check_room: Callable[[], object] = lambda: None,
        jitter: Callable[[], float] = random.random,
        patience: timedelta = timedelta(seconds=20),
        threads: Callable[[str], Executor] = lambda name: ThreadPoolExecutor(1, thread_name_prefix=name),
    ) -> None:
        """Make a sender.

        Args:
            database: where the ledger is.
            clock: decides what is due.
            relays: the next hops; each ``password_file`` was read into ``password``.
            config: connections, leases, retries, limits.
            composer: makes messages.
            hash_of: from an address key to what its suppression is kept under.
            journal: makes the side journal of a run.
            check_room: raises a :class:`NewsletterError` where the disk has too little room to send; called in a thread.
            jitter: 0 to 1, spreads retries.
            patience: how long the end of a run goes on trying to write while the database is in trouble.
            threads: makes an executor of one worker, named after what it does.
        """
        self._parts = Parts(database, clock, relays, config, composer, hash_of, journal, check_room, jitter, patience)
        self._threads = threads

    async def run(
        self,
        scope: Scope | None = None,
        *,
        on_progress: Callable[[SendReport], object] = lambda _report: None,
        stop: asyncio.Event | None = None,
    ) -> SendReport:
        """Work until nothing is due, and no other worker holds anything that may become due.

        A crash at any point loses nobody: any other sender, or the next run, takes back what this one held. All relays refusing
        connections defers all that is due and ends the run; it is due again at once.

        Args:
            scope: what to work on.
            on_progress: told of the counts so far after each durable group of results, in the event loop.
            stop: when set, nothing new is begun; running messages have ``delivery.drain`` to finish, and claims are given back.

        Raises:
            DatabaseError: the database cannot be used; what was sent is recorded, or kept in the side journal until it can be.
        """
        with contextlib.ExitStack() as stack:
            ledger, compose = (stack.enter_context(self._threads(name)) for name in ("ledger", "compose"))
            run = SendingRun(self._parts, scope or Scope(), on_progress, stop or asyncio.Event(), ledger, compose)
            try:
                return await run.work()
            except SQLAlchemyError as error:
                cause = type(error.orig if isinstance(error, DBAPIError) else error).__name__
                raise DatabaseError(
                    f"sending stopped, as the database cannot be used ({cause}); what was sent is recorded and the rest "
                    "waits: check database.url and its disk, then send again"
                ) from error
