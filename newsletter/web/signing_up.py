"""Signing up: the first page, the form, and the snippet that puts the form on another site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from newsletter.config import NewsletterConfig
from newsletter.web.batching import Batcher, BusyError
from newsletter.web.choosing import (
    STRANGERS,
    Written,
    cadence_options,
    parse_choices,
    topics_of,
    zones_by_region,
)
from newsletter.web.forms import Form, FormSeal, SealState, media_type, read_form, read_object
from newsletter.web.json_form import form_of_object
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.network import client_of
from newsletter.web.pages import Pages
from newsletter.web.routes import BAD_BODY, BUSY, Doc, Routes, form_content
from subscribers.model import ConsentMethod, SignUp, Verdict
from subscribers.sign_ups import MAX_ADDRESS

#: A field that people do not see. Whoever fills it in gets the usual answer, and nothing else happens.
HONEYPOT = "homepage"
SEAL = "form"
TAKEN_WORDS = "Look into your inbox: a mail with a link to confirm is on its way, if the address can get it."
_BUSY_WORDS = "Too many sign-ups came in lately. Try again later; nothing was taken in."
#: Names of the field with the address; forms elsewhere often use the second.
_ADDRESS = ("address", "email")
#: Shortest time that a refused visitor is told to wait, in seconds.
_LEAST_WAIT = 60


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why a sign-up was not taken in, and after how many seconds to try again; the address plays no part in it."""

    status: int
    wait: int


