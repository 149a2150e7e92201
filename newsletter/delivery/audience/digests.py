"""Choosing what many readers get, with what was learned of their taste, and storing it as digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.audience.history import MOST_AT_ONCE
from newsletter.delivery.rows import insert_missing
from newsletter.digest.model import DigestId, IssueId
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Choice, Wish, choose_all
from newsletter.digest.tables import DigestRow
from newsletter.taste.store import TasteStore

#: What a reader gets: papers, and positions of the issue's corrections.
Content: TypeAlias = tuple[Choice, tuple[int, ...]]

#: Models in memory at a time: 4 kB each.
MODELS_AT_ONCE = 4_000


def choose_for(session: Session, pool: Pool, wishes: Sequence[Wish], readers: Sequence[int], *, late: int) -> list[Choice]:
    """Choose the papers of many readers, as :func:`~newsletter.digest.selection.choose_all` does, by their models too.

    Args:
        session: reads the models.
        pool: of the issue.
        wishes: without taste.
        readers: for each wish the number of the reader whose model counts, if there is one; 0 for no model.
        late: late bloomers at most.
    """
    chosen: dict[int, Choice] = {}
    others = [place for place, reader in enumerate(readers) if not reader]
    chosen |= zip(others, choose_all(pool, [wishes[place] for place in others], late=late), strict=True)
    having = sorted((place for place, reader in enumerate(readers) if reader), key=readers.__getitem__)
    for start in range(0, len(having), MODELS_AT_ONCE):
        places = having[start : start + MODELS_AT_ONCE]
        numbers, models = TasteStore(session).weights({readers[place] for place in places})
        rows = {number: row for row, number in enumerate(numbers.tolist())}
        theirs = [replace(wishes[place], taste=rows.get(readers[place])) for place in places]
        chosen |= zip(places, choose_all(pool, theirs, models, late=late), strict=True)
    return [chosen[place] for place in range(len(wishes))]


def store_digests(session: Session, issue_id: IssueId, contents: Collection[Content]) -> dict[Content, DigestId]:
    """Store distinct contents with papers in them, unless they are there; return the digest of each."""
    values = {content: _values(content) for content in set(contents)}
    insert_missing(session, DigestRow, [{"issue_id": issue_id, **each} for each in values.values()])
    ids: dict[str, DigestId] = {}
    wanted = [str(each["key"]) for each in values.values()]
    for start in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[start : start + MOST_AT_ONCE]
        stored = select(DigestRow.key, DigestRow.id).where(DigestRow.issue_id == issue_id, DigestRow.key.in_(some))
        ids |= {key: DigestId(digest_id) for key, digest_id in session.execute(stored)}
    return {content: ids[str(each["key"])] for content, each in values.items()}


def _values(content: Content) -> dict[str, object]:
    choice, corrections = content
    entries = [[entry.paper_seq, entry.match] for entry in choice]
    # Without corrections the key is what it was before there were any: an issue that was begun then goes on.
    said = json.dumps([entries, corrections] if corrections else entries)
    return {"key": hashlib.sha256(said.encode()).hexdigest(), "entries": entries, "corrections": list(corrections)}
