"""What is said of papers that readers got before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest.corrections import corrections_of, told
from newsletter.digest.model import Correction, CorrectionKind
from newsletter.papers.model import PaperChange, PaperSeq
from tests.samples import LISTED, paper

SEQ = PaperSeq(1)
NOW = paper(title="The Title Now")
SHOWN = {SEQ: LISTED}


def change(days: float, seq: PaperSeq = SEQ, **before: object) -> PaperChange:
    """A change so many days after the paper was first shown."""
    return PaperChange(seq, LISTED + timedelta(days=days), before)


def said(*changes: PaperChange, **now: object) -> list[Correction]:
    """What is said of the paper after these changes; ``now`` are facts that it has besides its title."""
    return corrections_of(changes, {SEQ: replace(NOW, **now)}, SHOWN)  # type: ignore[arg-type]  # fields of Paper by name, which types cannot follow


def for_reader(corrections: list[Correction], got: float) -> list[tuple[str, str]]:
    """What somebody is told who got the paper in an issue frozen so many days after it was first shown."""
    due = {each.position for each in corrections if each.changed_at > LISTED + timedelta(days=got)}
    return [(each.kind.value, each.title_before) for each in told(corrections, due)]


def test_another_title_is_said_with_the_one_before() -> None:
    assert said(change(1, title="A Title Before")) == [
        Correction(0, CorrectionKind.RETITLED, NOW, "A Title Before", LISTED + timedelta(days=1))
    ]


def test_a_title_that_looks_the_same_is_no_other_title() -> None:
    for before in ("the title  now", "The Title, Now!", r"The \textbf{Title} Now", "The $Title$ Now"):
        assert said(change(1, title=before)) == [], before


def test_other_facts_are_nobodys_news() -> None:
    assert said(change(1, abstract="before", version=1)) == []


def test_what_changed_before_anybody_got_the_paper_is_not_said() -> None:
    assert said(change(-1, title="A Title Before"), change(0, title="Another")) == []


def test_a_paper_that_was_in_no_issue_is_left_out() -> None:
    assert corrections_of([change(1, title="Before")], {SEQ: NOW}, {}) == []
    assert corrections_of([change(1, title="Before")], {}, SHOWN) == []


def test_of_a_title_that_changed_twice_everybody_is_told_the_one_he_got() -> None:
    found = said(change(1, title="First"), change(3, title="Second"))
    assert [for_reader(found, got) for got in (0, 2, 4)] == [[("retitled", "First")], [("retitled", "Second")], []]
    assert {each.paper.title for each in found} == {NOW.title}


def test_of_a_title_that_changed_back_only_who_got_the_other_one_is_told() -> None:
    found = said(change(1, title=NOW.title), change(3, title="Second"))
    assert [for_reader(found, got) for got in (0, 2, 4)] == [[], [("retitled", "Second")], []]
    assert said(change(1, title=NOW.title.upper()), change(3, title=NOW.title.lower())) == []


def test_a_withdrawal_is_said_by_the_title_that_readers_know() -> None:
    found = said(change(1, withdrawn_at=None, title="The Title Then"), withdrawn_at=LISTED, title="WITHDRAWN: The Title Then")
    assert [(each.kind, each.title_before) for each in found] == [(CorrectionKind.WITHDRAWN, "The Title Then")]


def test_of_a_withdrawn_paper_no_other_title_is_said() -> None:
    found = said(change(1, title="First"), change(2, withdrawn_at=None), change(3, title="Second"), withdrawn_at=LISTED)
    assert for_reader(found, 0) == [("withdrawn", "Second")]


def test_a_corrected_date_is_no_second_withdrawal() -> None:
    found = said(change(1, withdrawn_at=None), change(2, withdrawn_at=LISTED), withdrawn_at=LISTED - timedelta(days=1))
    assert [each.changed_at for each in found] == [LISTED + timedelta(days=1)]
    # The withdrawal is older than what is looked at.
    assert said(change(2, withdrawn_at=LISTED), withdrawn_at=LISTED - timedelta(days=1)) == []


def test_a_paper_that_is_back_is_not_said_to_be_withdrawn() -> None:
    assert said(change(1, withdrawn_at=None), change(2, withdrawn_at=LISTED), withdrawn_at=None) == []


def test_a_change_of_a_record_that_became_part_of_another_is_the_others() -> None:
    home = paper(1, title="The Title Now", absorbed=(PaperSeq(9),))
    found = corrections_of([change(1, PaperSeq(9), title="Before")], {PaperSeq(9): home, SEQ: home}, SHOWN)
    assert [(each.paper.seq, each.title_before) for each in found] == [(SEQ, "Before")]


def test_withdrawals_come_first_then_the_latest_change() -> None:
    papers = {
        PaperSeq(seq): paper(seq, title="The Title Now", withdrawn_at=LISTED if seq == 2 else None) for seq in (1, 2, 3, 4)
    }
    changes = [
        change(1, PaperSeq(1), title="a"),
        change(2, PaperSeq(2), withdrawn_at=None),
        change(3, PaperSeq(4), title="b"),
        change(3, PaperSeq(3), title="c"),
    ]
    found = corrections_of(changes, papers, dict.fromkeys(papers, LISTED))
    assert [(each.position, each.paper.seq) for each in found] == [(0, 2), (1, 3), (2, 4), (3, 1)]


@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=6), st.integers(0, 6))
def test_a_reader_is_told_what_he_got_it_as_exactly_if_it_is_called_otherwise_now(titles: list[str], got: int) -> None:
    """The paper has the titles one after another, a day each; the reader gets it on one of those days, or after them."""
    changes = [change(day, title=f"Title {title}") for day, title in enumerate(titles[:-1], start=1)]
    found = said(*changes, title=f"Title {titles[-1]}")
    had = titles[min(got, len(titles) - 1)]
    assert for_reader(found, got) == ([("retitled", f"Title {had}")] if had != titles[-1] else [])
