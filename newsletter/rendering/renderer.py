"""The room's front door: an issue's digest or a letter in, a composed message body or a preview out."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from jinja2 import meta

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, Issue, PoolEntry
from newsletter.papers.model import PaperSeq
from newsletter.rendering.assembly import Content, assemble
from newsletter.rendering.encode import quoted_printable
from newsletter.rendering.errors import MessageRefused, TemplateError
from newsletter.rendering.letters import Greeting, Letter, LetterView, build_letter, kind_of
from newsletter.rendering.lint import BUDGET_BYTES, errors_in, lint
from newsletter.rendering.message import (
    CONFIRM,
    FEEDBACK,
    PREFERENCES,
    TOKEN_LENGTH,
    UNSUBSCRIBE,
    ComposedBody,
    Personal,
    Slots,
    message_id,
)
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.templates import FileStamp, TemplateFolder, make_environment
from newsletter.rendering.text import wrap
from newsletter.rendering.view import DETAILS, DigestView, ReaderLinks, build_view

_log = logging.getLogger(__name__)

#: A token of the right form that opens nothing: stands in previews and in the message that the linter looks at.
SAMPLE_TOKEN = "preview".ljust(TOKEN_LENGTH, "-")
#: What the linter looks at is filled in with these.
_PROBE_ADDRESS, _PROBE_DATE = "reader@example.org", datetime(2000, 1, 1, tzinfo=UTC)
_PROBE_TOKENS = dict.fromkeys((UNSUBSCRIBE, CONFIRM, PREFERENCES, FEEDBACK), SAMPLE_TOKEN)


@dataclass(frozen=True, slots=True)
class RenderedPreview:
    """What a reader would see. ``html_bytes`` is the encoded size, which the clip limit counts."""

    subject: str
    preheader: str
    html: str
    text: str
    html_bytes: int


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """Both templates of one kind of mail, ready to render. ``version`` is a hash over all files that went in."""

    html: jinja2.Template
    text: jinja2.Template
    files: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class _Rendered:
    view: DigestView
    html: str
    text: str
    html_bytes: int


class Renderer:
    """Renders digests and letters with the operator's templates.

    A template is compiled once, and again when one of its files changes.

    Args:
        templates: the operator's folder; a file missing there comes from the package.
        base_url: of the public pages, without a slash at its end.
        secret: the installation's key; placeholders and boundaries depend on it.
    """

    def __init__(self, templates: Path | None, *, base_url: str, secret: bytes) -> None:
        self._folder = TemplateFolder(templates)
        self._base_url = base_url
        self._secret = secret
        self._compiled: dict[str, tuple[tuple[FileStamp, ...], CompiledTemplate]] = {}

    def compose(
        self,
        newsletter: NewsletterConfig,
        slug: str,
        issue: Issue,
        pool: Sequence[PoolEntry],
        digest: Digest,
        *,
        template: str | None = None,
        values: Mapping[str, object] | None = None,
        unsubscribe_mailto: str = "",
    ) -> ComposedBody:
        """Compose the message of one digest, to be spliced per reader, and let the linter look at a filled-in copy.

        Equal arguments and templates give equal bodies. It has slots for the tokens ``UNSUBSCRIBE``, ``PREFERENCES`` and
        ``FEEDBACK``.

        Args:
            newsletter: whose names, addresses and template are used.
            slug: the newsletter's key in the configuration.
            issue: of which the digest is one choice.
            pool: the issue's entries, any order.
            digest: the papers, best first.
            template: ``welcome`` for the digest that greets somebody new; None takes the newsletter's own.
            values: what the welcome says besides the papers: ``rhythm``, ``hour`` and ``zone`` as in a :class:`Letter`.
            unsubscribe_mailto: address that takes ``unsubscribe`` mails; ``""``: only the web does.

        Raises:
            MessageRefused: the linter found an error.
            TemplateError: a template cannot be used.
            ValueError: the digest is empty or names a paper that is not in the pool, or ``values`` are not those wanted.
        """
        greeting = None if template is None else Greeting(template, values or {})
        slots = Slots(self._nonce(f"body {slug} {issue.id} {digest.id}{'' if template is None else f' {template}'}"))
        links = {name: self._url(name, slots.placeholder(name)) for name in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
        # An operator's own templates of a digest may be older than the link to the choices, and still must go out.
        wanted = (UNSUBSCRIBE,) if greeting is None else greeting.kind.links
        rendered = self._render(newsletter, issue, pool, digest, links, slots.placeholders, greeting)
        content = Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            reply_to=newsletter.reply_to,
            list_id=newsletter.list_id,
            subject=rendered.view.subject,
            links={name: links[name] for name in wanted},
            text=rendered.text,
            html=rendered.html,
            unsubscribe_mailto=unsubscribe_mailto,
            is_letter=greeting is not None,
            picture_base=self._base_url,
        )
        return self._checked(assemble(content, slots), f"issue {issue.id}, digest {digest.id}")

    def compose_letter(self, newsletter: NewsletterConfig, slug: str, letter: Letter) -> ComposedBody:
        """Compose a letter, to be spliced for its reader, and let the linter look at a filled-in copy.

        Equal arguments and templates give equal bodies. Its slots: ``CONFIRM`` of ``confirm`` and ``confirm-address``,
        ``PREFERENCES`` and ``UNSUBSCRIBE`` of ``known`` and ``welcome-early``, none of ``address-changed``.

        Args:
            newsletter: whose names and addresses are used.
            slug: the newsletter's key in the configuration.
            letter: its template and values.

        Raises:
            MessageRefused: the linter found an error.
            TemplateError: a template cannot be used.
            ValueError: no letter has this template, or its values are not exactly those that it is given.
        """
        kind = kind_of(letter.template, letter.values)
        slots = Slots(self._nonce(f"letter {slug} {letter.template} {letter.key}"))
        links = {name: self._url(name, slots.placeholder(name)) for name in kind.links}
        view = build_letter(newsletter, kind, letter.values, links)
        template = self.template(letter.template)
        content = Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            reply_to=newsletter.reply_to,
            list_id=newsletter.list_id if kind.has_list_id else "",
            subject=view.subject,
            links=links,
            text=_fill(template.text, f"{letter.template}.txt", view=view, values=letter.values),
            html=_fill(template.html, f"{letter.template}.mjml", view=view, values=letter.values),
            is_letter=True,
            form_sub=letter.form_sub,
            picture_base=self._base_url,
        )
        return self._checked(assemble(content, slots), f"letter {letter.template}")

    def preview(self, newsletter: NewsletterConfig, issue: Issue, pool: Sequence[PoolEntry], digest: Digest) -> RenderedPreview:
        """Render what a reader of this digest would see, with a sample token in its links.

        Raises:
            TemplateError: a template cannot be used.
            ValueError: the digest is empty or names a paper that is not in the pool.
        """
        links = {name: self._url(name, SAMPLE_TOKEN) for name in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
        rendered = self._render(newsletter, issue, pool, digest, links, ())
        view = rendered.view
        return RenderedPreview(view.subject, view.preheader, rendered.html, rendered.text, rendered.html_bytes)

    def template(self, name: str) -> CompiledTemplate:
        """Return the compiled templates ``name.mjml`` and ``name.txt``; compiled anew only if one of their files changed.

        Raises:
            TemplateError: one of them, or a file they include, cannot be used.
        """
        known = self._compiled.get(name)
        if known is not None:
            stamps, compiled = known
            if self._folder.stamp(compiled.files) == stamps:
                return compiled
        compiled = self._compile(name)
        self._compiled[name] = (self._folder.stamp(compiled.files), compiled)
        return compiled

    def _compile(self, name: str) -> CompiledTemplate:
        environment = make_environment(self._folder.jinja_loader())
        environment.filters["wrap"] = wrap
        page = compile_mjml(f"{name}.mjml", self._folder.read, environment)
        html = environment.from_string(page.source)
        text_files = [f"{name}.txt"]
        for file in text_files:
            text_files += [part for part in self._includes(file, environment) if part not in text_files]
        text = environment.get_template(f"{name}.txt")
        files = (*page.files, *text_files)
        return CompiledTemplate(html, text, files, self._folder.version(files))

    def _includes(self, name: str, environment: jinja2.Environment) -> list[str]:
        try:
            source = self._folder.read(name)
            environment.compile(source)
            found = list(meta.find_referenced_templates(environment.parse(source)))
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(name, str(error.message), line=error.lineno) from error
        if None in found:
            raise TemplateError(name, "includes a template whose name is only known later; write the name itself")
        return [part for part in found if part is not None]

    def _render(
        self,
        newsletter: NewsletterConfig,
        issue: Issue,
        pool: Sequence[PoolEntry],
        digest: Digest,
        links: Mapping[str, str],
        unbroken: Sequence[str],
        greeting: Greeting | None = None,
    ) -> _Rendered:
        """Render with as much detail as fits the byte budget; with the least if nothing fits, for the linter to judge."""
        name = newsletter.template if greeting is None else greeting.template
        values: Mapping[str, object] = {} if greeting is None else greeting.values
        template = self.template(name)
        by_seq: dict[PaperSeq, PoolEntry] = {entry.paper.seq: entry for entry in pool}
        reader_links = ReaderLinks(links[UNSUBSCRIBE], links[PREFERENCES], links[FEEDBACK])
        for detail in DETAILS:
            view = build_view(newsletter, issue, by_seq, digest, links=reader_links, detail=detail)
            if greeting is not None:
                view = greeting.over(view)
            html = _fill(template.html, f"{name}.mjml", view=view, values=values)
            html_bytes = len(quoted_printable(html, unbroken=unbroken))
            if html_bytes <= BUDGET_BYTES:
                break
        text = _fill(template.text, f"{name}.txt", view=view, values=values)
        return _Rendered(view, html, text, html_bytes)

    def _checked(self, body: ComposedBody, what: str) -> ComposedBody:
        """Return ``body`` if the linter lets a filled-in copy of it pass.

        Raises:
            MessageRefused: it does not.
        """
        domain = body.common.from_address.rpartition("@")[2]
        probe = Personal(_PROBE_ADDRESS, message_id(self._secret, 0, 0, domain), _PROBE_DATE, _PROBE_TOKENS)
        findings = lint(body.splice(probe), body.expectation(probe))
        if errors_in(findings):
            raise MessageRefused(what, findings)
        for finding in findings:
            _log.warning("rendering.lint message=%r rule=%s", what, finding.rule)
        return body

    def _nonce(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode(), hashlib.sha256)

    def _url(self, name: str, token: str) -> str:
        """Return where a link leads: the pages are named like the slots of their tokens."""
        return f"{self._base_url}/{name}/{token}"


def _fill(template: jinja2.Template, name: str, *, view: DigestView | LetterView, values: Mapping[str, object]) -> str:
    try:
        return template.render(view=view, values=values)
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(name, f"{error}; compare with the packaged template for what a template is given") from error
