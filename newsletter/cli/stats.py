"""``newsletter stats``: what the last issues came to, what came back of them, and why slots have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.delivery.returns.figures import Figures
    from newsletter.delivery.returns.limits import Limit
    from newsletter.schedule.past import Past, PastGap, PastIssue


#: What came back of an issue, under the names of the JSON.
_RETURNS = ("refused", "hard_bounces", "soft_bounces", "policy", "complaints", "bounce_rate", "complaint_rate")
#: What only an issue has.
_OF_ISSUES = (
    *("number", "issue", "state", "papers", "audience"),
    *("sent", "deferred", "failed", "in_doubt", "skipped", "open", "more", "less"),
    *_RETURNS,
)
#: What the table adds up as "unsent", so that it fits into 80 columns.
_UNSENT = ("deferred", "failed", "in_doubt", "skipped")
#: Cells of a bar.
_CELLS = 16


@click.command(epilog="Example: newsletter stats --limit 14")
@click.option("--returns", "is_returns", is_flag=True, help="Show what came back, by relay and by domain of the readers.")
@limit
@as_json
@pass_context
def stats(context: Context, limit: int | None, *, is_returns: bool, as_json: bool) -> int:
    """Show what became of the last slots, newest first.

    Of each issue: its pool, its readers, what was sent to them, and how often they asked for more or less like a paper it
    brought them; that is told as a sum, and of issues with five readers or more. "unsent" is what was deferred, failed, is in
    doubt or was skipped; --json tells them apart. Of each slot without an issue: why. The exit code is 3 if there is nothing
    yet.

    What came back of issues is told where anything did. "refused" by the next hop, "hard" bounces of mailboxes that are gone,
    "soft" ones of others, "policy": what is held against us or the message, and counts against no reader. The bounce rate is
    that of refusals and hard bounces. --returns adds the issues up and draws in what the large providers put up with; domains
    that got fewer than five messages stand together.
    """
    from newsletter.schedule.past import Past

    past = Past(context.app.database)
    if is_returns:
        return _show_returns(past, limit, as_json=as_json)
    lines = [_line(each) for each in past.latest(limit)]
    if as_json:
        print_json(lines)
        return 0 if lines else NOTHING_TO_DO
    if not lines:
        click.echo("no issues yet; make one with: newsletter build")
        return NOTHING_TO_DO
    several = len({*context.app.config.newsletters, *(line["newsletter"] for line in lines)}) > 1
    named = {"no.": "number", **({"newsletter": "newsletter"} if several else {})}
    issues = [{**line, "unsent": sum(line[key] for key in _UNSENT)} for line in lines if line["number"] is not None]
    if issues:
        columns = {**named, "cadence": "cadence", "slot": "slot", "papers": "papers", "readers": "audience"}
        columns |= {name: name for name in ("sent", "unsent", "more", "less")}
        print_table("Issues", tuple(columns), [tuple(line[key] for key in columns.values()) for line in issues])
    came_back = [line for line in issues if any(line[key] for key in _RETURNS)]
    if came_back:
        counts = {"refused": "refused", "hard": "hard_bounces", "soft": "soft_bounces", "policy": "policy"}
        rows = [
            (
                *(line[key] for key in (*named.values(), "slot", *counts.values())),
                _percent(line["bounce_rate"]),
                line["complaints"],
                _percent(line["complaint_rate"]),
            )
            for line in came_back
        ]
        headings = (*named, "slot", *counts, "bounced", "complaints", "of sent")
        print_table("What came back", headings, rows, "by relay and domain: newsletter stats --returns")
    for line in lines:
        if line["number"] is None:
            click.echo(f"no issue for {line['newsletter']}, {line['cadence']} {line['slot']}: {line['why']}")
    return 0


def _line(each: PastIssue | PastGap) -> dict[str, Any]:
    """Return a line under the same names for an issue and for a slot without one."""
    from newsletter.schedule.past import PastGap, by_state
    from newsletter.schedule.words import sentence

    if isinstance(each, PastGap):
        outcome = each.outcome
        return {
            **dict.fromkeys(_OF_ISSUES),
            "newsletter": outcome.newsletter,
            "cadence": outcome.cadence,
            "slot": outcome.slot,
            "at": each.at,
            "reason": outcome.reason,
            "why": sentence(outcome),
        }
    issue, said = each.issue, each.feedback
    return {
        "newsletter": issue.newsletter,
        "cadence": issue.cadence,
        "slot": issue.slot,
        "at": each.at,
        "number": issue.number,
        "issue": issue.id,
        "state": issue.state,
        "papers": each.papers,
        "audience": each.account.audience,
        **dict(by_state(each.account)),
        "more": None if said is None else said.more,
        "less": None if said is None else said.less,
        **_figures(each.returns),
        "reason": None,
        "why": None,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "refused": figures.refused,
        "hard_bounces": figures.hard,
        "soft_bounces": figures.soft,
        "policy": figures.policy,
        "complaints": figures.complaints,
        "bounce_rate": figures.bounce_rate,
        "complaint_rate": figures.complaint_rate,
    }


def _show_returns(past: Past, limit: int | None, *, as_json: bool) -> int:
    """Show what came back of the last issues together, by relay and by domain."""
    from newsletter.delivery.returns.figures import By
    from newsletter.delivery.returns.limits import BOUNCE_LIMITS, COMPLAINT_LIMITS
    from newsletter.schedule.past import PastIssue

    found = {by: past.returns(limit, by) for by in (By.RELAY, By.DOMAIN)}
    limits = {"bounces": BOUNCE_LIMITS, "complaints": COMPLAINT_LIMITS}
    is_empty = not any(found.values())
    if as_json:
        print_json(
            {
                **{
                    f"by_{by}": [{"name": name, "sent": each.taken, **_figures(each)} for name, each in lines.items()]
                    for by, lines in found.items()
                },
                "limits": {
                    of: [{"provider": one.provider, "aim": one.aim, "stop": one.stop} for one in known]
                    for of, known in limits.items()
                },
            }
        )
        return NOTHING_TO_DO if is_empty else 0
    if is_empty:
        has_issue = any(isinstance(each, PastIssue) for each in past.latest(None))
        following = "send what is due with: newsletter send --due" if has_issue else "make an issue with: newsletter build"
        click.echo(f"nothing was sent yet; {following}")
        return NOTHING_TO_DO
    for by, lines in found.items():
        _print_bounces(by, lines, BOUNCE_LIMITS[0])
    for by, lines in found.items():
        _print_complaints(by, lines, COMPLAINT_LIMITS[0])
    for of, known in limits.items():
        for one in known:
            click.echo(f"{one.provider}: keep {of} below {100 * one.aim:g} %; above {100 * one.stop:g} % mail is stopped")
    return 0


def _print_bounces(by: str, lines: Mapping[str, Figures], drawn: Limit) -> None:
    rows = [
        (
            _name(name),
            *(each.taken, each.refused + each.hard, each.soft, each.policy, _percent(each.bounce_rate)),
            bar(each.bounce_rate or 0.0, drawn),
        )
        for name, each in lines.items()
    ]
    print_table(f"Bounces by {by}", (by, "sent", "gone", "soft", "policy", "rate", scale(drawn)), rows)


def _print_complaints(by: str, lines: Mapping[str, Figures], drawn: Limit) -> None:
    rows = [
        (
            _name(name),
            *(each.taken, each.complaints, _percent(each.complaint_rate)),
            bar(each.complaint_rate or 0.0, drawn),
        )
        for name, each in lines.items()
    ]
    print_table(f"Complaints by {by}", (by, "sent", "complaints", "rate", scale(drawn)), rows)


def _name(name: str) -> str:
    return name or "others"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def bar(share: float, drawn: Limit) -> str:
    """Return a bar of 16 cells with a mark at each of two limits; it is full a quarter above the second one.

    Args:
        share: how long it is, 0 to 1.
        drawn: the limits.
    """
    filled = min(_CELLS, max(round(share / _full(drawn) * _CELLS), 1 if share else 0))
    marks = _marks(drawn)
    cells = ["━" if place < filled else " " for place in range(_CELLS)]
    for place in marks:
        cells[place] = "┿" if place < filled else "│"
    return "".join(cells)


def scale(drawn: Limit) -> str:
    """Return what stands above such bars: each limit where its mark is."""
    line = ""
    for place, share in zip(_marks(drawn), (drawn.aim, drawn.stop), strict=True):
        line = f"{line:<{place}}{100 * share:g}%"
    return line


def _full(drawn: Limit) -> float:
    return 1.25 * drawn.stop


def _marks(drawn: Limit) -> Sequence[int]:
    return [int(share / _full(drawn) * _CELLS) for share in (drawn.aim, drawn.stop)]
