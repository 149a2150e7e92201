"""The whole configuration: every key with its unit, default and one line of meaning.

Each room is handed its own frozen section. :mod:`newsletter.config_file` reads them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import date, time, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from subscribers.fields import FieldKind, OwnField
from subscribers.model import Cadence, SignUpLimits, time_zones

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _parse_duration(value: object) -> object:
    if isinstance(value, timedelta):  # a default
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a length of time; write a number and s, m, h or d, like '30m'")
    length = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if not length:
        raise ValueError("must be longer than nothing; write it like '30m'")
    return length


def _print_duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in reversed(_UNITS.items()):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


Duration = Annotated[timedelta, BeforeValidator(_parse_duration), PlainSerializer(_print_duration, return_type=str)]


def _all_addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    for address in value:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is not an e-mail address; write it like papers@example.org")
    return value


def _known_zone(name: str) -> str:
    if name not in time_zones():
        near = difflib.get_close_matches(name, time_zones(), 1)
        raise ValueError(f"no such time zone{f'; did you mean {near[0]!r}?' if near else ''}")
    return name


Zone = Annotated[str, BeforeValidator(_known_zone)]
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
#: Hosts that mean every address of this machine.
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound

#: What the papers of files are filed under where nothing in a file names one of the sources.
FILE_SOURCES = ("feed", "records", "text_page")


class Section(BaseModel):
    """A frozen part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise ValueError("must be a number, not true or false")
        return value


class DatabaseConfig(Section):
    """Where everything is kept."""

    url: str = Field(
        "sqlite:///data/newsletter.db",
        description="SQLite file, or postgresql://user:password@host/name for more than one machine",
    )

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", url):
            raise ValueError("not a database this program speaks; use sqlite:///FILE or postgresql://…")
        return url


class PathsConfig(Section):
    """Folders on this machine."""

    data: Path = Field(Path("data"), description="caught mails, the secret key, side journals")
    templates: Path = Field(Path("templates"), description="your own templates; a file missing here is taken from the package")


class PicturesConfig(Section):
    """Pictures of papers: fetched, checked, and made anew."""

    fetch: bool = Field(default=True, description="whether pictures are fetched for newsletters whose look has some")
    per_run: int = Field(40, ge=0, le=1000, description="most pictures fetched after one run of the sources")
    max_bytes: int = Field(8_000_000, ge=1000, description="largest picture taken, before it is made smaller")
    keep: Duration = Field(timedelta(days=400), description="how long pictures are kept; mails that link to them outlive them")


class SummariesConfig(Section):
    """A service that writes summaries where a source gives none. Off as long as url is empty."""

    url: str = Field("", description="OpenAI-compatible endpoint, like https://llm.example.org/v1/chat/completions")
    model: str = Field("", description="name of the model, as the service calls it")
    api_key: SecretStr | None = Field(None, description="key of the service; better kept in api_key_file")
    api_key_file: Path | None = Field(None, description="file whose first line is the key")
    timeout: Duration = Field(timedelta(seconds=20), description="for one summary")
    per_run: int = Field(20, ge=1, le=1000, description="most summaries asked for after one run of the sources")
    per_day: int = Field(200, ge=1, description="most summaries asked for on one day (UTC)")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.url and not self.url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
            raise ValueError("url must begin with https://, or lead to this machine")
        if self.url and not self.model:
            raise ValueError("url is set but no model; name the model that writes the summaries")
        return self


class PreviewConfig(Section):
    """The studio: ``newsletter preview``."""

    caniemail: str = Field(
        "https://www.caniemail.com/api/data.json",
        description="table of what mail programs can do, fetched on demand",
    )


class SecurityConfig(Section):
    """The secret that signs links and hashes suppressed addresses. Losing it breaks every link already mailed."""

    secret_key: SecretStr | None = Field(None, description="at least 32 characters; better kept in secret_key_file")
    secret_key_file: Path = Field(Path("data/secret.key"), description="read if secret_key is not set; made on first start")
    link_keys_file: Path | None = Field(
        None,
        description="more keys for links, a line 'NUMBER SECRET' each (2 to 255): the last one signs, all are accepted",
    )


