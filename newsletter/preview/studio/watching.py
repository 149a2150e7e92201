"""Notices that something changed that a mail is made of: a template, a catalogue, the configuration, the data."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

log = logging.getLogger(__name__)

#: Milliseconds: how often the system is asked for changes, and how long they are gathered before they are told.
_STEP, _GATHER = 10, 20
#: Seconds after which folders that came or went are noticed.
_LOOK_AROUND_EVERY = 0.5
#: Seconds between two looks at the data, while anybody watches.
_LOOK_EVERY = 0.15
#: Seconds after which somebody who watches is told that nothing happened, so that a dead connection is found.
QUIET = 15.0
#: What editors leave beside a file while they work on it. Whatever a folder is called, it was named on purpose.
_NO_LEFTOVERS = DefaultFilter(ignore_dirs=())

_Identity = tuple[int, int]


class Watch:
    """Tells those who wait that something changed.

    Args:
        folders: returns the folders to watch with all that is in them; those that do not exist may come later.
        files: returns single files to watch; likewise.
        data_version: returns something that is another after the data changed, None where that cannot be known. Called in a
            thread, one call at a time.
    """

    def __init__(
        self,
        folders: Callable[[], Sequence[Path]],
        files: Callable[[], Sequence[Path]],
        data_version: Callable[[], object],
    ) -> None:
        self._folders = folders
        self._files = files
        self._data_version = data_version
        self._changed = asyncio.Condition()
        self._waiting = 0
        self._is_over = False
        self.generation = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(self._folders, _NO_LEFTOVERS, recursive=True))
            # A file that is written anew and moved over the old one is another one: only its folder knows.
            tasks.create_task(self._watch(lambda: [path.parent for path in self._files()], self._is_watched, recursive=False))
            tasks.create_task(self._watch_data())

    async def changes(self) -> AsyncIterator[int | None]:
        """Yield the generation now and after each change, until the watch ends; None after a while without one."""
        known = -1
        self._waiting += 1
        try:
            while not self._is_over:
                try:
                    async with asyncio.timeout(QUIET), self._changed:
                        await self._changed.wait_for(partial(self._is_news, known))
                except TimeoutError:
                    yield None
                    continue
                if known != self.generation and not self._is_over:
                    known = self.generation
                    yield known
        finally:
            self._waiting -= 1

    async def end(self) -> None:
        """Let everybody go who waits."""
        self._is_over = True
        await self._tell()

    def _is_news(self, known: int) -> bool:
        return known != self.generation or self._is_over

    async def _tell(self) -> None:
        async with self._changed:
            self.generation += 1
            self._changed.notify_all()

    def _is_watched(self, _: Change, path: str) -> bool:
        # By name: what the folder is called when the system speaks of it may be another matter.
        return Path(path).name in {file.name for file in self._files()}

    async def _watch(
        self, roots: Callable[[], Sequence[Path]], wanted: Callable[[Change, str], bool], *, recursive: bool
    ) -> None:
        known = _there(roots())
        polls = False
        while True:
            try:
                await self._watch_while_there(known, roots, wanted, recursive=recursive, polls=polls)
            except FileNotFoundError:
                pass  # it went between two looks
            except (OSError, RuntimeError) as error:
                # The system has no more watches to give; looking at each file now and then needs none.
                log.warning("preview.watches_slowly error=%s", type(error).__name__)
                polls = True
                await asyncio.sleep(_LOOK_AROUND_EVERY)
            found = _there(roots())
            if found != known:
                known = found
                await self._tell()

    async def _watch_while_there(
        self,
        known: Mapping[Path, _Identity],
        roots: Callable[[], Sequence[Path]],
        wanted: Callable[[Change, str], bool],
        *,
        recursive: bool,
        polls: bool,
    ) -> None:
        if not known:
            await asyncio.sleep(_LOOK_AROUND_EVERY)
            return
        changes = awatch(
            *known,
            # What is not wanted is left out below: left out by the library, it would keep the next look around from its turn.
            watch_filter=None,
            debounce=_GATHER,
            step=_STEP,
            rust_timeout=round(_LOOK_AROUND_EVERY * 1000),
            yield_on_timeout=True,
            recursive=recursive,
            force_polling=polls or None,
        )
        async with contextlib.aclosing(changes):
            async for found in changes:
                if any(wanted(*each) for each in found):
                    await self._tell()
                if _there(roots()) != known:
                    return

    async def _watch_data(self) -> None:
        # Known before anybody looks at a page: what changes right after is told as well.
        known = await asyncio.to_thread(self._data_version)
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if not self._waiting:
                continue
            found = await asyncio.to_thread(self._data_version)
            if found is not None and found != known:
                known = found
                await self._tell()


def _there(paths: Sequence[Path]) -> dict[Path, _Identity]:
    """Return the folders that exist, and which ones they are: another one may have taken a name over."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            found[path] = status.st_dev, status.st_ino
    return found


@contextlib.asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[Watch]:
    """Have ``watch`` run as long as the context is open."""
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        await watch.end()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
