"""``newsletter simulate``: whole histories of sending in a simulated world, each judged by what sending promises."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from newsletter.cli.output import FAILED, print_json, print_table, progress
from newsletter.cli.parameters import as_json

if TYPE_CHECKING:
    from newsletter.simulation.runner import Summary

#: Broken histories that are listed.
SHOWN = 20


@click.command(epilog="Example: newsletter simulate --seeds 1000")
@click.option("--seeds", type=click.IntRange(min=1), default=1000, show_default=True, help="Histories to play.")
@click.option("--from", "first", type=click.IntRange(min=0), default=0, show_default=True, help="The first one's seed.")
@click.option("--processes", type=click.IntRange(min=1), help="Processors to use; all of them if not given.")
@click.option("--trace", is_flag=True, help="Print what happens, event by event.")
@as_json
def simulate(*, seeds: int, first: int, processes: int | None, trace: bool, as_json: bool) -> int:
    """Play histories of the sender in a simulated world, and check that it keeps its promises.

    The sender is the real one; clock, network, mail server, disk trouble and crashes are simulated, so that hours pass in
    milliseconds. A seed decides everything: one seed, one history, and the same again whenever it is asked for. Nothing of the
    configuration or the database is used. The exit code is 1 if a promise was broken.
    """
    from newsletter.simulation.runner import play_many

    if trace:
        return _trace(first, seeds)
    began = time.monotonic()
    used = min(processes or os.cpu_count() or 1, max(1, seeds // 50))
    with progress("histories") as show:
        summary = play_many(first, seeds, processes=used, on_progress=lambda done: show(done.histories, seeds))
    took = time.monotonic() - began
    if as_json:
        values = {**asdict(summary), "seconds": round(took, 3), "broken": [asdict(verdict) for verdict in summary.broken]}
        print_json(values)
    else:
        _print(summary, took)
    return FAILED if summary.broken else 0


def _trace(first: int, seeds: int) -> int:
    from newsletter.simulation.ground import Ground
    from newsletter.simulation.history import play

    ground, is_broken = Ground(), False
    for seed in range(first, first + seeds):
        click.echo(f"history {seed}")
        verdict = play(seed, ground, on_note=click.echo)
        for promise in verdict.broken:
            click.echo(f"broken: {promise}")
        is_broken = is_broken or bool(verdict.broken)
    ground.close()
    return FAILED if is_broken else 0


def _print(summary: Summary, took: float) -> None:
    if summary.broken:
        rows = [(verdict.seed, len(verdict.broken), verdict.broken[0]) for verdict in summary.broken[:SHOWN]]
        print_table(
            f"Broken promises in {len(summary.broken)} of {summary.histories} histories",
            ("seed", "broken", "the first"),
            rows,
            f"to see one happen: newsletter simulate --seeds 1 --from {rows[0][0]} --trace",
        )
        return
    click.echo(
        f"{summary.histories} histories in {took:.0f} s ({summary.histories / took:.0f} a second), no promise broken: "
        f"{summary.deliveries} deliveries, {summary.copies} messages taken, {summary.kills} processes ended before their time"
    )
