"""What is new in the next issue, beside the last one that went out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsletter.papers.model import Paper
from newsletter.preview.studio.service import Shown
from newsletter.rendering.view.views import title_of


class Change(StrEnum):
    """What became of a paper."""

    NEW = "new"
    MOVED = "moved"
    SAME = "same"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PaperChange:
    """One paper of either digest: its place before and now, from 1; None where it is not in it."""

    key: str
    title: str
    before: int | None
    now: int | None

    @property
    def change(self) -> Change:
        """What became of it."""
        if self.before is None:
            return Change.NEW
        if self.now is None:
            return Change.GONE
        return Change.SAME if self.before == self.now else Change.MOVED


@dataclass(frozen=True, slots=True)
class Difference:
    """Two digests side by side: the papers of the newer one in its order, then those that are gone.

    ``subjects`` and ``html_bytes`` are those of the last issue, None where there is none or nothing of it was for this reader,
    and of the next.
    """

    issue_labels: tuple[str, str]
    subjects: tuple[str | None, str | None]
    html_bytes: tuple[int | None, int | None]
    papers: tuple[PaperChange, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "issues": list(self.issue_labels),
            "subjects": list(self.subjects),
            "html_bytes": list(self.html_bytes),
            "papers": [
                {"key": each.key, "title": each.title, "before": each.before, "now": each.now, "change": each.change.value}
                for each in self.papers
            ],
        }


def difference(before: Shown, now: Shown) -> Difference:
    """Compare two digests.

    A paper is the same by its number or its key: a frozen issue has it as it was called then, and what was merged since may
    have another of either.
    """
    old, new = _listed(before), _listed(now)
    by_seq = {paper.seq: place for place, paper in old.items()}
    by_key = {paper.key: place for place, paper in old.items()}
    came_from = {place: by_seq.get(paper.seq, by_key.get(paper.key)) for place, paper in new.items()}
    changes = [PaperChange(paper.key, title_of(paper), came_from[place], place) for place, paper in new.items()]
    kept = set(came_from.values())
    changes += [PaperChange(paper.key, title_of(paper), place, None) for place, paper in old.items() if place not in kept]
    return Difference(
        (before.issue_label, now.issue_label),
        (_subject(before), _subject(now)),
        (_size(before), _size(now)),
        tuple(changes),
    )


def _subject(shown: Shown) -> str | None:
    return None if shown.sample is None else shown.sample.subject


def _size(shown: Shown) -> int | None:
    return None if shown.sample is None else shown.sample.html_bytes


def _listed(shown: Shown) -> dict[int, Paper]:
    """Return the papers of a digest by their place, from 1."""
    papers = {entry.paper.seq: entry.paper for entry in shown.pool}
    return {place: papers[entry.paper_seq] for place, entry in enumerate(shown.digest, start=1)}
