from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import html5lib
import pytest
from sqlalchemy import event

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.digest.model import LATE_PART, Correction, CorrectionKind, IssueState
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Observation, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.pictures.model import NoPictures, PaperPictures, Picture
from newsletter.trending.model import RankedPaper, ReceiptPart
from newsletter.web.archive import ISSUES_SHOWN, PAPERS_SHOWN, Archive, latest_issue
from subscribers.model import Cadence
from tests.samples import receipt, record
from tests.web.house import House, house
from tests.web.issues import FRIDAY, publish
from tests.web.serving import BASE_URL, PAPERS, ROBOTS

HIDDEN = [IssueState.BUILDING, IssueState.CANCELLED]


def links(text: str) -> list[str]:
    """The addresses that a page's links lead to, in its order."""
    document = html5lib.parse(text, namespaceHTMLElements=False)
    return [element.get("href", "") for element in document.iter("a")]


def test_an_issue_is_shown_in_full(home: House) -> None:
    whole = record(
        "2608.00001",
        title="Lanterns: Reading a Map One Street at a Time",
        authors=("Ada Example", "Bo Sample", "Cy Pattern", "Di Specimen"),
        organization="Example Lab",
        summary="It reads a map.",
        categories=("cs.LG", "cs.CL"),
        code_url="https://code.example.org/lanterns",
        project_url="https://lanterns.example.org/",
        discussion_url="https://talk.example.org/lanterns",
    )
    publish(home.database, [whole, *(record(f"2608.{number:05d}") for number in range(2, 15))])
    page = home.client.get("/issues/papers/1")
    assert page.status_code == 200
    for shown in (
        'No. 1 · <time datetime="2026-08-21">Friday 21 August 2026</time>',
        "14 papers, best first",
        "<bdi>Lanterns: Reading a Map One Street at a Time</bdi>",
        "Ada Example, Bo Sample, Cy Pattern and 1 more",
        "<bdi>Example Lab</bdi>",
        "It reads a map.",
        "<bdi>cs.LG</bdi>",
        "4,999 votes",
        "+12 votes since yesterday",
        "97 stars on its code",
        "votes from 3 to 42",
        "Also rising",
    ):
        assert shown in page.text, shown
    led_to = links(page.text)
    for address in (
        "https://arxiv.org/abs/2608.00001",
        "https://arxiv.org/pdf/2608.00001",
        "https://code.example.org/lanterns",
        "https://lanterns.example.org/",
        "https://talk.example.org/lanterns",
        "/ranking",
        "/issues?newsletter=papers",
    ):
        assert address in led_to, address
    assert page.text.count('<p class="summary"') == PAPERS.size
    for number in range(1, 15):
        assert f"https://arxiv.org/abs/2608.{number:05d}" in led_to


def test_the_largest_digest_is_on_the_page_whole(database: Database, clock: ManualClock) -> None:
    with house(database, clock, newsletters={"papers": PAPERS.model_copy(update={"size": 60})}) as home:
        publish(home.database, 60)
        page = home.client.get("/issues/papers/1").text
        assert page.count('<p class="summary"') == 60
        assert "Also rising" not in page


def test_a_pool_larger_than_a_page_goes_on_behind_its_last_place(home: House) -> None:
    publish(home.database, PAPERS_SHOWN + 5)
    first, further = "/issues/papers/1", f"/issues/papers/1?after={PAPERS_SHOWN}"
    page = home.client.get(first).text
    assert further in links(page)
    rest = home.client.get(further).text
    assert f"Places {PAPERS_SHOWN + 1} to {PAPERS_SHOWN + 5} of {PAPERS_SHOWN + 5}" in rest
    assert f'rel="canonical" href="{BASE_URL}{further}"' in rest
    shown = [address for address in links(page + rest) if "/abs/" in address]
    assert len(set(shown)) == PAPERS_SHOWN + 5
    for place in (1, PAPERS_SHOWN + 5, 2 * PAPERS_SHOWN):
        assert home.client.get(f"/issues/papers/1?after={place}").status_code == 404


