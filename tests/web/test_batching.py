from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.web.batching import Batcher, BusyError


class Gate:
    """Work that doubles numbers, in batches it remembers; it starts each when it is let, and refuses negative numbers."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self._started = threading.Semaphore(0)
        self._open = threading.Event()
        if is_open:
            self._open.set()

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        self.threads.add(threading.current_thread().name)
        self._started.release()
        assert self._open.wait(10)
        if min(batch) < 0:
            raise ValueError("negative")
        return [2 * number for number in batch]

    async def has_started(self) -> None:
        assert await asyncio.to_thread(self._started.acquire, timeout=10)

    def let(self) -> None:
        self._open.set()


async def submitted(batcher: Batcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(batcher.submit(number)) for number in numbers]
    await asyncio.sleep(0)  # each runs up to where it waits
    return tasks


def test_what_comes_in_while_a_batch_is_worked_on_shares_the_next() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        async with Batcher(gate, name="sample") as batcher:
            first = await submitted(batcher, 1)
            await gate.has_started()
            others = await submitted(batcher, 2, 3, 4)
            gate.let()
            assert await asyncio.gather(*first, *others) == [2, 4, 6, 8]
        assert gate.batches == [[1], [2, 3, 4]]
        assert gate.threads == {"sample_0"}

    asyncio.run(run())


def test_no_batch_is_larger_than_said() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        async with Batcher(gate, name="sample", most=2) as batcher:
            tasks = await submitted(batcher, 0, 1, 2, 3, 4, 5)
            gate.let()
            assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8, 10]
        assert max(len(batch) for batch in gate.batches) == 2

    asyncio.run(run())


def test_a_failure_reaches_its_own_batch_and_no_other() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        async with Batcher(gate, name="sample") as batcher:
            first = await submitted(batcher, 1)
            await gate.has_started()
            failing = await submitted(batcher, 2, -3)
            gate.let()
            assert await asyncio.gather(*first) == [2]
            outcomes = await asyncio.gather(*failing, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
            assert await batcher.submit(4) == 8

    asyncio.run(run())


def test_results_that_do_not_fit_are_a_failure() -> None:
    async def run() -> None:
        empty: list[int] = []
        async with Batcher[int, int](lambda _batch: empty, name="sample") as batcher:
            with pytest.raises(RuntimeError, match="0 results for 1 items"):
                await batcher.submit(1)

    asyncio.run(run())


def test_a_caller_that_goes_away_disturbs_nobody_and_its_item_is_worked_on() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        async with Batcher(gate, name="sample") as batcher:
            first = await submitted(batcher, 1)
            await gate.has_started()
            waiting = await submitted(batcher, 2, 3)
            for task in (*first, waiting[0]):
                task.cancel()
            gate.let()
            assert await waiting[1] == 6
        assert gate.batches == [[1], [2, 3]]

    asyncio.run(run())


def test_more_than_there_is_room_for_is_refused_at_once() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        async with Batcher(gate, name="sample", room=2) as batcher:
            first = await submitted(batcher, 1)
            await gate.has_started()
            waiting = await submitted(batcher, 2, 3)
            with pytest.raises(BusyError, match="try again"):
                await batcher.submit(4)
            gate.let()
            assert await asyncio.gather(*first, *waiting) == [2, 4, 6]
            assert await batcher.submit(4) == 8
        assert sorted(chain(*gate.batches)) == [1, 2, 3, 4]

    asyncio.run(run())


def test_closing_finishes_what_was_taken_in_and_takes_nothing_more() -> None:
    async def run() -> None:
        gate = Gate(is_open=False)
        batcher = Batcher(gate, name="sample", most=1)
        tasks = await submitted(batcher, 1, 2, 3)
        gate.let()
        await batcher.close()
        assert await asyncio.gather(*tasks) == [2, 4, 6]
        with pytest.raises(RuntimeError):
            await batcher.submit(4)

    asyncio.run(run())


def test_a_loop_that_ends_with_its_callers_waiting_harms_no_other() -> None:
    gate = Gate(is_open=False)
    batcher = Batcher(gate, name="sample")

    async def leave() -> None:
        await submitted(batcher, 1)
        await gate.has_started()

    async def stay() -> int:
        task = asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0)
        gate.let()
        return await task

    asyncio.run(leave())
    assert asyncio.run(stay()) == 4
    asyncio.run(batcher.close())


@settings(max_examples=20, deadline=None)
@given(
    loops=st.lists(st.lists(st.integers(-3, 100), max_size=40), min_size=1, max_size=4),
    most=st.integers(1, 10),
)
def test_everybody_on_every_loop_gets_their_own_result_once(loops: list[list[int]], most: int) -> None:
    gate = Gate()
    batcher = Batcher(gate, name="sample", most=most)

    async def ask(numbers: list[int]) -> list[int | BaseException]:
        return await asyncio.gather(*(batcher.submit(number) for number in numbers), return_exceptions=True)

    def answer(place: int) -> None:
        answers[place] = asyncio.run(ask(loops[place]))

    answers: dict[int, list[int | BaseException]] = {}
    threads = [threading.Thread(target=answer, args=(place,)) for place in range(len(loops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    asyncio.run(batcher.close())
    assert sorted(chain(*gate.batches)) == sorted(chain(*loops))
    for place, numbers in enumerate(loops):
        for number, got in zip(numbers, answers[place], strict=True):
            assert got == 2 * number or (isinstance(got, ValueError) and any(min(b) < 0 and number in b for b in gate.batches))
