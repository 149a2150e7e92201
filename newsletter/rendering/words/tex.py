r"""TeX in titles and abstracts, read as text: ``$x^{-2} \le n$`` becomes ``x⁻² ≤ n``, ``72.3\%`` becomes ``72.3%``.

The symbols and alphabets are pylatexenc's. The reading is our own: abstracts are no documents (``%`` is a per cent sign,
``$5`` is money, macros are not defined, sources drop backslashes and dollar signs), anybody can write one, and it must take
linear time. What is not understood keeps its words. The result is plain text: nothing in it is markup.
"""

from __future__ import annotations

import re
from functools import lru_cache

from newsletter.rendering.words.tex_commands import COMMANDS
from newsletter.rendering.words.tex_pieces import finish
from newsletter.rendering.words.tex_reader import Reader
from newsletter.rendering.words.tex_symbols import names
from newsletter.rendering.words.text import clean

#: Longer text is no abstract: it is only cleaned.
LONGEST = 20_000
_KEPT = 512

_DAMAGED_TIMES = re.compile(r"times\b")
_DAMAGED_APPROX = re.compile(r"approx\d")
#: Where sources that drop backslashes leave the rest of a command: a word that nobody writes, or with what follows it there.
_WITHOUT_BACKSLASH = re.compile(
    r"""(?<![\\A-Za-z])(?=
        (?:math(?:cal|bb|bf|rm|sf|it|frak|scr|tt)|text(?:bf|it|tt|sc|rm|sf)?|emph|operatorname|boldsymbol|[dt]?frac|sqrt
            |wide(?:tilde|hat)|over(?:line|set)|under(?:line|set)|hat|tilde|bar|vec|href)\{
        |math(?:cal|bb|bf|frak)[ ][A-Z](?![A-Za-z])
        |(?:wide)?tilde[ ](?:Theta|Omega)\b
        |(?:alpha|beta|gamma|delta|(?:var)?epsilon|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega|ell)
            (?:\^|_(?:\d|\{|[A-Z]|infty))
        |(?:sum|prod)_(?:\{|[a-z]\b)
        |(?:leq|geq|neq|propto|cdots?|infty|nabla|[rR]ightarrow|[lL]eftarrow|varepsilon|[or]times|oplus)\b
        |approx\d)
    |(?<=ilde[ ])(?=(?:Theta|Omega)\b)
    |(?<=[\d}])(?=times\b)""",
    re.VERBOSE,
)
#: The words of that pattern, which is slow: it is for texts that have one of them.
_WORDS_OF_COMMANDS = names("""
    mathcal mathbb mathbf mathrm mathsf mathit mathfrak mathscr mathtt text textbf textit texttt textsc textrm textsf emph frac
    operatorname boldsymbol dfrac tfrac sqrt widetilde widehat overline overset underline underset hat tilde bar vec href alpha
    beta gamma delta epsilon varepsilon eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega ell sum prod leq geq
    neq propto cdot cdots infty nabla rightarrow Rightarrow leftarrow Leftarrow otimes rtimes oplus approx times""")
_WORD = re.compile("[A-Za-z]+")
#: Quotation marks and apostrophes that a program has put a backslash before: TeX would have its accent on a letter.
_ESCAPED_QUOTATION = re.compile(r"\\\"(?![A-Za-z{\\])")
_ESCAPED_APOSTROPHE = re.compile(r"\\'(?![A-Za-z{\\])|(?<=[A-Za-z])\\'(?=(?:s|t|d|m|re|ve|ll)\b)")
#: A line end that a program has written as a backslash and a letter.
_ESCAPED_LINE_END = re.compile(r"(?<!\\)\\n(?=[A-Z][a-z]+\b(?<!arrow)|\d|\s|-)")


def readable(text: str) -> str:
    r"""Return ``text`` with its TeX as Unicode text on one line; text without TeX comes back as it is.

    Text without ``\ $ ^ _ { ~ ` --`` and without what a dropped backslash leaves of ``5\times`` and ``\approx5`` is returned
    untouched. What is not understood keeps its words; text longer than ``LONGEST`` is only cleaned. Never raises; linear.

    Args:
        text: from outside, as ``clean`` gives it. Anything else that holds TeX is cleaned on the way.
    """
    # Looking for a string is twenty times faster than a pattern, and most texts have none of these.
    if "\\" in text or "$" in text or "^" in text or "_" in text or "{" in text or "~" in text or "`" in text or "--" in text:
        return _read(text)
    if "times" in text and any(text[match.start() - 1 : match.start()].isdigit() for match in _DAMAGED_TIMES.finditer(text)):
        return _read(text)
    if "approx" in text and _DAMAGED_APPROX.search(text):
        return _read(text)
    return text


@lru_cache(_KEPT)
def _read(text: str) -> str:
    text = clean(text)
    if len(text) > LONGEST:
        return text
    return clean(finish(Reader(_mended(text), COMMANDS).read()))


def _mended(text: str) -> str:
    """Return the source as it was before programs took backslashes away, or put some in."""
    if '\\"' in text and _ESCAPED_QUOTATION.search(text):
        text = text.replace('\\"', '"')
    if "\\'" in text and _ESCAPED_APOSTROPHE.search(text):
        text = text.replace("\\'", "'")
    if "\\n" in text:
        text = _ESCAPED_LINE_END.sub(" ", text)
    return text if _WORDS_OF_COMMANDS.isdisjoint(_WORD.findall(text)) else _WITHOUT_BACKSLASH.sub(r"\\", text)
