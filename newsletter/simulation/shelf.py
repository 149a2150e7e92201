"""The side journals of one simulated machine: what was appended is kept when its process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from newsletter.delivery.model import Finding, Reason, Result
from newsletter.simulation.world import Process


class Shelf:
    """All journals of a machine.

    Attributes:
        is_full: nothing more can be appended, as on a disk that fails.
        on_append: told of a process that has just put something in its journal.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.on_append: Callable[[Process], object] = lambda _process: None
        self.journals: list[ShelfJournal] = []

    def open(self, process: Process) -> ShelfJournal:
        """Make a journal of a process."""
        journal = ShelfJournal(self, process)
        self.journals.append(journal)
        return journal

    def knows(self, delivery_id: int, epoch: int) -> bool:
        """Whether a dead process left the result of a delivery, and that is not doubt itself."""
        return any(
            (finding.delivery_id, finding.epoch) == (delivery_id, epoch)
            for journal in self.journals
            if journal.is_abandoned
            for finding in journal.findings
            if finding.outcome.reason != Reason.IN_DOUBT
        )


class ShelfJournal:
    """A :class:`~newsletter.delivery.ledger.journal.Journal` of one run."""

    def __init__(self, shelf: Shelf, process: Process) -> None:
        self.findings: list[Finding] = []
        self._shelf = shelf
        self._process = process
        self._is_closed = False

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody holds it any more."""
        return self._is_closed or not self._process.is_alive

    def prepare(self) -> None:
        self._process.step()

    def append(self, results: Sequence[Result]) -> None:
        self._process.step()
        if self._shelf.is_full:
            raise OSError(28, "No space left on device")
        self.findings.extend(result.finding for result in results)
        self._shelf.on_append(self._process)
        self._process.step()

    def clear(self) -> None:
        self._process.step()
        self.findings.clear()

    def close(self) -> None:
        if self._process.is_alive:
            self._is_closed = True
            if not self.findings:
                self._shelf.journals.remove(self)

    def left_behind(self) -> Iterator[Sequence[Finding]]:
        for journal in list(self._shelf.journals):
            if journal is not self and journal.is_abandoned and journal in self._shelf.journals:
                yield list(journal.findings)
                self._shelf.journals.remove(journal)
