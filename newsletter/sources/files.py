"""Files to take in: which kind they are is told by what is in them.

- a recorded answer of the Hugging Face Daily Papers API (a JSON list of entries with ``paper``);
- a recorded answer of the arXiv API, arXiv's announcement feed, or any other Atom or RSS feed;
- records: JSON Lines with one object per line, or a JSON list of such objects (see :func:`_add_record`);
- the text of a Daily Papers page (``text_page.py``).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from newsletter.papers.clean import clean_count, parse_instant
from newsletter.papers.identity import parse_arxiv_id
from newsletter.papers.model import Observation, PaperRecord, Signal
from newsletter.sources import feeds, hf_daily_papers, text_page
from newsletter.sources.base import Batch, BatchBuilder, SourceError
from newsletter.sources.feed import parse_xml, read_feed

RECORDS = "records"
MAX_BYTES = 200_000_000

NOT_JSON = "line that is not JSON"
NO_OBJECT = "entry that is not an object"
NO_INSTANT = "signal without an instant"
OAI_RECORD = "OAI-PMH record"


@dataclass(frozen=True, slots=True)
class FilePart:
    """Records of one file that belong to one source, in the file's order."""

    source: str
    batch: Batch


def read_file(path: Path, *, observed_at: datetime) -> list[FilePart]:
    """Read a file.

    Args:
        path: of any of the kinds above.
        observed_at: when what it says was so, aware UTC: the time of its votes, and the day that a page's date without a
            year is not after.

    Raises:
        SourceError: it cannot be read, or is none of the kinds above.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refusal(path, f"over {MAX_BYTES:,} bytes", "split it")
        body = path.read_bytes()
    except OSError as error:
        raise _refusal(path, f"cannot be read ({error.strerror or error})", "check the path and its rights") from error
    return read_body(body, name=path.name, observed_at=observed_at)


def read_body(body: bytes, *, name: str, observed_at: datetime) -> list[FilePart]:
    """Read what a file holds; see :func:`read_file`. Pure."""
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise SourceError(name, "is empty", hint="record the answer again", transient=False)
    if text.startswith((b"<!doctype html", b"<!DOCTYPE html", b"<html")):
        hint = "save the API's answer, or the page's text"
        raise SourceError(name, "is a web page", hint=hint, transient=False)
    if text.startswith(b"<"):
        return [_read_xml(text, name, observed_at)]
    if text.startswith(b"["):
        return _read_list(text, name, observed_at)
    if text.startswith(b"{"):
        return _read_lines(text, name, observed_at)
    try:
        page = text.decode()
    except UnicodeDecodeError as error:
        raise SourceError(name, "is not UTF-8 text", hint="convert it to UTF-8", transient=False) from error
    batch = text_page.parse(page, observed_on=observed_at.date())
    if not text_page.is_plausible(page, batch):
        hint = "known are Hugging Face and arXiv answers, Atom, RSS, JSON Lines and the text of a Daily Papers page"
        raise SourceError(name, "is of no known kind", hint=hint, transient=False)
    return [FilePart(text_page.NAME, batch)]


def _read_xml(body: bytes, name: str, observed_at: datetime) -> FilePart:
    root = parse_xml(body, source=name)
    if root.tag.rpartition("}")[2] == "OAI-PMH":
        batch = BatchBuilder()
        batch.refuse(OAI_RECORD, sum(1 for element in root.iter() if element.tag.rpartition("}")[2] == "record"))
        return FilePart(feeds.FEED, batch.build())
    feed = read_feed(root, source=name)
    return FilePart(feeds.maker_of(feed), feeds.parse(feed, now=observed_at, is_trusted=True))


def _read_list(body: bytes, name: str, observed_at: datetime) -> list[FilePart]:
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError) as error:
        hint = "record the answer again"
        raise SourceError(name, "is not JSON, or only a part of it", hint=hint, transient=False) from error
    return _read_entries(entries, observed_at)


def _read_lines(body: bytes, name: str, observed_at: datetime) -> list[FilePart]:
    """Read JSON Lines, or one JSON object over several lines."""
    try:
        entries = [json.loads(body)]
    except (ValueError, RecursionError):
        entries = []
    if entries and isinstance(entries[0].get("error"), str):
        hint = "record the answer again"
        raise SourceError(name, f"is an error answer: {entries[0]['error'][:200]}", hint=hint, transient=False)
    broken = 0
    for line in () if entries else filter(None, map(bytes.strip, body.splitlines())):
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            broken += 1
    if not entries:
        hint = "JSON Lines have one object on each line"
        raise SourceError(name, "holds no line that is JSON", hint=hint, transient=False)
    parts = _read_entries(entries, observed_at)
    return [FilePart(parts[0].source, Batch(refused={NOT_JSON: broken})), *parts] if broken else parts


def _read_entries(entries: list[object], observed_at: datetime) -> list[FilePart]:
    """Read entries of Hugging Face's API, or record objects."""
    if any(isinstance(entry, dict) and isinstance(entry.get("paper"), dict) for entry in entries):
        return [FilePart(hf_daily_papers.NAME, hf_daily_papers.parse(entries, observed_at=observed_at))]
    parts = []
    for source, group in groupby(entries, key=_source_of):
        batch = BatchBuilder()
        for entry in group:
            if isinstance(entry, dict):
                _add_record(batch, entry, source)
            else:
                batch.refuse(NO_OBJECT)
        parts.append(FilePart(source, batch.build()))
    return parts


