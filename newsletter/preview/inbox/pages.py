"""The pages for the operator's own eyes: the built-in inbox and the preview of a digest."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol, Self, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from newsletter.errors import NewsletterError
from newsletter.preview.frames import SANDBOX, Scheme, mail_frame
from newsletter.preview.inbox import CaughtMessage, InboxStore
from newsletter.preview.model import PreviewProvider, RenderedPreview
from newsletter.preview.reading import Reading, printable, read_head, read_message
from newsletter.rendering.message.lint import BUDGET_BYTES, CLIP_BYTES

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
_VIEWS = ("html", "text", "headers", "source")
_WIDTHS = ("desktop", "phone")
_SCHEMES: tuple[Scheme, ...] = ("auto", "light", "dark")
_SOURCE_BYTES = 500_000
_LOCAL_NAME = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_VIA_PROXY = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

Choice = TypeVar("Choice", bound=str)


class PageWriter(Protocol):
    """Makes a page out of a template in ``templates/web``."""

    def page(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
        """Return the page of ``template`` (``inbox.html``)."""
        ...


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


def only_on_this_machine(request: Request) -> None:
    """Let a request through only if it was made on this machine, by a browser that knows it.

    These pages hold whole mails. Behind a reverse proxy every client looks local, so what came through one is refused; so is a
    foreign name in Host, by which a web site elsewhere could make a browser here read them (DNS rebinding).

    Raises:
        HTTPException: 404; from elsewhere there is no such page.
    """
    client = request.client.host if request.client else ""
    is_named_so = _LOCAL_NAME.fullmatch(request.headers.get("host", ""))
    if not (is_named_so and _is_loopback(client)) or any(header in request.headers for header in _VIA_PROXY):
        raise HTTPException(404)


def inbox_pages(store: InboxStore, writer: PageWriter) -> APIRouter:
    """Return the routes of the built-in inbox: ``/inbox`` and what lies below it."""
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
            "view": _one_of(_VIEWS, view),
            "views": _VIEWS,
            "width": _one_of(_WIDTHS, width),
            "widths": _WIDTHS,
            "scheme": _one_of(_SCHEMES, scheme),
            "schemes": _SCHEMES,
            "source": printable(content[:_SOURCE_BYTES].decode("utf-8", "replace")),
            "source_is_cut": len(content) > _SOURCE_BYTES,
            "sandbox": SANDBOX,
        }
        return writer.page("inbox_message.html", values)

    @router.api_route("/{number}/html", methods=["GET", "HEAD"])
    def message_html(number: str, scheme: str = "auto") -> Response:
        mail = read_message(_content(store, number))
        return mail_frame(mail.html, scheme=_one_of(_SCHEMES, scheme), images=mail.images)

    @router.api_route("/{number}/raw", methods=["GET", "HEAD"])
    def message_source(number: str) -> Response:
        return Response(_content(store, number), media_type="text/plain; charset=utf-8")

    return router


def preview_pages(provider: PreviewProvider, writer: PageWriter) -> APIRouter:
    """Return the routes of the preview: ``/preview`` and the frames it shows."""
    router = APIRouter(prefix="/preview", include_in_schema=False, dependencies=[Depends(only_on_this_machine)])

    @router.api_route("", methods=["GET", "HEAD"])
    def show(reader: str = "", scheme: str = "auto") -> Response:
        readers = provider.readers()
        chosen = reader or (readers[0].key if readers else "")
        preview, problem = _rendered(provider, chosen) if readers else (None, "")
        values = {
            "readers": readers,
            "chosen": chosen,
            "preview": preview,
            "problem": problem,
            "scheme": _one_of(_SCHEMES, scheme),
            "schemes": _SCHEMES,
            "clip_bytes": CLIP_BYTES,
            "goal_bytes": BUDGET_BYTES,
            "sandbox": SANDBOX,
        }
        return writer.page("preview.html", values, status=500 if problem else 200)

    @router.api_route("/html", methods=["GET", "HEAD"])
    def show_html(reader: str = "", scheme: str = "auto") -> Response:
        preview, _ = _rendered(provider, reader)
        if preview is None:
            raise HTTPException(404)
        return mail_frame(preview.html, scheme=_one_of(_SCHEMES, scheme))

    return router


def _rendered(provider: PreviewProvider, reader: str) -> tuple[RenderedPreview | None, str]:
    try:
        return provider.render(reader), ""
    except KeyError as error:
        raise HTTPException(404) from error
    except NewsletterError as error:
        logger.warning("preview.failed error=%s", type(error).__name__)
        return None, str(error)


def _content(store: InboxStore, number: str) -> bytes:
    content = store.content(_number(number))
    if content is None:
        raise HTTPException(404)
    return content


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise HTTPException(404)
    return int(text)


def _one_of(choices: tuple[Choice, ...], wanted: str) -> Choice:
    return next((choice for choice in choices if choice == wanted), choices[0])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