class RelayConfig(Section):
    """A further relay: connections are shared out by weight, and one that fails is left to the others."""

    host: str = Field("", description="its name or address")
    port: int = Field(587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS, 25 for a local MTA")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is protected")
    username: str = Field("", description='login name; "" means no login')
    password: SecretStr | None = Field(None, description="login password; better kept in password_file")
    password_file: Path | None = Field(None, description="file whose first line is the password")
    ca_file: Path | None = Field(None, description="certificate authorities to trust instead of the system's")
    helo_name: str = Field("", description='name given in EHLO; "" means this machine\'s')
    connect_timeout: Duration = Field(timedelta(seconds=30), description="for connecting and the TLS handshake")
    reply_timeout: Duration = Field(timedelta(minutes=5), description="for each reply before the message's end")
    final_timeout: Duration = Field(
        timedelta(minutes=10), description="for the reply after the message's end (RFC 5321: 10 min)"
    )
    message_timeout: Duration = Field(timedelta(minutes=20), description="for one message in all, however the server dawdles")
    weight: int = Field(1, ge=0, le=1000, description="share of the connections among relays; 0: only when all others fail")
    connections: int = Field(0, ge=0, le=256, description="most connections to it at a time; 0: delivery.connections")
    per_second: float = Field(0.0, ge=0, description="messages a second given to it; 0: no limit")
    per_day: int = Field(0, ge=0, description="messages a day (UTC) given to it; 0: no limit")

    @model_validator(mode="after")
    def _login_needs_tls(self) -> Self:
        if (self.password or self.password_file) and self.security == "none":
            raise ValueError("a password needs TLS; set security to 'starttls' or 'tls'")
        if self.username and not (self.password or self.password_file):
            raise ValueError("username is set but no password; set password_file or NEWSLETTER_SMTP__PASSWORD")
        return self


class SmtpConfig(RelayConfig):
    """Where outgoing mail goes. ``host = ""`` keeps everything on this machine, in the built-in inbox."""

    host: str = Field("", description='your relay; "" means the built-in inbox')


class DomainConfig(Section):
    """Receiving domains that belong to one provider, with limits of their own. Any other domain is a group of its own."""

    domains: tuple[str, ...] = Field((), description='like ["gmail.com", "googlemail.com"]')
    connections: int = Field(0, ge=0, le=256, description="most connections busy with it; 0: as many as it keeps up with")
    per_second: float = Field(0.0, ge=0, description="messages a second to it; 0: no limit")
    per_day: int = Field(0, ge=0, description="messages a day (UTC) to it; 0: no limit")


class DeliveryConfig(Section):
    """How deliveries are worked through."""

    connections: int = Field(2, ge=1, le=256, description="SMTP connections at a time")
    batch: int = Field(200, ge=1, le=10_000, description="deliveries claimed at a time")
    lease: Duration = Field(
        timedelta(seconds=20), description="what a sender holds that gave no sign of life for so long is taken over"
    )
    on_doubt: Literal["resend", "hold"] = Field(
        "resend", description="a message whose final reply never came: send it again (nobody lost), or hold it (nobody doubled)"
    )
    max_attempts: int = Field(12, ge=1, description="tries before a delivery counts as failed")
    retry_first: Duration = Field(
        timedelta(minutes=10), description="wait after the first temporary refusal; doubles each time"
    )
    retry_longest: Duration = Field(timedelta(hours=6), description="longest wait between two tries")
    give_up_after: Duration = Field(timedelta(days=3), description="age at which a deferred delivery counts as failed")
    drain: Duration = Field(timedelta(seconds=25), description="how long running messages may finish after SIGTERM")
    per_second: float = Field(0.0, ge=0, description="messages a second in all; 0: no limit")
    per_day: int = Field(0, ge=0, description="messages a day (UTC) in all; 0: no limit")
    warm_up: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="for a new sending address: messages in all on the first, second, … day, like [200, 500, 1000, 5000]"
    )
    warm_up_from: date | None = Field(None, description="first day of warm_up (UTC)")
    least_free_mb: int = Field(100, ge=0, description="free megabytes beside the database under which nothing is sent")
    domains: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], DomainConfig] = Field(
        default_factory=dict, description="groups of receiving domains with limits, a table [delivery.domains.GROUP] each"
    )

    @model_validator(mode="after")
    def _warm_up_begins(self) -> Self:
        if bool(self.warm_up) != (self.warm_up_from is not None):
            raise ValueError("warm_up and warm_up_from belong together; set both, or neither")
        return self


class WebConfig(Section):
    """The public pages."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    base_url: str = Field(
        "http://127.0.0.1:8080", description="how readers reach the pages; every link in a mail starts with it"
    )

    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="addresses or networks of reverse proxies whose X-Forwarded-For is believed, like 127.0.0.1 or 10.0.0.0/8",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{proxy!r} is not an address or network; write it like 127.0.0.1 or 10.0.0.0/8") from error
        return proxies

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        match = re.fullmatch(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?(/[A-Za-z0-9._~/-]*)?", url)
        if match is None:
            raise ValueError("not an absolute URL without query; write it like https://papers.example.org")
        if match[1] == "http" and match[2] not in {"127.0.0.1", "localhost", "[::1]"}:
            raise ValueError("must begin with https:// (RFC 8058: one-click unsubscribe needs it)")
        return url.rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach ``base_url``."""
        return re.match(r"https?://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", self.base_url) is not None


