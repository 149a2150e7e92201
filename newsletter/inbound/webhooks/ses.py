"""What Amazon SES says of our mail in the messages of an SNS topic.

Source: docs.aws.amazon.com/ses/latest/dg: notification-contents, event-publishing-retrieving-sns-contents.
"""

from __future__ import annotations

from typing import Any

from newsletter.inbound.model import BounceReason
from newsletter.inbound.webhooks.judging import judge
from newsletter.inbound.webhooks.model import EventKind, ProviderEvent, addresses_in, part, parts, read_json, text

_SUBTYPES = {
    "NoEmail": BounceReason.USER_UNKNOWN,
    "Suppressed": BounceReason.SUPPRESSED,
    "OnAccountSuppressionList": BounceReason.SUPPRESSED,
    "MailboxFull": BounceReason.MAILBOX_FULL,
    "MessageTooLarge": BounceReason.MESG_TOO_BIG,
    "ContentRejected": BounceReason.CONTENT_ERROR,
    "AttachmentRejected": BounceReason.CONTENT_ERROR,
    "CustomTimeoutExceeded": BounceReason.EXPIRED,
}
_HARMLESS = frozenset({"not-spam"})
_HEADERS = frozenset({"return-path", "reply-to", "sender", "list-unsubscribe"})


def ses_events(body: bytes) -> tuple[ProviderEvent, ...]:
    """Return what happened to each recipient, in the order of the message."""
    said = part(read_json(text_of_message(body)))
    mail = part(said, "mail")
    headers = [(text(each.get("name")).lower(), text(each.get("value"))) for each in parts(mail.get("headers"))]
    ids = [value for name, value in headers if name == "message-id"] + [text(part(mail, "commonHeaders").get("messageId"))]
    ours = addresses_in(text(mail.get("source")), *(value for name, value in headers if name in _HEADERS))
    about = tuple(dict.fromkeys(filter(None, ids))), ours
    kind = text(said.get("notificationType")) or text(said.get("eventType"))
    if kind == "Bounce":
        bounce = part(said, "bounce")
        return tuple(_bounce(bounce, each, *about) for each in parts(bounce.get("bouncedRecipients")))
    if kind == "Complaint":
        complaint = part(said, "complaint")
        # SES holds such an address back because somebody complained of it before (complaintSubType), which is the same to us.
        if text(complaint.get("complaintFeedbackType")) in _HARMLESS:
            return ()
        return _each(EventKind.COMPLAINT, complaint.get("complainedRecipients"), *about, reason=BounceReason.FEEDBACK)
    if kind == "DeliveryDelay":
        delay = part(said, "deliveryDelay")
        return _each(EventKind.DELAYED, delay.get("delayedRecipients"), *about, reason=BounceReason.EXPIRED)
    if kind == "Subscription" and part(said, "subscription", "newTopicPreferences").get("unsubscribeAll") is True:
        people = mail.get("destination")
        return tuple(
            ProviderEvent(EventKind.UNSUBSCRIBE, text(each), *about) for each in (people if isinstance(people, list) else [])
        )
    return ()


def text_of_message(body: bytes) -> str:
    """Return what SES put into the message of the topic, however long."""
    message = part(read_json(body)).get("Message")
    return message if isinstance(message, str) else ""


def _bounce(bounce: dict[str, Any], recipient: dict[str, Any], ids: tuple[str, ...], ours: tuple[str, ...]) -> ProviderEvent:
    address, subtype = text(recipient.get("emailAddress")), text(bounce.get("bounceSubType"))
    if subtype == "UnsubscribedRecipient":
        return ProviderEvent(EventKind.UNSUBSCRIBE, address, ids, ours)
    reason, is_hard, status = judge(
        text(recipient.get("diagnosticCode")),
        status=text(recipient.get("status")),
        is_permanent=text(bounce.get("bounceType")) == "Permanent",
        otherwise=_SUBTYPES.get(subtype, BounceReason.UNDEFINED),
    )
    return ProviderEvent(EventKind.BOUNCE, address, ids, ours, is_hard, reason, status)


def _each(
    kind: EventKind, people: Any, ids: tuple[str, ...], ours: tuple[str, ...], *, reason: BounceReason
) -> tuple[ProviderEvent, ...]:
    return tuple(
        ProviderEvent(kind, text(each.get("emailAddress")), ids, ours, reason=reason, status=text(each.get("status")))
        for each in parts(people)
    )
