"""Import of many addresses: streaming, in batches of one transaction each, and safe to repeat.

A crash loses at most the batch at hand; running the same file again finds what is there and adds the rest. Nobody is brought
back who left, bounced, complained or was erased.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from sqlalchemy.orm import Session

from subscribers.admission import LEFT
from subscribers.bulk import BulkStore
from subscribers.import_lines import Defaults, LineParser, Plan, Refusal
from subscribers.model import ConsentMethod, SubscriberState
from subscribers.ports import Clock, Transactions
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.table_file import TableFile

log = logging.getLogger(__name__)

#: Lines of one transaction. Addresses come in no order, so each commit writes most pages of the address index again: fewer and
#: larger ones are quicker. A batch holds SQLite's write lock for less than a second, far below the time others wait for it.
BATCH = 50_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the lines of a file: every line is in exactly one of the three."""

    added: int
    known: int
    refused: int


@dataclass(slots=True)
class _Batch:
    """Lines that may be taken, column by column: millions of small objects would keep the garbage collector busy."""

    numbers: list[int] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    position: int = 0

    def refuse(self, place: int, reason: str) -> None:
        """Turn a line that might have been taken into one that was not."""
        self.refusals.append(Refusal(self.numbers[place], self.addresses[place], reason))


@dataclass(slots=True)
class _Changes:
    """What a batch changes: places of its lines by newsletter and address key, and who is there already."""

    joining: dict[str, dict[str, int]] = field(default_factory=dict)
    there: Collection[str] = ()
    pending: set[int] = field(default_factory=set)
    known: int = 0


class AddressImport:
    """Takes a file of addresses in."""

    def __init__(self, database: Transactions, clock: Clock, hasher: Hasher, *, batch: int = BATCH) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._batch = batch

    def run(
        self,
        raw: BinaryIO,
        defaults: Defaults,
        *,
        wording: str,
        source: str,
        on_progress: Callable[[int], None] = lambda _position: None,
        on_refused: Callable[[Refusal], None] = lambda _refusal: None,
    ) -> ImportResult:
        """Import a file; see :class:`~subscribers.table_file.TableFile` for its form.

        The columns ``newsletter``, ``cadence``, ``hour``, ``zone``, ``topics``, ``categories``, ``keywords``, ``authors``,
        ``labs``, ``muted``, ``size``, ``state`` and ``paused_until`` are understood, others left aside.

        Args:
            raw: seekable, at its start.
            defaults: for what a line leaves out, and what a line may ask for.
            wording: what the people agreed to; kept as proof with each.
            source: name of the file, without its path; kept as proof too.
            on_progress: told after each batch how many bytes of the file are behind us.
            on_refused: told every line that was not taken, with the reason, ascending line number.

        Raises:
            FileFormatError: the file cannot be read as a list of addresses at all; nothing was taken.
        """
        proof = (wording, "".join(character if character.isprintable() else "?" for character in source))
        added = known = refused = 0
        with TableFile(raw) as file, ThreadPoolExecutor(1, "import") as reader:
            batches = self._batches(file, LineParser(file.columns, defaults))
            coming = reader.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                with self._database.write() as session:
                    changes = self._decide(session, batch)
                    # The next batch is parsed while the database writes this one, which needs no Python: so both run at once.
                    coming = reader.submit(next, batches, None)
                    self._store(session, batch, changes, proof)
                added += sum(map(len, changes.joining.values()))
                known += changes.known
                refused += len(batch.refusals)
                for refusal in sorted(batch.refusals, key=lambda refusal: refusal.line):
                    on_refused(refusal)
                on_progress(batch.position)
        log.info("subscribers.imported added=%d known=%d refused=%d", added, known, refused)
        return ImportResult(added, known, refused)

    def _batches(self, file: TableFile, parser: LineParser) -> Iterator[_Batch]:
        lines = iter(file)
        while True:
            batch = _Batch()
            for line in islice(lines, self._batch):
                taken = parser.parse(line)
                if isinstance(taken, Refusal):
                    batch.refusals.append(taken)
                    continue
                address, plan = taken
                batch.numbers.append(line.number)
                batch.addresses.append(address.value)
                batch.keys.append(address.key)
                batch.hashes.append(self._hasher(address.key))
                batch.plans.append(plan)
            batch.position = file.position
            if not batch.keys and not batch.refusals:
                return
            yield batch

    def _decide(self, session: Session, batch: _Batch) -> _Changes:
        """Look up who is there, and sort the lines; those that may not be taken join the batch's refusals."""
        bulk = BulkStore(session)
        suppressed = SuppressionStore(session, self._hasher).contains_hashes(batch.hashes)
        there = bulk.people(batch.keys)
        numbers = [number for number, _ in there.values()]
        gets, left = (bulk.subscribed(numbers), bulk.withdrawn(numbers)) if numbers else (set(), set())
        changes = _Changes(there=there.keys())
        # In the order of the address index, whose pages are then written one after the other; equal keys in that of the file.
        for place in sorted(range(len(batch.keys)), key=batch.keys.__getitem__):
            key, slug = batch.keys[place], batch.plans[place].newsletter
            joining = changes.joining.setdefault(slug, {})
            if batch.hashes[place] in suppressed:
                batch.refuse(place, "the address is suppressed")
                continue
            if key in there:
                number, state = there[key]
                if state in LEFT or (number, slug) in left:
                    batch.refuse(place, "they have left; only they themselves can come back")
                    continue
                if state is SubscriberState.PENDING:
                    changes.pending.add(number)
                elif (number, slug) in gets:
                    changes.known += 1
                    continue
            if key in joining:
                changes.known += 1
            else:
                joining[key] = place
        return changes

    def _store(self, session: Session, batch: _Batch, changes: _Changes, proof: tuple[str, str]) -> None:
        now, bulk, (wording, detail) = self._clock.now(), BulkStore(session), proof
        new: dict[SubscriberState, dict[str, str]] = {}
        for places in changes.joining.values():
            for key, place in places.items():
                if key not in changes.there:
                    new.setdefault(batch.plans[place].state, {}).setdefault(key, batch.addresses[place])
        for state, addresses in new.items():
            bulk.add_people([(address, key) for key, address in addresses.items()], state, now=now)
        if changes.pending:
            bulk.activate(changes.pending, now=now)
        for slug, places in changes.joining.items():
            if places:
                self._join(bulk, slug, _by_plan(batch.plans, places), now=now)
                bulk.record_consent(slug, places, method=ConsentMethod.IMPORT, wording=wording, detail=detail, now=now)

    def _join(self, bulk: BulkStore, slug: str, groups: Sequence[tuple[Plan, list[str]]], *, now: datetime) -> None:
        bulk.subscribe(slug, [(plan.choices, keys) for plan, keys in groups], now=now)
        for plan, keys in groups:
            if plan.paused_until is not None:
                bulk.pause(slug, keys, plan.paused_until, now=now)


def _by_plan(plans: Sequence[Plan], places: Mapping[str, int]) -> list[tuple[Plan, list[str]]]:
    groups: dict[int, tuple[Plan, list[str]]] = {}
    for key, place in places.items():
        plan = plans[place]
        # By identity: the parser gives one object for equal wishes, and hashing a plan costs more than a database row.
        groups.setdefault(id(plan), (plan, []))[1].append(key)
    return list(groups.values())
