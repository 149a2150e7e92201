"""MJML with Jinja inside, compiled once to a Jinja template of finished HTML.

The order is: includes, Jinja taken out, MJML to HTML, CSS inlined, Jinja put back. What stands between Jinja's delimiters is
never seen by the MJML or CSS parsers: ``{% if n < 3 %}`` is fine although a bare ``<`` is not. While they work, a statement
between elements is an HTML comment (which may stand anywhere, inside tables too), everything else is a word.

Where this goes beyond the MJML compiler: ``<mj-style inline="inline">`` is inlined, ``mj-include`` is resolved here, and what
the compiler would drop or pass on without a word is an error with file and line (see ``strict``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import groupby, zip_longest
from operator import itemgetter

import css_inline
import jinja2
from jinja2 import nodes
from mjml import mjml2html

from newsletter.rendering.errors import TemplateError
from newsletter.rendering.template.folder import MailEnvironment, Origin
from newsletter.rendering.template.strict import attribute_at, check, is_unused_default, tag_at
from newsletter.rendering.template.syntax import in_words

MAX_INCLUDE_DEPTH = 10

_MARK = "zjinja"
_HEADERS = re.compile(r"<(?:th|caption)\b", re.IGNORECASE)
_WORD = re.compile(rf"<!--{_MARK}(\d+)z-->|{_MARK}(\d+)z")
_STAND_IN = re.compile(rf"{_MARK}(\d+)z")
_DELIMITER = re.compile(r"\{[{%][-+]?")
_SKELETON = re.compile(rf"<!--{_MARK}\d+z-->|{_MARK}\d+z|</?[a-z][a-z0-9]*")
_INCLUDE = re.compile(r"<mj-include\b([^>]*?)/?>(?:\s*</mj-include>)?")
_PATH = re.compile(r"""\bpath\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INLINE_STYLE = re.compile(r"""<mj-style\b[^>]*\binline\s*=\s*["']inline["'][^>]*>(.*?)</mj-style>""", re.DOTALL)
_COMMENT = re.compile(r"<!--(?!\[if|<!\[endif|>).*?-->", re.DOTALL)
_STYLE = re.compile(r"<mj-style\b.*?</mj-style>", re.DOTALL)
_POSITION = re.compile(r" in root template at position (\d+)(?::\d+)?| in root template")
_STRAY_DELIMITER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
#: What looks as if a value was meant: ``{ view.number }``.
_SINGLE_BRACES = re.compile(r"\{ *([a-z_]+(?:\.[a-z_]+)+) *\}")
_REFUSED = {"include", "import", "from", "extends", "block", "macro"}


@dataclass(frozen=True, slots=True)
class CompiledMjml:
    """The HTML of one MJML template, with Jinja inside.

    Attributes:
        source: the HTML. No two pieces of Jinja in it share a line.
        files: the templates that went into it, the main one first.
        origins: where its Jinja was written.
    """

    source: str
    files: tuple[str, ...]
    origins: tuple[Origin, ...]


@dataclass(slots=True)
class _Assembly:
    """The one MJML document that a template and its includes make up, with the way back to files and lines."""

    text: str = ""
    files: list[str] = field(default_factory=list)
    places: list[tuple[int, str, int]] = field(default_factory=list)
    codes: list[tuple[str, str, int]] = field(default_factory=list)
    code_places: list[int] = field(default_factory=list)
    problems: list[TemplateError] = field(default_factory=list)
    tokens: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    in_tag: str = ""

    def place_of(self, offset: int) -> tuple[str, int]:
        """Return file and line of a character of ``text``."""
        start, name, line = self.places[bisect_right(self.places, offset, key=itemgetter(0)) - 1]
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
        self.code_places.append(len(self.text))
        self.text += f"<!--{_MARK}{number}z-->" if is_statement and not self.in_tag else f"{_MARK}{number}z"


