"""Reads MJML as far as it can be read, and knows where everything stands.

Tolerant where a parser gives up: what is wrong is noted, and reading goes on behind it. Linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

#: What stands between ``<!--[if mso]>`` and ``<![endif]-->`` is read by the compiler as if these were not there.
_MARK = re.compile(r"<!--\[if[^\]]*\]>(?!<!)|<!\[endif\]-->|<!--|<")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9:_-]*)")
_ATTRIBUTE = re.compile(r"[^\s=>\"'/<]+")
_VALUE = re.compile(r"\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"'<]+))")
_TAG_END = re.compile(r"/?>")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_:\x80-\U0010ffff][^\s]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPACE = re.compile(r"\s*")
_AMPERSAND = re.compile(r"&(?:#\d+;|#[xX][0-9A-Fa-f]+;|([A-Za-z][A-Za-z0-9]*;)|)")
#: Elements whose text is no HTML.
_RAW = frozenset({"mj-style", "style"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute. ``value`` is None where it has none; ``start`` is where its name begins."""

    name: str
    value: str | None
    start: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag from ``start`` to ``end``: it closes an element, or opens one, or is one (``<a />``). ``name`` is in lower case."""

    name: str
    start: int
    end: int
    is_closing: bool
    is_empty: bool
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """Text between tags, from ``start`` to ``end``; ``is_raw`` in style sheets."""

    start: int
    end: int
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment from ``start`` to ``end``, or a statement of Jinja's that it stands for."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong, at ``start``.

    Attributes:
        is_end: nothing behind it can be read.
        hides_until: what else looks wrong before there may do so because of this one.
    """

    start: int
    problem: str
    is_end: bool = False
    hides_until: int = 0


def scan(text: str) -> Iterator[Tag | Text | Comment | Flaw]:
    """Yield what ``text`` is made of, in order; a flaw may come before its turn."""
    for control in _CONTROL.finditer(text):
        yield Flaw(control.start(), f"a control character, {control[0]!r}; take it out")
    place = 0
    while (mark := _MARK.search(text, place)) is not None:
        start = mark.start()
        if len(mark[0]) > len("<!--"):
            yield from _text(text, place, start)
            place = mark.end()
            yield Comment(start, place)
            continue
        if mark[0] == "<!--":
            yield from _text(text, place, start)
            end = text.find("-->", mark.end())
            if end < 0:
                yield Flaw(start, "this comment is never closed; write --> at its end", is_end=True)
                return
            place = end + 3
            yield Comment(start, place)
            continue
        name = _NAME.match(text, start)
        if name is None:
            yield from _text(text, place, start)
            yield Flaw(start, "a bare '<' in the text, which begins neither a tag nor a comment; write &lt; for the sign")
            place = start + 1
            continue
        yield from _text(text, place, start)
        tag, flaws = _tag(text, name)
        yield from flaws
        if tag is None:
            return
        yield tag
        place = tag.end
        if tag.name in _RAW and not tag.is_closing and not tag.is_empty:
            close = re.compile(rf"</{tag.name}\s*>", re.IGNORECASE).search(text, place)
            end = len(text) if close is None else close.start()
            yield Text(place, end, is_raw=True)
            place = end
    yield from _text(text, place, len(text))


def _text(text: str, start: int, end: int) -> Iterator[Text | Flaw]:
    if start == end:
        return
    yield Text(start, end)
    if (bracket := text.find("]]>", start, end)) >= 0:
        yield Flaw(bracket, "']]>' in the text; write ]]&gt;")
    for match in _AMPERSAND.finditer(text, start, end):
        if match[0] == "&":
            yield Flaw(match.start(), "a bare '&' in the text; write &amp; for the sign")
        elif match[1] and match[1] not in html5:
            yield Flaw(match.start(), f"{match[0]} is no character that HTML knows; write &amp; for the sign itself")


def _tag(text: str, name: re.Match[str]) -> tuple[Tag | None, list[Flaw]]:
    """Return the tag that begins with ``name``; None where its end cannot be told."""
    start, place = name.start(), name.end()
    is_closing = text[start + 1] == "/"
    attributes: list[Attribute] = []
    flaws: list[Flaw] = []
    while (place := _space(text, place)) < len(text):
        if (end := _TAG_END.match(text, place)) is not None:
            is_empty = end[0] == "/>"
            return Tag(name[1].lower(), start, end.end(), is_closing, is_empty, tuple(attributes)), flaws
        if (attribute := _ATTRIBUTE.match(text, place)) is None:
            break
        place = attribute.end()
        if is_closing or not _ATTRIBUTE_NAME.fullmatch(attribute[0]):
            what = "a closing tag has no attributes" if is_closing else f"{attribute[0]!r} is no name of an attribute"
            flaws.append(Flaw(attribute.start(), f"{what}; take it out"))
        value = _VALUE.match(text, place)
        if value is None:
            if text.startswith("=", _space(text, place)):
                problem = f"the value of {attribute[0]} has no end; look for a missing quotation mark"
                return None, [*flaws, Flaw(attribute.start(), problem, is_end=True)]
            attributes.append(Attribute(attribute[0], None, attribute.start()))
            continue
        place = value.end()
        found = next(group for group in value.groups() if group is not None)
        attributes.append(Attribute(attribute[0], found, attribute.start()))
        if value[3] is not None:
            problem = f'the value of {attribute[0]} needs quotation marks: {attribute[0]}="{found}"'
            flaws.append(Flaw(attribute.start(), problem))
        elif _ATTRIBUTE.match(text, place) is not None:
            flaws.append(Flaw(place, f"a space is missing behind the value of {attribute[0]}"))
    sign = text[place : place + 1].replace("<", "")
    if not sign:
        return None, [*flaws, Flaw(start, f"<{name[1]}> is never closed; write > at its end", is_end=True)]
    problem = f"{sign!r} has no place in <{name[1]}> here; look for a quotation mark that is missing or too many"
    return None, [*flaws, Flaw(place, problem, is_end=True)]


def _space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return place if match is None else match.end()
