"""What keeps somebody from reading a mail with ears, a keyboard or weak eyes, as far as the HTML alone says.

Sources: WCAG 2.2, success criteria 1.1.1, 1.3.1, 2.4.2, 2.4.4, 2.4.6, 3.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.preview.checks.contrast import ShownTexts
from newsletter.preview.checks.links import words_of
from newsletter.preview.checks.model import Area, Noted
from newsletter.preview.checks.page import Element, Page, Text, said
from newsletter.preview.checks.sources import Sources
from newsletter.rendering.findings import Severity

#: Smaller text is hard to read on a phone.
LEAST_SIZE = 12.0
#: Link texts that say nothing where links are listed without what stands around them.
VAGUE = frozenset(
    {"click here", "details", "go", "here", "less", "link", "more", "open", "page", "read more", "see more", "this"}
)
_LEVELS = {f"h{level}": level for level in range(1, 7)}


def check_access(page: Page, texts: ShownTexts, sources: Sources) -> Iterator[Noted]:
    """Yield what is hard or impossible to read for some; ``texts`` are those that can be seen."""
    yield from _of_document(page)
    yield from _of_headings(page, sources)
    for element in page.elements():
        for rule, problem, severity in _of_element(element):
            yield Noted(rule, problem, severity, Area.ACCESSIBILITY, sources.place_of(element))
    yield from _of_sizes(texts, sources)


def is_layout(table: Element) -> bool:
    """Whether a table only says where things stand."""
    return table.attributes.get("role", "").lower() in {"presentation", "none"}


def is_hidden(element: Element) -> bool:
    """Whether an element by itself says that nobody sees or hears it."""
    style = "".join(element.attributes.get("style", "").lower().split())
    return "hidden" in element.attributes or "display:none" in style or "visibility:hidden" in style


def _of_document(page: Page) -> Iterator[Noted]:
    document = next(iter(page.elements("html")), None)
    attributes = {} if document is None else document.attributes
    if not attributes.get("lang", "").strip():
        yield _whole("lang", 'no language: write lang="…" into <mjml>')
    if attributes.get("dir", "").lower() not in {"ltr", "rtl"}:
        yield _whole("dir", 'no direction: write dir="ltr" or "rtl" into <mjml>')
    titles = [text.text for text in page.texts() if text.parent.name == "title"]
    if not said("".join(titles)):
        yield _whole("title", "no title: a screen reader says it first; write <mj-title>")


def _whole(rule: str, problem: str) -> Noted:
    return Noted(rule, problem, Severity.ERROR, Area.ACCESSIBILITY)


def _of_headings(page: Page, sources: Sources) -> Iterator[Noted]:
    headings = [each for each in page.elements(*_LEVELS) if not is_hidden(each)]
    first = [each for each in headings if each.name == "h1"]
    if len(first) != 1:
        place = sources.place_of(first[1]) if first else ""
        yield Noted("one-h1", f"{len(first)} headings of level 1; a mail has one", Severity.ERROR, Area.ACCESSIBILITY, place)
    before = 0
    for heading in headings:
        level = _LEVELS[heading.name]
        if level > before + 1:
            problem = (
                f"a heading of level {level} right under level {before}" if before else f"the first heading has level {level}"
            )
            yield Noted("heading-order", problem, Severity.ERROR, Area.ACCESSIBILITY, sources.place_of(heading))
        before = level


def _of_element(element: Element) -> Iterator[tuple[str, str, Severity]]:
    if element.name == "img" and "alt" not in element.attributes:
        yield "img-alt", 'a picture without alt: say what it shows, or alt="" if it shows nothing', Severity.ERROR
    elif element.name == "table" and not is_layout(element) and not _has_headers(element):
        yield "layout-table", 'a table without headers: write role="presentation" if it is for the layout', Severity.ERROR
    elif element.name == "a" and "href" in element.attributes:
        words = words_of(element)
        if words.casefold().strip(".… ") in VAGUE:
            yield "link-vague", f"a link that says only “{words}”: add an aria-label that says what", Severity.WARNING


def _has_headers(table: Element) -> bool:
    """Whether a table has a header cell or a caption of its own."""
    left = list(table.children)
    while left:
        node = left.pop()
        if isinstance(node, Text) or node.name == "table":
            continue
        if node.name in {"th", "caption"}:
            return True
        if node.name in {"thead", "tbody", "tfoot", "tr"}:
            left += node.children
    return False


def _of_sizes(texts: ShownTexts, sources: Sources) -> Iterator[Noted]:
    noted: set[tuple[str, str]] = set()
    for text, shown in texts:
        key = (text.parent.name, text.parent.attributes.get("class", ""))
        if shown.size < LEAST_SIZE and key not in noted:
            noted.add(key)
            problem = f"text of {shown.size:g} px; {LEAST_SIZE:g} is the least that is read easily: “{said(text.text)[:40]}”"
            yield Noted("small-text", problem, Severity.WARNING, Area.ACCESSIBILITY, sources.place_of(text.parent))
