"""Papers and receipts to and from the JSON that an issue keeps of them, so that an issue stays what it was."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.model import Receipt, ReceiptPart

_INSTANTS = ("published_at", "listed_at", "withdrawn_at", "first_seen_at")
_TUPLES = ("authors", "categories", "keywords", "sources", "absorbed")


def paper_to_json(paper: Paper) -> dict[str, Any]:
    """Return ``paper`` as plain JSON values."""
    values = asdict(paper)
    for name in _INSTANTS:
        values[name] = values[name].isoformat() if values[name] else None
    for name in _TUPLES:
        values[name] = list(values[name])
    return values


def paper_from_json(values: dict[str, Any]) -> Paper:
    """Return the paper that :func:`paper_to_json` wrote."""
    fields = dict(values)
    for name in _INSTANTS:
        fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
    for name in _TUPLES:
        fields[name] = tuple(fields[name])
    return Paper(**{**fields, "seq": PaperSeq(fields["seq"])})


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """Return ``receipt`` as plain JSON values."""
    values = asdict(receipt)
    return {
        **values,
        "at": receipt.at.isoformat(),
        "parts": [asdict(part) for part in receipt.parts],
        "history": list(receipt.history),
    }


def receipt_from_json(values: dict[str, Any]) -> Receipt:
    """Return the receipt that :func:`receipt_to_json` wrote."""
    return Receipt(
        **{
            **values,
            "at": datetime.fromisoformat(values["at"]),
            "parts": tuple(_part_from_json(part) for part in values["parts"]),
            "history": tuple(values["history"]),
        }
    )


def _part_from_json(values: dict[str, Any]) -> ReceiptPart:
    figures = tuple((name, value) for name, value in values.get("figures", ()))
    return ReceiptPart(values["name"], values["points"], values.get("words", ""), figures)
