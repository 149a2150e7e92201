"""How much more of what they like readers find in a digest of their own than in the common one: simulated readers, real days.

Each reader has a hidden taste of three topics, made of the keywords of real papers: a keyword of two words or more, and the
keywords that go with it. What is about a topic is liked with probability 0.85, anything else with 0.02, by a coin thrown once
for each reader and paper. For four weeks each reader presses a button for half of the liked papers that were shown, and for a
fifth of the others. What counts is the share of liked papers among the first five of each digest, against the common digest of
the same days, which the same reader would have got; the fifth week shows what four weeks have taught.

Pools, vectors, learning and selection are the program's own. The common order is its ranking, with the votes of the day files
taken as counted on the evening of the day: they were recorded at some later time, which is the same for both digests.

All constants were chosen on the first half of the days with other readers (``--half first``); the default is the second half.

Run: ``python benchmarks/personal.py [--days DIR] [--readers N] [--half first|second]``. Takes about a minute. The figures are
printed, never asserted.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported

import numpy as np
from numpy.typing import NDArray

from newsletter.clock import ManualClock
from newsletter.config import HttpConfig, NewsletterConfig, SourcesConfig, TasteConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.builder import IssueBuilder
from newsletter.digest.model import PoolEntry
from newsletter.digest.pool import Pool
from newsletter.digest.selection import INTEREST_SHARE, Wish, choose_all
from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.sources.service import FetchService
from newsletter.taste.learning import Lessons
from newsletter.taste.service import BACKGROUND, model_of
from newsletter.trending.vectors import DIM, Vectors
from subscribers.model import Interests, Opinion, Taste

DAYS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "daily_papers"
#: A window: four weeks in which readers say something, and one that shows what it taught. Fewer recorded days are too few.
WEEKS, LEAST_DAYS = 5, 16
TOP = 5
LIKED, LIKED_ANYWAY = 0.85, 0.02
SAYS_MORE, SAYS_LESS = 0.5, 0.2
TOPICS = 3
#: Share of the papers that have a topic's keyword, and a keyword that goes with it; so many of these make a topic.
SHARE, SHARE_OF_RELATED, RELATED, TOGETHER = (0.004, 0.03), (0.001, 0.06), 8, 4


@dataclass(frozen=True)
class Day:
    """A morning on which an issue goes out: the pool, and what feedback is compared with."""

    at: datetime
    since: datetime | None
    week: int
    pool: Pool
    lessons: Lessons
    vectors: Vectors


@dataclass(frozen=True)
class Topic:
    """A keyword, and the papers that are about it."""

    keyword: str
    papers: frozenset[PaperSeq]


@dataclass
class Reader:
    """A hidden taste, and what became of it. ``likes`` and ``button`` are by paper: whether it is liked, and a coin thrown."""

    declared: Interests
    likes: NDArray[np.bool_]
    button: NDArray[np.float64]
    sent: set[PaperSeq] = field(default_factory=set)
    said: list[tuple[Paper, Opinion]] = field(default_factory=list)
    #: Liked papers among the first of each digest, and how many these were, by week.
    liked: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, WEEKS), dtype=np.int64))

    def see(self, shown: Sequence[PaperSeq], week: int) -> None:
        """Take note of a digest, in the order it is shown in."""
        self.sent.update(shown)
        self.liked[:, week] += int(self.likes[shown[:TOP]].sum()), len(shown[:TOP])


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=Path, default=DAYS, help="folder of YYYY-MM-DD.json answers (default: %(default)s)")
    options.add_argument("--readers", type=int, default=300, help="simulated readers (default: %(default)s)")
    options.add_argument("--half", choices=("first", "second"), default="second", help="of the days (default: %(default)s)")
    given = options.parse_args()
    files = sorted(given.days.glob("*.json"))
    if not files:
        options.error(f"no recorded days in {given.days}; name their folder with --days")
    began = time.perf_counter()
    days = [date.fromisoformat(path.stem) for path in files]
    middle = len(days) // 2
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/newsletter.db")
        database.upgrade()
        papers = take_in(database, files)
        windows = [
            mornings(database, window, papers) for window in split(days[:middle] if given.half == "first" else days[middle:])
        ]
        database.dispose()
    topics = find_topics(papers)
    print(
        f"{len(files)} days, {len(papers)} papers, {len(topics)} topics; {given.half} half of the days: {len(windows)} windows"
    )
    print(f"of {WEEKS} weeks, {sum(map(len, windows))} issues; {given.readers} readers; made ready in", end=" ")
    print(f"{time.perf_counter() - began:.0f} s\n")
    seed = 1 if given.half == "first" else 2
    common = make_readers(papers, topics, count=given.readers, seed=seed, declared=0)
    simulate(windows, papers, common, more=0, less=0)
    print(f"share of liked papers in the first {TOP}, by week; then week {WEEKS} by reader and against the common digest")
    known = make_readers(papers, topics, count=given.readers, seed=seed, declared=0)
    simulate_knowing(windows, known)
    report("if every taste were known (what there is to be found)", known, common, 0)
    for name, declared, more, less in (
        ("feedback alone", 0, SAYS_MORE, SAYS_LESS),
        ("feedback alone, a button for every paper", 0, 1.0, 1.0),
        ("one topic asked for at sign-up, no feedback", 1, 0.0, 0.0),
        ("one topic asked for at sign-up, and feedback", 1, SAYS_MORE, SAYS_LESS),
        ("all three topics asked for, no feedback", TOPICS, 0.0, 0.0),
        ("all three topics asked for, and feedback", TOPICS, SAYS_MORE, SAYS_LESS),
    ):
        began = time.perf_counter()
        own = make_readers(papers, topics, count=given.readers, seed=seed, declared=declared)
        simulate(windows, papers, own, more=more, less=less)
        report(name, own, common, time.perf_counter() - began)


def take_in(database: Database, files: Sequence[Path]) -> dict[PaperSeq, Paper]:
    """Take the days in, each as seen on its evening, and return their papers."""
    for path in files:
        at = evening(date.fromisoformat(path.stem))
        FetchService(database, ManualClock(at), HttpConfig(), SourcesConfig()).take_file(path, observed_at=at)
    with database.read() as session:
        found = PaperStore(session).listed_between(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    return {paper.seq: paper for paper in found}


def evening(day: date) -> datetime:
    """Return the end of a day."""
    return datetime(day.year, day.month, day.day, 23, 0, tzinfo=UTC)


def split(days: Sequence[date]) -> Iterator[list[date]]:
    """Yield windows that do not overlap and have days enough."""
    place = 0
    while place < len(days):
        window = [day for day in days[place:] if day < days[place] + timedelta(weeks=WEEKS)]
        is_whole = days[-1] >= days[place] + timedelta(weeks=WEEKS, days=-3)
        if is_whole and len(window) >= LEAST_DAYS:
            yield window
            place += len(window)
        else:
            place += 1


def mornings(database: Database, window: Sequence[date], papers: Mapping[PaperSeq, Paper]) -> list[Day]:
    """Return the mornings after the days of a window."""
    newsletter, builder, vectors = NewsletterConfig(), IssueBuilder(database, TrendingConfig()), Vectors()
    by_listing = sorted(papers.values(), key=lambda paper: (paper.listed_at, paper.seq))
    made: list[Day] = []
    for day in window:
        at = evening(day) + timedelta(hours=7)
        since = made[-1].at if made else None
        ranked = builder.rank(newsletter, at=at, fresh_since=since)
        pool = Pool([PoolEntry(each.rank, each.paper, each.receipt) for each in ranked])
        known = [paper for paper in by_listing if paper.listed_at <= at][-BACKGROUND:]
        made.append(Day(at, since, (day - window[0]).days // 7, pool, Lessons(vectors.matrix(known)), vectors))
    return made


def find_topics(papers: Mapping[PaperSeq, Paper]) -> list[Topic]:
    """Return the topics there are, by keyword."""
    having = defaultdict[str, set[PaperSeq]](set)
    keywords = {keyword.casefold() for paper in papers.values() for keyword in paper.keywords}
    for paper in papers.values():
        text = f" {' '.join(words(paper.title))} {' '.join(words(paper.abstract))} "
        found = {keyword.casefold() for keyword in paper.keywords}
        grams = text.split()
        found |= keywords & {" ".join(grams[at : at + size]) for size in (1, 2, 3, 4) for at in range(len(grams))}
        for keyword in found:
            having[keyword].add(paper.seq)
    share = {keyword: len(seqs) / len(papers) for keyword, seqs in having.items()}
    keywords_of = defaultdict[PaperSeq, list[str]](list)
    for keyword in sorted(having):
        if SHARE_OF_RELATED[0] <= share[keyword] <= SHARE_OF_RELATED[1]:
            for seq in having[keyword]:
                keywords_of[seq].append(keyword)

    def topic(keyword: str) -> Topic:
        together = Counter(other for seq in having[keyword] for other in keywords_of[seq] if other != keyword)
        often = {other: count for other, count in together.items() if count >= TOGETHER}
        # How much likelier a paper of the topic has it; the root keeps chance encounters of rare keywords out.
        related = sorted(often, key=lambda other: (-(often[other] ** 1.5) / len(having[other]), other))[:RELATED]
        counted = Counter(seq for other in related for seq in having[other])
        return Topic(keyword, frozenset(having[keyword] | {seq for seq, count in counted.items() if count >= 2}))

    return [topic(keyword) for keyword in sorted(having) if " " in keyword and SHARE[0] <= share[keyword] <= SHARE[1]]


def words(text: str) -> list[str]:
    """Return the words of a text, in small letters."""
    return "".join(letter if letter.isalnum() or letter == "-" else " " for letter in text.casefold()).split()


def make_readers(
    papers: Mapping[PaperSeq, Paper], topics: Sequence[Topic], *, count: int, seed: int, declared: int
) -> list[Reader]:
    """Return readers, with the same tastes for the same seed; ``declared`` of their topics they asked for at sign-up."""
    random = np.random.default_rng(seed)
    readers = []
    for _ in range(count):
        taste = [topics[number] for number in random.choice(len(topics), TOPICS, replace=False)]
        is_about = np.zeros(max(papers) + 1, dtype=np.bool_)
        is_about[list(set().union(*(topic.papers for topic in taste)))] = True
        likes = random.random(len(is_about)) < np.where(is_about, LIKED, LIKED_ANYWAY)
        asked = Interests(keywords=tuple(topic.keyword for topic in taste[:declared]))
        readers.append(Reader(asked, likes, random.random(len(is_about))))
    return readers


def simulate(
    windows: Sequence[Sequence[Day]], papers: Mapping[PaperSeq, Paper], readers: Sequence[Reader], *, more: float, less: float
) -> None:
    """Send every issue of the windows, each window's to a share of the readers."""
    for number, window in enumerate(windows):
        for day in window:
            send(day, readers[number :: len(windows)], papers, more=more, less=less)


