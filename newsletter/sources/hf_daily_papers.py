"""Hugging Face Daily Papers: papers put forward day by day, with votes.

API: https://huggingface.co/docs/hub/api (GET /api/daily_papers). The queries ``date``, ``week`` and ``month`` go by the day of
listing; answers come in pages (``p`` from 0, ``limit``). Nothing in an answer is certain to be there.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from newsletter.config import HfDailyPapersConfig
from newsletter.papers.clean import clean_count, parse_instant
from newsletter.papers.identity import parse_arxiv_id
from newsletter.papers.model import Observation, PaperRecord, Signal
from newsletter.sources.base import (
    Batch,
    BatchBuilder,
    FetchWindow,
    HttpStatusError,
    Period,
    PeriodKind,
    SourceError,
    Validator,
)
from newsletter.sources.http import NEXT_RUN, Expect, PoliteClient

NAME = "hf_daily_papers"
PAPER_PAGE = "https://huggingface.co/papers/"
#: Pages asked for in one query at most; a month has about 600 papers.
MAX_PAGES = 20
SATURDAY = 5

NO_PAPER = "entry without a paper"


class HfDailyPapers:
    """The source. Without a period it asks for the days whose votes move, working days only.

    First today and the last ``days_back`` days, oldest first; then older ones, newest first and each only once in
    ``sometimes_every`` or ``rarely_every``, at most ``older_days_per_run`` of them: a run that found all of them due, as the
    first one does, leaves the rest to the next runs. When a day was asked for last is known from what is stored of its answer.
    """

    name = NAME

    def __init__(self, config: HfDailyPapersConfig) -> None:
        self._config = config

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the period's papers; see :class:`newsletter.sources.service.Source`."""
        if window.period is not None:
            yield from self._query(http, window, window.period)
            return
        config = self._config
        for day in _working_days(window.today, config.days_back, 0):
            yield from self._query(http, window, day)
        left = config.older_days_per_run
        furthest = max(config.sometimes_back, config.rarely_back) if config.days_back else 0
        for day in reversed(_working_days(window.today, furthest, config.days_back + 1)):
            if not left:
                return
            is_recent = window.today - day.first <= timedelta(days=config.sometimes_back)
            every = config.sometimes_every if is_recent else config.rarely_every
            # Runs do not come to the second: what is nearly due is taken along.
            was_asked = yield from self._query(http, window, day, asked_since=window.now - 0.9 * every)
            left -= was_asked

    def _query(
        self, http: PoliteClient, window: FetchWindow, period: Period, *, asked_since: datetime | None = None
    ) -> Generator[Batch, None, bool]:
        """Ask for a period, page by page; return whether the service was asked at all."""
        is_day = period.kind is PeriodKind.DAY
        query = {"sort": "trending"} if period.kind is PeriodKind.TRENDING else {_parameter(period.kind): str(period)}
        seen: set[str] = set()
        validators: tuple[Validator, ...] = ()
        for page in range(MAX_PAGES):
            params: dict[str, str | int] = {**query, "p": page, "limit": self._config.limit}
            try:
                # Only a day fits on one page: of a longer list, an unchanged first page says nothing of the second.
                answer = http.get(
                    self._config.url,
                    source=NAME,
                    expect=Expect.JSON,
                    params=params,
                    asked_since=asked_since,
                    conditional=is_day and page == 0,
                )
            except HttpStatusError as error:
                if is_day and period.first >= window.today and error.status in {400, 404}:
                    return True  # the day has not begun there
                raise
            if page == 0:
                validators = (answer.validator,) if answer.validator and is_day else ()
            if answer.unchanged:
                yield Batch(unchanged=True, validators=validators)
                return answer.validator is not None
            entries = load(answer.body)
            fresh = [entry for entry in entries if _id_of(entry) not in seen]
            seen.update(_id_of(entry) for entry in fresh)
            more = len(entries) >= self._config.limit if answer.has_next is None else answer.has_next
            if not fresh or not more:
                yield parse(fresh, observed_at=window.now, listed_on=period.first if is_day else None, validators=validators)
                return True
            yield parse(fresh, observed_at=window.now, listed_on=period.first if is_day else None)
            # It says when the day was asked for, and no more: see above.
            validators = tuple(replace(first, etag="", last_modified="") for first in validators)
            if period.kind is PeriodKind.TRENDING:
                break  # the list goes on through all papers; its head is what is trending
        return True


