"""The text of a Daily Papers page, in all its variations."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.sources.text_page import PageEntry, PrintedDate, parse, read_page

HEADER = "new\n\nGet trending papers in your email inbox!\n\nSubscribe\n\nDaily Papers\n\nbyAK and the research community\n\n"
LONG = "We study a thing in depth and find that it holds. " * 12
OTHER = "Another approach is shown to work better than all before it. " * 12
A, B = LONG.strip(), OTHER.strip()


def titles(text: str) -> list[str]:
    return [entry.title for entry in read_page(text).entries]


def test_titles_and_abstracts_take_turns() -> None:
    page = read_page(f"{HEADER}Mar 11\n\nFirst Title\n\n{A}\n\nSecond Title?\n\n{B}\n")
    assert page.date == PrintedDate(3, 11)
    assert page.entries == (PageEntry("First Title", A), PageEntry("Second Title?", B))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "header", ["", HEADER, "\ufeff" + HEADER, "Mar 11\n\n", "Tue, Mar 11\n", "new\nSubscribe\nMarch 11, 2025\n"]
)
def test_head_and_line_ends_do_not_matter(newline: str, header: str) -> None:
    text = (
        f"{header}First Title\n\n{A}\n\n  • 1 authors\n·\nDec 20 1\n\nSecond Title\n\n{B}\n\n  • 12 authors\n·\nOct 15, 2024\n"
    )
    assert read_page(text.replace("\n", newline)).entries == (
        PageEntry("First Title", A, 1, PrintedDate(12, 20)),
        PageEntry("Second Title", B, 12, PrintedDate(10, 15, 2024)),
    )


@pytest.mark.parametrize(
    ("tail", "count", "printed"),
    [
        ("  • 1,234 authors\n·\nDec 20 1,024", 1234, PrintedDate(12, 20)),
        ("• 1.2k authors\n·\nDec 20 3.4k", 1200, PrintedDate(12, 20)),
        ("• 7 authors\n\n·\n\nSept 5, 2024 3", 7, PrintedDate(9, 5, 2024)),
        ("• 7 authors · Oct 15, 2024", 7, PrintedDate(10, 15, 2024)),
        ("• 7 authors\n·\nOct 15, 2024\n12", 7, PrintedDate(10, 15, 2024)),
        ("·\nOct 15", None, PrintedDate(10, 15)),
        ("• 1 author", 1, None),
    ],
)
def test_the_lines_after_a_paper_come_in_many_forms(tail: str, count: int | None, printed: PrintedDate | None) -> None:
    first, second = read_page(f"Title\n\n{A}\n\n{tail}\n\nOther Title\n\n{B}\n\n• 2 authors\n·\nMay 30\n").entries[:2]
    assert (first.title, first.abstract, first.author_count) == ("Title", A, count)
    assert first.printed == printed
    assert second == PageEntry("Other Title", B, 2, PrintedDate(5, 30))


def test_an_abstract_may_have_several_paragraphs() -> None:
    first_tail = "• 3 authors\n·\nMay 30"
    paragraphs = f"{A}\n\nCode: https://example.org/x\n\n{B}\n\nA closing line"
    tails = f"Title\n\n{paragraphs}\n\n{first_tail}\n\nNext\n\n{B}\n\n• 1 authors\n"
    first, second = read_page(tails).entries
    assert (first.title, second.title) == ("Title", "Next")
    assert first.abstract == f"{A} Code: https://example.org/x {B} A closing line"
    assert titles(f"Title\n\n{A}\n\nWe release it all.\n\nNext\n\n{B}\n\n{A}\n\nCode at https://example.org/y") == [
        "Title",
        "Next",
    ]


def test_an_abstract_may_be_missing() -> None:
    assert titles(f"First\n\nSecond\n\n{A}\n\nThird\n\nFourth\n\n{B}\n\nFifth") == [
        "First",
        "Second",
        "Third",
        "Fourth",
        "Fifth",
    ]
    tails = f"First\n\n• 3 authors\n·\nMay 30\n\nSecond\n\n{A}\n\n• 4 authors\n·\nMay 31\n"
    assert read_page(tails).entries == (
        PageEntry("First", "", 3, PrintedDate(5, 30)),
        PageEntry("Second", A, 4, PrintedDate(5, 31)),
    )


def test_a_paper_without_its_tail_among_others_is_not_swallowed() -> None:
    text = f"First\n\n{A}\n\nSecond\n\n{B}\n\n• 3 authors\n·\nMay 30\n"
    assert read_page(text).entries == (PageEntry("First", A), PageEntry("Second", B, 3, PrintedDate(5, 30)))


@pytest.mark.parametrize(
    "title",
    [
        "Dec 20: A Survey", "June 4", "1984", "GPT-4 vs. 12 Authors: 2024 Results", "100 Years · 7 Lessons", "New",
        "May 68 in Retrospect", "Is Attention All You Need?", "Attention Is All You Need.", "Subscribe to Me: A Survey",
        "Oct 15, 2024",
    ],
)  # fmt: skip
def test_a_title_may_look_like_something_else(title: str) -> None:
    plain_page = f"{HEADER}Mar 11\n\nFirst Title\n\n{A}\n\n{title}\n\n{B}\n\nLast Title\n\n{A}\n"
    assert titles(plain_page) == ["First Title", title, "Last Title"]
    tail = "  • 2 authors\n·\nMay 30 4\n\n"
    assert titles(f"{HEADER}Mar 11\n\nFirst Title\n\n{A}\n\n{tail}{title}\n\n{B}\n\n{tail}Last Title\n\n{A}\n\n{tail}") == [
        "First Title",
        title,
        "Last Title",
    ]


def test_lines_wrapped_by_hand_are_joined() -> None:
    wrapped = "\n".join(A[start : start + 80].strip() for start in range(0, len(A), 80))
    (entry,) = read_page(f"A Title Over\nTwo Lines\n\n{wrapped}\n").entries
    assert entry.title == "A Title Over Two Lines"
    assert len(entry.abstract) > 500


@pytest.mark.parametrize(
    ("observed", "page", "paper"),
    [
        (date(2026, 8, 17), date(2025, 12, 31), date(2025, 12, 20)),
        (date(2025, 12, 31), date(2025, 12, 31), date(2025, 12, 20)),
        (date(2025, 12, 30), date(2024, 12, 31), date(2024, 12, 20)),
    ],
)
def test_a_date_without_a_year_is_the_latest_that_can_be(observed: date, page: date, paper: date) -> None:
    (one,) = parse(f"{HEADER}Dec 31\n\nTitle\n\n{A}\n\n• 1 authors\n·\nDec 20 1", observed_on=observed).observations
    assert one.record.listed_at == datetime(page.year, page.month, page.day, tzinfo=UTC)
    assert one.record.published_at == datetime(paper.year, paper.month, paper.day, tzinfo=UTC)


def test_the_29th_of_february_is_found_in_its_year() -> None:
    assert PrintedDate(2, 29).resolve(not_after=date(2026, 8, 17)) == date(2024, 2, 29)
    assert PrintedDate(2, 30).resolve(not_after=date(2026, 8, 17)) is None
    assert PrintedDate(2, 29, 2025).resolve(not_after=date(2026, 8, 17)) is None


def test_a_page_without_a_date_lists_at_no_time() -> None:
    (one,) = parse(f"Title\n\n{A}", observed_on=date(2026, 8, 17)).observations
    assert one.record.listed_at is None


@given(st.text())
@example("·")
@example("Dec 31")
@example("• 9,,9k authors\n• 1.k authors\n·\nDec 99")
def test_any_text_is_read_without_a_fault(text: str) -> None:
    read_page(text)
    parse(text, observed_on=date(2026, 8, 17))


@pytest.mark.shared_data
@pytest.mark.parametrize("page", ["a", "b", "c", "d"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_recorded_pages_are_read_as_their_twins_say(shared_data: Path, page: str, newline: str) -> None:
    twin = json.loads((shared_data / "seed_pages" / f"page-{page}.json").read_bytes())
    text = (shared_data / "seed_pages" / f"page-{page}.txt").read_text(encoding="utf-8")
    for variation in (text, text.removeprefix("\n".join(f"{line}\n" for line in twin["header_lines"]))):
        read = read_page(variation.replace("\n", newline))
        assert read.date is not None
        assert f"{'JanFebMarAprMayJunJulAugSepOctNovDec'[3 * read.date.month - 3 :][:3]} {read.date.day}" == twin["page_date"]
        assert [(one.title, one.abstract, one.author_count) for one in read.entries] == [
            (one["title"], one["abstract"], one["n_authors"]) for one in twin["papers"]
        ]
