"""Reads a text with TeX in it from front to back: groups, formulas, raised and lowered characters, quotation marks, money."""
# ruff: noqa: RUF001 - mathematical signs and quotation marks are what this writes

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from newsletter.rendering.words.tex_pieces import RELATION, SOFT, called, is_prose, is_variable, last, script, spaced
from newsletter.rendering.words.tex_symbols import BINARY, NAMED, RELATIONS, SUBSCRIPTS, symbols
from newsletter.rendering.words.tex_tokens import Tokens, is_address, is_command

#: Groups, formulas and arguments nest no deeper; what is further in is read as if it stood here.
DEEPEST = 24

#: What ends a raised or lowered group outside of a formula: nothing but its brace.
BARE = "\x02"
_BARE_SUPERSCRIPT = re.compile(r"[-+−]?\d+|[*†‡+](?!\w)|[A-Za-z](?![A-Za-z])|[αβγδθφχ](?!\w)")
_BARE_SUBSCRIPT = re.compile(r"(\d{1,2}|[a-z])(?![\w{])(?!\.\w)")
_STRIPPED = {"ast": "*", "star": "*", "prime": "′", "circ": "°", "top": "⊤", "dagger": "†"}
#: What braces that TeX would not print enclose where nothing in them is TeX: names kept in capitals, signs, foreign letters.
_PROTECTED = re.compile(r"[A-Z0-9][^,:=\"']*|[^\w\s]|[^\x00-\x7f].*")


#: Writes what a command stands for, its name (the last argument) being read, to the list.
Command: TypeAlias = "Callable[[Reader, list[str], str], None]"


