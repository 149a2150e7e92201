"""Checks all templates of a newsletter before a reader finds out: each is compiled, and rendered with samples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

import jinja2

from newsletter.config import NewsletterConfig
from newsletter.digest.model import CorrectionKind
from newsletter.rendering.errors import TemplateError
from newsletter.rendering.findings import Finding
from newsletter.rendering.message.message import CONFIRM, PREFERENCES, UNSUBSCRIBE
from newsletter.rendering.message.page import Page
from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.folder import TemplateFolder, naming
from newsletter.rendering.template.parts import IndivisibleError
from newsletter.rendering.view.letters import KINDS, WELCOME, Greeting, LetterView, build_letter, sample_values
from newsletter.rendering.view.look import Image, Look, look_of
from newsletter.rendering.view.views import CorrectionView, DigestView, Link, PaperView
from newsletter.rendering.words.commands import sample_commands
from newsletter.rendering.words.language import Language

#: The template of an issue.
DIGEST = "digest"
_BASE = "https://papers.example.org"
_LINKS = {slot: f"{_BASE}/{slot}/sample" for slot in (CONFIRM, PREFERENCES, UNSUBSCRIBE)}
_LINK_FIELDS = {CONFIRM: "confirm_url", PREFERENCES: "preferences_url", UNSUBSCRIBE: "unsubscribe_url"}
#: Characters of a page that a problem quotes at most.
_MOST_SHOWN = 80
#: What a template says to whoever reads it: no mail has it. Jinja's and HTML's, but for Outlook's conditions.
_COMMENT = re.compile(r"\{#.*?#\}|<!--(?!\[if|<!\[endif|>).*?-->", re.DOTALL)
_PICTURE = Image(f"{_BASE}/pictures/sample.jpg", 528, 297, "Figure from a sample")


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about templates.

    Attributes:
        problems: each once; none is to be sent before they are mended.
        whole: which templates cannot be cut into parts, and why; their digests take longer.
        names: of all files that took part.
    """

    problems: tuple[TemplateError, ...]
    whole: tuple[str, ...]
    names: frozenset[str]


def check_templates(folder: TemplateFolder, newsletter: NewsletterConfig, *, base_url: str) -> Checked:
    """Check every mail of a newsletter: what it is compiled from, what it is given, and what the linter would refuse.

    Args:
        folder: of the templates.
        newsletter: whose theme and language they are in.
        base_url: of the public pages: pictures may come from there.
    """
    try:
        templates = Templates.of(folder, newsletter.look.theme, newsletter.language)
    except TemplateError as error:
        return Checked((error,), (), frozenset())
    problems: dict[str, TemplateError] = {}
    names: set[str] = set()
    for name in (DIGEST, *KINDS):
        try:
            names.update(templates.template(name).files)
            found = list(_rendering_problems(templates, name, newsletter))
            found += _refused(templates, name, newsletter, folder.themed(newsletter.look.theme), base_url)
        except TemplateError as error:
            found = [error, *error.further]
        problems |= {str(problem): problem for problem in found if str(problem) not in problems}
    whole: tuple[str, ...] = ()
    if not problems:
        try:
            templates.parts(DIGEST)
        except IndivisibleError as error:
            whole = (str(error),)
    return Checked(tuple(problems.values()), whole, frozenset(names))


def _rendering_problems(templates: Templates, name: str, newsletter: NewsletterConfig) -> Iterator[TemplateError]:
    compiled = templates.template(name)
    wanted = KINDS[name].links if name in KINDS else (UNSUBSCRIBE,)
    for view, values in _samples(name, newsletter, templates.language):
        for template, file in ((compiled.html, f"{name}.mjml"), (compiled.text, f"{name}.txt")):
            try:
                page = _rendered(template, file, view, values)
            except TemplateError as error:
                yield error
                continue
            for slot in wanted:
                if getattr(view, _LINK_FIELDS[slot]) and _LINKS[slot] not in page:
                    problem = f"does not show {{{{ view.{_LINK_FIELDS[slot]} }}}}, which every such mail must have"
                    yield TemplateError(file, problem)


def _refused(
    templates: Templates, name: str, newsletter: NewsletterConfig, folder: TemplateFolder, base_url: str
) -> Iterator[TemplateError]:
    """Yield what the linter has against the HTML of the samples, where the template that it is in says it."""
    compiled = templates.template(name)
    pages = [file for file in compiled.files if file.endswith(".mjml")]
    seen: set[tuple[Finding, str, int | None]] = set()
    for view, values in _samples(name, newsletter, templates.language):
        page = Page()
        try:
            page.feed(_rendered(compiled.html, f"{name}.mjml", view, values))
        except TemplateError:
            continue  # known already
        page.close()
        for finding, words in (*page.found, *page.outside_pictures(_BASE, base_url)):
            file, line = _place_of(words, pages, folder)
            # The same place says something else in each sample.
            if (finding, file, line) in seen:
                continue
            seen.add((finding, file, line))
            where = f", {words!r}" if len(words) <= _MOST_SHOWN and words not in finding.problem else ""
            problem = f"{finding.problem}{where}; the linter would refuse every such mail ({finding.rule})"
            yield TemplateError(file, problem, line=line)


