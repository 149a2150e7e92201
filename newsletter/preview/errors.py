"""What can go wrong with the built-in inbox and the preview."""

from __future__ import annotations

from newsletter.errors import NewsletterError


class InboxError(NewsletterError):
    """The built-in inbox cannot listen where it should."""


class AbilitiesError(NewsletterError):
    """caniemail's data is not there, or cannot be read."""


class NoBrowserError(NewsletterError):
    """There is nothing here to take pictures of mails with; the message says what to install."""
