"""Amazon SES's own notices of bounces: JSON, which a topic of SNS sends as mail.

Source: "Amazon SNS notification contents for Amazon SES" and "Examples of event data that Amazon SES publishes to Amazon SNS".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from newsletter.inbound.bounces.replies import completed, one_line
from newsletter.inbound.bounces.status_fields import MAX_REPORTS
from newsletter.inbound.model import Report

_MARKS = ('notificationType\\"', 'notificationType"', 'eventType\\"', 'eventType"')
#: What a type and subtype mean where the notice cites no server.
_SAID = {
    ("permanent", "noemail"): "recipient address does not exist",
    ("permanent", "suppressed"): "recipient address is on the suppression list",
    ("permanent", "onaccountsuppressionlist"): "recipient address is on the suppression list",
    ("transient", "mailboxfull"): "mailbox full",
    ("transient", "messagetoolarge"): "message too large",
    ("transient", "contentrejected"): "message content rejected",
    ("transient", "attachmentrejected"): "attachment rejected",
}
_Json = Mapping[str, object]


def reports_in_notice(text: str) -> tuple[Report, ...]:
    """Read the reports from the text of a mail that is such a notice, whatever stands around the JSON; empty if it is none.

    Long lines may have been broken by a server on the way.
    """
    start = text.find("{")
    if start < 0 or not any(mark in text for mark in _MARKS):
        return ()
    for candidate in (text[start:], text[start:].replace("!\n ", "").replace("\n", "")):
        notice = _parsed(candidate)
        if notice and isinstance(notice.get("Message"), str):
            notice = _parsed(str(notice["Message"]))
        if notice:
            return _reports(notice)
    return ()


def _parsed(text: str) -> _Json:
    """Return the object a text begins with; empty if there is none that can be read."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return _object(value)


def _reports(notice: _Json) -> tuple[Report, ...]:
    kind = _text(notice.get("notificationType") or notice.get("eventType")).lower()
    if kind == "bounce":
        bounce, action = _object(notice.get("bounce")), "failed"
        recipients = _objects(bounce.get("bouncedRecipients"))
    elif kind == "deliverydelay":
        bounce, action = _object(notice.get("deliveryDelay")), "delayed"
        recipients = _objects(bounce.get("delayedRecipients"))
    elif kind == "delivery":
        bounce, action = _object(notice.get("delivery")), "delivered"
        recipients = [{"emailAddress": address} for address in _list(bounce.get("recipients"))]
    else:
        return ()
    meaning = _SAID.get((_text(bounce.get("bounceType")).lower(), _text(bounce.get("bounceSubType")).lower()), "")
    return tuple(
        completed(
            Report(
                _text(recipient.get("emailAddress"))[:320],
                action=action,
                status=_text(recipient.get("status"))[:11],
                diagnostic=one_line(_text(recipient.get("diagnosticCode")).removeprefix("smtp;")) or meaning,
                remote=_text(bounce.get("remoteMtaIp"))[:255],
            )
        )
        for recipient in recipients[:MAX_REPORTS]
    )


def _object(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _objects(value: object) -> list[_Json]:
    return [_object(item) for item in _list(value)]


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
