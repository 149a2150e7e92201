"""Where tags begin and end in the text of a template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_STYLE_END, _COMMENT_END = re.compile(r"</style\s*>", re.IGNORECASE), re.compile("-->")
_QUOTES = {mark: re.compile(mark) for mark in "\"'"}
_IN_TEXT = re.compile(r"<!--|<style\b|<(?=[A-Za-z/!?])", re.IGNORECASE)
_IN_TAG = re.compile(r"[>\"']")


def tag_state(text: str, state: str) -> str:
    """Return where ``text`` ends, given where it begins; see :func:`_changes`."""
    return [state, *(after for _, after in _changes(text, state))][-1]


def at_tags(text: str, state: str) -> list[str]:
    """Return ``text`` cut behind the tag that it begins in, and before the one that it ends in."""
    changes = list(_changes(text, state))
    cuts = [place for place, after in changes if not after][:1] if state else []
    if changes and changes[-1][1]:
        opened = [index for index, (_, after) in enumerate(changes) if not (changes[index - 1][1] if index else state)]
        cuts += [changes[index][0] for index in opened[-1:]]
    return [piece for start, end in pairwise([0, *cuts, len(text)]) if (piece := text[start:end])]


def _changes(text: str, state: str) -> Iterator[tuple[int, str]]:
    """Yield where in ``text`` what surrounds it changes, and to what: before what opens a tag, behind what closes it.

    ``""`` is between tags; else it is in ``<!--``, in a ``style``, or in the tag ``<`` or ``<style``, to which the quotation
    mark is added that is open there.
    """
    place = 0
    while True:
        if not state:
            mark = _IN_TEXT.search(text, place)
        elif state == "<!--":
            mark = _COMMENT_END.search(text, place)
        elif state == "style":
            mark = _STYLE_END.search(text, place)
        else:
            mark = (_IN_TAG if state[-1] not in "\"'" else _QUOTES[state[-1]]).search(text, place)
        if mark is None:
            return
        place = mark.end()
        if not state:
            state = mark[0].lower()
            yield mark.start(), state
            continue
        if state in {"<!--", "style"}:
            state = ""
        elif state[-1] in "\"'":
            state = state[:-1]
        elif mark[0] != ">":
            state += mark[0]
        else:
            state = "style" if state == "<style" else ""
        yield place, state
