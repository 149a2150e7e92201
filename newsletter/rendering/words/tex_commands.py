"""TeX's commands that are more than a symbol: what each of them leaves in plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from newsletter.rendering.words.tex_pieces import SOFT, accented, code_point, fraction, in_alphabet, last, negated, root, script
from newsletter.rendering.words.tex_reader import BARE, Command, Reader
from newsletter.rendering.words.tex_symbols import ACCENTS, ALPHABETS, FUNCTIONS, names, symbols

#: Environments of rows and columns; in the others ``&`` only says where lines are aligned.
_TABLES = names("array tabular cases matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix")
_DROPPED_TWO = names("setlength newcommand renewcommand rule")
_ENCLOSING = {"footnote": (" (", ")"), "bra": ("⟨", "|"), "ket": ("|", "⟩"), "pmod": (" (mod ", ")")}
#: Commands of which one argument is the text: how many they have, and which it is.
_CHOSEN = {
    **dict.fromkeys(
        names("href textcolor colorbox texorpdfstring foreignlanguage stackrel overset raisebox scalebox parbox"), (2, 1)
    ),
    **dict.fromkeys(names("resizebox fcolorbox multicolumn"), (3, 2)),
}


def _blank(_reader: Reader, out: list[str], name: str) -> None:
    out.append(" • " if name == "item" else " mod " if name == "bmod" else " ")


def _nothing(reader: Reader, _out: list[str], name: str) -> None:
    if name in ("left", "right", "middle"):
        reader.tokens.skip(".")
    elif name.isalpha():
        reader.tokens.skip_blank()


def _open_formula(reader: Reader, out: list[str], name: str) -> None:
    if reader.closer in ("", BARE):
        reader.formula(out, "\\)" if name == "(" else "\\]")


def _close_formula(reader: Reader, out: list[str], _name: str) -> None:
    """Leave out a delimiter that closes nothing."""


def _accent(reader: Reader, out: list[str], name: str) -> None:
    following = reader.tokens.peek()[:1]
    if name == "not":
        reader.symbol(out, negated(reader.argument()))
    elif name.isalpha() or following.isalpha() or following in ("{", "\\"):
        out.append(accented(reader.argument(), name))
    elif name in "\"'~^":
        out.append(name)


def _environment(reader: Reader, out: list[str], name: str) -> None:
    kind = reader.upright()
    reader.tokens.option()
    if name == "begin" and kind in ("array", "tabular") and reader.tokens.has_group():
        reader.upright()
    if name == "begin":
        reader.columns.append(", " if kind in _TABLES else " ")
    elif reader.columns:
        reader.columns.pop()
    out.append(" ")


def _row(reader: Reader, out: list[str], _name: str) -> None:
    """Begin a new line, which is a new row in a table."""
    out.append("; " if reader.columns[-1:] == [", "] else " ")


def _verbatim(reader: Reader, out: list[str], name: str) -> None:
    r"""Write what stands between two equal signs: ``\verb|x_1|``."""
    out.append(reader.tokens.quoted() or name)


def _drop(reader: Reader, out: list[str], name: str) -> None:
    """Leave out a command with its arguments, and the blank before it where one follows."""
    reader.tokens.option()
    reader.tokens.option()
    for _ in range(2 if name in _DROPPED_TWO else 1):
        if reader.tokens.has_group():
            reader.upright()
    following = reader.tokens.peek()[:1]
    if following in " .,;:)":
        while last(out).isspace() and out[-1].isspace():
            out.pop()


def _choose(reader: Reader, out: list[str], name: str) -> None:
    """Write the one of a command's arguments that is its text; what there is of them where it is cut off."""
    reader.tokens.option()
    count, which = _CHOSEN[name]
    read = [reader.argument() if index == which else reader.upright() for index in range(count) if reader.tokens.has_group()]
    out += (read[which],) if len(read) == count else (SOFT, "".join(read))


def _text(reader: Reader, out: list[str], _name: str) -> None:
    reader.tokens.option()
    out.append(reader.upright() if reader.closer else reader.argument())


def _plain(reader: Reader, out: list[str], _name: str) -> None:
    out.append(reader.argument())


def _letters(reader: Reader, out: list[str], name: str) -> None:
    out.append(in_alphabet(reader.argument(), ALPHABETS[name]))


def _text_script(reader: Reader, out: list[str], name: str) -> None:
    out.append(script("^" if name in ("textsuperscript", "sp") else "_", reader.argument()))


