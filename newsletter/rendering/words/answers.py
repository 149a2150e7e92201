"""The words of an answer to a mail with commands: what was done, what was not, what waits for a reply, what can be written.

Given are plain JSON values, as the room of commands writes them beside the answer: ``done`` and ``asked``, each a list of
``command``, ``result`` and ``values``; ``asks_reply``, ``left``, ``not_understood``, ``help`` and ``status``. What is not known
here is left out. Words of a reader's own come back to the reader only: see :func:`spelled`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from newsletter.papers.categories import NAMES as CATEGORIES
from newsletter.rendering.words.commands import help_rows
from newsletter.rendering.words.language import Language
from newsletter.rendering.words.sentences import rhythm
from newsletter.rendering.words.text import clean, shorten
from subscribers.links import MAX_PAUSE
from subscribers.model import Cadence, SubscriberState

#: Names that the template of an answer is given.
ANSWER_VALUES = frozenset(
    {"heading", "opening", "points", "asked", "closing", "missed", "help", "status", "gist", "offers_leaving", "signup_url"}
)
#: Characters of a name, a word or a title of a paper, and how many of them one line has at most.
_LONGEST, _MOST = 60, 30
_DONE = "done"
#: Values of a command whose writer is not certain that may be repeated, besides categories: small numbers, dates, zones, and
#: up to three words without a dot or a figure, which are no link and hardly a message.
_HARMLESS = re.compile(
    r"[0-9]{1,3}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[A-Za-z_]{2,20}/[A-Za-z_/-]{2,30}|[^\W\d_]{1,20}(?:[ '-][^\W\d_]{1,20}){0,2}"
)
_WITHHELD = "…"


def answer_values(
    details: Mapping[str, Any],
    language: Language,
    *,
    name: str,
    cadences: Sequence[Cadence],
    signup_url: str,
    is_reader: bool,
) -> dict[str, object]:
    """Return what the template of an answer is given.

    Args:
        details: what the answer says, as plain JSON values.
        language: of the words.
        name: of the newsletter.
        cadences: that it has.
        signup_url: where anybody can sign up.
        is_reader: whether who wrote gets the newsletter.
    """
    _ = language.gettext
    called = {"name": language.isolated(name)}
    done: Sequence[Mapping[str, Any]] = details.get("done") or ()
    points = [words for line in done if (words := _line(line, name, cadences, language))]
    status = details.get("status") or {}
    rows = _status_rows(status, language) if status.get("is_subscribed") else ()
    if status and not rows:
        points.append(_("You do not get %(name)s at present.") % called)
    missed, lines = "", int(details.get("not_understood") or 0)
    if lines:
        words = language.ngettext(
            "%(count)s line of your mail was not understood.", "%(count)s lines of your mail were not understood.", lines
        )
        missed = words % {"count": language.spelled(lines).capitalize()}
    opening = closing = ""
    if details.get("left"):
        heading = _("You are off the list")
        opening = _(
            "As you asked, %(name)s does not come to this address any more. A mail that was just leaving may still arrive."
        )
        closing = _("If you want it back one day, or if it was not you, sign up again:")
        points = [words for line in done if line.get("command") != "stop" and (words := _line(line, name, cadences, language))]
    elif details.get("asks_reply"):
        heading = _("Was this you?")
        opening = _("Somebody, probably you, wrote this to %(name)s under this address:")
        closing = _(
            "Senders can be forged, so nothing was done yet. If it was you, just reply to this mail; if not, do nothing."
        )
    elif points:
        heading = _heading(done, language)
    elif rows:
        heading = _("What you have chosen")
    else:
        heading = _("That was not understood") if lines else _("What you can write")
    # What they cannot have before they have signed up has a next step too.
    if is_stranger := not (is_reader or closing or any(line.get("result") != "not_subscribed" for line in done)):
        closing = _("You can sign up on the page:")
    opening %= called
    shown = [spelled(line, language) for line in details.get("asked") or ()]
    return {
        "heading": heading,
        "opening": opening,
        "points": tuple(points),
        "asked": tuple(shown),
        "closing": closing,
        "missed": missed,
        "help": help_rows(cadences, language, is_reader=is_reader) if details.get("help") or missed else (),
        "status": rows,
        "gist": points[0] if points and not opening else missed or opening or heading,
        "offers_leaving": is_reader and bool(details.get("offers_leaving")),
        "signup_url": signup_url if details.get("left") or is_stranger else "",
    }


def sample_answer(language: Language, *, name: str) -> dict[str, object]:
    """Return what the template of an answer is given, for looking at it: all that can stand in one."""
    figures = {"cadence": "weekly", "hour": 7, "zone": "Europe/Berlin", "size": 5, "categories": ["cs.CL", "cs.LG"]}
    details = {
        "done": [
            {"command": "cadence", "result": _DONE, "values": ["weekly"]},
            {"command": "less", "result": _DONE, "values": ["2", "A Sample Benchmark of Calm Waters"]},
            {"command": "less", "result": "no_such_number", "values": ["42", "10"]},
        ],
        "not_understood": 1,
        "status": {"is_subscribed": True, "state": "active", **figures, "authors": ["Ada Example"], "muted": ["survey"]},
    }
    return answer_values(details, language, name=name, cadences=tuple(Cadence), signup_url="", is_reader=True)


def spelled(line: Mapping[str, Any], language: Language) -> str:
    """Return a command that somebody wrote in the name of a reader, to show it to the reader.

    It may be anybody's: of its words only those are repeated that cannot carry a message of their own, or a link.
    """
    command, values = _written(line)
    words = [value if _is_harmless(value) else _WITHHELD for value in values[:_MOST]]
    return language.isolated(" ".join([*command, *words]))


def _written(line: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return a command as it is written: the word it begins with, if it has one, and what stands behind it."""
    command, values = str(line.get("command", "")), [str(value) for value in line.get("values") or ()]
    if command == "cadence":
        return [], values
    return [command], [value[: len("2026-12-24")] for value in values] if command == "pause" else values