class SigningUp:
    """The way in. Nothing about the address is looked at before the answer is given: that is the desk's work, later."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages
        self._seal = FormSeal(deps.form_secret, deps.clock, youngest=deps.signup.form_age, oldest=deps.signup.form_life)
        self._batcher: Batcher[SignUp, Verdict] = Batcher(deps.desk.receive, name="subscribe")

    def add_to(self, routes: Routes) -> None:
        """Serve the pages."""
        preselect = {"name": "newsletter", "in": "query", "required": False, "schema": {"type": "string"}}
        routes.add("/", get=(self.show, Doc("The sign-up page", {200: "the page"}, [preselect])))
        routes.add("/embed", get=(self.embed, Doc("The sign-up form for other sites, to copy", {200: "the page"}, [preselect])))
        answers = {
            200: "taken in, or to be sent once more; the same for every address",
            422: "what is wrong with the fields",
            429: "the budget of the network, or of all, is used up",
            **BAD_BODY,
            **BUSY,
        }
        routes.add("/subscribe", post=(self.take, Doc("Sign up", answers, fields=_FORM, more=_JSON_TOO)))

    def show(self, request: Request) -> Response:
        """The sign-up page."""
        slug, newsletter = self._newsletter(request.query_params.get("newsletter", ""))
        response = self._form_page(slug, Written.at_first(newsletter), guess_zone=True)
        response.headers["Cache-Control"] = "no-cache"
        return response

    def embed(self, request: Request) -> Response:
        """The snippet to copy."""
        slug, newsletter = self._newsletter(request.query_params.get("newsletter", ""))
        values = {
            "action": f"{self._deps.base_url}/subscribe",
            "slug": slug if len(self._deps.newsletters) > 1 else "",
            "wording": newsletter.wording,
            "honeypot": HONEYPOT,
        }
        return self._pages.page("embed.html", values, masthead=Masthead.of(newsletter))

    async def take(self, request: Request) -> Response:
        """Take a sign-up in: a form, or a JSON object."""
        client = client_of(request.scope)
        if media_type(request) == "application/json":
            return await self._take_object(await request.body(), client)
        return await self._take_form(await read_form(request), client)

    async def _take_form(self, form: Form, client: str) -> Response:
        if form.one(HONEYPOT):
            return self._pages.fixed("taken.html", masthead=self._masthead(form.one("newsletter")))
        sign_up, problems = self._parse(form, client)
        if sign_up is None:
            slug, newsletter = self._newsletter(form.one("newsletter"))
            written = Written.of_form(form).or_else(Written.at_first(newsletter))
            return await run_in_threadpool(self._form_page, slug, written, _address_of(form), problems)
        seal = self._seal.check(form.one(SEAL))
        if seal is not SealState.GOOD:
            return self._once_more(form, sign_up, seal)
        refused = await self._receive(sign_up)
        if refused is None:
            return self._pages.fixed("taken.html", masthead=self._masthead(sign_up.newsletter))
        if refused.status == 503:
            raise HTTPException(503, headers={"Retry-After": str(refused.wait)})
        response = self._pages.page("busy.html", {}, status=refused.status, masthead=self._masthead(sign_up.newsletter))
        response.headers["Retry-After"] = str(refused.wait)
        return response

    async def _take_object(self, body: bytes, client: str) -> Response:
        # No seal is asked for: a form on a site elsewhere cannot send this type, and the budgets hold for everybody.
        given = read_object(body)
        if given is None:
            return JSONResponse({"errors": {"body": "This is not a JSON object."}}, 422)
        form, problems = form_of_object(given)
        sign_up, more = self._parse(form, client)
        problems = {**{name.removeprefix("field-"): problem for name, problem in more.items()}, **problems}
        if sign_up is None or problems:
            return JSONResponse({"errors": problems}, 422)
        refused = await self._receive(sign_up)
        if refused is not None:
            return JSONResponse({"message": _BUSY_WORDS}, refused.status, headers={"Retry-After": str(refused.wait)})
        return JSONResponse({"status": "ok", "message": TAKEN_WORDS})

    async def _receive(self, sign_up: SignUp) -> _Refused | None:
        try:
            verdict = await self._batcher.submit(sign_up)
        except BusyError:
            return _Refused(503, _LEAST_WAIT)
        if verdict is Verdict.TAKEN:
            self._deps.wake()
            return None
        budget = self._deps.signup
        per_hour = budget.network_per_hour if verdict is Verdict.NETWORK_BUSY else budget.total_per_hour
        return _Refused(429, max(_LEAST_WAIT, 3600 // per_hour))

    def _parse(self, form: Form, client: str) -> tuple[SignUp | None, dict[str, str]]:
        problems = {}
        address, asked = _address_of(form), form.one("newsletter")
        if not address:
            problems["address"] = "Write the e-mail address the mails should go to."
        slug, newsletter = self._newsletter(asked)
        if asked and asked != slug:
            problems["newsletter"] = "Choose one of the newsletters there are."
        choices, wrong = parse_choices(self._written(form, newsletter), newsletter, newsletter.own_fields, limits=STRANGERS)
        problems |= wrong
        if choices is None or problems:
            return None, problems
        return SignUp(address[:MAX_ADDRESS], slug, choices, ConsentMethod.WEB, newsletter.wording, client), {}

    def _written(self, form: Form, newsletter: NewsletterConfig) -> Written:
        # One form serves all newsletters: fields that only another one has are not this one's business.
        foreign = {name for each in self._deps.newsletters.values() for name in each.fields} - set(newsletter.fields)
        written = Written.of_form(form)
        return replace(written, fields={name: text for name, text in written.fields.items() if name not in foreign})

    def _form_page(
        self,
        slug: str,
        written: Written,
        address: str = "",
        problems: Mapping[str, str] | None = None,
        *,
        guess_zone: bool = False,
    ) -> Response:
        newsletters = self._deps.newsletters
        newsletter = newsletters[slug]
        offered = list(newsletters.values())
        values = {
            "newsletters": newsletters,
            "slug": slug,
            "address": address,
            "written": written,
            "problems": problems or {},
            "cadences": cadence_options(offered),
            "topics": topics_of(offered),
            "zones": zones_by_region(),
            "guess_zone": guess_zone,
            # Where two newsletters have a field of one name, it is shown as the chosen one has it.
            "fields": {own.name: own for each in (*offered, newsletter) for own in each.own_fields}.values(),
            "honeypot": HONEYPOT,
            "seal": self._seal.make(),
            "issue": self._deps.latest_issue(slug),
        }
        return self._pages.page("signup.html", values, status=422 if problems else 200, masthead=Masthead.of(newsletter))

    def _once_more(self, form: Form, sign_up: SignUp, seal: SealState) -> Response:
        kept = [(name, value) for name, value in form.pairs() if name not in {SEAL, HONEYPOT, *_ADDRESS}]
        values = {
            "address": sign_up.address,
            "kept": kept,
            "honeypot": HONEYPOT,
            "seal": self._seal.make(),
            "was_quick": seal is SealState.TOO_QUICK,
            "wording": sign_up.wording,
        }
        return self._pages.page("once_more.html", values, masthead=self._masthead(sign_up.newsletter))

    def _newsletter(self, slug: str) -> tuple[str, NewsletterConfig]:
        newsletters = self._deps.newsletters
        found = slug if slug in newsletters else next(iter(newsletters))
        return found, newsletters[found]

    def _masthead(self, slug: str) -> Masthead:
        return Masthead.of(self._newsletter(slug)[1])


def _address_of(form: Form) -> str:
    return next((text for name in _ADDRESS if (text := form.one(name))), "")


_TEXT = {"type": "string"}
_WORDS = {"type": "string", "description": "words with semicolons between"}
_FORM: dict[str, Any] = {
    "address": {**_TEXT, "description": "where the mails should go"},
    "email": {**_TEXT, "description": "the same, for forms that call it so"},
    "newsletter": {**_TEXT, "description": "slug; the first newsletter if it is missing"},
    "cadence": {**_TEXT, "description": "daily, weekdays, weekly or monthly, as far as the newsletter offers it"},
    "hour": {**_TEXT, "description": "local hour, 0 to 23"},
    "zone": {**_TEXT, "description": "IANA name"},
    "topics": {"type": "array", "items": _TEXT, "description": "arXiv categories"},
    "keywords": _WORDS,
    "authors": _WORDS,
    SEAL: {**_TEXT, "description": "seal of the form; without it the visitor is asked to press once more"},
}
_LIST = {"type": "array", "items": _TEXT}
_OBJECT: dict[str, Any] = {
    "type": "object",
    "anyOf": [{"required": ["address"]}, {"required": ["email"]}],
    "additionalProperties": False,
    "properties": {
        **{name: _FORM[name] for name in (*_ADDRESS, "newsletter", "cadence", "zone")},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        **dict.fromkeys(("topics", "keywords", "authors"), _LIST),
        "fields": {"type": "object", "description": "the operator's own fields by name"},
    },
}
_SAID = {"type": "object", "properties": {"message": _TEXT}}
_ERRORS = {"type": "object", "properties": {"errors": {"type": "object", "additionalProperties": _TEXT}}}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


_JSON_TOO: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **form_content(_FORM),
            "application/json": {"schema": _OBJECT},
        },
    },
    "responses": {"200": _json(_SAID), "422": _json(_ERRORS), "429": _json(_SAID), "503": _json(_SAID)},
}
