"""How well the ranking finds what will be popular, on real days, with nothing known before its time.

Run: ``python benchmarks/trending.py --days DIR --votes FILE [--write FOLDER]``. ``DIR`` holds answers of the Hugging Face Daily
Papers API, one ``YYYY-MM-DD.json`` a day, of which the papers are taken and nothing that moves; ``FILE`` is JSON Lines of
``{"id", "t", "upvotes", "comments", "stars"}``, which all attention is taken from. ``--write`` learns from all days and writes
the tables that ship, ``growth.json`` and ``prior.json``, into a folder.

Tests, all with the product's own score at its default weights, scored by NDCG@10 where a paper's gain are its votes in the end
(the last known, if those came 4 days after listing or later); equal scores share their places evenly:

- pool: at 08:00 and 14:00 UTC of each day, the papers listed in the 72 h and 168 h before; days with 20 papers or more;
- one day: the papers of a day that are listed by +6, +12, +24 h after its midnight; days with 5 papers or more;
- cold start: the papers of a day by what is known at listing.

What is learned comes from what was known before the first day of the later half of the days; the later half is reported. With
``--shipped`` all days are, ranked by the tables that ship: say so only of days that these were not learned from.
Intervals: 95 %, paired bootstrap over days. The figures are printed, never asserted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsletter.config import TrendingConfig
from newsletter.database import Database
from newsletter.papers.attention import Attention
from newsletter.papers.model import Observation, Paper, PaperRecord, Signal
from newsletter.papers.store import PaperStore
from newsletter.sources.hf_daily_papers import NAME, load, parse
from newsletter.trending.growth import settled
from newsletter.trending.learned import Learned
from newsletter.trending.score import Scores
from newsletter.trending.service import rank
from newsletter.trending.tracks import Tracks
from newsletter.trending.vectors import Vectors

WEIGHTS = TrendingConfig()
CUT, RESAMPLES = 10, 10_000
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: (hours listed before, hour of the day): what the issue that asked for this test reports for vote order, votes per hour,
#: Hacker News gravity and a growth curve (0: nothing), and what it asks for.
REPORTED = {
    (72, 8): (0.786, 0.784, 0.716, 0.814, 0.84),
    (72, 14): (0.898, 0.856, 0.774, 0.908, 0.925),
    (168, 8): (0.850, 0.0, 0.0, 0.871, 0.89),
    (168, 14): (0.910, 0.0, 0.0, 0.926, 0.935),
}
ONE_DAY = {6: 0.900, 12: 0.928, 24: 0.919}


@dataclass(frozen=True)
class Case:
    """A question: which of these papers will be popular, asked at an instant."""

    at: datetime
    places: list[int]


@dataclass(frozen=True)
class History:
    """Real papers, ascending ``seq``, with all their attention; ``final`` are votes in the end, -1 if unknown.

    ``shipped``: rank all cases by the tables that ship, instead of the later half by what the earlier one taught.
    """

    papers: list[Paper]
    attention: Attention
    final: NDArray[np.int64]
    days: list[date]
    shipped: bool

    def listed(self, start: datetime, end: datetime) -> list[int]:
        """Return the places of papers listed from ``start`` to before ``end`` whose votes in the end are known."""
        return [place for place, paper in enumerate(self.papers) if start <= paper.listed_at < end and self.final[place] >= 0]

    def measured(self, case: Case) -> Case:
        """Return the case with those of its papers whose votes were measured by then."""
        seqs = [self.papers[place].seq for place in case.places]
        latest = Tracks.of(self.attention, seqs, "votes", until=case.at.timestamp()).latest()
        return Case(case.at, [place for place, count in zip(case.places, latest.tolist(), strict=True) if count >= 0])


def main() -> None:
    """Read, then run the tests."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=Path, required=True, help="folder of recorded days")
    options.add_argument("--votes", type=Path, required=True, help="file of votes over time")
    options.add_argument("--write", type=Path, help="folder to write tables into that were learned from all days")
    options.add_argument("--shipped", action="store_true", help="rank all days by the tables that ship: for days of your own")
    given = options.parse_args()
    began = time.perf_counter()
    if given.write is None:
        speed_test()  # first: other tests leave a heap that would be looked through for garbage
    history = read(given.days, given.votes, shipped=given.shipped)
    known = int((history.final >= 0).sum())
    print(f"\n{len(history.days)} days, {len(history.papers)} papers, {known} with votes in the end,", end=" ")
    print(f"{len(history.attention)} measurements;", end=" ")
    print(
        "all days, by the tables that ship" if given.shipped else "the later half of the days, by what the earlier one taught"
    )
    if given.write is not None:
        learned = Learned.learn(history.papers, history.attention, until=np.inf)
        (given.write / "growth.json").write_text(learned.growth.to_json(), encoding="utf-8")
        (given.write / "prior.json").write_text(learned.prior.to_json(), encoding="utf-8")
        print(f"growth.json and prior.json written to {given.write}")
        return
    pool_test(history)
    one_day_test(history)
    cold_start_test(history)
    print(f"all in {time.perf_counter() - began:.0f} s")


