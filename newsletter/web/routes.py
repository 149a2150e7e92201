"""Routes with their documentation: each page says what it may answer, and refuses a method it does not know by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

_HTML = {"text/html": {"schema": {"type": "string"}}}
TOKEN: dict[str, Any] = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "as it stands in the mail's link",
    "schema": {"type": "string", "minLength": 1},
}
#: What any page answers to a body it cannot take.
BAD_BODY = {400: "no form, or not one of this page", 413: "larger than 16 kB", 415: "neither kind of form"}
UNKNOWN = {404: "no such page; the same for every unknown link"}
BUSY = {503: "too many requests wait, or the program is not ready; try again in a minute"}


@dataclass(frozen=True, slots=True)
class Doc:
    """What the API's description says of one method of a page.

    Attributes:
        summary: what it does, in a few words.
        answers: meaning of each status; the answers are pages.
        parameters: OpenAPI parameter objects.
        fields: schema of the form's fields by name, for a POST.
        more: anything else of the OpenAPI operation, put over the rest.
    """

    summary: str
    answers: Mapping[int, str]
    parameters: Sequence[Mapping[str, Any]] = ()
    fields: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def form_content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI content of a form's body with these fields, in both encodings."""
    schema = {"schema": {"type": "object", "properties": dict(fields)}}
    return {"application/x-www-form-urlencoded": schema, "multipart/form-data": schema}


class Routes:
    """Adds pages to an application."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def add(
        self,
        path: str,
        *,
        get: tuple[Callable[..., Any], Doc] | None = None,
        post: tuple[Callable[..., Any], Doc] | None = None,
    ) -> None:
        """Serve ``path``; HEAD goes with GET, and any other method is answered 405 with the names of all there are."""
        allowed = []
        if get is not None:
            allowed += ["GET", "HEAD"]
            self._document(path, "GET", *get)
            self._app.add_api_route(path, get[0], methods=["HEAD"], include_in_schema=False, response_model=None)
        if post is not None:
            allowed.append("POST")
            self._document(path, "POST", *post)
        self._app.add_route(path, _Refusal(", ".join(allowed)), include_in_schema=False)  # type: ignore[arg-type]  # an ASGI app

    def _document(self, path: str, method: str, endpoint: Callable[..., Any], doc: Doc) -> None:
        extra: dict[str, Any] = {"parameters": list(doc.parameters)} if doc.parameters else {}
        if doc.fields is not None:
            extra["requestBody"] = {"required": True, "content": form_content(doc.fields)}
        self._app.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=doc.summary,
            response_class=HTMLResponse,
            response_model=None,
            responses={status: {"description": words, "content": _HTML} for status, words in doc.answers.items()},
            openapi_extra={**extra, **doc.more},
            tags=["pages"],
        )


class _Refusal:
    """Answers what no method of a page took."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        raise HTTPException(405, headers={"Allow": self._allowed})
