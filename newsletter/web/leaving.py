"""Leaving: one click from the mail program, one button on a page, and what may be wanted instead."""

from __future__ import annotations

from datetime import timedelta

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from newsletter.rendering.words.language import ENGLISH
from newsletter.web.batching import Batcher, BusyError
from newsletter.web.choosing import cadence_options, rhythm_words
from newsletter.web.forms import read_form
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.oneclick import FIELD, ON_PAGE, VALUE, is_from_page, is_one_click
from newsletter.web.pages import Pages
from newsletter.web.routes import BAD_BODY, BUSY, TOKEN, UNKNOWN, Doc, Routes
from subscribers.model import Cadence, Holder, Subscription
from subscribers.tokens import TokenPurpose

#: Pauses that are offered, in days by what the button says.
PAUSES = {"14": "2 weeks", "30": "a month"}
_ORDER = tuple(Cadence)


class Leaving:
    """What a link to unsubscribe opens. It needs no cookie, does not redirect, and can be used again (RFC 8058 section 3.1)."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages
        self._batcher: Batcher[str, Holder | None] = Batcher(deps.links.unsubscribe, name="unsubscribe")
        self._goodbye_from = frozenset(slug for slug, newsletter in deps.newsletters.items() if newsletter.goodbye)

    def add_to(self, routes: Routes) -> None:
        """Serve the page."""
        fields = {
            FIELD: {"type": "string", "enum": [VALUE], "description": "RFC 8058: ends the newsletter"},
            ON_PAGE[0]: {"type": "string", "enum": [ON_PAGE[1]], "description": "says that a person pressed the page's button"},
            "instead": {"type": "string", "description": "weekdays, weekly, monthly, or pause-14, pause-30 (days)"},
        }
        look = Doc("Asks whether to end the newsletter; changes nothing", {200: "the page", **UNKNOWN}, [TOKEN])
        act = Doc(
            "End the newsletter (RFC 8058 one-click, or the page's button), or have fewer mails",
            {200: "done, or done before", **UNKNOWN, **BAD_BODY, **BUSY},
            [TOKEN],
            fields,
        )
        routes.add("/unsubscribe/{token}", get=(self.ask, look), post=(self.act, act))

    def ask(self, request: Request) -> Response:
        """The page with the button."""
        holder = self._deps.links.holder_of(request.path_params["token"], TokenPurpose.UNSUBSCRIBE)
        if holder is None:
            raise HTTPException(404)
        gets = self._subscription(holder)
        if gets is None:
            return self._pages.fixed("unsubscribed.html", masthead=self._masthead(holder))
        values = {"rarer": self._rarer(gets), "pauses": PAUSES, "field": FIELD, "value": VALUE, "on_page": ON_PAGE}
        return self._pages.page("unsubscribe.html", values, masthead=self._masthead(holder))

    async def act(self, request: Request) -> Response:
        """End it, or do what is wanted instead."""
        token = request.path_params["token"]
        body, content_type = await request.body(), request.headers.get("content-type", "")
        if is_one_click(body, content_type):
            if self._goodbye_from and is_from_page(body, content_type):
                holder = await run_in_threadpool(self._leave_with_goodbye, token)
            else:
                holder = await self._leave(token)
            if holder is None:
                raise HTTPException(404)
            return self._pages.fixed("unsubscribed.html", masthead=self._masthead(holder))
        form = await read_form(request)
        return await run_in_threadpool(self._instead, token, form.one("instead"))

    async def _leave(self, token: str) -> Holder | None:
        try:
            return await self._batcher.submit(token)
        except BusyError as error:
            raise HTTPException(503, headers={"Retry-After": "60"}) from error

    def _leave_with_goodbye(self, token: str) -> Holder | None:
        (holder,) = self._deps.links.unsubscribe([token], goodbye_from=self._goodbye_from)
        self._deps.wake()
        return holder

    def _instead(self, token: str, wanted: str) -> Response:
        holder = self._deps.links.holder_of(token, TokenPurpose.UNSUBSCRIBE)
        if holder is None:
            raise HTTPException(404)
        newsletter = self._deps.newsletters.get(holder.newsletter or "")
        days = wanted.removeprefix("pause-")
        if days != wanted and days in PAUSES:
            until = self._deps.clock.now() + timedelta(days=int(days))
            self._deps.links.pause(token, until)
            words = f"No mails before {ENGLISH.date(until)}. They come again by themselves after that."
        elif newsletter is not None and wanted in newsletter.cadences:
            self._deps.links.lessen(token, Cadence(wanted))
            gets = self._subscription(holder)
            words = f"Mails come {rhythm_words(newsletter, gets.choices)} now." if gets else "You do not get it any more."
        else:
            raise HTTPException(400)
        return self._pages.page("fewer.html", {"words": words}, masthead=self._masthead(holder))

    def _subscription(self, holder: Holder) -> Subscription | None:
        held = self._deps.subscribers.held(holder.subscriber.id)
        return next((found for found in held.subscriptions if found.newsletter == holder.newsletter), None)

    def _rarer(self, gets: Subscription) -> list[tuple[str, str]]:
        newsletter = self._deps.newsletters.get(gets.newsletter)
        if newsletter is None:
            return []
        options = cadence_options([newsletter])
        return [(one.value, one.label) for one in options if _ORDER.index(one.value) > _ORDER.index(gets.cadence)]

    def _masthead(self, holder: Holder) -> Masthead:
        newsletter = self._deps.newsletters.get(holder.newsletter or "")
        return self._deps.masthead if newsletter is None else Masthead.of(newsletter)
