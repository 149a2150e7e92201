"""Write what the code already says: ``config.toml`` and ``docs/reference.md``.

``make docs`` calls it after a change of a command or a config key; ``--check`` writes nothing and fails where a file is
not what it would write. The suite calls that, so neither file can drift from the program.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from newsletter.cli import cli
from newsletter.config import NewsletterConfig, Section, describe, is_section_table
from newsletter.config_file import ENV_PREFIX

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100

#: Keys that mean the same in every source, where the model does not say more.
COMMON = {
    "enabled": "whether this source is asked",
    "url": "where it is asked; a mirror of your own works too",
    "categories": "arXiv categories whose papers are taken",
}

ONE_NEWSLETTER = "One publication. Its short name stands behind the dot; a second one takes a section of its own."

CONFIG_HEAD = """\
# The whole configuration with its defaults: every key is here, and the program runs with this file as it is.
# Keep the lines you change and delete the rest, if you like: a missing key has the value shown here.
#
# - Lengths of time are a number and s, m, h or d: "30s", "12h".
# - Relative paths start at the folder of this file.
# - An environment variable goes over a key: NEWSLETTER_SMTP__PORT is port in [smtp].
# - 'newsletter config check' names every problem at once; 'newsletter config show' prints what is in force.
"""

REFERENCE_HEAD = """\
# Reference

Every command and every config key of this version. Written by `make docs` from the code; the suite fails where it is not true.

- [Commands](#commands)
- [Configuration](#configuration)
- [Environment](#environment)
- [Exit codes](#exit-codes)

"""

REFERENCE_TAIL = f"""\
## Environment

| Variable | Meaning |
|---|---|
| `NEWSLETTER_CONFIG` | the configuration to use, as `--config` |
| `{ENV_PREFIX}SECTION__KEY` | goes over `key` in `[section]`; `{ENV_PREFIX}NEWSLETTERS__PAPERS__SIZE` in a deeper one |

An `{ENV_PREFIX}…` variable that names no section is an error, as an unknown key in the file is.

## Exit codes

| Code | Meaning |
|---|---|
| 0 | done |
| 1 | failed; the message says what to do |
| 2 | wrong usage |
| 3 | nothing to do |
"""


def commands(
    group: click.Group = cli, parent: click.Context | None = None, name: str = "newsletter"
) -> Iterator[click.Context]:
    """Yield a context for every command and group, a group before its members, in the order of ``--help``."""
    context = click.Context(group, info_name=name, parent=parent, **_settings(group))
    yield context
    for member in group.list_commands(context):
        command = group.get_command(context, member)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, context, member)
        else:
            yield click.Context(command, info_name=member, parent=context, **_settings(command))


def config_toml() -> str:
    """Return ``config.toml``: every key with its default, under a comment with its meaning."""
    parts = [CONFIG_HEAD]
    for section, model in describe():
        if not _own_fields(model):
            continue
        name = section.replace("NAME", "papers")
        # There is no such table unless somebody wants one, so this one is shown but not there.
        mark = "# " if any(made_up in section for made_up in ("FIELD", "SELECTOR", "GROUP", "RELAY", "FEED", "WEBHOOK")) else ""
        lines = [_comment(_plain(ONE_NEWSLETTER if model is NewsletterConfig else model.__doc__ or "")), f"{mark}[{name}]"]
        for key, default in _defaults(model).items():
            lines.append(_comment(_sentence(_meaning(key, model.model_fields[key]))))
            lines.append(f'# {key} = ""' if default is None else f"{mark}{key} = {default}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def reference() -> str:
    """Return ``docs/reference.md``."""
    parts = [REFERENCE_HEAD, "## Commands\n\n"]
    parts += [f"### `{context.command_path}`\n\n```text\n{context.get_help().rstrip()}\n```\n\n" for context in commands()]
    parts.append(
        "## Configuration\n\n`config.toml`; the one at the top of the project holds all of it with its defaults. "
        "Lengths of time are a number and `s`, `m`, `h` or `d`.\n\n"
    )
    for section, model in describe():
        if not _own_fields(model):
            continue
        parts.append(f"### `[{section}]`\n\n{_markdown(model.__doc__ or '')}\n\n| Key | Default | Meaning |\n|---|---|---|\n")
        for key, default in _defaults(model).items():
            meaning = _sentence(_meaning(key, model.model_fields[key])).replace("|", "\\|")
            shown = "not set" if default is None else f"`{default}`"
            parts.append(f"| `{key}` | {shown} | {meaning} |\n")
        parts.append("\n")
    parts.append(REFERENCE_TAIL)
    return "".join(parts)


def main() -> int:
    """Write both files, or with ``--check`` compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file would change")
    check = parser.parse_args().check
    stale = False
    for path, text in ((ROOT / "config.toml", config_toml()), (ROOT / "docs" / "reference.md", reference())):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before == text:
            continue
        if check:
            stale = True
            name = path.relative_to(ROOT).as_posix()
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, "from the code"))
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stdout.write("run 'make docs' and look at what changed\n")
    return int(stale)


def _settings(command: click.Command) -> dict[str, Any]:
    return {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH, "color": False}


def _own_fields(model: type[Section]) -> dict[str, FieldInfo]:
    return {key: field for key, field in model.model_fields.items() if not is_section_table(field.annotation)}


def _meaning(key: str, field: FieldInfo) -> str:
    meaning = field.description or COMMON.get(key)
    if meaning is None:
        raise SystemExit(f"newsletter/config.py: {key} has no description; give it one line of meaning")
    choices = _choices(field.annotation)
    return f"{meaning} (one of {', '.join(choices)})" if choices else meaning


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if get_origin(annotation) is tuple and isinstance(inner := get_args(annotation)[0], type) and issubclass(inner, Enum):
        return [str(choice.value) for choice in inner]
    return []


def _defaults(model: type[Section]) -> dict[str, str | None]:
    """Return each key's default as TOML; None for a key that is not set. Strings, numbers and lists look the same in JSON."""
    values = model().model_dump(mode="json")
    return {key: None if values[key] is None else json.dumps(values[key], ensure_ascii=False) for key in _own_fields(model)}


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '…')) else '.'}"


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "").split())


def _markdown(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