class SignUpConfig(Section):
    """What the sign-up form takes, and how much mail it can cause."""

    mail_every: Duration = Field(timedelta(hours=24), description="least time between two confirmation mails to one address")
    unanswered: int = Field(3, ge=1, description="confirmation mails to one address, ever, until it answers one")
    network_per_hour: int = Field(30, ge=1, description="sign-ups per hour from one network (IPv4 /24, IPv6 /64)")
    total_per_hour: int = Field(1000, ge=1, description="sign-ups per hour in all")
    confirm_within: Duration = Field(timedelta(days=7), description="how long the link in a confirmation mail works")
    forget_after: Duration = Field(timedelta(days=30), description="age at which an unconfirmed sign-up is deleted")
    form_age: Duration = Field(
        timedelta(seconds=2), description="a form filled in faster than this has to be sent once more, as programs do not"
    )
    form_life: Duration = Field(timedelta(hours=24), description="an older form has to be sent once more")

    @property
    def limits(self) -> SignUpLimits:
        """What the subscriber store holds to."""
        return SignUpLimits(
            mail_every=self.mail_every,
            unanswered=self.unanswered,
            network_per_hour=self.network_per_hour,
            total_per_hour=self.total_per_hour,
            confirm_within=self.confirm_within,
            forget_after=self.forget_after,
        )


class InboxConfig(Section):
    """The built-in inbox that catches all mail while ``smtp.host`` is empty."""

    port: int = Field(0, ge=0, le=65535, description="SMTP port on 127.0.0.1; 0 takes any free one")
    keep: int = Field(1000, ge=1, description="newest mails kept")


class HttpConfig(Section):
    """How the program behaves towards the services it reads."""

    contact: str = Field("", description="address or URL put into the User-Agent, so that a service can reach you")
    timeout: Duration = Field(timedelta(seconds=30), description="for one request in all")
    max_bytes: int = Field(20_000_000, ge=1000, description="largest answer taken, after decompression")
    retries: int = Field(3, ge=0, le=10, description="tries again after 429, 5xx or a broken connection")
    longest_wait: Duration = Field(
        timedelta(minutes=2), description="a source that asks for a longer wait is left for next time"
    )


class HfDailyPapersConfig(Section):
    """Hugging Face Daily Papers."""

    enabled: bool = True
    url: str = "https://huggingface.co/api/daily_papers"
    days_back: int = Field(
        3, ge=0, le=60, description="earlier days asked for again at each run; 0 asks for today alone, and never for older ones"
    )
    sometimes_back: int = Field(
        7, ge=0, le=60, description="earlier days, beyond days_back, asked for again every sometimes_every"
    )
    sometimes_every: Duration = Field(timedelta(hours=6), description="how often days up to sometimes_back are asked for again")
    rarely_back: int = Field(
        30, ge=0, le=400, description="earlier days, beyond those, asked for again every rarely_every, to see who blooms late"
    )
    rarely_every: Duration = Field(timedelta(days=1), description="how often days up to rarely_back are asked for again")
    older_days_per_run: int = Field(4, ge=1, le=100, description="days beyond days_back asked for in one run at most")
    limit: int = Field(100, ge=1, le=100, description="papers asked for per page")


class ArxivApiConfig(Section):
    """The arXiv API: newest papers of the given categories."""

    enabled: bool = False
    url: str = "https://export.arxiv.org/api/query"
    categories: tuple[str, ...] = ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "cs.RO")
    max_results: int = Field(200, ge=1, le=1000, description="newest papers asked for")


class ArxivRssConfig(Section):
    """arXiv's announcement feed of the given categories."""

    enabled: bool = False
    url: str = "https://rss.arxiv.org/atom"
    categories: tuple[str, ...] = ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "cs.RO")


class PreprintsConfig(Section):
    """What the preprint servers of one house have in common."""

    enabled: bool = False
    url: str = ""
    categories: tuple[str, ...] = Field(
        (), description="subjects whose preprints are taken, as the service writes them, like 'bioinformatics'; empty takes all"
    )
    days_back: int = Field(2, ge=0, le=60, description="earlier days asked for again at each run, for late preprints")
    max_papers: int = Field(3000, ge=100, le=100_000, description="entries read at most in one run; more is told as an error")
    ask_every: Duration = Field(timedelta(hours=3), description="least time between two times the same days are asked for")


class BiorxivConfig(PreprintsConfig):
    """bioRxiv: preprints in biology, as they are posted."""

    url: str = "https://api.biorxiv.org/details/biorxiv"


class MedrxivConfig(PreprintsConfig):
    """medRxiv: preprints in medicine, as they are posted."""

    url: str = "https://api.biorxiv.org/details/medrxiv"


class IndexConfig(Section):
    """What the indexes that are searched have in common."""

    enabled: bool = False
    url: str = ""
    days_back: int = Field(7, ge=0, le=365, description="how many days before today a paper may have appeared; indexes lag")
    max_papers: int = Field(300, ge=1, le=5000, description="newest papers taken in one run")
    ask_every: Duration = Field(timedelta(hours=6), description="least time between two times the same question is asked")
    api_key: SecretStr | None = Field(None, description="key of the service, if you have one; better kept in api_key_file")
    api_key_file: Path | None = Field(None, description="file whose first line is the key")

    @model_validator(mode="after")
    def _a_key_needs_tls(self) -> Self:
        is_safe = re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", self.url)
        if (self.api_key or self.api_key_file) and not is_safe:
            raise ValueError("a key needs TLS; url must begin with https://, or lead to this machine")
        return self


