"""``newsletter preview``: look at an issue's mail before it leaves."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO
from newsletter.cli.parameters import END_OF_DAY

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.preview.service import PreviewService


@click.command(epilog="Example: newsletter preview --as reader@example.org --output review")
@click.option("--as", "address", metavar="EMAIL", help="The digest of this reader; default: the common one.")
@click.option("--date", "day_end", type=END_OF_DAY, help="As of the end of this day (UTC); default: now.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port on this machine; 0: any free one."
)
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Write HTML and text into this folder instead."
)
@pass_context
def preview(context: Context, address: str | None, day_end: datetime | None, port: int, output: Path | None) -> int:
    """Show the next issue's mail as a page on this machine, or write it into a folder. Nothing is stored, nothing is sent."""
    from newsletter.serving import run_in_loop

    app = context.app
    at = None if day_end is None else min(app.clock.now(), day_end)
    previews = app.preview(at=at)
    reader = str(app.subscribers.find(address).id) if address else "common"
    if output is not None:
        return _write(previews, reader, output)
    run_in_loop(_serve(app, previews, port, reader))
    return 0


def _write(previews: PreviewService, reader: str, output: Path) -> int:
    rendered = previews.render(reader)
    if rendered is None:
        click.echo("nothing new for this reader; take papers in with: newsletter fetch")
        return NOTHING_TO_DO
    output.mkdir(parents=True, exist_ok=True)
    (output / "digest.html").write_text(rendered.html, encoding="utf-8")
    (output / "digest.txt").write_text(rendered.text, encoding="utf-8")
    click.echo(f"{rendered.subject}\n{rendered.papers} papers, {rendered.html_bytes / 1000:.1f} kB of HTML")
    click.echo(f"wrote  {output / 'digest.html'}\nwrote  {output / 'digest.txt'}")
    return 0


async def _serve(app: App, previews: PreviewService, port: int, reader: str) -> None:
    from newsletter.serving import serve

    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with serve(app, host="127.0.0.1", port=port, previews=previews) as serving:
        click.echo(f"preview  {serving.addresses['preview']}?reader={reader}")
        click.echo("Ctrl-C ends it")
        await stop.wait()
