"""What is written is true: commands, config keys, links and the README's commands are those of the program."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from newsletter.cli import cli
from newsletter.config import Section, describe, is_section_table
from newsletter.config_file import load

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: Programs a documented shell line may start with, besides ours and make.
OTHER_PROGRAMS = {"cd", "dig", "git"}


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def keys_of(model: type[Section]) -> list[str]:
    return [key for key, field in model.model_fields.items() if not is_section_table(field.annotation)]


def blocks(text: str, language: str) -> Iterator[str]:
    """Yield the fenced blocks of ``language``."""
    for match in re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        yield textwrap.dedent(match[2])


def shell_lines() -> list[tuple[str, str]]:
    return [
        (page_name(page), line.strip())
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"), "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def contexts(
    group: click.Group = cli, parent: click.Context | None = None, name: str = "newsletter"
) -> Iterator[click.Context]:
    """Yield a context for every command and group below ``group``."""
    context = click.Context(group, info_name=name, parent=parent)
    for member in group.list_commands(context):
        command = group.get_command(context, member)
        assert command is not None
        if isinstance(command, click.Group):
            yield from contexts(command, context, member)
        yield click.Context(command, info_name=member, parent=context)


def leaves() -> list[click.Context]:
    return [context for context in contexts() if not isinstance(context.command, click.Group)]


def parse(line: str) -> str:
    """Follow a command line down the tree of commands and return the command's path.

    Unknown commands and options raise click's error. Values are not converted: the files they name are not here.
    """
    program, *words = shlex.split(line, comments=True)
    assert Path(program).name == "newsletter"
    command: click.Command = cli
    context = click.Context(command, info_name="newsletter")
    while True:
        _, rest, _ = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group):
            wanted = sum(1 for param in command.params if isinstance(param, click.Argument) and param.required)
            assert len([word for word in words if not word.startswith("-")]) >= wanted, f"{line}: {wanted} arguments wanted"
            return context.command_path
        does_something = command.invoke_without_command or {"--help", "--version"} & set(words)
        assert rest or does_something, f"{line} names no command"
        if not rest:
            return context.command_path
        name, found, words = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)


def test_config_toml_and_the_reference_are_what_the_code_says() -> None:
    check = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_command_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [context.command_path for context in contexts() if f"### `{context.command_path}`" not in reference]
    assert not missing


def test_every_command_has_help_and_an_example_of_itself() -> None:
    for context in leaves():
        command, path = context.command, context.command_path
        assert command.help, path
        examples = re.findall(r"newsletter .+", f"{command.epilog}\n{command.help}")
        called = [parse(part) for part in re.split(r"&&|\|\|?", examples[0]) if "newsletter" in part] if examples else []
        assert path in called, path


def test_no_help_shows_a_mark_meant_for_click() -> None:
    for context in [click.Context(cli, info_name="newsletter"), *contexts()]:
        assert "\\b" not in context.get_help(), f"{context.command_path}: write the docstring without r, or the mark is text"


def test_every_config_key_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `\[([^\]]+)\]`\n(.*?)(?=^##)", reference, re.DOTALL | re.MULTILINE))
    missing = [f"{name}.{key}" for name, model in describe() for key in keys_of(model) if f"| `{key}` |" not in sections[name]]
    assert not missing


def test_the_default_config_holds_every_key_under_its_meaning() -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^(?:# )?\[([a-z_.A-Z]+)\]\n(.*?)(?=^(?:# )?\[[a-z]|\Z)", text, re.DOTALL | re.MULTILINE))
    for name, model in describe():
        for key in keys_of(model):
            body = sections[name.replace("NAME", "papers")]
            assert re.search(rf"^# .+\n(?:# )?{key} = ", body, re.MULTILINE), f"{name}.{key} is missing or has no comment"


def test_the_default_config_loads_as_the_defaults(tmp_path: Path) -> None:
    full, empty = tmp_path / "full.toml", tmp_path / "empty.toml"
    full.write_bytes((ROOT / "config.toml").read_bytes())
    empty.touch()
    assert load(full, environ={}).model_dump() == load(empty, environ={}).model_dump()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_configurations_to_copy_load(page: Path, tmp_path: Path) -> None:
    for place, block in enumerate(blocks(page.read_text(encoding="utf-8"), "toml")):
        path = tmp_path / f"{place}.toml"
        path.write_text(block, encoding="utf-8")
        load(path, environ={})


@pytest.mark.parametrize(("page", "line"), shell_lines())
def test_documented_commands_exist(page: str, line: str) -> None:
    for part in re.split(r"\s*(?:&&|\|)\s*", line):
        words = shlex.split(part, comments=True)
        if Path(words[0]).name == "newsletter":
            parse(part)
        elif words[0] == "make":
            targets = {word for word in words[1:] if "=" not in word}
            assert targets <= make_targets(), f"{page}: {line}"
        else:
            assert words[0] in OTHER_PROGRAMS, f"{page}: what is {words[0]!r}?"


def test_the_readme_names_the_two_commands() -> None:
    lines = [line for page, line in shell_lines() if page == "README.md"]
    assert "make run" in lines
    assert "make test" in lines


def test_the_continuous_integration_calls_the_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == "make test"
    assert "export CI=true" in script


def test_make_help_lists_every_target_people_type() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "install", "test", "lint", "bench", "clean"):
        assert re.search(rf"^  {target} +\w", shown, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
    for target in (first or second for first, second in links):
        if re.match(r"(https?|mailto):", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page_name(page)} points to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{page_name(page)} points to {target}"


def test_every_decision_says_context_choice_refusals_and_what_would_change_it() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        heads = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert heads == ["Context", "Choice", "Refused", "What would change our mind"], path.name


def test_the_changelog_speaks_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text or f"## {project['version']}" in text
