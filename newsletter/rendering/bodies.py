"""The bodies of one issue's digests: put together from pieces where the templates allow it, else rendered whole."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Correction, Digest, Issue, PoolEntry
from newsletter.rendering.digests.kit import Kit
from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.compiled import CompiledTemplate
from newsletter.rendering.template.parts import IndivisibleError

_log = logging.getLogger(__name__)


class IssueBodies:
    """Composes the digests of one issue, by the newsletter's own template. Not for use from several threads at once.

    Args:
        renderer: has the templates.
        newsletter: whose names, addresses and template are used.
        slug: the newsletter's key in the configuration.
        issue: of which the digests are choices.
        pool: the issue's entries, any order.
        corrections: the issue's.
    """

    def __init__(
        self,
        renderer: Renderer,
        newsletter: NewsletterConfig,
        slug: str,
        issue: Issue,
        pool: Sequence[PoolEntry],
        corrections: Sequence[Correction] = (),
    ) -> None:
        self._renderer = renderer
        self._about = newsletter, slug, issue, pool
        self._corrections = corrections
        self._template: CompiledTemplate | None = None
        self._kit: Kit | None = None

    def compose(self, digests: Sequence[Digest]) -> list[ComposedBody | PiecedBody | RenderingError | ValueError]:
        """Compose bodies, in the order of ``digests``; an error stands in the place of the one it is about.

        Raises:
            TemplateError: a template cannot be used.
        """
        try:
            kit = self._current_kit()
            if kit is not None:
                return [*kit.compose(digests)]
        except IndivisibleError as error:
            self._kit = None
            _log.warning("rendering.whole issue=%d why=%r", self._about[2].id, str(error))
        return [self._whole(digest) for digest in digests]

    def _current_kit(self) -> Kit | None:
        """Return the kit of the templates as they are now; None if they were found not to be for one."""
        newsletter = self._about[0]
        template = self._renderer.template(newsletter)
        if template is not self._template:
            self._template, self._kit = template, None
            self._kit = self._renderer.kit(*self._about, self._corrections)
        return self._kit

    def _whole(self, digest: Digest) -> ComposedBody | RenderingError | ValueError:
        newsletter, slug, issue, pool = self._about
        try:
            return self._renderer.compose(newsletter, slug, issue, pool, digest, corrections=self._corrections)
        except (RenderingError, ValueError) as error:
            return error
