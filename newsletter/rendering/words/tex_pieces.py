"""The small decisions of reading TeX as text: what to raise, where blanks and brackets go, what is money. All of it pure."""
# ruff: noqa: RUF001 - mathematical signs are what the patterns are about

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from pylatexenc.latex2text import fmt_math_text_style

from newsletter.rendering.words.tex_symbols import ACCENTS, FUNCTIONS, RAISED, SUBSCRIPTS, SUPERSCRIPTS

# Marks in the text being made. None can come from outside: ``clean`` takes controls out.
SOFT = "\x00"  # a blank where both sides would run together
RELATION = "\x01"  # a blank unless nothing stands on one side

_SETTLED = re.compile(r"(?<=[^\s(\[{|,/⟨‖√^_=+\-])\x00+(?=[^\W_]|[√⟨∑∏∫])")
#: A relation with nothing before it: ``>90``, ``(≥3``.
_PREFIX = re.compile(r"(^|[(\[{,⟨]) *\x01?([^\w\s\x00\x01]{1,2})\x01")
#: The two errors of a measured value, neither of which Unicode can raise.
_ERRORS = re.compile(r"\^\(([+-][\d.]+)\)_\(([+-][\d.]+)\)")
_OPERATORS = re.compile(r"[\s+\-−±·×/=,∘∼≤≥<>\x00\x01]")
_ATOM = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[^\W\d_]?[^\x00-\x7f]+|√\w|[^\W\d_]*\([^()]*\)|\|[^|]*\||‖[^‖]*‖")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
#: A paper's macro for what it offers, which only the paper defines, and the noun it stands for.
_OURS = re.compile(r"(?:ours?|the|this|my)?(method|model|approach|system|framework|dataset|bench|benchmark)?s?(?:name)?|m?name")
_DETERMINED = re.compile(r"\b(?:an?|the|our|this|new|novel|proposed|same|held-out)\s+$", re.IGNORECASE)


def settle(text: str) -> str:
    """Return ``text`` with its marks turned into blanks or nothing."""
    return _SETTLED.sub(" ", text).replace(SOFT, "").replace(RELATION, " ")


def finish(text: str) -> str:
    """Return a whole text settled, with the errors of measured values written as people write them."""
    return _ERRORS.sub(r" (\1/\2)", settle(text))


def spaced(text: str) -> str:
    """Return a formula with a blank on both sides of its relations, none where one side has nothing; other marks stay."""
    text = re.sub(r" *\x01[ \x01]*", RELATION, text).strip(RELATION)
    text = _PREFIX.sub(r"\1\2", text).replace(RELATION, " ")
    return re.sub(" +([,;⌋⌉⟩])", r"\1", text)


def last(out: Sequence[str]) -> str:
    """Return the last character of what has been written, ``""`` for none."""
    for part in reversed(out[-3:]):
        if part:
            return part[-1]
    return ""


def script(sign: str, content: str) -> str:
    """Return ``content`` raised (``^``) or lowered (``_``): as Unicode where all of it can be, else ``x_max``, ``x^(a/b)``."""
    content = re.sub(r" *([^\w\s]) *", r"\1", settle(content)).strip()
    if sign == "^" and all(character in RAISED for character in content):
        return "".join(RAISED[character] for character in content)
    table = SUPERSCRIPTS if sign == "^" else SUBSCRIPTS
    # Words are harder to read in small letters than behind a sign.
    if all(character in table for character in content) and not re.search("[A-Za-z]{3}", content):
        return "".join(table[character] for character in content)
    is_word = re.fullmatch(r"[^\W_]+|\d+\.\d+", content) and unicodedata.is_normalized("NFKC", content)
    return f"{sign}{content}{SOFT}" if len(content) == 1 or is_word else f"{sign}({content})"


