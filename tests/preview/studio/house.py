"""A program with a few days behind it, and a look at everything its database holds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from newsletter.app import App
from newsletter.database import Database
from newsletter.migrations.metadata import metadata
from newsletter.preview.studio.looking import Looking
from subscribers.model import Interests
from tests.flow import build, send, subscribe

DAYS = 6
READERS = ("robots@example.org", "words@example.org")
#: What the papers of the past are about, so that interests make a difference.
SUBJECTS = ("a robot that plans", "a language model that reads", "a protein", "an agent", "maps")


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is in the database, by table."""
    with database.read() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def looking(app: App) -> Looking:
    """What looks at the mails of a program."""
    return Looking(app.studio, generation=lambda: 0, data=app.config.paths.data)


def add_papers(app: App, folder: Path, *, round_: int) -> None:
    """Take in five papers listed since yesterday, and new votes of them and of those of the rounds before."""
    now = app.clock.now()
    lines = []
    for each in range(round_ + 1):
        for number, subject in enumerate(SUBJECTS):
            paper = each * len(SUBJECTS) + number
            # Some are listed at the very instant of the build, which is too late for it.
            listed_at = now - timedelta(days=round_ - each, hours=number * 5)
            lines.append(
                {
                    "arxiv_id": f"2608.{paper + 1:05d}",
                    "title": f"Paper {paper} on {subject}",
                    "abstract": f"We study {subject} and say what came of it.",
                    "authors": ["Ada Example"],
                    "listed_at": listed_at.isoformat(),
                    "signals": [
                        {"observed_at": (now - timedelta(minutes=30)).isoformat(), "votes": (paper * 7 + round_ * 5) % 40 + 1},
                        # Measured after the build: nothing of it may be known to this day.
                        {"observed_at": (now + timedelta(hours=3)).isoformat(), "votes": (paper * 13) % 50 + 40},
                    ],
                }
            )
    path = folder / f"round-{round_}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcome = app.fetching.take_file(path)
    assert not outcome.problem, outcome.problem


def issue_of_the_day(app: App) -> None:
    """Build today's issue and send it."""
    issue = build(app).issue
    assert issue is not None
    send(app, issue)


def add_readers(app: App) -> None:
    """Subscribe the two readers, one with interests."""
    subscribe(app, READERS[0], interests=Interests(keywords=("robot",)))
    subscribe(app, READERS[1])
