"""The strict check of MJML: everything that the compiler would leave out, take for something else, or pass on, without a word.

It looks at the whole document, includes put in place and stand-ins instead of Jinja. Values that hold a stand-in are known only
later and are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from newsletter.rendering.message.page import FORBIDDEN_ELEMENTS
from newsletter.rendering.template.elements import ELEMENTS, REFUSED, Content, Element, may_stand_in, place_of
from newsletter.rendering.template.scanner import Attribute, Comment, Flaw, Tag, Text, scan
from newsletter.rendering.template.styles import check_css, check_declarations

#: Elements of HTML that have no end (HTML standard, "void elements").
_VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input"),
        *("link", "meta", "param", "source", "track", "wbr"),
    }
)
#: Elements that end a paragraph where they begin, and those within which they do not end one outside.
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "main"),
        *("menu", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
    }
)
_SCOPES = frozenset({"table", "caption", "td", "th", "button", "object"})
#: Parts of tables: where they must not stand, and what is missing around them then.
_ROW_PARTS = frozenset({"table", "thead", "tbody", "tfoot", "tr"})
_CELLS = {"tr": "<tbody>", "td": "<tr>", "th": "<tr>"}
_ROWS_IN = {
    "tr": frozenset({"table", "mj-table"}),
    **dict.fromkeys(("td", "th"), frozenset({"table", "mj-table", "thead", "tbody", "tfoot"})),
}
#: Elements of which there is one.
_ONCE = frozenset({"mjml", "mj-head", "mj-body"})


@dataclass(slots=True)
class _Open:
    """An element that is open. ``element`` is None for HTML, and for what is unknown; then so is what may stand in it."""

    tag: Tag
    element: Element | None
    content: Content | None


def check(text: str, stand_in: re.Pattern[str], where: Callable[[int], str]) -> list[Flaw]:
    """Return everything that is wrong with an MJML document, in order.

    Where an element is not closed, it stands for all that seems to be out of place because of it.

    Args:
        text: the document.
        stand_in: matches what stands for Jinja code that gives text.
        where: names the place of an offset, for what is closed at another place than it was opened.
    """
    kept: list[Flaw] = []
    hidden_until = 0
    for flaw in sorted(_Checker(text, stand_in, where).flaws(), key=lambda flaw: flaw.start):
        if flaw.hides_until or flaw.start >= hidden_until:
            kept.append(flaw)
        hidden_until = max(hidden_until, flaw.hides_until)
    return kept


def tag_at(text: str, offset: int) -> Tag | None:
    """Return the tag that ``offset`` is within."""
    return next((found for found in scan(text) if isinstance(found, Tag) and found.start < offset < found.end), None)


def attribute_at(tag: Tag, offset: int) -> str:
    """Say which attribute of a tag is at ``offset``: ``width of <mj-image>``."""
    before = [attribute for attribute in tag.attributes if attribute.start <= offset]
    return f"{before[-1].name} of <{tag.name}>" if before else f"<{tag.name}>"


def is_unused_default(text: str, tag: Tag) -> bool:
    """Whether ``tag`` gives defaults to elements that the document has none of."""
    if text.rfind("<mj-attributes", 0, tag.start) <= text.rfind("</mj-attributes", 0, tag.start):
        return False
    if tag.name == "mj-class":
        name = next((attribute.value or "" for attribute in tag.attributes if attribute.name == "name"), "")
        return re.search(rf"""\bmj-class\s*=\s*["'][^"']*(?<![\w-]){re.escape(name)}(?![\w-])""", text) is None
    return tag.name == "mj-all" or len(re.findall(rf"<{tag.name}(?![\w-])", text)) < 2


class _Checker:
    def __init__(self, text: str, stand_in: re.Pattern[str], where: Callable[[int], str]) -> None:
        self._text = text
        self._stand_in = stand_in
        self._where = where
        self._open: list[_Open] = []
        self._seen: set[str] = set()
        self._classes: set[str] = set()
        self._wanted: list[tuple[int, str]] = []

    def flaws(self) -> Iterator[Flaw]:
        for found in scan(self._text):
            if isinstance(found, Flaw):
                yield found
                if found.is_end:
                    return
            elif isinstance(found, Text):
                yield from self._of_text(found)
            elif isinstance(found, Comment):
                yield from self._of_comment(found)
            else:
                if not self._text.startswith(found.name, found.start + 1 + found.is_closing):
                    yield Flaw(found.start, f"write <{found.name}> in small letters")
                yield from self._of_end(found) if found.is_closing else self._of_tag(found)
        for left in reversed(self._open):
            problem = f"<{left.tag.name}> is never closed; write </{left.tag.name}> where it ends"
            yield Flaw(left.tag.start, problem, hides_until=len(self._text))
        yield from self._of_classes()
        if "mj-body" not in self._seen:
            yield Flaw(0, "there is no <mj-body>; readers would get an empty mail")

    def _of_tag(self, tag: Tag) -> Iterator[Flaw]:
        around = self._open[-1] if self._open else None
        element = ELEMENTS.get(tag.name)
        if tag.name.startswith("mj"):
            yield from self._of_place(tag, element, around)
            if element is not None:
                yield from self._of_attributes(tag, element)
        elif tag.name in FORBIDDEN_ELEMENTS and (around is None or around.content is Content.ELEMENTS):
            yield Flaw(tag.start, f"<{tag.name}> has no place in a mail; take it out")
        elif tag.name == "style" and (around is None or around.content is Content.ELEMENTS):
            yield Flaw(tag.start, "<style> does nothing here; use <mj-style> in <mj-head>")
        elif around is None:
            yield Flaw(tag.start, f"<{tag.name}> stands outside of <mjml>; put it into an <mj-raw> in there")
        elif around.content is Content.ELEMENTS:
            yield Flaw(tag.start, f"<{tag.name}> stands directly in <{around.tag.name}>; put it into an <mj-text> or <mj-raw>")
        elif around.content not in {None, Content.HTML}:
            yield Flaw(tag.start, f"<{tag.name}> stands in <{around.tag.name}>, which takes no HTML")
        yield from self._twice(tag)
        self._note_classes(tag)
        yield from self._of_styles(tag)
        if tag.name in _ONCE and tag.name in self._seen:
            yield Flaw(tag.start, f"a second <{tag.name}>; only one of them counts")
        self._seen.add(tag.name)
        yield from self._moved(tag)
        if not tag.is_empty and tag.name not in _VOID:
            is_default = around is not None and around.tag.name == "mj-attributes"
            content = Content.NOTHING if is_default else element.content if element else None
            self._open.append(_Open(tag, element, content))

    def _moved(self, tag: Tag) -> Iterator[Flaw]:
        """Find what an HTML parser would put somewhere else (HTML standard, "Parsing HTML documents")."""
        around = self._open[-1].tag.name if self._open else ""
        if around in _ROWS_IN.get(tag.name, ()):
            yield Flaw(tag.start, f"<{tag.name}> stands directly in <{around}>; write {_CELLS[tag.name]} around it")
        if tag.name in _BLOCKS:
            for each in reversed(self._open):
                if each.tag.name == "p":
                    opened = self._where(each.tag.start)
                    yield Flaw(tag.start, f"HTML ends a <p> before <{tag.name}>; close the <p> of {opened} or make it a <div>")
                if each.tag.name in _SCOPES or each.tag.name.startswith("mj"):
                    break

    def _of_place(self, tag: Tag, element: Element | None, around: _Open | None) -> Iterator[Flaw]:
        if tag.name in REFUSED:
            yield Flaw(tag.start, f"<{tag.name}> does not work here: {REFUSED[tag.name]}")
        elif element is None:
            near = get_close_matches(tag.name, ELEMENTS, n=1)
            advice = f"; did you mean <{near[0]}>?" if near else ""
            yield Flaw(tag.start, f"<{tag.name}> is no MJML element; the compiler would leave it out{advice}")
        elif around is None:
            if element.parents:
                yield Flaw(tag.start, f"<{tag.name}> stands outside of <mjml>; it works {place_of(tag.name)}")
        elif (around.element is not None or not around.tag.name.startswith("mj")) and not may_stand_in(
            tag.name, around.tag.name
        ):
            yield Flaw(tag.start, f"<{tag.name}> does nothing in <{around.tag.name}>; it works {place_of(tag.name)}")

    def _of_attributes(self, tag: Tag, element: Element) -> Iterator[Flaw]:
        for attribute in tag.attributes:
            kind = element.attributes.get(attribute.name)
            if self._stand_in.search(attribute.name):
                problem = f"among the attributes of <{tag.name}> the compiler drops Jinja; write it into the value of one"
                yield Flaw(attribute.start, problem)
            elif kind is None:
                yield _unknown(tag, element, attribute)
            elif attribute.name in element.ignored:
                yield Flaw(attribute.start, f"the compiler ignores {attribute.name} on <{tag.name}>; take it out")
            elif attribute.value is None:
                yield Flaw(attribute.start, f'{attribute.name} of <{tag.name}> has no value; write {attribute.name}="…"')
            elif not self._stand_in.search(attribute.value) and not kind.fits(attribute.value.strip()):
                problem = f"{attribute.name} of <{tag.name}> must be {kind.wanted}, not '{attribute.value}'"
                yield Flaw(attribute.start, problem)

    def _note_classes(self, tag: Tag) -> None:
        """Note which classes of attributes ``tag`` defines or wants; one that a value decides on may be any."""
        for attribute in tag.attributes:
            names = (attribute.value or "").split()
            if tag.name == "mj-class" and attribute.name == "name":
                self._classes.update(names)
            elif tag.name.startswith("mj") and attribute.name == "mj-class":
                self._wanted += [(attribute.start, name) for name in names if not self._stand_in.search(name)]

    def _of_classes(self) -> Iterator[Flaw]:
        for start, name in self._wanted:
            if name not in self._classes:
                near = get_close_matches(name, sorted(self._classes), n=1)
                advice = f"did you mean {near[0]}?" if near else f'write <mj-class name="{name}" … /> into <mj-attributes>'
                yield Flaw(start, f"there is no mj-class '{name}'; {advice}")

    def _of_styles(self, tag: Tag) -> Iterator[Flaw]:
        for attribute in tag.attributes:
            # A statement among declarations may end one.
            if attribute.name == "style" and attribute.value and not self._stand_in.search(attribute.value):
                for problem in check_declarations(attribute.value):
                    yield Flaw(attribute.start, f"style of <{tag.name}>: {problem}")

    def _twice(self, tag: Tag) -> Iterator[Flaw]:
        names = [attribute.name for attribute in tag.attributes]
        has_jinja = any(self._stand_in.search(name) for name in names)
        for place, attribute in enumerate(tag.attributes):
            if attribute.name in names[:place] and not self._stand_in.search(attribute.name):
                advice = f'; write {attribute.name}="{{% if … %}}…{{% else %}}…{{% endif %}}"' if has_jinja else ""
                yield Flaw(attribute.start, f"<{tag.name}> has {attribute.name} twice; only one of them counts{advice}")

    def _of_text(self, text: Text) -> Iterator[Flaw]:
        around = self._open[-1] if self._open else None
        said = self._text[text.start : text.end]
        if text.is_raw:
            yield from self._of_css(text.start, said)
            return
        if not said.strip():
            return
        start = text.start + len(said) - len(said.lstrip())
        if around is None:
            yield Flaw(start, "text outside of <mjml>; no reader would see it")
        elif around.content is Content.ELEMENTS:
            yield Flaw(start, f"text directly in <{around.tag.name}>; put it into an <mj-text>")
        elif around.tag.name in _ROW_PARTS:
            yield Flaw(start, f"text directly in <{around.tag.name}>; put it into a <td>")
        elif around.content is Content.NOTHING:
            yield Flaw(start, f"text in <{around.tag.name}>, which shows none")

    def _of_comment(self, comment: Comment) -> Iterator[Flaw]:
        around = self._open[-1] if self._open else None
        if around is not None and around.content in {Content.TEXT, Content.NOTHING}:
            yield Flaw(comment.start, f"<{around.tag.name}> takes no statement; write {{{{ … if … else … }}}} instead")

    def _of_css(self, start: int, css: str) -> Iterator[Flaw]:
        if (statement := css.find("<!--")) >= 0:
            yield Flaw(
                start + statement, "in a style sheet Jinja's statements do not work; write {{ … if … else … }} as a value"
            )
            return
        lines = css.split("\n")
        for line, column, problem in check_css(css):
            yield Flaw(start + sum(len(each) + 1 for each in lines[: line - 1]) + column - 1, f"in this style sheet: {problem}")

    def _of_end(self, tag: Tag) -> Iterator[Flaw]:
        names = [each.tag.name for each in self._open]
        if names and names[-1] == tag.name:
            self._open.pop()
        elif tag.name in names:
            while (left := self._open.pop()).tag.name != tag.name:
                problem = f"<{left.tag.name}> is still open at </{tag.name}> in {self._where(tag.start)}"
                yield Flaw(left.tag.start, f"{problem}; write </{left.tag.name}> before that", hides_until=tag.start)
        else:
            last = self._open[-1].tag if self._open else None
            problem = f"; <{last.name}> is open since {self._where(last.start)}" if last else ""
            yield Flaw(tag.start, f"</{tag.name}> closes nothing{problem}")


def _unknown(tag: Tag, element: Element, attribute: Attribute) -> Flaw:
    usable = [name for name in element.attributes if name not in element.ignored]
    near = get_close_matches(attribute.name, usable, n=1)
    advice = f"; did you mean {near[0]}?" if near else ""
    return Flaw(attribute.start, f"<{tag.name}> has no attribute {attribute.name}{advice}")
