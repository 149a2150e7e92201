"""Export of everybody: CSV that the import takes back, or JSON Lines; streaming, by key, erased people left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TextIO

from subscribers.dialect import keys_of
from subscribers.fields import fields_to_text
from subscribers.holdings import subscription_to_json
from subscribers.interests import join_words
from subscribers.model import Subscriber, SubscriberState, Subscription
from subscribers.ports import Transactions
from subscribers.store import SubscriberStore
from subscribers.tables import SubscriptionRow
from subscribers.transfer.cells import guard
from subscribers.transfer.import_lines import FIELD

COLUMNS = (
    "address",
    "state",
    "newsletter",
    "cadence",
    "hour",
    "zone",
    "categories",
    "keywords",
    "authors",
    "labs",
    "muted",
    "size",
    "paused_until",
    "created_at",
)
PAGE = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an export: a person with one of their newsletters, or with none."""

    subscriber: Subscriber
    subscription: Subscription | None


def entries(
    database: Transactions, *, newsletter: str | None = None, state: SubscriberState | None = None, page: int = PAGE
) -> Iterator[Entry]:
    """Yield everybody, ascending subscriber id and newsletter; each page in a read of its own.

    Args:
        database: to read from.
        newsletter: only its subscribers, and only their choices for it.
        state: only those who stand there.
        page: people read at a time.
    """
    after = 0
    while True:
        with database.read() as session:
            store = SubscriberStore(session)
            people = store.list(state=state, newsletter=newsletter, after=after, limit=page)
            chosen = store.subscriptions([person.id for person in people])
        if not people:
            return
        after = people[-1].id
        by_person = {number: list(found) for number, found in groupby(chosen, lambda found: found.subscriber_id)}
        for person in people:
            if person.state is SubscriberState.ERASED:
                continue
            gets = [found for found in by_person.get(person.id, []) if newsletter in (None, found.newsletter)]
            if not gets:
                yield Entry(person, None)
            yield from (Entry(person, subscription) for subscription in gets)


def stored_fields(database: Transactions, *, newsletter: str | None = None) -> tuple[str, ...]:
    """Return the names of the operator's own fields that anybody filled in, sorted; also those that are configured no more."""
    with database.read() as session:
        names = keys_of(session, SubscriptionRow.fields)
        if newsletter is not None:
            names = names.where(SubscriptionRow.newsletter == newsletter)
        return tuple(sorted(session.scalars(names)))


def write_csv(rows: Iterable[Entry], file: TextIO, *, fields: Sequence[str] = ()) -> int:
    """Write ``rows`` as CSV with a header row, every cell quoted and guarded against spreadsheet formulas; return their number.

    Args:
        rows: what to write.
        file: opened with ``newline=""``.
        fields: names of the operator's own fields; each gets a column ``field:NAME`` behind the others.
    """
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *(f"{FIELD}{name}" for name in fields)])
    count = 0
    for entry in rows:
        count += 1
        own = fields_to_text(entry.subscription.fields) if entry.subscription else {}
        writer.writerow([guard(cell) for cell in [*_cells(entry), *(own.get(name, "") for name in fields)]])
    return count


def write_json_lines(rows: Iterable[Entry], file: TextIO) -> int:
    """Write ``rows`` as one JSON object a line; return their number."""
    count = 0
    for entry in rows:
        count += 1
        file.write(json.dumps(to_json(entry), ensure_ascii=False) + "\n")
    return count


def write_json(rows: Iterable[Entry], file: TextIO) -> int:
    """Write ``rows`` as one JSON array, an object a line; return their number."""
    count = 0
    for entry in rows:
        file.write("[\n" if count == 0 else ",\n")
        file.write(json.dumps(to_json(entry), ensure_ascii=False))
        count += 1
    file.write("\n]\n" if count else "[]\n")
    return count


def to_json(entry: Entry) -> dict[str, object]:
    """Return an entry as JSON takes it: the person, and the choices where there are some; instants as ISO 8601 with zone."""
    person = entry.subscriber
    return {
        "address": person.address,
        "state": person.state,
        "created_at": person.created_at.isoformat(),
        **(subscription_to_json(entry.subscription) if entry.subscription else {}),
    }


def _cells(entry: Entry) -> list[str]:
    person, chosen = entry.subscriber, entry.subscription
    if chosen is None:
        return [person.address, person.state, *[""] * (len(COLUMNS) - 3), person.created_at.isoformat()]
    likes = chosen.interests
    words = [join_words(kind) for kind in (likes.categories, likes.keywords, likes.authors, likes.labs, likes.muted)]
    until = chosen.paused_until.isoformat() if chosen.paused_until else ""
    size = "" if chosen.size is None else str(chosen.size)
    choices = [chosen.newsletter, chosen.cadence, str(chosen.local_hour), chosen.zone, *words, size]
    return [person.address, person.state, *choices, until, person.created_at.isoformat()]