def _fraction(reader: Reader, out: list[str], _name: str) -> None:
    out.append(fraction(reader.argument(), reader.argument()))


def _root(reader: Reader, out: list[str], _name: str) -> None:
    degree = reader.tokens.option()
    out.append(root(reader.argument(), degree))


def _underset(reader: Reader, out: list[str], _name: str) -> None:
    below = reader.script_argument()
    out.append(reader.argument().strip(SOFT) + script("_", below))


def _operator(reader: Reader, out: list[str], _name: str) -> None:
    out += (SOFT, reader.argument(), SOFT)


def _function(reader: Reader, out: list[str], name: str) -> None:
    out += (SOFT, symbols()[name], SOFT)
    reader.tokens.skip_blank()
    if reader.tokens.peek() in ("|", "\\|", "\\lvert", "\\lVert"):
        out.append(" ")


def _degree(reader: Reader, out: list[str], name: str) -> None:
    out += ("°",) if not reader.closer or last(out).isdigit() else (SOFT, name, SOFT)


def _colon(reader: Reader, out: list[str], _name: str) -> None:
    out.append(":" if reader.in_script or not reader.closer else ": ")
    reader.tokens.skip_blank()


def _address_command(reader: Reader, out: list[str], name: str) -> None:
    if reader.tokens.has_group():
        out.append(reader.upright())
    else:
        reader.unknown(out, name)


def _enclosed(reader: Reader, out: list[str], name: str) -> None:
    """Write an argument with what stands around it: a footnote, a state, a modulus."""
    before, behind = _ENCLOSING[name]
    out += (before, reader.argument(), behind) if reader.tokens.has_group() else (" ",)


def _binomial(reader: Reader, out: list[str], _name: str) -> None:
    out.append(f"({reader.argument()} choose {reader.argument()})")


def _code_point(reader: Reader, out: list[str], _name: str) -> None:
    out.append(code_point(reader.argument()))


def _table(*entries: tuple[Command, Iterable[str]]) -> dict[str, Command]:
    return {name: handler for handler, those in entries for name in those}


COMMANDS: Mapping[str, Command] = _table(
    (_function, FUNCTIONS),
    (_accent, ACCENTS),
    (_letters, ALPHABETS),
    (_choose, _CHOSEN),
    (_enclosed, _ENCLOSING),
    (_blank, [" "]),
    (
        _blank,
        names(", ; : > quad qquad enspace enskip thinspace space newline linebreak par medspace thickspace hfill item bmod"),
    ),
    (
        _nothing,
        names(r"""
        ! - / @ displaystyle textstyle scriptstyle limits nolimits rm bf it em sf tt sc sl bfseries itshape ttfamily mathstrut
        normalfont small large Large footnotesize tiny scriptsize normalsize huge centering noindent smallskip medskip bigskip
        nobreakdash allowbreak nonumber notag xspace protect relax left right middle big Big bigg Bigg bigl bigr Bigl Bigr
        biggl biggr Biggl Biggr bigm Bigm nobreak maketitle boldmath unboldmath upshape rmfamily sffamily"""),
    ),
    (_open_formula, "(["),
    (_close_formula, ")]"),
    (_environment, ["begin", "end"]),
    (
        _drop,
        names("""
        cite citep citet citealp citeauthor citeyear parencite textcite autocite nocite ref eqref cref Cref autoref label tag
        vspace hspace phantom hphantom vphantom bibliography color thanks includegraphics pagestyle thispagestyle
        usepackage index""")
        | _DROPPED_TWO,
    ),
    (
        _text,
        names("text textrm textnormal textup textsl mbox hbox textbf textit textsc texttt textsf emph fbox makebox underline"),
    ),
    (
        _plain,
        names("mathrm mathbf mathit mathsf mathtt mathnormal boldsymbol bm pmb ensuremath mathbin mathrel mathord"),
    ),
    (_text_script, names("textsuperscript textsubscript sp sb")),
    (_fraction, names("frac dfrac tfrac nicefrac sfrac cfrac flatfrac")),
    (_root, ["sqrt"]),
    (_row, ["\\", "cr", "tabularnewline"]),
    (_verbatim, ["verb", "lstinline"]),
    (_underset, ["underset"]),
    (_operator, names("operatorname mathop")),
    (_degree, ["deg"]),
    (_colon, ["colon"]),
    (_address_command, names("url path nolinkurl")),
    (_binomial, names("binom tbinom dbinom")),
    (_code_point, ["unicode"]),
)
