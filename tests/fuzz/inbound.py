"""Coverage-guided fuzzing of all that reads mail from outside: ``make fuzz``.

One process: ``python -m tests.fuzz.inbound SEEDS -runs=250000``; flags are libFuzzer's. It ends with an error at the first
exception, and at the first mail that takes longer than ``-timeout`` seconds; the mail is then in a file ``crash-…`` or
``timeout-…``. SEEDS is a folder of mails to begin with; it grows by those that reach new code, unless FUZZ_BLIND is set.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext

import atheris

#: Watching which code a mail reaches finds more a mail, and costs ten times as much.
_IS_BLIND = "FUZZ_BLIND" in os.environ

with nullcontext() if _IS_BLIND else atheris.instrument_imports(include=["newsletter.inbound"], enable_loader_override=False):
    from newsletter.inbound.commands.grammar import looks_like_command, read_commands
    from newsletter.inbound.model import Door
    from newsletter.inbound.reading.mail import read_mail
    from newsletter.inbound.reading.quoting import own_words
    from newsletter.inbound.sorting.sort import sort

_DOORS = tuple(Door)


def read_and_sort(raw: bytes) -> None:
    """Do with a mail what is done before anybody acts on it."""
    mail = read_mail(raw)
    verdict = sort(
        mail,
        envelope_from=None if len(raw) % 3 else "",
        door=_DOORS[len(raw) % len(_DOORS)],
        looks_like_command=looks_like_command,
    )
    verdict.as_json()
    read_commands(own_words(mail), subject=mail.header.get("subject"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_and_sort)
    atheris.Fuzz()
