"""The room's front door: an issue's digest in, a composed message body or a preview out."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2 import meta

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, Issue, PoolEntry
from newsletter.papers.model import PaperSeq
from newsletter.rendering.encode import quoted_printable
from newsletter.rendering.errors import MessageRefused, TemplateError
from newsletter.rendering.lint import BUDGET_BYTES, errors_in, lint
from newsletter.rendering.message import (
    TOKEN_LENGTH,
    UNSUBSCRIBE,
    ComposedBody,
    Content,
    Personal,
    Slots,
    assemble,
    message_id,
)
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.templates import FileStamp, TemplateFolder, make_environment
from newsletter.rendering.text import wrap
from newsletter.rendering.view import DETAILS, DigestView, build_view

_log = logging.getLogger(__name__)

#: A token of the right form that opens nothing: stands in previews and in the message that the linter looks at.
SAMPLE_TOKEN = "preview".ljust(TOKEN_LENGTH, "-")
_PROBE_ADDRESS = "reader@example.org"


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
    """Renders digests with the operator's templates. Templates are compiled once and again when one of their files changes.

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
        unsubscribe_mailto: str = "",
    ) -> ComposedBody:
        """Compose the message of one digest, to be spliced per reader, and let the linter look at a filled-in copy.

        Equal arguments and templates give equal bodies.

        Args:
            newsletter: whose names, addresses and template are used.
            slug: the newsletter's key in the configuration.
            issue: of which the digest is one choice.
            pool: the issue's entries, any order.
            digest: the papers, best first.
            unsubscribe_mailto: address that takes ``unsubscribe`` mails; ``""``: only the web does.

        Raises:
            MessageRefused: the linter found an error.
            TemplateError: a template cannot be used.
            ValueError: the digest is empty or names a paper that is not in the pool.
        """
        slots = Slots(self._nonce(slug, issue, digest))
        unsubscribe_url = self._unsubscribe_url(slots.placeholder(UNSUBSCRIBE))
        rendered = self._render(newsletter, issue, pool, digest, unsubscribe_url, slots.placeholders)
        content = Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            reply_to=newsletter.reply_to,
            list_id=newsletter.list_id,
            subject=rendered.view.subject,
            unsubscribe_url=unsubscribe_url,
            text=rendered.text,
            html=rendered.html,
            unsubscribe_mailto=unsubscribe_mailto,
            picture_base=self._base_url,
        )
        body = assemble(content, slots)
        probe = Personal(
            recipient=_PROBE_ADDRESS,
            message_id=message_id(self._secret, issue.id, 0, newsletter.from_address.rpartition("@")[2]),
            dated_at=issue.frozen_at,
            tokens={UNSUBSCRIBE: SAMPLE_TOKEN},
        )
        findings = lint(body.splice(probe), body.expectation(probe))
        if errors_in(findings):
            raise MessageRefused(f"issue {issue.id}, digest {digest.id}", findings)
        for finding in findings:
            _log.warning("rendering.lint issue=%d digest=%d rule=%s", issue.id, digest.id, finding.rule)
        return body

    def preview(self, newsletter: NewsletterConfig, issue: Issue, pool: Sequence[PoolEntry], digest: Digest) -> RenderedPreview:
        """Render what a reader of this digest would see, with a sample token in its links.

        Raises:
            TemplateError: a template cannot be used.
            ValueError: the digest is empty or names a paper that is not in the pool.
        """
        rendered = self._render(newsletter, issue, pool, digest, self._unsubscribe_url(SAMPLE_TOKEN), ())
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
        unsubscribe_url: str,
        unbroken: tuple[str, ...],
    ) -> _Rendered:
        """Render with as much detail as fits the byte budget; with the least if nothing fits, for the linter to judge."""
        template = self.template(newsletter.template)
        by_seq: dict[PaperSeq, PoolEntry] = {entry.paper.seq: entry for entry in pool}
        for detail in DETAILS:
            view = build_view(newsletter, issue, by_seq, digest, unsubscribe_url=unsubscribe_url, detail=detail)
            html = _fill(template.html, f"{newsletter.template}.mjml", view)
            html_bytes = len(quoted_printable(html, unbroken=unbroken))
            if html_bytes <= BUDGET_BYTES:
                break
        text = _fill(template.text, f"{newsletter.template}.txt", view)
        return _Rendered(view, html, text, html_bytes)

    def _nonce(self, slug: str, issue: Issue, digest: Digest) -> bytes:
        key = f"body {slug} {issue.id} {digest.id}"
        return hmac.digest(self._secret, key.encode(), hashlib.sha256)

    def _unsubscribe_url(self, token: str) -> str:
        return f"{self._base_url}/unsubscribe/{token}"


def _fill(template: jinja2.Template, name: str, view: DigestView) -> str:
    try:
        return template.render(view=view)
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(name, f"{error}; compare with the packaged template for what a template is given") from error
