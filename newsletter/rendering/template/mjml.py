"""MJML with Jinja inside, compiled once to a Jinja template of finished HTML.

The order is: includes, Jinja taken out, MJML to HTML, CSS inlined, Jinja put back. What stands between Jinja's delimiters is
never seen by the MJML or CSS parsers: ``{% if n < 3 %}`` is fine although a bare ``<`` is not. While they work, a statement
between elements is an HTML comment (which may stand anywhere, inside tables too), everything else is a word.

Where this goes beyond the MJML compiler: ``<mj-style inline="inline">`` is inlined, ``mj-include`` is resolved here, an unknown
``mj-`` element is an error with file and line, and so is a value that the compiler would silently drop.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

import css_inline
import jinja2
from mjml import mjml2html

from newsletter.rendering.errors import TemplateError

#: Elements of MJML 4 that the compiler knows.
KNOWN_ELEMENTS = frozenset(
    {
        *("mjml", "mj-head", "mj-title", "mj-preview", "mj-attributes", "mj-all", "mj-class", "mj-style", "mj-font"),
        *("mj-breakpoint", "mj-include", "mj-raw", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column"),
        *("mj-text", "mj-table", "mj-image", "mj-button", "mj-divider", "mj-spacer", "mj-hero"),
        *("mj-accordion", "mj-accordion-element", "mj-accordion-title", "mj-accordion-text"),
        *("mj-carousel", "mj-carousel-image", "mj-navbar", "mj-navbar-link", "mj-social", "mj-social-element"),
    }
)
MAX_INCLUDE_DEPTH = 10

_MARK = "zjinja"
_WORD = re.compile(rf"<!--{_MARK}(\d+)z-->|{_MARK}(\d+)z")
_SKELETON = re.compile(rf"<!--{_MARK}\d+z-->|{_MARK}\d+z|</?[a-z][a-z0-9]*")
_ELEMENT = re.compile(r"</?(mj[a-z-]*)\b")
_INCLUDE = re.compile(r"<mj-include\b([^>]*?)/?>(?:\s*</mj-include>)?")
_PATH = re.compile(r"""\bpath\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INLINE_STYLE = re.compile(r"""<mj-style\b[^>]*\binline\s*=\s*["']inline["'][^>]*>(.*?)</mj-style>""", re.DOTALL)
_COMMENT = re.compile(r"<!--(?!\[if|<!\[endif|>).*?-->", re.DOTALL)
_STYLE = re.compile(r"<mj-style\b.*?</mj-style>", re.DOTALL)
_POSITION = re.compile(r" in root template at position (\d+)(?::\d+)?| in root template")
_STRAY_DELIMITER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_REFUSED = {"include", "import", "from", "extends", "block", "macro"}


@dataclass(frozen=True, slots=True)
class CompiledMjml:
    """The HTML of one MJML template, with Jinja inside: ``files`` are the templates that went into it, the main one first."""

    source: str
    files: tuple[str, ...]


@dataclass(slots=True)
class _Assembly:
    """The one MJML document that a template and its includes make up, with the way back to files and lines."""

    text: str = ""
    files: list[str] = field(default_factory=list)
    places: list[tuple[int, str, int]] = field(default_factory=list)
    codes: list[tuple[str, str, int]] = field(default_factory=list)
    in_tag: str = ""

    def place_of(self, offset: int) -> tuple[str, int]:
        """Return file and line of a character of ``text``."""
        start, name, line = next(place for place in reversed(self.places) if place[0] <= offset)
        return name, line + self.text.count("\n", start, offset)

    def error(self, offset: int, problem: str) -> TemplateError:
        name, line = self.place_of(offset)
        return TemplateError(name, problem, line=line)

    def add(self, text: str, name: str, line: int) -> None:
        self.places.append((len(self.text), name, line))
        self.text += text
        self.in_tag = _tag_state(text, self.in_tag)

    def add_code(self, code: str, name: str, line: int) -> None:
        """Put a stand-in for Jinja code: a comment for a statement between elements, else a word."""
        number = len(self.codes)
        self.codes.append((code, name, line))
        is_statement = code.startswith("{%")
        self.places.append((len(self.text), name, line))
        self.text += f"<!--{_MARK}{number}z-->" if is_statement and not self.in_tag else f"{_MARK}{number}z"


