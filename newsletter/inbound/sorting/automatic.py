"""Whether a mail was written by a machine, so that no machine of ours may answer it (RFC 3834 section 2)."""

from __future__ import annotations

from newsletter.inbound.bounces.addresses import first_address, is_daemon
from newsletter.inbound.reading.header import Header
from newsletter.inbound.reading.mail import Mail

#: Fields that only lists and their like write.
LIST_FIELDS = (
    *("list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive"),
    *("mailing-list", "x-mailing-list", "x-mailman-version", "x-beenthere", "x-google-group-id", "x-ml-name"),
)
_TO_MANY = frozenset({"bulk", "list", "junk"})
_NOBODY = frozenset({"noreply", "donotreply", "nepasrepondre", "nichtantworten", "noresponder", "naoresponda", "nonrispondere"})
_DRAWN_OUT = str.maketrans("", "", "-_.")


def is_automatic(mail: Mail, envelope_from: str | None = None) -> bool:
    """Say whether a machine wrote it, or it went to many: such mail is never answered.

    That is: the null sender, ``Auto-Submitted`` other than ``no``, fields of lists, ``Precedence: bulk`` and its like, a mail
    system or an address that nobody reads as sender, and a mail that an answering machine marked as its own (``X-Loop``).

    Args:
        mail: as it was read.
        envelope_from: of the SMTP transaction, ``""`` for the null sender; None if it is not known, and ``Return-Path`` counts.
    """
    header = mail.header
    return (
        is_null_sender(header, envelope_from)
        or submission(header) not in ("", "no")
        or is_from_list(header)
        or bool(header.get("x-loop"))
        or any(_is_machine(address) for address in _senders(header, envelope_from))
    )


def is_null_sender(header: Header, envelope_from: str | None) -> bool:
    """Say whether it came from ``<>``, as bounces do."""
    if envelope_from is not None:
        return envelope_from.strip("<> ") == ""
    return any(path.strip() != "" and path.strip("<> ") == "" for path in header.all("return-path"))


def submission(header: Header) -> str:
    """Return the keyword of ``Auto-Submitted`` (RFC 3834 section 5) in lower case, ``""`` if there is none."""
    keyword = header.get("auto-submitted").partition(";")[0].partition("(")[0]
    return keyword.strip().lower()


def is_from_list(header: Header) -> bool:
    """Say whether a list, or a sender to many, sent it."""
    return header.get("precedence").strip().lower() in _TO_MANY or any(header.get(name) for name in LIST_FIELDS)


def _senders(header: Header, envelope_from: str | None) -> list[str]:
    envelope = header.get("return-path") if envelope_from is None else envelope_from
    return [first_address(value) for value in (envelope, header.get("from"), header.get("sender")) if value]


def _is_machine(address: str) -> bool:
    local = address.rpartition("@")[0].lower()
    if not local:
        return False
    name = local.partition("+")[0]
    return (
        is_daemon(address)
        or name.startswith("owner-")
        or name.endswith(("-owner", "-request", "-bounces", "-bounce"))
        or name.translate(_DRAWN_OUT) in _NOBODY
    )
