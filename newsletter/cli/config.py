"""``newsletter config``: check and show what the program runs with."""

from __future__ import annotations

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import print_json


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command(epilog="Example: newsletter --config /etc/newsletter/config.toml config check")
@pass_context
def check(context: Context) -> None:
    """Read the configuration and name everything that is wrong with it; exit code 1 if anything is.

    The themes, catalogues and logos that it names are looked at as well.
    """
    from newsletter.rendering.template.usable import check_usable

    newsletters = context.config.newsletters
    check_usable(context.config, context.config_path)
    click.echo(f"{context.config_path}: fine, {len(newsletters)} newsletter{'s' if len(newsletters) != 1 else ''}")


@config.command(epilog="Example: newsletter config show")
@pass_context
def show(context: Context) -> None:
    """Print every key with the value in force, as JSON; secrets are starred."""
    print_json(context.config.model_dump(mode="json"))
