"""Where in the templates something of the finished mail comes from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping

from newsletter.preview.checks.page import Element

#: Places named for one thing.
MAX_PLACES = 20
#: Elements that the MJML compiler makes of its own.
_MADE_OF = {"img": "mj-image", "table": "mj-(?:table|section|column)", "div": "mj-(?:section|column|text)"}


class Sources:
    """The templates that went into a mail: ``files`` are their texts by their names."""

    def __init__(self, files: Mapping[str, str]) -> None:
        # One text to search, with a line between two files that nothing matches across.
        self._starts: list[int] = []
        self._names = list(files)
        self._text = ""
        self._lines: dict[str, str] = {}
        for name, text in files.items():
            self._starts.append(len(self._text))
            self._text += f"{text}\n\0\n"
            for number, line in enumerate(text.split("\n"), start=1):
                self._lines.setdefault(line.strip(), f"{name}:{number}")

    def find(self, pattern: str, limit: int = MAX_PLACES) -> tuple[str, ...]:
        """Return ``file:line`` of every line that holds what a regular expression means, at most ``limit``."""
        places: dict[str, None] = {}
        for match in re.finditer(pattern, self._text, re.IGNORECASE):
            places[self._place(match.start())] = None
            if len(places) == limit:
                break
        return tuple(places)

    def line(self, text: str) -> str | None:
        """Return ``file:line`` of the first line that is ``text``, whatever its indent; None if there is none."""
        return self._lines.get(text.strip())

    def place_of(self, element: Element) -> str:
        """Return where a template has an element: by its name and class, which are there as here; else how it begins."""
        for pattern in _patterns(element):
            found = self.find(pattern, 2)
            # More than one would be a guess.
            if len(found) == 1:
                return found[0]
        return element.place()

    def _place(self, offset: int) -> str:
        number = bisect_right(self._starts, offset) - 1
        line = self._text.count("\n", self._starts[number], offset) + 1
        return f"{self._names[number]}:{line}"


def _patterns(element: Element) -> Iterator[str]:
    name = element.name
    made = f"(?:{name}|{_MADE_OF[name]})" if name in _MADE_OF else name
    for attribute in ("class", "alt", "aria-label"):
        value = element.attributes.get(attribute, "")
        if value:
            said = f"(?:css-)?{attribute}" if attribute == "class" else attribute
            yield rf"<{made}\b[^<>]*\b{said}=\"{re.escape(value)}\""
