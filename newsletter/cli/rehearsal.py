"""``newsletter send --rehearse``: what a send would be."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from newsletter.cli.output import FAILED, NOTHING_TO_DO, Progress, duration, in_iso, print_json, print_table, progress
from newsletter.cli.standing import words
from newsletter.cli.stopping import stop_on_signals

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.config import RelayConfig, SmtpConfig
    from newsletter.database import Database
    from newsletter.delivery.oversight.forecast import Limits
    from newsletter.delivery.oversight.rehearsal import Rehearsal
    from newsletter.delivery.sending.handout import Scope
    from newsletter.delivery.sending.sender import Sender

#: Receiving groups listed for people; JSON has all.
GROUPS_LISTED = 20
#: Reasons for which readers rightly get no mail; any other means that something is wrong.
_RIGHTLY = frozenset({"unsubscribed", "suppressed", "paused", "cancelled"})


def rehearse_and_print(app: App, scope: Scope, *, nothing: str, as_json: bool) -> int:
    """Rehearse sending ``scope``, say what came of it (``nothing`` if nothing waits), and return the exit code."""
    from newsletter.delivery.oversight.rehearsal import NothingToRehearse
    from newsletter.serving import run_in_loop

    try:
        found = run_in_loop(_rehearse(app, scope))
    except NothingToRehearse:
        click.echo(nothing, err=as_json)
        return NOTHING_TO_DO
    wrong = sum(count for reason, count in found.not_sent.items() if reason not in _RIGHTLY)
    if as_json:
        _print_json(found)
    else:
        _print(found)
    if found.problem:
        click.secho(f"error: {found.problem}", fg="red", err=True)
    elif wrong:
        click.secho(f"error: {wrong} messages could not be sent; the log above says why", fg="red", err=True)
    return FAILED if found.problem or wrong else 0


async def _rehearse(app: App, scope: Scope) -> Rehearsal:
    from newsletter.app import App
    from newsletter.delivery.oversight.rehearsal import rehearse, without_limits

    stop = stop_on_signals()
    with ExitStack() as stack:

        def make_sender(copy: Database, smtp: SmtpConfig) -> Sender:
            folder = Path(copy.url.database or "").parent
            on_copy = {
                "database": app.config.database.model_copy(update={"url": f"sqlite:///{copy.url.database}"}),
                "delivery": without_limits(app.config.delivery),
                "paths": app.config.paths.model_copy(update={"data": folder}),
            }
            stand_in = App(app.config.model_copy(update=on_copy), clock=app.clock)
            stack.callback(stand_in.close)
            return stand_in.sender(smtp)

        bars = stack.enter_context(_Bars())
        return await rehearse(
            app.database,
            app.clock,
            scope,
            make_sender=make_sender,
            limits=await asyncio.to_thread(_limits, app),
            folder=app.config.paths.data,
            on_copy=lambda done, total: bars.show("copying", done, total),
            on_progress=lambda so_far, total: bars.show("rehearsing", so_far.sent + so_far.skipped + so_far.deferred, total),
            stop=stop,
        )


class _Bars:
    """One progress bar after the other, as only one can be on a terminal."""

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._label = ""
        self._show: Progress = lambda _done, _total: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._shown.close()

    def show(self, label: str, done: int, total: int) -> None:
        """Show how far ``label`` has come; another label ends the bar before."""
        if label != self._label:
            self._shown.close()
            self._label, self._show = label, self._shown.enter_context(progress(label))
        self._show(done, total)


def _limits(app: App) -> Limits:
    from newsletter.delivery.oversight.forecast import Limits
    from newsletter.delivery.pacing.destinations import Destinations
    from newsletter.delivery.pacing.pace import PaceStore, limits_of

    config = app.config
    relays: dict[str, RelayConfig] = {"smtp": config.smtp, **config.relays}
    with app.database.read() as session:
        used = PaceStore(session).used_today(app.clock.now())
    return Limits(
        on=lambda day: limits_of(config.delivery, relays, today=day),
        used_today=used,
        relays=[name for name, relay in relays.items() if relay.weight] or list(relays),
        group_of=Destinations(config.delivery.domains, connections=config.delivery.connections).group_of,
    )


def _print_json(found: Rehearsal) -> None:
    print_json(
        {
            "messages": found.messages,
            "bytes": found.bytes,
            "seconds": found.took,
            "per_second": found.per_second,
            "started_at": found.started_at,
            "finish": found.forecast.finish,
            "bound_by": _key(found.forecast.bound_by),
            "domains": [
                {"group": group.group, "messages": group.messages, "finish": group.finish, "bound_by": _key(group.bound_by)}
                for group in found.forecast.groups
            ],
            "not_sent": dict(found.not_sent),
            "problem": found.problem,
        }
    )


def _print(found: Rehearsal) -> None:
    figures = (found.messages, f"{found.bytes / 1e6:,.1f} MB", duration(found.took), f"{found.per_second:,.0f} a second")
    print_table("Rehearsed; nothing was sent", ("messages", "size", "took", "rate"), [figures])
    groups = found.forecast.groups
    rows = [
        (group.group, group.messages, duration(group.finish - found.started_at), _key(group.bound_by) or None)
        for group in groups[:GROUPS_LISTED]
    ]
    if rows:
        more = f"and {len(groups) - len(rows)} more; --json lists all" if len(groups) > len(rows) else None
        print_table("Receiving domains", ("domain", "messages", "done in", "held back by"), rows, more)
    for reason, count in found.not_sent.items():
        click.echo(f"{count} would not be sent: {words(reason)}")
    if found.messages and not found.problem:
        whole = found.forecast.finish - found.started_at
        bound = f", held back by {_key(found.forecast.bound_by)}" if found.forecast.bound_by else ""
        click.echo(f"sent now it would be done in {duration(whole)} at the earliest, {in_iso(found.forecast.finish)}{bound}")
        if not bound:
            click.echo(
                "a real server takes longer to answer than this one; delivery.connections messages wait for it at a time"
            )


def _key(limit: str) -> str:
    """Name the part of the configuration that holds a limit."""
    parts = []
    for name in filter(None, limit.split(", ")):
        kind, _, which = name.partition(":")
        parts.append(
            {"relay": "smtp" if which == "smtp" else f"relays.{which}", "domain": f"delivery.domains.{which}"}.get(
                kind, "delivery"
            )
        )
    return ", ".join(parts)