def _place_of(words: str, files: Sequence[str], folder: TemplateFolder) -> tuple[str, int | None]:
    """Return the template and the line that has ``words`` of a page; the main template where none has them."""
    # An address may go on with a value, which is another one in each mail.
    beginning = re.match(r"[^:/?#]+:(?://[^/?#]*)?", words)
    for wanted in filter(str.strip, (words, escape(words), beginning[0] if beginning else "")):
        for file in files:
            source = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), folder.read(file)).lower()
            if (found := source.find(wanted.lower())) >= 0:
                return file, source.count("\n", 0, found) + 1
    return files[0], None


def _rendered(template: jinja2.Template, file: str, view: DigestView | LetterView, values: Mapping[str, object]) -> str:
    with naming(file):
        return template.render(view=view, values=values)


def _samples(
    name: str, newsletter: NewsletterConfig, language: Language
) -> Iterator[tuple[DigestView | LetterView, Mapping[str, object]]]:
    """Yield what ``name`` is shown where there is everything that there can be, and where there is as little as possible."""
    look = look_of(newsletter.look)
    for each in (replace(look, logo=_PICTURE), look):
        is_full = each.logo is not None
        if name == DIGEST:
            yield _digest(newsletter, language, each, is_full=is_full), {}
            continue
        kind = KINDS[name]
        values = sample_values(name, dict.fromkeys(kind.values, f"{_BASE}/"), language, name=newsletter.name)
        if name == WELCOME:
            yield Greeting(name, values).over(_digest(newsletter, language, each, is_full=is_full), language), values
        else:
            # Who is no reader gets an answer without links.
            links = {slot: _LINKS[slot] for slot in kind.links if is_full or not kind.is_answer}
            commands = sample_commands(newsletter.cadences, language) if is_full else ""
            yield build_letter(newsletter, kind, values, links, language, each, commands), values


def _digest(newsletter: NewsletterConfig, language: Language, look: Look, *, is_full: bool) -> DigestView:
    def said(text: str) -> str:
        return text if is_full else ""

    papers = [_paper(place, is_full=is_full) for place in range(1, 6)]
    return DigestView(
        name=newsletter.name,
        tagline=said("A line about it"),
        number=said("No. 1"),
        date="1 January",
        subject="A subject",
        preheader="A sentence about what is in it",
        intro=said("A sentence to begin with"),
        rhythm="every day",
        postal_address=said("Example Lab, 1 Sample Street"),
        unsubscribe_url=_LINKS[UNSUBSCRIBE],
        preferences_url=_LINKS[PREFERENCES],
        online_url=f"{_BASE}/issues/sample/1",
        ranking_url=f"{_BASE}/ranking",
        commands=said(sample_commands(newsletter.cadences, language)),
        language=language.tag,
        direction=language.direction,
        look=look,
        count=len(papers) + 4 if is_full else 1,
        lead=papers[0],
        cards=tuple(papers[1:3]) if is_full else (),
        rising=tuple(papers[3:]) if is_full else (),
        more_online=3 if is_full else 0,
        late=(_paper(6, is_full=True),) if is_full else (),
        corrections=tuple(_correction(kind) for kind in CorrectionKind) if is_full else (),
        more_corrections=2 if is_full else 0,
    )


def _correction(kind: CorrectionKind) -> CorrectionView:
    return CorrectionView(
        kind.value, f"A sample that was {kind}", f"{_BASE}/paper/{kind}", "A sentence that says what happened."
    )


def _paper(place: int, *, is_full: bool) -> PaperView:
    def said(text: str) -> str:
        return text if is_full else ""

    return PaperView(
        place=place,
        title=f"Sample {place}: a title",
        title_url=said(f"{_BASE}/paper/{place}"),
        authors=said("First Author, Second Author and 3 more"),
        lab=said("Sample Institute"),
        summary=said("A sentence that says what was found."),
        votes=said("1,234"),
        trend=said("▁▂▃▅▇"),
        trend_words=said("rising for five days"),
        facts=("+31 votes since yesterday",) if is_full else (),
        match=said("Because you follow Sample Institute"),
        chips=("cs.LG", "cs.AI") if is_full else (),
        links=(Link("PDF", f"{_BASE}/paper/{place}.pdf", "pdf"), Link("Code", f"{_BASE}/code", "code")) if is_full else (),
        more_url=said(f"{_BASE}/feedback/sample?paper={place}&like=more"),
        less_url=said(f"{_BASE}/feedback/sample?paper={place}&like=less"),
        picture=_PICTURE if is_full else None,
    )
