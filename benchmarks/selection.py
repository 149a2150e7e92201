"""How fast digests are chosen: ``python benchmarks/selection.py [--readers N] [--pool N] [--taste SHARE]``.

Aim: 50,000 readers/s on one processor, for 100,000 readers with interests out of 200 candidates. Candidates are the bundled
papers, their words in another order for as many as are needed. Each reader has some of what readers write down: categories,
keywords with phrases and exclusions, authors, labs and muted words, mostly popular ones and some that nobody else has; one of
four sizes, and a history of some of the papers that most were sent. A share of them have a model learned from feedback.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray

from newsletter.digest.model import PoolEntry
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Choice, Wish, choose_all
from newsletter.packaging import sample_papers
from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.model import Receipt
from newsletter.trending.vectors import DIM
from subscribers.model import Interests

AT = datetime(2026, 8, 21, 8, 30, tzinfo=UTC)
SIZES = (5, 10, 10, 15)
CATEGORIES = ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "cs.RO", "cs.IR", "cs.SE", "stat.ML", "eess.IV", "q-bio.QM")
#: Papers sent before, at most: two weeks of ten a day, of which some are in today's pool.
HISTORY = 60
#: Readers in one call, as an issue's readers are listed page by page.
PAGE = 32_000


def candidates(count: int, rng: random.Random) -> list[PoolEntry]:
    """Return a pool of ``count`` papers."""
    records = [json.loads(line) for line in sample_papers().read_text(encoding="utf-8").splitlines()]
    entries = []
    for rank in range(1, count + 1):
        record = records[(rank - 1) % len(records)]
        words = record["abstract"].split()
        if rank > len(records):
            rng.shuffle(words)
        authors = tuple(record.get("authors", ()))
        paper = Paper(
            seq=PaperSeq(rank),
            key=f"arxiv:2608.{rank:05d}",
            title=record["title"],
            abstract=" ".join(words),
            arxiv_id=f"2608.{rank:05d}",
            version=1,
            doi=None,
            authors=authors,
            author_count=len(authors),
            summary="",
            categories=tuple(rng.sample(CATEGORIES, 2)),
            keywords=tuple(record.get("keywords", ())),
            organization=record.get("organization", ""),
            published_at=None,
            listed_at=AT,
            code_url="",
            project_url="",
            discussion_url="",
            thumbnail_url="",
            withdrawn_at=None,
            first_seen_at=AT,
        )
        entries.append(PoolEntry(rank, paper, Receipt(AT, 1.0, ())))
    return entries


class People:
    """Makes readers up: a few wishes are what many have, and many are what few have."""

    def __init__(self, entries: Sequence[PoolEntry], rng: random.Random) -> None:
        papers = [entry.paper for entry in entries]
        words = {word.strip(".,:;()").lower() for paper in papers for word in paper.title.split() if len(word) > 4}
        pairs = {
            " ".join(pair).strip(".,:;()")
            for paper in papers
            for pair in pairwise(paper.title.split())
            if min(map(len, pair)) > 3
        }
        self._rng = rng
        self._keywords = self._shuffled(words | pairs)
        self._authors = self._shuffled({author for paper in papers for author in paper.authors})
        self._labs = self._shuffled({paper.organization for paper in papers if paper.organization})
        self._seqs = [paper.seq for paper in papers]

    def wish(self, number: int, taste: int | None) -> Wish:
        """Return what reader ``number`` wants."""
        rng = self._rng
        keywords = [self._some(self._keywords) for _ in range(rng.randint(0, 5))]
        if keywords and rng.random() < 0.2:
            keywords[0] += f" -{self._some(self._keywords).split()[0]}"
        if rng.random() < 0.1:
            keywords.append(f"topic {number} of my own")
        interests = Interests(
            categories=tuple(rng.sample(CATEGORIES, rng.randint(0, 2))),
            keywords=tuple(keywords),
            authors=tuple(self._some(self._authors) for _ in range(rng.choice((0, 0, 1, 3)))),
            labs=tuple(self._some(self._labs) for _ in range(rng.choice((0, 0, 1, 2)))),
            muted=tuple(self._some(self._keywords) for _ in range(rng.choice((0, 0, 1)))),
        )
        sent = frozenset(rng.sample(self._seqs[: 2 * HISTORY], rng.randint(0, HISTORY)))
        return Wish(interests, rng.choice(SIZES), sent, taste)

    def _shuffled(self, texts: set[str]) -> list[str]:
        listed = sorted(texts)
        self._rng.shuffle(listed)
        return listed

    def _some(self, texts: Sequence[str]) -> str:
        return texts[int(len(texts) * self._rng.random() ** 3)]


def models(pool: Pool, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return models of ``count`` readers, who liked three papers and disliked two."""
    made = np.zeros((count, DIM), dtype=np.float32)
    for weight in (0.5, 0.5, 0.5, -0.4, -0.4):
        made += np.float32(weight) * pool.features[rng.integers(pool.ranked, size=count)]
    return made


def main() -> None:
    """Choose and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=100_000)
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="each on a fresh pool; the median counts")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # read when numpy is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1"})  # noqa: S606 - starts this very script again, without a shell
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    entries = candidates(options.pool, random.Random(1))  # noqa: S311 - seeded so that each run measures the same; it guards no secret
    for share in (0.0, 0.2, 1.0):
        people = People(entries, random.Random(2))  # noqa: S311 - seeded so that each run measures the same; it guards no secret
        having = round(options.readers * share)
        tastes = models(Pool(entries), having, np.random.default_rng(3))
        wishes = [people.wish(number, number if number < having else None) for number in range(options.readers)]
        # The readers made up here are no burden to a program that reads them from a database.
        gc.collect()
        gc.freeze()
        seconds: list[float] = []
        busy: list[float] = []
        choices: list[Choice] = []
        for _ in range(options.rounds):
            pool = Pool(entries)
            started, worked = time.perf_counter(), time.process_time()
            choices = []
            for first in range(0, len(wishes), PAGE):
                choices += choose_all(pool, wishes[first : first + PAGE], tastes if having else None, late=2)
            seconds.append(time.perf_counter() - started)
            busy.append(time.process_time() - worked)
        took, work = statistics.median(seconds), statistics.median(busy)
        distinct = len(set(choices))
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"feedback of {share:4.0%}  {options.readers:>8,} readers  {options.readers / took:>7,.0f} readers/s  "
            f"{took:5.2f} s, {work:5.2f} s of the processor  "
            f"distinct wishes {len(set(wishes)) / options.readers:4.0%}, selections {distinct / options.readers:4.0%}  "
            f"peak memory {megabytes:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