def compile_mjml(name: str, read: Callable[[str], str], environment: MailEnvironment) -> CompiledMjml:
    """Compile the template ``name``.

    Args:
        name: of the main template; ``mj-include`` names others the same way, from the top of the templates folder.
        read: returns a template's text by its name.
        environment: whose Jinja syntax the templates use; it is told where the Jinja of the page was written.

    Raises:
        TemplateError: a file is missing, MJML, CSS or Jinja in it is wrong, or something stands where the MJML compiler drops
            it. Names the file, and the line where it is known; ``further`` has what else is wrong.
    """
    assembly = _Assembly()
    try:
        _assemble(assembly, name, read, environment, ())
    except TemplateError as error:
        assembly.problems.append(error)
    # A file that is missing here leaves much out of place: what else looks wrong may not be.
    _raise_all(assembly.problems)
    _raise_all(list(_misplaced(assembly)))
    inline_css: list[str] = []

    def take_style(match: re.Match[str]) -> str:
        inline_css.append(match[1])
        return "\n" * match[0].count("\n")

    document = _INLINE_STYLE.sub(take_style, assembly.text)
    page = _for_layout(_to_html(document, assembly))
    inlined = _inline(page, "\n".join(inline_css), name)
    _check_nothing_moved(assembly, page, inlined)
    _raise_all(list(_lost(assembly, inlined, "".join(inline_css))))
    known = [environment.folded(code) for code, _, _ in assembly.codes]
    folded = _WORD.sub(lambda word: word[0] if (text := known[int(word[1] or word[2])]) is None else text, inlined)
    source, origins = _with_code(folded, assembly)
    environment.origins = origins
    return CompiledMjml(source, tuple(dict.fromkeys(assembly.files)), origins)


def check_mjml(name: str, read: Callable[[str], str], environment: MailEnvironment) -> list[TemplateError]:
    """Return everything that :func:`compile_mjml` has against a template, in the order of the document."""
    try:
        compile_mjml(name, read, environment)
    except TemplateError as error:
        return [error, *error.further]
    return []


def _raise_all(problems: list[TemplateError]) -> None:
    if problems:
        first, *further = problems
        first.further = tuple(further)
        raise first


def _with_code(page: str, assembly: _Assembly) -> tuple[str, tuple[Origin, ...]]:
    """Put Jinja back in the place of its stand-ins, each on lines of its own, for errors to be found by their line."""
    pieces: list[str] = []
    origins: list[Origin] = []
    done, line, last = 0, 1, 0
    for match in _WORD.finditer(page):
        code, name, began = assembly.codes[int(match[1] or match[2])]
        before = page[done : match.start()]
        line += before.count("\n")
        if line == last:
            # Space behind a delimiter shows nowhere.
            code = _DELIMITER.sub(lambda delimiter: delimiter[0] + "\n", code, count=1)
        origins.append(Origin(line + (line == last), name, began))
        line += code.count("\n")
        last, done = line, match.end()
        pieces += before, code
    return "".join([*pieces, page[done:]]), tuple(origins)


def _assemble(
    assembly: _Assembly, name: str, read: Callable[[str], str], environment: MailEnvironment, parents: tuple[str, ...]
) -> None:
    """Add the text of ``name`` and of what it includes, Jinja code replaced by stand-ins."""
    if name not in assembly.tokens:
        assembly.tokens[name] = _tokens(name, read(name), environment)
    assembly.files.append(name)
    assembly.add("", name, 1)
    code, began = "", 1
    for line, kind, value in assembly.tokens[name]:
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
    environment: MailEnvironment,
    parents: tuple[str, ...],
) -> None:
    done = 0
    for match in _INCLUDE.finditer(text):
        here = line + text.count("\n", 0, match.start())
        assembly.add(text[done : match.start()], name, line + text.count("\n", 0, done))
        try:
            _include(assembly, match[1], name, here, read, environment, parents)
        except TemplateError as error:
            assembly.problems.append(error)
        done = match.end()
    assembly.add(text[done:], name, line + text.count("\n", 0, done))


def _include(
    assembly: _Assembly,
    attributes: str,
    name: str,
    line: int,
    read: Callable[[str], str],
    environment: MailEnvironment,
    parents: tuple[str, ...],
) -> None:
    path = _PATH.search(attributes)
    if path is None:
        raise TemplateError(name, 'mj-include needs a path="partials/….mjml"', line=line)
    target = path[1] or path[2] or ""
    if target in parents or len(parents) > MAX_INCLUDE_DEPTH:
        raise TemplateError(name, f"includes {target} within itself; take one of the includes out", line=line)
    try:
        _assemble(assembly, target, read, environment, parents)
    except TemplateError as error:
        if error.template == target and error.line is None:
            raise TemplateError(name, f"cannot include it: {error}", line=line) from error
        raise


