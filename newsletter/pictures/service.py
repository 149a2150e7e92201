"""Fetching pictures: each asked for once, by whoever comes first, through the guarded client, and made anew."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpcore

from newsletter.clock import Clock
from newsletter.config import HttpConfig, PicturesConfig
from newsletter.database import Database
from newsletter.papers.model import Paper, PaperSeq
from newsletter.pictures.making import MadePictures, PictureError, make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.sources.base import SourceError
from newsletter.sources.guard import Resolve, resolve
from newsletter.sources.http import Expect, PoliteClient
from newsletter.sources.pace import PUBLISHED_RULES, PaceRule

log = logging.getLogger(__name__)

#: From one try to the next; after the last of them an address is left alone.
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
#: No picture is begun later than this in a run: slow servers must not hold up what comes behind it.
LONGEST_RUN = timedelta(minutes=2)
#: No picture is worth a longer wait for one's turn to ask a host.
LONGEST_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PictureReport:
    """What became of a run: pictures kept, those that could not be had, and those left for the next run."""

    kept: int = 0
    failed: int = 0
    left: int = 0


class PictureService:
    """Fetches pictures of papers.

    An address comes from outside: it may lead to public https only, at the first step and at each of three redirects, may
    send ``config.max_bytes``, and may take ``http.timeout`` in all.

    Args:
        sleep, chance, rules, resolve_host, sockets: as :class:`newsletter.sources.http.PoliteClient` takes them.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        config: PicturesConfig,
        http: HttpConfig,
        *,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
        rules: Sequence[PaceRule] = PUBLISHED_RULES,
        resolve_host: Resolve = resolve,
        sockets: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._database, self._clock, self._config = database, clock, config
        # One try at a time: the next one comes after hours, and not in this run.
        limits = {"max_bytes": config.max_bytes, "retries": 0, "longest_wait": min(http.longest_wait, LONGEST_WAIT)}
        self._client = PoliteClient(
            database,
            clock,
            http.model_copy(update=limits),
            sleep=sleep,
            chance=chance,
            rules=rules,
            resolve_host=resolve_host,
            sockets=sockets,
        )

    def run(self, papers: Iterable[Paper]) -> PictureReport:
        """Fetch the pictures of those papers that have one we do not; at most ``per_run``, in the order given.

        A picture that cannot be had is logged, and tried again by a run after ``WAITS``. A process that dies over one leaves it
        to such a run as well. Any number of processes may run at a time: each picture is asked for by one of them.
        """
        if not self._config.fetch:
            return PictureReport()
        urls = {paper.seq: paper.thumbnail_url for paper in papers if paper.thumbnail_url}
        with self._database.read() as session:
            due = PictureStore(session).due(urls, now=self._clock.now())
        chosen = due[: self._config.per_run]
        kept = failed = asked = 0
        began = self._clock.monotonic()
        for seq in chosen:
            if self._clock.monotonic() - began > LONGEST_RUN.total_seconds():
                break
            asked += 1
            match self._take(seq, urls[seq]):
                case True:
                    kept += 1
                case False:
                    failed += 1
        report = PictureReport(kept, failed, len(due) - asked)
        if due:
            log.info("pictures.run kept=%d failed=%d left=%d", report.kept, report.failed, report.left)
        return report

    def _take(self, seq: PaperSeq, url: str) -> bool | None:
        """Fetch and keep one; say whether that went well, None if another process does it."""
        with self._database.write() as session:
            if not PictureStore(session).claim(seq, url, now=self._clock.now(), waits=WAITS):
                return None
        try:
            made = self._made(url)
        except (SourceError, PictureError) as error:
            log.warning("pictures.failed paper=%d problem=%r", seq, error.problem)
            with self._database.write() as session:
                PictureStore(session).fail(seq, url, error.problem)
            return False
        with self._database.write() as session:
            PictureStore(session).keep(seq, url, made, now=self._clock.now())
        return True

    def _made(self, url: str) -> MadePictures:
        answer = self._client.get(url, source="pictures", expect=Expect.PICTURE, conditional=False, is_trusted=False)
        return make_pictures(answer.body)
