"""What a seed decides before its history begins: how big it is, what may go wrong in it, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from newsletter.config import DeliveryConfig, RelayConfig
from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.simulation.ground import MOST_READERS, address
from newsletter.simulation.network import NetworkFaults
from newsletter.simulation.next_hop import Manners, Misdeed
from newsletter.simulation.promises import LEASE

#: Virtual seconds at which servers, networks and disks behave again, and at which nobody is stopped, killed or paused any more.
CALM_AT, HEALED_AT = 3.0, 6.0


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """A worker: how it is configured, and the steps of its lives at which it is killed or stopped (0 for never)."""

    connections: int
    batch: int
    starts_at: float
    kills: tuple[int, ...]
    stops: tuple[tuple[int, float], ...]
    told_to_stop_at: float
    clock_error: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A history before it happens.

    Each kind of trouble is in about half of the histories only: one kind at a time finds what all at once would hide.
    """

    seed: int
    readers: int
    issues: int
    relays: int
    on_doubt: OnDoubt
    workers: tuple[WorkerPlan, ...]
    network: NetworkFaults
    manners: Manners
    failing_commits: float
    unclear_commits: float
    slow_jobs: float
    has_full_shelf: bool
    disturbances: int = 0
    leaving: tuple[int, ...] = ()
    limits: dict[str, float] = field(default_factory=dict)
    dies_with_journal: bool = False

    @classmethod
    def of(cls, seed: int) -> Plan:
        """Draw the plan of a seed."""
        random = Random(f"plan {seed}")  # noqa: S311 - must be replayable, protects nothing

        def rate(*values: float) -> float:
            return random.choice(values) if random.random() < 0.5 else 0.0

        readers = random.choice((1, 2, 3, 5, 8, 8, 12, 16, MOST_READERS))
        everyone = [address(number) for number in range(1, readers + 1)]
        misdeeds = [misdeed for misdeed in Misdeed if random.random() < 0.4]
        manners = Manners(
            rate=rate(0.02, 0.08, 0.3),
            misdeeds=frozenset(misdeeds),
            unknown=frozenset(one for one in everyone if random.random() < rate(0.2)),
            greylisted={one: random.random() * 2.5 for one in everyone if random.random() < rate(0.3)},
            can_pipeline=random.random() < 0.7,
            takes_data_without_recipient=random.random() < 0.3,
            think=random.choice((1e-4, 2e-3, 0.05)),
        )
        return cls(
            seed=seed,
            readers=readers,
            issues=2 if random.random() < 0.15 else 1,
            relays=2 if random.random() < 0.2 else 1,
            on_doubt=random.choice((OnDoubt.RESEND, OnDoubt.HOLD)),
            workers=tuple(_woken_late(_worker(random), seed) for _ in range(random.choice((1, 1, 1, 2, 2, 3)))),
            network=NetworkFaults(split=rate(0.05, 0.3), reset=rate(0.1, 0.5), mute=rate(0.05, 0.3)),
            manners=manners,
            failing_commits=rate(0.01, 0.1),
            unclear_commits=rate(0.01, 0.1),
            slow_jobs=rate(0.01, 0.05),
            has_full_shelf=random.random() < 0.1,
            disturbances=random.choice((0, 0, 1, 2, 4)),
            leaving=tuple(n for n in range(1, readers + 1) if random.random() < rate(0.1, 0.4)),
            limits={"per_second": random.choice((2.0, 20.0))} if random.random() < 0.1 else {},
            dies_with_journal=random.random() < 0.3,
        )

    def delivery(self, worker: WorkerPlan) -> DeliveryConfig:
        """Return the settings of a worker: those of a real one, with short waits, as workers look around all the time."""
        return DeliveryConfig.model_construct(
            **{
                **_DEFAULTS,
                "connections": worker.connections,
                "batch": worker.batch,
                "on_doubt": self.on_doubt.value,
                "lease": timedelta(seconds=LEASE),
                "retry_first": timedelta(seconds=0.7),
                "retry_longest": timedelta(seconds=2),
                "max_attempts": 12,
                "give_up_after": timedelta(hours=1),
                "drain": timedelta(seconds=1),
                **self.limits,
            }
        )


def relay(name: str) -> RelayConfig:
    """Return how a simulated relay is reached."""
    return RelayConfig(
        host=name,
        port=25,
        security="none",
        helo_name="news.example.org",
        connect_timeout=timedelta(seconds=0.3),
        reply_timeout=timedelta(seconds=0.4),
        final_timeout=timedelta(seconds=0.6),
        message_timeout=timedelta(seconds=1),
    )


def _worker(random: Random) -> WorkerPlan:
    dies, stops = random.random() < 0.4, random.random() < 0.3
    return WorkerPlan(
        connections=random.choice((1, 1, 2, 3, 4)),
        batch=random.choice((1, 2, 5, 20)),
        starts_at=0.0 if random.random() < 0.5 else _some_time(random),
        kills=tuple(random.randrange(1, random.choice((40, 150, 600))) for _ in range(random.choice((1, 1, 1, 2, 4)) * dies)),
        stops=tuple((random.randrange(1, 500), 3 * _some_time(random)) for _ in range(random.choice((1, 1, 2)) * stops)),
        told_to_stop_at=_some_time(random) if random.random() < 0.15 else 0.0,
        clock_error=random.choice((-60.0, -5.0, 5.0, 60.0)) if random.random() < 0.1 else 0.0,
    )


def _woken_late(worker: WorkerPlan, seed: int) -> WorkerPlan:
    """Let some go on just when others have taken over what they held, and are about to send it.

    With dice of its own, so that seeds without such a stop play what they played before there was this.
    """
    random = Random(f"lease {seed}")  # noqa: S311 - must be replayable, protects nothing
    return replace(
        worker,
        stops=tuple(
            (at, LEASE * random.uniform(1.0, 1.6) if random.random() < 0.5 else seconds) for at, seconds in worker.stops
        ),
    )


def _some_time(random: Random) -> float:
    """Return seconds between a millisecond and three seconds, each magnitude alike."""
    return float(10 ** random.uniform(-3, 0.4))


_DEFAULTS = {name: field.get_default(call_default_factory=True) for name, field in DeliveryConfig.model_fields.items()}
