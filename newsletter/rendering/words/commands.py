"""What readers may write in a mail: examples, and the list of all commands. The commands themselves are English everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.rendering.words.language import Language
from subscribers.model import Cadence

_BETWEEN = " · "


def sample_commands(cadences: Sequence[Cadence], language: Language) -> str:
    """Return a few commands for the foot of a mail, as they are written.

    Args:
        cadences: that the newsletter has; at least one.
        language: of the words around them.
    """
    cadence = Cadence.WEEKLY if Cadence.WEEKLY in cadences else cadences[0]
    return language.isolated(", ".join([cadence, "less 2", "pause 2w", "stop", "help"]))


def help_rows(cadences: Sequence[Cadence], language: Language, *, is_reader: bool) -> tuple[tuple[str, str], ...]:
    """Return all commands with what they do, a row each.

    Args:
        cadences: that the newsletter has.
        language: of the words.
        is_reader: whether who asks gets the newsletter: to others most commands mean nothing.
    """
    _ = language.gettext
    if not is_reader:
        return (
            (f"subscribe {cadences[0]}", _("sign up; a mail asks you to confirm it")),
            ("help", _("this list")),
        )
    # What stands for a name and a word is read, and not written: it is of the language.
    name, word = language.isolated(_("NAME")), language.isolated(_("WORD"))
    return (
        (_BETWEEN.join(cadences), _("how often it comes")),
        ("topics +cs.CL -cs.CV", _("topics you want, and those you no longer want")),
        (f"follow {name}{_BETWEEN}mute {word}", _("follow a person or a lab; leave out papers with a word")),
        (f"more 3{_BETWEEN}less 2", _("more or less like these papers of your last mail")),
        (f"pause 2w{_BETWEEN}resume", _("no mail for two weeks; mails again")),
        (f"size 5{_BETWEEN}hour 7{_BETWEEN}zone Europe/Berlin", _("papers in a mail, and when it comes")),
        (f"status{_BETWEEN}export", _("what you have chosen; all that is kept about you")),
        (f"stop{_BETWEEN}help", _("leave; this list")),
    )
