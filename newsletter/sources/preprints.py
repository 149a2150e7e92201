"""bioRxiv and medRxiv: preprints in biology and medicine, as they are posted.

API: https://api.biorxiv.org, ``/details/SERVER/FIRST_DAY/LAST_DAY/CURSOR/json``; one entry for each posted version. PDFs may
not be scraped, and are not. The service measures no votes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time

from newsletter.config import PreprintsConfig
from newsletter.papers.clean import clean_text, parse_instant
from newsletter.papers.identity import normal_doi
from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources.answers import (
    NO_OBJECT,
    appeared_at,
    days_asked,
    in_its_words,
    load_object,
    objects_of,
    text_of,
)
from newsletter.sources.arxiv import is_withdrawn
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, HttpStatusError, SourceError, Validator
from newsletter.sources.http import NEXT_RUN, Expect, PoliteClient
from newsletter.sources.markup import without_markup

BIORXIV = "biorxiv"
MEDRXIV = "medrxiv"

NO_DOI = "no DOI"

#: Since December 2019 a DOI holds the day the manuscript came in.
_DATED_DOI = re.compile(r"10\.\d{4,9}/(\d{4})\.(\d{2})\.(\d{2})\.\d+")
_LAST_UNDATED_DOI = date(2019, 12, 31)
_WITHDRAWN_TITLE = re.compile(r"(?i)\W*withdrawn\b\W*")
_WITHDRAWN_ABSTRACT = re.compile(r"(?i)\W*(?:(?:abstract|summary)\W*)?the\s+authors?\s+ha(?:ve|s)\s+(?:\w+\s+)?withdrawn\s+th")
#: The service leaves out the line break between a heading of an abstract and its text.
_GLUED_HEADING = re.compile(
    r"(?:\A|(?<=[.!?)\]])|(?<=[.!?)\]] ))"
    r"(Abstract|Summary|Background|Introduction|Motivation|Rationale|Importance|Purpose|Aims?|Objectives?|Methods?"
    r"|Materials and Methods|Design|Setting|Participants|Results?|Findings|Interpretation|Discussion|Conclusions?|Significance"
    r"|Availability|Funding)(?=[A-Z])"
)


class Preprints:
    """The source. Without a period it asks for today and the last ``days_back`` days, oldest first."""

    def __init__(self, name: str, config: PreprintsConfig) -> None:
        self._name, self._config = name, config

    @property
    def name(self) -> str:
        """``biorxiv`` or ``medrxiv``."""
        return self._name

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the days' entries, page by page; see :class:`newsletter.sources.service.Source`."""
        first, last = days_asked(window, days_back=self._config.days_back)
        base = f"{self._config.url.rstrip('/')}/{first}/{last}"
        seen: set[tuple[str, str]] = set()
        asked_since = window.now - self._config.ask_every
        validators: tuple[Validator, ...] = ()
        cursor = 0
        while cursor < self._config.max_papers:
            try:
                answer = http.get(
                    f"{base}/{cursor}/json",
                    source=self._name,
                    expect=Expect.JSON,
                    conditional=False,  # an unchanged first page says nothing of the others
                    asked_since=asked_since if not cursor else None,
                )
            except HttpStatusError as error:
                raise in_its_words(error, hint=f"check sources.{self._name}.url") from error
            if answer.unchanged:
                yield Batch(unchanged=True)
                return
            if answer.validator and not cursor:
                validators = (answer.validator,)
            rows, total = read(answer.body, source=self._name)
            fresh = [row for row in rows if _entry(row) not in seen]
            seen.update(map(_entry, fresh))
            cursor += len(rows)
            is_last = not fresh or (total is not None and cursor >= total)
            # Remembered with the last page only: who breaks off before has to ask for the first one again.
            batch = parse(fresh, now=window.now, categories=self._config.categories)
            yield Batch(batch.observations, batch.refused, validators if is_last else ())
            if is_last:
                return
        hint = f"ask for fewer days, or raise sources.{self._name}.max_papers"
        raise SourceError(
            self._name, f"more than {self._config.max_papers:,} entries from {first} on", hint=hint, transient=False
        )


