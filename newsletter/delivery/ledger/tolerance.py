"""At what rates an operator let an issue go on: remembered in the issue's note, so that nobody is asked twice for the same."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

_WORDS = re.compile(r"(\d{1,3}\.\d\d) % came back, (\d{1,3}\.\d\d) % complained")
_LET_GO_ON = "let go on when "


@dataclass(frozen=True, slots=True)
class Level:
    """How bad it was: the shares of messages that came back for good, and that were complained about; 0 to 1."""

    bounces: float
    complaints: float

    @property
    def words(self) -> str:
        """It in words, to begin a note with: ``5.20 % came back, 0.10 % complained``."""
        return f"{_percent(self.bounces)} came back, {_percent(self.complaints)} complained"

    @classmethod
    def at_pause(cls, note: str) -> Self | None:
        """Return the level a paused issue's note begins with; None if it was paused for another reason."""
        return cls._read(note, 0)

    @classmethod
    def let_go_on(cls, note: str) -> Self | None:
        """Return the level at which an issue was let go on, of its note; None if that never was."""
        return cls._read(note, len(_LET_GO_ON)) if note.startswith(_LET_GO_ON) else None

    @classmethod
    def _read(cls, note: str, start: int) -> Self | None:
        found = _WORDS.match(note, start)
        return None if found is None else cls(float(found[1]) / 100, float(found[2]) / 100)


def _percent(share: float) -> str:
    # Rounded up, so that what was above a limit is so in words as well.
    return f"{math.ceil(round(10_000 * share, 6)) / 100:.2f} %"


def note_after_resume(note: str) -> str:
    """Return the note of an issue that is let go on: what was known of its rates, ``""`` if they were not why it stood."""
    level = Level.at_pause(note) or Level.let_go_on(note)
    return "" if level is None else _LET_GO_ON + level.words
