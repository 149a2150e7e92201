"""``newsletter subscribers``: who gets the newsletter, and what they chose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, in_iso, print_json, print_table, progress
from newsletter.cli.parameters import INSTANT, as_json, limit
from subscribers.model import Cadence, Choices, ConsentMethod, Subscriber, SubscriberState

if TYPE_CHECKING:
    from subscribers.import_lines import Defaults, Refusal

Command = TypeVar("Command", bound=Callable[..., Any])
#: Refused lines shown where no report was asked for.
SHOWN = 10
GIVEN_ELSEWHERE = "The operator states that this person asked for the newsletter elsewhere."


def _number_or_address(_context: click.Context, _parameter: click.Parameter, text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text


#: A person: an address, or the number that lists and logs show.
who = click.argument("who", metavar="ADDRESS|ID", callback=_number_or_address)
newsletter_option = click.option("--newsletter", metavar="SLUG", help="Which newsletter; default the first configured.")
consent_option = click.option(
    "--consent", metavar="TEXT", default=GIVEN_ELSEWHERE, help="What was agreed to, kept as proof; default: that you say so."
)


def choices_options(command: Command) -> Command:
    """Add the options that say what readers get."""
    for option in (
        click.option("--size", type=click.IntRange(1, 60), help="Papers per digest; default the newsletter's."),
        click.option("--topics", default="", help='arXiv categories and keywords, like "cs.CL; diffusion models".'),
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


@click.group()
def subscribers() -> None:
    """Add, list, import, export and erase readers."""


@subscribers.command(epilog='Example: newsletter subscribers add you@example.org --topics "cs.CL; agents" --zone Europe/Berlin')
@click.argument("address")
@newsletter_option
@choices_options
@consent_option
@click.option("--asked-again", is_flag=True, help="They left before and asked themselves to come back.")
@pass_context
def add(context: Context, /, address: str, newsletter: str | None, consent: str, *, asked_again: bool, **chosen: Any) -> int:
    """Add a reader who asked for it elsewhere; active at once."""
    slug, choices = _choices(context, newsletter, **chosen)
    service = context.app.subscribers
    subscribe = service.resubscribe if asked_again else service.add
    added = subscribe(address, slug, choices, method=ConsentMethod.OPERATOR, wording=consent)
    if not added.is_new:
        click.echo(f"{added.subscriber.address} gets {slug!r} already; nothing was changed")
        return NOTHING_TO_DO
    click.echo(f"added {added.subscriber.address} as subscriber {added.subscriber.id}: {slug}, {choices.cadence}")
    return 0


@subscribers.command("list", epilog="Example: newsletter subscribers list --state active --limit 20")
@click.option("--state", type=click.Choice([choice.value for choice in SubscriberState]), help="Only those who stand there.")
@click.option("--newsletter", metavar="SLUG", help="Only its subscribers.")
@limit
@as_json
@pass_context
def list_(context: Context, state: str | None, newsletter: str | None, limit: int | None, *, as_json: bool) -> int:
    """List readers, first come first."""
    from subscribers.store import SubscriberStore

    if newsletter is not None:
        context.app.newsletter(newsletter)
    with context.app.database.read() as session:
        store = SubscriberStore(session)
        found = store.list(state=SubscriberState(state) if state else None, newsletter=newsletter, limit=limit)
        counts = store.counts(newsletter)
    if as_json:
        print_json([_as_json(person) for person in found])
        return 0
    if not found:
        click.echo("no such readers; add one with: newsletter subscribers add ADDRESS")
        return NOTHING_TO_DO
    total = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    rows = [(str(person.id), person.address, person.state, person.created_at) for person in found]
    print_table(f"Readers: {total}", ("id", "address", "state", "since"), rows, "next: newsletter subscribers show ADDRESS")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers show you@example.org --json")
@who
@as_json
@pass_context
def show(context: Context, who: int | str, *, as_json: bool) -> int:
    """Show everything that is held about a person."""
    from subscribers.exporting import subscription_to_json

    held = context.app.subscribers.held(who)
    if as_json:
        print_json(
            {
                **_as_json(held.subscriber),
                "subscriptions": [subscription_to_json(found) for found in held.subscriptions],
                "consents": [asdict(consent) for consent in held.consents],
                "suppression": held.suppression and asdict(held.suppression),
            }
        )
        return 0
    person = held.subscriber
    click.secho(f"{person.address}  (subscriber {person.id})", bold=True)
    click.echo(f"{person.state} since {in_iso(person.changed_at)}, here since {in_iso(person.created_at)}")
    if held.suppression:
        click.echo(f"suppressed ({held.suppression.reason}) since {in_iso(held.suppression.at)}")
    for found in held.subscriptions:
        line = subscription_to_json(found)
        click.echo()
        for name, value in {**line, "interests": _in_words(line["interests"])}.items():
            if value not in (None, ""):
                click.echo(f"{name:>12}  {value}")
    click.echo()
    rows = [(consent.at, consent.newsletter, consent.event, consent.method, consent.detail) for consent in held.consents]
    print_table("Consent", ("at", "newsletter", "event", "by", "detail"), rows)
    return 0


@subscribers.command("import", epilog="Example: newsletter subscribers import readers.csv --report refused.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@newsletter_option
@choices_options
@consent_option
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused line here, as CSV.")
@as_json
@pass_context
def import_(
    context: Context, /, file: Path, newsletter: str | None, consent: str, report: Path | None, *, as_json: bool, **chosen: Any
) -> int:
    """Take readers in from a file of addresses.

    FILE is CSV with a column 'address' or 'email', or has one address a line.

    Columns 'newsletter', 'cadence', 'hour', 'zone', 'topics' override the options. Nobody who left, bounced, complained or was
    erased is brought back. An import that was cut short is finished by running it again.
    """
    defaults = _defaults(context, newsletter, **chosen)
    total = file.stat().st_size
    shown: list[Refusal] = []
    with file.open("rb") as raw, _refusals(report, shown) as on_refused, progress("bytes read") as advance:
        result = context.app.subscribers.importer().run(
            raw,
            defaults,
            wording=consent,
            source=file.name,
            on_progress=lambda position: advance(position, total),
            on_refused=on_refused,
        )
    for refusal in [] if report else shown:
        click.echo(f"line {refusal.line}: {_printable(refusal.text)[:80]}: {refusal.reason}", err=True)
    if result.refused > len(shown) and not report:
        click.echo(f"and {result.refused - len(shown)} more refused lines; --report FILE writes all of them", err=True)
    if as_json:
        print_json(asdict(result))
    else:
        click.echo(f"{result.added} added, {result.known} known already, {result.refused} refused")
    if result.added:
        return 0
    return FAILED if result.refused and not result.known else NOTHING_TO_DO


@subscribers.command(epilog="Example: newsletter subscribers export --output readers.csv")
@click.option("--newsletter", metavar="SLUG", help="Only its subscribers.")
@click.option("--state", type=click.Choice([choice.value for choice in SubscriberState]), help="Only those who stand there.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default standard output.")
@pass_context
def export(context: Context, newsletter: str | None, state: str | None, form: str, output: Path | None) -> int:
    """Write readers and their choices.

    One line for each newsletter a reader gets; 'import' reads the CSV back.
    """
    from subscribers.exporting import entries, write_csv, write_json_lines

    if newsletter is not None:
        context.app.newsletter(newsletter)
    write = write_csv if form == "csv" else write_json_lines
    found = entries(context.app.database, newsletter=newsletter, state=SubscriberState(state) if state else None)
    if output is None:
        write(found, sys.stdout)
        return 0
    with _private(output) as file:
        count = write(found, file)
    click.echo(f"{count} lines written to {output}", err=True)
    return 0


@subscribers.command(epilog="Example: newsletter subscribers pause you@example.org --until 2026-09-01T00:00Z")
@who
@click.option("--newsletter", metavar="SLUG", help="Only this one; default all they get.")
@click.option("--until", type=INSTANT, help="End of the pause; default until --resume.")
@click.option("--resume", is_flag=True, help="Lift the pause instead.")
@pass_context
def pause(context: Context, who: int | str, newsletter: str | None, until: datetime | None, *, resume: bool) -> int:
    """Stop writing to a reader for a while."""
    if resume and until:
        raise click.UsageError("--resume lifts a pause and --until sets one; give one of them")
    if newsletter and not until and not resume:
        raise click.UsageError("the pause of a single newsletter needs an end; add --until")
    if until and until <= context.app.clock.now():
        raise click.UsageError("--until lies in the past")
    service = context.app.subscribers
    changed = service.resume(who, newsletter) if resume else service.pause(who, newsletter, until=until)
    if not changed:
        click.echo("nothing was paused" if resume else "paused like that already")
        return NOTHING_TO_DO
    click.echo("resumed" if resume else f"paused until {in_iso(until)}" if until else "paused until --resume")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers unsubscribe you@example.org")
@who
@click.option("--newsletter", metavar="SLUG", help="Only this one; default all they get.")
@pass_context
def unsubscribe(context: Context, who: int | str, newsletter: str | None) -> int:
    """End a reader's newsletters.

    Nothing more is sent, not even of an issue that is on its way.
    """
    ended = context.app.subscribers.unsubscribe(who, newsletter, method=ConsentMethod.OPERATOR)
    if not ended:
        click.echo("not subscribed; nothing was changed")
        return NOTHING_TO_DO
    click.echo(f"unsubscribed from {', '.join(ended)}")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers erase you@example.org --yes")
@who
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def erase(context: Context, who: int | str, *, yes: bool) -> int:
    """Forget a person.

    Only a keyed hash of the address stays, so that no import brings them back.
    """
    service = context.app.subscribers
    person = service.find(who)
    if person.state is SubscriberState.ERASED:
        click.echo(f"subscriber {person.id} was erased before")
        return NOTHING_TO_DO
    if not yes:
        click.confirm(f"Erase {person.address} for good?", abort=True, err=True)
    service.erase(person.id)
    click.echo(f"erased subscriber {person.id}")
    return 0


def _defaults(context: Context, newsletter: str | None, **chosen: Any) -> Defaults:
    from subscribers.import_lines import Defaults

    slug, choices = _choices(context, newsletter, **chosen)
    return Defaults(slug, choices, {name: found.cadences for name, found in context.app.config.newsletters.items()})


def _choices(
    context: Context, newsletter: str | None, *, cadence: str | None, hour: int, zone: str | None, topics: str, size: int | None
) -> tuple[str, Choices]:
    from subscribers.interests import parse_topics

    slug, config = context.app.newsletter(newsletter)
    chosen = Cadence(cadence) if cadence else config.cadences[0]
    if chosen not in config.cadences:
        raise click.UsageError(f"{slug!r} does not come {chosen}; it comes {', '.join(config.cadences)}")
    try:
        return slug, Choices(chosen, hour, zone or config.zone, parse_topics(topics), size)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _refusals(report: Path | None, shown: list[Refusal]) -> Iterator[Callable[[Refusal], None]]:
    """Hand out what takes refused lines: written to ``report``, or the first of them put into ``shown``."""
    import csv

    from subscribers.cells import guard

    if report is None:
        yield lambda refusal: shown.append(refusal) if len(shown) < SHOWN else None
        return
    with _private(report) as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(("line", "address", "reason"))
        yield lambda refusal: writer.writerow((refusal.line, guard(refusal.text), refusal.reason))


@contextmanager
def _private(path: Path) -> Iterator[TextIO]:
    """Open a file for addresses: readable by nobody else."""
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        yield file


def _as_json(person: Subscriber) -> dict[str, Any]:
    return {
        "id": person.id,
        "address": person.address,
        "state": person.state,
        "created_at": person.created_at,
        "changed_at": person.changed_at,
    }


def _in_words(interests: Any) -> str:
    return "; ".join(f"{kind}: {', '.join(words)}" for kind, words in interests.items())


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
