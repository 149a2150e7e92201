"""How often each service may be asked, and waiting for one's turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.sources.base import SourceError
from newsletter.sources.store import MAX_PACE, SourceStore


@dataclass(frozen=True, slots=True)
class PaceRule:
    """At most one request every ``every`` to all hosts at and below ``domain`` together, one at a time."""

    domain: str
    every: timedelta

    def covers(self, host: str) -> bool:
        """Whether ``host`` is ``domain`` or below it."""
        return host == self.domain or host.endswith(f".{self.domain}")


#: arXiv: "no more than one request every three seconds", one connection at a time, over all machines
#: (https://info.arxiv.org/help/api/tou.html). Hugging Face: 500 API requests in 5 minutes for one address
#: (https://huggingface.co/docs/hub/rate-limits). Semantic Scholar: one a second with a key of one's own, without one a pace
#: shared with everybody else who has none (https://www.semanticscholar.org/product/api); OpenAlex: ten a second
#: (https://docs.openalex.org); bioRxiv and medRxiv, which one host answers for, name no figure (https://api.biorxiv.org).
#: These three are asked well below that, as nothing here is in a hurry.
PUBLISHED_RULES = (
    PaceRule("arxiv.org", timedelta(seconds=3)),
    PaceRule("huggingface.co", timedelta(seconds=0.6)),
    PaceRule("semanticscholar.org", timedelta(seconds=3)),
    PaceRule("openalex.org", timedelta(seconds=1)),
    PaceRule("biorxiv.org", timedelta(seconds=1)),
)


class Turn:
    """A turn to ask a host. ``stay_away`` says that the host wants a longer rest than its rule has."""

    def __init__(self) -> None:
        self.rest = timedelta()

    def stay_away(self, rest: timedelta) -> None:
        """Do not ask again before ``rest`` has passed."""
        self.rest = max(self.rest, rest)


class Pace:
    """Lets one request at a time through to each service, over all processes that share the database.

    A turn is held from before the request until after it; one whose process died frees itself when its time is up.

    Args:
        longest_turn: how long a request may take at most.
        longest_wait: how long to wait for a turn at most.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        longest_turn: timedelta,
        longest_wait: timedelta,
        sleep: Callable[[float], object],
        rules: Sequence[PaceRule] = PUBLISHED_RULES,
    ) -> None:
        self._database, self._clock, self._sleep = database, clock, sleep
        self._longest_turn, self._longest_wait = longest_turn, longest_wait
        self._rules = rules

    @contextmanager
    def turn(self, source: str, host: str, port: int) -> Iterator[Turn]:
        """Wait for the turn to ask ``host`` and hold it. Without a rule, each host and port has a pace of its own.

        Raises:
            SourceError: the turn does not come within ``longest_wait``.
        """
        rule = next((rule for rule in self._rules if rule.covers(host)), PaceRule(f"{host[:240]}:{port}", timedelta()))
        waited = timedelta()
        while True:
            now = self._clock.now()
            held_until = now + self._longest_turn + rule.every
            wait = self._take(rule.domain, now=now, until=held_until)
            if not wait:
                break
            if waited + wait > max(self._longest_wait, self._longest_turn + rule.every):
                raise SourceError(
                    source,
                    f"{rule.domain} is not to be asked for another {in_words(wait)}",
                    hint="nothing to do; a run after that tries again",
                    transient=True,
                )
            # Another process may give its turn back early, so look again from time to time.
            step = min(wait, max(rule.every, timedelta(seconds=1)))
            self._sleep(step.total_seconds())
            waited += step
        turn = Turn()
        try:
            yield turn
        finally:
            with self._database.write() as session:
                next_at = self._clock.now() + min(max(rule.every, turn.rest), MAX_PACE)
                SourceStore(session).end_turn(rule.domain, held_until=held_until, next_at=next_at)

    def _take(self, domain: str, *, now: datetime, until: datetime) -> timedelta:
        try:
            with self._database.write() as session:
                return SourceStore(session).take_turn(domain, now=now, until=until)
        except IntegrityError:  # another process asked this host for the first time at the same moment
            return self._take(domain, now=now, until=until)


def in_words(time: timedelta) -> str:
    """Return a length of time for people, rounded up: ``40 s``, ``3 min``, ``2 h``."""
    seconds = math.ceil(time.total_seconds())
    if seconds <= 90:
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} min" if seconds <= 5400 else f"{math.ceil(seconds / 3600)} h"