def compile_mjml(name: str, read: Callable[[str], str], environment: jinja2.Environment) -> CompiledMjml:
    """Compile the template ``name``.

    Args:
        name: of the main template; ``mj-include`` names others the same way, from the top of the templates folder.
        read: returns a template's text by its name.
        environment: whose Jinja syntax the templates use.

    Raises:
        TemplateError: a file is missing, MJML or Jinja in it is wrong, an ``mj-`` element is unknown, or a value stands where
            the MJML compiler drops it. Names the file, and the line where it is known.
    """
    assembly = _Assembly()
    _assemble(assembly, name, read, environment, ())
    _check_elements(assembly)
    inline_css: list[str] = []

    def take_style(match: re.Match[str]) -> str:
        inline_css.append(match[1])
        return "\n" * match[0].count("\n")

    document = _INLINE_STYLE.sub(take_style, assembly.text)
    page = _to_html(document, assembly)
    inlined = _inline(page, "\n".join(inline_css), name)
    _check_nothing_moved(assembly, page, inlined)
    _check_nothing_is_lost(assembly, inlined, "".join(inline_css))
    source = _WORD.sub(lambda match: assembly.codes[int(match[1] or match[2])][0], inlined)
    return CompiledMjml(source, tuple(dict.fromkeys(assembly.files)))


def _assemble(
    assembly: _Assembly, name: str, read: Callable[[str], str], environment: jinja2.Environment, parents: tuple[str, ...]
) -> None:
    """Add the text of ``name`` and of what it includes, Jinja code replaced by stand-ins."""
    source = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), read(name))
    if _MARK in source:
        raise TemplateError(name, f"holds the word {_MARK!r}, which the compiler uses itself; write it differently")
    assembly.files.append(name)
    code, began = "", 1
    for line, kind, value in _tokens(name, source, environment):
        if kind in {"variable_begin", "block_begin"}:
            code, began = value, line
        elif kind in {"variable_end", "block_end"}:
            assembly.add_code(code + value, name, began)
            code = ""
        elif code:
            if kind == "name" and code.strip("{%-+ ") == "" and code.startswith("{%") and value in _REFUSED:
                raise TemplateError(name, f"'{value}' does not work in MJML; use <mj-include path=\"partials/…\" />", line=line)
            code += value
        elif kind == "data":
            _add_data(assembly, value, name, line, read, environment, (*parents, name))


def _add_data(
    assembly: _Assembly,
    text: str,
    name: str,
    line: int,
    read: Callable[[str], str],
    environment: jinja2.Environment,
    parents: tuple[str, ...],
) -> None:
    done = 0
    for match in _INCLUDE.finditer(text):
        here = line + text.count("\n", 0, match.start())
        path = _PATH.search(match[1])
        if path is None:
            raise TemplateError(name, 'mj-include needs a path="partials/….mjml"', line=here)
        target = path[1] or path[2] or ""
        if target in parents or len(parents) > MAX_INCLUDE_DEPTH:
            raise TemplateError(name, f"includes {target} within itself; take one of the includes out", line=here)
        assembly.add(text[done : match.start()], name, line + text.count("\n", 0, done))
        try:
            _assemble(assembly, target, read, environment, parents)
        except TemplateError as error:
            if error.template == target and error.line is None:
                raise TemplateError(name, f"cannot include it: {error}", line=here) from error
            raise
        done = match.end()
    assembly.add(text[done:], name, line + text.count("\n", 0, done))


def _tokens(name: str, source: str, environment: jinja2.Environment) -> list[tuple[int, str, str]]:
    try:
        # A file is checked by itself: a loop that opens in one and closes in another would be found by nobody.
        environment.compile(source)
        tokens = list(environment.lex(source))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(name, f"{error.message}", line=error.lineno) from error
    for line, kind, _ in tokens:
        if kind == "raw_begin":
            raise TemplateError(name, "'raw' does not work in MJML; write the text in a value or an entity", line=line)
    return tokens


