"""Mails to sort, put together from what matters."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.inbound.model import Door, Verdict
from newsletter.inbound.reading.mail import Mail, read_mail
from newsletter.inbound.sorting.sort import sort

ENCLOSED = """\
From: Weekly Papers <news@example.org>
To: Ada Example <ada@example.net>
Subject: Trending papers
Message-ID: <1@example.org>

Trending papers
"""


def letter(text: str = "", /, **fields: str) -> Mail:
    """Return a mail from Ada with fields that are given by their names, ``_`` for ``-``; an empty one is left out."""
    all_fields = {"from": "Ada Example <ada@example.net>", "subject": "Hello"} | fields
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in all_fields.items() if value)
    return read_mail(f"{head}\n{text}".encode())


def report(*parts: tuple[str, str], kind: str = "feedback-report", **fields: str) -> Mail:
    """Return a multipart/report of parts: a type and what stands in it."""
    text = "".join(f"--b\nContent-Type: {content_type}\n\n{body}\n" for content_type, body in parts) + "--b--\n"
    return letter(text, content_type=f"multipart/report; report-type={kind}; boundary=b", **fields)


def sorted_(
    text: str = "",
    given: Mapping[str, str] | None = None,
    /,
    *,
    door: Door = Door.UNKNOWN,
    envelope_from: str | None = None,
    **fields: str,
) -> Verdict:
    """Sort such a mail, with fields as a whole and by their names."""
    return sort(letter(text, **(given or {}), **fields), door=door, envelope_from=envelope_from)
