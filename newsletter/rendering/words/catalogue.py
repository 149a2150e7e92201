"""Catalogues of words in PO form (GNU gettext manual, section "The Format of PO Files"): read, and looked through."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from babel.messages.catalog import PYTHON_FORMAT, Catalog, Message
from babel.messages.pofile import PoFileError, read_po

#: The parser itself takes a text that is not closed, and drops its last letter.
_LINE = re.compile(r'(?:#.*|(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) *)?"(?:[^"\\]|\\.)*"|)')


def marked(message: str) -> str:
    """Return ``message`` as it is: by this name ``make messages`` finds what is translated only later, from a table."""
    return message


def read_catalogue(code: str, text: str) -> Catalog:
    """Return a catalogue in PO form.

    Raises:
        ValueError: it is none; says what is wrong, and in which line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not _LINE.fullmatch(line.strip()):
            raise ValueError(f"line {number}: neither a comment, nor a keyword with a text in quotation marks, nor such a text")
    try:
        return read_po(io.StringIO(text), locale=code, abort_invalid=True)
    except PoFileError as error:
        problem = str(error).removesuffix(f" on {error.lineno}")
        raise ValueError(f"line {error.lineno + 1}: {problem}") from error
    except (ValueError, LookupError) as error:
        raise ValueError(f"not a catalogue: {error}") from error


def texts_of(message: Message) -> tuple[Sequence[str], Sequence[str]]:
    """Return what a message says, singular and plural, and its translations; none where it is not translated."""
    said = [message.id] if isinstance(message.id, str) else [*message.id]
    translated = [message.string] if isinstance(message.string, str) else [*(message.string or ())]
    return said, translated if any(translated) else []


def placeholders(texts: Iterable[str]) -> frozenset[str]:
    """Return the names of the values that are filled into ``texts``: ``%(name)s``. ``""`` for one without a name."""
    found = (match for text in texts for match in PYTHON_FORMAT.finditer(text))
    return frozenset(match[1] or "" for match in found if match[1] or match[3] != "%")


def check(message: Message) -> None:
    """Refuse what would only fail when a mail is made.

    Raises:
        ValueError: a translation names a value that it is not given, or lacks a plural form.
    """
    said, translated = texts_of(message)
    if not message.id or message.fuzzy or not translated:
        return
    given = placeholders(said)
    what = f"line {message.lineno}: the translation of {said[0]!r}"
    if not all(translated):
        raise ValueError(f"{what} lacks a plural form; there are {len(translated)} of them")
    if unknown := placeholders(translated) - given:
        raise ValueError(f"{what} has %({min(unknown)})s, which it is not given; write the names of the original")
    try:
        for text in translated:
            _ = text % dict.fromkeys(given, "")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what} cannot be filled in ({error}); a percent sign is written %%") from error
