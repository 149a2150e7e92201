"""``newsletter papers``: what was taken in, and how it ranks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, in_iso, print_json, print_table
from newsletter.cli.parameters import END_OF_DAY, INSTANT, as_json, limit

if TYPE_CHECKING:
    from newsletter.papers.model import Paper
    from newsletter.trending.model import Receipt

#: Days that a ranking looks back unless told.
DAYS = 14


@click.group()
def papers() -> None:
    """List papers, show one, explain its rank."""


@papers.command("list", epilog="Example: newsletter papers list diffusion --limit 20")
@click.argument("text", required=False)
@limit
@as_json
@pass_context
def list_(context: Context, text: str | None, limit: int | None, *, as_json: bool) -> int:
    """List papers, last taken in first.

    With TEXT only those whose title holds it.
    """
    from newsletter.papers.store import PaperStore

    with context.app.database.read() as session:
        store = PaperStore(session)
        found = store.find(text, limit=limit) if text else store.latest(limit=limit)
    if as_json:
        print_json([_as_json(paper) for paper in found])
    elif found:
        rows = [(_name(paper), paper.listed_at, paper.title) for paper in found]
        print_table("Papers", ("paper", "listed", "title"), rows, "next: newsletter papers explain ID")
    else:
        click.echo(f"no paper has {text!r} in its title" if text else "no papers yet; take some in with: newsletter fetch")
        return NOTHING_TO_DO
    return 0


@papers.command(epilog="Example: newsletter papers show 2608.16590")
@click.argument("paper_id", metavar="ID")
@as_json
@pass_context
def show(context: Context, paper_id: str, *, as_json: bool) -> int:
    """Show one paper.

    ID is an arXiv id, a DOI, or the number that 'papers list' prints where there is neither.
    """
    paper = _find(context, paper_id)
    if paper is None:
        return _unknown(paper_id)
    if as_json:
        print_json(_as_json(paper))
        return 0
    click.secho(paper.title, bold=True)
    click.echo(", ".join(paper.authors) or f"{paper.author_count} authors")
    facts = (
        ("paper", paper.key),
        ("lab", paper.organization),
        ("categories", " ".join(paper.categories)),
        ("listed", f"{in_iso(paper.listed_at)} by {', '.join(paper.sources)}"),
        ("code", paper.code_url),
        ("project", paper.project_url),
    )
    for name, value in facts:
        if value:
            click.echo(f"{name:>11}  {value}")
    click.echo()
    click.echo(click.wrap_text(paper.abstract, width=88))
    return 0


@papers.command(epilog="Example: newsletter papers explain 2608.16590 --as ada@example.org --date 2026-08-20")
@click.argument("paper_id", metavar="ID")
@click.option("--as", "address", metavar="EMAIL", help="As in the last mail to this reader that shows it.")
@click.option(
    "--date", "day_end", type=END_OF_DAY, help="As known at the end of this day (UTC). With --as: the last mail till then."
)
@click.option("--at", type=INSTANT, help="As known at this instant; default now. With --as: the last mail till then.")
@as_json
@pass_context
def explain(
    context: Context, paper_id: str, address: str | None, day_end: datetime | None, at: datetime | None, *, as_json: bool
) -> int:
    """Print the arithmetic behind a paper's score.

    With --as it is that of the reader's mail, whatever became known since and whichever weights were set.
    """
    from newsletter.papers.store import PaperStore
    from newsletter.trending.service import explain as explain_paper

    if at is not None and day_end is not None:
        raise click.UsageError("--at and --date both say when; give one of them")
    app, until = context.app, at or day_end
    paper = _find(context, paper_id)
    if paper is None:
        return _unknown(paper_id)
    if address is not None:
        return _explain_received(context, paper, address, until, as_json=as_json)
    with app.database.read() as session:
        known = PaperStore(session).get(paper.seq, known_at=until)
        if known is None or (until is not None and known.listed_at > until):
            since = max(paper.listed_at, paper.first_seen_at)
            return _fail(f"{_name(paper)} was not known here then, only from {in_iso(since)} on")
        receipt = explain_paper(session, known, at=until or app.clock.now(), weights=app.config.trending)
    if as_json:
        print_json({"key": known.key, **_receipt_as_json(receipt)})
    else:
        _print_receipt(context, known, receipt)
    return 0


def _explain_received(context: Context, paper: Paper, address: str, until: datetime | None, *, as_json: bool) -> int:
    from newsletter.delivery.ledger.received import last_received
    from newsletter.delivery.model import DeliveryState
    from newsletter.digest.model import Section
    from newsletter.rendering.words.language import ENGLISH
    from newsletter.rendering.words.sentences import match_words

    app = context.app
    reader = app.subscribers.find(address)
    with app.database.read() as session:
        received = last_received(session, reader.id, (paper.seq, *paper.absorbed), until=until)
    if received is None:
        in_time = "" if until is None else f" till {in_iso(until)}"
        click.echo(f"no mail to this reader{in_time} shows {_name(paper)}; leave --as out to explain its score as known now")
        return NOTHING_TO_DO
    issue, entry = received.issue, received.entry
    why = match_words(received.match, ENGLISH)
    if as_json:
        print_json(
            {
                "key": entry.paper.key,
                "newsletter": issue.newsletter,
                "number": issue.number,
                "issue": issue.id,
                "slot": issue.slot,
                "dated_at": received.dated_at,
                "state": received.state,
                "section": entry.section,
                "place": received.place,
                "places": received.places,
                "rank": entry.rank,
                "match": received.match,
                "because": why,
                **_receipt_as_json(entry.receipt),
            }
        )
        return 0
    _print_receipt(
        context,
        entry.paper,
        entry.receipt,
        f"No. {issue.number} of {issue.newsletter}, {issue.slot}, mailed {in_iso(received.dated_at)}"
        + ("; it may not have arrived" if received.state is DeliveryState.DOUBTFUL else ""),
        f"place {received.place} of {received.places} in the mail, "
        + (f"rank {entry.rank} in the issue" if entry.section is Section.TOP else "among the late bloomers")
        + (f"; {why}" if why else ""),
    )
    return 0


@papers.command(epilog="Example: newsletter papers rank --at 2026-08-21T08:00Z --json")
@click.option("--at", type=INSTANT, help="As known at this instant; default now.")
@click.option(
    "--days", type=click.IntRange(1, 90), help="Age up to which listed papers take part; default 14, or the newsletter's."
)
@click.option("--newsletter", metavar="NAME", help="As an issue of this newsletter would have them; default: all papers.")
@limit
@as_json
@pass_context
def rank(
    context: Context, at: datetime | None, days: int | None, newsletter: str | None, limit: int | None, *, as_json: bool
) -> int:
    """Rank papers as known at an instant, best first.

    With --newsletter those of its sources, as many as an issue keeps, and spread as they are there.
    """
    from newsletter.trending.service import rank as rank_papers

    app = context.app
    at = at or app.clock.now()
    if newsletter is None:
        days = days or DAYS
        with app.database.read() as session:
            ranked = rank_papers(session, at=at, days=days, weights=app.config.trending, limit=limit)
    else:
        _, wanted = app.newsletter(newsletter)
        days = days or wanted.pool_days
        ranked = app.builder.rank(wanted.model_copy(update={"pool_days": days}), at=at)[:limit]
    if as_json:
        print_json(
            [
                {"rank": entry.rank, "key": entry.paper.key, "title": entry.paper.title, **_receipt_as_json(entry.receipt)}
                for entry in ranked
            ]
        )
        return 0
    if not ranked:
        click.echo(f"no papers listed in these {days} days; take some in with: newsletter fetch")
        return NOTHING_TO_DO
    rows = [(entry.rank, entry.receipt.score, entry.receipt.votes, _name(entry.paper), entry.paper.title) for entry in ranked]
    print_table("Ranking", ("rank", "score", "votes", "paper", "title"), rows, "next: newsletter papers explain ID")
    return 0


def _find(context: Context, paper_id: str) -> Paper | None:
    from newsletter.papers.store import PaperStore

    with context.app.database.read() as session:
        return PaperStore(session).get(paper_id)


def _name(paper: Paper) -> str:
    return paper.arxiv_id or paper.doi or str(paper.seq)


def _unknown(paper_id: str) -> int:
    return _fail(f"no paper {paper_id!r}; 'newsletter papers list' shows what is there")


def _fail(problem: str) -> int:
    click.secho(f"error: {problem}", fg="red", err=True)
    return FAILED


def _print_receipt(context: Context, paper: Paper, receipt: Receipt, *further: str) -> None:
    from newsletter.trending.arithmetic import said

    sums = [(part.name, f"{part.points:z8.2f}", said(part)) for part in receipt.parts]
    print_table(
        paper.title,
        ("part", "points", "because of"),
        [*sums, ("score", f"{receipt.score:z8.2f}", f"as known at {in_iso(receipt.at)}")],
    )
    for line in (*further, f"the formula: {context.config.web.base_url}/ranking"):
        click.echo(line)


def _as_json(paper: Paper) -> dict[str, Any]:
    from newsletter.digest.snapshot import paper_to_json

    return paper_to_json(paper)


def _receipt_as_json(receipt: Receipt) -> dict[str, Any]:
    from newsletter.digest.snapshot import receipt_to_json
    from newsletter.trending.arithmetic import said

    parts = [
        {"name": part.name, "points": part.points, "figures": dict(part.figures), "because_of": said(part)}
        for part in receipt.parts
    ]
    return {**receipt_to_json(receipt), "parts": parts}
