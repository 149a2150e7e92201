from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path

import pytest

from newsletter.preview.studio.watching import Watch, watching

#: Seconds; far more than it takes.
LONG = 20


class Heard:
    """Somebody who watches."""

    def __init__(self, watch: Watch) -> None:
        self._changes: AsyncIterator[int | None] = watch.changes()
        self.generation = -1

    async def next(self) -> int:
        """Wait for the next change, and return its generation."""
        async with asyncio.timeout(LONG):
            found = await anext(self._changes)
        assert found is not None
        self.generation = found
        return found


def watched(
    folder: Path, look: Callable[[Watch, Heard], Awaitable[None]], data: Callable[[], object] = lambda: 0
) -> Coroutine[None, None, None]:
    """Watch ``folder/templates`` and ``folder/config.toml`` while ``look`` lasts."""

    async def body() -> None:
        watch = Watch(lambda: [folder / "templates"], lambda: [folder / "config.toml"], data)
        async with watching(watch):
            heard = Heard(watch)
            assert await heard.next() == 0
            await settled(watch)
            await look(watch, heard)

    return body()


async def settled(watch: Watch) -> None:
    """Wait until nothing more comes in for longer than it takes to look around once."""
    known = -1
    while known != watch.generation:
        known = watch.generation
        await asyncio.sleep(0.7)


def test_a_folder_that_comes_goes_and_comes_again_is_watched_each_time(tmp_path: Path) -> None:
    async def look(watch: Watch, heard: Heard) -> None:
        for name in ("templates", "themes"):
            (tmp_path / "templates").mkdir()
            await heard.next()
            await settled(watch)
            (tmp_path / "templates" / "digest.mjml").write_text(name, encoding="utf-8")
            await heard.next()
            await settled(watch)
            (tmp_path / "templates").rename(tmp_path / f"old-{name}")
            await heard.next()
            await settled(watch)

    asyncio.run(watched(tmp_path, look))


def test_a_file_that_takes_the_name_of_the_old_one_is_watched_on(tmp_path: Path) -> None:
    async def look(watch: Watch, heard: Heard) -> None:
        for number in range(3):
            (tmp_path / "fresh").write_text(str(number), encoding="utf-8")
            (tmp_path / "fresh").replace(tmp_path / "config.toml")
            await heard.next()
            await settled(watch)

    asyncio.run(watched(tmp_path, look))


@pytest.mark.parametrize("name", ["newsletter.db", "newsletter.db-wal", "templates/.digest.mjml.swp", "templates/digest.mjml~"])
def test_what_no_mail_is_made_of_changes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "templates").mkdir()

    async def look(watch: Watch, _: Heard) -> None:
        known = watch.generation
        (tmp_path / name).write_text("x", encoding="utf-8")
        await settled(watch)
        assert watch.generation == known

    asyncio.run(watched(tmp_path, look))


def test_data_is_looked_at_while_somebody_watches_and_may_be_out_of_reach(tmp_path: Path) -> None:
    found: list[object] = [1]

    async def look(watch: Watch, heard: Heard) -> None:
        found[0] = 2
        await heard.next()
        found[0] = None
        await settled(watch)
        known = watch.generation
        found[0] = 2
        await settled(watch)
        assert watch.generation == known
        found[0] = 3
        assert await heard.next() == known + 1

    asyncio.run(watched(tmp_path, look, data=lambda: found[0]))


def test_all_who_watch_are_told_and_let_go_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()

    async def listen(watch: Watch) -> list[int | None]:
        return [generation async for generation in watch.changes()]

    async def body() -> None:
        watch = Watch(lambda: [tmp_path / "templates"], list, lambda: 0)
        async with watching(watch):
            listeners = [asyncio.create_task(listen(watch)) for _ in range(20)]
            first = Heard(watch)
            await first.next()
            await settled(watch)
            (tmp_path / "templates" / "digest.mjml").write_text("x", encoding="utf-8")
            await first.next()
        async with asyncio.timeout(LONG):
            found = await asyncio.gather(*listeners)
        assert all(generations[-1] == first.generation for generations in found)
        assert await listen(watch) == []

    asyncio.run(body())