def _add_record(batch: BatchBuilder, entry: dict[str, object], source: str) -> None:
    """Take in one record object.

    Its keys are the fields of :class:`newsletter.papers.model.PaperRecord`, all optional as long as ``arxiv_id``, ``doi`` or
    ``title`` is there: texts are strings, ``authors``, ``categories`` and ``keywords`` lists of strings, ``author_count`` and
    ``version`` numbers, the ``_at`` fields ISO 8601 (no zone means UTC); ``arxiv_id`` and ``doi`` may have any usual form.
    Further: ``source``, the name it is filed under (default "records"), and ``signals``, a list of objects with ``observed_at``
    and any of ``votes``, ``comments`` and ``stars``. Other keys are ignored.
    """

    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    def texts(key: str) -> tuple[str, ...]:
        value = entry.get(key)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

    number = parse_arxiv_id(text("arxiv_id"))
    record = PaperRecord(
        title=text("title"),
        abstract=text("abstract"),
        arxiv_id=number.id if number else None,
        version=clean_count(entry.get("version")) or (number.version if number else None),
        doi=text("doi") or None,
        authors=texts("authors"),
        author_count=clean_count(entry.get("author_count")),
        summary=text("summary"),
        categories=texts("categories"),
        keywords=texts("keywords"),
        organization=text("organization"),
        published_at=parse_instant(entry.get("published_at")),
        listed_at=parse_instant(entry.get("listed_at")),
        code_url=text("code_url"),
        project_url=text("project_url"),
        discussion_url=text("discussion_url"),
        thumbnail_url=text("thumbnail_url"),
        withdrawn_at=parse_instant(entry.get("withdrawn_at")),
    )
    signals = []
    listed = entry.get("signals")
    for measured in listed if isinstance(listed, list) else []:
        observed_at = parse_instant(measured.get("observed_at")) if isinstance(measured, dict) else None
        if observed_at is None:
            batch.refuse(NO_INSTANT)
        else:
            votes, comments, stars = (clean_count(measured.get(key)) for key in ("votes", "comments", "stars"))
            signals.append(Signal(source, observed_at, votes, comments, stars))
    batch.add(Observation(record, history=tuple(signals)))


def _source_of(entry: object) -> str:
    name = entry.get("source") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) else RECORDS


def _refusal(path: Path, problem: str, hint: str) -> SourceError:
    return SourceError(path.name, problem, hint=hint, transient=False)
