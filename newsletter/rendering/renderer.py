"""The room's front door: an issue's digest or a letter in, a composed message body or a sample of it out."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import jinja2

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Correction, Digest, Issue, PoolEntry
from newsletter.papers.model import PaperSeq
from newsletter.pictures.model import NoPictures, Pictures
from newsletter.rendering.digests.kit import Kit
from newsletter.rendering.digests.pictures import MailPictures
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.answering import Answering, answering
from newsletter.rendering.message.assembly import AUTO_GENERATED, AUTO_REPLIED, Content, assemble, common_of, frame_of
from newsletter.rendering.message.enclosed import Enclosure, shown_in
from newsletter.rendering.message.encode import quoted_printable
from newsletter.rendering.message.lint import BUDGET_BYTES, lint, lint_head
from newsletter.rendering.message.message import (
    FEEDBACK,
    PREFERENCES,
    UNSUBSCRIBE,
    ComposedBody,
    Slots,
    message_id,
)
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.message.sample import Draft, SampleMessage, sample_of, sample_personal
from newsletter.rendering.template.compiled import CompiledTemplate, Templates
from newsletter.rendering.template.folder import TemplateFolder, naming
from newsletter.rendering.view.detail import DETAILS
from newsletter.rendering.view.letters import Greeting, Letter, LetterView, build_letter, kind_of
from newsletter.rendering.view.look import look_of
from newsletter.rendering.view.views import DigestView, ReaderLinks, Setting, Views
from newsletter.rendering.words.commands import sample_commands
from newsletter.rendering.words.language import Language

_log = logging.getLogger(__name__)

#: The template of an issue.
DIGEST = "digest"
#: The instant in the Date field of what is made to be looked at only.
_SAMPLED_AT = datetime(2000, 1, 1, tzinfo=UTC)
#: What the linter looks at is filled in with this, but for the Message-ID.
_PROBE = sample_personal("reader@example.org", "", _SAMPLED_AT)

Body = TypeVar("Body", ComposedBody, PiecedBody)


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
        corrections: Sequence[Correction] = (),
        template: str | None = None,
        values: Mapping[str, object] | None = None,
    ) -> ComposedBody:
        """Compose the message of one digest, to be spliced per reader, and let the linter look at a filled-in copy.

        Equal arguments and templates give equal bodies. It has slots for the tokens ``UNSUBSCRIBE``, ``PREFERENCES`` and
        ``FEEDBACK``, and for ``REPLY`` where the newsletter has an inbound address.

        Args:
            newsletter: whose names, addresses and template are used.
            slug: the newsletter's key in the configuration.
            issue: of which the digest is one choice.
            pool: the issue's entries, any order.
            digest: the papers, best first, and which corrections.
            corrections: the issue's.
            template: ``welcome`` for the digest that greets somebody new; None takes the newsletter's own.
            values: what the welcome says besides the papers: ``rhythm``, ``hour`` and ``zone`` as in a :class:`Letter`.

        Raises:
            MessageRefused: the linter found an error.
            TemplateError: a template cannot be used.
            ValueError: the digest is empty or names a paper that is not in the pool, or ``values`` are not those wanted.
        """
        greeting = None if template is None else Greeting(template, values or {})
        draft = self._digest(newsletter, slug, issue, pool, digest, corrections, greeting)
        return self._checked(draft.body, f"issue {issue.id}, digest {digest.id}")

    def sample(
        self,
        newsletter: NewsletterConfig,
        slug: str,
        issue: Issue,
        pool: Sequence[PoolEntry],
        digest: Digest,
        *,
        address: str,
        corrections: Sequence[Correction] = (),
        template: str | None = None,
        values: Mapping[str, object] | None = None,
    ) -> SampleMessage:
        """Compose a digest as :meth:`compose` does, filled in for ``address``, whatever the linter says of it.

        Its links hold a token that opens nothing, its date is when the issue was frozen. Equal arguments and templates give
        equal samples.

        Raises:
            TemplateError: a template cannot be used.
            ValueError: as for :meth:`compose`, or ``address`` is not one plain address with a domain in ASCII.
        """
        greeting = None if template is None else Greeting(template, values or {})
        draft = self._digest(newsletter, slug, issue, pool, digest, corrections, greeting)
        return self._sample(draft, address, issue.frozen_at)

    def kit(
        self,
        newsletter: NewsletterConfig,
        slug: str,
        issue: Issue,
        pool: Sequence[PoolEntry],
        corrections: Sequence[Correction] = (),
    ) -> Kit:
        """Return what composes many digests of one issue, as :meth:`compose` does by the newsletter's own template.

        Equal arguments, templates and digests give equal bodies. It goes on with the templates as they are now.

        Args:
            newsletter: whose names, addresses and template are used.
            slug: the newsletter's key in the configuration.
            issue: of which the digests are choices.
            pool: the issue's entries, any order.
            corrections: the issue's.

        Raises:
            IndivisibleError: what the templates say of a paper may depend on more than the paper.
            TemplateError: a template cannot be used.
        """
        templates = self._templates_of(newsletter)
        template, (html, text) = templates.template(DIGEST), templates.parts(DIGEST)
        slots = Slots(self._nonce(f"bodies {slug} {issue.id}"))
        links = {page: self._url(page, slots.placeholder(page)) for page in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
        answers = answering(newsletter, slots, is_notice=False)
        content = self._digest_content(newsletter, {UNSUBSCRIBE: links[UNSUBSCRIBE]}, answers)
        pictures = MailPictures(self._pictures, newsletter, self._base_url)
        setting = self._setting(newsletter, issue, pool, links, pictures, answers)
        views = Views(newsletter, issue, _by_seq(pool), setting, corrections, has_late=template.has_late)

        def whole(view: DigestView) -> tuple[str, str]:
            return (
                _fill(template.text, f"{DIGEST}.txt", view=view, values={}),
                _fill(template.html, f"{DIGEST}.mjml", view=view, values={}),
            )

        frame, common = frame_of(content, slots), common_of(content, slots)
        return Kit(views, html, text, whole, pictures.enclosure, frame, common, slots, self._checked)

    def _digest_content(self, newsletter: NewsletterConfig, links: Mapping[str, str], answers: Answering) -> Content:
        """Return what all digests say; subject, text and HTML are still empty."""
        return Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            answering=answers,
            list_id=newsletter.list_id,
            subject="",
            links=links,
            text="",
            html="",
            picture_base=self._base_url,
        )

    def compose_letter(self, newsletter: NewsletterConfig, slug: str, letter: Letter) -> ComposedBody:
        """Compose a letter, to be spliced for its reader, and let the linter look at a filled-in copy.

        Equal arguments and templates give equal bodies. Its slots are those of its links, and ``REPLY`` where the newsletter
        has an inbound address.

        Args:
            newsletter: whose names and addresses are used.
            slug: the newsletter's key in the configuration.
            letter: its template and values.

        Raises:
            MessageRefused: the linter found an error.
            TemplateError: a template cannot be used.
            ValueError: no letter has this template, or its values are not exactly those that it is given.
        """
        return self._checked(self._letter(newsletter, slug, letter).body, f"letter {letter.template}")

    def sample_letter(
        self, newsletter: NewsletterConfig, slug: str, letter: Letter, *, address: str, dated_at: datetime = _SAMPLED_AT
    ) -> SampleMessage:
        """Compose a letter as :meth:`compose_letter` does, filled in for ``address``, whatever the linter says of it.

        Its links hold a token that opens nothing. Equal arguments and templates give equal samples.

        Raises:
            TemplateError: a template cannot be used.
            ValueError: as for :meth:`compose_letter`, or ``address`` is not one plain address with a domain in ASCII.
        """
        return self._sample(self._letter(newsletter, slug, letter), address, dated_at)

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
        self,
        newsletter: NewsletterConfig,
        issue: Issue,
        pool: Sequence[PoolEntry],
        links: Mapping[str, str],
        pictures: MailPictures,
        answers: Answering,
    ) -> Setting:
        language = self.language(newsletter)
        return Setting(
            language=language,
            look=look_of(newsletter.look, pictures.logo()),
            links=ReaderLinks(links[UNSUBSCRIBE], links[PREFERENCES], links[FEEDBACK]),
            online_url=f"{self._base_url}/issues/{issue.newsletter}/{issue.number}",
            ranking_url=f"{self._base_url}/ranking",
            commands=sample_commands(newsletter.cadences, language) if answers.takes_commands else "",
            images=pictures.of([entry.paper.seq for entry in pool]),
        )

    def _digest(
        self,
        newsletter: NewsletterConfig,
        slug: str,
        issue: Issue,
        pool: Sequence[PoolEntry],
        digest: Digest,
        corrections: Sequence[Correction],
        greeting: Greeting | None,
    ) -> Draft:
        """Render with as much detail as fits the byte budget; with the least if nothing fits, for the linter to judge."""
        name = DIGEST if greeting is None else greeting.template
        values: Mapping[str, object] = {} if greeting is None else greeting.values
        slots = Slots(self._nonce(f"body {slug} {issue.id} {digest.id}{'' if greeting is None else f' {name}'}"))
        links = {page: self._url(page, slots.placeholder(page)) for page in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
        # An operator's own templates of a digest may be older than the link to the choices, and still must go out.
        wanted = (UNSUBSCRIBE,) if greeting is None else greeting.kind.links
        template = self.template(newsletter, name)
        pictures = MailPictures(self._pictures, newsletter, self._base_url)
        answers = answering(newsletter, slots, is_notice=greeting is not None)
        setting = self._setting(newsletter, issue, pool, links, pictures, answers)
        views = Views(newsletter, issue, _by_seq(pool), setting, corrections, has_late=template.has_late)
        for detail in DETAILS:
            view = views.view(digest, detail)
            if greeting is not None:
                view = greeting.over(view, self.language(newsletter))
            html = _fill(template.html, f"{name}.mjml", view=view, values=values)
            encoded = quoted_printable(html, unbroken=slots.placeholders)
            if len(encoded) <= BUDGET_BYTES:
                break
        content = replace(
            self._digest_content(newsletter, {page: links[page] for page in wanted}, answers),
            subject=view.subject,
            text=_fill(template.text, f"{name}.txt", view=view, values=values),
            html=html,
            auto_submitted=AUTO_GENERATED if greeting is not None else "",
            pictures=_enclosed(html, pictures),
        )
        body = assemble(content, slots, html=encoded)
        return Draft(body, slots, view.preheader, html, content.text, template.files, DETAILS.index(detail))

    def _letter(self, newsletter: NewsletterConfig, slug: str, letter: Letter) -> Draft:
        kind = kind_of(letter.template, letter.values)
        slots = Slots(self._nonce(f"letter {slug} {letter.template} {letter.key}"))
        links = {name: self._url(name, slots.placeholder(name)) for name in letter.links}
        pictures = MailPictures(self._pictures, newsletter, self._base_url)
        look, language = look_of(newsletter.look, pictures.logo()), self.language(newsletter)
        answers = answering(newsletter, slots, is_notice=True)
        commands = sample_commands(newsletter.cadences, language) if answers.takes_commands else ""
        view = build_letter(newsletter, kind, letter.values, links, language, look, commands)
        template = self.template(newsletter, letter.template)
        html = _fill(template.html, f"{letter.template}.mjml", view=view, values=letter.values)
        content = Content(
            from_name=newsletter.name,
            from_address=newsletter.from_address,
            answering=answers,
            list_id=newsletter.list_id if kind.has_list_id else "",
            subject=view.subject,
            links=links,
            text=_fill(template.text, f"{letter.template}.txt", view=view, values=letter.values),
            html=html,
            auto_submitted=AUTO_REPLIED if kind.is_answer else AUTO_GENERATED,
            in_reply_to=letter.in_reply_to,
            form_sub=letter.form_sub,
            picture_base=self._base_url,
            pictures=_enclosed(html, pictures),
        )
        return Draft(assemble(content, slots), slots, view.preheader, html, content.text, template.files)

    def _sample(self, draft: Draft, address: str, dated_at: datetime) -> SampleMessage:
        return sample_of(draft, sample_personal(address, self._sample_id(draft.body.common.from_address), dated_at))

    def _sample_id(self, from_address: str) -> str:
        return message_id(self._secret, 0, 0, from_address.rpartition("@")[2])

    def _checked(self, body: Body, what: str, *, head_only: bool = False) -> Body:
        """Return ``body`` if the linter lets a filled-in copy of it, or of its header, pass.

        Raises:
            MessageRefused: it does not.
        """
        expected = body.expectation(_PROBE)
        probe = replace(_PROBE, message_id=self._sample_id(expected.from_address))
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


def _enclosed(html: str, pictures: MailPictures) -> tuple[Enclosure, ...]:
    """Return the pictures that ``html`` shows of the message's own; one that is not there is for the linter to find."""
    return tuple(found for found in map(pictures.enclosure, shown_in(html)) if found is not None)


def _fill(template: jinja2.Template, name: str, *, view: DigestView | LetterView, values: Mapping[str, object]) -> str:
    with naming(name):
        return template.render(view=view, values=values)
