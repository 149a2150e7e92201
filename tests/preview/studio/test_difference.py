"""The next issue beside the last one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.digest.model import DigestEntry
from newsletter.papers.model import PaperSeq
from newsletter.preview.studio.difference import Change, difference
from newsletter.preview.studio.service import Shown, Wanted
from tests.flow import build, numbered, subscribe, take_in
from tests.rendering.samples import ISSUE, paper, pool_of


def shown(*numbers: int, label: str = "No. 14") -> Shown:
    """A digest of papers by their numbers, best first."""
    pool = pool_of([paper(number, title=f"Paper {number}") for number in numbers])
    return Shown(None, label, "somebody", ISSUE, tuple(pool), tuple(DigestEntry(entry.paper.seq) for entry in pool))


def test_papers_are_new_moved_the_same_or_gone() -> None:
    found = difference(shown(1, 2, 3, 4), shown(1, 5, 2, label="No. 15"))
    assert [(each.title, each.before, each.now, each.change) for each in found.papers] == [
        ("Paper 1", 1, 1, Change.SAME),
        ("Paper 5", None, 2, Change.NEW),
        ("Paper 2", 2, 3, Change.MOVED),
        ("Paper 3", 3, None, Change.GONE),
        ("Paper 4", 4, None, Change.GONE),
    ]
    assert found.issue_labels == ("No. 14", "No. 15")


def test_a_paper_that_got_another_number_or_key_is_the_same() -> None:
    before, now = shown(1, 2), shown(1, 2)
    renumbered, rekeyed = now.pool
    renumbered = replace(renumbered, paper=replace(renumbered.paper, seq=PaperSeq(71)))
    rekeyed = replace(rekeyed, paper=replace(rekeyed.paper, key="doi:10.1/x", title="Paper 2, at last"))
    pool = (renumbered, rekeyed)
    now = replace(now, pool=pool, digest=tuple(DigestEntry(entry.paper.seq) for entry in pool))
    found = difference(before, now).papers
    assert [(each.title, each.change) for each in found] == [("Paper 1", Change.SAME), ("Paper 2, at last", Change.SAME)]


papers = st.lists(st.integers(1, 30), unique=True, max_size=12)


@given(papers, papers)
def test_every_paper_of_both_is_named_once_with_its_places(old: list[int], new: list[int]) -> None:
    found = difference(shown(*old), shown(*new)).papers
    titles = [each.title for each in found]
    assert sorted(titles) == sorted(f"Paper {number}" for number in {*old, *new})
    assert [each.title for each in found if each.now] == [f"Paper {number}" for number in new]
    assert {each.title: each.before for each in found if each.before} == {f"Paper {n}": old.index(n) + 1 for n in old}
    assert [each.now for each in found if each.now] == list(range(1, len(new) + 1))


def test_two_issues_are_compared_with_subject_and_size(app: App, clock: ManualClock, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 3))
    subscribe(app, "a@example.org")
    assert build(app).issue is not None
    clock.advance(timedelta(days=1))
    take_in(app, tmp_path, numbered(4, 9))
    studio, wanted = app.studio(), Wanted(reader=str(app.subscribers.find("a@example.org").id))
    last, now = studio.last(wanted), studio.show(wanted)
    assert last is not None
    found = difference(last, now).to_json()
    assert found["issues"] == ["No. 1", now.issue_label]
    assert found["subjects"] == ["Paper 1, and 2 more papers new to you", "Paper 4, and 4 more papers new to you"]
    sizes = found["html_bytes"]
    assert isinstance(sizes, list)
    assert all(1_000 < size < 90_000 for size in sizes)
    changes = found["papers"]
    assert isinstance(changes, list)
    assert {each["title"]: each["change"] for each in changes} == {
        **{f"Paper {number}": "new" for number in range(4, 9)},
        **{f"Paper {number}": "gone" for number in range(1, 4)},
    }
