"""Which command of an SMTP session was refused, as the bouncing server tells it.

A server that takes ``RCPT`` and then says "user unknown" after ``DATA`` has a filter speak, not its list of users.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import takewhile
from typing import Final

#: Characters behind an address in which its own refusal is told.
_NEAR = 1000


class Phase(StrEnum):
    """The command that was refused. ``CONNECT``: the connection itself or its greeting."""

    CONNECT = "connect"
    HELLO = "hello"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    UNKNOWN = "unknown"


_COMMANDS: Final = {
    "ehlo": Phase.HELLO,
    "helo": Phase.HELLO,
    "lhlo": Phase.HELLO,
    "star": Phase.STARTTLS,
    "auth": Phase.AUTH,
    "mail": Phase.MAIL,
    "rcpt": Phase.RCPT,
    "data": Phase.DATA,
    "text": Phase.DATA,
    "bdat": Phase.DATA,
}

#: How many times an address is looked for.
_TRIES = 4
_CODE = re.compile(r"[245]\d\d(?:[- ]?[245]\.\d{1,3}\.\d{1,3})?|[245]\.\d{1,3}\.\d{1,3}")
_REFUSAL = re.compile(r"<<< [45]\d\d")
_ABOUT_MAILBOX = re.compile(r"[245]\.[27]\.")

#: "in reply to RCPT TO command", "after end of data", "did not like our final DATA", "Error following RCPT command", …
_TOLD = re.compile(
    r"(?:in reply to|in response to|while sending|remote (?:mail )?server after|server for|after(?: pipelined)?(?: sending)?|"
    r"did not like our|error following|failed on|refused|rejected|smtp command:?|\()\s+"
    r"(?:the\s+|end of\s+|final\s+|message\s+)?"
    r"(ehlo|helo|lhlo|starttls|auth|mail from|rcpt to|rcpt|data|text|bdat)\b"
)
#: The same in words of their own: qmail, Exim, Postfix, IMail, Yahoo.
_PHRASES: Final = {
    "does not like recipient": Phase.RCPT,
    "does not like sender": Phase.MAIL,
    "but sender was rejected": Phase.MAIL,
    "but recipient was rejected": Phase.RCPT,
    "failed after i sent the message": Phase.DATA,
    "message was rejected after": Phase.DATA,
    "refused to accept your message (data)": Phase.DATA,
    "but greeting failed": Phase.CONNECT,
    "but my name was rejected": Phase.HELLO,
    "after initial connection": Phase.CONNECT,
    "refused to talk to me": Phase.CONNECT,
    "rcpt to generated following response": Phase.RCPT,
    "rejected recipient": Phase.RCPT,
    "[rcpt_to]": Phase.RCPT,
    "[mail_from]": Phase.MAIL,
    "[body]": Phase.DATA,
    # Gmail numbers the states of its sessions.
    "(state 9)": Phase.HELLO,
    "(state 12)": Phase.MAIL,
    "(state 13)": Phase.MAIL,
    "(state 14)": Phase.RCPT,
    "(state 15)": Phase.DATA,
    "(state 16)": Phase.DATA,
    "(state 17)": Phase.DATA,
    "(state 18)": Phase.DATA,
    # KDDI names the address when it refuses RCPT, and nobody when it refuses the message.
    "550 : user unknown": Phase.DATA,
}
#: What follows in a transcript with pipelining when the refusal shown under DATA was that of RCPT.
_NO_RECIPIENT: Final = ("need rcpt", "rcpt first", "valid recipients", "... user unknown", "valid rcpt", "no recipients")


def phase_of(diagnostic: str, recipient: str, text: str) -> Phase:
    """Tell which command was refused.

    Args:
        diagnostic: what is said of one recipient.
        recipient: the address, or ``""``.
        text: of the whole bounce.

    All of them lower case.
    """
    for told in (_told_in(diagnostic), _in_transcript(diagnostic, text), _told_near(recipient, text)):
        if told is not Phase.UNKNOWN:
            return told
    return Phase.RCPT if _names_recipient_first(diagnostic) else Phase.UNKNOWN


def _told_near(recipient: str, text: str) -> Phase:
    if recipient and f"unknown user: {recipient}" in text:
        # IMail, of its own users.
        return Phase.RCPT
    place = text.find(recipient) if recipient else -1
    for _ in range(_TRIES):
        if place < 0:
            break
        told = _told_in(" ".join(text[place : place + _NEAR].split()))
        if told is not Phase.UNKNOWN:
            return told
        place = text.find(recipient, place + 1)
    return Phase.UNKNOWN


def _names_recipient_first(diagnostic: str) -> bool:
    """Tell whether a reply begins with an address, as those to ``RCPT`` do, and is not one about a mailbox that is there."""
    words = diagnostic.removeprefix("smtp;").split(maxsplit=3)
    codes = list(takewhile(_CODE.fullmatch, (word.rstrip(":-") for word in words)))
    follows = words[len(codes) : len(codes) + 1]
    names = any("@" in word or word.endswith("...") for word in follows)
    return names and bool(codes) and not any(map(_ABOUT_MAILBOX.search, codes))


def _told_in(text: str) -> Phase:
    found = [(place, phase) for phrase, phase in _PHRASES.items() if (place := text.find(phrase)) >= 0]
    match = _TOLD.search(text) if any(command in text for command in _COMMANDS) else None
    if match:
        found.append((match.start(), _COMMANDS[match.group(1)[:4]]))
    return min(found)[1] if found else Phase.UNKNOWN


def _in_transcript(diagnostic: str, text: str) -> Phase:
    """Look where a transcript of a session (Sendmail's, Courier's) has this refusal."""
    said = diagnostic.partition(";")[2].strip() if diagnostic.startswith(("smtp;", "smtp ;")) else diagnostic
    if ">>> " in said and (refusal := _REFUSAL.search(said)):
        text, answer = said, refusal.start()
    else:
        answer = text.find(f"<<< {said[:40].rstrip(')')}") if said else -1
    if answer < 0:
        return Phase.UNKNOWN
    command, peer = text.rfind(">>> ", 0, answer), text.rfind("while talking to", 0, answer)
    if command < peer:
        return Phase.CONNECT
    phase = _COMMANDS.get(text[command + 4 : command + 8], Phase.UNKNOWN)
    if phase is Phase.DATA and any(sign in text[answer : answer + _NEAR] for sign in _NO_RECIPIENT):
        return Phase.RCPT
    return phase