class Reader:
    """One pass over the tokens of a text; what is read is written to the list that each method is given."""

    def __init__(self, text: str, commands: Mapping[str, Command]) -> None:
        self.tokens: Final = Tokens(text)
        self._commands = commands
        self._depth = 0
        #: What ends the formula that is being read, "" outside of one.
        self.closer = ""
        self.in_script = False
        #: What parts the columns of the environments that are open.
        self.columns: list[str] = []
        self._has_quotations = "``" in text or " ''" in text

    def read(self) -> str:
        """Return the whole text, with marks still in it."""
        out: list[str] = []
        while self.tokens.peek():
            self._sequence(out, in_group=False)
        return "".join(out)

    def _sequence(self, out: list[str], *, in_group: bool) -> None:
        """Read up to the brace or delimiter that ends this group or formula, or to the end of the text."""
        while piece := self.tokens.peek():
            if piece == self.closer:
                return
            self.tokens.at += 1
            if not self.closer and (piece.isalnum() or piece.isspace()):
                out.append(piece)  # most of all text
            elif piece == "}":
                if in_group:
                    return
            elif is_command(piece):
                self._command(out, piece[1:])
            elif piece == "{":
                if self.tokens.is_paired(-1):
                    self._brace(out)
            elif self.closer:
                self._in_formula(out, piece)
            else:
                self._in_text(out, piece)

    # --- groups and arguments ---------------------------------------------------------------------------------------------

    def _brace(self, out: list[str]) -> None:
        """Read a group that belongs to no command, its opening brace being read."""
        first = self.tokens.peek()
        if not self.closer and self.tokens.peek(1) == "}" and first in NAMED:
            self.tokens.at += 2
            out.append(NAMED[first])
            return
        inner = self._group()
        before = last(out)
        is_number = before.isdigit() and inner[:1].isdigit()  # 1{2} was a fraction
        is_beside = (before.isalnum() or self.tokens.peek()[:1].isalnum()) and inner.isalnum()
        if inner == "+/-":
            out.append("±")
        elif self.closer or is_command(first) or (not is_number and (is_beside or _PROTECTED.fullmatch(inner))):
            out.append(inner)
        else:
            out.append(f"{{{inner}}}")  # a set, a placeholder

    def _group(self) -> str:
        """Return what is in the braces whose opening one has been read."""
        out: list[str] = []
        if self._depth < DEEPEST:
            self._depth += 1
            self._sequence(out, in_group=True)
            self._depth -= 1
        return "".join(out)

    def argument(self) -> str:
        """Return the next argument: a group, a command or one character. ``""`` where there is none."""
        self.tokens.skip_blank()
        piece = self.tokens.peek()
        if piece in ("", "}", self.closer):
            return ""
        if piece == "{":
            is_paired = self.tokens.is_paired()
            self.tokens.at += 1
            return self._group() if is_paired else ""
        if not is_command(piece):
            return self.tokens.character()  # \frac12, \hat xy
        self.tokens.at += 1
        out: list[str] = []
        if self._depth < DEEPEST:
            self._depth += 1
            self._command(out, piece[1:])
            self._depth -= 1
        return "".join(out)

    def upright(self) -> str:
        """Return the next argument read as text, whatever surrounds it."""
        closer, in_script, self.closer, self.in_script = self.closer, self.in_script, "", False
        inner = self.argument()
        self.closer, self.in_script = closer, in_script
        return inner

    def script_argument(self) -> str:
        """Return the next argument read as what is raised or lowered: without blanks."""
        closer, in_script, self.closer, self.in_script = self.closer, self.in_script, self.closer or BARE, True
        inner = self.argument()
        self.closer, self.in_script = closer, in_script
        return inner

    # --- text -------------------------------------------------------------------------------------------------------------

    def _in_text(self, out: list[str], piece: str) -> None:
        """Write a token outside of a formula."""
        before, following = last(out), self.tokens.peek()[:4]
        if piece == "$":
            self._dollar(out)
        elif piece in "^_" and before.strip():
            self._bare_script(out, piece)
        elif piece == "~":
            out.append(_tie(before, following))
        elif piece in ("--", "---"):
            is_option = before in " \"'`([" and following[:1].isalpha()
            out.append(piece if is_option else "–" if len(piece) == 2 else "—")
        elif piece in ("``", "''", "`"):
            self._quotation(out, piece)
        elif is_address(piece):
            self._address(out, piece)
        else:
            out.append(self.columns[-1] if piece == "&" and self.columns else piece)

    def _quotation(self, out: list[str], piece: str) -> None:
        if piece == "``":
            out.append("“")
        elif piece == "''" and self._has_quotations:
            out.append("“" if last(out) in " (" and self.tokens.peek()[:1].isalnum() else "”")
        elif piece == "`" and self.tokens.close_quotation():
            out.append("‘")
        else:
            out.append(piece)

    def _address(self, out: list[str], address: str) -> None:
        """Write an address, or its label where a source has left ``address{label}`` of a link."""
        if self.tokens.peek() == "}" and not self.tokens.is_paired():
            self.tokens.at += 1
        label = ""
        if self.tokens.has_group():
            self.tokens.at += 1
            label = self._group()
        out.append(label or re.sub(r"\\(.)", r"\1", address))

    def _bare_script(self, out: list[str], sign: str) -> None:
        """Write a raised or lowered character outside of a formula: ``A^2`` and ``x_i`` are meant so, ``a_name`` is not."""
        following, upcoming = self.tokens.peek(), self.tokens.upcoming()
        if following == "{" or (sign == "^" and is_command(following)):
            content = self.script_argument()
            out.append(script(sign, _STRIPPED.get(content, content)))
        elif sign == "^" and (match := _BARE_SUPERSCRIPT.match(upcoming)):
            out.append(script(sign, self.tokens.characters(len(match[0]))))
        elif (
            sign == "_"
            and (match := _BARE_SUBSCRIPT.match(upcoming))
            and match[1][0] in SUBSCRIPTS
            and is_variable("".join(out[-3:]))
        ):
            out.append(script(sign, self.tokens.characters(len(match[1]))))
        else:
            out.append(sign)

    def _dollar(self, out: list[str]) -> None:
        """Read the formula that a dollar sign opens; or write the sign, where it stands for money or for itself."""
        length = self.tokens.next_dollar()
        if length == 0:
            self._display(out)
        elif length < 0 and self.tokens.peek()[:1] in ("\\", "^", "_", "{"):
            self.formula(out, BARE)  # cut off behind the sign
        elif length < 0 or is_prose(self.tokens.source(length), self.tokens.peek(length + 1)):
            out.append("$")
        else:
            self.formula(out, "$")

    def _display(self, out: list[str]) -> None:
        """Read ``$$...$$``, the first dollar sign being read; two signs alone are left out."""
        self.tokens.at += 1
        length = self.tokens.next_dollar()
        if length > 0 and self.tokens.peek(length + 1) == "$":
            self.formula(out, "$")
            self.tokens.skip("$")

    # --- formulas ---------------------------------------------------------------------------------------------------------

    def formula(self, out: list[str], closer: str) -> None:
        """Read a formula with the delimiter that ends it, the one that opens it being read."""
        if self._depth < DEEPEST:
            inner: list[str] = []
            outer, self.closer = self.closer, closer
            self._depth += 1
            self._sequence(inner, in_group=False)
            self._depth -= 1
            self.closer = outer
            self.tokens.skip(closer)
            out.append(spaced("".join(inner)))

    def _in_formula(self, out: list[str], piece: str) -> None:
        """Write a token of a formula."""
        if piece in ("^", "_"):
            self._scripts(out, piece)
        elif piece.isspace():
            if not self.in_script and not last(out).isspace():
                out.append(" ")
        elif piece in ("<", ">", "=") and not any(out):
            out.append(piece)
        elif piece[0] in ":<>=" and piece[-1] in RELATIONS and last(out) != "-":
            self.symbol(out, piece)
        elif piece in ("'", "''"):
            out.append("′" * len(piece))
        elif piece not in ("$", "``", "`"):
            out.append(self.columns[-1] if piece == "&" and self.columns else " " if piece in "~&" else piece)

    def symbol(self, out: list[str], symbol: str) -> None:
        """Write a symbol of a formula with the blanks that belong to it."""
        if self.in_script:
            out.append(symbol)
        elif symbol[-1] in RELATIONS:
            out += (RELATION, symbol, RELATION)
            self.tokens.skip_blank()
        elif symbol in BINARY and last(out).isspace():
            out += (symbol, " ")
        else:
            out.append(symbol)

    def _scripts(self, out: list[str], sign: str) -> None:
        """Write what a sign in a formula raises or lowers, behind a function's name rather than behind its blank."""
        self.tokens.skip_blank()
        if sign == "^" and self.tokens.peek() in ("-", "+") and self.tokens.peek(1)[:1].isdigit():
            inner = self.tokens.next() + self.tokens.character()
        elif self.closer == BARE and self.tokens.peek().isalpha():
            inner = self.tokens.next()
        else:
            inner = self.script_argument()
        is_function = False
        while out and out[-1] in ("", " ", SOFT):
            is_function |= out.pop() == SOFT
        out += (script(sign, inner), SOFT if is_function else "")

    # --- commands ---------------------------------------------------------------------------------------------------------

    def _command(self, out: list[str], name: str) -> None:
        """Write what the command just read stands for."""
        name = name.rstrip("*") or name
        if handler := self._commands.get(name):
            handler(self, out, name)
        elif name in symbols():
            self._known(out, name)
        elif name.isdigit():
            # What a source that drops dollar signs leaves of \$5; "\3)" counts.
            out.append(name if self.tokens.peek() == ")" else "$" + name)
        elif name.isalpha():
            self.unknown(out, name)
        else:
            out.append(name)

    def _known(self, out: list[str], name: str) -> None:
        """Write a symbol; an empty group behind it ends its name, and a blank does in a formula."""
        symbol, before = symbols()[name], last(out)
        if self.tokens.peek() == "{" and self.tokens.peek(1) == "}":
            self.tokens.at += 2
        if self.closer:
            self.symbol(out, symbol)
            if name.isalpha():
                self.tokens.skip_blank()
            return
        if symbol[-1] == "." and self.tokens.peek()[:1] == ".":
            self.tokens.at += 1
        out.append(symbol)
        # A letter of a word (S\o ren), or what stands between two without blanks.
        if (
            (symbol.isalpha() and len(name) <= 2)
            or symbol in "–—"
            or ((symbol in RELATIONS or symbol == "·") and before.strip())
        ):
            self.tokens.skip_blank()

    def unknown(self, out: list[str], name: str) -> None:
        """Write the arguments of a command that is not defined here, or its name where it has none."""
        self.tokens.option()
        arguments: list[str] = []
        while self.tokens.has_group() and len(arguments) < 4:
            arguments.append(self.argument())
        if any(arguments):
            out.append(" ".join(filter(None, arguments)))
        elif self.closer:
            out += (SOFT, name, SOFT)
        else:
            out.append(called(name, "".join(out[-4:])[-24:]))


def _tie(before: str, following: str) -> str:
    """Return what a tilde in text is: a blank that does not break, or "about" before a number."""
    is_range = before.isdigit() and following[:1].isdigit()
    if before.strip(" (/") and not is_range:
        return " "
    return "" if following[:1] == "\\" or following == "http" else "~"