class SemanticScholarConfig(IndexConfig):
    """Semantic Scholar: new papers that a search finds. Citations are no votes, so none are counted."""

    url: str = "https://api.semanticscholar.org/graph/v1/paper/search/bulk"
    query: str = Field(
        '"machine learning" | "language model" | "neural network"',
        min_length=1,
        description="words searched for in title and abstract, in the service's syntax: + and, | or, - not, quotes for phrases",
    )
    fields_of_study: tuple[str, ...] = Field(
        ("Computer Science",), description="fields whose papers are taken, as the service writes them; empty takes all"
    )


class OpenAlexConfig(IndexConfig):
    """OpenAlex: new works that a filter or a search finds. Its citations are no votes either."""

    url: str = "https://api.openalex.org/works"
    filter: str = Field(
        "primary_topic.subfield.id:1702|1707,type:article|preprint",
        description="in the service's syntax; 1702 is artificial intelligence, 1707 computer vision; empty takes all works",
    )
    search: str = Field("", description="words searched for in title and abstract; empty searches for none")


class FeedConfig(Section):
    """Any RSS or Atom feed of papers. Its short name stands behind the dot; each further feed takes a section of its own."""

    enabled: bool = True
    url: str = Field("", description="address of the feed")
    max_papers: int = Field(500, ge=1, le=5000, description="newest entries taken in one run; more is told as an error")

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url and not re.fullmatch(r"(?i)https?://[^\s/?#]\S*", url):
            raise ValueError("not a web address; write it like https://lab.example.org/feed")
        return url


class SourcesConfig(Section):
    """Where papers and votes come from."""

    hf_daily_papers: HfDailyPapersConfig = HfDailyPapersConfig()
    arxiv_api: ArxivApiConfig = ArxivApiConfig()
    arxiv_rss: ArxivRssConfig = ArxivRssConfig()
    biorxiv: BiorxivConfig = BiorxivConfig()
    medrxiv: MedrxivConfig = MedrxivConfig()
    semantic_scholar: SemanticScholarConfig = SemanticScholarConfig()
    openalex: OpenAlexConfig = OpenAlexConfig()
    feeds: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")], FeedConfig] = Field(
        default_factory=dict, description="feeds of papers, a table [sources.feeds.FEED] each"
    )

    @model_validator(mode="after")
    def _feeds_have_an_address(self) -> Self:
        nameless = [name for name, feed in self.feeds.items() if not feed.url]
        if nameless:
            raise ValueError(f"feeds.{nameless[0]}.url is empty; write the address of the feed")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What papers may be filed under: the sources, enabled or not, and what files are filed under that name none."""
        asked = [name for name in type(self).model_fields if name != "feeds"]
        return (*asked, *(f"feeds.{name}" for name in self.feeds), *FILE_SOURCES)


class HistoryConfig(Section):
    """How long measured votes, comments and stars are kept, and how they thin out."""

    whole: Duration = Field(timedelta(days=7), description="how long every snapshot is kept; at least 2 days")
    per_doubling: int = Field(
        7, ge=1, le=1000, description="older snapshots kept for each doubling of the time since a paper's first one"
    )
    keep: Duration = Field(timedelta(days=400), description="how long those are kept; then only one for each doubling stays")

    @model_validator(mode="after")
    def _a_day_can_be_compared_with_the_one_before(self) -> Self:
        if self.whole < timedelta(days=2):
            raise ValueError("history.whole must be at least 2d: what a paper gained in a day is told from its snapshots")
        if self.keep < self.whole:
            raise ValueError("history.keep must not be shorter than history.whole")
        return self


class TrendingConfig(Section):
    """Weights of the ranking formula (``docs/ranking.md``); a weight of 0 switches a part off."""

    forecast_weight: float = Field(10.0, ge=0, description="points per doubling of the votes a paper is on course for")
    prior_weight: float = Field(11.0, ge=0, description="the same, by what is known at listing, where no votes were measured")
    prior_votes: float = Field(8.0, gt=0, description="votes that what is known at listing weighs in a forecast")
    vote_sources: tuple[str, ...] = Field(("hf_daily_papers",), description="sources whose readers vote for papers")
    elsewhere: float = Field(0.1, ge=0, le=1, description="share of its expected votes that a paper of no such source counts")
    half_life: Duration = Field(timedelta(hours=12), description="after which votes and stars gained count half")
    velocity_weight: float = Field(0.25, ge=0, description="points per doubling of votes gained lately")
    attention_weight: float = Field(1.0, ge=0, description="points per doubling of votes so far")
    discussion_weight: float = Field(0.5, ge=0, description="points per doubling of comments")
    stars_weight: float = Field(0.2, ge=0, description="points per doubling of stars gained lately by its code")
    agreement_weight: float = Field(2.0, ge=0, description="points per doubling of the sources that list it")
    freshness_weight: float = Field(8.0, ge=0, description="points that a paper of the age fresh_for loses")
    fresh_for: Duration = Field(timedelta(days=14), description="age around which a paper begins to fade")
    diversity: float = Field(6.0, ge=0, description="points that a paper loses at most that says what better ones said; 0: off")


class TasteConfig(Section):
    """What is learned from readers' more and less like this."""

    half_life: Duration = Field(timedelta(days=180), description="age at which an opinion counts half")


