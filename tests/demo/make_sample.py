"""Write the bundled sample from the recorded data: two weeks of real papers, reduced to what may be shipped.

Kept: arXiv's descriptive metadata (id, title, authors, abstract; CC0 by arXiv's API terms of use) and plain facts (dates,
counts of votes, comments and stars, links to code and project pages, the lab's name). Left out: people who submitted, summaries
and keywords made by a model, pictures. Run it as ``python -m tests.demo.make_sample``; a test checks that the file is what this
makes of the recorded data.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIRST_DAY, LAST_DAY = "2026-08-10", "2026-08-21"
SAMPLE = Path(__file__).resolve().parents[2] / "newsletter" / "demo" / "sample" / "papers.jsonl"


def lines(data: Path) -> Iterator[str]:
    """Yield the sample's lines, papers in the order they were listed."""
    history = _votes(data / "upvotes_timeseries.jsonl")
    written: set[str] = set()
    for path in sorted((data / "daily_papers").glob("*.json")):
        if not FIRST_DAY <= path.stem <= LAST_DAY:
            continue
        for item in json.loads(path.read_text(encoding="utf-8")):
            paper = item["paper"]
            if paper["id"] in written:
                continue
            written.add(paper["id"])
            yield json.dumps(_record(item, paper, history.get(paper["id"], [])), ensure_ascii=False, sort_keys=True)


def _record(item: dict[str, Any], paper: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    record = {
        "arxiv_id": paper["id"],
        "title": paper["title"],
        "abstract": paper["summary"],
        "authors": [author["name"] for author in paper["authors"]],
        "organization": (paper.get("organization") or item.get("organization") or {}).get("fullname", ""),
        "published_at": paper["publishedAt"],
        "listed_at": paper.get("submittedOnDailyAt") or item["publishedAt"],
        "code_url": paper.get("githubRepo", ""),
        "project_url": paper.get("projectPage", ""),
        "discussion_url": f"https://huggingface.co/papers/{paper['id']}",
        "signals": history,
        "source": "hf_daily_papers",
    }
    return {key: value for key, value in record.items() if value}


def _votes(series: Path) -> dict[str, list[dict[str, Any]]]:
    votes: dict[str, list[dict[str, Any]]] = {}
    with series.open(encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if f"{FIRST_DAY}T00" <= row["t"] < f"{LAST_DAY}T24":
                signal = {"observed_at": row["t"], "votes": row["upvotes"], "comments": row["comments"], "stars": row["stars"]}
                votes.setdefault(row["id"], []).append({key: value for key, value in signal.items() if value is not None})
    for signals in votes.values():
        signals.sort(key=lambda signal: signal["observed_at"])
    return votes


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE.parents[4] / "shared" / "data"
    SAMPLE.write_text("".join(f"{line}\n" for line in lines(folder)), encoding="utf-8")
