"""``newsletter run``, and its parts as processes of their own: ``web``, ``scheduler``, ``worker``, and ``inbound serve``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context

if TYPE_CHECKING:
    from newsletter.daemon import Role
    from newsletter.serving import Way

#: Seconds from SIGTERM to the end of a worker beyond ``delivery.drain``; what takes longer is killed.
SPARE = 4.0


@click.command(epilog="Example: newsletter --config /etc/newsletter/config.toml run")
@pass_context
def run(context: Context) -> None:
    """Run the public pages, the schedule, the sending and mail that comes in, in one process, until SIGTERM or Ctrl-C.

    While smtp.host is empty nothing leaves this machine: mails go to the built-in inbox, shown at /inbox.
    On SIGTERM running messages are finished, everything else is left for the next start; it ends within 30 seconds.
    """
    from newsletter.daemon import Role

    run_roles(context, Role)


@click.command(epilog="Example: newsletter --config /etc/newsletter/config.toml web")
@pass_context
def web(context: Context) -> None:
    """Run the public pages and what belongs to them, such as the mails to confirm, until SIGTERM or Ctrl-C.

    Issues are built by 'newsletter scheduler' and sent by 'newsletter worker', and what webhooks store is acted on by
    'newsletter inbound serve'; they run beside it. It needs smtp.host.
    """
    from newsletter.daemon import Role

    run_roles(context, (Role.WEB,))


@click.command(epilog="Example: newsletter --config /etc/newsletter/config.toml scheduler")
@pass_context
def scheduler(context: Context) -> None:
    """Ask the sources and build issues at their hours, until SIGTERM or Ctrl-C.

    A second one does no harm: an hour has one issue, whoever builds it. Issues are sent by 'newsletter worker'.
    """
    from newsletter.daemon import Role

    run_roles(context, (Role.SCHEDULER,))


@click.command(epilog="Example: newsletter --config /etc/newsletter/config.toml worker --processes 4")
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Send with so many processes, each with delivery.connections connections; one that dies is started again.",
)
@click.option("--supervised", is_flag=True, hidden=True)
@pass_context
def worker(context: Context, processes: int, *, supervised: bool) -> None:
    """Send what is due, until SIGTERM or Ctrl-C.

    Any number of workers share the work, with PostgreSQL on any number of machines. What one that died held is taken over by
    another. On SIGTERM running messages are finished, everything else is left to the others; it ends within 30 seconds.
    It needs smtp.host.
    """
    from newsletter.daemon import Role

    if processes == 1:
        run_roles(context, (Role.WORKER,), supervised=supervised)
    else:
        _supervise(context, processes)


def run_roles(context: Context, roles: Iterable[Role], *, ways: Iterable[Way] | None = None, supervised: bool = False) -> None:
    """Do the work of roles until SIGTERM or Ctrl-C, with the log on standard error.

    Args:
        context: of the command.
        roles: what to do.
        ways: how mail comes in here; None: all that are configured.
        supervised: whether it ends with the process that started it.
    """
    from newsletter.daemon import Daemon
    from newsletter.rendering.template.usable import check_usable
    from newsletter.serving import run_in_loop
    from newsletter.supervisor import when_supervisor_ends

    _log(context)
    check_usable(context.config, context.config_path)
    roles = tuple(roles)
    daemon = Daemon(context.app, roles) if ways is None else Daemon(context.app, roles, ways=ways)

    async def body() -> None:
        if supervised:
            when_supervisor_ends(daemon.stop)
        await daemon.run(on_ready=lambda addresses: _show(addresses, roles))

    run_in_loop(body())
    click.echo("stopped; nothing is lost, the next start goes on from here")


def _supervise(context: Context, processes: int) -> None:
    from newsletter.daemon import Role, check_roles
    from newsletter.rendering.template.usable import check_usable
    from newsletter.serving import run_in_loop
    from newsletter.supervisor import Supervisor

    _log(context)
    check_usable(context.config, context.config_path)
    check_roles(context.config, {Role.WORKER})
    # What keeps all of them from starting is said here, once; this process needs no database after that.
    context.app.close()
    drain = context.config.delivery.drain.total_seconds() + SPARE
    config = str(context.config_path.resolve())
    # -P: as the console script, it takes no module from the folder it happens to be started in.
    command = (sys.executable, "-P", "-m", "newsletter", "--config", config, "worker", "--supervised")
    run_in_loop(Supervisor(command, processes, drain=drain).run())
    click.echo("stopped; nothing is lost, the next start goes on from here")


def _log(context: Context) -> None:
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z", force=True)
    for package in ("newsletter", "subscribers"):
        logging.getLogger(package).setLevel(context.config.log.level.upper())


def _show(addresses: Mapping[str, str], roles: Collection[Role]) -> None:
    for name, url in addresses.items():
        click.echo(f"{name:<7} {url}")
    if not addresses:
        click.echo(f"{', '.join(roles)} started")
