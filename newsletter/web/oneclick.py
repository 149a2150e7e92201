"""Recognising the one-click POST of a mail client (RFC 8058 section 3.1)."""

from __future__ import annotations

from email import message_from_bytes
from urllib.parse import parse_qsl

FIELD, VALUE = "List-Unsubscribe", "One-Click"
#: What the button on our own page says besides.
ON_PAGE = "page", "1"


def is_one_click(body: bytes, content_type: str) -> bool:
    """Whether a POST says ``List-Unsubscribe=One-Click``.

    RFC 8058 section 3.2 has the pair sent as ``multipart/form-data`` and allows ``application/x-www-form-urlencoded``. Other
    fields, their order and a charset do not matter; a body with no or another type is read as the second, the way clients that
    forget the header mean it.
    """
    return (FIELD, VALUE) in _fields(body, content_type)


def is_from_page(body: bytes, content_type: str) -> bool:
    """Whether a POST comes from the button on our own page, pressed by a person, rather than from a mail program."""
    return ON_PAGE in _fields(body, content_type)


def _fields(body: bytes, content_type: str) -> list[tuple[str, str]]:
    if content_type.lower().lstrip().startswith("multipart/"):
        return _multipart_fields(body, content_type)
    text = body.decode("latin-1").strip()
    try:
        return parse_qsl(text, keep_blank_values=True, encoding="latin-1", max_num_fields=100)
    except ValueError:
        return []


def _multipart_fields(body: bytes, content_type: str) -> list[tuple[str, str]]:
    # A form in this type is a MIME message without its head, and the mail parser takes whatever it gets.
    head = content_type.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
    form = message_from_bytes(b"Content-Type: " + head + b"\r\n\r\n" + body)
    fields = []
    for part in form.get_payload() if form.is_multipart() else []:
        if isinstance(part, str):
            continue
        name, payload = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields.append((name, payload.decode("latin-1").strip()))
    return fields
