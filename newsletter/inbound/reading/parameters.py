"""``Content-Type`` and its like: a value and its parameters (RFC 2045 section 5.1, RFC 2231)."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import unquote_to_bytes

from newsletter.inbound.reading.charsets import decode

MAX_PARAMETERS = 200
_TYPE = re.compile(r"[\s\"]*([\w!#$&^.+-]{1,100})\s*/\s*([\w!#$&^.+-]{1,100})", re.ASCII)
_PARAMETER = re.compile(r";\s*([^\s=;\"]+)\s*=\s*(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|[^;]*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SECTION = re.compile(r"([^*]+)\*(?:(\d{1,4})(\*?)|)", re.DOTALL)


def content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the type, like ``text/plain`` in lower case (``""`` if it cannot be read), and its parameters."""
    match = _TYPE.match(value)
    return (f"{match[1]}/{match[2]}".lower() if match else "", parameters(value))


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a field: names in lower case, the first of a name wins; continued and encoded ones joined."""
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for match in islice(_PARAMETER.finditer(value), MAX_PARAMETERS):
        name, text = match[1].lower(), match[2].strip()
        if text.startswith('"'):
            text = _ESCAPED.sub(r"\1", text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:])
        section = _SECTION.fullmatch(name) if "*" in name else None
        if section is None:
            plain.setdefault(name, text)
        else:
            is_encoded = section[2] is None or section[3] == "*"
            sections.setdefault(section[1], []).append((int(section[2] or 0), is_encoded, text))
    for name, found in sections.items():
        plain[name] = _joined(sorted(found, key=lambda each: each[0]))
    return plain


def _joined(sections: list[tuple[int, bool, str]]) -> str:
    charset, raw = "", b""
    for place, (_, is_encoded, text) in enumerate(sections):
        value = text
        if is_encoded:
            if place == 0 and value.count("'") >= 2:
                charset, _, value = value.split("'", 2)
            raw += unquote_to_bytes(value)
        else:
            raw += value.encode(errors="replace")
    return decode(raw, charset)