def _is_harmless(value: str) -> bool:
    return value.lstrip("+-") in CATEGORIES or _HARMLESS.fullmatch(value.lstrip("+-")) is not None


def _heading(done: Sequence[Mapping[str, Any]], language: Language) -> str:
    _ = language.gettext
    results = {line.get("result") == _DONE for line in done}
    if results == {True, False}:
        return _("Done, but not all of it")
    if results == {False}:
        return _("That did not work")
    if not results:
        return _("What you have chosen")
    return _("Almost done") if {line.get("command") for line in done} == {"subscribe"} else _("Done")


def _line(line: Mapping[str, Any], name: str, cadences: Sequence[Cadence], language: Language) -> str:
    """Return what came of one command, as a sentence; ``""`` if nothing is known to say."""
    command, result = str(line.get("command", "")), str(line.get("result", ""))
    if result == _DONE:
        return _done(command, [str(value) for value in line.get("values") or ()], name, language)
    first, values = _written(line)
    if result == "no_such_number" and len(values) > 1:
        number, last = values[0], values[-1]
        count = int(last) if last.isdecimal() and len(last) < 4 else 0
        words = language.ngettext(
            "“%(command)s”: that mail has %(count)s paper.",
            "“%(command)s”: that mail has %(count)s papers, from 1 to %(count)s.",
            count,
        )
        return words % {"command": _shown(" ".join([*first, number]), language), "count": language.number(count)}
    return _refusals(command, language).get(result, "") % {
        "command": _shown(" ".join([*first, *values]), language),
        "name": language.isolated(name),
        "cadences": _listed([language.isolated(cadence) for cadence in cadences], language),
        "length": language.lasting(MAX_PAUSE),
    }


def _done(command: str, values: Sequence[str], name: str, language: Language) -> str:
    _ = language.gettext
    names = [_shown(value, language) for value in values[:_MOST]]
    first, last = (names[0], names[-1]) if names else ("", "")
    given: dict[str, object] = {"name": language.isolated(name), "value": first}
    sentences: Mapping[str, str] = {
        "subscribe": _("To sign up, there is one thing left to do: confirm it in the mail that is on its way."),
        "confirm": _("You are on the list. From now on you get %(name)s."),
        "forget": _("The sign-up is forgotten: you are on no list."),
        "follow": _("You follow %(value)s now."),
        "unfollow": _("You no longer follow %(value)s."),
        "mute": _("Papers about “%(value)s” are left out now."),
        "unmute": _("Papers about “%(value)s” are no longer left out."),
        "resume": _("Mails come again."),
        "zone": _("Hours are those of %(value)s now."),
        "export": _("All that is kept about you is on your own page, as a file."),
        "stop": _("%(name)s does not come to this address any more."),
    }
    if command in sentences:
        return sentences[command] % given if names or "%(value)" not in sentences[command] else ""
    if command in {"topics", "keywords"}:
        words = _("Your topics are now: %(topics)s.") if names else _("You have no topics now: you get what most people read.")
        return words % {"topics": _listed(names, language)}
    if not names:
        return ""
    if command in {"more", "less"}:
        words = (
            _("More like number %(number)s: %(title)s") if command == "more" else _("Less like number %(number)s: %(title)s")
        )
        return words % {"number": first, "title": last}
    if command == "pause":
        return _("Paused until %(date)s.") % {"date": _day(values[0], language)}
    if command == "cadence" and values[0] in {cadence.value for cadence in Cadence}:
        return _("From now on it comes %(rhythm)s.") % {"rhythm": rhythm(Cadence(values[0]), language)}
    if command in {"size", "hour"} and len(values[0]) < 4 and values[0].isdecimal():
        number = int(values[0])
        if command == "hour" and number < 24 and len(values) > 1:
            return _("From now on it comes at %(hour)s: only whole hours can be had.") % {"hour": language.hour(number)}
        if command == "hour" and number < 24:
            return _("From now on it comes at %(hour)s.") % {"hour": language.hour(number)}
        words = language.ngettext("A mail has %(count)s paper now.", "A mail has %(count)s papers now.", number)
        return words % {"count": language.number(number)}
    return ""


