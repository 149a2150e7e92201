"""Header fields and bodies in seven bits: RFC 5322 folding, RFC 2047 encoded words, RFC 2045 quoted-printable.

The standard library is not used for this: it lets an encoded word in a paper's title become a header field of its own, and it
breaks long ``List-Unsubscribe`` URLs. Here, text that looks like an encoded word is itself encoded, so that it is shown as
written; control characters are refused; and addresses and URLs are never touched.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

#: RFC 5322 section 2.1.1: preferred longest line, without its CRLF.
LINE = 78
#: RFC 2047 section 2: longest line that holds an encoded word, and longest encoded word.
ENCODED_LINE = 76
ENCODED_WORD = 75
#: RFC 2045 section 6.7: longest line of quoted-printable.
QP_LINE = 76

_ATOM = re.compile(r"[!-~]{1,60}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_Q_SAFE = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
)  # RFC 2047 section 5 (3): safe in a phrase too
_WORD_START, _WORD_END = "=?utf-8?{}?", "?="
_WORD_FRAME = len(_WORD_START.format("q")) + len(_WORD_END)


def unstructured(name: str, text: str) -> str:
    """Return the field ``name`` with free text, such as Subject, folded, ending in CRLF.

    Args:
        name: of the field, ASCII.
        text: outside text; blanks at its ends and more than one in a row survive by being encoded.

    Raises:
        ValueError: ``text`` holds a control character, a line end of any kind or a lone surrogate.
    """
    _refuse_controls(name, text)
    words = text.split(" ")
    if "=?" not in text and all(_ATOM.fullmatch(word) for word in words):
        return fold(name, words)
    return fold(name, encoded_words(text, first=ENCODED_LINE - len(name) - 2))


def phrase(text: str) -> list[str]:
    """Return a display name (RFC 5322 section 3.2.5) as pieces between which a field may be folded.

    A quoted string where plain ASCII will do, else encoded words.

    Raises:
        ValueError: ``text`` holds a control character.
    """
    _refuse_controls("display name", text)
    if text.isascii() and "=?" not in text and len(text) <= 60 and text == " ".join(text.split()):
        escaped = re.sub(r'(["\\])', r"\\\1", text)
        return [f'"{escaped}"']
    return encoded_words(text, first=ENCODED_WORD - 12)


def fold(name: str, pieces: Iterable[str]) -> str:
    """Return the field ``name`` with ``pieces`` separated by blanks, ending in CRLF.

    A new line begins before a piece that would pass 78 characters; a piece is never broken, and the first one stays beside the
    field's name, where every reader of headers finds it.
    """
    lines: list[str] = []
    line = f"{name}:"
    for index, piece in enumerate(pieces):
        limit = ENCODED_LINE if "=?" in line or piece.startswith("=?") else LINE
        if index and len(line) + 1 + len(piece) > limit:
            lines.append(line)
            line = ""
        line += f" {piece}"
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def encoded_words(text: str, *, first: int = ENCODED_WORD) -> list[str]:
    """Return ``text`` as encoded words of at most 75 characters, each holding whole characters (RFC 2047 section 5).

    Args:
        text: anything without lone surrogates; must not be empty.
        first: longest length of the first word, where a field's name stands before it.
    """
    octets = text.encode()
    quoted = sum(1 if character in _Q_SAFE or character == " " else 3 * len(character.encode()) for character in text)
    use_q = quoted <= 4 * len(octets) / 3
    words: list[str] = []
    chunk, used, room = "", 0, min(first, ENCODED_WORD) - _WORD_FRAME
    for character in text:
        if use_q:
            cost = 1 if character in _Q_SAFE or character == " " else 3 * len(character.encode())
            too_long = used + cost > room
        else:
            cost = len(character.encode())
            too_long = (used + cost + 2) // 3 * 4 > room
        if chunk and too_long:
            words.append(_encoded_word(chunk, use_q=use_q))
            chunk, used, room = "", 0, ENCODED_WORD - _WORD_FRAME
        chunk += character
        used += cost
    words.append(_encoded_word(chunk, use_q=use_q))
    return words


def _encoded_word(text: str, *, use_q: bool) -> str:
    if not use_q:
        return _WORD_START.format("b") + base64.b64encode(text.encode()).decode() + _WORD_END
    quoted = "".join(
        "_"
        if character == " "
        else character
        if character in _Q_SAFE
        else "".join(f"={octet:02X}" for octet in character.encode())
        for character in text
    )
    return _WORD_START.format("q") + quoted + _WORD_END


def _refuse_controls(what: str, text: str) -> None:
    match = _CONTROL.search(text)
    if match is not None:
        raise ValueError(f"{what}: holds the control character U+{ord(match[0]):04X}; clean the text first")


#: What is written by its octets, besides "=".
_ODD = re.compile(r"[^\t\n -~]+")
#: What must not begin a line: a dot (SMTP would double it) and "From " (some mailboxes would put a ">" before it).
_BAD_START = (".", "From ")


def quoted_printable(text: str, *, unbroken: Sequence[str] = (), goes_on: bool = False) -> str:
    """Return ``text`` in quoted-printable: ASCII, lines of at most 76 characters ending in CRLF, none beginning with a dot.

    Args:
        text: any text that UTF-8 can hold; every kind of line end counts as one.
        unbroken: strings of at most 60 characters of the base64url alphabet that must stay on one line, to be replaced later by
            others of the same length and alphabet.
        goes_on: whether more will be put behind it. Its last line, unless it is empty, then ends in a soft line break (RFC 2045
            section 6.7 rule 5): encodings of texts, one behind the other, are one of the texts one behind the other.
    """
    lines: list[str] = []
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("=", "=3D")
    for line in _ODD.sub(_octets, text).split("\n"):
        if line.endswith((" ", "\t")):
            line = f"{line[:-1]}={ord(line[-1]):02X}"
        if line.startswith(_BAD_START):
            line = f"={ord(line[0]):02X}{line[1:]}"
        if len(line) < QP_LINE:
            lines.append(line)
        else:
            lines.extend(_soft_lines(line, unbroken))
    if goes_on and lines[-1]:
        # There is room: a line is broken before it is full.
        lines[-1] += "="
    body = "\r\n".join(lines)
    return body if body.endswith("\r\n") or (goes_on and not body) else body + "\r\n"


def _octets(odd: re.Match[str]) -> str:
    return f"={odd[0].encode().hex('=').upper()}"


def places_of(needles: Iterable[str], text: str) -> list[tuple[int, str]]:
    """Return where in ``text`` each of ``needles`` begins, in order; they do not overlap.

    They are others in every message: a pattern of them would have to be compiled for each.
    """
    places = []
    for needle in needles:
        place = text.find(needle)
        while place >= 0:
            places.append((place, needle))
            place = text.find(needle, place + len(needle))
    return sorted(places)


def _soft_lines(line: str, unbroken: Sequence[str]) -> Iterable[str]:
    spans = [(place, place + len(word)) for place, word in places_of(unbroken, line)]
    start, end = 0, len(line)
    prefix = ""  # an escaped first character stands in for the one that is skipped
    while end - start + len(prefix) >= QP_LINE:
        cut = start + QP_LINE - 1 - len(prefix)
        if line[cut - 1] == "=":
            cut -= 1
        elif line[cut - 2] == "=":
            cut -= 2
        for first, last in spans:
            if first < cut < last:
                cut = first
                break
        yield f"{prefix}{line[start:cut]}="
        start, prefix = cut, ""
        if line.startswith(_BAD_START, cut):
            start, prefix = cut + 1, f"={ord(line[cut]):02X}"
    yield prefix + line[start:]
