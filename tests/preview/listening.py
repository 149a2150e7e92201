"""The built-in inbox on a thread of its own, for tests that talk to it as a blocking client does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from newsletter.preview.inbox.store import InboxServer


@contextmanager
def listening(server: InboxServer) -> Iterator[tuple[str, int]]:
    """Run ``server`` as long as the block lasts; yield its host and port."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        try:
            await server.start()
        except BaseException as error:  # handed to the caller, whatever it is
            ready.set_exception(error)
            return
        ready.set_result((asyncio.get_running_loop(), leave))
        await leave.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="inbox", daemon=True)
    thread.start()
    loop, leave = ready.result()
    try:
        yield server.host, server.port
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