def read(days: Path, votes: Path, *, shipped: bool) -> History:
    """Take the papers of recorded days and their votes in, as the program does, and read them back."""
    series: dict[str, list[Signal]] = defaultdict(list)
    with votes.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            at = datetime.fromisoformat(row["t"])
            series[row["id"]].append(Signal(row["src"], at, row["upvotes"], row["comments"], row["stars"]))
    records: dict[str, PaperRecord] = {}
    listed_on = sorted(date.fromisoformat(path.stem) for path in days.glob("????-??-??.json"))
    for on in listed_on:
        batch = parse(load((days / f"{on}.json").read_bytes()), observed_at=LONG_AGO, listed_on=on)
        for observation in batch.observations:
            records.setdefault(observation.record.arxiv_id or observation.record.title, observation.record)
    observations = [Observation(record, history=tuple(series.get(key, ()))) for key, record in records.items()]
    with tempfile.TemporaryDirectory() as folder:
        database = migrated(folder)
        with database.write() as session:
            PaperStore(session).ingest(observations, source=NAME, now=datetime.now(UTC))
        with database.read() as session:
            papers = PaperStore(session).listed_between(LONG_AGO, datetime.now(UTC) + 10_000 * DAY)
            attention = PaperStore(session).attention([paper.seq for paper in papers], until=datetime.now(UTC) + 10_000 * DAY)
        database.dispose()
    lines_of_votes = Tracks.of(attention, [paper.seq for paper in papers], "votes", until=np.inf)
    return History(papers, attention, settled(lines_of_votes, listed_instants(papers)), listed_on, shipped)


def migrated(folder: str) -> Database:
    """Return a new database in a folder."""
    database = Database(f"sqlite:///{folder}/newsletter.db")
    database.upgrade()
    return database


def pool_test(history: History) -> None:
    """Rank the papers of some days against what they got in the end."""
    print("\nPool test, NDCG@10 [reported by the issue] (asked for)")
    names = ["votes", "votes/hour", "gravity", "curve", "newest", "random", "ours"]
    print(f"{'':>14}{'days':>6}" + "".join(f"{name:>15}" for name in names) + f"{'ours minus votes':>28}")
    for (window, hour), (*reported, aim) in REPORTED.items():
        cases = []
        for on in history.days:
            at = datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
            cases.append(Case(at, history.listed(at - window * HOUR, at)))
        cases = [case for case in cases if len(case.places) >= 20]
        later, learned = halves(history, cases)
        scores = compare(history, later, learned)
        told = [f"[{value:.3f}]" if value else "" for value in (*reported, 0.0, 0.0)] + [f"({aim:.3f})"]
        cells = [f"{scores[name].mean():.3f} {extra:<7}" for name, extra in zip(names, told, strict=True)]
        low, high = interval(scores["ours"] - scores["votes"])
        gain = f"{(scores['ours'] - scores['votes']).mean():+.3f} {low:+.3f} to {high:+.3f}"
        print(f"{window:>5} h, {hour:02}:00{len(later):>6}" + "".join(f"{cell:>15}" for cell in cells) + f"{gain:>28}")


def one_day_test(history: History) -> None:
    """Rank the papers of one day, some hours after it began: those whose votes were measured by then, and all."""
    print("\nOne-day test, NDCG@10 [vote order as reported by the issue]")
    for hours, reported in ONE_DAY.items():
        cases = []
        for on in history.days:
            begin = datetime(on.year, on.month, on.day, tzinfo=UTC)
            cases.append(Case(begin + hours * HOUR, history.listed(begin, begin + min(hours * HOUR, DAY))))
        for kind, asked, told in (
            ("measured", [history.measured(case) for case in cases], f" [{reported:.3f}]"),
            ("all", cases, ""),
        ):
            later, learned = halves(history, [case for case in asked if len(case.places) >= 5])
            scores = compare(history, later, learned)
            low, high = interval(scores["ours"] - scores["votes"])
            votes, chance, ours = (scores[name].mean() for name in ("votes", "random", "ours"))
            print(
                f"   +{hours:>2} h, {kind}, {len(later)} days: votes {votes:.3f}{told}, random {chance:.3f}, ours {ours:.3f},",
                end=" ",
            )
            print(f"ours minus votes {ours - votes:+.3f} ({low:+.3f} to {high:+.3f})")


def cold_start_test(history: History) -> None:
    """Rank the papers of one day by what is known at their listing."""
    print("\nCold start, NDCG@10 (asked for: 0.65 where random gives 0.54)")
    for least in (5, 8):
        cases = []
        for on in history.days:
            begin = datetime(on.year, on.month, on.day, tzinfo=UTC)
            cases.append(Case(begin, history.listed(begin, begin + DAY)))
        cases = [case for case in cases if len(case.places) >= least]
        later, learned = halves(history, cases)
        ours, chance = [], []
        for case in later:
            expected = learned.prior.expected([history.papers[place] for place in case.places])
            gains = history.final[case.places].astype(np.float64)
            ours.append(ndcg(expected, gains))
            chance.append(ndcg(np.zeros(len(gains)), gains))
        print(f"   {least} papers or more, {len(later)} days: random {np.mean(chance):.3f}, ours {np.mean(ours):.3f}")


