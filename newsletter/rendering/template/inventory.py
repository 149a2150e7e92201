"""What templates there are, whose each is, and how to take one over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.template.folder import THEME_NAMES, THEMES, TemplateFolder, is_theme_name

#: The first sentence of a comment at the head of a file: of MJML and HTML, or of Jinja.
_HEAD = re.compile(r"\s*(?:<!--|\{#-?)\s*(.+?)(?:[.:;](?=\s)|\s*-->|\s*-?#\})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """One template.

    Attributes:
        name: as templates name each other.
        path: of its file.
        is_own: whether it is the operator's.
        theme: whose file it is; ``""``: of all themes.
        what: it is, in a few words.
    """

    name: str
    path: Path
    is_own: bool
    theme: str
    what: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A file of the operator's; ``is_new`` is False where it was there and was kept."""

    path: Path
    is_new: bool


def inventory(operator: Path, theme: str, *, packaged: Path | None = None) -> list[Listed]:
    """Return all templates that the mails of a theme and the pages are made of, by name.

    Raises:
        TemplateError: there is no such theme, or a file cannot be read.
    """
    folder = _themed(operator, theme, packaged)
    listed = []
    for name in folder.names():
        path = folder.locate(name)
        is_themed = path.as_posix().endswith(f"/{THEMES}/{theme}/{name}")
        listed.append(Listed(name, path, folder.is_own(name), theme if is_themed else "", _what(name, folder)))
    return listed


def copy_templates(
    operator: Path,
    names: Sequence[str],
    *,
    theme: str = "",
    into_theme: str = "",
    overwrite: bool = False,
    packaged: Path | None = None,
) -> list[Copied]:
    """Copy packaged templates into the operator's folder, to be changed there. All or nothing is there before it begins.

    Args:
        operator: the folder, made where it is missing.
        names: of the templates; none: all files that are the theme's own.
        theme: as whose files they are looked up.
        into_theme: the theme they become files of; ``""``: they keep their place.
        overwrite: whether files that are there are replaced; they are kept otherwise.
        packaged: the folder to copy from; the program's own by default.

    Raises:
        TemplateError: there is no such template or theme.
    """
    if into_theme and not is_theme_name(into_theme):
        raise TemplateError(f"{THEMES}/{into_theme}", f"is no theme's name; {THEME_NAMES}")
    folder = _themed(None, theme, packaged)
    root = folder.watched()[0]
    found = {name: _located(folder, name) for name in names or _own_names(folder, root / THEMES / theme)}
    copied = []
    for name, source in found.items():
        place = PurePosixPath(THEMES, into_theme, name) if into_theme else PurePosixPath(source.relative_to(root).as_posix())
        target = operator / place
        is_new = overwrite or not target.exists()
        if is_new:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        copied.append(Copied(target, is_new))
    return copied


def _themed(operator: Path | None, theme: str, packaged: Path | None) -> TemplateFolder:
    folder = TemplateFolder(operator, packaged=packaged)
    if theme and theme not in folder.themes():
        raise TemplateError(f"{THEMES}/{theme}", f"there is no such theme; there are {', '.join(folder.themes())}")
    return folder.themed(theme)


def _own_names(folder: TemplateFolder, root: Path) -> list[str]:
    return [name for name in folder.names() if folder.locate(name).is_relative_to(root)]


def _located(folder: TemplateFolder, name: str) -> Path:
    try:
        return folder.locate(name)
    except TemplateMissingError as error:
        near = get_close_matches(name, folder.names(), n=1)
        advice = f"did you mean {near[0]}?" if near else "newsletter templates list shows all"
        raise TemplateMissingError(name, f"the package has no such template; {advice}") from error


def _what(name: str, folder: TemplateFolder) -> str:
    head = _HEAD.match(folder.read(name))
    if head is not None:
        return " ".join(head[1].split())
    if name.startswith("web/"):
        return "a page" if name.endswith(".html") else "goes with the pages"
    if name.startswith("partials/"):
        return "a part of the text" if name.endswith(".txt") else "a part of the mails"
    return _what(f"{name.removesuffix('.txt')}.mjml", folder) + ", as plain text" if _has_page(name, folder.names()) else ""


def _has_page(name: str, names: Iterable[str]) -> bool:
    return name.endswith(".txt") and f"{name.removesuffix('.txt')}.mjml" in set(names)
