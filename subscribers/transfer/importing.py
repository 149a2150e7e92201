"""Import of many addresses: streaming, in batches of one transaction each, and safe to cut short or to repeat.

How far it has come is kept in the transaction of each batch, so the same import goes on behind the last batch that is there.
Nobody is brought back who left, bounced, complained or was erased.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from sqlalchemy.orm import Session

from subscribers.admission import LEFT
from subscribers.model import SubscriberState
from subscribers.ports import Clock, Transactions
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.transfer.bulk import Arrival, BulkStore
from subscribers.transfer.import_lines import Defaults, Refusal
from subscribers.transfer.import_position import Account, PositionStore, name_of
from subscribers.transfer.import_reader import WORTH_A_PROCESS, Batch, Job, reading

log = logging.getLogger(__name__)

#: Lines of one transaction. Addresses come in no order, so each commit writes most pages of the address index again: fewer and
#: larger ones are quicker. A batch holds SQLite's write lock for about a second, far below the time others wait for it.
BATCH = 60_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the lines of a file: every line is in exactly one of the three.

    Attributes:
        added: newsletters that people get now.
        known: lines that changed nothing.
        refused: lines not taken.
        continued_from_line: first line that this run read, where an earlier one was cut short; else 1. The numbers are those of
            both together.
    """

    added: int
    known: int
    refused: int
    continued_from_line: int = 1


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is to be done with a batch: lines that give somebody something, lines that do not, and people to be activated."""

    joining: int
    known: int = 0
    pending: Collection[int] = ()


class AddressImport:
    """Takes a file of addresses in."""

    def __init__(
        self,
        database: Transactions,
        clock: Clock,
        hasher: Hasher,
        *,
        batch: int = BATCH,
        worth_a_process: int = WORTH_A_PROCESS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._batch = batch
        self._worth_a_process = worth_a_process

    def run(
        self,
        raw: BinaryIO,
        defaults: Defaults,
        *,
        wording: str,
        source: str,
        restart: bool = False,
        on_start: Callable[[int], None] = lambda _line: None,
        on_progress: Callable[[int], None] = lambda _offset: None,
        on_refused: Callable[[Sequence[Refusal]], None] = lambda _refusals: None,
    ) -> ImportResult:
        """Import a file; see :class:`~subscribers.transfer.table_file.TableFile` for its form.

        The columns ``newsletter``, ``cadence``, ``hour``, ``zone``, ``topics``, ``categories``, ``keywords``, ``authors``,
        ``labs``, ``muted``, ``size``, ``state``, ``paused_until`` and ``field:NAME`` are understood, others left aside.

        An import of the same file with the same defaults, wording and source that was cut short goes on where it stopped.

        Args:
            raw: seekable.
            defaults: for what a line leaves out, and what a line may ask for.
            wording: what the people agreed to; kept as proof with each.
            source: name of the file, without its path; kept as proof too, with the number of the line.
            restart: begin anew, whatever an earlier run has done.
            on_start: told the number of the first line to be read.
            on_progress: told after each batch how many bytes of the file are behind us.
            on_refused: told the lines of each batch that were not taken, ascending, before the batch is committed: if we die
                in between, they come again, from ``on_start``'s line on.

        Raises:
            FileFormatError: the file cannot be read as a list of addresses at all; nothing was taken.
            ReaderError: reading was cut short; what was taken stays.
        """
        source = "".join(character if character.isprintable() else "?" for character in source)
        name = name_of(raw, defaults.newsletter, defaults.choices, wording, source)
        account = self._begin(name, restart=restart)
        first = account.at.line
        job = Job(defaults, self._hasher, account.at, self._batch, self._worth_a_process)
        with reading(raw, job) as batches:
            on_start(first)
            for batch in batches:
                with self._database.write() as session:
                    account = self._take(session, batch, account, wording=wording, source=source)
                    PositionStore(session).set(name, account, now=self._clock.now())
                    on_refused(sorted(batch.refusals, key=lambda refusal: refusal.line))
                on_progress(batch.end.offset)
                del batch  # before the next one comes: they are large
        with self._database.write() as session:
            PositionStore(session).remove(name)
        log.info("subscribers.imported added=%d known=%d refused=%d", account.added, account.known, account.refused)
        return ImportResult(account.added, account.known, account.refused, first)

    def _begin(self, name: str, *, restart: bool) -> Account:
        if restart:
            with self._database.write() as session:
                PositionStore(session).remove(name)
        with self._database.read() as session:
            return PositionStore(session).get(name)

    def _take(self, session: Session, batch: Batch, before: Account, *, wording: str, source: str) -> Account:
        """Take a batch in; lines that may not be taken join its refusals."""
        now = self._clock.now()
        with BulkStore.of(session, batch.plans) as bulk:
            decision = self._decide(session, bulk, batch, now=now)
            if decision.pending:
                bulk.activate(decision.pending, now=now)
            bulk.subscribe(now=now)
            bulk.record_consent(wording=wording, source=source, now=now)
        return Account(
            batch.end,
            added=before.added + decision.joining,
            known=before.known + decision.known,
            refused=before.refused + len(batch.refusals),
        )

    def _decide(self, session: Session, bulk: BulkStore, batch: Batch, *, now: datetime) -> _Decision:
        """Make the people who are new, and leave those lines in ``bulk`` that give somebody something."""
        suppressed = self._suppressed(session, batch)
        if not suppressed.isdisjoint(batch.hashes):
            batch.refuse_suppressed(suppressed)
        keys = list(dict.fromkeys(batch.keys))
        fresh = dict(zip(keys, bulk.reserve(len(keys)), strict=True))
        new_numbers = [fresh[key] for key in batch.keys]
        places = range(len(batch.keys))
        arrivals = list(zip(places, new_numbers, batch.lines, batch.addresses, batch.keys, batch.wishes, strict=True))
        bulk.put(arrivals)
        # Made before anybody is looked for: mostly all are new, and a row that somebody else makes at this moment is found too.
        made = bulk.add_people(now=now)
        if made == len(arrivals):
            return _Decision(made)
        there = bulk.people_there()
        if made + len(there) != len(keys):  # the row that was in the way was erased meanwhile
            raise RuntimeError("a subscriber vanished while being added; try again")
        numbers = [number for number, _ in there.values()]
        gets, left = (bulk.subscribed(numbers), bulk.withdrawn(numbers)) if numbers else (set(), set())
        joining: dict[tuple[int, str], Arrival] = {}
        pending: set[int] = set()
        known = 0
        for place, fresh_number, line, address, key, wish in arrivals:
            number, state = there.get(key, (fresh_number, SubscriberState.ACTIVE))
            gift = (number, batch.plans[wish].newsletter)
            if state in LEFT or gift in left:
                batch.refusals.append(Refusal(line, address, "they have left; only they themselves can come back"))
            elif gift in joining or (gift in gets and state is not SubscriberState.PENDING):
                known += 1
            else:
                joining[gift] = (place, number, line, address, key, wish)
                if state is SubscriberState.PENDING:
                    pending.add(number)
        bulk.put(list(joining.values()))
        return _Decision(len(joining), known, pending)

    def _suppressed(self, session: Session, batch: Batch) -> set[str]:
        # Asked in the transaction of the batch: somebody may be suppressed while the file is being read.
        store = SuppressionStore(session, self._hasher)
        all_of_them = store.hashes(limit=len(batch.hashes) + 1)
        # Handing a batch's hashes to the database costs more than taking a shorter list of suppressions out of it.
        return all_of_them if len(all_of_them) <= len(batch.hashes) else store.contains_hashes(batch.hashes)