def test_the_day_is_the_one_of_the_newsletters_zone(database: Database, clock: ManualClock) -> None:
    late = datetime(2026, 8, 21, 23, 0, tzinfo=UTC)
    with house(database, clock, newsletters={"robots": ROBOTS}) as home:
        publish(home.database, newsletter="robots", at=late)
        for path in ("/issues", "/issues/robots/1"):
            assert '<time datetime="2026-08-22">Saturday 22 August 2026</time>' in home.client.get(path).text


def test_the_page_says_of_itself_what_machines_ask(home: House) -> None:
    publish(home.database)
    document = html5lib.parse(home.client.get("/issues/papers/1").text, namespaceHTMLElements=False)
    assert document.get("lang") == "en"
    assert document.findtext("head/title") == "No. 1, Friday 21 August 2026 · Trending Papers"
    head = {element.get("name") or element.get("rel"): element for element in document.iterfind("head/*")}
    assert head["canonical"].get("href") == f"{BASE_URL}/issues/papers/1"
    assert head["description"].get("content") == ("Sample 2608.00001, and 2 more. Trending Papers, Friday 21 August 2026.")


def test_neighbours_are_the_listed_issues_before_and_after(home: House) -> None:
    for state in (IssueState.FINISHED, IssueState.CANCELLED, IssueState.OPEN, IssueState.PAUSED, IssueState.OPEN):
        publish(home.database, state=state)
    publish(home.database, newsletter="robots")
    document = html5lib.parse(home.client.get("/issues/papers/3").text, namespaceHTMLElements=False)
    beside = {
        element.get("rel"): element.get("href") for element in document.iter("a") if element.get("rel") in {"prev", "next"}
    }
    assert beside == {"prev": "/issues/papers/1", "next": "/issues/papers/5"}


@pytest.mark.parametrize("state", list(IssueState))
def test_what_went_out_can_be_read_and_what_was_stopped_is_not_listed(home: House, state: IssueState) -> None:
    publish(home.database, state=state)
    assert home.client.get("/issues/papers/1").status_code == (404 if state in HIDDEN else 200)
    is_listed = state in {IssueState.OPEN, IssueState.FINISHED}
    assert ("/issues/papers/1" in links(home.client.get("/issues").text)) is is_listed
    assert ("leads" in home.client.get("/ranking").text) is is_listed


@pytest.mark.parametrize(
    "path",
    [
        "/issues/papers/2",
        "/issues/robots/1",
        "/issues/papers/0",
        "/issues/papers/01",
        "/issues/papers/-1",
        "/issues/papers/x",
        "/issues/papers/\u0661",
        "/issues/papers/99999999999999999999",
        "/issues/papers/1.json",
        "/issues/papers/1/",
        "/issues/papers",
        "/issues/papers/1?after=x",
        "/issues/papers/1?after=3",
        "/issues?before=0",
        "/issues?before=x",
        "/issues?newsletter=nothing",
        "/issues?newsletter=",
    ],
)
def test_any_other_address_leads_to_the_page_for_that(home: House, path: str) -> None:
    publish(home.database)
    publish(home.database, newsletter="robots")
    answer = home.client.get(path)
    assert answer.status_code == 404
    assert "<h1>Nothing here</h1>" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_list_goes_on_below_its_last_number(home: House) -> None:
    for _ in range(ISSUES_SHOWN + 3):
        publish(home.database, 2)
    pages = [home.client.get("/issues").text]
    while older := [address for address in links(pages[-1]) if "before=" in address]:
        pages.append(home.client.get(older[0]).text)
    numbers = [[int(address.rpartition("/")[2]) for address in links(page) if "/issues/papers/" in address] for page in pages]
    assert numbers == [[*range(33, 3, -1)], [3, 2, 1]]
    assert "Sample 2608.00001" in pages[0]
    assert "and 1 more paper<" in pages[0]
    assert "nothing older" in home.client.get("/issues?before=1").text


