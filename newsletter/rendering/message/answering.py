"""Where answers to a message go: to whom the newsletter names, or to a signed address of ours, where they are commands."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.config import NewsletterConfig
from newsletter.rendering.message.message import REPLY, Slots


@dataclass(frozen=True, slots=True)
class Answering:
    """Where answers to a message go; absent is ``""``.

    Attributes:
        reply_to: for the Reply-To field.
        commands_to: the message's own address that takes commands, ``NAME+TOKEN@DOMAIN``; it may stand in fields besides, for
            who wants to leave by mail.
    """

    reply_to: str = ""
    commands_to: str = ""

    @property
    def takes_commands(self) -> bool:
        """Whether who just replies is understood."""
        return self.commands_to != "" and self.reply_to == self.commands_to


def answering(newsletter: NewsletterConfig, slots: Slots, *, is_notice: bool) -> Answering:
    """Return where answers to a message of ``newsletter`` go, with the placeholder of the slot ``REPLY`` for the token.

    Args:
        newsletter: whose addresses are used.
        slots: gives the placeholder.
        is_notice: whether it is a mail to one person: who replies to that is always understood, as many ask for it. To an issue
            answers go where the operator wants them.
    """
    local, _, domain = newsletter.inbound_address.rpartition("@")
    signed = f"{local}+{slots.placeholder(REPLY)}@{domain}" if local else ""
    chosen = (signed, newsletter.reply_to) if is_notice else (newsletter.reply_to, signed)
    return Answering(next(filter(None, chosen), ""), signed)
