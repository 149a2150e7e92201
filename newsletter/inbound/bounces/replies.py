"""Replies of mail servers, wherever a bounce cites them: code, enhanced status, and the server that gave them."""

from __future__ import annotations

import re
from dataclasses import replace

from newsletter.inbound.model import Report

MAX_DIAGNOSTIC = 8192
#: Characters of a diagnostic in which codes and names are looked for.
MAX_LOOKED_AT = 2048

_STATUS = re.compile(r"(?<![A-Za-z0-9_.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
# A code and what makes it one: an enhanced status, a word, or the line's end behind it; not 550 bytes, not 10.5.550.1.
_CODE_AND_STATUS = re.compile(r"(?<![\d.,:/-])([45]\d\d)[ \-:#(<]{1,3}[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_CODE = re.compile(r"(?:^|[\s(\[<:;'\"#=])([45][0-5]\d)(?=$|[ \-:#;,)\]>'\"](?!\s?(?:bytes|kb|mb|hours|days|min|sec)))")
_REMOTE = re.compile(
    r"\b(?:host:? |while talking to |talking to |connect(?:ed)? to |smtp server |server |by (?=\S{1,250}\s\[))"
    r"<?([a-z0-9_](?:[a-z0-9_.-]{0,252}))[.>]?(?=[\s\[(:>,;.]|$)"
)


def one_line(text: str) -> str:
    """Make a diagnostic one line of at most ``MAX_DIAGNOSTIC`` characters, blanks collapsed."""
    return " ".join(text[: 2 * MAX_DIAGNOSTIC].split())[:MAX_DIAGNOSTIC]


def reply_code_in(text: str) -> str:
    """Return the SMTP reply code a text cites, of a refusal rather than of a success; ``""`` if it cites none."""
    found = _CODE_AND_STATUS.search(text[:MAX_LOOKED_AT]) or _CODE.search(text[:MAX_LOOKED_AT])
    return found[1] if found else ""


def status_in(text: str) -> str:
    """Return the enhanced status code (RFC 3463) a text cites, one that says something before a general ``x.0.0``."""
    found = [match[0] for match in _STATUS.finditer(text[:MAX_LOOKED_AT])]
    return max(found, key=_exactness, default="")


def remote_in(text: str) -> str:
    """Return the name of the server that a text says refused, lower case; ``""`` if it names none."""
    for found in _REMOTE.finditer(text[:MAX_LOOKED_AT].lower()):
        if "." in found[1].strip("."):
            return found[1].strip(".")
    return ""


def completed(report: Report) -> Report:
    """Fill in what the diagnostic says where the fields say less: code, status and server.

    A status of ``x.y.0`` says nothing that a more exact one of the diagnostic would not say better.
    """
    status, cited = report.status, status_in(report.diagnostic)
    if cited and _exactness(cited) > _exactness(status):
        status = cited
    return replace(
        report,
        status=status,
        reply_code=report.reply_code or reply_code_in(report.diagnostic),
        remote=report.remote or remote_in(report.diagnostic),
    )


def _exactness(status: str) -> int:
    """How much a status says: 0: nothing, 1: ``x.0.0``, 2: ``x.y.0``, 3: more."""
    if not status:
        return 0
    return 1 if status.endswith(".0.0") else 2 if status.endswith(".0") else 3
