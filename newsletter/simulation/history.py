"""One history: workers with the real sender on simulated machines, a world that goes wrong by the seed, and a verdict."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, insert, select, update

from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.ledger.steering import Steering, SteeringRefused
from newsletter.delivery.model import Claim, Draft, OutgoingMessage
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.sending.sender import Sender
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId
from newsletter.errors import NewsletterError
from newsletter.simulation.ground import Door, Ground, Trouble, address
from newsletter.simulation.loop import SimExecutor, SimLoop
from newsletter.simulation.network import Network
from newsletter.simulation.next_hop import NextHop
from newsletter.simulation.plan import CALM_AT, HEALED_AT, Plan, WorkerPlan, relay
from newsletter.simulation.promises import Promises
from newsletter.simulation.shelf import Shelf
from newsletter.simulation.world import BEGIN, Action, Process, World, WorldClock
from subscribers.model import SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow, SuppressionRow

#: Virtual second by which every delivery must be settled.
PATIENCE = HEALED_AT + 120.0
#: Virtual seconds between two looks of a worker for something to send.
POLL = 0.7


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history came to: the promises it broke, in words, and how much happened in it."""

    seed: int
    broken: tuple[str, ...]
    deliveries: int
    copies: int
    kills: int
    took: float


class SimComposer:
    """Makes small messages that depend on the claim alone; some lines begin with dots."""

    def prepare(self, claims: Sequence[Claim]) -> list[Draft | Exception]:
        return [partial(self.compose, claim) for claim in claims]

    def compose(self, claim: Claim) -> OutgoingMessage:
        data = content(claim.issue_id, claim.subscriber_id, claim.address, claim.dated_at)
        return OutgoingMessage("bounces@example.org", claim.address, data)


def content(issue_id: int, subscriber_id: int, recipient: str, dated_at: datetime) -> bytes:
    """Return the right bytes of a message."""
    return (
        f"From: papers@example.org\r\nTo: {recipient}\r\nDate: {dated_at.isoformat()}\r\n"
        f"Message-ID: <{issue_id}.{subscriber_id}@example.org>\r\n\r\n.a dot\r\n..two\r\n.\r\nthe end\r\n"
    ).encode()


def hash_of(address_key: str) -> str:
    """Return what a suppression of an address is kept under."""
    return hashlib.sha256(address_key.encode()).hexdigest()


MakeSender = Callable[..., Sender]


