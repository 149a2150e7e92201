"""What can go wrong with serving the pages."""

from __future__ import annotations

from newsletter.errors import NewsletterError


class WebError(NewsletterError):
    """The pages cannot be served where they should."""
