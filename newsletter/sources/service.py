"""Running sources: ask each by itself, store what comes, and keep account."""

from __future__ import annotations

import difflib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import HttpConfig, SourcesConfig
from newsletter.database import Database, lock
from newsletter.errors import NewsletterError
from newsletter.papers.intake import LOCK
from newsletter.papers.store import PaperStore
from newsletter.sources.arxiv_api import ArxivApi
from newsletter.sources.arxiv_rss import ArxivRss
from newsletter.sources.base import Batch, FetchWindow, Period, SourceError
from newsletter.sources.feeds import PaperFeed
from newsletter.sources.files import read_file
from newsletter.sources.guard import Resolve, resolve
from newsletter.sources.hf_daily_papers import HfDailyPapers
from newsletter.sources.http import PoliteClient
from newsletter.sources.openalex import OpenAlex
from newsletter.sources.pace import PUBLISHED_RULES, PaceRule
from newsletter.sources.preprints import BIORXIV, MEDRXIV, Preprints
from newsletter.sources.semantic_scholar import SemanticScholar
from newsletter.sources.store import FetchRun, RunOutcome, SourceStore

log = logging.getLogger(__name__)

#: Under which files are accounted for: a recorded answer of a source is no run of that source.
FILE = "file"


class UnknownSourceError(NewsletterError):
    """A source was asked for that does not exist."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name.lower(), known, 1, cutoff=0.4)
        advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        super().__init__(f"no source is called {name!r}; {advice}")


class Source(Protocol):
    """A place where papers come from."""

    @property
    def name(self) -> str:
        """Name in config, commands and reports."""
        ...

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask the source and yield what it says, part by part, oldest first where it has an order.

        What was yielded before an error is good and can be stored.

        Raises:
            SourceError: the source, or a part of it, could not be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """What became of one run of one source.

    Attributes:
        source: its name; for a file, that of the source its first record belongs to, or the file's own if it has none.
        seen: records taken in: ``new`` papers, known ones that ``changed``, and known ones that did not.
        signals: measured votes, comments and stars that were added.
        refused: records not taken in, by reason.
        problem: what went wrong and what to do, "" if nothing did; what came before it is stored.
        is_transient: whether a later run may do better.
    """

    source: str
    outcome: RunOutcome
    seen: int = 0
    new: int = 0
    changed: int = 0
    signals: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    is_transient: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the run came to its end."""
        return self.outcome in {RunOutcome.DONE, RunOutcome.UNCHANGED}


