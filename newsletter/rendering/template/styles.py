"""Checks style sheets: what a mail client would skip without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import tinycss2
from tinycss2.ast import Node

#: At-rules with rules in them; the others that have a block hold declarations.
_OF_RULES = frozenset({"media", "supports", "layer", "container"})


def check_css(css: str) -> Iterator[tuple[int, int, str]]:
    """Yield line and column, from 1, of each mistake in the form of a style sheet, and what it is.

    Source: CSS Syntax Module Level 3, by tinycss2. What properties mean is not looked at.
    """
    # One more brace is one too many, unless a block is still open.
    values = tinycss2.parse_component_value_list(css + "}", skip_comments=True)
    if values and values[-1].type == "error" and values[-1].kind == "}":
        values.pop()
    else:
        block = next((value for value in reversed(values) if value.type == "{} block"), values[-1])
        yield block.source_line, block.source_column, "this { is never closed"
    yield from _rules(tinycss2.parse_stylesheet(values, skip_comments=True, skip_whitespace=True))


def check_declarations(css: str) -> Iterator[str]:
    """Yield what is wrong with the form of the declarations in a ``style`` attribute."""
    for part in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
        if part.type == "declaration" and (problem := _of_value(part)):
            yield problem


def _rules(rules: Iterable[Node]) -> Iterator[tuple[int, int, str]]:
    for rule in rules:
        if rule.type == "error":
            yield rule.source_line, rule.source_column, "this is no rule such as p { color: red }"
        elif rule.content is None:
            continue
        elif rule.type == "at-rule" and rule.lower_at_keyword in _OF_RULES:
            yield from _rules(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True))
        else:
            if rule.type == "qualified-rule" and not any(value.type != "whitespace" for value in rule.prelude):
                yield rule.source_line, rule.source_column, "no selector stands before this {"
            yield from _declarations(rule)


def _declarations(rule: Node) -> Iterator[tuple[int, int, str]]:
    for part in tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True):
        if part.type == "error":
            yield part.source_line, part.source_column, "this is no declaration such as color: red"
        elif part.type == "qualified-rule":
            yield part.source_line, part.source_column, "a rule within a rule, which few mail clients know; write it by itself"
        elif part.type == "declaration":
            problem = _of_value(part)
            if problem:
                yield part.source_line, part.source_column, problem


def _of_value(declaration: Node) -> str:
    """Return what is wrong with the value of a declaration; ``""`` if nothing is."""
    values = [value for value in declaration.value if value.type != "whitespace"]
    if not values:
        return f"{declaration.name} has no value"
    if any(value.type == "error" for value in values):
        return f"the value of {declaration.name} cannot be read"
    for before, value in pairwise(values):
        # Old Outlooks take progid:NAME(…).
        if value == ":" and before.type == "ident" and before.lower_value != "progid":
            return f"the value of {declaration.name} holds a ':'; write ; before {before.value}"
    return ""
