"""What can be wrong with mail that comes in."""

from __future__ import annotations

from newsletter.errors import NewsletterError


class InboundTooLarge(NewsletterError):  # noqa: N818 - what is the matter, as the entrances say it in words of theirs
    """A mail is larger than ``inbound.max_bytes``; it was not stored."""

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(f"the mail has {size} bytes, and inbound.max_bytes allows {max_bytes}")