def simulate_knowing(windows: Sequence[Sequence[Day]], readers: Sequence[Reader]) -> None:
    """Send digests that begin with what their readers like, as much as the program would let them: the bound of the others."""
    size = NewsletterConfig().size
    for number, window in enumerate(windows):
        for day in window:
            for reader in readers[number :: len(windows)]:
                new = [seq for seq in day.pool.order if seq not in reader.sent]
                liked = [seq for seq in new if reader.likes[seq]][: round(size * INTEREST_SHARE)]
                shown = [*liked, *(seq for seq in new if seq not in liked)][:size]
                reader.see(shown, day.week)


def send(day: Day, readers: Sequence[Reader], papers: Mapping[PaperSeq, Paper], *, more: float, less: float) -> None:
    """Choose a day's digests, count what is liked, and have readers say something, but in the last week."""
    size = NewsletterConfig().size
    models: list[NDArray[np.float32]] = []
    wishes = []
    for reader in readers:
        taste = None
        if reader.said:
            taste = len(models)
            models.append(
                model_of(
                    reader.said,
                    [reader.declared],
                    lessons=day.lessons,
                    vectors=day.vectors,
                    now=day.at,
                    half_life=TasteConfig().half_life,
                )
            )
        wishes.append(Wish(reader.declared, size, frozenset(reader.sent), taste, day.since))
    tastes = np.array(models, dtype=np.float32).reshape(-1, DIM).astype("<f2").astype(np.float32)  # as they are stored
    for reader, choice in zip(readers, choose_all(day.pool, wishes, tastes), strict=True):
        shown = [entry.paper_seq for entry in choice]
        reader.see(shown, day.week)
        if day.week == WEEKS - 1:
            continue
        for seq in shown:
            is_liked = reader.likes[seq]
            if reader.button[seq] < (more if is_liked else less):
                opinion = Opinion(seq, Taste.MORE if is_liked else Taste.LESS, day.at)
                reader.said.append((papers[seq], opinion))


