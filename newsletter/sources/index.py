"""Indexes that are searched page by page, newest paper first: what asking Semantic Scholar and OpenAlex has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from newsletter.config import IndexConfig
from newsletter.papers.model import Observation
from newsletter.sources.answers import NO_OBJECT, in_its_words, load_object
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, HttpStatusError, SourceError, Validator
from newsletter.sources.credential import Credential
from newsletter.sources.http import Expect, PoliteClient

#: Pages asked for in one run at most.
MAX_PAGES = 60
MAX_CURSOR = 1_000

#: Reads one entry; gives the reason instead where it cannot be taken in.
ReadEntry = Callable[[dict[str, object]], Observation | str]


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of one answer, newest first, and the cursor of the page after it, "" if there is none."""

    entries: list[object]
    following: str


@dataclass(frozen=True, slots=True)
class Question:
    """What an index is asked.

    Attributes:
        source: name of the source.
        config: its section.
        params: the query without its cursor.
        cursor: name of the parameter that tells the page.
        begin: its value for the first page; "" leaves it out.
        id_key: key under which an entry has its id.
        read_page: reads an answer.
        read_entry: reads an entry of it.
        credential: what shows who asks.
    """

    source: str
    config: IndexConfig
    params: Mapping[str, str | int]
    cursor: str
    begin: str
    id_key: str
    read_page: Callable[[dict[str, object]], Page]
    read_entry: ReadEntry
    credential: Credential | None


def ask(http: PoliteClient, question: Question, window: FetchWindow) -> Iterator[Batch]:
    """Ask for the newest ``max_papers`` entries and yield them page by page, each page oldest first.

    Raises:
        SourceError: a page could not be read; what was yielded before is good.
    """
    config, source = question.config, question.source
    asked_since = window.now - config.ask_every
    seen: set[str] = set()
    cursor = question.begin
    validators: tuple[Validator, ...] = ()
    for number in range(MAX_PAGES):
        params = {**question.params, question.cursor: cursor} if cursor else question.params
        try:
            answer = http.get(
                config.url,
                source=source,
                expect=Expect.JSON,
                params=params,
                asked_since=asked_since if number == 0 else None,
                conditional=False,  # an unchanged first page says nothing of the others
                credential=question.credential,
            )
        except HttpStatusError as error:
            raise in_its_words(error, hint=_hint(source, error.status)) from error
        if answer.unchanged:
            yield Batch(unchanged=True)
            return
        if answer.validator and number == 0:
            validators = (answer.validator,)
        page = question.read_page(load_object(answer.body, source=source))
        fresh = [entry for entry in page.entries if _id(entry, question.id_key) not in seen][: config.max_papers - len(seen)]
        seen.update(_id(entry, question.id_key) for entry in fresh)
        cursor = page.following
        if len(cursor) > MAX_CURSOR:
            hint = f"check sources.{source}.url"
            raise SourceError(source, "the cursor of its next page is too long", hint=hint, transient=False)
        is_last = not fresh or not cursor or len(seen) >= config.max_papers
        batch = parse(fresh[::-1], question.read_entry)
        # Remembered with the last page only: who breaks off before has to ask for the first one again.
        yield Batch(batch.observations, batch.refused, validators if is_last else ())
        if is_last:
            return


def parse(entries: list[object], read_entry: ReadEntry) -> Batch:
    """Read entries, in their order. Pure."""
    batch = BatchBuilder()
    for entry in entries:
        found = read_entry(entry) if isinstance(entry, dict) else NO_OBJECT
        if isinstance(found, Observation):
            batch.add(found)
        else:
            batch.refuse(found)
    return batch.build()


def _hint(source: str, status: int) -> str:
    if status in {401, 403}:
        return f"the service may want a key; set sources.{source}.api_key_file"
    return f"check sources.{source}"


def _id(entry: object, key: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, str) else repr(entry)
