"""How an issue stands, on paper and live: counts, rate, time left, receiving domains."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.output import duration, in_iso, make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsletter.app import App
    from newsletter.delivery.model import SmtpReply
    from newsletter.delivery.oversight.progress import DomainLine, Rate, Standing
    from newsletter.digest.model import Issue

#: Seconds between two looks of a live view.
LOOK_EVERY = 1.0
#: Seconds between two lines where there is no terminal.
LINE_EVERY = 10.0
#: A table of domains is made anew when so many times the time it takes have passed: it reads every delivery.
AT_REST = 20
#: Rows of it in a live view.
DOMAINS_SHOWN = 10


def domains_of(app: App, issue: Issue) -> list[DomainLine]:
    """Return how an issue's receiving domains fare, in the groups of the configuration."""
    from newsletter.delivery.oversight.progress import by_domain
    from newsletter.delivery.pacing.destinations import Destinations

    groups = Destinations(app.config.delivery.domains, connections=app.config.delivery.connections)
    with app.database.read() as session:
        return by_domain(session, issue.id, group_of=groups.group_of)


def domain_rows(lines: Sequence[DomainLine], most: int | None) -> list[tuple[object, ...]]:
    """Return rows for :data:`DOMAIN_COLUMNS`: the largest groups, and one for all others."""
    rows: list[tuple[object, ...]] = [
        (
            line.group,
            line.waiting,
            line.sent,
            line.deferred,
            line.failed,
            line.doubtful,
            None if line.last_reply is None else _on_one_line(line.last_reply),
        )
        for line in lines[:most]
    ]
    others = lines[most:] if most is not None else []
    if others:
        sums = [sum(getattr(line, name) for line in others) for name in ("waiting", "sent", "deferred", "failed", "doubtful")]
        rows.append((f"{len(others)} more", *sums, None))
    return rows


DOMAIN_COLUMNS = ("domain", "waiting", "sent", "deferred", "failed", "doubtful", "last refusal")


def domain_as_json(line: DomainLine) -> dict[str, Any]:
    """Return a group's line as plain values."""
    return {**asdict(line), "total": line.total}


def title_of(issue: Issue) -> str:
    """Return an issue's name and state."""
    return f"issue {issue.id}: {issue.newsletter} no. {issue.number}, {issue.slot}: {issue.state}"


def words(name: str) -> str:
    """Return a state or reason as people say it."""
    return {"dot_sent": "at its end"}.get(name, name.replace("_", " "))


def headway(now: Standing, rate: Rate) -> str:
    """Say on one line how fast an issue goes out and what it waits for; empty if there is nothing to say."""
    parts = []
    if now.open:
        decimals = 0 if rate.per_second >= 10 else 1
        parts.append(f"{rate.per_second:,.{decimals}f} messages a second" if rate.per_second else "nothing goes out just now")
        if rate.left is not None:
            parts.append(f"{duration(rate.left)} left")
    if now.next_try_at is not None:
        parts.append(f"next try of what is deferred {in_iso(now.next_try_at)}")
    return "; ".join(parts)


def watch(app: App, issue: Issue) -> None:
    """Show an issue, looking again every second, until it is finished or cancelled, or Ctrl-C."""
    view = _View(app, issue)
    try:
        if sys.stdout.isatty():
            _live(view)
        else:
            _plain(view)
    except KeyboardInterrupt:
        click.echo("", err=True)


def _on_one_line(reply: SmtpReply) -> str:
    return " ".join(filter(None, (str(reply.code), reply.status, reply.text)))


class _View:
    """The latest look at an issue."""

    def __init__(self, app: App, issue: Issue) -> None:
        from newsletter.delivery.oversight.progress import Progress

        self.issue = issue
        self._app = app
        self._progress = Progress()
        self._domains: list[DomainLine] = []
        self._domains_due_at = 0.0
        self.look()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.issue.state in {"finished", "cancelled"}

    def look(self) -> None:
        """Look again."""
        from newsletter.delivery.oversight.progress import standing
        from newsletter.digest.store import IssueStore

        with self._app.database.read() as session:
            self.issue = IssueStore(session).get(self.issue.id) or self.issue
            self.now = standing(session, self.issue.id)
        begun = time.monotonic()
        self.rate = self._progress.look(self.now, begun)
        if begun >= self._domains_due_at or self.is_over:
            self._domains = domains_of(self._app, self.issue)
            ended = time.monotonic()
            self._domains_due_at = ended + AT_REST * (ended - begun)

    @property
    def line(self) -> str:
        """Everything on one line."""
        counts = ", ".join(f"{count} {words(state)}" for state, count in self.now.by_state.items() if count)
        return "; ".join(filter(None, (f"{self.issue.state}: {counts or 'no deliveries'}", headway(self.now, self.rate))))

    def drawn(self) -> RenderableType:
        """Everything as it is to be seen on a terminal."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        total = sum(self.now.by_state.values())
        settled = total - self.now.open - self.now.deferred
        parts: list[RenderableType] = [Text(title_of(self.issue), style="bold")]
        if self.issue.note:
            parts.append(Text(self.issue.note, style="yellow"))
        bar = Table.grid(padding=(1, 2, 0, 0))
        bar.add_row(ProgressBar(total=total or 1, completed=settled, width=40), f"{settled:,} of {total:,} settled")
        parts += [bar, Text(headway(self.now, self.rate))]
        parts.append(make_table([words(state) for state in self.now.by_state], [tuple(self.now.by_state.values())]))
        if self._domains:
            parts.append(make_table(DOMAIN_COLUMNS, domain_rows(self._domains, DOMAINS_SHOWN)))
        if not self.is_over:
            parts.append(Text("Ctrl-C ends the watching, not the sending", style="dim"))
        return Group(*parts)


def _live(view: _View) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(view.drawn(), console=Console(highlight=False), auto_refresh=False) as live:
        while not view.is_over:
            time.sleep(LOOK_EVERY)
            view.look()
            live.update(view.drawn(), refresh=True)


def _plain(view: _View) -> None:
    click.echo(view.line)
    said_at, said = time.monotonic(), view.issue.state
    while not view.is_over:
        time.sleep(LOOK_EVERY)
        view.look()
        if view.issue.state != said or time.monotonic() - said_at >= LINE_EVERY:
            click.echo(view.line)
            said_at, said = time.monotonic(), view.issue.state
