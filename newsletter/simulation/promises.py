"""What a sending run promises, checked at every commit, at every final dot and at the end of a history."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.model import SETTLED, DeliveryState, Reason, SkipReason
from newsletter.digest.model import IssueState
from newsletter.simulation.network import Link
from newsletter.simulation.next_hop import Copy
from newsletter.simulation.world import Process, World

#: A message says of which issue and reader it is, as the composer of the simulation writes it.
_MESSAGE = re.compile(rb"\r\nMessage-ID: <([0-9]+)\.[0-9]+@")
#: Virtual seconds after which a worker that gave no sign of life is taken for dead.
LEASE = 1.6
_HELD = frozenset({DeliveryState.CLAIMED, DeliveryState.DOT_SENT})
_FINAL = frozenset({DeliveryState.SENT, DeliveryState.FAILED})
_DUE = frozenset({DeliveryState.PENDING, DeliveryState.DEFERRED})
_ENDED = frozenset({IssueState.FINISHED, IssueState.CANCELLED})


class Change(NamedTuple):
    """A delivery's row changed: old and new state and epoch, who holds it now, and why."""

    delivery_id: int
    before: str
    after: str
    epoch_before: int
    epoch_after: int
    worker_id: int | None
    reason: str


@dataclass(slots=True)
class Intent:
    """A durable intent to let a final dot leave.

    ``ended_at``: when it was settled, given back or taken over; ``was_doubted``: the ledger then said that the message may
    have arrived.
    """

    process: Process | None
    worker_id: int | None
    at: float
    ended_at: float = float("inf")
    was_doubted: bool = False
    copies: list[Copy] = field(default_factory=list)


@dataclass(slots=True)
class Fate:
    """One delivery, as its row went through its states and as the server saw it."""

    delivery_id: int
    issue_id: int
    recipient: str
    state: str
    epoch: int = 0
    owner: Process | None = None
    claimed_at: float = 0.0
    intents: list[Intent] = field(default_factory=list)

    @property
    def copies(self) -> list[Copy]:
        """All that arrived, in the order of their intents."""
        return [copy for intent in self.intents for copy in intent.copies]


