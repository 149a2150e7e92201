"""Dates, figures and lengths as people write them, and catalogues that say what is wrong with them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from newsletter.rendering.words.language import ENGLISH, Language

FRIDAY = date(2026, 8, 21)
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


def catalogue(*entries: str) -> str:
    return HEAD + "\n\n".join(entries) + "\n"


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("en", "Friday 21 August 2026"),
        ("de", "Freitag, 21. August 2026"),
        ("fr", "vendredi 21 août 2026"),
        ("es", "viernes, 21 de agosto de 2026"),
        ("ar", "الجمعة، 21 أغسطس 2026"),
    ],
)
def test_a_date_is_written_as_the_language_has_it(code: str, written: str) -> None:
    assert Language(code).date(FRIDAY) == written


@pytest.mark.parametrize(
    ("length", "words", "auf_deutsch"),
    [
        (timedelta(days=7), "7 days", "7 Tage"),
        (timedelta(days=1), "1 day", "1 Tag"),
        (timedelta(hours=36), "36 hours", "36 Stunden"),
        (timedelta(hours=1), "1 hour", "1 Stunde"),
        (timedelta(minutes=90), "90 minutes", "90 Minuten"),
        (timedelta(seconds=90), "90 seconds", "90 Sekunden"),
        (timedelta(seconds=1.4), "1 second", "1 Sekunde"),
    ],
)
def test_a_length_is_said_in_the_largest_unit_it_is_whole_in(length: timedelta, words: str, auf_deutsch: str) -> None:
    assert ENGLISH.lasting(length) == words
    assert Language("de").lasting(length) == auf_deutsch


def test_arabic_has_words_for_one_and_for_two() -> None:
    arabic = Language("ar")
    assert [arabic.lasting(timedelta(days=days)) for days in (1, 2, 3, 11)] == ["يوم", "يومان", "3 أيام", "11 يومًا"]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(days=-1), "1 minute ago"),
        (timedelta(), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=9), "9 hours ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_an_age_is_said_in_hours_for_two_days(age: timedelta, words: str) -> None:
    assert ENGLISH.ago(age) == words


def test_hours_and_zones_are_those_of_the_clock_and_the_map() -> None:
    places = ("Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC")
    assert [ENGLISH.hour(7), *map(ENGLISH.zone, places)] == ["07:00", *places]
    spanish, arabic = Language("es"), Language("ar")
    assert [spanish.hour(17), *map(spanish.zone, places)] == ["17:00", "Berlín", "Buenos Aires", "UTC"]
    assert [arabic.hour(17), arabic.zone("Asia/Tokyo")] == ["5:00 م", "طوكيو"]
    assert arabic.zone("Nowhere/Land") == "Nowhere/Land"


def test_figures_and_lists_are_put_together_as_the_language_has_it() -> None:
    assert [Language(code).number(12345) for code in ("en", "de", "es")] == ["12,345", "12.345", "12.345"]
    assert [Language(code).listed(["A", "B", "C"]) for code in ("en", "de", "fr")] == ["A, B and C", "A, B und C", "A, B et C"]
    assert [ENGLISH.spelled(count) for count in (0, 7, 13)] == ["no", "seven", "13"]
    assert Language("de").spelled(7) == "7"
    assert (Language("pt_BR").tag, Language("ar").direction, ENGLISH.direction) == ("pt-BR", "rtl", "ltr")


def test_a_name_that_runs_the_other_way_is_kept_apart_from_the_sentence() -> None:
    assert ENGLISH.isolated("Tide") == "Tide"
    assert ENGLISH.isolated("\u05e9\u05dc") == "\u2068\u05e9\u05dc\u2069"
    arabic = Language("ar")
    assert arabic.isolated("Tide") == "\u2068Tide\u2069"
    assert arabic.isolated("") == ""


def test_a_catalogue_translates_and_leaves_english_what_it_does_not_have() -> None:
    german = Language.of_catalogue(
        "de",
        catalogue(
            'msgid "Welcome"\nmsgstr "Willkommen"',
            'msgctxt "between names"\nmsgid ", "\nmsgstr "; "',
            'msgid "%(count)s comment"\nmsgid_plural "%(count)s comments"\n'
            'msgstr[0] "ein Kommentar"\nmsgstr[1] "%(count)s Kommentare"',
            'msgid "Abstract"\nmsgstr ""',
            '#, fuzzy\nmsgid "Links"\nmsgstr "Glieder"',
        ),
    )
    assert [german.gettext(word) for word in ("Welcome", "Abstract", "Links", "Code")] == [
        "Willkommen",
        "Abstract",
        "Links",
        "Code",
    ]
    assert german.pgettext("between names", ", ") == "; "
    assert german.ngettext("%(count)s comment", "%(count)s comments", 1) == "ein Kommentar"
    assert german.ngettext("%(count)s comment", "%(count)s comments", 2) == "%(count)s Kommentare"
    assert german.npgettext("x", "a", "b", 2) == "b"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('msgid "A"\nmsgstr "B', "line 7: neither a comment"),
        ('msgid "A"\nmsgstr B"', "line 7: neither a comment"),
        ('mgsid "A"\nmsgstr "B"', "line 6: neither a comment"),
        ('msgid "A"\n\nmsgid "B"\nmsgstr "C"', "line 6: missing msgstr for msgid 'A'"),
        (
            'msgid "%(name)s"\nmsgstr "%(nmae)s"',
            r"line 6: the translation of '%\(name\)s' has %\(nmae\)s, which it is not given",
        ),
        ('msgid "%(name)s"\nmsgstr "%(name)d"', "line 6: .* cannot be filled in"),
        ('msgid "%(name)s"\nmsgstr "100 % %(name)s"', "line 6: .* a percent sign is written %%"),
        ('msgid "A"\nmsgstr "%s"', "line 6: .* which it is not given"),
        ('msgid "A"\nmsgid_plural "B"\nmsgstr[0] "C"', "line 6: .* lacks a plural form; there are 2 of them"),
        ('msgid "A"\nmsgid_plural "B"\nmsgstr[0] "C"\nmsgstr[1] "D"\nmsgstr[2] "E"', "line 6: msg has more translations"),
    ],
)
def test_a_catalogue_that_would_fail_in_a_mail_is_refused_with_its_line(entry: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Language.of_catalogue("de", catalogue(entry))


def test_a_language_nobody_speaks_is_named() -> None:
    with pytest.raises(ValueError, match="nothing is known of the language 'qq'"):
        Language.of_catalogue("qq", catalogue())


def test_a_percent_sign_can_be_had() -> None:
    language = Language.of_catalogue("de", catalogue('msgid "A"\nmsgstr "100 %%"'))
    assert language.gettext("A") % {} == "100 %"