class History:
    """The world of one seed. Make it, :meth:`run` it, read the verdict."""

    def __init__(
        self,
        plan: Plan,
        ground: Ground,
        *,
        on_note: Callable[[str], object] | None = None,
        make_sender: MakeSender = Sender,
        rewrite: Callable[[str], str] = str,
    ) -> None:
        """Set the world up.

        Args:
            plan: what is to happen.
            ground: its database is used, and left as the history ended.
            on_note: told in words of what happens.
            make_sender: makes a worker's sender; another one shows whether the promises notice.
            rewrite: changes the statements of workers, for the same end.
        """
        self.plan = plan
        self.world = World(plan.seed, on_note=on_note)
        self.promises = Promises(self.world, plan.on_doubt)
        self.shelf = Shelf()
        self._ground = ground
        self._make_sender = make_sender
        self.door: Door = ground.prepare(self.world, self.promises, readers=plan.readers, issues=plan.issues)
        self.door.rewrite = rewrite
        self.door.failing, self.door.unclear = plan.failing_commits, plan.unclear_commits
        self.promises.knows = self.shelf.knows
        self.network = Network(self.world, plan.network)
        self.hops = [NextHop(self.world, plan.manners, self.promises) for _ in range(plan.relays)]
        self.network.hosts.update({f"relay{number}": hop for number, hop in enumerate(self.hops, 1)})
        self._steering = Steering(ground.database, WorldClock(self.world))
        self._loops: list[SimLoop] = []
        self._stops: dict[Process, asyncio.Event] = {}
        self._is_calm = self._is_healed = False
        self.kills = 0
        for number, worker in enumerate(plan.workers, 1):
            self.world.at(worker.starts_at, lambda number=number, worker=worker: self._start(number, worker, 0))  # type: ignore[misc]
        self._disturb()
        self.world.at(CALM_AT, self._calm)
        self.world.at(HEALED_AT, self._heal)

    def run(self) -> Verdict:
        """Let the history happen, and judge it."""
        with _quiet():
            while self.world.now < PATIENCE and not self.world.is_endless and not self.promises.is_settled:
                self.world.run(self.world.now + POLL)
                if self._is_healed:
                    for issue_id in self.promises.paused:
                        self._steering.resume(IssueId(issue_id))
        if self.world.is_endless:
            self.promises.broken.append(f"at {self.world.now:.6f}: it goes on for ever")
        contents = self._contents()
        self.promises.check_end(contents)
        self._check_accounts()
        broken = [*self.promises.broken, *(failure for loop in self._loops for failure in loop.failures)]
        for loop in self._loops:
            loop.sweep()
        return Verdict(self.plan.seed, tuple(broken), len(contents), self.promises.copies, self.kills, self.world.now)

    # -- workers ------------------------------------------------------------------------------------------------------------

    def _start(self, number: int, worker: WorkerPlan, life: int) -> None:
        process = Process(self.world, f"w{number}.{life}")
        self.world.note("%s starts", process.name)
        loop = SimLoop(process, self.network)  # type: ignore[abstract]  # what is missing is what nobody here asks for
        self._loops.append(loop)
        self.promises.limits[process] = worker.connections
        if life < len(worker.kills) and not self._is_healed:
            process.agenda[worker.kills[life]] = process.kill
        if life == 0:
            for step, seconds in worker.stops:
                process.agenda[step] = lambda seconds=seconds: self._stop(process, seconds)  # type: ignore[misc]

        def restart() -> None:
            self.kills += 1
            self.world.after(self.world.random.choice((0.001, 0.5, 2.0)), lambda: self._start(number, worker, life + 1))

        process.on_death.append(restart)
        clock = WorldClock(self.world)
        if worker.clock_error and not self._is_healed:
            clock.error = timedelta(seconds=worker.clock_error)
            self.world.at(HEALED_AT, lambda: setattr(clock, "error", timedelta(0)))
        sender = self._make_sender(
            self._ground.database,
            clock,
            [Relay(name, relay(name)) for name in self.network.hosts],
            self.plan.delivery(worker),
            composer=SimComposer(),
            hash_of=hash_of,
            journal=lambda: self.shelf.open(process),
            jitter=self.world.random.random,
            threads=lambda name: self._thread(loop, name),
        )
        stop = asyncio.Event()
        if worker.told_to_stop_at and life == 0:
            process.post_at(worker.told_to_stop_at, lambda: loop.call_soon(stop.set))
        process.post(0.0, lambda: loop.create_task(self._work(process, clock, sender, stop, number, worker, life)))

    def _thread(self, loop: SimLoop, name: str) -> Executor:
        def pause() -> float:
            if self._is_calm or self.world.random.random() >= self.plan.slow_jobs:
                return 0.0
            took = float(10 ** self.world.random.uniform(-2, 0.6))
            # Its beat may stand still meanwhile, and others are right to take over from it.
            self.promises.in_trouble(loop.process, self.world.now, self.world.now + took)
            return took

        return SimExecutor(loop, name, pause=pause)

    async def _work(
        self,
        process: Process,
        clock: WorldClock,
        sender: Sender,
        stop: asyncio.Event,
        number: int,
        worker: WorkerPlan,
        life: int,
    ) -> None:
        """What a worker's process does: send what is due, look again, end when it is told to."""
        while not stop.is_set():
            try:
                report = await sender.run(stop=stop)
                self.world.note("run ends: %s", report)
            except NewsletterError as error:
                self.world.note("run fails: %s", error)
            await asyncio.sleep(POLL * self.world.random.random())
            while not stop.is_set() and not self._ground.has_work(clock.now()):  # noqa: ASYNC110 - as a daemon looks
                await asyncio.sleep(POLL)
        self.world.note("%s has ended", process.name)
        self.promises.in_trouble(process, self.world.now, math.inf)
        self.world.after(1.0, lambda: self._start(number, worker, life + 1))

    def _stop(self, process: Process, seconds: float) -> None:
        if self._is_healed:
            return
        process.stop()
        self.promises.in_trouble(process, self.world.now, self.world.now + seconds)
        self.world.after(seconds, process.go_on)

    # -- what happens to them -----------------------------------------------------------------------------------------------

    def _disturb(self) -> None:
        random = self.world.random
        for reader in self.plan.leaving:
            self.world.at(self._some_time(), lambda reader=reader: self._leave(reader))  # type: ignore[misc]
        kinds: tuple[Action, ...] = (
            self._database_trouble,
            self._database_trouble,
            self._server_restarts,
            self._server_is_away,
            lambda: self._steer(self._steering.pause),
            lambda: self._steer(self._steering.cancel),
        )
        for _ in range(self.plan.disturbances):
            self.world.at(self._some_time(), random.choice(kinds))
        if self.plan.dies_with_journal:
            self.shelf.on_append = lambda process: self.world.after(self._some_time() / 4, process.kill)
        if self.plan.has_full_shelf:
            self.shelf.is_full = True

    def _some_time(self) -> float:
        return float(10 ** self.world.random.uniform(-3, 0.4))

    def _database_trouble(self) -> None:
        random = self.world.random
        living = [loop.process for loop in self._loops if loop.process.is_alive]
        process = random.choice(living) if living and random.random() < 0.5 else None
        trouble, seconds = random.choice(list(Trouble)), self._some_time()
        self.world.note("database, for %s: %s for %.3f s", process.name if process else "all", trouble, seconds)
        self.door.troubles[process] = trouble
        self.promises.in_trouble(process, self.world.now, self.world.now + seconds)
        self.world.after(seconds, lambda: self.door.troubles.pop(process, None))

    def _server_restarts(self) -> None:
        self.world.note("server restarts")
        self.world.random.choice(self.hops).restart()

    def _server_is_away(self) -> None:
        hop = self.world.random.choice(self.hops)
        name = self.world.random.choice(("is_down", "is_unreachable"))
        self.world.note("server %s", name)
        setattr(hop, name, True)
        hop.restart()
        self.world.after(self._some_time(), lambda: setattr(hop, name, False))

    def _leave(self, reader: int) -> None:
        how = self.world.random.choice(("unsubscribed", "ended", "suppressed"))
        with self._ground.database.write() as session:
            if how == "unsubscribed":
                session.execute(
                    update(SubscriberRow).where(SubscriberRow.id == reader).values(state=SubscriberState.UNSUBSCRIBED)
                )
            elif how == "ended":
                session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id == reader))
            else:
                values = {"address_hash": hash_of(address(reader)), "reason": "complaint", "detail": "", "at": BEGIN}
                session.execute(insert(SuppressionRow), [values])
        self.promises.reader_left(address(reader))

    def _steer(self, how: Callable[[IssueId], object]) -> None:
        with suppress(SteeringRefused):
            how(IssueId(self.world.random.randrange(1, self.plan.issues + 1)))

    def _calm(self) -> None:
        self.world.note("servers, networks and disks behave again")
        self._is_calm = True
        self.door.troubles.clear()
        self.door.failing = self.door.unclear = 0.0
        self.network.faults.split = self.network.faults.reset = self.network.faults.mute = 0.0
        self.shelf.is_full = False
        self.plan.manners.rate = 0.0
        for hop in self.hops:
            hop.is_down = hop.is_unreachable = False

    def _heal(self) -> None:
        self.world.note("everything is mended")
        self._is_healed = True
        for loop in self._loops:
            loop.process.agenda.clear()
            loop.process.go_on()

    # -- the end ------------------------------------------------------------------------------------------------------------

    def _contents(self) -> dict[int, bytes]:
        with self._ground.database.read() as session:
            rows = session.execute(
                select(DeliveryRow.id, DeliveryRow.issue_id, DeliveryRow.subscriber_id, DeliveryRow.dated_at)
            ).all()
        return {
            row.id: content(row.issue_id, row.subscriber_id, address(row.subscriber_id), row.dated_at or BEGIN) for row in rows
        }

    def _check_accounts(self) -> None:
        with self._ground.database.read() as session:
            for issue_id in range(1, self.plan.issues + 1):
                for problem in Accounts(session).account(IssueId(issue_id)).problems:
                    self.promises.broken.append(f"the account of issue {issue_id} does not add up: {problem}")


def play(seed: int, ground: Ground, **options: Any) -> Verdict:
    """Play the history of a seed."""
    return History(Plan.of(seed), ground, **options).run()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the core's log silent: it tells of faults, and here they are wanted."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
