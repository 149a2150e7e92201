"""The style sheets and style attributes of a mail, read by tinycss2 into what the checks ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import tinycss2
from tinycss2.ast import AtRule, Node, QualifiedRule

from newsletter.preview.checks.page import StyleBlock

#: At-rules inside each other beyond this are not read.
MAX_NESTING = 8


@dataclass(frozen=True, slots=True)
class Declaration:
    """``name: value``; ``tokens`` are those of the value."""

    name: str
    tokens: tuple[Node, ...]
    important: bool = False

    @property
    def value(self) -> str:
        """The value as written, in small letters."""
        return written(self.tokens).strip().lower()


@dataclass(frozen=True, slots=True)
class AtUse:
    """An at-rule that holds nothing we look into, or the head of one that does."""

    name: str
    prelude: str
    line: int


@dataclass(frozen=True, slots=True)
class StyleRule:
    """A rule: its selectors as one list of tokens, what it declares, and the media queries it stands in, outermost first."""

    prelude: tuple[Node, ...]
    declarations: tuple[Declaration, ...]
    media: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a mail's style blocks say, in order."""

    rules: tuple[StyleRule, ...]
    at_rules: tuple[AtUse, ...]


def read_sheet(styles: Iterable[StyleBlock]) -> Sheet:
    """Read style blocks; what cannot be read is left out, as clients do. Lines are those of the HTML."""
    rules: list[StyleRule] = []
    at_rules: list[AtUse] = []
    for style in styles:
        media = (style.media.lower(),) if style.media else ()
        left = [(node, media, 0) for node in reversed(tinycss2.parse_stylesheet(style.css, skip_comments=True))]
        while left:
            node, media, depth = left.pop()
            line = style.line + node.source_line - 1
            if isinstance(node, QualifiedRule):
                rules.append(StyleRule(tuple(node.prelude), tuple(_declarations(node.content)), media, line))
            elif isinstance(node, AtRule):
                prelude = written(node.prelude).strip().lower()
                at_rules.append(AtUse(node.lower_at_keyword, prelude, line))
                if node.content is not None and node.lower_at_keyword in {"media", "supports"} and depth < MAX_NESTING:
                    inner = (*media, prelude if node.lower_at_keyword == "media" else "not all")
                    content = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                    left += [(each, inner, depth + 1) for each in reversed(content)]
    return Sheet(tuple(rules), tuple(at_rules))


def read_declarations(style: str) -> list[Declaration]:
    """Read a style attribute."""
    return list(_declarations(style))


def write_declarations(declarations: Iterable[Declaration]) -> str:
    """Return what goes into a style attribute."""
    return ";".join(
        f"{each.name}:{written(each.tokens).strip()}{' !important' if each.important else ''}" for each in declarations
    )


def written(tokens: Sequence[Node]) -> str:
    """Return tokens as CSS; ``""`` where they are nested deeper than anybody writes."""
    try:
        return str(tinycss2.serialize([token for token in tokens if token.type != "error"]))
    except RecursionError:
        return ""


def flat(tokens: Iterable[Node]) -> Iterator[Node]:
    """Yield tokens and those inside of functions and brackets, in order."""
    left = [iter(tokens)]
    while left:
        token = next(left[-1], None)
        if token is None:
            left.pop()
            continue
        yield token
        inner = token.arguments if token.type == "function" else getattr(token, "content", None)
        if inner is not None:
            left.append(iter(inner))


def _declarations(content: str | Sequence[Node]) -> Iterator[Declaration]:
    for node in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            yield Declaration(node.lower_name, tuple(node.value), node.important)