def speed_test() -> None:
    """Rank 10,000 papers with a year of measurements, made up, read from SQLite."""
    now = datetime(2026, 9, 1, tzinfo=UTC)
    chance = np.random.default_rng(1)
    ages = [*range(1, 73, 3), *range(78, 168, 12), *range(192, 720, 48), *range(720, 8760, 720)]
    observations = []
    for number in range(10_000):
        listed = now - chance.uniform(0, 365) * DAY
        final = float(np.exp(chance.normal(2.7, 1.0)))
        moments = [age for age in ages if listed + age * HOUR <= now]
        history = tuple(
            Signal(NAME, listed + age * HOUR, votes=round(final * (1 - 0.98 ** (age + 1))), stars=age) for age in moments
        )
        record = PaperRecord(
            f"Study {number} of things that are many", ABSTRACT, arxiv_id=f"2601.{number:05d}", author_count=5, listed_at=listed
        )
        observations.append(Observation(record, history=history))
    with tempfile.TemporaryDirectory() as folder:
        database = migrated(folder)
        with database.write() as session:
            PaperStore(session).ingest(observations, source=NAME, now=now)
        measured = sum(len(each.history) for each in observations)
        del observations  # half a million objects, which Python would look through for garbage again and again
        print(f"10,000 papers with {measured:,} measurements of a year (asked for: ranked in 1 s)")
        for turn, limit in (("first, all receipts", None), ("again, all receipts", None), ("again, the best 60", 60)):
            with database.read() as session:
                began, worked = time.perf_counter(), time.process_time()
                rank(session, at=now, days=366, weights=WEIGHTS, limit=limit)
                took, work = time.perf_counter() - began, time.process_time() - worked
            print(f"   {turn}: {took:.2f} s, of which {work:.2f} s on the processor")
        database.dispose()


ABSTRACT = "We study small things. They turn out to be many. Counting them takes a while, and we say how long. " * 12


def halves(history: History, cases: Sequence[Case]) -> tuple[Sequence[Case], Learned]:
    """Return the cases to report, and what was learned from what was known before the first of them."""
    if history.shipped:
        return cases, Learned.shipped()
    later = cases[len(cases) // 2 :]
    until = later[0].at.replace(hour=0)
    papers = [paper for paper in history.papers if paper.listed_at < until]
    learned = Learned.learn(papers, history.attention, until=until.timestamp(), vectors=Vectors.learn(papers))
    return later, learned


def compare(history: History, cases: Sequence[Case], learned: Learned) -> Mapping[str, NDArray[np.float64]]:
    """Return the NDCG of each way to rank, one for each case."""
    found: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        papers = [history.papers[place] for place in case.places]
        scores = Scores(papers, history.attention, at=case.at, weights=WEIGHTS, learned=learned)
        tracks = Tracks.of(history.attention, [paper.seq for paper in papers], "votes", until=case.at.timestamp())
        votes = np.maximum(tracks.latest(), 0).astype(np.float64)
        listed = listed_instants(papers)
        share = np.ones(len(papers))
        share[tracks.place] = learned.growth.share(tracks.hours_since(listed))  # a place's last row comes last
        age = np.array([(case.at - paper.listed_at) / HOUR for paper in papers])
        gains = history.final[case.places].astype(np.float64)
        ways = {
            "votes": votes,
            "votes/hour": votes / (age + 1),
            "gravity": (votes - 1) / (age + 2) ** 1.8,
            "curve": votes / np.maximum(share, 0.02),
            "newest": -age,
            "random": np.zeros(len(papers)),
            "ours": np.array(scores.totals),
        }
        for name, order in ways.items():
            found[name].append(ndcg(order, gains))
    return {name: np.array(values) for name, values in found.items()}


def ndcg(scores: NDArray[np.float64], gains: NDArray[np.float64]) -> float:
    """Return the normalized discounted cumulative gain of the first 10; papers of one score share the mean of their gains.

    Source: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"; McSherry and Najork 2008,
    "Computing information retrieval performance measures efficiently in the presence of tied scores".
    """
    discount = np.zeros(len(gains))
    discount[:CUT] = 1 / np.log2(np.arange(2, min(CUT, len(gains)) + 2))
    _, group = np.unique(-scores, return_inverse=True)
    mean = np.bincount(group, weights=gains) / np.bincount(group)
    order = np.argsort(-scores, kind="stable")
    best = float((np.sort(gains)[::-1] * discount).sum())
    return float((mean[group[order]] * discount).sum() / best) if best else 1.0


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean, by bootstrap over days."""
    picks = np.random.default_rng(1).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.percentile(differences[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def listed_instants(papers: Sequence[Paper]) -> NDArray[np.int64]:
    """Return when papers were listed, in seconds since 1970 UTC."""
    return np.array([int(paper.listed_at.timestamp()) for paper in papers], dtype=np.int64)


if __name__ == "__main__":
    main()