class FetchService:
    """Takes papers and signals in, from sources and from files.

    Every batch is stored in a transaction of its own together with its validators: a process that dies in between has lost
    nothing that was stored, and asks again for the rest.

    Args:
        further: sources besides the program's own; a run without names asks them too.
        sleep, chance, rules, resolve_host: as :class:`newsletter.sources.http.PoliteClient` takes them.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        http: HttpConfig,
        sources: SourcesConfig,
        *,
        further: Sequence[Source] = (),
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
        rules: Sequence[PaceRule] = PUBLISHED_RULES,
        resolve_host: Resolve = resolve,
    ) -> None:
        self._database, self._clock = database, clock
        self._client = PoliteClient(database, clock, http, sleep=sleep, chance=chance, rules=rules, resolve_host=resolve_host)
        every = [*_configured(sources, contact=http.contact), *((source, True) for source in further)]
        self._sources = {source.name: source for source, _ in every}
        self._enabled = tuple(source.name for source, is_enabled in every if is_enabled)

    @property
    def known(self) -> tuple[str, ...]:
        """Names of all sources, enabled or not."""
        return tuple(self._sources)

    @property
    def enabled(self) -> tuple[str, ...]:
        """Names of the sources that a run without names asks."""
        return self._enabled

    def run(self, names: Sequence[str] = (), *, period: Period | None = None) -> list[SourceOutcome]:
        """Ask sources one after the other; one that fails does not keep the others from being asked.

        Args:
            names: which; empty means the enabled ones. A named source is asked even if it is not enabled.
            period: what stretch of their lists; None means what is new.

        Returns:
            One outcome for each, in the order asked.

        Raises:
            UnknownSourceError: before anything is asked.
        """
        for name in names:
            if name not in self._sources:
                raise UnknownSourceError(name, self._sources)
        window = FetchWindow(self._clock.now(), period)
        chosen = [self._sources[name] for name in dict.fromkeys(names or self._enabled)]
        return [self._take(source.name, self._parts(source, window)) for source in chosen]

    def take_file(self, path: Path, *, observed_at: datetime | None = None) -> SourceOutcome:
        """Take a file in (``files.py`` says which kinds); a file that cannot be read is an outcome with a problem.

        Args:
            path: the file.
            observed_at: aware; when what it says was so; None means now.
        """

        def parts() -> Iterator[tuple[str, Batch]]:
            for part in read_file(path, observed_at=observed_at or self._clock.now()):
                yield part.source, part.batch

        return self._take(path.name, parts(), account=FILE, recorded_at=observed_at)

    def last_runs(self) -> dict[str, FetchRun]:
        """Return the last run of every source that ever ran."""
        with self._database.read() as session:
            return SourceStore(session).last_runs()

    def _parts(self, source: Source, window: FetchWindow) -> Iterator[tuple[str, Batch]]:
        try:
            for batch in source.fetch(self._client, window):
                yield source.name, batch
        except (NewsletterError, SQLAlchemyError):
            raise
        except Exception as error:
            # A mistake of ours in reading one service must not keep the papers of the others away.
            log.exception("sources.bug source=%s", source.name)
            problem = f"could not be read: {type(error).__name__}"
            raise SourceError(source.name, problem, hint="this is a bug; the log has its trace", transient=False) from error

    def _take(
        self, name: str, parts: Iterator[tuple[str, Batch]], *, account: str = "", recorded_at: datetime | None = None
    ) -> SourceOutcome:
        started_at = self._clock.now()
        counts: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        problem, is_transient, is_news = "", False, False
        source = ""
        try:
            for part_source, batch in parts:
                source = source or part_source
                is_news |= not batch.unchanged
                with self._database.write() as session:
                    # Under the lock: an issue that is frozen meanwhile cannot be later than these papers and not have them.
                    lock(session, LOCK)
                    now = self._clock.now()
                    # What was recorded earlier was known from then on.
                    known_at = min(now, recorded_at) if recorded_at else now
                    report = PaperStore(session).ingest(batch.observations, source=part_source, now=known_at)
                    for validator in batch.validators:
                        SourceStore(session).remember(validator)
                counts.update(seen=report.seen, new=report.new, changed=report.changed, signals=report.signals)
                refused.update(batch.refused)
                refused.update(report.refused)
        except SourceError as error:
            problem, is_transient = str(error), error.transient
        if problem:
            outcome = RunOutcome.PARTIAL if counts["seen"] else RunOutcome.FAILED
        else:
            outcome = RunOutcome.DONE if is_news else RunOutcome.UNCHANGED
        result = SourceOutcome(
            source or name,
            outcome,
            seen=counts["seen"],
            new=counts["new"],
            changed=counts["changed"],
            signals=counts["signals"],
            refused=dict(refused),
            problem=problem,
            is_transient=is_transient,
        )
        self._account(result, account or name, started_at)
        return result

    def _account(self, result: SourceOutcome, account: str, started_at: datetime) -> None:
        run = FetchRun(
            account,
            started_at,
            self._clock.now(),
            result.outcome,
            result.seen,
            result.new,
            result.refused,
            result.problem,
        )
        with self._database.write() as session:
            SourceStore(session).record(run)
        log.info(
            "sources.run source=%s outcome=%s seen=%d new=%d changed=%d signals=%d refused=%d",
            result.source,
            result.outcome,
            result.seen,
            result.new,
            result.changed,
            result.signals,
            sum(result.refused.values()),
        )


def _configured(sources: SourcesConfig, *, contact: str) -> Iterator[tuple[Source, bool]]:
    """Yield the program's own sources, each with whether it is enabled; each has the name of its table below ``sources``."""
    yield HfDailyPapers(sources.hf_daily_papers), sources.hf_daily_papers.enabled
    yield ArxivApi(sources.arxiv_api), sources.arxiv_api.enabled
    yield ArxivRss(sources.arxiv_rss), sources.arxiv_rss.enabled
    yield Preprints(BIORXIV, sources.biorxiv), sources.biorxiv.enabled
    yield Preprints(MEDRXIV, sources.medrxiv), sources.medrxiv.enabled
    yield SemanticScholar(sources.semantic_scholar), sources.semantic_scholar.enabled
    yield OpenAlex(sources.openalex, contact=contact), sources.openalex.enabled
    for name, feed in sources.feeds.items():
        yield PaperFeed(f"feeds.{name}", feed), feed.enabled
