"""Says mistakes in Jinja's grammar so that whoever made them knows what to write."""

from __future__ import annotations

import re

import jinja2

from newsletter.rendering.errors import TemplateError

#: Statements that another one ends.
_BLOCKS = frozenset({"if", "for", "with", "filter", "call", "autoescape", "trans"})
_STRAY = re.compile(r"Encountered unknown tag '(\w+)'")


def in_words(error: jinja2.TemplateSyntaxError, name: str, source: str, environment: jinja2.Environment) -> TemplateError:
    """Return what Jinja has against ``source``, the template ``name``, with what to do about it."""
    message = str(error.message)
    if message.endswith("got '='"):
        return TemplateError(name, f"{message}; write == to compare", line=error.lineno)
    opened = _open_block(source, environment) if "needs to be closed" in message else None
    if opened is None:
        return TemplateError(name, message, line=error.lineno)
    block, line = opened
    stray = _STRAY.match(message)
    if stray is None:
        return TemplateError(name, f"this {{% {block} %}} is never closed; write {{% end{block} %}} where it ends", line=line)
    problem = f"{{% {stray[1]} %}} while the {{% {block} %}} of line {line} is open; write {{% end{block} %}} before it"
    return TemplateError(name, problem, line=error.lineno)


def _open_block(source: str, environment: jinja2.Environment) -> tuple[str, int] | None:
    """Return the innermost block that is open where one ends that was not begun there, or at the end, and its line."""
    opened: list[tuple[str, int]] = []
    is_beginning = False
    for line, kind, value in environment.lex(source):
        if is_beginning and kind == "name":
            is_beginning = False
            if value in _BLOCKS:
                opened.append((value, line))
            elif value.startswith("end"):
                if not opened or value != f"end{opened[-1][0]}":
                    break
                opened.pop()
        elif kind == "block_begin":
            is_beginning = True
    return opened[-1] if opened else None
