"""A simulated network: bytes arrive late, in pieces, in order, or not at all; connections break, or fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from newsletter.simulation.loop import SimLoop
from newsletter.simulation.world import World

#: Seconds after which connecting to a host that does not answer is given up by the operating system.
NO_ROUTE = 130.0


@dataclass(slots=True)
class NetworkFaults:
    """How often it goes wrong, 0 to 1. ``split``: per packet; the others per connection, at an instant drawn then."""

    split: float = 0.0
    reset: float = 0.0
    mute: float = 0.0


class Peer(Protocol):
    """The server's side of a connection."""

    def receive(self, data: bytes, sent_at: float) -> None:
        """Bytes came that the client wrote at an instant."""
        ...

    def hung_up(self) -> None:
        """The client is gone."""
        ...


class Host(Protocol):
    """Something that can be connected to."""

    def accept(self, link: Link) -> Peer | None:
        """Take a connection; None refuses it."""
        ...

    @property
    def is_unreachable(self) -> bool:
        """Whether packets to it disappear."""
        ...


class Network:
    """Hosts by name, and the connections to them."""

    def __init__(self, world: World, faults: NetworkFaults) -> None:
        self.world = world
        self.faults = faults
        self.hosts: dict[str, Host] = {}
        self.links: list[Link] = []

    async def dial(self, loop: SimLoop, name: str) -> Link:
        """Connect a process to host ``name``; see :meth:`asyncio.loop.create_connection`.

        Raises:
            OSError: refused, or no answer.
        """
        answered: asyncio.Future[Link] = loop.create_future()
        link = Link(self, loop)

        def arrive() -> None:
            host = self.hosts[name]
            if host.is_unreachable:
                loop.process.post(NO_ROUTE, lambda: fail(TimeoutError("no route")))
                return
            peer = host.accept(link)
            if peer is None:
                loop.process.post(link.latency, lambda: fail(ConnectionRefusedError("refused")))
                return
            link.peer = peer
            loop.process.post(link.latency, establish)

        def establish() -> None:
            if answered.done():
                link.break_off()
            else:
                answered.set_result(link)

        def fail(error: OSError) -> None:
            if not answered.done():
                answered.set_exception(error)

        self.world.after(link.latency, arrive)
        self.links.append(link)
        return await answered

    def forget_closed(self) -> None:
        """Drop the connections that are over."""
        self.links = [link for link in self.links if not link.is_over]

    def of(self, loop: SimLoop) -> Iterable[Link]:
        """Return the standing connections of a process."""
        return [link for link in self.links if link.loop is loop and not link.is_over]


