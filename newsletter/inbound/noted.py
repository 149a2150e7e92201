"""Mails that are looked at and left alone: auto-replies, lists, spam, and what cannot be read."""

from __future__ import annotations

from datetime import datetime

from newsletter.inbound.handling import Handled, Received
from newsletter.inbound.origins import FindOrigin, Origin


class Noted:
    """Handler of all mails that nobody acts on: it says whom one is about, so that it goes when that person is forgotten."""

    def __init__(self, origin: FindOrigin) -> None:
        self._origin = origin

    def handle(self, received: Received, *, now: datetime) -> Handled:  # noqa: ARG002 - the interface has it
        """Note that it came."""
        about = origin_of(received, self._origin)
        person = None if about is None else about.subscriber_id
        return Handled(f"{received.verdict.kind}.noted", person, received.addressed.newsletter)


def origin_of(received: Received, origin: FindOrigin) -> Origin | None:
    """Return the message of ours a mail is certainly about; None if it came to no signed address, or that message is gone."""
    signed = received.addressed.signed
    return None if signed is None else origin(signed)