def _refusals(command: str, language: Language) -> Mapping[str, str]:
    """Return why something was not done, by the name of the reason."""
    _ = language.gettext
    ranges = {
        "hour": _("“%(command)s”: hours go from 0 to 23."),
        "size": _("“%(command)s”: a mail has 1 to 60 papers."),
        "pause": _("“%(command)s”: there is no such pause. The longest lasts %(length)s."),
    }
    return {
        "not_offered": _("“%(command)s”: it does not come that way. You can have: %(cadences)s."),
        "no_digest": _("“%(command)s”: no mail with numbers was sent to you yet."),
        "no_such_number": _("“%(command)s”: that mail has no paper of this number."),
        "no_such_zone": _("“%(command)s”: no such time zone. Write it like Europe/Berlin."),
        "out_of_range": ranges.get(command, _("“%(command)s”: that cannot be.")),
        "too_many": _("“%(command)s”: that is more than can be kept."),
        "not_subscribed": _("“%(command)s”: you do not get %(name)s at present."),
        "too_late": _("“%(command)s”: that is too long ago. Please sign up again."),
        "busy": _("“%(command)s”: there is too much to do just now. Please write again later."),
        "refused": _("“%(command)s”: no mail goes to this address any more."),
    }


def _status_rows(status: Mapping[str, Any], language: Language) -> tuple[tuple[str, str], ...]:
    """Return what a reader has chosen, a row each."""
    _ = language.gettext
    rows: list[tuple[str, str]] = []
    cadence = status.get("cadence")
    if cadence in {known.value for known in Cadence}:
        rows.append((_("How often"), rhythm(Cadence(cadence), language)))
    if isinstance(hour := status.get("hour"), int) and 0 <= hour < 24:
        words = _("at %(hour)s (%(zone)s)")
        rows.append((_("When"), words % {"hour": language.hour(hour), "zone": language.zone(str(status.get("zone", "UTC")))}))
    if isinstance(size := status.get("size"), int):
        rows.append((_("Papers in a mail"), language.number(size)))
    topics = _names(status, ("categories", "keywords"), language)
    rows.append((_("Topics"), topics or _("none: what most people read")))
    rows += [(_("You follow"), names)] if (names := _names(status, ("authors", "labs"), language)) else []
    rows += [(_("Left out"), words)] if (words := _names(status, ("muted",), language)) else []
    if until := status.get("paused_until"):
        rows.append((_("Paused until"), _day(str(until), language)))
    if status.get("state") == SubscriberState.BOUNCED.value:
        rows.append((_("Mails"), _("stopped, as they came back; write “resume” and they come again")))
    elif status.get("state") not in {None, SubscriberState.ACTIVE.value}:
        rows.append((_("Mails"), _("held back for now")))
    return tuple(rows)


def _names(status: Mapping[str, Any], fields: Iterable[str], language: Language) -> str:
    names = [str(name) for field in fields for name in status.get(field) or ()]
    return _listed([_shown(name, language) for name in names[:_MOST]], language)


def _listed(names: Sequence[str], language: Language) -> str:
    return language.pgettext("between names", ", ").join(names)


def _shown(text: str, language: Language) -> str:
    return language.isolated(shorten(clean(text), _LONGEST))


def _day(moment: str, language: Language) -> str:
    """Return the day of an instant in ISO 8601, in its own zone."""
    try:
        return language.date(datetime.fromisoformat(moment).date())
    except ValueError:
        return _WITHHELD
