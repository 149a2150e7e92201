"""Which relay a new connection goes to: by weight among those that work, and back to one that failed when it works again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from newsletter.config import RelayConfig

#: Seconds a relay is left alone after its first failure; doubled with each further one, up to the longest.
FIRST_REST = 1.0
LONGEST_REST = 60.0
#: Least seconds between two connections that leave a relay for another.
MOVE_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Relay:
    """A next hop: ``smtp`` or the name of its table, and how to reach it."""

    name: str
    config: RelayConfig


class Relays:
    """The relays of one sending run: how many connections each has, and which of them fail.

    A relay that failed rests; then one connection may try it, and until that has worked no other one does for as long again.
    """

    def __init__(self, relays: Sequence[Relay], *, connections: int, now: Callable[[], float]) -> None:
        """Make a choice of relays.

        Args:
            relays: at least one, with names of their own.
            connections: most connections to a relay that does not say otherwise.
            now: seconds of any clock that does not go back, like the event loop's.

        Raises:
            ValueError: no relay, or two of one name.
        """
        self._hops = {relay.name: _Hop(relay, relay.config.connections or connections) for relay in relays}
        if not relays or len(self._hops) < len(relays):
            raise ValueError("relays need to be at least one, and their names different")
        self._now = now
        self._next_move = -math.inf if len(relays) > 1 else math.inf

    def pick(self) -> Relay | None:
        """Choose the relay of a new connection.

        The one whose share of the connections is furthest below its weight's; one of weight 0 only if no other is to be had for
        its failures.

        Returns:
            None if there is no room for a connection, or every relay with room for one rests after a failure.
        """
        now = self._now()
        hop = self._choose(now)
        if hop is None:
            return None
        hop.picked += 1
        if hop.rest:
            hop.next_try = now + hop.rest
        return hop.relay

    def opened(self, relay: Relay) -> None:
        """Count a connection to ``relay``, from the choice on: one that is still being made takes room, too."""
        self._hops[relay.name].open += 1

    def closed(self, relay: Relay) -> None:
        """Count a connection to ``relay`` no more."""
        hop = self._hops[relay.name]
        hop.open = max(0, hop.open - 1)

    def failed(self, relay: Relay, problem: str) -> None:
        """Set ``relay`` aside.

        Args:
            relay: could not be connected to, or does not do its work.
            problem: what the operator reads about it.
        """
        hop, now = self._hops[relay.name], self._now()
        hop.problem = problem
        # All connections fail together when a relay goes down: that is one failure.
        if now >= hop.failed_until:
            hop.rest = min(hop.rest * 2, LONGEST_REST) if hop.rest else FIRST_REST
            hop.failed_until = hop.next_try = now + hop.rest

    def worked(self, relay: Relay) -> None:
        """Trust ``relay`` again: it took a connection, or better, a message. Cheap enough to be called for every message."""
        hop = self._hops[relay.name]
        if hop.rest:
            hop.rest, hop.problem, hop.failed_until, hop.next_try = 0.0, "", -math.inf, -math.inf

    def had_better_move(self, relay: Relay) -> bool:
        """Whether a connection to ``relay`` had better be closed after its message, as another relay is to be picked instead.

        So relays get their share back after a failure, although connections are kept. Says so to one connection at a time, as
        not all of them are to leave at once. Cheap enough to be asked for every message.
        """
        now = self._now()
        if now < self._next_move:
            return False
        hop, choice = self._hops[relay.name], self._choose(now)
        # A tie is no reason to move: connections would wander for ever.
        moves = choice is not None and choice is not hop and _load(choice) < _load(hop, -1)
        if moves:
            self._next_move = now + MOVE_EVERY
        return moves

    @property
    def all_down(self) -> bool:
        """Whether every relay failed and none has worked since."""
        return all(hop.rest for hop in self._hops.values())

    @property
    def problem(self) -> str:
        """What the last failures were, for the operator; empty if some relay works."""
        return "; ".join(dict.fromkeys(hop.problem for hop in self._hops.values())) if self.all_down else ""

    def wait(self) -> float:
        """Return the seconds until :meth:`pick` may have something; infinite if only a connection that closes can help."""
        now = self._now()
        if self._choose(now) is not None:
            return 0.0
        resting = [hop.next_try - now for hop in self._candidates() if hop.rest and hop.has_room]
        return max(0.0, min(resting, default=math.inf))

    def _choose(self, now: float) -> _Hop | None:
        ready = [hop for hop in self._candidates() if hop.has_room and now >= hop.next_try]
        return min(ready, key=lambda hop: (_load(hop), hop.picked / hop.weight if hop.weight else hop.picked), default=None)

    def _candidates(self) -> Iterable[_Hop]:
        """The relays with a weight; all, if of those none works."""
        hops = self._hops.values()
        return [hop for hop in hops if hop.weight] if any(hop.weight and not hop.rest for hop in hops) else hops


class _Hop:
    """What is known of a relay: ``rest`` is how long it is set aside at a time, 0 while it works."""

    __slots__ = ("cap", "failed_until", "next_try", "open", "picked", "problem", "relay", "rest", "weight")

    def __init__(self, relay: Relay, cap: int) -> None:
        self.relay = relay
        self.weight = relay.config.weight
        self.cap = cap
        self.open = 0
        self.picked = 0
        self.rest = 0.0
        self.failed_until = -math.inf
        self.next_try = -math.inf
        self.problem = ""

    @property
    def has_room(self) -> bool:
        return self.open < self.cap


def _load(hop: _Hop, change: int = 0) -> float:
    """The connections of ``hop`` against its weight, the one to come counted half: Webster's method of sharing out seats."""
    # Those without a weight come after all that have one, and share alike among themselves.
    return (hop.open + change + 0.5) / (hop.weight or 1e-6)
