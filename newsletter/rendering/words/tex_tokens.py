"""The tokens of a text with TeX in it, and the place where its reader is."""

from __future__ import annotations

import re
from typing import Final

_TOKEN = re.compile(
    r"""(?:https?://|www\.|github\.com/|huggingface\.co/)(?:[^\s{}$\\^"`,;)]|[,;)](?=[\w/])|\\[_%\#&~])+
    |\\(?:[A-Za-z]+\*?|.|$)
    |\s+
    |[:<>=]*[<>=][<>=]*
    |[^\W_]+(?:[.,]\d+)*
    |---?(?!-)|``|''|.""",
    re.VERBOSE | re.DOTALL,
)
_ADDRESS = ("http://", "https://", "www.", "github.com/", "huggingface.co/")
#: An optional argument in brackets is no longer than this many tokens.
_LONGEST_OPTION = 24


def is_command(piece: str) -> bool:
    """Tell whether a token is a backslash with what belongs to it."""
    return len(piece) > 1 and piece[0] == "\\"


def is_address(piece: str) -> bool:
    """Tell whether a token is a web address."""
    return piece.startswith(_ADDRESS)


class Tokens:
    """Addresses, commands, words, blanks and single signs, read from front to back; none is empty."""

    def __init__(self, text: str) -> None:
        self._pieces: Final[list[str]] = _TOKEN.findall(text)
        self.at = 0
        self._paired = self._braces()
        self._dollars = [index for index, piece in enumerate(self._pieces) if piece == "$"]
        self._passed = 0

    def _braces(self) -> frozenset[int]:
        """Return where the braces of pairs are: one without its other must not swallow what follows."""
        opened: list[int] = []
        paired: list[int] = []
        for index, piece in enumerate(self._pieces):
            if piece == "{":
                opened.append(index)
            elif piece == "}" and opened:
                paired += (opened.pop(), index)
        return frozenset(paired)

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self._pieces)

    def peek(self, ahead: int = 0) -> str:
        """Return the next token, or one further ahead, without reading it; ``""`` behind the end."""
        index = self.at + ahead
        return self._pieces[index] if index < len(self._pieces) else ""

    def next(self) -> str:
        """Read the next token; there has to be one."""
        self.at += 1
        return self._pieces[self.at - 1]

    def skip(self, piece: str) -> bool:
        """Read the next token if it is ``piece``, and tell whether it was."""
        found = self.peek() == piece
        self.at += found
        return found

    def skip_blank(self) -> None:
        """Go on to the next token that is not blank."""
        while self.peek().isspace():
            self.at += 1

    def is_paired(self, ahead: int = 0) -> bool:
        """Tell whether the next token, or one further ahead, is a brace that has its other."""
        return self.at + ahead in self._paired

    def has_group(self) -> bool:
        """Tell whether an argument in braces is next."""
        return self.peek() == "{" and self.is_paired()

    def option(self) -> str:
        """Read an optional argument in brackets and return its source; nothing is read where none is closed nearby."""
        if self.peek() == "[":
            for ahead in range(1, _LONGEST_OPTION):
                if self.peek(ahead) == "]":
                    inner = "".join(self._pieces[self.at + 1 : self.at + ahead])
                    self.at += ahead + 1
                    return inner
        return ""

    def quoted(self) -> str:
        """Read and return what stands between the next character and the same one again; ``""`` where that is not nearby."""
        mark, ahead = self.peek()[:1], 1
        while ahead < _LONGEST_OPTION and mark.strip() and not mark.isalnum():
            if self.peek(ahead) == mark:
                inner = "".join(self._pieces[self.at + 1 : self.at + ahead])
                self.at += ahead + 1
                return inner
            ahead += 1
        return ""

    def character(self) -> str:
        """Read one character of the next token, which stays with its rest; there has to be one."""
        return self.characters(1)

    def characters(self, length: int) -> str:
        """Read ``length`` characters; there have to be as many."""
        read: list[str] = []
        while length:
            piece = self._pieces[self.at]
            read.append(piece[:length])
            if len(piece) > length:
                self._pieces[self.at] = piece[length:]
                break
            length -= len(piece)
            self.at += 1
        return "".join(read)

    def upcoming(self) -> str:
        """Return the source of the next three tokens, as much of it as a raised or lowered number has."""
        return "".join(self._pieces[self.at : self.at + 3])[:24]

    def next_dollar(self) -> int:
        """Return how far ahead the next dollar sign is, -1 for none."""
        while self._passed < len(self._dollars) and self._dollars[self._passed] < self.at:
            self._passed += 1
        return self._dollars[self._passed] - self.at if self._passed < len(self._dollars) else -1

    def source(self, length: int) -> str:
        """Return the source of the next ``length`` tokens."""
        return "".join(self._pieces[self.at : self.at + length])

    def close_quotation(self) -> bool:
        """Turn the apostrophe that ends a `quotation' just opened into a quotation mark, and tell whether there was one."""
        if not self.peek()[:1].isalnum():
            return False
        for ahead in range(_LONGEST_OPTION):
            piece = self.peek(ahead)
            if piece in ("`", "``", "''", ""):
                return False
            if piece == "'" and not self.peek(ahead + 1)[:1].isalnum():
                self._pieces[self.at + ahead] = "\u2019"
                return True
        return False
