"""What commands make of a reader's choices. Pure: nothing is looked up or written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.config import NewsletterConfig
from newsletter.inbound.commands.answers import Line, Result
from newsletter.inbound.commands.folding import fold
from newsletter.inbound.commands.model import (
    Command,
    Day,
    Follow,
    Keywords,
    Mute,
    Pause,
    Plain,
    Say,
    SetCadence,
    SetHour,
    SetSize,
    SetZone,
    Subscribe,
    Topics,
)
from subscribers.interests import MAX_WORDS
from subscribers.links import MAX_PAUSE
from subscribers.model import Choices, Interests

#: Words that somebody may ask for who was never heard of before, and letters of each; as on the form.
MOST_WORDS_OF_STRANGERS, LONGEST_WORD_OF_STRANGERS = 50, 60


def changed(choices: Choices, command: Command, newsletter: NewsletterConfig) -> tuple[Choices, list[Line]]:
    """Return the choices after a command, and what came of it; no lines if it is not about choices.

    The same again changes nothing more.
    """
    match command:
        case Subscribe(cadence, topics):
            lines: list[Line] = []
            for part in (None if cadence is None else SetCadence(cadence), topics):
                if part is not None:
                    choices, more = changed(choices, part, newsletter)
                    lines += more
            return choices, lines
        case SetCadence(cadence) if cadence not in newsletter.cadences:
            return choices, [Line(command.verb, Result.NOT_OFFERED, (cadence.value,))]
        case SetCadence(cadence):
            return replace(choices, cadence=cadence), [Line(command.verb, Result.DONE, (cadence.value,))]
        case SetHour() | SetSize() | SetZone():
            return _set(choices, command)
        case Topics() | Keywords() | Follow() | Mute():
            interests = _interested(choices.interests, command)
            if any(len(words) > MAX_WORDS for words in _lists(interests)):
                return choices, [replace(line, result=Result.TOO_MANY) for line in written(command)]
            return replace(choices, interests=interests), _told(command, interests)
        case _:
            return choices, []


def _set(choices: Choices, command: SetHour | SetSize | SetZone) -> tuple[Choices, list[Line]]:
    [line] = written(command)
    match command:
        case SetHour(hour) if 0 <= hour <= 23:
            choices, result = replace(choices, local_hour=hour), Result.DONE
            if command.minutes:
                line = replace(line, values=(*line.values, str(command.minutes)))
        case SetSize(size) if 1 <= size <= 60:
            choices, result = replace(choices, size=size), Result.DONE
        case SetZone(zone, is_known=True):
            choices, result = replace(choices, zone=zone), Result.DONE
        case SetZone():
            result = Result.NO_SUCH_ZONE
        case _:
            result = Result.OUT_OF_RANGE
    return choices, [replace(line, result=result)]


def first_choices(commands: Iterable[Command], newsletter: NewsletterConfig) -> Choices:
    """Return what somebody gets who signs up by mail: what was named as far as it is offered, else the newsletter's own."""
    choices = Choices(cadence=newsletter.cadences[0], zone=newsletter.zone)
    for command in commands:
        choices, _ = changed(choices, command, newsletter)
    few = {kind.name: _few(getattr(choices.interests, kind.name)) for kind in fields(Interests)}
    return replace(choices, interests=Interests(**few))


def _few(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if len(word) <= LONGEST_WORD_OF_STRANGERS)[:MOST_WORDS_OF_STRANGERS]


def written(command: Command) -> list[Line]:
    """Return a command as it was written, for asking whether it is meant; an entry for each paper and each muted word."""
    match command:
        case SetCadence(cadence):
            return [_asked(command, cadence.value)]
        case Topics(add, drop, add_words, drop_words, replaces):
            return [_asked(command, *_signed((*add, *add_words), (*drop, *drop_words), replaces=replaces))]
        case Keywords(add, drop, replaces):
            return [_asked(command, *_signed(add, drop, replaces=replaces))]
        case Follow(name):
            return [_asked(command, name)]
        case Mute(words):
            return [_asked(command, word) for word in words]
        case Say(numbers=numbers):
            return [_asked(command, str(number)) for number in numbers]
        case SetSize(number) | SetHour(number, _):
            return [_asked(command, str(number))]
        case SetZone(zone):
            return [_asked(command, zone)]
        case Plain() | Pause() | Subscribe():
            return [_asked(command)]


def pause_end(pause: Pause, *, asked_at: datetime, zone: str) -> datetime | None:
    """Return when mails come again, in the reader's zone; None if there is no such pause.

    A number of days counts from the mail on. A day begins at midnight; one without a year is the next of that name.

    Args:
        pause: what was asked for.
        asked_at: aware; when the mail came.
        zone: the reader's, by its IANA name.
    """
    local = asked_at.astimezone(ZoneInfo(zone))
    end = local + timedelta(days=pause.days) if pause.until is None else _start_of(pause.until, local)
    return end if end is not None and asked_at < end <= asked_at + MAX_PAUSE else None


def _start_of(day: Day, local: datetime) -> datetime | None:
    years = (local.year, local.year + 1) if day.year is None else (day.year,)
    for year in years:
        try:
            start = datetime.combine(local.date().replace(year=year, month=day.month, day=day.day), time.min, local.tzinfo)
        except ValueError:
            continue
        if start > local or day.year is not None:
            return start
    return None


def _asked(command: Command, *values: str) -> Line:
    return Line(command.verb, Result.ASKED, values)


def _signed(add: Iterable[str], drop: Iterable[str], *, replaces: bool) -> list[str]:
    return [*(word if replaces else f"+{word}" for word in add), *(f"-{word}" for word in drop)]


def _interested(before: Interests, command: Topics | Keywords | Follow | Mute) -> Interests:
    match command:
        case Topics(add, drop, add_words, drop_words, replaces):
            categories = add if replaces else _edited(before.categories, add, drop)
            return replace(before, categories=categories, keywords=_edited(before.keywords, add_words, drop_words))
        case Keywords(add, drop, replaces):
            return replace(before, keywords=add if replaces else _edited(before.keywords, add, drop))
        case Mute(words, is_on):
            return replace(before, muted=_edited(before.muted, words if is_on else (), () if is_on else words))
        case Follow(name, is_lab, is_on):
            if not is_on:  # whichever of both it was taken for
                return replace(before, authors=_edited(before.authors, (), [name]), labs=_edited(before.labs, (), [name]))
            if is_lab:
                return replace(before, labs=_edited(before.labs, [name], ()))
            return replace(before, authors=_edited(before.authors, [name], ()))


def _edited(before: Sequence[str], add: Iterable[str], drop: Iterable[str]) -> tuple[str, ...]:
    """Return a list with words more and less; case and accents do not tell two words apart."""
    gone = {fold(word) for word in drop}
    kept = {fold(word): word for word in before if fold(word) not in gone}
    for word in add:
        kept.setdefault(fold(word), word)
    return tuple(kept.values())


def _told(command: Topics | Keywords | Follow | Mute, interests: Interests) -> list[Line]:
    match command:
        case Topics() | Keywords():
            return [Line(command.verb, Result.DONE, (*interests.categories, *interests.keywords))]
        case _:
            return [replace(line, result=Result.DONE) for line in written(command)]


def _lists(interests: Interests) -> tuple[tuple[str, ...], ...]:
    return interests.categories, interests.keywords, interests.authors, interests.labs, interests.muted
