"""The command line: one module per command group, thin; only here errors become text and exit codes.

Exit codes: 0 done, 1 failed with a message that says what to do, 2 wrong usage, 3 nothing to do. Every command's module is
imported only when it is called, so that ``newsletter --help`` is quick.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

import click

from newsletter import __version__
from newsletter.cli.context import Context
from newsletter.errors import NewsletterError
from subscribers.errors import SubscribersError

#: Command name -> (module below ``newsletter.cli``, attribute, one line of help), in the order of a first visit.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Try all of it on bundled real papers, with a built-in inbox."),
    "init": ("init", "init", "Write a config.toml and templates to start from."),
    "fetch": ("fetch", "fetch", "Take papers and votes in from the sources, or from a file."),
    "papers": ("papers", "papers", "List papers, show one, explain its rank."),
    "build": ("build", "build", "Freeze the issue of a slot and choose each reader's digest."),
    "preview": ("preview", "preview", "Look at an issue's mail before it leaves."),
    "templates": ("templates", "templates", "See, check and take over what mails are made of."),
    "send": ("send", "send", "Send an issue, or everything that is due."),
    "issues": ("issues", "issues", "List issues and account for their deliveries."),
    "subscribers": ("subscribers", "subscribers", "Add, list, import, export and erase readers."),
    "suppressions": ("suppressions", "suppressions", "Addresses that are never written to."),
    "inbound": ("inbound", "inbound", "Take in commands, bounces and complaints; see what came of them."),
    "run": ("run", "run", "Run it unattended: pages, schedule, sending and inbound mail in one process."),
    "web": ("run", "web", "Run the public pages alone."),
    "scheduler": ("run", "scheduler", "Fetch and build alone, at the hours set."),
    "worker": ("run", "worker", "Send alone; any number of processes on any machines."),
    "schedule": ("schedule", "schedule", "See the slots to come, and the readers they are for."),
    "stats": ("stats", "stats", "See what the last issues came to, and why slots have none."),
    "simulate": ("simulate", "simulate", "Put the delivery core through simulated faults and crashes."),
    "config": ("config", "config", "Check and show the configuration."),
    "db": ("db", "db", "Look after the database."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"newsletter.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.toml"),
    envvar="NEWSLETTER_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration to use.",
)
@click.version_option(__version__, prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context, config_path: Path) -> None:
    """Trending research papers in your readers' inboxes.

    First steps: 'newsletter demo' shows it at work on real papers, and nothing leaves this machine; 'newsletter init my-papers'
    starts your own.
    """
    ctx.obj = ctx.with_resource(Context(config_path))


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with its code; errors of ours become one message, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        code: Any = cli.main(args=args, prog_name="newsletter", standalone_mode=False)
    except (NewsletterError, SubscribersError) as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
