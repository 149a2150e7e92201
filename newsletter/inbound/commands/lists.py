"""Lists behind a command word: topics, keywords, muted words, and the names that are followed. None: it is none of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from newsletter.inbound.commands.folding import words_of
from newsletter.inbound.commands.model import Follow, Keywords, Mute, Topics
from newsletter.inbound.commands.vocabulary import vocabulary
from newsletter.papers.categories import NAMES
from subscribers.interests import category_of, is_archive, join_words, split_phrases

LONGEST_NAME = 100
#: Words of a name or of what is muted; more are prose.
MOST_NAME_WORDS = 6


def topics_of(text: str) -> Topics | None:
    """Return the topics: ``+cs.CL -cs.CV``, ``cs.CL, machine learning``, ``all``; what is no category is a keyword.

    A plain list takes the place of all categories there were; one without any category leaves them.
    """
    text = _without_only(text)
    signed = _signed(text)
    if signed is not None:
        add, add_words = _categories([entry for entry, is_added in signed if is_added])
        drop, drop_words = _categories([entry for entry, is_added in signed if not is_added])
        words = _entries([*add_words, *drop_words])
        if words is None or not signed:
            return None
        return Topics(add, drop, tuple(add_words), tuple(drop_words))
    if _is_all(text):
        return Topics(replaces=True)
    add, add_words = _categories(_listed(text))
    if _entries(add_words) is None or not (add or add_words) or _is_prose(text, add_words):
        return None
    return Topics(add=add, add_words=tuple(add_words), replaces=bool(add))


def keywords_of(text: str) -> Keywords | None:
    """Return the entries: ``+"state space" -x``, ``agents, diffusion models``, ``none``."""
    text = _without_only(text)
    signed = _signed(text)
    if signed is not None:
        add = _entries([entry for entry, is_added in signed if is_added])
        drop = _entries([entry for entry, is_added in signed if not is_added])
        return None if not signed or add is None or drop is None else Keywords(add, drop)
    if _is_all(text):
        return Keywords(replaces=True)
    listed = _listed(text)
    entries = None if _is_prose(text, listed) else _entries(listed)
    return Keywords(entries, replaces=True) if entries else None


def follows_of(text: str, *, is_on: bool) -> tuple[Follow, ...] | None:
    """Return the names, one or several with commas or "and" between; None if one is none.

    Of one that says it is a lab's, or could be, with a single word before or behind the "and", that is a part.
    """
    entries: list[str] = []
    for entry in _listed(text):
        parts = [entry] if '"' in text else _parts(entry)
        words = [words_of(part) for part in parts]
        said = words_of(entry)
        is_marked = bool(said) and said[0].text in _set("lab_marks")
        is_single = any(len(part) == 1 and part[0].text not in _set("companies") for part in words)
        is_one = is_marked or (is_single and any(word.text in _set("labs") for word in said)) or not all(words)
        entries += [entry] if is_one else parts
    found = [_follow_of(entry, is_on=is_on) for entry in entries]
    follows = [follow for follow in found if follow is not None]
    return tuple(follows) if follows and len(follows) == len(found) else None


def _follow_of(text: str, *, is_on: bool) -> Follow | None:
    """Return the name: ``Ada Example``, ``lab Example Institute``. It is that of a lab where it says so, or is one word."""
    bare = text.strip(' .,;:!"@')
    words = words_of(bare)
    marks = _set("author_marks") | _set("lab_marks")
    mark = words[0].text if words and words[0].text in marks and len(words) > 1 else ""
    name = " ".join((bare[words[0].end :] if mark else bare).strip(' .,;:!"@').split())
    words = words[1:] if mark else words
    if not name or not words or words[0].text in _set("no_names") or len(words) > MOST_NAME_WORDS or len(name) > LONGEST_NAME:
        return None
    if not name.isprintable() or "?" in name:
        return None
    is_lab = mark in _set("lab_marks") or (
        mark not in _set("author_marks") and (len(words) == 1 or any(w.text in _set("labs") | _set("companies") for w in words))
    )
    return Follow(name, is_lab, is_on)


def mute_of(text: str, *, is_on: bool) -> Mute | None:
    """Return the words to mute: ``blockchain``, ``"model cards", surveys``."""
    words = words_of(text)
    if not words or words[0].text in _set("no_names"):
        return None
    listed = _listed(text)
    if '"' not in text:
        listed = list(dict.fromkeys(part for entry in listed for part in _parts(entry)))
    entries = None if _is_prose(text, listed) else _entries(listed)
    return Mute(entries, is_on) if entries else None


def _signed(text: str) -> list[tuple[str, bool]] | None:
    """Return the entries of a list whose every entry has a plus or minus in front, and whether it is a plus."""
    if not text.startswith(("+", "-")):
        return None
    entries: list[tuple[str, bool]] = []
    place = 0
    while place < len(text):
        sign = text[place]
        end = _next_sign(text, place + 1)
        entries.extend((entry, sign == "+") for entry in _listed(text[place + 1 : end]))
        place = end
    return entries


def _next_sign(text: str, start: int) -> int:
    """Return where the next plus or minus stands that begins an entry: behind a blank or comma, outside quotation marks."""
    is_quoted = False
    for place in range(start, len(text)):
        if text[place] == '"':
            is_quoted = not is_quoted
        elif not is_quoted and text[place] in "+-" and text[place - 1] in ' ,;"' and place > start:
            return place
    return len(text)


def _listed(text: str) -> list[str]:
    """Return the entries of a list with commas or semicolons, outside quotation marks; a quoted one without these."""
    entries: list[str] = []
    start, is_quoted = 0, False
    for place, letter in enumerate(f"{text};"):
        if letter == '"' and place < len(text):
            is_quoted = not is_quoted
        elif (letter in ",;" and not is_quoted) or place == len(text):
            entries.append(" ".join(text[start:place].split()).strip(" .!"))
            start = place + 1
    bare = [
        entry[1:-1] if len(entry) > 1 and entry[0] == entry[-1] == '"' and entry.count('"') == 2 else entry for entry in entries
    ]
    return [entry for entry in dict.fromkeys(bare) if entry]


def _parts(entry: str) -> list[str]:
    """Return what stands between the "and" of an entry; one in quotation marks came without these, and is looked at too."""
    words = words_of(entry)
    parts: list[str] = []
    start = 0
    for place, word in enumerate(words):
        if word.text in _set("conjunctions") and 0 < place < len(words) - 1:
            parts.append(entry[start : word.start].strip())
            start = word.end
    return [*parts, entry[start:].strip()]


def _without_only(text: str) -> str:
    """Return a list without the word before or behind it that says it takes the place of the one there was."""
    words = words_of(text)
    if len(words) > 1 and words[0].text in _set("only") and '"' not in text[: words[0].start]:
        return text[words[0].end :].strip(" :=")
    if len(words) > 1 and words[-1].text in _set("only") and '"' not in text[words[-1].end :]:
        return text[: words[-1].start].strip(" ,;")
    return text


def _is_prose(text: str, entries: Sequence[str]) -> bool:
    """Whether entries of a list without quotation marks are rather a sentence."""
    if '"' in text:
        return False
    said = [words_of(entry) for entry in entries]
    return any(len(words) > MOST_NAME_WORDS or any(word.text in _set("prose") for word in words) for words in said)


def _is_all(text: str) -> bool:
    words = [word.text for word in words_of(text)]
    return len(words) == 1 and words[0] in _set("all")


def _entries(entries: Sequence[str]) -> tuple[str, ...] | None:
    """Return entries as they are kept; None if one cannot be looked for."""
    try:
        return split_phrases(join_words(entries))
    except ValueError:
        return None


def _categories(entries: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the categories among the entries, however they are named, and all that are none."""
    found: dict[str, None] = {}
    others: list[str] = []
    for entry in entries:
        named = _named().get(_key(entry), ())
        parts = [_category(part) for part in entry.split()]
        if named:
            found.update(dict.fromkeys(named))
        elif all(parts):
            found.update(dict.fromkeys(part for part in parts if part))
        else:
            others.append(entry)
    return tuple(found), others


def _category(text: str) -> str | None:
    name = category_of(text)
    return name if name is not None and (name in NAMES or is_archive(name)) else None


@lru_cache(maxsize=1)
def _named() -> dict[str, tuple[str, ...]]:
    """Return the categories by their human names; of fields that two archives have, both."""
    named: dict[str, tuple[str, ...]] = {}
    for category, name in NAMES.items():
        for written in {_key(name), _key(name.partition("(")[0])}:
            named[written] = (*named.get(written, ()), category)
    return named


def _key(name: str) -> str:
    return " ".join(word.text for word in words_of(name.replace("&", " and ")))


def _set(name: str) -> frozenset[str]:
    return vocabulary().sets[name]
