"""``newsletter config``: check and show what the program runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import print_json
from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from newsletter.config import Config


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command(epilog="Example: newsletter --config /etc/newsletter/config.toml config check")
@pass_context
def check(context: Context) -> None:
    """Read the configuration and name everything that is wrong with it; exit code 1 if anything is.

    The themes, catalogues, logos and files of secrets that it names are looked at as well, and what providers' reports are
    proven with. What is allowed but seldom meant is said as a hint.
    """
    from newsletter.rendering.template.usable import check_usable

    config, newsletters = context.config, context.config.newsletters
    problems = _problems_of(lambda: check_usable(config, context.config_path))
    problems += [*_secret_problems(config), *_webhook_problems(config)]
    if problems:
        raise ConfigError(str(context.config_path), problems)
    for hint in _hints(config):
        click.echo(f"hint: {hint}", err=True)
    click.echo(f"{context.config_path}: fine, {len(newsletters)} newsletter{'s' if len(newsletters) != 1 else ''}")


@config.command(epilog="Example: newsletter config show")
@pass_context
def show(context: Context) -> None:
    """Print every key with the value in force, as JSON; secrets are starred."""
    print_json(context.config.model_dump(mode="json"))


def _problems_of(look: Callable[[], object]) -> list[str]:
    try:
        look()
    except ConfigError as error:
        return error.problems
    return []


def _secret_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the files of passwords that are needed: 'newsletter run' reads them late, or again and again."""
    from newsletter.config_file import secret_from_file

    relays = {"smtp": config.smtp, **{f"relays.{name}": relay for name, relay in config.relays.items()}}
    logins: dict[str, tuple[str, SecretStr | None, Path | None]] = {
        section: (relay.host, relay.password, relay.password_file) for section, relay in relays.items()
    }
    imap = config.inbound.imap
    logins["inbound.imap"] = (imap.host, imap.password, imap.password_file)
    for section, (host, password, path) in logins.items():
        if host and password is None and path is not None:
            try:
                secret_from_file(path, f"{section}.password_file")
            except ConfigError as error:
                yield from error.problems


def _webhook_problems(config: Config) -> Iterator[str]:
    """Yield what keeps 'newsletter run' from taking providers' reports, in its own words."""
    from newsletter.inbound.webhooks.door import check_of

    for name, webhook in config.inbound.webhooks.items():
        key = f"inbound.webhooks.{name}"
        try:
            check_of(name, webhook, lambda _url: b"")  # nothing is asked for before a post is there
        except ConfigError as error:
            yield from (problem if problem.startswith(key) else f"{key}: {problem}" for problem in error.problems)


def _hints(config: Config) -> Iterator[str]:
    """Yield what is allowed, and seldom meant."""
    inbound = config.inbound
    addresses = [newsletter.inbound_address for newsletter in config.newsletters.values() if newsletter.inbound_address]
    if addresses and not inbound.forward_to:
        yield f"inbound.forward_to is empty, so nobody gets what people write to {addresses[0]}; it is kept, see 'inbound list'"
    if addresses and not inbound.imap.host and not inbound.listen.port:
        yield f"mail to {addresses[0]} has no way in but a pipe of your MTA; docs/inbound.md shows it, and the other ways"