class Promises:
    """Watches a history and says which promises it broke, in words.

    Attributes:
        broken: what was broken, in order; empty is what we want.
        limits: connections that each process may have open at a time.
        knows: whether the journal of a dead process has the result of a delivery under an epoch.
    """

    def __init__(self, world: World, on_doubt: OnDoubt) -> None:
        self.broken: list[str] = []
        self.limits: dict[Process, int] = {}
        self.knows: Callable[[int, int], bool] = lambda _delivery_id, _epoch: False
        self._world = world
        self._on_doubt = on_doubt
        self._fates: dict[int, Fate] = {}
        self._by_message: dict[tuple[int, str], Fate] = {}
        self._issues: dict[int, str] = {}
        self._left: dict[str, float] = {}
        self._refused: set[str] = set()
        #: Intervals in which a process could not do its duty: it was stopped, or cut off from the database.
        self._troubles: dict[Process | None, list[tuple[float, float]]] = {}

    @property
    def copies(self) -> int:
        """How many messages arrived."""
        return sum(len(fate.copies) for fate in self._fates.values())

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return all(state in _ENDED for state in self._issues.values()) and all(
            fate.state in SETTLED for fate in self._fates.values()
        )

    @property
    def paused(self) -> list[int]:
        """Issues that are paused."""
        return [issue_id for issue_id, state in self._issues.items() if state == IssueState.PAUSED]

    def expect(self, fate: Fate) -> None:
        """Count a delivery in."""
        self._fates[fate.delivery_id] = fate
        self._by_message[fate.issue_id, fate.recipient] = fate
        self._issues.setdefault(fate.issue_id, IssueState.OPEN)

    def reader_left(self, recipient: str) -> None:
        """Hear that it is committed that nothing more may be sent to him."""
        self._world.note("%s left", recipient)
        self._left.setdefault(recipient, self._world.now)

    def in_trouble(self, process: Process | None, since: float, until: float) -> None:
        """Hear that a process (None: every one) could not do its duty in an interval; for ever, as it has ended, say."""
        self._troubles.setdefault(process, []).append((since, until))

    def committed(self, changes: list[Change], issues: list[tuple[int, str]]) -> None:
        """Check a transaction that is durable now."""
        self._issues.update(issues)
        for change in changes:
            fate = self._fates[change.delivery_id]
            if change.before != change.after or change.epoch_before != change.epoch_after:
                self._world.note("delivery %d %s -> %s %s", change.delivery_id, change.before, change.after, change.reason)
            self._check_epoch(fate, change)
            if change.before != change.after:
                if fate.state == DeliveryState.DOT_SENT:
                    self._end_intent(fate, change)
                self._check_step(fate, change)
            fate.state, fate.epoch = change.after, change.epoch_after
        for issue_id, state in issues:
            self._world.note("issue %d is %s", issue_id, state)
            if state == IssueState.FINISHED:
                self._check_finished(issue_id)
        if changes:
            self._check_window()

    def dot_came(self, recipient: str, data: bytes, process: Process, sent_at: float) -> list[Copy]:
        """Check a final dot that reached the server; return where its intent keeps copies."""
        named = _MESSAGE.search(data)
        issue_id = int(named[1]) if named else 0
        fate = self._by_message.get((issue_id, recipient))
        if fate is None:
            self._break(
                f"unexpected: a message for {recipient}, who is not in the audience of issue {issue_id}: {data[:200]!r}"
            )
            return []
        of_process = [intent for intent in fate.intents if intent.process is process and intent.at <= sent_at]
        if not of_process:
            self._break(f"delivery {fate.delivery_id}: a dot left {process.name} without a durable intent")
            return []
        intent = of_process[-1]
        if intent.ended_at < sent_at:
            self._break(f"delivery {fate.delivery_id}: a dot left {process.name} after its intent had ended")
        elif intent.copies:
            self._break(f"delivery {fate.delivery_id}: two dots left {process.name} for one intent")
        return intent.copies

    def refused(self, recipient: str) -> None:
        """Hear that a server refused a recipient for good."""
        self._refused.add(recipient)

    def was_rude(self, what: str) -> None:
        """Hear that the rules of SMTP were broken."""
        self._break(what)

    def check_end(self, contents: dict[int, bytes]) -> None:
        """Check a history that has come to rest; ``contents`` are the right bytes of each delivery that has a date."""
        for fate in self._fates.values():
            if fate.state not in SETTLED:
                self._break(f"lost: delivery {fate.delivery_id} still is {fate.state} long after the last fault")
            for copy in fate.copies:
                if copy.data != contents.get(fate.delivery_id):
                    self._break(f"altered: delivery {fate.delivery_id} arrived with other bytes")
        self._check_doubles()
        for issue_id, state in self._issues.items():
            if state not in _ENDED:
                self._break(f"issue {issue_id} still is {state} long after the last fault")

    def _check_epoch(self, fate: Fate, change: Change) -> None:
        step = change.epoch_after - fate.epoch
        is_claim = change.after == DeliveryState.CLAIMED and change.before != DeliveryState.CLAIMED
        if change.epoch_before != fate.epoch or step != int(is_claim):
            self._break(f"delivery {fate.delivery_id}: epoch {fate.epoch} became {change.epoch_after} as {change.after}")

    def _check_step(self, fate: Fate, change: Change) -> None:
        name = f"delivery {fate.delivery_id}"
        self._check_owner(fate, change)
        if change.before in SETTLED and (change.before, change.after) != (DeliveryState.DOUBTFUL, DeliveryState.SENT):
            self._break(f"{name}: was settled as {change.before} and became {change.after}")
        if change.after == DeliveryState.CLAIMED:
            fate.owner, fate.claimed_at = self._world.current, self._world.now
        elif change.after == DeliveryState.DOT_SENT:
            self._check_intent(fate, change)
        elif change.after == DeliveryState.SENT and not fate.copies:
            self._break(f"lost: {name} counts as sent, and the server has no copy")
        elif change.after == DeliveryState.FAILED and fate.copies:
            self._break(f"{name} counts as failed, and the server has a copy")
        elif change.after == DeliveryState.FAILED and change.reason == Reason.REFUSED and fate.recipient not in self._refused:
            self._break(f"lost: {name} counts as refused, and no server refused it")
        elif change.after == DeliveryState.SKIPPED:
            if fate.copies:
                self._break(f"{name} counts as skipped, and the server has a copy")
            cancelled = change.reason == SkipReason.CANCELLED and self._issues[fate.issue_id] == IssueState.CANCELLED
            if fate.recipient not in self._left and not cancelled:
                self._break(f"lost: {name} counts as skipped ({change.reason}) for no reason")

    def _check_owner(self, fate: Fate, change: Change) -> None:
        """Only who claimed a delivery last may settle it; or whoever finds the journal of one that cannot any more."""
        is_held = change.before in _HELD and fate.owner is not None and fate.owner.is_alive
        is_other = self._world.current not in {None, fate.owner} and not self.knows(fate.delivery_id, fate.epoch)
        if change.after in _FINAL and is_held and is_other:
            self._break(f"delivery {fate.delivery_id}: {change.after} says somebody whose claim was taken over")
        if (
            change.after in _DUE
            and is_held
            and is_other
            and not self._was_hindered(fate.owner, fate.claimed_at - LEASE, self._world.now)
        ):
            self._break(f"delivery {fate.delivery_id}: {change.after} says somebody else, though its owner was well")

    def _check_intent(self, fate: Fate, change: Change) -> None:
        name = f"delivery {fate.delivery_id}"
        if change.before != DeliveryState.CLAIMED:
            self._break(f"{name}: an intent from {change.before}")
        if fate.owner is not self._world.current:
            self._break(f"{name}: an intent of somebody whose claim was taken over")
        if fate.recipient in self._left:
            self._break(f"{name}: an intent after the reader had left")
        if self._issues[fate.issue_id] != IssueState.OPEN:
            self._break(f"{name}: an intent while its issue was {self._issues[fate.issue_id]}")
        fate.intents.append(Intent(self._world.current, change.worker_id, self._world.now))

    def _end_intent(self, fate: Fate, change: Change) -> None:
        intent = fate.intents[-1]
        intent.ended_at = self._world.now
        intent.was_doubted = change.reason == Reason.IN_DOUBT
        if intent.was_doubted and intent.process is not self._world.current:
            self._check_taken_over(fate, intent)

    def _check_taken_over(self, fate: Fate, intent: Intent) -> None:
        if self.knows(fate.delivery_id, fate.epoch):
            self._break(f"delivery {fate.delivery_id}: taken over as doubtful, though a journal here knows what became of it")
        if not self._was_hindered(intent.process, intent.at - LEASE, intent.ended_at):
            self._break(f"delivery {fate.delivery_id}: taken over from somebody who was well")

    def _check_finished(self, issue_id: int) -> None:
        for fate in self._fates.values():
            if fate.issue_id == issue_id and fate.state not in SETTLED:
                self._break(f"issue {issue_id} was finished while delivery {fate.delivery_id} was {fate.state}")

    def _check_window(self) -> None:
        open_dots: dict[int | None, int] = {}
        owners: dict[int | None, Process | None] = {}
        for fate in self._fates.values():
            if fate.state == DeliveryState.DOT_SENT:
                intent = fate.intents[-1]
                open_dots[intent.worker_id] = open_dots.get(intent.worker_id, 0) + 1
                owners[intent.worker_id] = intent.process
        for worker_id, count in open_dots.items():
            owner = owners[worker_id]
            if owner is not None and count > self.limits.get(owner, count):
                self._break(f"{owner.name} has {count} messages in doubt on {self.limits[owner]} connections")

    def _check_doubles(self) -> None:
        """Check that only what was in doubt arrived twice: at most one message for each connection that was cut off from it."""
        doubled: Counter[tuple[Link, int | None]] = Counter()
        for fate in self._fates.values():
            arrived = [intent for intent in fate.intents if intent.copies]
            if len(arrived) > 1 and self._on_doubt is OnDoubt.HOLD:
                self._break(f"doubled: delivery {fate.delivery_id} arrived {len(fate.copies)} times, though doubt is held")
            for intent in arrived[:-1]:
                copy = intent.copies[0]
                doubled[copy.link, intent.worker_id] += 1
                if not intent.was_doubted:
                    self._break(f"doubled: delivery {fate.delivery_id} was not in doubt, and sent again")
                elif copy.heard_at <= intent.ended_at and not self._was_hindered(
                    intent.process, copy.heard_at, intent.ended_at
                ):
                    self._break(f"doubled: delivery {fate.delivery_id} was answered, and sent again")
        for (link, _), count in doubled.items():
            if count > 1:
                self._break(f"doubled: {count} messages of one connection of {link.loop.process.name} were in doubt at a time")

    def _was_hindered(self, process: Process | None, since: float, until: float) -> bool:
        """Whether a process died, or could not do its duty, in an interval: it could not write down what it knew."""
        if process is None or since <= process.died_at <= until:
            return True
        troubles = [*self._troubles.get(None, ()), *self._troubles.get(process, ())]
        return any(began <= until and ended >= since for began, ended in troubles)

    def _break(self, what: str) -> None:
        self._world.note("BROKEN: %s", what)
        self.broken.append(f"at {self._world.now:.6f}: {what}")
