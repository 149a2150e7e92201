"""Reads and understands the lines of an imported file in batches, in a process of its own where that pays.

Understanding a million lines takes Python about as long as storing them takes the database, so both happen at once. Threads
would not do: the database driver gives up the interpreter for every row and would wait for it again each time.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, compress, islice, repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from subscribers.errors import SubscribersError
from subscribers.suppression import Hasher
from subscribers.transfer.import_lines import Defaults, LineParser, Plan, Refusal
from subscribers.transfer.table_file import START, Line, Position, TableFile

log = logging.getLogger(__name__)

#: Bytes still to be read from which on starting a process is quicker than doing without.
WORTH_A_PROCESS = 4_000_000


class ReaderError(SubscribersError):
    """The process that reads the file ended before the file did."""

    def __init__(self) -> None:
        super().__init__("reading was cut short, perhaps for want of memory; import the file again: it goes on there")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be read, and how.

    Attributes:
        defaults: for what a line leaves out, and what it may ask for.
        hasher: makes the hashes that suppressed addresses are known by.
        start: where to begin.
        batch: lines at a time.
        worth_a_process: bytes still to be read from which on a process of its own reads them.
    """

    defaults: Defaults
    hasher: Hasher
    start: Position
    batch: int
    worth_a_process: int = WORTH_A_PROCESS


_COLUMNS = ("lines", "addresses", "keys", "hashes", "wishes")


@dataclass(slots=True)
class Batch:
    """Lines that may be taken, column by column: millions of small objects would keep the garbage collector busy.

    The columns are in the order of the keys, which is that of the address index: its pages are then written one after the
    other. Equal keys are in that of the file.

    Attributes:
        lines: number of each line.
        addresses: as shown.
        keys: address keys.
        hashes: keyed hashes of the keys.
        wishes: place in ``plans`` of what each line asks for.
        plans: what is asked for, each once.
        refusals: lines that cannot be taken.
        end: where the next batch begins.
    """

    lines: list[int] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    wishes: list[int] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    end: Position = START

    def sort(self) -> None:
        """Put the lines into the order of their keys."""
        order = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        for name in _COLUMNS:
            setattr(self, name, list(map(getattr(self, name).__getitem__, order)))

    def refuse_suppressed(self, suppressed: Collection[str]) -> None:
        """Turn lines whose hash is among ``suppressed`` into refusals."""
        may_come = [digest not in suppressed for digest in self.hashes]
        for line, address, may in zip(self.lines, self.addresses, may_come, strict=True):
            if not may:
                self.refusals.append(Refusal(line, address, "the address is suppressed"))
        for name in _COLUMNS:
            setattr(self, name, list(compress(getattr(self, name), may_come)))


@contextmanager
def reading(raw: BinaryIO, job: Job) -> Iterator[Iterator[Batch]]:
    """Hand out the batches of a file, read ahead by another process if it is a long one on disk.

    Raises:
        FileFormatError: the file cannot be read as a list of addresses at all.
        ReaderError: while iterating: the other process died.
    """
    TableFile(raw)  # whatever is wrong with the file as a whole is said here, not over there
    path = getattr(raw, "name", None)
    if not isinstance(path, str | os.PathLike) or raw.seek(0, os.SEEK_END) - job.start.offset < job.worth_a_process:
        yield _batches(raw, job)
        return
    # Not a fork: it would share locks and database connections with this process.
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(os.fspath(path), job, theirs), name="import-reader", daemon=True)
    try:
        process.start()
    except OSError as error:  # no more processes, or no memory for one
        log.warning("import.reads_alone errno=%s", error.errno)
        ours.close()
        theirs.close()
        yield _batches(raw, job)
        return
    theirs.close()
    try:
        yield _received(ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


def _serve(path: str, job: Job, pipe: Connection) -> None:
    """Send the batches of a file and a None; at most one waits to be taken."""
    gc.disable()  # nothing here makes cycles, and looking for them among so many objects takes long
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; whoever started this process ends it
    with suppress(BrokenPipeError), Path(path).open("rb") as raw:
        # A small batch first, so that the database need not wait long for something to do.
        for batch in _batches(raw, job, first=max(1, job.batch // 10)):
            pipe.send(batch)
            del batch  # before the next one is made: they are large
        pipe.send(None)


def _received(pipe: Connection) -> Iterator[Batch]:
    try:
        while (batch := pipe.recv()) is not None:
            yield batch
            del batch
    except (EOFError, OSError) as error:  # it ended between two batches, or within one
        raise ReaderError from error


def _batches(raw: BinaryIO, job: Job, *, first: int | None = None) -> Iterator[Batch]:
    file = TableFile(raw, job.start)
    parser = LineParser(file.columns, job.defaults)
    lines = iter(file)
    for size in chain([first or job.batch], repeat(job.batch)):
        batch = _batch(islice(lines, size), parser, job.hasher)
        batch.end = file.position
        if not batch.keys and not batch.refusals:
            return
        yield batch
        del batch


def _batch(lines: Iterator[Line], parser: LineParser, hasher: Hasher) -> Batch:
    batch = Batch()
    places: dict[int, int] = {}
    for line in lines:
        taken = parser.parse(line)
        if isinstance(taken, Refusal):
            batch.refusals.append(taken)
            continue
        address, plan = taken
        # By identity: the parser gives one object for equal wishes, and hashing a plan costs more than a database row.
        place = places.get(id(plan))
        if place is None:
            place = places[id(plan)] = len(batch.plans)
            batch.plans.append(plan)
        key, shown = address.key, address.value
        batch.lines.append(line.number)
        batch.keys.append(key)
        batch.addresses.append(key if key == shown else shown)  # one object, which goes through the pipe once
        batch.wishes.append(place)
        batch.hashes.append(hasher(key))
    batch.sort()
    return batch
