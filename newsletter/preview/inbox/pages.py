"""The pages of the built-in inbox, for the operator's own eyes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from newsletter.preview.frames import SANDBOX, Scheme, mail_frame
from newsletter.preview.here import PageWriter, one_of, only_on_this_machine
from newsletter.preview.inbox.reading import Reading, printable, read_head, read_message
from newsletter.preview.inbox.store import CaughtMessage, InboxStore
from newsletter.preview.linked import linked_images, with_images

PAGE_SIZE = 50
_VIEWS = ("html", "text", "headers", "source")
_WIDTHS = ("desktop", "phone")
_SCHEMES: tuple[Scheme, ...] = ("auto", "light", "dark")
_SOURCE_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class _Row:
    """What a list shows of a message: who it is from by its header, to whom by its envelope."""

    number: int
    subject: str
    sender: str
    recipients: str
    received_at: datetime
    size: int

    @classmethod
    def of(cls, message: CaughtMessage, mail: Reading) -> Self:
        return cls(
            number=message.number,
            subject=mail.first("Subject"),
            sender=mail.first("From") or printable(message.mail_from),
            recipients=printable(", ".join(message.rcpt_tos)),
            received_at=message.received_at,
            size=message.size,
        )


def inbox_pages(store: InboxStore, writer: PageWriter, picture: Callable[[str], bytes]) -> APIRouter:
    """Return the routes of the built-in inbox: ``/inbox`` and what lies below it.

    ``picture`` returns a kept picture's octets by its name, or raises KeyError: mails are shown with what they link to.
    """
    router = APIRouter(prefix="/inbox", include_in_schema=False, dependencies=[Depends(only_on_this_machine)])

    @router.api_route("", methods=["GET", "HEAD"])
    def list_messages(before: Annotated[str, Query()] = "") -> Response:
        found = store.messages(before=_number(before) if before else None, limit=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        values = {
            "messages": [_Row.of(message, read_head(store.head(message.number) or b"")) for message in shown],
            "older": shown[-1].number if len(found) > PAGE_SIZE else None,
            "count": store.count(),
            "is_first_page": not before,
        }
        return writer.page("inbox.html", values)

    @router.api_route("/{number}", methods=["GET", "HEAD"])
    def show_message(number: str, view: str = "html", width: str = "desktop", scheme: str = "auto") -> Response:
        message, content = store.get(_number(number)), store.content(_number(number))
        if message is None or content is None:
            raise HTTPException(404)
        mail = read_message(content)
        values = {
            "message": _Row.of(message, mail),
            "mail": mail,
            "view": one_of(_VIEWS, view),
            "views": _VIEWS,
            "width": one_of(_WIDTHS, width),
            "widths": _WIDTHS,
            "scheme": one_of(_SCHEMES, scheme),
            "schemes": _SCHEMES,
            "source": printable(content[:_SOURCE_BYTES].decode("utf-8", "replace")),
            "source_is_cut": len(content) > _SOURCE_BYTES,
            "sandbox": SANDBOX,
        }
        return writer.page("inbox_message.html", values)

    @router.api_route("/{number}/html", methods=["GET", "HEAD"])
    def message_html(number: str, scheme: str = "auto") -> Response:
        mail = read_message(_content(store, number))
        shown = with_images(mail.html, linked_images(mail.html, picture).items())
        return mail_frame(shown, scheme=one_of(_SCHEMES, scheme), images=mail.images)

    @router.api_route("/{number}/raw", methods=["GET", "HEAD"])
    def message_source(number: str) -> Response:
        return Response(_content(store, number), media_type="text/plain; charset=utf-8")

    return router


def _content(store: InboxStore, number: str) -> bytes:
    content = store.content(_number(number))
    if content is None:
        raise HTTPException(404)
    return content


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise HTTPException(404)
    return int(text)
