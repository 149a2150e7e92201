"""One page for all choices, behind the link in every mail: no account and no password."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from newsletter.config import NewsletterConfig
from newsletter.rendering.words.language import ENGLISH
from newsletter.web.choosing import (
    READERS,
    CadenceOption,
    Written,
    cadence_options,
    parse_choices,
    rhythm_words,
    topics_of,
    zones_by_region,
)
from newsletter.web.feedback import paper_number, said_in_words
from newsletter.web.forms import Form, read_form
from newsletter.web.leaving import PAUSES
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.network import client_of
from newsletter.web.pages import Pages
from newsletter.web.routes import BAD_BODY, TOKEN, UNKNOWN, Doc, Routes
from newsletter.web.stopped import stopped_mails
from subscribers.errors import HasLeftError, NotSubscribedError, SuppressedError, UnknownSubscriberError
from subscribers.fields import OwnField
from subscribers.holdings import Held
from subscribers.links import MAX_PAUSE
from subscribers.model import Choices, ConsentMethod, SubscriberState, Subscription
from subscribers.tokens import TokenPurpose

_GONE_MEANWHILE = "You do not get that newsletter any more, so there was nothing to change."


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of an act: words for the top of the page, or problems by field of the form ``newsletter`` or ``act``."""

    words: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    newsletter: str = ""
    written: Written | None = None
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    """A newsletter on the page: one that the person gets, or (no ``when``) could get."""

    slug: str
    newsletter: NewsletterConfig
    written: Written
    when: str = ""
    paused: str = ""

    @property
    def cadences(self) -> list[CadenceOption]:
        return cadence_options([self.newsletter])

    @property
    def topics(self) -> list[tuple[str, str]]:
        return topics_of([self.newsletter], self.written.categories)

    @property
    def fields(self) -> tuple[OwnField, ...]:
        return self.newsletter.own_fields


