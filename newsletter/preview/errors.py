"""What can go wrong with the built-in inbox and the preview."""

from __future__ import annotations

from newsletter.errors import NewsletterError


class InboxError(NewsletterError):
    """The built-in inbox cannot listen where it should."""
