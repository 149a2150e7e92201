"""Where templates are found: the operator's folder file by file, then the package's."""

from __future__ import annotations

import hashlib
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.packaging import default_templates
from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.words.language import Language

_NAME = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
#: How Jinja calls a value that has no such attribute: ``'newsletter.….DigestView object'``.
_MODULE = re.compile(r"'(?:\w+\.)+(\w+) object'")
_THEME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
#: Folders within the templates: one per theme, and the catalogues of words, ``locale/de.po``.
THEMES, CATALOGUES = "themes", "locale"
THEME_NAMES = "use small letters, digits, - and _, at most 32"
#: What the names of templates end in; what else lies in the folders is none.
SUFFIXES = frozenset({".mjml", ".txt", ".html", ".css", ".js", ".svg"})


def is_theme_name(name: str) -> bool:
    """Whether a theme may be called ``name``."""
    return _THEME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Enough of a file to notice that it changed, or that another one now goes by its name."""

    path: Path
    modified_ns: int
    size: int


class TemplateFolder:
    """Templates by name: ``digest.mjml``, ``partials/card.mjml``, ``web/unsubscribe.html``.

    A name is looked up in the operator's folder and, where that has no such file, in the packaged one. Names are not paths:
    ``..``, absolute names and hidden files do not exist, and a symbolic link that leaves the folder is refused.

    Args:
        operator: the operator's own folder (``paths.templates``); may be missing. None: only the packaged templates.
        packaged: the folder to fall back to; the program's own by default.
        theme: whose files, in ``themes/NAME`` of either folder, go over the common ones of both; ``""``: none.

    Raises:
        TemplateError: nothing can be a theme of that name.
    """

    def __init__(self, operator: Path | None = None, *, packaged: Path | None = None, theme: str = "") -> None:
        if theme and not is_theme_name(theme):
            raise TemplateError(f"{THEMES}/{theme}", f"is no theme's name; {THEME_NAMES}")
        folders = [root for root in (operator, packaged or default_templates()) if root is not None]
        themed = [root / THEMES / theme for root in folders] if theme else []
        self._operator, self._packaged = operator, packaged
        self._folders = tuple(folders)
        self._roots = (*themed, *folders)

    def themed(self, theme: str) -> TemplateFolder:
        """Return the same folder with the files of ``theme`` going over the common ones."""
        return TemplateFolder(self._operator, packaged=self._packaged, theme=theme)

    def themes(self) -> list[str]:
        """Return the themes there are, the operator's own among them, in alphabetical order."""
        found = {path.name for root in self._folders for path in (root / THEMES).glob("*") if path.is_dir()}
        return sorted(name for name in found if is_theme_name(name))

    def catalogues(self) -> list[str]:
        """Return the languages that there are catalogues of, in alphabetical order."""
        found = {path for root in self._folders for path in (root / CATALOGUES).glob("*.po")}
        return sorted({path.stem for path in found if _NAME.fullmatch(path.name)})

    def names(self) -> list[str]:
        """Return the names of all templates there are, those of other themes left out, in alphabetical order."""
        found = {
            path.relative_to(root).as_posix()
            for root in self._roots
            for path in root.rglob("*")
            if path.suffix in SUFFIXES and path.is_file()
        }
        return sorted(name for name in found if _NAME.fullmatch(name) and not name.startswith((f"{THEMES}/", f"{CATALOGUES}/")))

    def is_own(self, name: str) -> bool:
        """Whether ``name`` stands for a file of the operator's.

        Raises:
            TemplateError: as for :meth:`locate`.
        """
        return self._operator is not None and self.locate(name).is_relative_to(self._operator)

    def watched(self) -> list[Path]:
        """Return the folders that exist and whose files may take part."""
        return [root for root in self._folders if root.is_dir()]

    def locate(self, name: str) -> Path:
        """Return the file that ``name`` stands for.

        Raises:
            TemplateMissingError: there is none, or ``name`` is not a template's name.
            TemplateError: the file is a link that leads out of its folder.
        """
        if _NAME.fullmatch(name):
            for root in self._roots:
                path = root / name
                if not path.is_file():
                    continue
                folder = next(folder for folder in self._folders if root.is_relative_to(folder))
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise TemplateError(name, "is a link that leads out of the templates folder; put the file itself there")
                return path
        raise TemplateMissingError(
            name, f"no such template in {' or '.join(str(root) for root in self._roots)}; check its name or restore the file"
        )

    def read(self, name: str) -> str:
        """Return the text of ``name``, every line end as one line feed.

        Raises:
            TemplateError: missing (see :meth:`locate`), unreadable, or not UTF-8.
        """
        path = self.locate(name)
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TemplateError(name, f"is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
        except OSError as error:
            raise TemplateError(name, f"cannot be read ({error.strerror}); check its rights") from error

    def stamp(self, names: Iterable[str]) -> tuple[FileStamp, ...]:
        """Return what tells whether any of ``names`` changed since, in the order given.

        Raises:
            TemplateError: one is missing.
        """
        stamps = []
        for name in names:
            path = self.locate(name)
            status = path.stat()
            stamps.append(FileStamp(path, status.st_mtime_ns, status.st_size))
        return tuple(stamps)

    def has_still(self, names: Sequence[str], stamps: Sequence[FileStamp]) -> bool:
        """Whether :meth:`stamp` of these ``names`` would return ``stamps`` again; quick enough to be asked all the time."""
        return all(starmap(self._is_still, zip(names, stamps, strict=True)))

    def _is_still(self, name: str, stamp: FileStamp) -> bool:
        for root in self._roots:
            path = root / name
            try:
                status = path.stat()
            except OSError:
                continue
            if not S_ISREG(status.st_mode):
                continue
            return path == stamp.path and (status.st_mtime_ns, status.st_size) == (stamp.modified_ns, stamp.size)
        return False

    def version(self, names: Iterable[str]) -> str:
        """Return a hash (64 hex digits) of the names and contents of ``names``: equal if and only if they say the same.

        Raises:
            TemplateError: one is missing.
        """
        digest = hashlib.sha256()
        for name in sorted(set(names)):
            text = self.read(name)
            digest.update(f"{name}\0{len(text)}\0{text}".encode())
        return digest.hexdigest()

    def jinja_loader(self) -> jinja2.BaseLoader:
        """Return a loader over this folder; a changed file is read again."""

        def load(name: str) -> tuple[str, str, Callable[[], bool]]:
            try:
                before, source = self.stamp([name]), self.read(name)
            except TemplateMissingError as error:
                raise jinja2.TemplateNotFound(name, str(error)) from error
            return source, str(before[0].path), lambda: self.has_still([name], before)

        return jinja2.FunctionLoader(load)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where Jinja that begins on line ``page_line`` of a compiled page was written: its template, and the line there."""

    page_line: int
    template: str
    line: int


_SIDE = re.compile(r"\{\{ *view\.(start|end) *\}\}")
_DIRECTION = re.compile(r"\{\{ *view\.direction *\}\}")
_BY_DIRECTION = re.compile(r"\{\{ *'([A-Za-z0-9 .%-]*)' if view\.direction == 'rtl' else '([A-Za-z0-9 .%-]*)' *\}\}")


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Jinja as mail templates use it.

    Attributes:
        origins: where the Jinja of the page compiled last was written, in order; see :func:`naming`.
        language: of all that is rendered, where it is known: what depends on nothing else is no Jinja once it is compiled.
    """

    origins: tuple[Origin, ...] = ()
    language: Language | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._is_safe: dict[tuple[type, str], bool] = {}

    def folded(self, code: str) -> str | None:
        """Return what an expression will always give, if it asks only for the direction of the language; else None."""
        if self.language is None:
            return None
        is_rtl = self.language.direction == "rtl"
        if (side := _SIDE.fullmatch(code)) is not None:
            return "right" if is_rtl is (side[1] == "start") else "left"
        if _DIRECTION.fullmatch(code):
            return self.language.direction
        choice = _BY_DIRECTION.fullmatch(code)
        return None if choice is None else choice[1] if is_rtl else choice[2]

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Return what the sandbox says, which looks at the type and the name only: half of rendering a mail was asking it."""
        key = type(obj), attr
        known = self._is_safe.get(key)
        if known is None:
            known = self._is_safe[key] = super().is_safe_attribute(obj, attr, value)
        return known

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Raise again the error that Jinja handles when it calls this, its frames as they are: they know their template."""
        if source is None:
            error = sys.exception()
            if error is not None and (origin := _origin(error.__traceback__)) is not None:
                error.add_note(f"in the template {origin[0]}, line {origin[1]}")
            raise
        super().handle_exception(source)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Name the template in whatever error rendering it ends in, with the line where that is known.

    Args:
        name: the template to name where the error does not tell.

    Raises:
        TemplateError: instead of any error that a template can cause.
    """
    try:
        yield
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        template, line = _origin(error.__traceback__) or (name, None)
        problem = _MODULE.sub(r"\1", str(error))
        raise TemplateError(template, f"{problem}; docs/templates.md says what a template is given", line=line) from error


def _origin(trace: TracebackType | None) -> tuple[str, int] | None:
    found = None
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, jinja2.Template):
            found = _place(template, template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return found


def _place(template: jinja2.Template, line: int) -> tuple[str, int] | None:
    if template.name is not None:
        # Without a file it is a text in parts: what it includes was put in place, and its lines are of several files.
        return None if template.filename == "<template>" else (template.name, line)
    origins = template.environment.origins if isinstance(template.environment, MailEnvironment) else ()
    before = bisect_right(origins, line, key=lambda origin: origin.page_line)
    if not before:
        return None
    origin = origins[before - 1]
    return origin.template, origin.line + line - origin.page_line


def make_environment(loader: jinja2.BaseLoader | None = None) -> MailEnvironment:
    """Return the Jinja environment of all mail templates.

    Values are escaped everywhere but in ``.txt`` files; a name that does not exist is an error; templates run in the sandbox
    and cannot change what they are given.
    """
    return MailEnvironment(
        loader=loader,
        autoescape=lambda name: name is None or not name.endswith(".txt"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def install_words(environment: MailEnvironment, language: Language) -> None:
    """Give templates ``_``, ``gettext``, ``ngettext``, ``pgettext`` and ``npgettext`` in ``language``, and its numbers.

    ``{{ _("from %(name)s", name=paper.lab) }}``: values are filled in after translation and are escaped where the template is.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        language.gettext,
        language.ngettext,
        newstyle=True,
        pgettext=language.pgettext,
        npgettext=language.npgettext,
    )
    environment.filters["number"] = language.number
    environment.language = language
