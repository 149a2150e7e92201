"""Fields of the operator's own: what may be written into them, and their values in and out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from subscribers.errors import SubscribersError
from subscribers.model import FieldValue

MAX_TEXT = 500
#: Exact in every program that reads JSON numbers as doubles (RFC 8259 section 6).
MAX_NUMBER = 10**15
_YES = frozenset({"yes", "y", "true", "on", "1"})
_NO = frozenset({"no", "n", "false", "off", "0"})


class FieldKind(StrEnum):
    """What may be written into a field."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of the operator's own.

    Attributes:
        name: how it is stored and named in files.
        label: how readers see it.
        kind: what may be written into it.
        options: what may be chosen, for a choice.
        required: whether readers must fill it in.
        help: one line below it.
    """

    name: str
    label: str
    kind: FieldKind
    options: tuple[str, ...] = ()
    required: bool = False
    help: str = ""


class FieldsError(SubscribersError):
    """Some fields hold what they may not.

    Attributes:
        problems: what is wrong and what to write, by name of the field; nothing of what was written is in it.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


def parse_fields(
    fields: Sequence[OwnField], given: Mapping[str, str], *, may_lack: bool = False
) -> tuple[tuple[str, FieldValue], ...]:
    """Return the values of what was written, in the order of their names, as :class:`~subscribers.model.Choices` takes them.

    Text is kept in NFC without surrounding blanks, a date as ISO 8601, a choice as the option is spelled. An empty text is no
    value. ``yes``, ``y``, ``true``, ``on`` and ``1`` mean yes, their opposites no.

    Args:
        fields: what there is.
        given: text by name of the field.
        may_lack: a required field may be left out, where an operator writes for somebody else.

    Raises:
        FieldsError: with every problem there is.
    """
    values: dict[str, FieldValue] = {}
    problems: dict[str, str] = {}
    for field in fields:
        text = unicodedata.normalize("NFC", given.get(field.name, "").strip())
        try:
            if text:
                values[field.name] = _value(field, text)
            elif field.required and not may_lack:
                problems[field.name] = "must be filled in"
        except ValueError as error:
            problems[field.name] = str(error)
    names = [field.name for field in fields]
    for name in given:
        if name not in names:
            problems[_printable(name)] = f"there is no such field; there is {', '.join(names) or 'none'}"
    if problems:
        raise FieldsError(problems)
    return tuple(sorted(values.items()))


def fields_to_text(values: Iterable[tuple[str, FieldValue]]) -> dict[str, str]:
    """Return values as :func:`parse_fields` takes them, for forms and files: yes and no in words."""
    return {name: _text(value) for name, value in values}


def _value(field: OwnField, text: str) -> FieldValue:
    match field.kind:
        case FieldKind.TEXT:
            return _words(text)
        case FieldKind.NUMBER:
            return _number(text)
        case FieldKind.DATE:
            return _date(text)
        case FieldKind.CHOICE:
            return _choice(text, field.options)
        case FieldKind.YES_NO:
            return _yes_or_no(text)


def _words(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} characters")
    if not text.isprintable():
        raise ValueError("holds a line break or a control character")
    return text


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    # int() would take digits of every script, underscores, and so many that it takes long.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16) or int(digits) > MAX_NUMBER:
        raise ValueError(f"is not a whole number from -{MAX_NUMBER} to {MAX_NUMBER}")
    return int(text)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("is not a date; write it like 2026-08-21") from error


def _choice(text: str, options: Sequence[str]) -> str:
    for option in options:
        if unicodedata.normalize("NFC", option).casefold() == text.casefold():
            return option
    raise ValueError(f"is none of: {', '.join(options)}")


def _yes_or_no(text: str) -> bool:
    if text.casefold() not in _YES | _NO:
        raise ValueError("is neither yes nor no")
    return text.casefold() in _YES


def _text(value: FieldValue) -> str:
    if isinstance(value, bool):  # before int, which it is too
        return "yes" if value else "no"
    return str(value)


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:64])
