"""Many histories on all processors."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from newsletter.simulation.ground import Ground
from newsletter.simulation.history import Verdict, play

#: Histories between two reports of a processor.
CHUNK = 50
#: Chunks that one process plays before another takes its place.
CHUNKS_OF_ONE = 30


@dataclass(frozen=True, slots=True)
class Summary:
    """What many histories came to: how many, what happened in them, and the verdicts of those that broke a promise."""

    histories: int = 0
    deliveries: int = 0
    copies: int = 0
    kills: int = 0
    broken: tuple[Verdict, ...] = ()

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.histories + other.histories,
            self.deliveries + other.deliveries,
            self.copies + other.copies,
            self.kills + other.kills,
            self.broken + other.broken,
        )


def play_many(
    first: int, count: int, *, processes: int, on_progress: Callable[[Summary], object] = lambda _done: None
) -> Summary:
    """Play the histories of ``count`` seeds from ``first`` on, on ``processes`` processors.

    Args:
        first: seed.
        count: how many.
        processes: 1 plays them in this process.
        on_progress: told of all so far, every few histories.
    """
    chunks = [(start, min(CHUNK, first + count - start)) for start in range(first, first + count, CHUNK)]
    done = Summary()
    for summary in _in_turn(chunks) if processes == 1 else _together(chunks, processes):
        done += summary
        on_progress(done)
    return done


def _in_turn(chunks: list[tuple[int, int]]) -> Iterator[Summary]:
    return map(_play_chunk, chunks)


def _together(chunks: list[tuple[int, int]], processes: int) -> Iterator[Summary]:
    # Not forked: a copy of a process with threads may hang. Not kept for long: something still holds a part of what histories
    # leave behind, and looking for garbage among ever more of it would take ever longer. A pool could see to that by itself,
    # but with max_tasks_per_child some versions of Python hang.
    context = multiprocessing.get_context("spawn")
    turn = CHUNKS_OF_ONE * processes
    for start in range(0, len(chunks), turn):
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            yield from pool.map(_play_chunk, chunks[start : start + turn])


@lru_cache(maxsize=1)
def _ground() -> Ground:
    """A processor's ground, made with its first history."""
    ground = Ground()
    # All of the program is loaded by now, and stays: no need to look through it after each chunk.
    gc.collect()
    gc.freeze()
    return ground


def _play_chunk(chunk: tuple[int, int]) -> Summary:
    first, count = chunk
    ground = _ground()
    # Histories leave whole object graphs behind; looking for them all the time costs more than doing so between chunks.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        verdicts = [play(seed, ground) for seed in range(first, first + count)]
    finally:
        if was_enabled:
            gc.enable()
        gc.collect()
    return Summary(
        count,
        sum(verdict.deliveries for verdict in verdicts),
        sum(verdict.copies for verdict in verdicts),
        sum(verdict.kills for verdict in verdicts),
        tuple(verdict for verdict in verdicts if verdict.broken),
    )
