"""Letters: mails to one person that are no issue, such as "please confirm". What each is given, and what it must say.

Pure. No text of whoever filled in a form is ever in one: the words come from the templates, the newsletter's settings and a
few named values. Only an answer repeats what a reader wrote, to the reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from newsletter.config import NewsletterConfig
from newsletter.rendering.message.message import CONFIRM, PREFERENCES, UNSUBSCRIBE
from newsletter.rendering.view.look import Look, Sides
from newsletter.rendering.view.views import DigestView
from newsletter.rendering.words.answers import ANSWER_VALUES, sample_answer
from newsletter.rendering.words.catalogue import marked
from newsletter.rendering.words.language import Language

#: The template of a digest that greets somebody new; it is composed like a digest, with a letter's words above its papers.
WELCOME = "welcome"


@dataclass(frozen=True, slots=True)
class Letter:
    """What one letter is made of.

    Attributes:
        template: ``confirm``, ``known``, ``welcome-early``, ``confirm-address``, ``address-changed``, ``goodbye``, ``answer``
            or ``probe``.
        key: what makes it this letter and no other, such as ``notice 17``; equal letters give equal bytes.
        values: what its template is given, exactly, in the language of the newsletter: ``rhythm`` ("every day"), ``hour``
            ("08:00"), ``zone`` ("Europe/Berlin"), ``valid_for`` ("7 days"), ``signup_url``; see the template's head.
        form_sub: for the Form-Sub field: ``v=1; ip=…``; ``""``: it has none.
        in_reply_to: the Message-ID of the mail it answers, with its angle brackets; ``""``: it answers none.
        is_to_reader: whether it has the links of its kind: an answer to somebody who is no reader has none.
    """

    template: str
    key: str
    values: Mapping[str, object]
    form_sub: str = ""
    in_reply_to: str = ""
    is_to_reader: bool = True

    @property
    def links(self) -> tuple[str, ...]:
        """Slots of the links it must have."""
        return KINDS[self.template].links if self.is_to_reader else ()


@dataclass(frozen=True, slots=True)
class LetterView(Sides):
    """What the template of a letter is shown besides its ``values``. Absent text, and a link it does not have, is ``""``.

    ``contact`` is the address to write to. ``commands`` are examples of what can be written in an answer. ``number``, ``date``,
    ``intro``, ``online_url`` and ``ranking_url`` are those of no issue, for what letters share with issues.
    """

    name: str
    tagline: str
    subject: str
    preheader: str
    postal_address: str
    contact: str
    confirm_url: str
    preferences_url: str
    unsubscribe_url: str
    commands: str
    language: str
    direction: str
    look: Look
    number: str = ""
    date: str = ""
    intro: str = ""
    online_url: str = ""
    ranking_url: str = ""


@dataclass(frozen=True, slots=True)
class LetterKind:
    """What all letters of one template have in common.

    Attributes:
        subject: English, with ``name`` for the newsletter's; ``preheader`` with the names of ``values``.
        values: names of what the template is given.
        links: slots of the links it must have. ``unsubscribe`` only where the person is subscribed.
        has_list_id: whether it is about one newsletter: then it carries that one's List-Id, as RFC 2919 section 3 wants of
            answers to single people too, and is filed beside the issues. A change of address is about all of them.
        is_answer: whether it answers a mail (RFC 3834 section 3.1.7); the others are caused by an act of another kind.
    """

    subject: str
    preheader: str
    values: frozenset[str]
    links: tuple[str, ...] = ()
    has_list_id: bool = True
    is_answer: bool = False


KINDS: Mapping[str, LetterKind] = {
    "confirm": LetterKind(
        marked("Please confirm: %(name)s"),
        marked("One click, and it comes %(rhythm)s. The link works for %(valid_for)s."),
        frozenset({"rhythm", "valid_for"}),
        (CONFIRM,),
    ),
    "known": LetterKind(
        marked("You already get %(name)s"),
        marked("It comes %(rhythm)s, and nothing has changed."),
        frozenset({"rhythm"}),
        (PREFERENCES, UNSUBSCRIBE),
    ),
    WELCOME: LetterKind(
        marked("Welcome to %(name)s"),
        marked("It comes %(rhythm)s at %(hour)s. The latest issue is below."),
        frozenset({"rhythm", "hour", "zone"}),
        (PREFERENCES, UNSUBSCRIBE),
    ),
    "welcome-early": LetterKind(
        marked("Welcome to %(name)s"),
        marked("It comes %(rhythm)s at %(hour)s."),
        frozenset({"rhythm", "hour", "zone"}),
        (PREFERENCES, UNSUBSCRIBE),
    ),
    "confirm-address": LetterKind(
        marked("Please confirm your new address: %(name)s"),
        marked("One click, and your mails come here. The link works for %(valid_for)s."),
        frozenset({"valid_for"}),
        (CONFIRM,),
        has_list_id=False,
    ),
    "address-changed": LetterKind(
        marked("Your mails go to another address: %(name)s"),
        marked("This is the last one that comes here."),
        frozenset(),
        has_list_id=False,
    ),
    "goodbye": LetterKind(
        marked("You no longer get %(name)s"),
        marked("It is done. You can come back at any time."),
        frozenset({"signup_url"}),
    ),
    "answer": LetterKind(
        marked("Your mail to %(name)s"),
        "%(gist)s",
        ANSWER_VALUES,
        (PREFERENCES, UNSUBSCRIBE),
        is_answer=True,
    ),
    "probe": LetterKind(
        marked("Do you still read this mailbox? %(name)s"),
        marked("If you can read this, there is nothing to do."),
        frozenset({"reason"}),
        (PREFERENCES, UNSUBSCRIBE),
    ),
}


def kind_of(template: str, values: Mapping[str, object]) -> LetterKind:
    """Return the kind of letter that ``template`` makes.

    Raises:
        ValueError: no letter has this template, or ``values`` are not exactly those that it is given.
    """
    if template not in KINDS:
        raise ValueError(f"no letter has the template {template!r}; there are {', '.join(KINDS)}")
    kind = KINDS[template]
    if kind.values != values.keys():
        raise ValueError(f"{template} is given {sorted(kind.values) or 'nothing'}, not {sorted(values) or 'nothing'}")
    return kind


def sample_values(template: str, given: Mapping[str, object], language: Language, *, name: str) -> dict[str, object]:
    """Return the values of a letter to look at: those that are ``given`` by name, and a made-up answer to a mail.

    Args:
        template: of the letter.
        given: values by name; those that the letter does not have are left out.
        language: of the words.
        name: of the newsletter.
    """
    known = {**given, **(sample_answer(language, name=name) if KINDS[template].is_answer else {})}
    return {each: known[each] for each in KINDS[template].values}


def build_letter(
    newsletter: NewsletterConfig,
    kind: LetterKind,
    values: Mapping[str, object],
    links: Mapping[str, str],
    language: Language,
    look: Look,
    commands: str = "",
) -> LetterView:
    """Decide what the template of a letter is shown.

    Args:
        newsletter: names and addresses.
        kind: of the letter.
        values: of the letter, as ``kind`` names them.
        links: by slot name, the absolute URLs the letter has.
        language: of the words.
        look: of the newsletter.
        commands: examples of what can be written in an answer; ``""``: answers are not understood.
    """
    return LetterView(
        name=newsletter.name,
        tagline=newsletter.tagline,
        subject=language.gettext(kind.subject) % {"name": newsletter.name},
        preheader=language.gettext(kind.preheader) % values,
        postal_address=newsletter.postal_address,
        contact=newsletter.reply_to or newsletter.inbound_address or newsletter.from_address,
        confirm_url=links.get(CONFIRM, ""),
        preferences_url=links.get(PREFERENCES, ""),
        unsubscribe_url=links.get(UNSUBSCRIBE, ""),
        commands=commands,
        language=language.tag,
        direction=language.direction,
        look=look,
    )


class Greeting:
    """The words of a letter around a digest.

    Raises:
        ValueError: as :func:`kind_of`, or a letter that stands alone.
    """

    def __init__(self, template: str, values: Mapping[str, object]) -> None:
        if template != WELCOME:
            raise ValueError(f"only {WELCOME} stands around a digest, not {template}")
        self.template = template
        self.kind = kind_of(template, values)
        self.values = values

    def over(self, view: DigestView, language: Language) -> DigestView:
        """Return ``view`` in the letter's words: its subject, preheader and rhythm (of the reader, not of the issue)."""
        return replace(
            view,
            subject=language.gettext(self.kind.subject) % {"name": view.name},
            preheader=language.gettext(self.kind.preheader) % self.values,
            intro="",
            rhythm=str(self.values["rhythm"]),
        )