def _tag_state(text: str, state: str) -> str:
    """Return where ``text`` ends, given where it begins: ``""`` between tags, ``<`` in one, a quote, or ``<!--``."""
    for mark in re.findall(r"<!--|-->|<(?=[A-Za-z/])|[>\"']", text):
        if state == "<!--":
            state = "" if mark == "-->" else state
        elif mark in {"<!--", "<"}:
            state = state or mark
        elif mark in {">", "-->"}:
            state = state if state in {'"', "'"} else ""
        elif state == "<":
            state = mark
        elif state == mark:
            state = "<"
    return state


def _check_elements(assembly: _Assembly) -> None:
    outside_css = _STYLE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), assembly.text)
    stray = _STRAY_DELIMITER.search(outside_css)
    if stray is not None:
        raise assembly.error(stray.start(), f"{stray[0]!r} has no partner; every reader would see it")
    for match in _ELEMENT.finditer(assembly.text):
        if match[1] not in KNOWN_ELEMENTS:
            raise assembly.error(match.start(), f"<{match[1]}> is no MJML element; the compiler would leave it out")


def _to_html(document: str, assembly: _Assembly) -> str:
    try:
        # No fonts: the compiler's default loads them from a public server, which then knows who reads what and when.
        return mjml2html(document, disable_comments=False, fonts={})
    except ValueError as error:
        match = _POSITION.search(str(error))
        problem = f"not valid MJML: {_POSITION.sub('', str(error))}"
        if match is None or match[1] is None:
            raise TemplateError(assembly.files[0], f"{problem}; look for an element that is not closed") from error
        offset = len(document.encode()[: int(match[1])].decode(errors="ignore"))
        line = document.count("\n", 0, offset)
        same_line = _start_of_line(assembly.text, line)
        raise assembly.error(same_line, problem) from error


def _start_of_line(text: str, line: int) -> int:
    """Return the offset of the first word of a line (from 0): lines survive where styles were taken out, offsets do not."""
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    indent = re.compile(r"\s*").match(text, offset)
    return offset if indent is None else min(indent.end(), len(text) - 1)


def _inline(page: str, css: str, name: str) -> str:
    inliner = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=css or None
    )
    try:
        inlined = inliner.inline(page)
    except css_inline.InlineError as error:
        raise TemplateError(name, f"its inline style sheet cannot be read: {error}") from error
    return inlined


def _check_nothing_moved(assembly: _Assembly, page: str, inlined: str) -> None:
    """Make sure that the HTML parser took the page as it was written.

    It puts text out of a table that is in none of its cells, adds a missing ``<tbody>``, ends a ``<p>`` before a ``<div>``:
    a loop would then repeat half an element.
    """
    number = 0
    known = {match[0] for match in _WORD.finditer(page)}
    before = _SKELETON.findall(page)
    after = [mark for mark in _SKELETON.findall(inlined) if not _WORD.fullmatch(mark) or mark in known]
    for mine, theirs in zip_longest(before, after, fillvalue=""):
        if mine != theirs:
            _, name, line = assembly.codes[number] if assembly.codes else ("", assembly.files[0], 1)
            raise TemplateError(
                name,
                f"near here, HTML does not allow {'this text' if _MARK in mine else mine + '>'} where it stands; "
                "write <tbody> around rows, put text into a <td>, and no block into a <p>",
                line=line,
            )
        word = _WORD.fullmatch(mine)
        number = int(word[1] or word[2]) if word else number


def _check_nothing_is_lost(assembly: _Assembly, inlined: str, inline_css: str) -> None:
    kept = {int(match[1] or match[2]) for match in _WORD.finditer(inlined)}
    # A value in a rule that no element matches is no mistake; a statement there has no effect, and is one.
    kept |= {int(match[2]) for match in _WORD.finditer(inline_css) if match[2]}
    for number, (code, name, line) in enumerate(assembly.codes):
        if number not in kept:
            problem = f"the MJML compiler drops {code} here; use it in a text, a link or a colour instead"
            raise TemplateError(name, problem, line=line)
