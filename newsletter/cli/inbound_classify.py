"""``newsletter inbound classify``: say what mails are, without keeping or answering them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.output import print_json, print_table
from newsletter.cli.parameters import as_json

if TYPE_CHECKING:
    from newsletter.inbound.model import Verdict

STANDARD_INPUT = "-"


@click.command(epilog="Example: newsletter inbound classify returned.eml --json")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@as_json
def classify(files: tuple[str, ...], *, as_json: bool) -> None:
    """Say what kind of mail each FILE is: a bounce, a complaint, a command, a person's letter.

    FILE is one mail as it came, or - for standard input. Nothing is kept or answered, and neither configuration nor database is
    needed. With --json an array is printed, with an object for each FILE in its order.
    """
    verdicts = [(name, _verdict(name)) for name in files]
    if as_json:
        print_json([{"file": click.format_filename(name), **verdict.as_json()} for name, verdict in verdicts])
        return
    print_table(
        "1 mail" if len(verdicts) == 1 else f"{len(verdicts)} mails",
        ("file", "kind", "hard", "reason", "status", "recipients"),
        [_row(name, verdict) for name, verdict in verdicts],
    )


def _verdict(name: str) -> Verdict:
    from newsletter.inbound.reading.mail import read_mail
    from newsletter.inbound.sorting.sort import sort

    try:
        raw = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise click.ClickException(
            f"{name}: cannot be read: {error.strerror or error}; name files that hold one mail each"
        ) from error
    return sort(read_mail(raw))


def _row(name: str, verdict: Verdict) -> tuple[object, ...]:
    worst = verdict.worst
    kind = f"{verdict.kind} ({verdict.detail})" if verdict.detail else verdict.kind.value
    if worst is None:
        return (click.format_filename(name), kind, None, None, None, "")
    recipients = ", ".join(failure.report.recipient for failure in verdict.failures if failure.report.recipient)
    return (
        click.format_filename(name),
        kind,
        "yes" if worst.hard else "no",
        worst.reason.value,
        worst.report.status or None,
        recipients,
    )