def test_each_newsletter_has_a_list_of_its_own(database: Database, clock: ManualClock) -> None:
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}) as home:
        publish(home.database)
        publish(home.database, newsletter="robots")
        assert "/issues/robots/1" not in links(home.client.get("/issues").text)
        page = home.client.get("/issues?newsletter=robots").text
        assert "/issues/papers/1" not in links(page)
        assert "/issues/robots/1" in links(page)
        assert '<a class="name" href="/">Robot Papers</a>' in page
        assert "Papers in a mail" in home.client.get("/ranking").text


def test_without_an_issue_the_list_says_so(home: House) -> None:
    assert "the first issue is still to come" in home.client.get("/issues").text


def test_pages_are_kept_a_while_and_asked_for_again_in_a_few_bytes(home: House) -> None:
    publish(home.database)
    for path in ("/issues", "/issues/papers/1", "/ranking"):
        first = home.client.get(path)
        assert first.headers["cache-control"] == "public, max-age=300"
        again = home.client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        head = home.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert home.client.post(path).status_code == 405
    tag = home.client.get("/issues").headers["etag"]
    publish(home.database)
    assert home.client.get("/issues", headers={"if-none-match": tag}).status_code == 200


def test_a_page_is_the_same_for_everybody_and_asks_nothing_of_the_outside(home: House) -> None:
    publish(home.database)
    reader = home.subscribe()
    for path in ("/issues", "/issues/papers/1", "/ranking"):
        plain = home.client.get(path)
        asked = home.client.get(path, headers={"cookie": "a=b", "host": "evil.example.org", "accept-language": "de"})
        assert asked.content == plain.content
        assert "set-cookie" not in asked.headers
        assert "/feedback/" not in plain.text
        assert home.path("preferences", reader) not in plain.text
        document = html5lib.parse(plain.text, namespaceHTMLElements=False)
        loaded = [element.get("src", "") for element in document.iter() if element.get("src")]
        loaded += [element.get("href", "") for element in document.iter("link") if element.get("rel") in {"stylesheet", "icon"}]
        assert all(address.startswith("/static/") for address in loaded)
        assert not [element for element in document.iter() if element.tag in {"script", "style"} or element.get("style")]


def test_below_a_path_every_link_stays_below_it(database: Database, clock: ManualClock) -> None:
    base_url = "https://example.org/papers"
    with house(database, clock, base_url=base_url) as home:
        publish(home.database)
        for path in ("/issues", "/issues/papers/1", "/ranking"):
            page = home.client.get(path).text
            assert f'rel="canonical" href="{base_url}/' in page
            assert all(address.startswith(("/papers/", "https://", "#")) for address in links(page)), path


class OnePicture(NoPictures):
    """Keeps a picture of every paper."""

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:
        large, small = (Picture("p" * 32, "image/jpeg", 2 * width, width) for width in (528, 144))
        return {seq: PaperPictures(large, small) for seq in seqs}


@pytest.mark.parametrize(("wanted", "shown"), [("linked", 1), ("embedded", 1), ("none", 0)])
def test_the_leads_picture_is_shown_from_our_own_pages(database: Database, clock: ManualClock, wanted: str, shown: int) -> None:
    look = PAPERS.look.model_copy(update={"pictures": wanted})
    newsletters = {"papers": PAPERS.model_copy(update={"look": look})}
    archive = Archive(database, newsletters, "https://example.org/papers", OnePicture())
    with house(database, clock, newsletters=newsletters, archive=archive) as home:
        publish(home.database, PAPERS_SHOWN + 1)
        image = f'src="/papers/pictures/{"p" * 32}.jpg" width="528" height="264"'
        assert home.client.get("/issues/papers/1").text.count(image) == shown
        assert "<img" not in home.client.get(f"/issues/papers/1?after={PAPERS_SHOWN}").text


def test_an_issue_seen_before_takes_one_query(database: Database) -> None:
    publish(database, 120)
    archive = Archive(database, {"papers": PAPERS}, BASE_URL)
    first = archive.issue("papers", 1)
    said: list[Any] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    assert archive.issue("papers", 1) == first
    assert len([statement for statement in said if "issue" in statement]) == 1