class ScheduleConfig(Section):
    """What ``newsletter run`` does by itself, and how often."""

    tick: Duration = Field(timedelta(seconds=30), description="how often the program looks for what is due")
    fetch_every: Duration = Field(timedelta(hours=1), description="time between two runs of the sources")
    grace: Duration = Field(timedelta(hours=12), description="a slot missed by more than this is left out")
    deadline: Duration = Field(
        timedelta(hours=2), description="how long after build_at an issue waits for sources that are late or fail"
    )
    note_to: tuple[str, ...] = Field(
        (), description="addresses that are told by mail, once, when a slot gets no issue, and why; empty tells nobody"
    )

    @field_validator("note_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _all_addresses(value)


class FieldConfig(Section):
    """A field of your own on the sign-up form and on the page of choices."""

    label: str = Field("", max_length=120, description='shown beside it; "" means its name')
    kind: Literal["text", "number", "date", "choice", "yes_no"] = Field("text", description="what may be written into it")
    options: tuple[str, ...] = Field((), description="what may be chosen, for kind 'choice'")
    required: bool = Field(default=False, description="whether it must be filled in")
    help: str = Field("", max_length=200, description="one line below it")

    @model_validator(mode="after")
    def _options_belong_to_choices(self) -> Self:
        if (self.kind == "choice") != bool(self.options):
            raise ValueError("a field of kind 'choice' needs options, and only such a field has them")
        return self


class DkimConfig(Section):
    """A DKIM key to sign with; the name behind the last dot is its selector. Leave it out where the relay signs."""

    key_file: Path = Field(Path("data/dkim.pem"), description="private key in PEM: RSA of 2048 bits or more, or Ed25519")
    domain: str = Field("", description='signing domain (d=), the one of from_address or above it; "" means that one')


class LookConfig(Section):
    """How a newsletter's mails look; docs/templates.md says how to make a theme."""

    theme: str = Field(
        "quiet",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="its name: quiet, rich, compact, or a folder in your templates/themes",
    )
    accent: str = Field("#b4431f", description="your colour, for ranks and buttons; made darker where it is hard to read")
    accent_dark: str = Field("", description='the same for dark mode; "" means accent, made lighter')
    logo: Path | None = Field(None, description="file shown in the masthead instead of the name: PNG, JPEG, WebP or GIF")
    logo_width: int = Field(180, ge=16, le=528, description="width in pixels at which it is shown")
    pictures: Literal["linked", "embedded", "none"] = Field(
        "linked", description="pictures come from web.base_url, are part of each mail, or are left out"
    )

    @field_validator("accent", "accent_dark")
    @classmethod
    def _colour(cls, value: str, info: Any) -> str:
        if value == "" and info.field_name != "accent":
            return value
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
            raise ValueError("not a colour; write it like #b4431f")
        return value.lower()


class NewsletterConfig(Section):
    """One publication."""

    name: str = Field("Trending Papers", min_length=1, max_length=80, description="shown in the masthead and as From name")
    tagline: str = Field("The research papers people are talking about", max_length=200, description="one line below the name")
    from_address: str = Field("papers@example.org", description="From address; its domain should be yours")
    envelope_from: str = Field("", description='where bounces go; "" means from_address')
    verp: bool = Field(
        default=True,
        description="if envelope_from is set: give each message its own signed one, NAME+TOKEN@DOMAIN, so a bounce says whose",
    )
    reply_to: str = Field(
        "",
        description='where answers to issues go; "" means inbound_address if that is set, else from_address; '
        "single mails take commands all the same",
    )
    inbound_address: str = Field(
        "",
        description="address whose mails, and those to NAME+anything, reach the inbound mail; readers write commands to it; "
        '"" means they cannot',
    )
    list_id: str = Field("papers.example.org", description="List-Id (RFC 2919); never change it once mails have gone out")
    postal_address: str = Field("", description="printed in every mail; the law of many countries asks for it")
    cadences: tuple[Cadence, ...] = Field(
        (Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY, Cadence.MONTHLY), description="cadences readers may choose"
    )
    zone: Zone = Field("UTC", description="time zone of the slots and of build_at")
    build_at: time = Field(time(6, 0), description="local time at which the day's issue is built")
    weekly_on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        "friday", description="day of the weekly issue"
    )
    quiet: Literal["skip", "short", "catch_up"] = Field(
        "skip", description="on a quiet day: no mail, a mail of the new papers only, or the best that readers have not had"
    )
    quiet_below: int = Field(
        3, ge=1, le=100, description="new papers since the last issue of the same cadence; fewer make a quiet day"
    )
    size: int = Field(10, ge=1, le=60, description="papers in a digest, unless a reader chose otherwise")
    pool_size: int = Field(200, ge=1, le=1000, description="papers an issue's pool holds for readers' own choices")
    pool_days: int = Field(
        35, ge=1, le=90, description="age in days up to which a listed paper may enter a pool; a monthly one takes 31 at least"
    )
    late_bloomers: int = Field(2, ge=0, le=10, description="most older papers that take off now, in a section of their own")
    late_bloomer_votes: int = Field(
        20, ge=1, description="votes within two days from which on an older paper may count as taking off"
    )
    language: str = Field(
        "en",
        pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$",
        description="language of the fixed words in mails: en, ar, de, es, fr, or one of your own catalogues",
    )
    look: LookConfig = LookConfig()
    goodbye: bool = Field(default=False, description="whether a reader who leaves on the page gets a last mail that says so")
    sources: tuple[str, ...] = Field((), description="sources whose papers it takes; empty takes all")
    topics: tuple[str, ...] = Field(
        (
            "cs.AI", "cs.CL", "cs.CV", "cs.LG", "cs.RO", "cs.IR", "cs.HC", "cs.CR", "cs.SE", "cs.DC", "cs.MA", "cs.NE", "cs.SD",
            "stat.ML", "eess.IV", "math.OC", "q-bio.QM", "quant-ph",
        ),
        description="categories of arXiv offered on the form, by their human names",
    )  # fmt: skip
    consent: str = Field(
        "", max_length=500, description='words beside the button, kept as proof; "" means a sentence of ours with the name'
    )
    fields: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], FieldConfig] = Field(
        default_factory=dict, description="fields of your own on the form, a table [newsletters.NAME.fields.FIELD] each"
    )
    dkim: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$")], DkimConfig] = Field(
        default_factory=dict, description="keys to sign with, a table [newsletters.NAME.dkim.SELECTOR] each"
    )

    @field_validator("from_address", "envelope_from", "reply_to", "inbound_address")
    @classmethod
    def _address(cls, value: str, info: Any) -> str:
        if value == "" and info.field_name != "from_address":
            return value
        if not _ADDRESS.fullmatch(value):
            raise ValueError("not an e-mail address; write it like papers@example.org")
        return value

    @field_validator("inbound_address")
    @classmethod
    def _room_for_a_token(cls, value: str) -> str:
        if len(value.rpartition("@")[0].encode()) > 31:
            raise ValueError("more than 31 octets before the @ leave no room for a token; shorten it")
        return value

    @field_validator("name", "tagline", "postal_address", "list_id", "consent")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("holds a line break or a control character; write it on one line")
        return value

    @field_validator("list_id")
    @classmethod
    def _list_id(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", value) or len(value) > 255:
            raise ValueError("not a list identifier; write it like papers.example.org (RFC 2919)")
        return value

    @property
    def own_fields(self) -> tuple[OwnField, ...]:
        """The operator's own fields, in the order of the file."""
        return tuple(
            OwnField(name, own.label or name, FieldKind(own.kind), own.options, own.required, own.help)
            for name, own in self.fields.items()
        )

    @property
    def wording(self) -> str:
        """What a reader agrees to, in the words that stand beside the button."""
        return self.consent or f"I would like to get {self.name} by e-mail. I can leave at any time with one click."

    @property
    def tzinfo(self) -> ZoneInfo:
        """The newsletter's zone."""
        return ZoneInfo(self.zone)


class ImapConfig(Section):
    """A mailbox that is asked for mail that came in, over IMAP; nothing happens while ``host`` is empty."""

    host: str = Field("", description='its name or address; "" means there is none')
    port: int = Field(993, ge=1, le=65535, description="993 for TLS, 143 for STARTTLS")
    security: Literal["tls", "starttls", "none"] = Field("tls", description="how the connection is protected")
    username: str = Field("", description="login name")
    password: SecretStr | None = Field(None, description="login password; better kept in password_file")
    password_file: Path | None = Field(None, description="file whose first line is the password")
    ca_file: Path | None = Field(None, description="certificate authorities to trust instead of the system's")
    folder: str = Field("INBOX", min_length=1, description="folder that mail comes to")
    processed: str = Field(
        "Processed", min_length=1, description="folder that mail is moved to once it is stored here; made if missing"
    )
    refused: str = Field("Refused", min_length=1, description="folder for mail that is too large to be stored; made if missing")
    look_every: Duration = Field(timedelta(minutes=5), description="time between two looks where the server has no IDLE")
    idle: Duration = Field(timedelta(minutes=9), description="after which IDLE is asked for anew; servers hang up after 30m")
    timeout: Duration = Field(timedelta(seconds=60), description="for connecting and for each answer")

    @field_validator("folder", "processed", "refused")
    @classmethod
    def _folder_has_a_plain_name(cls, value: str) -> str:
        if not value.isprintable() or any(sign in value for sign in "*%"):
            raise ValueError("the name of a folder has no * or % in it; rename the folder")
        return value

    @model_validator(mode="after")
    def _mail_is_moved_on(self) -> Self:
        if len({name.lower() for name in (self.folder, self.processed, self.refused)}) < 3:
            raise ValueError("folder, processed and refused must be three folders, or mail would be taken again and again")
        return self

    @model_validator(mode="after")
    def _login_needs_tls(self) -> Self:
        has_password = bool(self.password or self.password_file)
        if has_password and self.security == "none" and self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("a password needs TLS, except on this machine; set security to 'tls' or 'starttls'")
        if self.host and not (self.username and has_password):
            raise ValueError("host is set but no login; set username, and password_file or NEWSLETTER_INBOUND__IMAP__PASSWORD")
        return self


class ListenConfig(Section):
    """A listener for an MTA to hand mail to, over LMTP or SMTP; nothing listens while ``port`` is 0."""

    protocol: Literal["lmtp", "smtp"] = Field("lmtp", description="what is spoken")
    host: str = Field("127.0.0.1", description="address to listen on; keep it where only your MTA reaches it")
    port: int = Field(0, ge=0, le=65535, description="port to listen on; 0 means not at all")
    connections: int = Field(20, ge=1, le=1000, description="most connections at a time; more are told to come back")
    command_timeout: Duration = Field(
        timedelta(minutes=5), description="for the next command, and for the next piece of a message"
    )
    session_timeout: Duration = Field(timedelta(minutes=20), description="for a connection in all")


class WebhookConfig(Section):
    """A provider that reports bounces and complaints to ``/hooks/NAME``."""

    provider: Literal["ses", "postmark", "sendgrid", "mailgun"] = Field("ses", description="whose form the reports have")
    secret: SecretStr | None = Field(
        None, description="mailgun: signing key; postmark: USER:PASSWORD of the address; better kept in secret_file"
    )
    secret_file: Path | None = Field(None, description="file whose first line is the secret")
    public_key: str = Field("", description="sendgrid: verification key of the signed event webhook, in base64")
    topic_arn: str = Field(
        "", description="ses: the SNS topic whose messages are taken, like arn:aws:sns:eu-west-1:123456789012:mail"
    )


class InboundConfig(Section):
    """Mail that comes in: commands, bounces and complaints."""

    forward_to: tuple[str, ...] = Field(
        (), description="addresses that get what readers write and no command is in; empty: such mails are kept only"
    )
    keep: Duration = Field(timedelta(days=30), description="how long raw mails are kept, to be looked at and handled again")
    max_bytes: int = Field(1_000_000, ge=10_000, description="largest mail taken; larger ones are refused at the door")
    answers_per_day: int = Field(20, ge=1, description="automatic answers a day to a reader whose mails are certainly theirs")
    trusted_results: tuple[str, ...] = Field(
        (),
        description="names your own MTA writes into Authentication-Results; what it says of DKIM and DMARC is believed then",
    )
    imap: ImapConfig = ImapConfig()
    listen: ListenConfig = ListenConfig()
    webhooks: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], WebhookConfig] = Field(
        default_factory=dict, description="reports of providers, a table [inbound.webhooks.NAME] each"
    )

    @field_validator("forward_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _all_addresses(value)


class BouncesConfig(Section):
    """When a mailbox counts as gone, and when a send stops for what comes back."""

    hard: float = Field(1.0, gt=0, description="points of a bounce that says that the mailbox is gone; at most one step a day")
    soft: float = Field(0.5, ge=0, description="points of any other bounce that is about the mailbox; at most one step a day")
    threshold: float = Field(3.0, gt=0, description="points at which a reader gets no more mail")
    forget_after: Duration = Field(
        timedelta(days=7), description="mails go out and none comes back for so long: points are forgotten"
    )
    probe: bool = Field(default=True, description="whether a last mail asks first; only if that comes back too, it ends")
    act_within: Duration = Field(timedelta(days=10), description="bounces of older messages change nothing")
    judge_from: int = Field(100, ge=1, description="messages of an issue taken or refused before its rates are judged")
    most_bounces: float = Field(
        0.05, gt=0, le=1, description="share of messages refused or bounced for good above which an issue is paused"
    )
    most_complaints: float = Field(
        0.003, gt=0, le=1, description="share of complaints, three at least, above which an issue is paused"
    )
    most_soft: float = Field(
        0.2,
        gt=0,
        le=1,
        description="share of messages that bounced, but not for good, above which an issue is paused; if more than that did "
        "not get through, they count against no reader",
    )


class LogConfig(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level shown")


class Config(Section):
    """All of ``config.toml``; the sections, checked together. Read it with :func:`newsletter.config_file.load`."""

    database: DatabaseConfig = DatabaseConfig()
    paths: PathsConfig = PathsConfig()
    security: SecurityConfig = SecurityConfig()
    smtp: SmtpConfig = SmtpConfig()
    relays: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], RelayConfig] = Field(
        default_factory=dict, description="further relays beside [smtp], a table [relays.RELAY] each"
    )
    delivery: DeliveryConfig = DeliveryConfig()
    web: WebConfig = WebConfig()
    signup: SignUpConfig = SignUpConfig()
    inbox: InboxConfig = InboxConfig()
    http: HttpConfig = HttpConfig()
    sources: SourcesConfig = SourcesConfig()
    history: HistoryConfig = HistoryConfig()
    pictures: PicturesConfig = PicturesConfig()
    summaries: SummariesConfig = SummariesConfig()
    preview: PreviewConfig = PreviewConfig()
    trending: TrendingConfig = TrendingConfig()
    taste: TasteConfig = TasteConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    inbound: InboundConfig = InboundConfig()
    bounces: BouncesConfig = BouncesConfig()
    log: LogConfig = LogConfig()
    newsletters: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], NewsletterConfig] = Field(
        default_factory=lambda: {"papers": NewsletterConfig()}, min_length=1
    )

    @model_validator(mode="after")
    def _named_sources_are_known(self) -> Self:
        lists = {"trending.vote_sources": self.trending.vote_sources} | {
            f"newsletters.{slug}.sources": newsletter.sources for slug, newsletter in self.newsletters.items()
        }
        known = self.sources.names
        wrong = [
            f"{key}: there is no source {name!r}; known are {', '.join(known)}"
            for key, names in lists.items()
            for name in names
            if name not in known
        ]
        if wrong:
            raise ValueError(wrong[0])
        return self

    @model_validator(mode="after")
    def _relays_stand_beside_smtp(self) -> Self:
        nameless = [name for name, relay in self.relays.items() if not relay.host]
        if nameless:
            raise ValueError(f"relays.{nameless[0]}.host is empty; name the relay")
        if self.relays and not self.smtp.host:
            raise ValueError("relays stand beside the one of [smtp]; set smtp.host as well")
        if "smtp" in self.relays:
            raise ValueError("a relay cannot be called 'smtp', as the one of [smtp] is; give it another name")
        return self

    @model_validator(mode="after")
    def _mail_comes_to_addresses_of_its_own(self) -> Self:
        senders = {each.envelope_from.lower(): slug for slug, each in self.newsletters.items() if each.envelope_from}
        takers = {each.inbound_address.lower(): slug for slug, each in self.newsletters.items() if each.inbound_address}
        for address, slug in takers.items():
            key = f"newsletters.{slug}.inbound_address"
            if "+" in address:
                raise ValueError(f"{key}: holds a '+', behind which tokens are written; use one like papers@example.org")
            if address in senders:
                raise ValueError(
                    f"{key}: is envelope_from of newsletters.{senders[address]} too, and bounces are no commands; "
                    "use two addresses"
                )
        for address in self.inbound.forward_to:
            local, _, domain = address.lower().partition("@")
            plain = f"{local.partition('+')[0]}@{domain}"
            if not {address.lower(), plain}.isdisjoint(senders | takers):
                raise ValueError(f"inbound.forward_to: {address} comes back here, for ever; name an address that people read")
        return self

    @model_validator(mode="after")
    def _listeners_have_ports_of_their_own(self) -> Self:
        listen = self.inbound.listen
        is_same_host = listen.host == self.web.host or not _EVERYWHERE.isdisjoint({listen.host, self.web.host})
        if listen.port and listen.port == self.web.port and is_same_host:
            raise ValueError(f"inbound.listen.port: {listen.port} is web.port too; give the listener another one, like 2424")
        return self

    @model_validator(mode="after")
    def _readers_can_leave(self) -> Self:
        if self.smtp.host and self.web.is_local:
            raise ValueError(
                "smtp.host is set, but web.base_url leads to this machine only: readers could not unsubscribe; "
                "set web.base_url to the address they can reach, like https://papers.example.org"
            )
        return self


def is_section_table(annotation: Any) -> bool:
    """Whether a key holds sections: one, or a table of them by name."""
    inner = get_args(annotation)[1] if get_origin(annotation) is dict else annotation
    return isinstance(inner, type) and issubclass(inner, Section)


def describe() -> Iterator[tuple[str, type[Section]]]:
    """Yield every section's dotted name with its model, for the reference and the tests that hold it true."""

    def walk(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, type[Section]]]:
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Section):
                yield f"{prefix}{name}", kind
                yield from walk(f"{prefix}{name}.", kind)

    yield from walk("", Config)
    yield "newsletters.NAME", NewsletterConfig
    yield "newsletters.NAME.look", LookConfig
    yield "newsletters.NAME.fields.FIELD", FieldConfig
    yield "newsletters.NAME.dkim.SELECTOR", DkimConfig
    yield "delivery.domains.GROUP", DomainConfig
    yield "relays.RELAY", RelayConfig
    yield "sources.feeds.FEED", FeedConfig
    yield "inbound.webhooks.WEBHOOK", WebhookConfig
