"""Messages that stand aside, as their destination has no room: they do not hold up the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from newsletter.delivery.model import Claim, Draft
from newsletter.delivery.sending.line import Job


@dataclass(slots=True)
class Drafted:
    """A claim whose message is not made yet, and the receiving group it goes to."""

    claim: Claim
    draft: Draft
    group: str


#: What waits to be given out: a message that was taken back was made already.
Waiting: TypeAlias = Job[Claim] | Drafted


class Aside:
    """Messages by receiving group, each group's in the order they came. ``len`` counts them all."""

    def __init__(self) -> None:
        self._groups: dict[str, deque[Waiting]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def groups(self, which: Callable[[str], bool]) -> list[str]:
        """Return those groups of which something stands here that ``which`` says yes to."""
        return [group for group in self._groups if which(group)]

    def count(self, groups: Collection[str]) -> int:
        """Return how many of these groups stand here."""
        return sum(len(self._groups[group]) for group in groups)

    def add(self, one: Waiting) -> None:
        """Put a message behind those of its group."""
        self._groups.setdefault(one.group, deque()).append(one)
        self._count += 1

    def first(self, group: str, most: int) -> list[Waiting]:
        """Take the first of a group away, and return them in their order."""
        waiting = self._groups.get(group)
        if not waiting:
            return []
        taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        self._taken(group, len(taken))
        return taken

    def all_but(self, group: str, keep: int) -> list[Waiting]:
        """Take all of a group away but the first ``keep``, and return them, the last one first."""
        waiting = self._groups[group]
        taken = [waiting.pop() for _ in range(len(waiting) - keep)]
        self._taken(group, len(taken))
        return taken

    def all_of(self, group: str) -> list[Waiting]:
        """Take all of a group away, and return them in their order."""
        return self.first(group, self._count)

    def everything(self) -> list[Waiting]:
        """Take all away."""
        taken = [one for waiting in self._groups.values() for one in waiting]
        self._groups.clear()
        self._count = 0
        return taken

    def _taken(self, group: str, count: int) -> None:
        self._count -= count
        if not self._groups[group]:
            del self._groups[group]