def fraction(above: str, below: str) -> str:
    """Return a fraction on one line, in brackets where it would be read otherwise without them."""
    above, below = _tidy(above), _tidy(below)
    if _OPERATORS.search(re.sub(r"\([^()]*\)", "", above)):
        above = f"({above})"
    return f"{SOFT}{above}/{below if _ATOM.fullmatch(below) else f'({below})'}{SOFT}"


def root(inner: str, degree: str) -> str:
    """Return the root of ``inner``; ``degree`` is ``""`` for the square root."""
    inner = _tidy(inner)
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree) or script("^", degree) + "√"
    return sign + (inner if re.fullmatch(r"\d+|[^\W\d][₀-ₜ]?", inner) else f"({inner})")


def _tidy(text: str) -> str:
    return re.sub(r" *\x01[ \x01]*", " ", text).strip(SOFT + " ")


def in_alphabet(text: str, style: str) -> str:
    """Return one or two letters in an alphabet of mathematics; a word, and everything else, as it is."""
    text = settle(text).strip()
    if len(text) > 2:
        return text
    return "".join(fmt_math_text_style(letter, style) if letter.isascii() and letter.isalpha() else letter for letter in text)


def accented(inner: str, name: str) -> str:
    """Return a letter with its accent; over more than one letter an accent leaves no trace."""
    inner = settle(inner).strip()
    base = {"ı": "i", "ȷ": "j"}.get(inner, inner)
    if len(base) == 1 and ord(base) > 0xFFFF:
        base = unicodedata.normalize("NFKC", base)  # no font has marks for the alphabets of mathematics
    return unicodedata.normalize("NFC", base + ACCENTS[name]) if len(base) == 1 and base.isalnum() else inner


def negated(inner: str) -> str:
    r"""Return a relation struck through (``\not\in``), or the words for it."""
    inner = _tidy(inner)
    composed = unicodedata.normalize("NFC", inner + ACCENTS["not"])
    return composed if len(composed) == 1 else f"not {inner}"


def code_point(source: str) -> str:
    r"""Return the character that MathJax's ``\unicode{x2013}`` names, ``""`` where there is none to show."""
    match = re.fullmatch(r"x([0-9A-Fa-f]{1,6})|(\d{1,7})", source.strip())
    if match is None:
        return ""
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if 0 < code <= 0x10FFFF and chr(code).isprintable() else ""


def called(name: str, before: str) -> str:
    """Return what to say for a macro that only the paper defines: its name, or "our method" where the name says no more.

    Args:
        name: of the macro.
        before: the end of what has been written.
    """
    if (match := _OURS.fullmatch(name)) is None:
        return name
    noun = {None: "method", "bench": "benchmark"}.get(match[1], match[1])
    if _DETERMINED.search(before):
        return noun
    return ("our " if before.strip() and before.rstrip()[-1] not in ".!?" else "Our ") + noun


def is_variable(written: str) -> bool:
    """Tell whether a text ends with a letter or sum that stands alone: ``x`` of ``x_i``, and not the end of a name."""
    tail = written[-2:]
    if tail[-1:] in ("∑", "∏"):
        return True
    return tail[-1:].isalpha() and (len(tail) == 1 or not (tail[0].isalnum() or tail[0] in "_-/.@^\\"))


def is_prose(content: str, following: str) -> bool:
    """Tell whether what stands between two dollar signs is text between two amounts or names, and no formula.

    Args:
        content: what is between them, at least one character.
        following: what comes after the second one.
    """
    words = [word for word in _WORD.findall(content) if word not in FUNCTIONS]
    is_tex = any(sign in content for sign in "\\^_")
    if content[0].isdigit():
        if is_tex:
            return len(words) > 2 and " " in content[:12]
        runs_into_amount = following[:1].isdigit() and len(content) > 3
        return bool(words) or content[-1].isspace() or content[-1] in "-–/(," or runs_into_amount
    if is_tex or any(sign in content for sign in "{=<>"):
        return False
    return len(words) > 2 or (bool(words) and (content[0].isspace() or content[-1].isspace()))