def _tokens(name: str, text: str, environment: MailEnvironment) -> list[tuple[int, str, str]]:
    source = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    if _MARK in source:
        raise TemplateError(name, f"holds the word {_MARK!r}, which the compiler uses itself; write it differently")
    try:
        # A file is checked by itself: a loop that opens in one and closes in another would be found by nobody.
        tree = environment.parse(source)
        tokens = list(environment.lex(source))
    except jinja2.TemplateSyntaxError as error:
        raise in_words(error, name, source, environment) from error
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        known, what = (environment.filters, "filter") if isinstance(node, nodes.Filter) else (environment.tests, "test")
        if node.name not in known:
            near = get_close_matches(node.name, known, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            raise TemplateError(name, f"there is no {what} '{node.name}'{advice}", line=node.lineno)
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


def _misplaced(assembly: _Assembly) -> Iterator[TemplateError]:
    outside_css = _STYLE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), assembly.text)
    for stray in _STRAY_DELIMITER.finditer(outside_css):
        yield assembly.error(stray.start(), f"{stray[0]!r} has no partner; every reader would see it")
    for single in _SINGLE_BRACES.finditer(outside_css):
        problem = f"every reader would see {single[0]} as it is; was {{{{ {single[1]} }}}} meant?"
        yield assembly.error(single.start(), problem)

    def where(offset: int) -> str:
        file, line = assembly.place_of(offset)
        return f"{file}:{line}"

    for flaw in check(assembly.text, _STAND_IN, where):
        said = _STAND_IN.sub(lambda match: assembly.codes[int(match[1])][0], flaw.problem)
        yield assembly.error(flaw.start, said)


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


def _for_layout(page: str) -> str:
    """Return ``page`` with every table that has no headers marked as one for the layout, which ``mj-table`` cannot be told."""
    marked: list[str] = []
    for piece in re.split(r"(?=<table\b)", page):
        tag, end, rest = piece.partition(">")
        if tag.startswith("<table") and " role=" not in tag and not _HEADERS.search(rest.partition("</table")[0]):
            tag += ' role="presentation"'
        marked.append(f"{tag}{end}{rest}")
    return "".join(marked)


def _check_nothing_moved(assembly: _Assembly, page: str, inlined: str) -> None:
    """Make sure that the HTML parser took the page as it was written.

    It puts text out of a table that is in none of its cells, adds a missing ``<tbody>``, ends a ``<p>`` before a ``<div>``:
    a loop would then repeat half an element.
    """
    number = 0
    known = {match[0] for match in _WORD.finditer(page)}
    before = _in_order(_SKELETON.findall(page))
    after = _in_order(mark for mark in _SKELETON.findall(inlined) if not _WORD.fullmatch(mark) or mark in known)
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


def _in_order(marks: Iterable[str]) -> list[str]:
    """Return ``marks`` with words side by side sorted: attributes within a tag may have changed places."""
    ordered: list[str] = []
    for is_word, run in groupby(marks, key=lambda mark: bool(_WORD.fullmatch(mark)) and not mark.startswith("<")):
        found = list(run)
        ordered += sorted(found) if is_word else found
    return ordered


def _lost(assembly: _Assembly, inlined: str, inline_css: str) -> Iterator[TemplateError]:
    kept = {int(match[1] or match[2]) for match in _WORD.finditer(inlined)}
    # A value in a rule that no element matches is no mistake; a statement there has no effect, and is one.
    kept |= {int(match[2]) for match in _WORD.finditer(inline_css) if match[2]}
    for number, (code, name, line) in enumerate(assembly.codes):
        if number not in kept:
            offset = assembly.code_places[number]
            tag = tag_at(assembly.text, offset)
            # As with a rule that no element matches: a file may give defaults to what only other mails have.
            if tag is not None and not code.startswith("{%") and is_unused_default(assembly.text, tag):
                continue
            place = "here" if tag is None else f"in the {attribute_at(tag, offset)}"
            problem = f"the MJML compiler drops {code} {place}; use it in a text, a link or a colour instead"
            yield TemplateError(name, problem, line=line)