def read(body: bytes, *, source: str) -> tuple[list[object], int | None]:
    """Return the entries of an answer, and how many there are on all pages if it says so.

    Raises:
        SourceError: it is no such answer, or says that something went wrong.
    """
    payload = load_object(body, source=source)
    said = next(iter(objects_of(payload, "messages")), {})
    status = clean_text(text_of(said, "status"), 200)
    rows = payload.get("collection")
    if not isinstance(rows, list):
        problem = f"the service says: {status}" if status else "the answer holds no collection"
        raise SourceError(source, problem, hint=NEXT_RUN, transient=True)
    if not rows and status.lower() not in {"", "ok", "no posts found"}:
        raise SourceError(source, f"the service says: {status}", hint=NEXT_RUN, transient=True)
    total = str(said.get("total", ""))
    return rows, int(total) if re.fullmatch(r"\d{1,9}", total, re.ASCII) else None


def parse(rows: Sequence[object], *, now: datetime, categories: Collection[str] = ()) -> Batch:
    """Read entries, in their order. Pure.

    Of several versions of a preprint the latest is taken.

    Args:
        rows: entries as :func:`read` gives them.
        now: aware; no preprint appeared later.
        categories: subjects to keep, whatever their case; empty keeps all.
    """
    wanted = {category.strip().casefold() for category in categories}
    batch = BatchBuilder()
    latest: dict[str, dict[str, object]] = {}
    for row in rows:
        if not isinstance(row, dict):
            batch.refuse(NO_OBJECT)
            continue
        if wanted and text_of(row, "category").strip().casefold() not in wanted:
            continue
        doi = normal_doi(text_of(row, "doi"))
        if doi is None:
            batch.refuse(NO_DOI)
        elif doi not in latest or _version(row) >= _version(latest[doi]):
            latest[doi] = row
    for doi, row in latest.items():
        batch.add(Observation(_record(doi, row, now)))
    return batch.build()


def split_authors(text: str) -> tuple[str, ...]:
    """Return the names of a list like ``Example, A. B.; Sample, B., Jr.; Cy Test``, given names first."""
    names = []
    for entry in text.split(";"):
        family, *rest = (part.strip() for part in entry.split(","))
        given, suffixes = rest[:1], rest[1:]
        names.append(" ".join(part for part in (*given, family, *suffixes) if part))
    return tuple(name for name in names if name)


def _record(doi: str, row: dict[str, object], now: datetime) -> PaperRecord:
    title, abstract = without_markup(text_of(row, "title")), without_markup(text_of(row, "abstract"))
    posted_at = appeared_at(text_of(row, "date"), now=now)
    version = _version(row)
    marked = _WITHDRAWN_TITLE.match(title)
    is_gone = (
        marked is not None
        or "withdraw" in text_of(row, "type").lower()
        or _WITHDRAWN_ABSTRACT.match(abstract) is not None
        or is_withdrawn(comment="", abstract=abstract)
    )
    return PaperRecord(
        title=title[marked.end() :] if marked else title,
        # The words of a withdrawal are not what the paper says.
        abstract="" if is_gone else _GLUED_HEADING.sub(r"\1: ", abstract),
        version=version,
        doi=doi,
        authors=split_authors(text_of(row, "authors")),
        categories=(text_of(row, "category"),),
        published_at=posted_at if version <= 1 else _first_posted_at(doi, posted_at),
        listed_at=posted_at if version <= 1 else None,
        withdrawn_at=(posted_at or now) if is_gone else None,
    )


def _first_posted_at(doi: str, revised_at: datetime | None) -> datetime | None:
    """Tell when a revised preprint came in first, as near as its DOI says: a revision of an old paper is not news."""
    dated = _DATED_DOI.match(doi)
    came_in = parse_instant("-".join(dated.groups())) if dated else datetime.combine(_LAST_UNDATED_DOI, time(), tzinfo=UTC)
    return min(came_in, revised_at) if came_in and revised_at else revised_at


def _version(row: dict[str, object]) -> int:
    text = str(row.get("version", ""))
    return int(text) if re.fullmatch(r"\d{1,4}", text, re.ASCII) else 1


def _entry(row: object) -> tuple[str, str]:
    if not isinstance(row, dict):
        return repr(row), ""
    return text_of(row, "doi") or text_of(row, "title"), str(row.get("version", ""))
