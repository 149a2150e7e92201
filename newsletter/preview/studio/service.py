"""Any mail of a newsletter as it would be sent: for any reader, any day, in any theme. Nothing is written, nothing leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.builder import IssueBuilder
from newsletter.digest.model import DigestEntry, Issue, IssueId, IssueState, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.pictures.model import Pictures
from newsletter.preview.studio.contents import Content, content_for, worst_content
from newsletter.preview.studio.personas import PERSONAS, Persona, persona_of
from newsletter.preview.studio.worst_cases import WORST_CASES, worst_case
from newsletter.rendering.message.sample import SampleMessage
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.view.letters import KINDS, WELCOME, Letter, sample_values
from newsletter.rendering.words.language import SOURCE
from newsletter.rendering.words.sentences import return_words, rhythm
from newsletter.schedule.slots import latest_slot
from subscribers.model import Cadence, SubscriberId, SubscriberState
from subscribers.store import SubscriberStore

DIGEST = "digest"
_OUT = (IssueState.OPEN, IssueState.PAUSED, IssueState.FINISHED)
#: Every kind of mail there is.
MAIL_KINDS = (DIGEST, *KINDS)
MOST_READERS = 200
#: Whom samples are addressed to.
SAMPLE_ADDRESS = "reader@example.org"
#: No issue is older: there was no e-mail list of papers before arXiv's.
_FIRST_DAY = date(1991, 8, 14)
#: How long links to confirm work, in samples.
_VALID_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which mail to look at.

    Attributes:
        newsletter: its slug; ``""``: the first.
        reader: key of a persona, or a subscriber's number.
        day: whose issue, as it would have been made then; None: as of now.
        kind: one of :data:`MAIL_KINDS`.
        case: key of a worst case instead of real papers; ``""``: none.
        theme, language: other than the newsletter's own; ``""``: its own.
    """

    newsletter: str = ""
    reader: str = PERSONAS[0].key
    day: date | None = None
    kind: str = DIGEST
    case: str = ""
    theme: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """Somebody whose mail can be looked at.

    ``key`` goes into the page's URL and says nothing about the person; ``label`` and ``detail`` are for the editor's eyes.
    """

    key: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail to look at.

    Attributes:
        sample: the mail; None where there is nothing to send.
        issue_label, reader_label: which issue, and for whom.
        issue: the issue it would be of.
        pool: the papers that could be in it; ``digest`` those that are. Empty for letters.
    """

    sample: SampleMessage | None
    issue_label: str
    reader_label: str
    issue: Issue
    pool: tuple[PoolEntry, ...] = ()
    digest: tuple[DigestEntry, ...] = ()


class UnknownChoiceError(NewsletterError):
    """There is no such newsletter, theme, language, kind of mail, case, reader or day; says which there are.

    Attributes:
        what: there is none of.
    """

    def __init__(self, what: str, wanted: str, there: Iterable[str] = ()) -> None:
        choices = ", ".join(there)
        super().__init__(f"there is no {what} {wanted!r}{f'; there is {choices}' if choices else ''}")
        self.what = what


class Studio:
    """Makes samples.

    Args:
        database: where papers, issues and readers are.
        renderer: makes messages.
        builder: ranks papers as they were known at an instant.
        newsletters: by slug, the first one first.
        pictures: of papers.
        templates: that mails are made of.
        base_url: of the public pages, without a slash at its end.
        now: says what time it is, aware UTC.
    """

    def __init__(
        self,
        database: Database,
        renderer: Renderer,
        builder: IssueBuilder,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        pictures: Pictures,
        templates: TemplateFolder,
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._renderer = renderer
        self._builder = builder
        self._newsletters = newsletters
        self._pictures = pictures
        self._templates = templates
        self._base_url = base_url
        self._now = now

    @property
    def newsletters(self) -> Sequence[str]:
        """The slugs there are."""
        return tuple(self._newsletters)

    def picture(self, name: str) -> bytes:
        """Return a kept picture's octets.

        Raises:
            KeyError: none of that name is kept.
        """
        return self._pictures.content(name)

    def sources(self, wanted: Wanted, files: Sequence[str]) -> dict[str, str]:
        """Return the text of templates by name, as the theme that is wanted has them.

        Raises:
            TemplateError: one is missing.
        """
        _, newsletter = self.newsletter(wanted)
        folder = self._templates.themed(newsletter.look.theme)
        return {name: folder.read(name) for name in files}

    def themes(self) -> Sequence[str]:
        """Return the names of the themes there are."""
        return self._templates.themes()

    def languages(self) -> Sequence[str]:
        """Return the languages that fixed words can be in."""
        return sorted([SOURCE, *self._templates.catalogues()])

    def readers(self, slug: str) -> Sequence[ReaderChoice]:
        """Return the first readers of a newsletter."""
        with self._database.read() as session:
            found = SubscriberStore(session).list(state=SubscriberState.ACTIVE, newsletter=slug, limit=MOST_READERS)
        return [ReaderChoice(str(reader.id), reader.address) for reader in found]

    def newsletter(self, wanted: Wanted) -> tuple[str, NewsletterConfig]:
        """Return the slug and the settings of what is wanted, in the theme and language that are wanted.

        Raises:
            UnknownChoiceError: there is no such newsletter, theme or language.
        """
        slug = wanted.newsletter or next(iter(self._newsletters))
        if slug not in self._newsletters:
            raise UnknownChoiceError("newsletter", slug, self._newsletters)
        if wanted.theme and wanted.theme not in self.themes():
            raise UnknownChoiceError("theme", wanted.theme, self.themes())
        if wanted.language and wanted.language not in self.languages():
            raise UnknownChoiceError("language", wanted.language, self.languages())
        newsletter = self._newsletters[slug]
        look = newsletter.look.model_copy(update={"theme": wanted.theme or newsletter.look.theme})
        return slug, newsletter.model_copy(update={"look": look, "language": wanted.language or newsletter.language})

    def at(self, newsletter: NewsletterConfig, day: date | None) -> datetime:
        """Return the instant as of which papers rank: when the issue of ``day`` was due, and never later than now.

        Args:
            newsletter: whose hour and zone.
            day: in that zone; None: now.

        Raises:
            UnknownChoiceError: the day is before any issue.
        """
        now = self._now()
        if day is None or day > now.astimezone(newsletter.tzinfo).date():
            return now
        if day < _FIRST_DAY:
            raise UnknownChoiceError("issue of the day", day.isoformat())
        return min(now, datetime.combine(day, newsletter.build_at, newsletter.tzinfo).astimezone(UTC))

    def check(self, wanted: Wanted) -> None:
        """Make sure that everything that is wanted exists.

        Raises:
            UnknownChoiceError: it does not.
        """
        slug, newsletter = self.newsletter(wanted)
        if wanted.kind not in MAIL_KINDS:
            raise UnknownChoiceError("kind of mail", wanted.kind, MAIL_KINDS)
        if wanted.case and worst_case(wanted.case) is None:
            raise UnknownChoiceError("case", wanted.case, (case.key for case in WORST_CASES))
        self._reader(slug, wanted.reader)
        self.at(newsletter, wanted.day)

    def show(self, wanted: Wanted, *, address: str = SAMPLE_ADDRESS) -> Shown:
        """Make the mail that is wanted, addressed to ``address``.

        Raises:
            UnknownChoiceError: something that is wanted does not exist.
            NewsletterError: it cannot be rendered; says which template, and the line.
        """
        self.check(wanted)
        slug, newsletter = self.newsletter(wanted)
        at = self.at(newsletter, wanted.day)
        persona, label, subscriber_id = self._reader(slug, wanted.reader)
        issue = self._issue(slug, newsletter, persona.cadence, at)
        issue_label = f"No. {issue.number} as of {at:%Y-%m-%d %H:%M %Z}"
        if wanted.kind not in {DIGEST, WELCOME}:
            letter = Letter(wanted.kind, "preview", self._values(wanted.kind, persona, newsletter))
            sample = self._renderer.sample_letter(newsletter, slug, letter, address=address, dated_at=at)
            return Shown(sample, wanted.kind, label, issue)
        content = self._content(wanted, issue, newsletter, persona, subscriber_id)
        if not content.digest.entries:
            return Shown(None, issue_label, label, issue, content.pool)
        welcome = self._values(WELCOME, persona, newsletter) if wanted.kind == WELCOME else None
        sample = self._sample(newsletter, issue, content, address, welcome)
        return Shown(sample, issue_label, label, issue, content.pool, content.digest.entries)

    def last(self, wanted: Wanted, *, address: str = SAMPLE_ADDRESS) -> Shown | None:
        """Make the digest of the last issue that went out, as today's templates show it; None if there was none.

        That is the last one at the reader's cadence before the day that is wanted, with what was new to the reader then.

        Raises:
            UnknownChoiceError, NewsletterError: as :meth:`show`.
        """
        self.check(wanted)
        slug, newsletter = self.newsletter(wanted)
        at = self.at(newsletter, wanted.day)
        persona, label, subscriber_id = self._reader(slug, wanted.reader)
        with self._database.read() as session:
            store = IssueStore(session)
            before = (each for each in store.latest(newsletter=slug) if each.frozen_at < at)
            issue = next((each for each in before if each.state in _OUT and each.cadence is persona.cadence), None)
            if issue is None:
                return None
            pool, corrections = store.pool(issue.id), store.corrections(issue.id)
        content = content_for(self._database, issue, newsletter, pool, corrections, persona, subscriber_id, by_taste=False)
        sample = self._sample(newsletter, issue, content, address) if content.digest.entries else None
        return Shown(sample, f"No. {issue.number}", label, issue, content.pool, content.digest.entries)

    def _sample(
        self,
        newsletter: NewsletterConfig,
        issue: Issue,
        content: Content,
        address: str,
        welcome: Mapping[str, object] | None = None,
    ) -> SampleMessage:
        """Make a digest, or the one that greets somebody new with the values of ``welcome``, which tells no corrections."""
        return self._renderer.sample(
            newsletter,
            issue.newsletter,
            issue,
            content.pool,
            content.digest if welcome is None else replace(content.digest, corrections=()),
            corrections=content.corrections,
            address=address,
            template=None if welcome is None else WELCOME,
            values=welcome,
        )

    def _content(
        self, wanted: Wanted, issue: Issue, newsletter: NewsletterConfig, persona: Persona, subscriber_id: SubscriberId | None
    ) -> Content:
        case = worst_case(wanted.case) if wanted.case else None
        if case is not None:
            return worst_content(case)
        pool = self._builder.pool(issue.newsletter, newsletter, cadence=issue.cadence, at=issue.frozen_at)
        corrections = self._builder.corrections(issue.newsletter, at=issue.frozen_at)
        return content_for(
            self._database, issue, newsletter, pool, corrections, persona, subscriber_id, by_taste=wanted.day is None
        )

    def _reader(self, slug: str, key: str) -> tuple[Persona, str, SubscriberId | None]:
        """Return choices, what to call them, and whose they are."""
        persona = persona_of(key)
        if persona is not None:
            return persona, persona.label, None
        unknown = UnknownChoiceError("reader", key, ("a subscriber's number", *(persona.key for persona in PERSONAS)))
        if not (key.isascii() and key.isdecimal() and len(key) <= 18):
            raise unknown
        with self._database.read() as session:
            store = SubscriberStore(session)
            subscriber, subscription = store.get(int(key)), store.subscription(int(key), slug)
        if subscriber is None or subscription is None:
            raise unknown
        choices = Persona(key, subscriber.address, subscription.interests, subscription.size, subscription.cadence)
        return choices, subscriber.address, subscriber.id

    def _issue(self, slug: str, newsletter: NewsletterConfig, cadence: Cadence, at: datetime) -> Issue:
        """Return the issue that would come next at an instant."""
        with self._database.read() as session:
            before = [each for each in IssueStore(session).latest(newsletter=slug) if each.frozen_at < at]
        return Issue(
            id=IssueId(0),
            newsletter=slug,
            number=before[0].number + 1 if before else 1,
            cadence=cadence,
            slot=latest_slot(newsletter, cadence, at).key,
            state=IssueState.BUILDING,
            frozen_at=at,
            finished_at=None,
            audience=None,
        )

    def _values(self, kind: str, persona: Persona, newsletter: NewsletterConfig) -> dict[str, object]:
        """Return what the template of a letter is given."""
        language = self._renderer.language(newsletter)
        values = {
            "rhythm": rhythm(persona.cadence, language),
            "hour": language.hour(8),
            "zone": language.zone(newsletter.zone),
            "valid_for": language.lasting(_VALID_FOR),
            "signup_url": f"{self._base_url}/",
            "reason": return_words("mailboxfull", language),
        }
        return sample_values(kind, values, language, name=newsletter.name)
