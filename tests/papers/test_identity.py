"""Names of papers: every written form of an id is one id, and titles are compared by what they say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.identity import (
    MAX_FINGERPRINT,
    end_of_arxiv_month,
    fingerprint,
    first_doi,
    name_from,
    names_of,
    normal_doi,
    parse_arxiv_id,
)
from newsletter.papers.model import PaperRecord


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2611.01234", ("2611.01234", None)),
        ("2611.01234v2", ("2611.01234", 2)),
        (" 0704.0001v1 ", ("0704.0001", 1)),
        ("quant-ph/0201082v1", ("quant-ph/0201082", 1)),
        ("math.GT/0309136", ("math/0309136", None)),
        ("astro-ph/0601001", ("astro-ph/0601001", None)),
        ("http://arxiv.org/abs/2611.01234v3", ("2611.01234", 3)),
        ("https://www.arxiv.org/pdf/2611.01234v1.pdf", ("2611.01234", 1)),
        ("https://export.arxiv.org/abs/quant-ph/0201082?context=hep", ("quant-ph/0201082", None)),
        ("https://huggingface.co/papers/2611.01234#comments", ("2611.01234", None)),
        ("oai:arXiv.org:2611.01234v1", ("2611.01234", 1)),
        ("arXiv:2611.01234", ("2611.01234", None)),
        ("arXiv: hep-th/9901001v4", ("hep-th/9901001", 4)),
        ("10.48550/arXiv.2611.01234", ("2611.01234", None)),
        ("https://doi.org/10.48550/ARXIV.2611.01234", ("2611.01234", None)),
        ("doi:10.48550/arxiv.quant-ph/0201082", ("quant-ph/0201082", None)),
    ],
)
def test_every_form_of_an_arxiv_id_is_read(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_arxiv_id(text) == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "0000.0000", "2613.01234", "2611.01234v0", "2611.1", "10.1000/xyz", "https://example.org/2611.01234",
             "see 2611.01234", "2611.01234 and more", "arXiv:" + "9" * 1000, "٢٦١١.٠١٢٣٤"],
)  # fmt: skip
def test_what_is_no_arxiv_id_is_not_taken_for_one(text: str) -> None:
    assert parse_arxiv_id(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1093/Bioinformatics/BTAC431", "10.1093/bioinformatics/btac431"),
        ("https://doi.org/10.1000/a%2Fb?utm=x", "10.1000/a/b"),
        ("http://dx.doi.org/10.1000/182", "10.1000/182"),
        ("DOI: 10.1000/182.", "10.1000/182"),
        ("10.1002/(SICI)1096(1996)99:1<1::AID-A1>3.0.CO;2-1", "10.1002/(sici)1096(1996)99:1<1::aid-a1>3.0.co;2-1"),
        ("10.1000/", None),
        ("11.1000/182", None),
        ("10.1000/" + "x" * 400, None),
    ],
)  # fmt: skip
def test_a_doi_is_compared_in_lower_case_without_its_resolver(text: str, expected: str | None) -> None:
    assert normal_doi(text) == expected


def test_the_first_of_several_dois_counts() -> None:
    assert first_doi("10.1103/A.93, 10.1103/B.98;10.1103/C.98") == "10.1103/a.93"
    assert first_doi("none here") is None


@pytest.mark.parametrize(
    "other",
    [
        "tiny models,  long memory",
        "Tiny Models, Long\n  Memory",
        "{Tiny} $\\textbf{Models}$, Long~Memory",
        "Ｔｉｎｙ Models: long-memory!",  # noqa: RUF001 - full-width letters are the point
        "\\emph{Tiny Models}, \\textsc{Long} Memory",
    ],
)
def test_looks_do_not_make_another_title(other: str) -> None:
    assert fingerprint(other) == fingerprint("Tiny Models, Long Memory")


def test_different_words_make_different_titles() -> None:
    titles = ["GPT-4", "GPT-5", "Schrödinger", "Schradinger", "कि", "का"]
    assert len({fingerprint(title) for title in titles}) == len(titles)


@pytest.mark.parametrize("title", ["", "…!?", "$$ {} $$", "\u0301"])
def test_a_title_without_letters_or_digits_has_no_fingerprint(title: str) -> None:
    assert fingerprint(title) is None


@given(st.text(max_size=1200))
def test_a_fingerprint_fits_its_column_and_is_stable(title: str) -> None:
    mark = fingerprint(title)
    assert mark == fingerprint(title)
    assert mark is None or 0 < len(mark) <= MAX_FINGERPRINT


def test_long_titles_that_differ_at_the_end_are_different() -> None:
    assert fingerprint("a" * 400) != fingerprint("a" * 401)
    assert len("title:" + (fingerprint("a" * 10_000) or "")) <= 320


def test_names_come_most_certain_first() -> None:
    record = PaperRecord(title="Tiny Models", arxiv_id="2611.01234", doi="10.1000/182")
    assert names_of(record) == ("arxiv:2611.01234", "doi:10.1000/182", "title:tinymodels")
    assert names_of(PaperRecord(title="?")) == ()


def test_a_reference_in_any_form_leads_to_a_name() -> None:
    assert name_from("https://arxiv.org/abs/2611.01234v2") == "arxiv:2611.01234"
    assert name_from("doi:10.1000/ABC") == "doi:10.1000/abc"
    assert name_from("title:tinymodels") == "title:tinymodels"
    assert name_from("tiny models") is None


def test_an_arxiv_id_tells_its_month() -> None:
    assert end_of_arxiv_month("2611.01234") == datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert end_of_arxiv_month("quant-ph/9912082") == datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