def test_places_behind_the_last_paper_are_nowhere_and_push_no_issue_out_of_memory(database: Database) -> None:
    publish(database, 120)
    archive = Archive(database, {"papers": PAPERS}, BASE_URL)
    archive.issue("papers", 1)
    assert {archive.issue("papers", 1, after=PAPERS_SHOWN * page) for page in range(1, 101)} == {None}
    said: list[Any] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    assert archive.issue("papers", 1) is not None
    assert len([statement for statement in said if "issue" in statement]) == 1


def test_an_issue_that_is_cancelled_is_gone_and_one_that_goes_on_is_back(home: House) -> None:
    issue = publish(home.database)
    for state, status in (
        (IssueState.PAUSED, 200),
        (IssueState.OPEN, 200),
        (IssueState.CANCELLED, 404),
        (IssueState.OPEN, 200),
    ):
        with home.database.write() as session:
            IssueStore(session).set_state(issue.id, state, expected=list(IssueState))
        assert home.client.get("/issues/papers/1").status_code == status


def test_the_sign_up_page_shows_the_newest_issue_that_is_out(database: Database) -> None:
    publish(database, 12, state=IssueState.FINISHED)
    publish(database, state=IssueState.CANCELLED)
    shown = latest_issue(database, {"papers": PAPERS})
    assert shown is not None
    assert (shown.number, shown.date_label, len(shown.papers)) == (1, "Friday 21 August 2026", PAPERS.size)
    assert latest_issue(database, {"papers": PAPERS}, "robots") is None


def publish_sections(home: House) -> None:
    """An issue with a late bloomer, and what is said of two papers of the one before."""
    with home.database.write() as session:
        papers = PaperStore(session)
        papers.ingest([Observation(record(f"2609.{number:05d}")) for number in range(1, 5)], source="test", now=FRIDAY)
        known = {paper.arxiv_id: paper for paper in papers.latest(4)}
        ranked = [RankedPaper(rank, known[f"2609.{rank:05d}"], receipt(votes=90 - rank)) for rank in (1, 2)]
        parts = (ReceiptPart(LATE_PART, 0.0, figures=(("gained", 85.0), ("hours", 48.0), ("expected", 4.0))),)
        late = replace(known["2609.00003"], title="Ferry & <b>Co</b>", listed_at=FRIDAY - timedelta(days=22))
        renamed = replace(known["2609.00004"], title="Harbour <i>", seq=PaperSeq(4))
        corrections = [
            Correction(0, CorrectionKind.WITHDRAWN, replace(known["2609.00002"], withdrawn_at=FRIDAY), "Gone & Away", FRIDAY),
            Correction(1, CorrectionKind.RETITLED, renamed, "Harbor", FRIDAY),
        ]
        issues = IssueStore(session)
        issue, _ = issues.freeze(
            newsletter="papers",
            cadence=Cadence.DAILY,
            slot="sections",
            ranked=ranked,
            late=[RankedPaper(3, late, receipt(at=FRIDAY, parts=parts, votes=131))],
            corrections=corrections,
            at=FRIDAY,
        )
        issues.set_state(issue.id, IssueState.OPEN, expected=[IssueState.BUILDING])


def test_late_bloomers_and_corrections_have_their_sections(home: House) -> None:
    publish_sections(home)
    page = home.client.get("/issues/papers/1")
    assert page.status_code == 200
    assert "2 papers, best first" in page.text
    text = page.text
    assert text.index("Taking off now") < text.index("Corrections") < text.index("</main>")
    for shown in (
        "Ferry &amp; &lt;b&gt;Co&lt;/b&gt;",
        "+85 votes in 2 days",
        "listed 3 weeks ago",
        "Gone &amp; Away",
        "Withdrawn on Friday 21 August 2026.",
        "Harbour &lt;i&gt;",
        "Its title was “Harbor”.",
    ):
        assert shown in text, shown
    assert "https://arxiv.org/abs/2609.00003" in links(text)


def test_an_issue_without_them_has_no_such_sections(home: House) -> None:
    publish(home.database)
    text = home.client.get("/issues/papers/1").text
    assert "Taking off now" not in text
    assert "Corrections" not in text
