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


@click.group()
def papers() -> None:
    """List papers, show one, explain its rank."""


@papers.command("list", epilog="Example: newsletter papers list diffusion --limit 20")
@click.argument("text", required=False)
@limit
@as_json
@pass_context
def list_(context: Context, text: str | None, limit: int | None, *, as_json: bool) -> int:
    """List papers, newest first.

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


@papers.command(epilog="Example: newsletter papers explain 2608.16590 --date 2026-08-20")
@click.argument("paper_id", metavar="ID")
@click.option("--at", type=INSTANT, help="As known at this instant; default now.")
@click.option("--date", "day_end", type=END_OF_DAY, help="As known at the end of this day (UTC).")
@as_json
@pass_context
def explain(context: Context, paper_id: str, at: datetime | None, day_end: datetime | None, *, as_json: bool) -> int:
    """Print the arithmetic behind a paper's score."""
    from newsletter.digest.snapshot import receipt_to_json
    from newsletter.trending.service import explain as explain_paper

    paper = _find(context, paper_id)
    if paper is None:
        return _unknown(paper_id)
    app = context.app
    with app.database.read() as session:
        receipt = explain_paper(session, paper, at=at or day_end or app.clock.now(), weights=app.config.trending)
    if as_json:
        print_json({"key": paper.key, **receipt_to_json(receipt)})
        return 0
    print_table(
        paper.title,
        ("part", "points", "because of"),
        [
            *((part.name, part.points, part.words) for part in receipt.parts),
            ("score", receipt.score, f"at {in_iso(receipt.at)}"),
        ],
        "the formula: docs/ranking.md",
    )
    return 0


@papers.command(epilog="Example: newsletter papers rank --at 2026-08-21T08:00Z --json")
@click.option("--at", type=INSTANT, help="As known at this instant; default now.")
@click.option(
    "--days", type=click.IntRange(1, 90), default=14, show_default=True, help="Age up to which listed papers take part."
)
@limit
@as_json
@pass_context
def rank(context: Context, at: datetime | None, days: int, limit: int | None, *, as_json: bool) -> int:
    """Rank papers as known at an instant, best first."""
    from newsletter.digest.snapshot import receipt_to_json
    from newsletter.trending.service import rank as rank_papers

    app = context.app
    with app.database.read() as session:
        ranked = rank_papers(session, at=at or app.clock.now(), days=days, weights=app.config.trending, limit=limit)
    if as_json:
        print_json(
            [
                {"rank": entry.rank, "key": entry.paper.key, "title": entry.paper.title, **receipt_to_json(entry.receipt)}
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
    click.secho(f"error: no paper {paper_id!r}; 'newsletter papers list' shows what is there", fg="red", err=True)
    return FAILED


def _as_json(paper: Paper) -> dict[str, Any]:
    from newsletter.digest.snapshot import paper_to_json

    return paper_to_json(paper)
