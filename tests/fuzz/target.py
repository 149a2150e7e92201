"""What is fuzzed: all that is done with a mail before anybody acts on it."""

from __future__ import annotations

from newsletter.inbound.commands.grammar import looks_like_command, read_commands
from newsletter.inbound.model import Door
from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.reading.quoting import own_words
from newsletter.inbound.sorting.sort import sort

_DOORS = tuple(Door)


def read_and_sort(raw: bytes) -> None:
    """Read a mail, sort it as if it had come to any of our addresses, and read the commands in it."""
    mail = read_mail(raw)
    verdict = sort(
        mail,
        envelope_from=None if len(raw) % 3 else "",
        door=_DOORS[len(raw) % len(_DOORS)],
        looks_like_command=looks_like_command,
    )
    verdict.as_json()
    read_commands(own_words(mail), subject=mail.header.get("subject"))
