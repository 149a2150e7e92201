"""Interests in and out: the JSON kept in the database, and the words people write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from subscribers.model import Interests

#: Entries of one kind, and characters of one entry.
MAX_WORDS = 200
MAX_WORD_LENGTH = 100

_KINDS = tuple(kind.name for kind in fields(Interests))
_ARCHIVES_WITH_SUBJECTS = "astro-ph|cond-mat|cs|econ|eess|math|nlin|physics|q-bio|q-fin|stat"
_ARCHIVES = "astro-ph|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math-ph|nucl-ex|nucl-th|quant-ph"
#: arXiv's category names (its taxonomy page): an archive alone, which stands for all its subjects, or with one of them.
_CATEGORY = re.compile(rf"(?:{_ARCHIVES_WITH_SUBJECTS})(?:\.[a-z-]{{2,12}})?|{_ARCHIVES}", re.IGNORECASE | re.ASCII)
#: Archives whose subjects are words in small letters; those of all others are abbreviations in capitals.
_WITH_SMALL_LETTERS = frozenset({"cond-mat", "physics"})
_ARCHIVE = re.compile(rf"{_ARCHIVES_WITH_SUBJECTS}|{_ARCHIVES}")
_QUOTED = r'"(?:[^"]|"")*"'
#: Where a quotation mark opens: a blank, a semicolon or nothing before it, and a minus at most.
_OPENING = r'(?<![^\s;])-?(?=")'
#: An entry of a list that is quoted as a whole, and any other; up to the semicolon behind it.
_WHOLE = re.compile(rf"\s*({_QUOTED})\s*(?:;|\Z)")
_OTHER = re.compile(rf"((?:{_OPENING}{_QUOTED}|(?!{_OPENING})[^;])*)(?:;|\Z)")
#: What is quoted inside an entry.
_INNER = re.compile(_OPENING + _QUOTED)
#: A part of an entry of keywords: quoted or a single word, with a minus or without.
_PART = re.compile(rf'(-?)({_QUOTED})(?=\s|\Z)|(-)(?=[^\W_])(\S+)|(?!-?")(\S+)')


def interests_to_json(interests: Interests) -> dict[str, Any]:
    """Return what is kept in the database: lists by kind, empty ones left out."""
    return {kind: list(words) for kind in _KINDS if (words := getattr(interests, kind))}


def interests_from_json(stored: Mapping[str, Any]) -> Interests:
    """Return the interests in ``stored``; kinds this version does not know are left out."""
    return Interests(**{kind: tuple(stored[kind]) for kind in _KINDS if kind in stored}) if stored else Interests()


def parse_topics(text: str) -> Interests:
    """Return the interests in a list like ``cs.CL; cs.CV; diffusion models``: arXiv categories, all else keywords.

    Raises:
        ValueError: as :func:`split_phrases`.
    """
    found = {word: category_of(word) for word in split_phrases(text)}
    return Interests(
        categories=tuple(dict.fromkeys(category for category in found.values() if category)),
        keywords=tuple(word for word, category in found.items() if category is None),
    )


def category_of(text: str) -> str | None:
    """Return ``text`` as arXiv spells it (``cs.CL`` for ``CS.cl``), or None if it is not made like a category's name."""
    if _CATEGORY.fullmatch(text) is None:
        return None
    archive, _, subject = text.lower().partition(".")
    if not subject:
        return archive
    return f"{archive}.{subject if archive in _WITH_SMALL_LETTERS else subject.upper()}"


