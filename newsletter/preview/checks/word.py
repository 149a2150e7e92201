"""About what Outlook for Windows leaves of a mail: it shows mails with Word's engine.

An approximation, and to be called one where it is shown: what Word ignores is taken out, what is meant for Word alone is taken
in; its own way of setting lines, its default type and its gaps in tables are not imitated. Sources: Microsoft, "Word 2007 HTML
and CSS Rendering Capabilities in Outlook 2007"; https://www.caniemail.com/clients/outlook/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import tinycss2

from newsletter.preview.checks.cascade import split
from newsletter.preview.checks.css import Declaration, read_declarations, read_sheet, write_declarations, written
from newsletter.preview.checks.page import Kind, StyleBlock, Token, start_tag, tokens

#: The version that today's Outlook for Windows says it is.
VERSION = 16
_CONDITION = re.compile(
    r"<!--\[if (?P<hidden>[^\]<>]{1,80})\]>(?:<!-->|-->)?|<!\[if (?P<shown>[^\]<>]{1,80})\]>"
    r"|(?P<end><!--<!\[endif\]-->|<!\[endif\]-->|<!\[endif\]>)",
    re.IGNORECASE,
)
_TERM = re.compile(r"(?:(gt|gte|lt|lte) )?(mso|ie|vml|outlook)(?: (\d{1,2})(?:\.\d)?)?", re.IGNORECASE)
#: What Word's engine does nothing with, besides whatever begins like one of ``_IGNORED_STARTS``.
_IGNORED = frozenset(
    {
        *("aspect-ratio", "box-shadow", "box-sizing", "clear", "clip-path", "content", "filter", "float", "gap", "hyphens"),
        *("background-image", "background-position", "background-repeat", "background-size", "background-clip"),
        *("border-radius", "border-spacing", "caption-side", "cursor", "max-height", "max-width"),
        *("min-height", "min-width", "opacity", "orphans", "widows", "outline", "overflow", "overflow-wrap", "position"),
        *("left", "right", "top", "bottom", "table-layout", "text-overflow", "text-shadow", "transform", "visibility"),
        *("white-space", "word-spacing", "z-index", "object-fit", "object-position", "inset", "isolation"),
        *("color-scheme", "supported-color-schemes"),
    }
)
_IGNORED_STARTS = (
    *("align-", "animation", "border-top-left-", "border-top-right-", "border-bottom-left-", "border-bottom-right-"),
    *("column", "flex", "grid", "justify-", "margin-inline", "margin-block", "padding-inline", "padding-block"),
    *("overflow-", "outline-", "place-", "transition", "-webkit-", "-moz-", "--"),
)
#: Where padding, width and height have an effect.
_BOXES = frozenset({"table", "td", "th", "img", "hr"})
_KEPT_SELECTOR = re.compile(r"[\w\s.#*-]+")


def word_engine(html: str) -> str:
    """Return about what Outlook for Windows, which shows mails with Word's engine, leaves of the mail."""
    return "".join(_for_word(_conditions_met(html)))


def _for_word(html: str) -> Iterator[str]:
    skipped = 0
    for token in tokens(html):
        if token.name == "xml":
            # Settings of Word's own, not to be shown.
            skipped += {Kind.START: 1, Kind.END: -1}.get(token.kind, 0)
        elif skipped > 0 or token.kind is Kind.COMMENT:
            continue
        elif token.kind is Kind.TEXT and token.name == "style":
            yield _sheet(token.text)
        elif token.kind is Kind.START and token.name == "style" and token.attributes.get("media"):
            yield '<style media="not all">'
        elif token.kind is Kind.START:
            yield _tag(html, token)
        else:
            yield html[token.start : token.end]


def _tag(html: str, token: Token) -> str:
    if "style" not in token.attributes:
        return html[token.start : token.end]
    kept = write_declarations(_kept(token.name, read_declarations(token.attributes["style"])))
    return start_tag(token.name, {**token.attributes, "style": kept})


def _kept(element: str, declarations: Iterable[Declaration]) -> Iterator[Declaration]:
    """Yield what Word heeds of the declarations of an element."""
    found = list(declarations)
    alternatives = {each.name: each for each in found if each.name.startswith("mso-")}
    hidden = alternatives.get("mso-hide")
    if hidden is not None and hidden.value == "all":
        yield from read_declarations("display:none")
    for each in found:
        if each.name in _IGNORED or each.name.startswith((*_IGNORED_STARTS, "mso-")):
            continue
        if each.name in {"width", "height"} or each.name.startswith("padding"):
            if element not in _BOXES or "mso-padding-alt" in alternatives:
                continue
        elif (each.name == "display" and each.value != "none") or (each.name == "background" and "url(" in each.value):
            continue
        elif each.name.startswith("margin"):
            yield _margin(each)
            continue
        yield each
    if "mso-padding-alt" in alternatives and element in _BOXES:
        yield Declaration("padding", alternatives["mso-padding-alt"].tokens)


def _margin(declaration: Declaration) -> Declaration:
    """Return a margin as Word takes it: neither ``auto`` nor less than nothing."""
    if "auto" not in declaration.value and "-" not in declaration.value:
        return declaration
    words = ("0" if word == "auto" or word.startswith("-") else word for word in declaration.value.split())
    return Declaration(declaration.name, tuple(tinycss2.parse_component_value_list(" ".join(words))))


def _sheet(css: str) -> str:
    """Return what is left of a style block: rules outside of media queries, of plain selectors."""
    rules = []
    for rule in read_sheet([StyleBlock(css, "", 1)]).rules:
        selectors = [text for each in split(rule.prelude) if _KEPT_SELECTOR.fullmatch(text := written(each).strip())]
        if selectors and not rule.media:
            # Which element a rule is for is not known here: what only boxes heed stays.
            kept = write_declarations(_kept("td", rule.declarations))
            rules.append(f"{', '.join(selectors)} {{ {kept} }}".replace("</", "<\\/"))
    return "\n".join(rules)


def _conditions_met(html: str) -> str:
    """Return HTML with conditional comments decided as Word does: what is for it is taken in, what is not is taken out."""
    pieces: list[str] = []
    met: list[bool] = []
    done = 0
    for match in _CONDITION.finditer(html):
        if all(met):
            pieces.append(html[done : match.start()])
        done = match.end()
        if match["end"] is None:
            met.append(_is_met(match["hidden"] or match["shown"]))
        elif met:
            met.pop()
    return "".join([*pieces, html[done:]]) if all(met) else "".join(pieces)


def _is_met(condition: str) -> bool:
    """Decide ``(mso 16)|(IE)``, ``!mso``, ``gte mso 9 & lt mso 15``; what is not understood is not met."""
    return any(all(_term(term) for term in either.split("&")) for either in condition.split("|"))


def _term(text: str) -> bool:
    term = text.replace("(", " ").replace(")", " ").strip()
    wanted = not term.startswith("!")
    match = _TERM.fullmatch(" ".join(term.lstrip("! ").split()))
    if match is None:
        return False
    if match[2].lower() in {"ie", "vml", "outlook"}:
        # Word has its own drawing language, and is no Internet Explorer.
        return wanted is (match[3] is None and match[2].lower() != "ie")
    version = int(match[3]) if match[3] else None
    how = (match[1] or "").lower()
    holds = (
        version is None
        or {
            "": version == VERSION,
            "gt": version < VERSION,
            "gte": version <= VERSION,
            "lt": version > VERSION,
            "lte": version >= VERSION,
        }[how]
    )
    return holds is wanted
