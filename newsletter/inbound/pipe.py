"""What an MTA that starts a program for a mail tells it in the environment."""

from __future__ import annotations

from collections.abc import Mapping

#: What stands for the null sender where a name is wanted.
_NOBODY = frozenset({"", "<>", "mailer-daemon"})


def sender_of(environment: Mapping[str, str]) -> str | None:
    """Return the envelope sender, ``""`` for the null sender; None if it is not told.

    ``SENDER`` is set by Postfix (local(8), with ``env=`` also pipe(8)), Exim, qmail, Courier and Sendmail's mailers.
    """
    sender = environment.get("SENDER")
    return None if sender is None else plain(sender)


def plain(sender: str) -> str:
    """Return an envelope sender without its angle brackets, ``""`` for all names of the null sender."""
    bare = sender.strip()
    return "" if bare.lower() in _NOBODY else bare.removeprefix("<").removesuffix(">")


def recipients_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the envelope recipient, as it was before any alias and after; empty if it is not told.

    ``ORIGINAL_RECIPIENT`` and ``RECIPIENT`` are whole addresses (Postfix, Exim, qmail, Courier). Without them it is put
    together from ``LOCAL`` (Postfix: all before the @), or ``LOCAL_PART`` with ``LOCAL_PART_SUFFIX`` (Exim) or ``EXTENSION``
    behind it, and ``DOMAIN``.
    """
    whole = [environment.get(name, "").strip() for name in ("ORIGINAL_RECIPIENT", "RECIPIENT")]
    found = tuple(dict.fromkeys(address.removeprefix("<").removesuffix(">") for address in whole if "@" in address))
    if found:
        return found
    local, domain = environment.get("LOCAL", ""), environment.get("DOMAIN", "")
    if not local and (local := environment.get("LOCAL_PART", "")):
        extension = environment.get("EXTENSION", "")
        local += environment.get("LOCAL_PART_SUFFIX", "") or (f"+{extension}" if extension else "")
    return (f"{local}@{domain}",) if local and domain else ()
