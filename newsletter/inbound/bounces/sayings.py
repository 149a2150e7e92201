"""What an account says of an address: beside it, below it, or in the transcript of a session."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice, takewhile

from newsletter.inbound.bounces.addresses import addresses_in
from newsletter.inbound.bounces.replies import one_line

#: Lines below an address that may tell why.
_MAX_BELOW = 12
_MAX_BULLETS = 40
_RULES = ("---", "===", "***", "___")
#: What may stand before an address at the head of its line.
BULLETS = " \t*-\u2022\u00b7#>|=:;.,<\"'(["

_REPLY = re.compile(
    r"(?:[a-z0-9 :,-]{0,40}(?:[<>]{3}|<-{1,3}|-{1,3}>)|out:|s:|received:?)?\s{0,3}([245]\d\d[ \-].{0,1000})",
    re.IGNORECASE,
)
_CITED = re.compile(
    r"^[^\w@]{0,20}(?:(?:reason|error|(?:remote )?(?:server|host) (?:said|returned|replied)|diagnostic code|smtp)"
    r"[: ;]{1,4}(?:smtp;)?)?[\s'\"]{0,2}"
    r"([45][0-5]\d[ \-#].*)",
    re.IGNORECASE,
)
_CITED_INSIDE = re.compile(r":\s{1,3}([45][0-5]\d[ \-].*)")
_REPLY_GOES_ON = re.compile(r"[<>]{0,3}\s{0,2}[45]\d\d[ \-]")
_REASON_LABEL = re.compile(
    r"\(?(?:(?:the )?reason|error|diagnostic(?: code)?|cause|because|grund|raison|motivo)\s{0,3}:\s{0,3}",
    re.IGNORECASE,
)
_LINK = re.compile(r"\s{0,2}[<\[(]mailto:[^<>()\[\]]{1,330}[>\])]", re.IGNORECASE)
_ENUMERATED = re.compile(r"[*(\[-]{0,4}(?:\d{1,3}[.:)\]]{0,2}\s{1,8})?[\s*\-\u2022\u00b7#>|=:;.,<\"'(\[]{0,12}$")


def is_head(before: str) -> bool:
    """Whether an address is at the head of its line: bullets, brackets or a number at most stand before it."""
    return _ENUMERATED.match(before.strip()[-_MAX_BULLETS:]) is not None


def said_below(lines: Sequence[str], number: int, behind: str, *, of: str) -> str:
    """Return what is said of an address on a line: ``behind`` it and below it, up to an empty line or the next address.

    An empty line is passed over as long as nothing but a label ("for the following reason:") has been said.
    """
    behind = _LINK.sub("", behind, count=1).lstrip(" \t:;,.)>]").rstrip()
    said = [behind] if behind.strip(".-:") else []
    for line in lines[number + 1 : number + 1 + _MAX_BELOW]:
        core = line.strip()
        if not core:
            if said and not said[-1].endswith(":"):
                break
            continue
        if _begins_another(core, of):
            break
        said.append(_REASON_LABEL.sub("", core, count=1))
    return one_line(" ".join(said))


def reply_below(lines: Sequence[str], number: int) -> str:
    """Return the reply a transcript gives to the command on a line; ``""`` if it gives none."""
    said: list[str] = []
    for line in lines[number + 1 : number + 1 + _MAX_BELOW]:
        match = _REPLY.match(line.strip())
        if match:
            said.append(match[1])
        elif said or line.strip():
            break
    return one_line(" ".join(said))


def said_after(lines: Sequence[str], address: str) -> str:
    """Return what follows the first line with an address, whatever sections it is in; for accounts that name nobody else."""
    below = iter(lines)
    if not any(address.lower() in line.lower() for line in below):
        return ""
    cores = (line.strip() for line in below)
    return one_line(" ".join(islice((core for core in cores if core and not core.startswith(_RULES)), _MAX_BELOW)))


def first_refusal(lines: Sequence[str]) -> str:
    """Return the first refusal an account cites, with what goes on below it, one at the head of a line before others."""
    for pattern in (_CITED, _CITED_INSIDE):
        for number, line in enumerate(lines):
            match = pattern.search(line)
            if match:
                below = (more.strip() for more in lines[number + 1 : number + 4])
                return one_line(" ".join([match[1], *takewhile(_REPLY_GOES_ON.match, below)]))
    return ""


def _begins_another(core: str, address: str) -> bool:
    """Whether a line is about another address, or a rule between sections."""
    if core.startswith(_RULES):
        return True
    first = next(addresses_in(core), None)
    return first is not None and first.address.lower() != address.lower() and is_head(core[: first.start])