class Preferences:
    """The page of choices. Each of its forms names in ``act`` what it does; the answer is the page again, or a file."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages
        self._taste = deps.taste
        self._acts: dict[str, Callable[[Held, Form, str], _Done]] = {
            "choices": self._set_choices,
            "pause": self._pause,
            "resume": self._resume,
            "leave": self._leave,
            "subscribe": self._subscribe,
            "start-again": self._start_again,
            "address": self._ask_address,
            "take-back": self._take_back,
            "forget-opinions": self._forget_opinions,
        }

    def add_to(self, routes: Routes) -> None:
        """Serve the page."""
        look = Doc("The page of choices", {200: "the page", **UNKNOWN}, [TOKEN])
        text = {"type": "string"}
        fields = {
            "act": {**text, "enum": [*self._acts, "download", "erase"]},
            **dict.fromkeys(("newsletter", "cadence", "hour", "zone", "keywords", "authors", "labs", "muted", "size"), text),
            "topics": {"type": "array", "items": text},
            "until": {**text, "description": "day on which mails come again, like 2026-09-01"},
            "for": {**text, "enum": list(PAUSES), "description": "length of a pause in days"},
            "address": {**text, "description": "new address"},
            "paper": {**text, "description": "number of a paper whose opinion is taken back"},
            "sure": {**text, "enum": ["yes"], "description": "needed to erase"},
        }
        answers = {200: "done; a file for download", 422: "what is wrong with the fields", **UNKNOWN, **BAD_BODY}
        download = {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}}
        act = Doc("Change choices, pause, leave, move, download, erase", answers, [TOKEN], fields, {"responses": download})
        routes.add("/preferences/{token}", get=(self.show, look), post=(self.act, act))

    def show(self, request: Request) -> Response:
        """The page."""
        return self._page(self._held(request), _Done())

    async def act(self, request: Request) -> Response:
        """Do what one of the forms asks for."""
        form = await read_form(request)
        return await run_in_threadpool(self._act, request, form)

    def _act(self, request: Request, form: Form) -> Response:
        held = self._held(request)
        act = form.one("act")
        if act == "download":
            return _file(self._deps.held_of(held.subscriber.id))
        if act == "erase":
            return self._erase(held, form)
        if act not in self._acts:
            raise HTTPException(400)
        try:
            done = self._acts[act](held, form, client_of(request.scope))
        except (NotSubscribedError, HasLeftError, UnknownSubscriberError):  # by another link, a moment ago
            done = _Done(problems={"act": _GONE_MEANWHILE})
        return self._page(self._held(request), done)

    def _held(self, request: Request) -> Held:
        holder = self._deps.links.holder_of(request.path_params["token"], TokenPurpose.PREFERENCES)
        if holder is None:
            raise HTTPException(404)
        held = self._deps.subscribers.held(holder.subscriber.id)
        if held.subscriber.state is SubscriberState.ERASED:
            raise HTTPException(404)
        return held

    def _set_choices(self, held: Held, form: Form, _client: str) -> _Done:
        slug, newsletter = self._newsletter(form)
        written = Written.of_form(form).or_else(Written.at_first(newsletter))
        choices, problems = parse_choices(written, newsletter, newsletter.own_fields, limits=READERS)
        if choices is None:
            return _Done(problems=problems, newsletter=slug, written=written)
        self._deps.subscribers.set_choices(held.subscriber.id, slug, choices)
        return _Done(f"Saved. {newsletter.name} comes {rhythm_words(newsletter, choices)}.", newsletter=slug)

    def _pause(self, held: Held, form: Form, _client: str) -> _Done:
        slug, newsletter = self._newsletter(form)
        gets = next((found for found in held.subscriptions if found.newsletter == slug), None)
        zone = ZoneInfo(gets.zone if gets else newsletter.zone)
        until, problem = _until(form, zone, self._deps.clock.now())
        if until is None:
            return _Done(problems={"until": problem}, newsletter=slug)
        self._deps.subscribers.pause(held.subscriber.id, slug, until=until)
        return _Done(f"{newsletter.name} is paused. Mails come again from {_day(until, zone)}.", newsletter=slug)

    def _resume(self, held: Held, form: Form, _client: str) -> _Done:
        if held.subscriber.state is SubscriberState.PAUSED:
            self._deps.subscribers.resume(held.subscriber.id)
            return _Done("Mails come again.")
        slug, newsletter = self._newsletter(form)
        self._deps.subscribers.resume(held.subscriber.id, slug)
        return _Done(f"{newsletter.name} comes again.", newsletter=slug)

    def _leave(self, held: Held, form: Form, _client: str) -> _Done:
        slug, newsletter = self._newsletter(form)
        goodbye_from = (slug,) if newsletter.goodbye else ()
        self._deps.subscribers.unsubscribe(
            held.subscriber.id, slug, method=ConsentMethod.WEB, detail="preferences", goodbye_from=goodbye_from
        )
        self._deps.wake()
        return _Done(f"You are off the list of {newsletter.name}. A mail that was leaving right now may still arrive.")

    def _subscribe(self, held: Held, form: Form, _client: str) -> _Done:
        slug, newsletter = self._newsletter(form)
        before = next((wish.choices for wish in held.wishes if wish.newsletter == slug), None)
        choices = before or Choices(cadence=newsletter.cadences[0], zone=self._zone(held) or newsletter.zone)
        try:
            self._bring_back(held, slug, newsletter, choices)
        except SuppressedError:
            return _Done(problems={"act": _for_good(newsletter)})
        return _Done(f"You get {newsletter.name}, {rhythm_words(newsletter, choices)}.", newsletter=slug)

    def _start_again(self, held: Held, _form: Form, _client: str) -> _Done:
        gets = next((found for found in held.subscriptions if found.newsletter in self._deps.newsletters), None)
        if gets is None:
            return _Done(problems={"act": _GONE_MEANWHILE})
        newsletter = self._deps.newsletters[gets.newsletter]
        try:
            # Their choices stay, and whatever else they got comes again too: one mailbox, one state.
            self._bring_back(held, gets.newsletter, newsletter, gets.choices)
        except SuppressedError:
            return _Done(problems={"act": _for_good(newsletter)})
        return _Done("Mails come again, as you had chosen them.")

    def _bring_back(self, held: Held, slug: str, newsletter: NewsletterConfig, choices: Choices) -> None:
        self._deps.subscribers.subscribe_again(
            held.subscriber.id,
            slug,
            choices,
            method=ConsentMethod.WEB,
            wording=newsletter.wording,
            detail="preferences",
        )

    def _ask_address(self, held: Held, form: Form, client: str) -> _Done:
        text = form.one("address")
        if not text:
            return _Done(problems={"address": "Write the new address."})
        self._deps.confirmations.ask_address(held.subscriber.id, text, client=client)
        self._deps.wake()
        return _Done("A mail with a link is on its way to the new address. Until you confirm there, nothing changes.")

    def _take_back(self, held: Held, form: Form, _client: str) -> _Done:
        number = paper_number(form.one("paper"))
        if number is None:
            raise HTTPException(400)
        self._deps.links.say(held.subscriber.id, number, None)
        return _Done("Taken back. What you said of that paper counts no more.", taken_back=True)

    def _forget_opinions(self, held: Held, _form: Form, _client: str) -> _Done:
        for opinion in held.opinions:
            self._deps.links.say(held.subscriber.id, opinion.paper_seq, None)
        self._taste.forget(held.subscriber.id)
        return _Done("What you said of papers is forgotten, and so is what was learned from it.")

    def _erase(self, held: Held, form: Form) -> Response:
        if form.one("sure") != "yes":
            return self._page(held, _Done(problems={"sure": "Tick the box to show that you mean it; nothing was erased."}))
        self._deps.subscribers.erase(held.subscriber.id)
        self._deps.forget_deleted()
        return self._pages.page("erased.html", {})

    def _newsletter(self, form: Form) -> tuple[str, NewsletterConfig]:
        slug = form.one("newsletter")
        if slug not in self._deps.newsletters:
            raise HTTPException(400)
        return slug, self._deps.newsletters[slug]

    def _page(self, held: Held, done: _Done) -> Response:
        newsletters = self._deps.newsletters
        state = held.subscriber.state
        gets = {found.newsletter: found for found in held.subscriptions if found.newsletter in newsletters}
        shown = [self._shown(found, done) for found in gets.values()]
        others = [_Shown(slug, newsletter, Written()) for slug, newsletter in newsletters.items() if slug not in gets]
        today = self._deps.clock.now()
        values = {
            "address": held.subscriber.address,
            "state": state,
            "stopped": stopped_mails(held),
            "shown": shown,
            "others": others,
            "change": held.change,
            "opinions": len(held.opinions),
            "taste": said_in_words(self._taste.told(held.subscriber.id)) if held.opinions else None,
            "done": done,
            "zones": zones_by_region(),
            "pauses": PAUSES,
            "first_day": (today + timedelta(days=1)).date().isoformat(),
            "last_day": (today + MAX_PAUSE - timedelta(days=1)).date().isoformat(),
        }
        masthead = Masthead.of(shown[0].newsletter) if len(shown) == 1 else None
        return self._pages.page("preferences.html", values, status=422 if done.problems else 200, masthead=masthead)

    def _shown(self, gets: Subscription, done: _Done) -> _Shown:
        newsletter = self._deps.newsletters[gets.newsletter]
        rejected = done.written if done.newsletter == gets.newsletter else None
        until = gets.paused_until
        is_paused = until is not None and until > self._deps.clock.now()
        return _Shown(
            gets.newsletter,
            newsletter,
            rejected or Written.of_choices(gets.choices),
            when=rhythm_words(newsletter, gets.choices),
            paused=_day(until, ZoneInfo(gets.zone)) if until is not None and is_paused else "",
        )

    def _zone(self, held: Held) -> str:
        return next((found.zone for found in held.subscriptions), "")


def _until(form: Form, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, str]:
    """Return the beginning of the day on which mails come again, or None and what is wrong."""
    today, days = now.astimezone(zone).date(), form.one("for")
    try:
        day = today + timedelta(days=int(days)) if days in PAUSES else date.fromisoformat(form.one("until"))
    except ValueError:
        return None, "Choose the day on which mails shall come again, like 2026-09-01."
    if not today < day < today + MAX_PAUSE:
        return None, "Choose a day after today, and within a year."
    return datetime.combine(day, time(), tzinfo=zone), ""


def _for_good(newsletter: NewsletterConfig) -> str:
    return f"Mails to this address were stopped for good. Write to {newsletter.reply_to or newsletter.from_address}."


def _day(instant: datetime, zone: ZoneInfo) -> str:
    return ENGLISH.date(instant.astimezone(zone))


def _file(held: Mapping[str, object]) -> Response:
    content = json.dumps(held, indent=2, ensure_ascii=False).encode()
    headers = {"Content-Disposition": 'attachment; filename="what-we-hold.json"'}
    return Response(content, media_type="application/json", headers=headers)
