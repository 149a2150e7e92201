"""A whole issue for 1,000,000 readers, built and sent into a fast sink: ``python benchmarks/million.py --readers 1000000``.

Aim: memory stays bounded (under 250 MB for the sending process) and speed flat (the last 100,000 messages within 10 % of the
first), with the whole ledger in a SQLite file (``synchronous=FULL``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sending.machine import machine
from sending.processes import end_tidily
from sending.sides import COURSE_STEP, send
from sending.sink import fast_sink
from sending.world import build_world

#: Messages whose speed is compared, first and last.
PART = 100_000
MOST_MEGABYTES = 250


def main() -> None:
    """Send and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if options.readers < 2 * PART:
        parser.error(f"at least {2 * PART:,} readers, or there is no first and last part to compare")
    end_tidily()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="million-") as name, fast_sink() as sink:
        started = time.perf_counter()
        world = build_world(Path(name) / "world", options.readers, papers=3)
        print(f"{world.readers:,} readers added and their issue built in {time.perf_counter() - started:.0f} s")
        readers_per_second = world.readers / world.build_seconds
        print(f"  of which building the issue      {world.build_seconds:8.1f} s {readers_per_second:9,.0f} readers/s")
        world.configure([sink.port], connections=options.connections)
        run = send(world)
        taken = sink.take()
        assert taken.messages == run.messages, f"{run.messages:,} were sent, and the sink took {taken.messages:,}"
        print(f"sent, {len(world.message):,} octets each           {run.seconds:8.1f} s {run.rate:9,.0f} messages/s")
        before = [0.0, *run.course]
        parts = PART // COURSE_STEP
        rates = [PART / (late - early) for early, late in zip(before, before[parts:], strict=False)]
        for number, rate in enumerate(rates[::parts], 1):
            print(f"  messages to {number * PART:>9,}                  {rate:9,.0f} messages/s")
        ratio = rates[-1] / rates[0]
        print(f"last {PART:,} : first {PART:,} = {ratio:.2f}   (aim 0.9){'' if ratio >= 0.9 else '   NOT REACHED'}")
        over = run.peak_megabytes > MOST_MEGABYTES
        print(f"peak memory {run.peak_megabytes:.0f} MB   (aim {MOST_MEGABYTES}){'   NOT REACHED' if over else ''}")


if __name__ == "__main__":
    main()