def is_archive(text: str) -> bool:
    """Whether ``text`` is the name of one of arXiv's archives, such as ``cs``, which stands for all of ``cs.*``."""
    return _ARCHIVE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Phrases:
    """What an entry of keywords or muted words asks for: a paper has all of ``wanted`` and none of ``unwanted``."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()


def parse_phrases(entry: str) -> Phrases:
    """Read an entry like ``diffusion models -image -"stable diffusion"``.

    Words that follow one another are one phrase. Quotation marks make a phrase of what is between them, so that
    ``"diffusion" "planning"`` asks for both, wherever they stand. A minus before a word or a quoted phrase leaves out the
    papers that have it.

    Raises:
        ValueError: a quotation mark is left open, or nothing is asked for; says so in words for whoever wrote it.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    run: list[str] = []
    place = 0
    while place < len(entry):
        if entry[place].isspace():
            place += 1
            continue
        part = _PART.match(entry, place)
        if part is None:
            raise ValueError("a quotation mark is not closed, or there is no blank beside it")
        place = part.end()
        minus, quoted, dash, left_out, word = part.groups()
        if word:
            run.append(word)
            continue
        wanted, run = [*wanted, *_phrase(run)], []
        phrase = quoted[1:-1].replace('""', '"') if quoted else left_out
        (unwanted if minus or dash else wanted).extend(_phrase([phrase]))
    wanted.extend(_phrase(run))
    if not wanted and unwanted:
        raise ValueError(
            "it only leaves out; name a word that papers must have as well, or write it under muted words without the minus"
        )
    if not wanted:
        raise ValueError("it has no word that papers must have")
    return Phrases(tuple(wanted), tuple(unwanted))


def _phrase(words: Iterable[str]) -> list[str]:
    """Return the phrase of some words as a list of one; empty if it has no letter and no digit to be found by."""
    phrase = " ".join(words)
    return [phrase] if any(map(str.isalnum, phrase)) else []


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a list with semicolons; one that is quoted as a whole loses its quotation marks, as in CSV.

    A semicolon in quotation marks does not end a word. Surrounding blanks, empty and repeated entries are dropped.

    Raises:
        ValueError: more or longer words than are kept, an open quotation mark, a line break or a control character.
    """
    words = tuple(dict.fromkeys(word for entry, _ in _entries(text.strip()) if (word := " ".join(entry.split()))))
    if len(words) > MAX_WORDS or any(len(word) > MAX_WORD_LENGTH for word in words):
        raise ValueError(f"a list holds more than {MAX_WORDS} words or one of more than {MAX_WORD_LENGTH} characters")
    if not all(word.isprintable() for word in words):
        raise ValueError("a word holds a control character")
    return words


def split_phrases(text: str) -> tuple[str, ...]:
    """Return the words of a list, as :func:`split_words`, each of which :func:`parse_phrases` can read.

    Raises:
        ValueError: as :func:`split_words`; or a word cannot be looked for, or has a comma outside quotation marks, which
            was meant to part two.
    """
    words = split_words(text)
    for entry, is_quoted in _entries(text.strip()):
        if not is_quoted and _has_comma(entry):
            raise ValueError(
                f"{entry.strip()} cannot be looked for: it has a comma; write semicolons between them: agents; diffusion models"
            )
    for word in words:
        try:
            parse_phrases(word)
        except ValueError as error:
            raise ValueError(f"{word} cannot be looked for: {error}") from error
    return words


def _entries(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each entry without the quotation marks around it, and whether it had such."""
    if "\n" in text or "\r" in text:
        raise ValueError("a list holds a line break; write semicolons in its place")
    place = 0
    while place < len(text):
        found = _WHOLE.match(text, place) or _OTHER.match(text, place)
        if found is None:
            raise ValueError("a quotation mark is not closed")
        is_quoted = found.re is _WHOLE
        yield found[1][1:-1].replace('""', '"') if is_quoted else found[1], is_quoted
        place = found.end()


def _has_comma(entry: str) -> bool:
    return "," in _INNER.sub("", entry)


def join_words(words: Iterable[str], *, are_names: bool = False) -> str:
    """Return the text that :func:`split_words` takes apart again.

    Unless they are names, in which a comma is nothing special, :func:`split_phrases` does too: words with a comma are quoted.
    """
    return ";".join(
        word if _stands_alone(word) and (are_names or not _has_comma(word)) else '"{}"'.format(word.replace('"', '""'))
        for word in words
    )


def _stands_alone(word: str) -> bool:
    try:
        return list(_entries(word)) == [(word, False)]
    except ValueError:
        return False
