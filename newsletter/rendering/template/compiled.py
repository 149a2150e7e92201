"""The operator's templates, compiled: once, and again when one of their files changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import jinja2
from jinja2 import meta

from newsletter.rendering.errors import TemplateError
from newsletter.rendering.template.cutting import cut
from newsletter.rendering.template.folder import CATALOGUES, THEMES, FileStamp, TemplateFolder, install_words, make_environment
from newsletter.rendering.template.mjml import compile_mjml
from newsletter.rendering.template.parts import IndivisibleError, Parts
from newsletter.rendering.template.syntax import in_words
from newsletter.rendering.words.language import ENGLISH, SOURCE, Language
from newsletter.rendering.words.text import wrap

#: Whatever names another template has one of these, as has what only looks so; and how one is usually included.
_REFERS = re.compile(r"include|extends|import|raw|\{#")
_INCLUDES = re.compile(r"""\{%-?\s*include\s+["']([^"'%]+)["']\s*-?%\}""")


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """Both templates of one kind of mail, ready to render. ``version`` is a hash over all files that went in.

    ``page`` is what ``html`` was made from: HTML with Jinja inside. ``has_late``: both have a section for late bloomers.
    """

    html: jinja2.Template
    text: jinja2.Template
    page: str
    files: tuple[str, ...]
    version: str
    has_late: bool


class Templates:
    """Compiles what is in ``folder``, its fixed words in ``language``."""

    def __init__(self, folder: TemplateFolder, language: Language = ENGLISH) -> None:
        self._folder = folder
        self.language = language
        self._catalogue: tuple[FileStamp, ...] = ()
        self._compiled: dict[str, tuple[tuple[FileStamp, ...], CompiledTemplate]] = {}
        self._parts: dict[str, tuple[CompiledTemplate, tuple[Parts, Parts] | IndivisibleError]] = {}

    @classmethod
    def of(cls, folder: TemplateFolder, theme: str, code: str) -> Templates:
        """Return the templates of a theme in a language.

        Raises:
            TemplateError: there is no such theme, or no such catalogue, or it cannot be read.
        """
        if theme not in folder.themes():
            raise TemplateError(
                f"{THEMES}/{theme}",
                f"there is no such theme; there are {', '.join(folder.themes())} (look.theme in config.toml)",
            )
        themed = folder.themed(theme)
        if code == SOURCE:
            return cls(themed)
        name = f"{CATALOGUES}/{code}.po"
        if code not in folder.catalogues():
            there = ", ".join([SOURCE, *folder.catalogues()])
            raise TemplateError(name, f"there is no such catalogue; there are {there} (language in config.toml)")
        stamp = themed.stamp([name])
        try:
            templates = cls(themed, Language.of_catalogue(code, themed.read(name)))
        except ValueError as error:
            raise TemplateError(name, str(error)) from error
        templates._catalogue = stamp
        return templates

    def is_current(self) -> bool:
        """Whether the catalogue is still what it was."""
        return not self._catalogue or self._folder.has_still([f"{CATALOGUES}/{self.language.code}.po"], self._catalogue)

    def template(self, name: str) -> CompiledTemplate:
        """Return the compiled templates ``name.mjml`` and ``name.txt``; compiled anew only if one of their files changed.

        Raises:
            TemplateError: one of them, or a file they include, cannot be used.
        """
        known = self._compiled.get(name)
        if known is not None:
            stamps, compiled = known
            if self._folder.has_still(compiled.files, stamps):
                return compiled
        compiled = self._compile(name)
        self._compiled[name] = (self._folder.stamp(compiled.files), compiled)
        return compiled

    def parts(self, name: str) -> tuple[Parts, Parts]:
        """Return both templates in parts, the HTML first.

        Raises:
            IndivisibleError: one of them cannot be cut; says which and why.
            TemplateError: as above.
        """
        compiled = self.template(name)
        known, parts = self._parts.get(name, (None, None))
        if known is not compiled or parts is None:
            parts = self._cut(name, compiled)
            self._parts[name] = compiled, parts
        if isinstance(parts, IndivisibleError):
            raise parts
        return parts

    def _cut(self, name: str, compiled: CompiledTemplate) -> tuple[Parts, Parts] | IndivisibleError:
        environment, file = compiled.html.environment, f"{name}.mjml"
        try:
            html = cut(compiled.page, file, environment, self._folder.read)
            file = f"{name}.txt"
            return html, cut(self._folder.read(file), file, environment, self._folder.read)
        except IndivisibleError as error:
            return IndivisibleError(f"{file} {error}")

    def _compile(self, name: str) -> CompiledTemplate:
        environment = make_environment(self._folder.jinja_loader())
        # Whoever renders asks first whether a file changed, and what changes while he does is for the next one.
        environment.auto_reload = False
        # Templates have no constants to fold, and to look for them takes a twentieth of all.
        environment.optimized = False
        environment.filters["wrap"] = wrap
        install_words(environment, self.language)
        page = compile_mjml(f"{name}.mjml", self._folder.read, environment)
        html = environment.from_string(page.source)
        text_files = [f"{name}.txt"]
        for file in text_files:
            text_files += [part for part in self._includes(file, environment) if part not in text_files]
        text = environment.get_template(f"{name}.txt")
        files = (*page.files, *text_files)
        sources = page.source, "".join(map(self._folder.read, text_files))
        has_late = all("view.late" in source for source in sources)
        return CompiledTemplate(html, text, page.source, files, self._folder.version(files), has_late)

    def _includes(self, name: str, environment: jinja2.Environment) -> list[str]:
        """Compile a text, which the environment then keeps, and return what it includes."""
        source = self._folder.read(name)
        try:
            environment.get_template(name)
            found: list[str | None] = [*_INCLUDES.findall(source)]
            if len(found) < len(_REFERS.findall(source)):
                found = list(meta.find_referenced_templates(environment.parse(source)))
        except jinja2.TemplateSyntaxError as error:
            raise in_words(error, name, source, environment) from error
        if None in found:
            raise TemplateError(name, "includes a template whose name is only known later; write the name itself")
        return [part for part in found if part is not None]
