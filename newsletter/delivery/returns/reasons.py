"""Whom the reason of a bounce speaks about: only what is about the reader's mailbox may count against the reader."""

from __future__ import annotations

from enum import StrEnum

#: The message did not get through. Of one reader that is the reader's server, of many at once it is our own way out.
ON_THE_WAY = frozenset({"expired", "networkerror"})
#: Of a bounce that gives none we know.
UNDEFINED = "undefined"


class About(StrEnum):
    """Whom a reason speaks about. ``NOBODY``: it is no failure at all."""

    MAILBOX = "mailbox"
    US = "us"
    NOBODY = "nobody"


_ABOUT = {
    About.MAILBOX: (
        # There is no such mailbox, or its owner has moved on.
        "userunknown",
        "hasmoved",
        # Its domain is gone, or takes no mail at all (RFC 7505).
        "hostunknown",
        "notaccept",
        # A relay sends nothing there any more: mails came back to it before.
        "suppressed",
        # Nobody empties it; it is switched off; its own rules turn our mail away. Some end well, most stay so.
        "mailboxfull",
        "suspend",
        "filtered",
        # Its server, or the program behind it, does not work. A day of that is forgotten; weeks of it are a dead mailbox.
        "expired",
        "systemerror",
        "systemfull",
        "mailererror",
        # It did not arrive, and nobody says that it is our fault; the probe asks before it comes to the end.
        "onhold",
        "undefined",
    ),
    About.US: (
        # Who we are: our records, our keys, our address, its name and its fame.
        "authfailure",
        "badreputation",
        "blocked",
        "requireptr",
        "failedstarttls",
        "norelaying",
        # A server's rules, which are about senders; refused before the reader was looked at.
        "policyviolation",
        "rejected",
        "securityerror",
        # The message: the next one is another.
        "contenterror",
        "spamdetected",
        "virusdetected",
        "mesgtoobig",
        "exceedlimit",
        "notcompliantrfc",
        "syntaxerror",
        # How much we send at a time.
        "speeding",
        "toomanyconn",
        # The way there, which begins at our relay: when it breaks, it does so for all readers at once.
        "networkerror",
    ),
    About.NOBODY: ("delivered", "feedback", "vacation"),
}
_OF = {reason: about for about, reasons in _ABOUT.items() for reason in reasons}
#: Every reason that is told apart.
REASONS = frozenset(_OF)


def about(reason: str) -> About:
    """Return whom a reason speaks about; one that we do not know is taken for ``undefined``."""
    return _OF.get(reason, _OF[UNDEFINED])
