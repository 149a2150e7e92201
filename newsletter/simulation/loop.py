"""An event loop and threads of a simulated process, with the interfaces of asyncio and ``concurrent.futures``."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, TypeVarTuple

from newsletter.simulation.world import Killed, Process

if TYPE_CHECKING:
    from newsletter.simulation.network import Network

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")
_Coroutine: TypeAlias = Generator[Any, None, T] | Coroutine[Any, Any, T]

#: Seconds between something becoming ready and the process getting the processor, at most.
TURN = 50e-6
#: Times an unfinished coroutine is asked to end when its process is swept away; each ``await`` in a ``finally`` takes one.
ASKED = 20


class _Future(asyncio.Future[T]):
    """A future whose place in a set does not depend on where it lies in memory: or else no history could be replayed."""

    def __init__(self, number: int, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._number = number

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[T]):
    """A task of the same kind."""

    def __init__(self, number: int, coro: _Coroutine[T], **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.AbstractEventLoop):
    """asyncio's contract in virtual time, for one process: callbacks in their order, timers when due, no selector.

    What real loops leave open (which connection's bytes come first, when a thread is done) is decided by the world's chance.
    Killed with its process, it never runs anything again.
    """

    def __init__(self, process: Process, network: Network) -> None:
        self.process = process
        #: Where :meth:`call_soon_threadsafe` puts callbacks while a thread's job runs: its effects come with its end.
        self.outbox: list[asyncio.Handle] | None = None
        self.failures: list[str] = []
        self._network = network
        self._ready: deque[asyncio.Handle] = deque()
        self._has_turn = False
        self._made = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._default = SimExecutor(self, "default")

    # -- asyncio's contract -------------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self.process.world.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.process.is_alive

    def is_closed(self) -> bool:
        return not self.process.is_alive

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._take_turn()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self.outbox is None:
            return self.call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self.outbox.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self.process.post_at(when, partial(self._is_due, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        self._made += 1
        return _Future(self._made, loop=self)

    def create_task(
        self, coro: _Coroutine[T], *, name: str | None = None, context: Context | None = None, **_options: Any
    ) -> asyncio.Task[T]:
        self._made += 1
        task = _Task(self._made, coro, loop=self, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        thread = executor or self._default
        if not isinstance(thread, SimExecutor):
            raise TypeError("a real thread has no place in a simulated process")
        return thread.run(partial(func, *args))

    async def create_connection(  # type: ignore[override]  # only what the core uses: by name, in clear text
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, _port: int, **_options: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        transport = (await self._network.dial(self, host)).transport
        protocol = protocol_factory()
        transport.begin(protocol)
        return transport, protocol

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught; it is a fault of the program, unless its process is dead."""
        error = context.get("exception")
        if self.process.is_alive and not isinstance(error, Killed):
            self.failures.append(f"{context.get('message')} ({error!r})")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave a timer that will not be needed where it is: it does nothing when it is due."""

    # -- the simulation's side ----------------------------------------------------------------------------------------------

    def hand_over(self, handles: list[asyncio.Handle]) -> None:
        """Take the callbacks a thread left."""
        if handles:
            self._ready.extend(handles)
            self._take_turn()

    def sweep(self) -> None:
        """End the coroutines of a process that is no more, so that nothing of them outlives the history."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # some had not even begun
            for task in list(self._tasks):
                coroutine = task.get_coro()
                for _ in range(ASKED):
                    try:
                        if coroutine is not None:
                            coroutine.close()
                    except BaseException:  # noqa: S112 - it was in the middle of something, and its end is not the history's
                        continue
                    break
        self._tasks.clear()
        self._ready.clear()

    def _is_due(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            self._ready.append(handle)
            self._take_turn()

    def _take_turn(self) -> None:
        if not self._has_turn and self.process.is_alive:
            self._has_turn = True
            self.process.post(self.process.world.random.random() * TURN, self._turn)

    def _turn(self) -> None:
        self._has_turn = False
        asyncio._set_running_loop(self)  # noqa: SLF001 - asyncio's documented call for loops of one's own
        process, ready = self.process, self._ready
        try:
            for _ in range(len(ready)):
                if process.is_stopped:
                    break
                handle = ready.popleft()
                if not handle.cancelled():
                    process.step()
                    handle._run()  # noqa: SLF001 - what every loop calls
                    if not process.is_alive:
                        return
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 - asyncio has no public way to say that no loop runs any more
        if self._ready:
            self._take_turn()


class SimExecutor(Executor):
    """One simulated thread: jobs one after the other, each at one instant, their results known a while later.

    Between the instant of a job and that of its result its process may die: then what the job did is done, and nobody knows.
    """

    def __init__(self, loop: SimLoop, name: str, *, pause: Callable[[], float] = lambda: 0.0) -> None:
        """Make a thread.

        Args:
            loop: whose callbacks the jobs' ends are.
            name: for the trace.
            pause: seconds that a job takes longer than usual; asked before and after each.
        """
        self._loop = loop
        self._process = loop.process
        self._name = name
        self._pause = pause
        self._jobs: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._is_busy = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.run(partial(fn, *args, **kwargs))
        return Future()  # nobody here asks what comes of it

    def run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Have a job done; what :meth:`asyncio.loop.run_in_executor` asks for."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append((future, job))
        self._next()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while self._jobs:
            future, job = self._jobs.popleft()
            if cancel_futures:
                future.cancel()
            elif wait and not future.done():
                with suppress(Exception):
                    future.set_result(job())

    def _next(self) -> None:
        if not self._is_busy and self._jobs:
            self._is_busy = True
            self._process.post(self._process.world.random.random() * 300e-6 + self._pause(), self._begin)

    def _begin(self) -> None:
        if not self._jobs:
            self._is_busy = False
            return
        future, job = self._jobs.popleft()
        value, error = None, None
        outbox: list[asyncio.Handle] = []
        if not future.cancelled():
            self._process.step()
            self._loop.outbox = outbox
            try:
                value = job()
            except Exception as raised:  # the job's caller is told of it
                error = raised
            finally:
                self._loop.outbox = None
        took = self._process.world.random.random() * 1e-3 + self._pause()
        self._process.post(took, partial(self._end, future, value, error, outbox))

    def _end(self, future: asyncio.Future[Any], value: Any, error: Exception | None, outbox: list[asyncio.Handle]) -> None:
        self._process.step()
        self._loop.hand_over(outbox)
        self._is_busy = False
        self._loop.call_soon(_settle, future, value, error)
        self._next()


def _settle(future: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
