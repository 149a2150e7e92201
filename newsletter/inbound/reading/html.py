"""HTML to the text a person sees, in time that grows with its length and no faster.

Own code: in many of the Python versions that are served the standard library's parser takes minutes for a megabyte of comments
that do not end.
"""

from __future__ import annotations

import re
from html.entities import html5

#: Letters and tags that are read; the rest of a longer text is left out.
MAX_LETTERS = 300_000
MAX_TAGS = 10_000
MAX_ENTITIES = 20_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})([^<>]*)>?|<(?=[!?])")
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});|&(nbsp|amp|lt|gt|quot)")
_BLANKS = re.compile(r"[ \t\n\r\f\xa0]+")
_HIDDEN = re.compile(r"display\s{0,9}:\s{0,9}none|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE)
_MANY_LINES = re.compile(r"\n{3,}")
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "object", "svg", "select", "textarea"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    }
)
_APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol", "blockquote"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)


def text_of(html: str, leave_out: re.Pattern[str] | None = None) -> str:
    """Return the text of HTML: a line for each block, a blank line between paragraphs, ``> `` before what is quoted.

    Scripts, styles, comments and what is not displayed are dropped.

    Args:
        html: of any kind, whole or not.
        leave_out: elements whose tag, from the name to the ``>``, this pattern finds are dropped with all they hold.
    """
    reader = _Reader(leave_out)
    reader.read(html[:MAX_LETTERS])
    return reader.text()


class _Reader:
    def __init__(self, leave_out: re.Pattern[str] | None) -> None:
        self._leave_out = leave_out
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._is_verbatim = False
        self._entities_left = MAX_ENTITIES
        #: The element that is dropped, and how deep we stand in elements of its name.
        self._dropped, self._depth = "", 0

    def text(self) -> str:
        self._end_line()
        return _MANY_LINES.sub("\n\n", "\n".join(self._lines)).strip("\n")

    def read(self, html: str) -> None:
        at, has_comment_end = 0, True
        for _ in range(MAX_TAGS):
            match = _TAG.search(html, at)
            if match is None:
                self._add(html[at:])
                return
            self._add(html[at : match.start()])
            at = match.end()
            if match[2] is not None:
                self._tag(match[2].lower(), match[3], is_end=bool(match[1]))
                continue
            if has_comment_end and html.startswith("!--", at):
                end = html.find("-->", at + 3)
                has_comment_end = end >= 0
                if end >= 0:
                    at = end + 3
                    continue
            end = html.find(">", at)
            if end < 0:
                return
            at = end + 1

    def _tag(self, name: str, attributes: str, *, is_end: bool) -> None:
        if self._dropped:
            if name == self._dropped:
                self._depth += -1 if is_end else 1
                if self._depth == 0:
                    self._dropped = ""
            return
        if not is_end and name not in _VOID and not attributes.endswith("/") and self._is_dropped(name, attributes):
            self._dropped, self._depth = name, 1
        if name == "br":
            self._end_line(is_empty_kept=True)
        elif name in _BLOCKS:
            self._block(name, is_end=is_end)
        elif name in ("td", "th") and self._line:
            self._line.append(" ")

    def _block(self, name: str, *, is_end: bool) -> None:
        self._end_line()
        if name == "blockquote" and is_end:
            self._quotes = max(0, self._quotes - 1)
        if name in _APART and self._lines and self._lines[-1].strip("> "):
            self._lines.append(">" if self._quotes else "")
        if name == "blockquote" and not is_end:
            self._quotes += 1
        elif name == "pre":
            self._is_verbatim = not is_end

    def _is_dropped(self, name: str, attributes: str) -> bool:
        if name in _SILENT or (attributes and _HIDDEN.search(attributes)):
            return True
        return self._leave_out is not None and self._leave_out.search(f"{name}{attributes}") is not None

    def _add(self, text: str) -> None:
        if self._dropped or not text:
            return
        if "&" in text and self._entities_left > 0:
            text, used = _ENTITY.subn(_letter, text, count=self._entities_left)
            self._entities_left -= used
        if self._is_verbatim:
            first, *others = text.split("\n")
            self._line.append(first)
            if others:
                self._end_line(is_empty_kept=True)
                *whole, last = others
                self._lines += [f"> {line}".rstrip() for line in whole] if self._quotes else whole
                self._line.append(last)
        else:
            self._line.append(_BLANKS.sub(" ", text))

    def _end_line(self, *, is_empty_kept: bool = False) -> None:
        line = "".join(self._line)
        self._line.clear()
        line = line.rstrip() if self._is_verbatim else _BLANKS.sub(" ", line).strip()
        if line or is_empty_kept:
            self._lines.append(f"> {line}".rstrip() if self._quotes else line)


def _letter(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    if not name.startswith("#"):
        return html5.get(f"{name};", match[0])
    code = int(f"0{name[1:]}", 16) if name[1] in "xX" else int(name[1:])
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
