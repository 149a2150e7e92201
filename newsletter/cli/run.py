"""``newsletter run``: everything in one process, unattended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import click

from newsletter.cli.context import Context, pass_context


@click.command(epilog="Example: newsletter --config /etc/newsletter/config.toml run")
@pass_context
def run(context: Context) -> None:
    """Run the public pages, the schedule and the sending in one process, until SIGTERM or Ctrl-C.

    While smtp.host is empty nothing leaves this machine: mails go to the built-in inbox, shown at /inbox.
    On SIGTERM running messages are finished, everything else is left for the next start; it ends within 30 seconds.
    """
    from newsletter.daemon import Daemon

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z", force=True)
    for package in ("newsletter", "subscribers"):
        logging.getLogger(package).setLevel(context.config.log.level.upper())
    daemon = Daemon(context.app)
    asyncio.run(daemon.run(on_ready=_show))
    click.echo("stopped; nothing is lost, the next start goes on from here")


def _show(addresses: Mapping[str, str]) -> None:
    for name, url in addresses.items():
        click.echo(f"{name:<7} {url}")
