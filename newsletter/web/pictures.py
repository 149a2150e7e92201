"""The pictures that mails show, for whoever has such a mail: mail programs, and the proxies of webmail."""

from __future__ import annotations

import re

from fastapi import APIRouter, HTTPException, Request, Response

from newsletter.pictures.model import Pictures

_FILE = re.compile(r"([A-Za-z0-9_-]{32})\.(jpg|png)")
_TYPES = {"jpg": "image/jpeg", "png": "image/png"}


def picture_files(pictures: Pictures) -> APIRouter:
    """Return the route of the pictures in ``pictures``.

    A picture is named by its content and is the same for everybody: it may be kept for ever, and who asks for it says nothing
    of who reads. No page may do anything with it but show it.
    """
    router = APIRouter(include_in_schema=False)

    @router.api_route("/pictures/{file}", methods=["GET", "HEAD"])
    def picture(file: str, request: Request) -> Response:
        match = _FILE.fullmatch(file)
        if match is None:
            raise HTTPException(404)
        name, kind = match.groups()
        try:
            content = pictures.content(name)
        except KeyError as error:
            raise HTTPException(404) from error
        if content.startswith(b"\x89PNG") != (kind == "png"):
            raise HTTPException(404)
        headers = {
            "ETag": f'"{name}"',
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            # Webmail shows it in a page of its own.
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[kind], headers=headers)

    return router