def report(name: str, own: Sequence[Reader], common: Sequence[Reader], seconds: float) -> None:
    """Print one line of the table and what readers had of it."""
    mine, theirs = (np.array([reader.liked for reader in readers]) for readers in (own, common))
    share, base = (counts[:, 0].sum(axis=0) / counts[:, 1].sum(axis=0) for counts in (mine, theirs))
    last = [counts[:, 0, -1] / np.maximum(counts[:, 1, -1], 1) for counts in (mine, theirs)]
    low, median, high = np.quantile(last[0], (0.25, 0.5, 0.75))
    whole = mine[:, 0].sum(axis=1) < theirs[:, 0].sum(axis=1)
    said = sum(len(reader.said) for reader in own) / len(own)
    print(f"\n{name} ({said:.0f} opinions a reader, {seconds:.0f} s)")
    print(f"  own    {' '.join(f'{figure:.3f}' for figure in share)}   quartiles {low:.2f} {median:.2f} {high:.2f}")
    low, median, high = np.quantile(last[1], (0.25, 0.5, 0.75))
    print(f"  common {' '.join(f'{figure:.3f}' for figure in base)}   quartiles {low:.2f} {median:.2f} {high:.2f}")
    overall = mine[:, 0].sum() / mine[:, 1].sum() * theirs[:, 1].sum() / theirs[:, 0].sum()
    print(f"  x      {' '.join(f'{figure:.2f} ' for figure in share / base)}  over all weeks {overall:.2f}")
    error = ratio_error(mine[:, 0, -1], theirs[:, 0, -1])
    print(f"  week {WEEKS}: {share[-1] / base[-1]:.2f} x the common digest (standard error {error:.2f});", end=" ")
    print(f"readers below it: {np.mean(last[0] < last[1]):.0%} in that week, {np.mean(whole):.0%} over all")


def ratio_error(own: NDArray[np.int64], common: NDArray[np.int64]) -> float:
    """Return the standard error of the ratio of two sums over readers (delta method)."""
    ratio = own.sum() / common.sum()
    return float(math.sqrt(np.square(own - ratio * common).sum()) / common.sum())


if __name__ == "__main__":
    main()