class Link:
    """One connection: what a client wrote arrives at the server in order, later, even if the client has died meanwhile.

    Attributes:
        is_mute: packets disappear in both directions, and nobody is told.
        is_over: both sides have ended it.
    """

    def __init__(self, network: Network, loop: SimLoop) -> None:
        self.network = network
        self.loop = loop
        self.peer: Peer | None = None
        self.is_mute = False
        self.is_over = False
        world = network.world
        self._world = world
        self.latency = world.random.choice((30e-6, 200e-6, 2e-3, 30e-3))
        self._up_at = self._down_at = 0.0
        self.transport = SimTransport(self)
        loop.process.on_death.append(self.client_died)
        if world.random.random() < network.faults.reset:
            world.after(world.random.expovariate(1 / (40 * self.latency)), self.break_off)
        if world.random.random() < network.faults.mute:
            world.after(world.random.expovariate(1 / (40 * self.latency)), self._fall_silent)

    def up(self, data: bytes) -> None:
        """Carry bytes to the server."""
        for piece in self._pieces(data):
            self._up_at = self._behind(self._up_at)
            self._world.at(self._up_at, partial(self._arrive_up, piece, self._world.now))

    def down(self, data: bytes, *, on_read: Callable[[], object] | None = None) -> None:
        """Carry bytes to the client; ``on_read`` is called when its code got the last of them."""
        pieces = self._pieces(data)
        for number, piece in enumerate(pieces, 1):
            last = on_read if number == len(pieces) else None
            self._down_at = self._behind(self._down_at)
            self._at_client(self._down_at, partial(self._arrive_down, piece, last))

    def hang_up(self) -> None:
        """The server ends the connection; the client is told behind all bytes that are on their way."""
        self.peer = None
        self._down_at = self._behind(self._down_at)
        if not self.is_mute:
            self._at_client(self._down_at, self.transport.end_of_file)

    def break_off(self) -> None:
        """Somebody on the way, or the server's kernel, resets the connection: what was on its way is lost."""
        if self.is_over:
            return
        self._world.note("connection is reset")
        peer, self.peer = self.peer, None
        if peer is not None and not self.is_mute:
            peer.hung_up()
        self.is_over = True
        self._at_client(self._world.now + self._delay(), self._lost_at_client)

    def client_closed(self) -> None:
        """The client ended the connection; the server is told behind all bytes that are on their way."""
        self._up_at = self._behind(self._up_at)
        self._world.at(self._up_at, self._client_gone)

    def client_died(self) -> None:
        """The client's process was killed: its kernel still sends what the process had handed to it, or resets at once."""
        if not self.is_over:
            if self._world.random.random() < 0.3:
                self._up_at = self._world.now
                self.is_mute = self.is_mute or self._world.random.random() < 0.5
            self.client_closed()

    def _client_gone(self) -> None:
        self.is_over = True
        peer, self.peer = self.peer, None
        if peer is not None and not self.is_mute:
            peer.hung_up()

    def _arrive_up(self, data: bytes, sent_at: float) -> None:
        if self.peer is not None and not self.is_mute:
            self.peer.receive(data, sent_at)

    def _arrive_down(self, data: bytes, on_read: Callable[[], object] | None) -> None:
        if not self.is_mute and not self.is_over:
            self.transport.deliver(data, on_read)

    def _lost_at_client(self) -> None:
        self.loop.call_soon(self.transport.lose, ConnectionResetError("reset by peer"))

    def _at_client(self, when: float, action: Callable[[], object]) -> None:
        self.loop.process.post_at(when, action)

    def _fall_silent(self) -> None:
        self._world.note("connection falls silent")
        self.is_mute = True

    def _behind(self, last: float) -> float:
        """Return when what is sent now arrives: never together with what was sent before, as order is then up to chance."""
        return max(last + 1e-9, self._world.now + self._delay())

    def _delay(self) -> float:
        return self.latency * (0.5 + self._world.random.random())

    def _pieces(self, data: bytes) -> list[bytes]:
        random = self._world.random
        if len(data) < 2 or random.random() >= self.network.faults.split:
            return [data]
        cut = random.randrange(1, len(data))
        if random.random() < 0.5:
            # Around an end mark is where receivers and senders go wrong.
            cut = min(max(len(data) - random.randrange(1, 6), 1), len(data) - 1)
        return [data[:cut], data[cut:]]


class SimSocket:
    """What the core asks of a transport's socket."""

    def setsockopt(self, *_values: object) -> None:
        """Accept any option."""


class SimTransport(asyncio.Transport):
    """The client's side of a connection, as asyncio's contract has it."""

    def __init__(self, link: Link) -> None:
        super().__init__({"socket": SimSocket(), "sockname": ("192.0.2.1", 40_000), "peername": ("192.0.2.25", 25)})
        self._link = link
        self._protocol: asyncio.BaseProtocol | None = None
        self._early: list[Callable[[], object]] = []
        self._is_closing = False
        self._is_lost = False

    def begin(self, protocol: asyncio.Protocol) -> None:
        """Give the connection to its protocol; what came before waits for the next callbacks."""
        self._protocol = protocol
        protocol.connection_made(self)
        early, self._early = self._early, []
        for action in early:
            self._link.loop.call_soon(action)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None  # noqa: S101 - asked for by the protocol's own code
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Accept any limits: the simulated kernel takes everything."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._link.loop.process.step()
        if not self._is_closing and not self._link.is_over:
            self._link.up(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        """Do nothing: replies are small, and what was read is kept by the protocol."""

    def resume_reading(self) -> None:
        """Do nothing, as :meth:`pause_reading`."""

    def is_reading(self) -> bool:
        return not self._is_closing

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._link.client_closed()
            self._link.loop.call_soon(self.lose, None)

    def deliver(self, data: bytes, on_read: Callable[[], object] | None) -> None:
        """Have the protocol get bytes with the loop's next callbacks, as if a selector had found them."""
        self._link.loop.call_soon(self._receive, data, on_read)

    def end_of_file(self) -> None:
        """The server ended the connection."""
        self._link.loop.call_soon(self._receive_end)

    def _receive(self, data: bytes, on_read: Callable[[], object] | None) -> None:
        if self._protocol is None:
            self._early.append(partial(self._receive, data, on_read))
        elif not self._is_closing:
            cast("asyncio.Protocol", self._protocol).data_received(data)
            if on_read is not None:
                on_read()

    def _receive_end(self) -> None:
        if self._protocol is None:
            self._early.append(self._receive_end)
        elif not self._is_closing and not cast("asyncio.Protocol", self._protocol).eof_received():
            self.abort()

    def lose(self, error: Exception | None) -> None:
        """The connection is no more."""
        if self._protocol is None:
            self._early.append(partial(self.lose, error))
        elif not self._is_lost:
            self._is_lost = self._is_closing = True
            self._protocol.connection_lost(error)