def load(body: bytes) -> list[object]:
    """Return the entries of an answer.

    Raises:
        SourceError: it is not the JSON list that was asked for.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(NAME, "the answer is not JSON, or only a part of it", hint=NEXT_RUN, transient=True) from error
    if isinstance(payload, dict) and isinstance(payload.get("error"), str):
        raise SourceError(NAME, f"the service says: {payload['error'][:200]}", hint=NEXT_RUN, transient=True)
    if not isinstance(payload, list):
        hint = f"check sources.{NAME}.url"
        raise SourceError(NAME, "the answer is not a list of papers", hint=hint, transient=False)
    return payload


def parse(
    entries: list[object],
    *,
    observed_at: datetime,
    listed_on: date | None = None,
    validators: tuple[Validator, ...] = (),
) -> Batch:
    """Read the entries of an answer. Pure.

    Args:
        entries: as :func:`load` gives them.
        observed_at: when the votes were as they are here, aware UTC.
        listed_on: the day asked for; counts as the listing day of an entry that does not tell it.
        validators: handed on in the batch.
    """
    batch = BatchBuilder()
    for entry in entries:
        paper = entry.get("paper") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(paper, dict):
            batch.add(_observation(entry, paper, observed_at, listed_on))
        else:
            batch.refuse(NO_PAPER)
    return batch.build(validators=validators)


def _observation(
    entry: dict[str, object], paper: dict[str, object], observed_at: datetime, listed_on: date | None
) -> Observation:
    number = _text(paper, "id")
    arxiv = parse_arxiv_id(number)
    published_at = parse_instant(paper.get("publishedAt")) or parse_instant(entry.get("publishedAt"))
    record = PaperRecord(
        title=_text(paper, "title") or _text(entry, "title"),
        abstract=_text(paper, "summary") or _text(entry, "summary"),
        arxiv_id=arxiv.id if arxiv else None,
        authors=_names(paper.get("authors")),
        summary=_text(paper, "ai_summary"),
        keywords=_texts(paper.get("ai_keywords")),
        organization=_organization(paper.get("organization")) or _organization(entry.get("organization")),
        published_at=published_at,
        listed_at=_listed_at(entry, paper, listed_on),
        code_url=_text(paper, "githubRepo"),
        project_url=_text(paper, "projectPage"),
        discussion_url=PAPER_PAGE + number if number else "",
        thumbnail_url=_text(entry, "thumbnail"),
        withdrawn_at=parse_instant(paper.get("withdrawnAt")),
    )
    signal = Signal(
        NAME,
        observed_at,
        votes=clean_count(paper.get("upvotes")),
        comments=clean_count(entry.get("numComments")),
        stars=clean_count(paper.get("githubStars")),
    )
    return Observation(record, signal)


def _listed_at(entry: dict[str, object], paper: dict[str, object], listed_on: date | None) -> datetime | None:
    """Tell when an entry was put on the list.

    Since 2025 ``paper.submittedOnDailyAt`` says it; before, the outer ``publishedAt`` did. Newer answers fill the latter
    with the paper's own date moved by some hours, to before the paper: such a one says nothing.
    """
    if listed_at := parse_instant(paper.get("submittedOnDailyAt")):
        return listed_at
    outer, inner = parse_instant(entry.get("publishedAt")), parse_instant(paper.get("publishedAt"))
    if outer and inner and outer > inner:
        return outer
    return datetime.combine(listed_on, time(), tzinfo=UTC) if listed_on else None


def _working_days(today: date, first: int, last: int) -> list[Period]:
    """Return the days from ``first`` days before ``today`` to ``last`` before; nothing is listed on Saturday and Sunday."""
    days = [today - timedelta(days=back) for back in range(first, last - 1, -1)]
    return [Period.day(on) for on in days if on.weekday() < SATURDAY]


def _parameter(kind: PeriodKind) -> str:
    return {PeriodKind.DAY: "date", PeriodKind.WEEK: "week", PeriodKind.MONTH: "month"}[kind]


def _id_of(entry: object) -> str:
    paper = entry.get("paper") if isinstance(entry, dict) else None
    return (_text(paper, "id") if isinstance(paper, dict) else "") or repr(entry)


def _text(holder: dict[str, object], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _names(value: object) -> tuple[str, ...]:
    people = value if isinstance(value, list) else []
    return tuple(name for person in people if isinstance(person, dict) and (name := _text(person, "name")))


def _organization(value: object) -> str:
    return (_text(value, "fullname") or _text(value, "name")) if isinstance(value, dict) else ""
