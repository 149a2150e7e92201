"""The links of a mail, without following any: where they lead, what they say, and whether the way out is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.parser import BytesHeaderParser
from urllib.parse import SplitResult, urlsplit

from newsletter.preview.checks.model import Area, MailSample, Noted
from newsletter.preview.checks.page import Element, Page, Text, said
from newsletter.preview.checks.sources import Sources
from newsletter.rendering.findings import Severity

#: First part of the path of those of our pages that a reader of either part must find.
MATTERING_PAGES = frozenset({"confirm", "preferences", "unsubscribe"})

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_IN_TEXT = re.compile(r"\bhttps?://[^\s<>\"]+")
#: With a scheme, "www" or a path: "Node.js" is a name.
_LOOKS_LIKE_ADDRESS = re.compile(
    r"(?=https?://|www\.|[^/\s]+/)(?:https?://)?((?:[\w-]+\.)+[a-z]{2,24})(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE
)
_ONE_URL = re.compile(r"<(https?://[^<>\s]+)>")


def check_links(sample: MailSample, page: Page, sources: Sources) -> Iterator[Noted]:
    """Yield what is wrong with the links of both parts."""
    links = [each for each in page.elements("a") if "href" in each.attributes]
    for link in links:
        yield from (_noted(*problem, sources.place_of(link)) for problem in _problems(link))
    yield from _doubled(page, sources)
    yield from _of_text(sample.text)
    yield from _both_parts(sample, [link.attributes["href"] for link in links])


def words_of(link: Element) -> str:
    """Return what a link says: its label, else its text with the alternative texts of its pictures."""
    label = said(link.attributes.get("aria-label", ""))
    if label:
        return label
    parts = []
    for node in link.inside():
        if isinstance(node, Text):
            parts.append(node.text)
        elif node.name == "img":
            parts.append(f" {node.attributes.get('alt', '')} ")
        else:
            parts.append(node.attributes.get("aria-label", ""))
    return said("".join(parts))


def way_out(data: bytes) -> str:
    """Return the URL of a message's List-Unsubscribe field; ``""`` if it has none."""
    header = BytesHeaderParser(policy=policy.compat32).parsebytes(data).get("List-Unsubscribe", "")
    match = _ONE_URL.search(str(header))
    return match[1] if match else ""


def _noted(rule: str, problem: str, severity: Severity, place: str) -> Noted:
    return Noted(rule, problem, severity, Area.LINKS, place)


def _problems(link: Element) -> Iterator[tuple[str, str, Severity]]:
    address = link.attributes["href"]
    parts = _split(address)
    words = words_of(link)
    if parts is None or not _is_absolute(parts):
        yield "link-target", f"leads to {address[:80]!r}, which is no absolute https address", Severity.ERROR
    elif parts.scheme == "http" and parts.hostname not in _LOCAL:
        yield "link-plain-http", f"leads to {parts.hostname} without TLS", Severity.WARNING
    if not words:
        yield "link-empty", "says nothing: write words into it, an aria-label, or a picture's alt", Severity.ERROR
    shown = _LOOKS_LIKE_ADDRESS.fullmatch(words)
    if shown and parts is not None and parts.scheme != "mailto" and not _same_host(shown[1], parts.hostname or ""):
        problem = f"says {shown[1][:80]} and leads to {parts.hostname}: spam filters and readers take it for a fraud"
        yield "link-says-another", problem, Severity.ERROR


def _doubled(page: Page, sources: Sources) -> Iterator[Noted]:
    """Yield links right behind a link to the same page: a screen reader says them twice."""
    last, between = "", ""
    inside: Element | None = None
    for node in page.nodes:
        if isinstance(node, Element) and node.name == "a" and "href" in node.attributes:
            if node.attributes["href"] == last and not said(between):
                problem = "leads to the same page as the link right before it; make one link of both"
                yield _noted("link-doubled", problem, Severity.WARNING, sources.place_of(node))
            last, between, inside = node.attributes["href"], "", node
        elif isinstance(node, Text) and (inside is None or not _is_in(node, inside)):
            between += node.text if not said(between) else ""


def _is_in(node: Text, element: Element) -> bool:
    return node.parent is element or any(above is element for above in node.parent.ancestors())


def _of_text(text: str) -> Iterator[Noted]:
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _IN_TEXT.finditer(line):
            place = f"text line {number}"
            parts = _split(match[0])
            if parts is None or not _is_absolute(parts):
                yield _noted("text-link-target", f"{match[0][:80]!r} is no address", Severity.ERROR, place)
            elif match[0][-1] in ".,;:!?":
                problem = f"a {match[0][-1]!r} right behind an address: clients take it for a part of it"
                yield _noted("text-link-end", problem, Severity.WARNING, place)


def _both_parts(sample: MailSample, targets: list[str]) -> Iterator[Noted]:
    """Yield pages that one part has and the other lacks, of those that matter, and the way out if it is not in both."""
    in_text = set(_IN_TEXT.findall(sample.text))
    own = {address for address in (*targets, *in_text) if _matters(address)}
    out = way_out(sample.data)
    for address in sorted(own | ({out} if out else set())):
        rule = "unsubscribe-missing" if address == out else "link-in-one-part"
        name = "the address of the List-Unsubscribe field" if address == out else f"a link to the page {_page(address)!r}"
        for there, part in ((address in targets, "HTML"), (address in in_text, "text")):
            if not there:
                yield _noted(rule, f"the {part} part does not have {name}", Severity.ERROR, "")


def _matters(address: str) -> bool:
    return _page(address) in MATTERING_PAGES


def _page(address: str) -> str:
    """Return the name of the page that an address with one token behind it leads to."""
    parts = _split(address)
    names = [] if parts is None else parts.path.strip("/").split("/")
    return names[-2] if len(names) >= 2 else ""


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_absolute(parts: SplitResult) -> bool:
    return parts.scheme == "mailto" or (parts.scheme in {"https", "http"} and bool(parts.hostname))


def _same_host(said_host: str, host: str) -> bool:
    mine, theirs = (name.lower().removeprefix("www.") for name in (said_host, host))
    return mine == theirs
