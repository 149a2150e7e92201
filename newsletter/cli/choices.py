"""Options that say what a reader gets, for one person and for a whole list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from newsletter.cli.context import Context
from subscribers.model import Cadence, Choices, FieldValue, Interests

if TYPE_CHECKING:
    from newsletter.config import NewsletterConfig
    from subscribers.transfer.import_lines import Defaults

Command = TypeVar("Command", bound=Callable[..., Any])
Parsed = TypeVar("Parsed")
GIVEN_ELSEWHERE = "The operator states that this person asked for the newsletter elsewhere."

newsletter_option = click.option("--newsletter", metavar="SLUG", help="Which newsletter; default the first configured.")
consent_option = click.option(
    "--consent", metavar="TEXT", default=GIVEN_ELSEWHERE, help="What was agreed to, kept as proof; default: that you say so."
)


def choices_options(command: Command) -> Command:
    """Add the options that say what readers get."""
    for option in (
        click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field of your own; may be repeated."),
        click.option("--size", type=click.IntRange(1, 60), help="Papers per digest; default the newsletter's."),
        click.option("--muted", default="", help='Words of papers they never want, like "survey; benchmark".'),
        click.option("--labs", default="", help="Labs they follow, with semicolons between."),
        click.option("--authors", default="", help='Authors they follow, like "Ada Example; Grace Example".'),
        click.option(
            "--topics",
            default="",
            help='arXiv categories and keywords with semicolons between: "cs.CL; diffusion models; agents -survey".',
        ),
        click.option("--zone", help="Time zone, like Europe/Berlin; default the newsletter's."),
        click.option("--hour", type=click.IntRange(0, 23), default=8, show_default=True, help="Local hour of the mail."),
        click.option(
            "--cadence",
            type=click.Choice([choice.value for choice in Cadence]),
            help="How often; default the newsletter's first.",
        ),
    ):
        command = option(command)
    return command


def choices_of(
    context: Context,
    newsletter: str | None,
    *,
    cadence: str | None,
    hour: int,
    zone: str | None,
    topics: str,
    authors: str,
    labs: str,
    muted: str,
    size: int | None,
    fields: tuple[str, ...],
) -> tuple[str, Choices]:
    """Return the newsletter's slug and what the options of :func:`choices_options` say.

    Raises:
        ConfigError: no such newsletter.
        click.UsageError: an option says what cannot be had.
    """
    slug, config = context.app.newsletter(newsletter)
    chosen = Cadence(cadence) if cadence else config.cadences[0]
    if chosen not in config.cadences:
        raise click.UsageError(f"{slug!r} does not come {chosen}; it comes {', '.join(config.cadences)}")
    own = _fields(config, fields)
    interests = _interests(config, topics=topics, authors=authors, labs=labs, muted=muted)
    try:
        return slug, Choices(chosen, hour, zone or config.zone, interests, size, own)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def defaults_of(context: Context, newsletter: str | None, **chosen: Any) -> Defaults:
    """Return what the lines of a file get where they say nothing, and what they may ask for; see :func:`choices_of`."""
    from subscribers.transfer.import_lines import Defaults

    slug, choices = choices_of(context, newsletter, **chosen)
    newsletters = context.app.config.newsletters
    return Defaults(
        slug,
        choices,
        {name: found.cadences for name, found in newsletters.items()},
        {name: found.own_fields for name, found in newsletters.items()},
    )


def _interests(config: NewsletterConfig, *, topics: str, authors: str, labs: str, muted: str) -> Interests:
    from newsletter.papers.categories import NAMES
    from subscribers.interests import is_archive, parse_topics, split_phrases, split_words

    found = _read("--topics", parse_topics, topics)
    for name in found.categories:
        if name not in NAMES and name not in config.topics and not is_archive(name):
            raise click.UsageError(f"--topics: there is no arXiv category {name}")
    return replace(
        found,
        authors=_read("--authors", split_words, authors),
        labs=_read("--labs", split_words, labs),
        muted=_read("--muted", split_phrases, muted),
    )


def _read(option: str, parse: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error


def _fields(config: NewsletterConfig, given: tuple[str, ...]) -> tuple[tuple[str, FieldValue], ...]:
    from subscribers.fields import FieldsError, parse_fields

    written: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name in written:
            raise click.UsageError(f"--field {text!r} is not NAME=VALUE, each name once; write it like --field city=Bonn")
        written[name] = value
    try:
        return parse_fields(config.own_fields, written, may_lack=True)
    except FieldsError as error:
        raise click.UsageError(f"--field {error}") from error
