"""Sends a sample to one address, so that an editor sees it in a real mailbox. It is in no issue and in no account."""

from __future__ import annotations

import re

from newsletter.config import RelayConfig
from newsletter.delivery.model import OutgoingMessage, SmtpReply
from newsletter.delivery.transport.smtp import SmtpConnection
from newsletter.rendering.message.encode import unstructured
from newsletter.rendering.message.sample import SampleMessage

#: What the subject of a sample begins with in a mailbox.
MARK = "[Test] "
_SUBJECT = re.compile(rb"^Subject:.*\r\n(?:[ \t].*\r\n)*", re.MULTILINE)


def marked(sample: SampleMessage) -> bytes:
    """Return the whole message with a subject that says that it is a test."""
    head, end, body = sample.data.partition(b"\r\n\r\n")
    subject = unstructured("Subject", f"{MARK}{sample.subject}").encode("ascii")
    return _SUBJECT.sub(lambda _: subject, head + b"\r\n", count=1)[:-2] + end + body


async def send_sample(relay: RelayConfig, sample: SampleMessage, *, sender: str, address: str) -> SmtpReply:
    """Send a sample over a connection of its own; return the reply of the server that took it.

    Args:
        relay: where mail goes, its password read.
        sample: made for ``address``.
        sender: envelope sender.
        address: one plain address, checked before.

    Raises:
        SmtpError: it was not taken; in doubt if the server's last reply never came.
    """
    connection = await SmtpConnection.connect(relay)
    try:
        message = OutgoingMessage(sender, address, marked(sample), "sample")
        connection.announce(connection.envelope(message))
        await connection.put_body(message)
        reply = await connection.end()
        await connection.close()
    finally:
        connection.abort()
    return reply
