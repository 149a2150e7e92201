"""What readers are told of papers that they got before: a withdrawal, or another title. Pure.

A paper that is withdrawn now is said to be that and nothing else. A title that changed several times is said once for each
title that readers may have got it under; whoever got it under the title it has again is told nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from newsletter.digest.model import Correction, CorrectionKind
from newsletter.papers.identity import fingerprint
from newsletter.papers.model import Paper, PaperChange, PaperSeq

#: How long a change goes into every issue: two months, so that whoever reads monthly, or paused for a while, hears of it.
TOLD_FOR = timedelta(days=62)
#: Papers of issues older than this are of no concern any more.
CONCERN = timedelta(days=120)


def corrections_of(
    changes: Iterable[PaperChange], papers: Mapping[PaperSeq, Paper], first_shown: Mapping[PaperSeq, datetime]
) -> list[Correction]:
    """Decide what an issue says of papers that were in issues before it.

    Titles count as the same where they differ in spacing, case, punctuation or TeX dress only.

    Args:
        changes: of the last :data:`TOLD_FOR`, ascending by instant.
        papers: those that changed, by the numbers that ``changes`` has, as they are now.
        first_shown: when each of them was first frozen into an issue of the newsletter; a paper that never was is left out.

    Returns:
        Withdrawals first, then other titles, latest change first; positions from 0. Where a paper has several of one kind, a
        reader is told the first one after he got it: see :func:`told`.
    """
    of_paper: dict[PaperSeq, list[PaperChange]] = {}
    for change in changes:
        if change.paper_seq in papers:
            of_paper.setdefault(papers[change.paper_seq].seq, []).append(change)
    found: list[Correction] = []
    for seq, its_changes in of_paper.items():
        paper = papers[its_changes[0].paper_seq]
        if seq not in first_shown:
            continue
        decide = _retitled if paper.withdrawn_at is None else _withdrawn
        found += [each for each in decide(paper, its_changes) if each.changed_at > first_shown[seq]]
    found.sort(key=lambda each: each.paper.seq)
    found.sort(key=lambda each: each.changed_at, reverse=True)
    found.sort(key=lambda each: each.kind is not CorrectionKind.WITHDRAWN)
    return [replace(each, position=position) for position, each in enumerate(found)]


def told(corrections: Sequence[Correction], positions: Collection[int]) -> list[Correction]:
    """Return what a digest with these positions says, in their order: of each paper and kind the earliest change.

    That is the one that replaced what its readers got, as all of ``positions`` came after they got the paper. Where it changed
    nothing that can be seen, as the title changed back, nothing is said.
    """
    chosen: dict[tuple[PaperSeq, CorrectionKind], Correction] = {}
    for each in sorted(corrections, key=lambda each: each.changed_at):
        if each.position in positions:
            chosen.setdefault((each.paper.seq, each.kind), each)
    return sorted((each for each in chosen.values() if _says_something(each)), key=lambda each: each.position)


def _retitled(paper: Paper, changes: Sequence[PaperChange]) -> list[Correction]:
    found: list[Correction] = []
    for change, title_before, title_after in _titles(paper, changes):
        if title_before == title_after or (_mark(title_before) == _mark(title_after)):
            continue
        made = Correction(0, CorrectionKind.RETITLED, paper, title_before, change.at)
        # One that changed nothing in the end stands in the way of the later ones, for who got the paper before it.
        if found or _says_something(made):
            found.append(made)
    return found


def _withdrawn(paper: Paper, changes: Sequence[PaperChange]) -> list[Correction]:
    # A date that a source corrected is no other withdrawal.
    first = next((each for each in changes if "withdrawn_at" in each.before and each.before["withdrawn_at"] is None), None)
    if first is None:
        return []
    title = next((before for change, before, _ in _titles(paper, changes, every=True) if change is first), paper.title)
    return [Correction(0, CorrectionKind.WITHDRAWN, paper, title, first.at)]


def _titles(paper: Paper, changes: Sequence[PaperChange], *, every: bool = False) -> Iterator[tuple[PaperChange, str, str]]:
    """Yield changes of the title, or ``every`` change, latest first, with the titles before and after it."""
    title = paper.title
    for change in reversed(changes):
        before = change.before.get("title", title)
        before = before if isinstance(before, str) else title
        if every or "title" in change.before:
            yield change, before, title
        title = before


def _says_something(correction: Correction) -> bool:
    return correction.kind is CorrectionKind.WITHDRAWN or _mark(correction.title_before) != _mark(correction.paper.title)


def _mark(title: str) -> str:
    return fingerprint(title) or title.strip()
