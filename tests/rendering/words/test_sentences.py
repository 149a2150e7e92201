"""What sentences say in the packaged languages: the right plural, no other language's words, no name that turns a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from newsletter.digest.model import LATE_PART, CorrectionKind
from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.words.language import Language
from newsletter.rendering.words.sentences import (
    author_words,
    correction_words,
    intro,
    match_words,
    preheader,
    receipt_words,
    rhythm,
    subject,
)
from newsletter.trending.model import ReceiptPart
from subscribers.model import Cadence
from tests.rendering.samples import RECEIPT, SHORT_PAPER, late_entry, paper

CODES = ("en", "de", "fr", "es", "ar")


@pytest.fixture(scope="module")
def languages() -> Mapping[str, Language]:
    folder = TemplateFolder()
    return {code: Templates.of(folder, "quiet", code).language for code in CODES}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de", "Lantern und 1 weitere Arbeit, neu für Sie"),
        ("fr", "Lantern, et 1 autre article nouveau pour vous"),
        ("es", "Lantern y 1 artículo más, nuevo para ti"),
        ("ar", "\u2068Lantern\u2069، وورقة أخرى جديدة لك"),
    ],
)
def test_one_more_paper_is_said_in_the_singular(languages: Mapping[str, Language], code: str, words: str) -> None:
    assert subject(["Lantern: A Model", "Tide"], languages[code]) == words


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (2, "وورقتان أخريان جديدتان لك"),
        (3, "و3 أوراق أخرى جديدة لك"),
        (10, "و10 أوراق أخرى جديدة لك"),
        (11, "و11 ورقة أخرى جديدة لك"),
        (59, "و59 ورقة أخرى جديدة لك"),
        (100, "و100 ورقة أخرى جديدة لك"),
        (103, "و103 أوراق أخرى جديدة لك"),
    ],
)
def test_arabic_counts_in_its_six_forms(languages: Mapping[str, Language], more: int, words: str) -> None:
    assert subject(["Tide"] * (1 + more), languages["ar"]) == f"\u2068Tide\u2069، {words}"


def test_the_facts_of_a_paper_are_said_in_german(languages: Mapping[str, Language]) -> None:
    german = languages["de"]
    from_nine = RECEIPT.__class__(
        at=RECEIPT.at, score=1.0, parts=(), votes=1258, votes_gained=1200, comments=1, stars=15200, rank_before=9
    )
    assert receipt_words(from_nine, 2, SHORT_PAPER, german) == [
        "+1.200 Stimmen seit gestern",
        "Rang 9 → 2",
        "15.200 Sterne für den Code",
        "1 Kommentar",
    ]
    assert match_words("keyword:planning", german) == "passt zu Ihrem Thema „planning“"
    assert [rhythm(cadence, german) for cadence in Cadence] == [
        "jeden Tag",
        "montags bis freitags",
        "jede Woche",
        "jeden Monat",
    ]
    assert intro(["Lantern: A", "Tide"], 1, ["keyword:x"], german) == (
        "2 Arbeiten, neu für Sie. Lantern führt mit 1 Stimme. Zu Ihrem Thema „x“: 1."
    )


def test_in_arabic_names_stand_apart_and_the_arrow_turns(languages: Mapping[str, Language]) -> None:
    arabic = languages["ar"]
    many = paper(1, authors=("A B", "C D", "E F"), author_count=12)
    assert author_words(many, arabic) == "\u2068A B\u2069، \u2068C D\u2069، \u2068E F\u2069 و9 آخرون"
    assert preheader(["Lantern", "Tide", "Seven"], "", arabic) == "وأيضًا: \u2068Tide\u2069 و\u2068Seven\u2069"
    receipt = RECEIPT.__class__(at=RECEIPT.at, score=1.0, parts=(), votes=92, votes_gained=58, rank_before=9)
    assert receipt_words(receipt, 2, SHORT_PAPER, arabic) == ["\u200e+58 صوتًا منذ أمس", "المرتبة 9 ← 2"]


@pytest.mark.parametrize(
    ("forecast", "votes", "words"),
    [
        (118.4, 92, "on course for about 120 votes"),
        (118.4, 97, None),
        (42.0, 7, "on course for about 40 votes"),
        (43.0, 7, "on course for about 45 votes"),
        (12.4, None, "on course for about 10 votes"),
        (7.4, 0, None),
        (1234.0, 200, "on course for about 1,200 votes"),
        (994.0, 200, "on course for about 990 votes"),
        (None, 92, None),
    ],
)
def test_a_forecast_is_said_roughly_and_where_it_is_well_above_the_votes(
    languages: Mapping[str, Language], forecast: float | None, votes: int | None, words: str | None
) -> None:
    receipt = RECEIPT.__class__(at=RECEIPT.at, score=1.0, parts=(), votes=votes, votes_gained=2, forecast=forecast)
    said = receipt_words(receipt, 1, SHORT_PAPER, languages["en"])
    assert said == ["+2 votes since yesterday", *([words] if words else [])]


def test_a_forecast_is_said_of_papers_listed_in_the_last_four_days_only(languages: Mapping[str, Language]) -> None:
    def said(age: timedelta) -> list[str]:
        receipt = RECEIPT.__class__(at=SHORT_PAPER.listed_at + age, score=1.0, parts=(), votes=98, forecast=190.0)
        return receipt_words(receipt, 1, SHORT_PAPER, languages["en"])

    assert said(timedelta(days=4, seconds=-1)) == ["listed 4 days ago", "on course for about 190 votes"]
    assert said(timedelta(days=4)) == ["listed 4 days ago"]


def test_a_late_bloomer_says_its_votes_and_when_it_was_listed_and_no_more(languages: Mapping[str, Language]) -> None:
    late = late_entry(9, "Late")
    receipt = RECEIPT.__class__(
        at=RECEIPT.at, score=1.0, parts=late.receipt.parts, votes=131, votes_gained=40, comments=3, stars=9, forecast=500.0
    )
    said = [receipt_words(receipt, 9, late.paper, languages[code]) for code in ("en", "de", "fr")]
    assert said == [
        ["+85 votes in 2 days", "listed 3 weeks ago"],
        ["+85 Stimmen (2 Tage)", "gelistet vor 3 Wochen"],
        ["+85 votes en 2\u00a0jours", "paru il y a 3 semaines"],
    ]


def test_what_a_readers_opinions_speak_for_is_said(languages: Mapping[str, Language]) -> None:
    assert match_words("taste:maps", languages["en"]) == "like what you marked: “maps”"
    assert match_words("taste:", languages["en"]) == ""


def test_a_correction_is_said_in_the_language_and_its_title_stands_apart(languages: Mapping[str, Language]) -> None:
    day = date(2026, 8, 19)
    assert (
        correction_words(CorrectionKind.WITHDRAWN, "x", day, languages["de"]) == "Zurückgezogen am Mittwoch, 19. August 2026."
    )
    said = correction_words(CorrectionKind.RETITLED, "Maps", day, languages["ar"])
    assert "\u2068Maps\u2069" in said


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_of_any_language_has_a_gap_left(languages: Mapping[str, Language], code: str) -> None:
    language = languages[code]
    said = [rhythm(cadence, language) for cadence in Cadence]
    for count in (1, 2, 3, 11, 100):
        titles = ["Tide: %(title)s 100 %"] * count
        said += [subject(titles, language), preheader(titles, "", language), intro(titles, count, ["lab:X"] * count, language)]
        receipt = RECEIPT.__class__(
            at=RECEIPT.at, score=1.0, parts=(), votes=200, votes_gained=count, comments=count, stars=count, rank_before=300,
            forecast=300.0 * count,
        )  # fmt: skip
        said += receipt_words(receipt, count, SHORT_PAPER, language)
        late = ReceiptPart(LATE_PART, 0.0, figures=(("gained", float(count)), ("hours", 48.0)))
        said += receipt_words(replace(receipt, parts=(late,)), count, SHORT_PAPER, language)
        said.append(author_words(paper(1, author_count=3 + count), language))
    said += [match_words(f"{kind}:100 %", language) for kind in ("author", "lab", "keyword", "taste")]
    said += [correction_words(kind, "100 %", date(2026, 8, 19), language) for kind in CorrectionKind]
    for sentence in said:
        assert sentence
        assert "%(" not in sentence.replace("%(title)s", "")
        assert "!" not in sentence
