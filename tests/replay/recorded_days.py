"""The recorded days of Hugging Face Daily Papers as the service would have answered at any instant of them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from newsletter.papers.clean import parse_instant


class RecordedDays:
    """What was on the list of a day at an instant, with the votes known then.

    The votes within the day files are those of the moment they were recorded, often much later: they are left out, and votes
    come from the series alone. A paper without any vote measured so far comes without a figure.

    Args:
        folder: of day files, ``YYYY-MM-DD.json``, as the API answers.
        votes: the series, a JSON object with ``id``, ``t``, ``upvotes``, ``comments`` and ``stars`` a line.
    """

    def __init__(self, folder: Path, votes: Path) -> None:
        self._days: dict[date, list[tuple[datetime, dict[str, Any]]]] = {}
        for path in sorted(folder.glob("????-??-??.json")):
            self._days[date.fromisoformat(path.stem)] = _listed(json.loads(path.read_bytes()), date.fromisoformat(path.stem))
        self._known: dict[str, list[tuple[datetime, dict[str, int]]]] = defaultdict(list)
        for line in votes.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            figures = {name: row[name] for name in ("upvotes", "comments", "stars") if row[name] is not None}
            self._known[row["id"]].append((_instant(row["t"]), figures))
        for series in self._known.values():
            series.sort(key=lambda point: point[0])

    @property
    def days(self) -> list[date]:
        """The days there are, ascending."""
        return sorted(self._days)

    @property
    def last_votes(self) -> dict[str, int]:
        """The last votes known of each paper, by its arXiv id."""
        return {
            number: [figures["upvotes"] for _, figures in series if "upvotes" in figures][-1]
            for number, series in self._known.items()
            if any("upvotes" in figures for _, figures in series)
        }

    def answer(self, on: date, *, at: datetime) -> bytes:
        """Return the list of a day as it was at an instant, in the API's form; an empty one for a day that was not recorded."""
        return json.dumps([self._entry(entry, at) for listed_at, entry in self._days.get(on, ()) if listed_at <= at]).encode()

    def _entry(self, entry: dict[str, Any], at: datetime) -> dict[str, Any]:
        series = self._known.get(entry["paper"]["id"], [])
        known: dict[str, int] = {}
        for _, figures in series[: bisect_right(series, at, key=lambda point: point[0])]:
            known |= figures
        paper = {**entry["paper"]}
        for name, theirs in (("upvotes", "upvotes"), ("githubStars", "stars")):
            paper.pop(name, None)
            if theirs in known:
                paper[name] = known[theirs]
        made = {name: value for name, value in entry.items() if name != "numComments"} | {"paper": paper}
        return made | ({"numComments": known["comments"]} if "comments" in known else {})


def _listed(entries: list[dict[str, Any]], on: date) -> list[tuple[datetime, dict[str, Any]]]:
    start = datetime.combine(on, time(), tzinfo=UTC)
    return [(parse_instant(entry["paper"].get("submittedOnDailyAt")) or start, entry) for entry in entries]


def _instant(text: str) -> datetime:
    instant = parse_instant(text)
    assert instant is not None, text
    return instant
