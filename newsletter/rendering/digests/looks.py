"""What the linter has seen of an issue's pieces, and which digests it has to look at before they may leave."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.rendering.message.pieces import Piece

#: Marks kept; when there are more, the linter begins anew.
MARKS_KEPT = 50_000

_TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
#: What the linter looks into beyond tags, or would read otherwise than it seems.
_DEEPER = re.compile(r"<(?:style|script|title|textarea|!)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(slots=True, eq=False)
class Made:
    """A piece that was made for an issue.

    Attributes:
        size: octets with tokens in its slots.
        mark: equal for pieces between which the linter sees no difference; ``b""``: it is to see this one every time.
        is_seen: whether it saw one of this mark in a whole message, and let it pass.
        shows: names of the message's own pictures that it shows.
    """

    piece: Piece
    size: int
    mark: bytes
    is_seen: bool = False
    shows: tuple[str, ...] = ()


def mark_of(place: str, text: str, *, is_html: bool) -> bytes:
    """Return what tells pieces apart for the linter: in HTML the tags, and the words only where they hold more than words.

    Args:
        place: where in the template it stands; a piece begins and ends outside tags there.
        text: before it is encoded.
        is_html: else it is plain text, in which the linter finds nothing but control characters.
    """
    if _CONTROL.search(text):
        return b""
    seen: list[str] = []
    if is_html:
        seen = _TAG.findall(text)
        rest = _TAG.sub("", text)
        if "<" in rest or ">" in rest or _DEEPER.search(text):
            seen = [text]
    return hashlib.sha256("\0".join([place, *seen]).encode()).digest()


class Looks:
    """Remembers what was seen."""

    def __init__(self) -> None:
        self._marks: set[bytes] = set()

    def unseen(self, made: Sequence[Made]) -> list[Made]:
        """Return those of ``made`` that the linter has yet to see."""
        return [each for each in made if not each.is_seen and not self._is_known(each)]

    def saw(self, made: Sequence[Made]) -> None:
        """Hear that the linter let a whole message of these pass."""
        if len(self._marks) > MARKS_KEPT:
            self._marks.clear()
        for each in made:
            if each.mark:
                self._marks.add(each.mark)
                each.is_seen = True

    def _is_known(self, made: Made) -> bool:
        made.is_seen = made.mark in self._marks
        return made.is_seen
