"""The room's front door: an issue's digest or a letter in, a composed message body or a preview out."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import jinja2

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, Issue, PoolEntry
from newsletter.papers.model import PaperSeq
from newsletter.pictures.model import NoPictures, Pictures
from newsletter.rendering.digests.kit import Kit
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.assembly import Content, assemble, common_of, frame_of
from newsletter.rendering.message.encode import quoted_printable
from newsletter.rendering.message.lint import BUDGET_BYTES, lint, lint_head
from newsletter.rendering.message.message import (
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
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.template.compiled import CompiledTemplate, Templates
from newsletter.rendering.template.folder import TemplateFolder, naming
from newsletter.rendering.view.images import PicturePlace
from newsletter.rendering.view.letters import Greeting, Letter, LetterView, build_letter, kind_of
from newsletter.rendering.view.look import Look, look_of
from newsletter.rendering.view.views import DETAILS, DigestView, ReaderLinks, Setting, Views
from newsletter.rendering.words.language import Language

_log = logging.getLogger(__name__)

#: The template of an issue.
DIGEST = "digest"
#: A token of the right form that opens nothing: stands in previews and in the message that the linter looks at.
SAMPLE_TOKEN = "preview".ljust(TOKEN_LENGTH, "-")
#: What the linter looks at is filled in with this, but for the Message-ID.
_PROBE = Personal(
    "reader@example.org",
    "",
    datetime(2000, 1, 1, tzinfo=UTC),
    dict.fromkeys((UNSUBSCRIBE, CONFIRM, PREFERENCES, FEEDBACK), SAMPLE_TOKEN),
)

Body = TypeVar("Body", ComposedBody, PiecedBody)


@dataclass(frozen=True, slots=True)
class RenderedPreview:
    """What a reader would see. ``html_bytes`` is the encoded size, which the clip limit counts."""

    subject: str
    preheader: str
    html: str
    text: str
    html_bytes: int


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
        pictures: of papers, and logos.
    """

    def __init__(self, templates: Path | None, *, base_url: str, secret: bytes, pictures: Pictures | None = None) -> None:
        self._folder = TemplateFolder(templates)
        self._base_url = base_url
        self._secret = secret
        self._pictures = pictures or NoPictures()
        self._templates: dict[tuple[str, str], Templates] = {}

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
        content = replace(
            self._digest_content(newsletter, {name: links[name] for name in wanted}),
            subject=rendered.view.subject,
            text=rendered.text,
            html=rendered.html,
            unsubscribe_mailto=unsubscribe_mailto,
            is_letter=greeting is not None,
        )
        return self._checked(assemble(content, slots), f"issue {issue.id}, digest {digest.id}")

    def kit(self, newsletter: NewsletterConfig, slug: str, issue: Issue, pool: Sequence[PoolEntry]) -> Kit:
        """Return what composes many digests of one issue, as :meth:`compose` does by the newsletter's own template.

        Equal arguments, templates and digests give equal bodies. It goes on with the templates as they are now.

        Args:
            newsletter: whose names, addresses and template are used.
            slug: the newsletter's key in the configuration.
            issue: of which the digests are choices.
            pool: the issue's entries, any order.

        Raises:
            IndivisibleError: what the templates say of a paper may depend on more than the paper.
            TemplateError: a template cannot be used.
        """
        templates = self._templates_of(newsletter)
        template, (html, text) = templates.template(DIGEST), templates.parts(DIGEST)
        slots = Slots(self._nonce(f"bodies {slug} {issue.id}"))
        links = {page: self._url(page, slots.placeholder(page)) for page in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
        content = self._digest_content(newsletter, {UNSUBSCRIBE: links[UNSUBSCRIBE]})
        views = Views(newsletter, issue, _by_seq(pool), self._setting(newsletter, issue, pool, links))

        def whole(view: DigestView) -> tuple[str, str]:
            return (
                _fill(template.text, f"{DIGEST}.txt", view=view, values={}),
                _fill(template.html, f"{DIGEST}.mjml", view=view, values={}),
            )

        frame, common = frame_of(content, slots), common_of(content, slots)
        return Kit(views, html, text, whole, frame, common, slots, self._checked)

    def _digest_content(self, newsletter: NewsletterConfig, links: Mapping[str, str]) -> Content:
        """Return what all digests say; subject, text and HTML are still empty."""
        return Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            reply_to=newsletter.reply_to,
            list_id=newsletter.list_id,
            subject="",
            links=links,
            text="",
            html="",
            picture_base=self._base_url,
        )

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
        view = build_letter(newsletter, kind, letter.values, links, self.language(newsletter), self._look(newsletter))
        template = self.template(newsletter, letter.template)
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

    def template(self, newsletter: NewsletterConfig, name: str = DIGEST) -> CompiledTemplate:
        """Return a newsletter's compiled templates ``name.mjml`` and ``name.txt``; compiled anew only if a file changed.

        Raises:
            TemplateError: one of them, a file they include, the theme or the catalogue cannot be used.
        """
        return self._templates_of(newsletter).template(name)

    def language(self, newsletter: NewsletterConfig) -> Language:
        """Return the language of a newsletter's fixed words.

        Raises:
            TemplateError: there is no catalogue of it, or it cannot be read.
        """
        return self._templates_of(newsletter).language

    def _templates_of(self, newsletter: NewsletterConfig) -> Templates:
        key = newsletter.look.theme, newsletter.language
        known = self._templates.get(key)
        if known is None or not known.is_current():
            known = self._templates[key] = Templates.of(self._folder, *key)
        return known

    def _setting(
        self, newsletter: NewsletterConfig, issue: Issue, pool: Sequence[PoolEntry], links: Mapping[str, str]
    ) -> Setting:
        look, place = newsletter.look, PicturePlace(newsletter, self._base_url)
        kept = {} if look.pictures == "none" else self._pictures.of([entry.paper.seq for entry in pool])
        return Setting(
            language=self.language(newsletter),
            look=self._look(newsletter),
            links=ReaderLinks(links[UNSUBSCRIBE], links[PREFERENCES], links[FEEDBACK]),
            online_url=f"{self._base_url}/issues/{issue.newsletter}/{issue.number}",
            ranking_url=f"{self._base_url}/ranking",
            images=lambda seq, alt: place.images(kept[seq], alt) if seq in kept else None,
        )

    def _look(self, newsletter: NewsletterConfig) -> Look:
        look = newsletter.look
        logo = None if look.logo is None else self._pictures.logo(look.logo)
        place = PicturePlace(newsletter, self._base_url)
        return look_of(look, None if logo is None else place.image(logo, look.logo_width, newsletter.name))

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
        name = DIGEST if greeting is None else greeting.template
        values: Mapping[str, object] = {} if greeting is None else greeting.values
        template = self.template(newsletter, name)
        views = Views(newsletter, issue, _by_seq(pool), self._setting(newsletter, issue, pool, links))
        for detail in DETAILS:
            view = views.view(digest, detail)
            if greeting is not None:
                view = greeting.over(view)
            html = _fill(template.html, f"{name}.mjml", view=view, values=values)
            html_bytes = len(quoted_printable(html, unbroken=unbroken))
            if html_bytes <= BUDGET_BYTES:
                break
        text = _fill(template.text, f"{name}.txt", view=view, values=values)
        return _Rendered(view, html, text, html_bytes)

    def _checked(self, body: Body, what: str, *, head_only: bool = False) -> Body:
        """Return ``body`` if the linter lets a filled-in copy of it, or of its header, pass.

        Raises:
            MessageRefused: it does not.
        """
        expected = body.expectation(_PROBE)
        probe = replace(_PROBE, message_id=message_id(self._secret, 0, 0, expected.from_address.rpartition("@")[2]))
        data = body.gapped().fill(probe.encoded())
        findings = lint_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", expected) if head_only else lint(data, expected)
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


def _by_seq(pool: Sequence[PoolEntry]) -> dict[PaperSeq, PoolEntry]:
    return {entry.paper.seq: entry for entry in pool}


def _fill(template: jinja2.Template, name: str, *, view: DigestView | LetterView, values: Mapping[str, object]) -> str:
    with naming(name):
        return template.render(view=view, values=values)
