"""What one more record changes in a paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.identity import names_of
from newsletter.papers.merge import Mention, absorbed, may_be, merged, new_paper
from newsletter.papers.model import Paper, PaperRecord, PaperSeq

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
ID = "2611.01234"


def paper_of(record: PaperRecord) -> Paper:
    return new_paper(record, key=names_of(record)[0], now=NOW)


def test_empty_fields_take_what_comes_and_known_ones_stay() -> None:
    paper = paper_of(PaperRecord(title="T", code_url="https://example.org/a"))
    more = PaperRecord(
        title="Other", abstract="Text.", code_url="https://example.org/b", organization="Example Lab", doi="10.1/x"
    )
    after = merged(paper, more)
    assert (after.title, after.abstract, after.code_url, after.organization) == (
        "T",
        "Text.",
        "https://example.org/a",
        "Example Lab",
    )
    assert after.key == "doi:10.1/x"
    assert merged(after, more) == after


def test_a_newer_version_replaces_title_and_abstract_and_an_older_one_does_not() -> None:
    paper = paper_of(PaperRecord(title="Old", abstract="A long first text.", arxiv_id=ID, version=1))
    second = PaperRecord(title="New", abstract="Short.", arxiv_id=ID, version=2)
    after = merged(paper, second)
    assert (after.title, after.abstract, after.version) == ("New", "Short.", 2)
    assert merged(after, PaperRecord(title="Old", abstract="A long first text.", arxiv_id=ID, version=1)) == after


def test_a_withdrawal_is_marked_for_good_and_does_not_wipe_the_abstract() -> None:
    paper = paper_of(PaperRecord(title="T", abstract="What was done, at length.", arxiv_id=ID, version=1))
    notice = PaperRecord(title="T", abstract="Withdrawn.", arxiv_id=ID, version=2, withdrawn_at=NOW)
    after = merged(paper, notice)
    assert (after.abstract, after.withdrawn_at, after.version) == ("What was done, at length.", NOW, 2)
    assert merged(after, PaperRecord(title="T", arxiv_id=ID, version=3)).withdrawn_at == NOW


@pytest.mark.parametrize("version", [None, 1])
def test_a_mention_replaces_nothing_that_is_known(version: int | None) -> None:
    record = PaperRecord(
        title="T", abstract="Known.", arxiv_id=ID, version=version, authors=("Ada Example",), published_at=NOW, listed_at=NOW
    )
    paper = paper_of(record)
    long_ago = NOW - timedelta(days=9000)
    mention = Mention(
        title="Other",
        abstract="A much longer text than the one that is known.",
        arxiv_id=ID,
        version=9,
        authors=("Bo Sample", "Cy Test"),
        published_at=long_ago,
        listed_at=long_ago,
        withdrawn_at=long_ago,
    )
    assert merged(paper, mention) == paper


def test_a_mention_fills_what_is_not_known() -> None:
    paper = paper_of(PaperRecord(title="T", arxiv_id=ID, version=1))
    after = merged(paper, Mention(title="T", abstract="Text.", arxiv_id=ID, authors=("Ada Example",), categories=("cs.CL",)))
    assert (after.abstract, after.authors, after.categories, after.version) == ("Text.", ("Ada Example",), ("cs.CL",), 1)


def test_names_beat_a_number_of_authors() -> None:
    counted = paper_of(PaperRecord(title="T", author_count=7))
    assert counted.author_count == 7
    named = merged(counted, PaperRecord(title="T", authors=("Ada Example", "Bo Sample")))
    assert named.author_count == 2
    assert merged(named, PaperRecord(title="T", author_count=9)).author_count == 2


def test_a_replacement_of_an_old_paper_is_not_listed_today() -> None:
    old = paper_of(PaperRecord(title="T", arxiv_id="2009.13987", version=3))
    assert old.listed_at == datetime(2020, 9, 30, 23, 59, 59, tzinfo=UTC)
    assert paper_of(PaperRecord(title="T", arxiv_id=ID)).listed_at == NOW
    assert paper_of(PaperRecord(title="T", published_at=NOW - timedelta(days=2))).listed_at == NOW - timedelta(days=2)


def test_different_arxiv_ids_are_different_papers_whatever_else_is_equal() -> None:
    paper = paper_of(PaperRecord(title="T", arxiv_id=ID, doi="10.1/x"))
    twin = PaperRecord(title="T", arxiv_id="2611.09999", doi="10.1/x")
    assert not may_be(paper, twin, by="title:t")
    assert not may_be(paper, twin, by="doi:10.1/x")
    assert may_be(paper, PaperRecord(title="T"), by="title:t")


def test_two_dois_under_one_title_are_two_papers() -> None:
    paper = paper_of(PaperRecord(title="Editorial", doi="10.1/x"))
    assert not may_be(paper, PaperRecord(title="Editorial", doi="10.1/y"), by="title:editorial")


def test_absorbing_keeps_the_first_number_and_the_earliest_dates() -> None:
    first = replace(paper_of(PaperRecord(title="T", listed_at=NOW)), seq=PaperSeq(1))
    second = replace(
        paper_of(PaperRecord(title="T", arxiv_id=ID, abstract="Text.", listed_at=NOW - timedelta(days=3))), seq=PaperSeq(2)
    )
    after = absorbed(first, second)
    assert (after.seq, after.key, after.abstract, after.listed_at) == (1, f"arxiv:{ID}", "Text.", NOW - timedelta(days=3))


records = st.builds(
    PaperRecord,
    title=st.just("T"),
    abstract=st.sampled_from(["", "Short.", "A longer abstract."]),
    arxiv_id=st.just(ID),
    version=st.sampled_from([None, 1, 2]),
    listed_at=st.sampled_from([None, NOW, NOW - timedelta(days=1)]),
    published_at=st.sampled_from([None, NOW - timedelta(days=2)]),
    withdrawn_at=st.sampled_from([None, NOW]),
    categories=st.sampled_from([(), ("cs.CL",), ("cs.LG", "cs.CL")]),
)


@given(records, st.lists(records, max_size=6))
def test_merging_again_changes_nothing_and_nothing_is_lost(first: PaperRecord, more: list[PaperRecord]) -> None:
    paper = paper_of(first)
    for record in more:
        paper = merged(paper, record)
    for record in (first, *more):
        assert set(record.categories) <= set(paper.categories)
        assert record.withdrawn_at is None or paper.withdrawn_at is not None
        assert record.listed_at is None or paper.listed_at <= record.listed_at
        assert not record.abstract or paper.abstract
        assert merged(paper, record) == paper
