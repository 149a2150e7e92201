"""``newsletter demo``: all of it on bundled real papers, with a built-in inbox."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.output import FAILED, print_table

if TYPE_CHECKING:
    from newsletter.demo.service import DemoReport
    from newsletter.serving import Serving


@click.command(epilog="Example: newsletter demo --once")
@click.option("--once", is_flag=True, help="Do it, print the account, end.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port of the pages on this machine."
)
def demo(*, once: bool, port: int) -> int:
    """Take two weeks of real papers in, build an issue, send it to three sample readers, and show the mails.

    Everything is real (database, ranking, SMTP) but nothing leaves this machine, and nothing is left behind: it works in a
    temporary folder. The sample ends on 21 August 2026, so the demo's clock starts on that morning.
    """
    from newsletter.demo.service import run_demo
    from newsletter.serving import run_in_loop

    accounts_add_up = False

    def show(report: DemoReport, serving: Serving) -> None:
        nonlocal accounts_add_up
        accounts_add_up = report.account.adds_up
        _print(report, serving, once=once)

    async def body(folder: Path) -> None:
        stop = None if once else asyncio.Event()
        if stop is not None:
            for signum in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        await run_demo(folder, port=0 if once else port, on_report=show, stop=stop)

    with tempfile.TemporaryDirectory(prefix="newsletter-demo-") as folder:
        run_in_loop(body(Path(folder)))
    return 0 if accounts_add_up else FAILED


def _print(report: DemoReport, serving: Serving, *, once: bool) -> None:
    issue, taken_in = report.issue, report.taken_in
    click.secho(f"Trending Papers no. {issue.number}, {issue.slot}", bold=True)
    click.echo(f"{taken_in.new} papers and {taken_in.signals} measurements of votes, comments and stars taken in")
    click.echo(f"{report.drawn} pictures drawn by the demo itself, as the sample has none")
    print_table(
        "Sent over SMTP",
        ("reader", "wants", "papers", "subject of the mail"),
        [(got.reader.address, got.reader.taste, got.papers, got.subject) for got in report.received],
    )
    states = {str(state): count for state, count in report.account.by_state.items() if count}
    parts = " + ".join(f"{count} {state.replace('_', ' ')}" for state, count in states.items())
    verdict = "adds up" if report.account.adds_up else f"does not add up: {'; '.join(report.account.problems)}"
    click.echo(f"account: {parts} = audience of {report.account.audience}; {verdict}")
    if once:
        click.echo("next: newsletter demo, to look at the mails")
        return
    click.echo()
    for name, url in serving.addresses.items():
        click.echo(f"{name:>8}  {url}")
    click.echo("\nopen the inbox; Ctrl-C ends the demo")
