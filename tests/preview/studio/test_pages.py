from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from shutil import copyfile

import httpx
import pytest

from newsletter.clock import ManualClock
from newsletter.demo.drawing import draw_figure
from newsletter.pictures.making import make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.preview.studio.pages import LAYOUTS, VIEWS
from newsletter.preview.studio.personas import PERSONAS
from newsletter.preview.studio.service import MAIL_KINDS
from newsletter.preview.studio.worst_cases import HOSTILE, WORST_CASES
from subscribers.model import SuppressionReason
from tests.flow import build, mails, send, served, take_in, wait_for
from tests.preview.studio.house import contents
from tests.preview.studio.site import READER, Site, parsed, small_site, studio_site, words
from tests.smtp_server import smtp_server
from tests.sources.replay import Reply, serving

TABLE = {
    "last_update_date": "2026-06-29 16:42:09 +0000",
    "data": [
        {
            "slug": "css-at-media",
            "title": "Media queries",
            "url": "https://www.example.org/css-at-media",
            "stats": {"gmail": {"desktop-webmail": {"2024-01": "y"}}},
            "notes_by_num": None,
            "tags": [],
        }
    ],
}
JSON = {"Content-Type": "application/json"}
NEIGHBOUR = "http://papers.example.org"


@pytest.fixture
def site(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[Site]:
    """The studio on both databases."""
    with studio_site(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> Iterator[Site]:
    """The studio where the kind of database makes no difference."""
    with small_site(tmp_path, sqlite_template, clock) as made:
        yield made


def test_every_view_of_every_mail_is_a_page_and_looking_changes_nothing(site: Site) -> None:
    before = contents(site.app.database)
    for view in VIEWS:
        for kind in MAIL_KINDS:
            page = site.get(view=view, kind=kind)
            assert page.status_code == 200, (view, kind)
            for frame in parsed(page.text).iter("iframe"):
                assert site.client.get(frame.get("src", "")).status_code == 200, (view, kind)
    for path in ("", "/mail", "/raw", "/state"):
        head = site.client.head(f"/preview{path}")
        assert (head.status_code, head.content) == (200, b""), path
    assert contents(site.app.database) == before
    assert mails(site.app) == []


def test_every_choice_on_the_page_leads_to_a_page(small: Site) -> None:
    choices = [link.get("href", "") for link in small.page().iter("a") if "/preview?" in link.get("href", "")]
    assert len(choices) > len(PERSONAS) + len(WORST_CASES) + len(MAIL_KINDS) + len(VIEWS) + len(LAYOUTS)
    for href in choices:
        page = small.client.get(href)
        assert page.status_code == 200, href
        chosen = [link.get("href") for link in parsed(page.text).iter("a") if link.get("aria-current")]
        assert len(chosen) >= 4, href


@pytest.mark.parametrize(
    "fields",
    [
        {"date": "2026-02-30"},
        {"date": "yesterday"},
        {"date": "0001-01-01"},
        {"theme": "../x"},
        {"theme": "nowhere"},
        {"language": "xx"},
        {"language": "../de"},
        {"newsletter": "nothing"},
        {"reader": "999999"},
        {"reader": "9" * 40},
        {"reader": "٣"},
        {"reader": "nobody"},
        {"kind": "spam"},
        {"kind": "../digest"},
        {"case": "best"},
    ],
)
def test_what_there_is_not_is_a_404_everywhere(small: Site, fields: dict[str, str]) -> None:
    for path in ("", "/mail", "/raw", "/state"):
        answer = small.get(path, **fields)
        assert answer.status_code == 404, path
        assert "Nothing here" in answer.text
    for path in ("/send", "/abilities"):
        assert small.post(path, {"address": "editor@example.org"}, **fields).status_code == 404, path
    assert mails(small.app) == []


def test_a_page_says_who_gets_what_and_how_large_it_is(small: Site) -> None:
    page = words(small.page())
    mail = message_from_bytes(small.get("/raw").content, policy=policy.default)
    assert mail["Subject"] in page
    for shown in ("No interests", READER, "of HTML; Gmail cuts at", "No. 1 as of 2026-08-17 06:00 UTC"):
        assert shown in page


def test_the_gauge_warns_of_a_mail_that_would_be_clipped(small: Site) -> None:
    small.own("partials/footer.mjml", replace=("<mj-section", f"<mj-raw><p>{'x' * 110_000}</p></mj-raw>\n<mj-section"))
    assert "over 102.0 kB, Gmail cuts the end off" in wait_for(
        lambda: words(page) if "Gmail cuts the end off" in words(page := small.page()) else None
    )


def test_a_reader_to_whom_nothing_is_new_is_told_what_to_do(small: Site) -> None:
    page = small.get(case="none")
    assert page.status_code == 200
    assert "Nothing to send" in page.text
    assert "newsletter fetch" in page.text
    assert [small.get(path, case="none").status_code for path in ("/mail", "/raw")] == [404, 404]
    assert small.state(case="none") == {"mark": "nothing", "problem": ""}


def test_pictures_are_in_the_frame_itself_as_it_may_ask_nobody_for_them(small: Site) -> None:
    with small.app.database.write() as session:
        first = small.app.builder.rank(small.app.config.newsletters["papers"], at=small.app.clock.now())[0].paper
        PictureStore(session).keep(first.seq, "drawn here", make_pictures(draw_figure("one")), now=small.app.clock.now())
    for theme in ("quiet", "rich"):
        frame = small.mail(theme=theme)
        assert "data:image/" in frame
        assert "/pictures/" not in frame


def test_a_frame_lets_a_mail_do_nothing_but_open_links(small: Site) -> None:
    frame = next(iter(small.page().iter("iframe")))
    allowed = {"allow-popups", "allow-popups-to-escape-sandbox", "allow-same-origin"}
    assert set(frame.get("sandbox", "").split()) == allowed
    answer = small.client.get(frame.get("src", ""))
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert set(rules.pop("sandbox").split()) == allowed
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }


def test_the_page_asks_nobody_but_its_own_server(small: Site) -> None:
    policy_of = small.get().headers["content-security-policy"]
    assert "default-src 'none'" in policy_of
    assert "unsafe" not in policy_of
    for rule in ("script-src", "style-src", "img-src", "frame-src", "connect-src", "form-action"):
        assert f"{rule} 'self';" in policy_of


def test_hostile_text_is_text_everywhere_on_the_page(small: Site) -> None:
    take_in(small.app, small.folder, {text.replace("\x00", ""): 5000 for text in HOSTILE})
    plain = {(element.tag, frozenset(element.keys())) for view in VIEWS for element in small.page(view=view, case="one").iter()}
    for view in VIEWS:
        for fields in ({"case": "hostile"}, {}):
            page = small.page(view=view, **fields)
            for element in page.iter():
                assert not any(name.startswith("on") for name, _ in element.items()), view
                for name in ("href", "src", "action"):
                    assert element.get(name, "/").startswith(("/", "#")), (view, element.get(name))
            assert [script.get("src") for script in page.iter("script")] == ["/static/studio.js"]
            kinds = {(each.tag, frozenset(each.keys())) for each in page.iter() if isinstance(each.tag, str)}
            assert not {tag for tag, _ in kinds - plain} - {"strong", "small", "code", "p", "span", "td", "tr", "bdi"}, view


def test_the_mark_changes_with_the_mail(small: Site) -> None:
    first = small.state(date="2026-08-17")
    assert first["problem"] == ""
    assert small.page(date="2026-08-17").find(".//*[@data-mark]").get("data-mark") == first["mark"]  # type: ignore[union-attr]  # it is there
    assert small.state(date="2026-08-17") == first
    assert small.state(date="2026-08-17", theme="compact")["mark"] != first["mark"]
    take_in(small.app, small.folder, {"Paper that is new": 5000})
    assert small.state()["mark"] != first["mark"]


def test_a_broken_template_is_named_with_its_line_and_all_its_mistakes_at_once(small: Site) -> None:
    good = small.mail()
    path = small.own("partials/masthead.mjml")
    lines = path.read_text(encoding="utf-8").splitlines()
    broken = [*lines, "<mj-txet>one</mj-txet>", "<mj-text colour='red'>two</mj-text>"]
    path.write_text("\n".join(broken) + "\n", encoding="utf-8")
    problem = wait_for(lambda: small.state()["problem"])
    assert f"partials/masthead.mjml:{len(lines) + 1}:" in problem
    assert f"  {len(lines) + 1} | <mj-txet>one</mj-txet>" in problem
    page = small.get()
    assert page.status_code == 500
    assert words(parsed(page.text).find(".//*[@id='problem']")).startswith("This cannot be shown")
    assert "&lt;mj-txet&gt;" in page.text
    assert small.get("/mail").status_code == 409
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    wait_for(lambda: not small.state()["problem"])
    assert small.mail() == good


def test_a_broken_configuration_is_shown_and_recovered_from(small: Site) -> None:
    good = small.config.read_text(encoding="utf-8")
    small.config.write_text(good.replace("size = 5", "size = 'many'"), encoding="utf-8")
    wait_for(lambda: small.state()["problem"])
    for answer in (small.get(), small.get(view="checks")):
        assert answer.status_code == 500
        assert "newsletters.papers.size" in answer.text
    assert "newsletters.papers.size" in small.state()["problem"]
    assert small.post("/send", {"address": "editor@example.org"}).status_code == 500
    small.config.unlink()
    wait_for(lambda: "no such file" in small.state()["problem"])
    small.config.write_text(good.replace("size = 5", "size = 3"), encoding="utf-8")
    wait_for(lambda: not small.state()["problem"])
    assert "Papers3" in words(small.page()).replace(" ", "")


def test_another_database_is_refused_with_what_to_do(small: Site) -> None:
    good = small.config.read_text(encoding="utf-8")
    small.config.write_text(good.replace("newsletter.db", "other.db"), encoding="utf-8")
    wait_for(lambda: "start the preview again" in small.state()["problem"])
    assert not (small.folder / "other.db").exists()


def test_what_readers_chose_shows_when_the_page_is_loaded_again(site: Site) -> None:
    assert "Paper 1" in site.get(view="text").text
    take_in(site.app, site.folder, {"Paper that is new": 5000})
    assert "Paper that is new" in site.get(view="text").text


def test_the_last_issue_stands_beside_the_next_one(site: Site, clock: ManualClock) -> None:
    assert "No issue has gone out yet" in site.get(view="compare").text
    issue = build(site.app).issue
    assert issue is not None
    send(site.app, issue)
    clock.advance(timedelta(hours=1))
    take_in(site.app, site.folder, {"Paper that is new": 5000})
    page = words(site.page(view="compare"))
    assert "No. 1, as this reader would have got it, beside No. 2" in page
    assert "Paper that is new" in page


def test_pages_below_a_path_and_mails_that_name_another_host_are_seen_here_all_the_same(
    tmp_path: Path, sqlite_template: Path, clock: ManualClock
) -> None:
    with small_site(tmp_path, sqlite_template, clock, base_url="https://papers.example.org/news") as site:
        page = site.page()
        links = [link.get("href", "") for link in page.iter("a") if "/preview?" in link.get("href", "")]
        frames = [frame.get("src", "") for frame in page.iter("iframe")]
        assert all(path.startswith("/news/preview") for path in links + frames)
        assert [site.client.get(path).status_code for path in (links[0], *frames)] == [200, 200, 200]
        assert "sent to" in site.post("/send", {"address": "editor@example.org"}).text


@pytest.mark.parametrize("path", ["/send", "/abilities"])
@pytest.mark.parametrize("origin", ["", "null", NEIGHBOUR, "http://127.0.0.1", "http://127.0.0.1:1", "http://localhost:8081"])
def test_a_button_is_pressed_on_the_page_itself_only(small: Site, path: str, origin: str) -> None:
    assert small.post(path, {"address": "editor@example.org"}, origin=origin).status_code == 403
    assert mails(small.app) == []


def test_a_button_is_no_link(small: Site) -> None:
    for path in ("/send", "/abilities"):
        assert small.get(path, address="editor@example.org").status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "papers.example.org"},
        {"host": "127.0.0.1.example.org"},
        {"host": "[::1].example.org"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-real-ip": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
    ],
)
def test_from_elsewhere_there_is_no_studio(small: Site, headers: dict[str, str]) -> None:
    for path in ("", "/mail", "/raw", "/state", "/events"):
        answer = small.client.get(f"/preview{path}", headers=headers)
        assert answer.status_code == 404, path
        assert "Paper 1" not in answer.text
    for path in ("/send", "/abilities"):
        host = headers.get("host", small.address.partition("://")[2])
        pressed = small.client.post(
            f"/preview{path}", data={"address": READER}, headers={"origin": f"http://{host}", **headers}
        )
        assert pressed.status_code == 404, path
    assert mails(small.app) == []


def test_without_being_asked_for_there_is_no_studio(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> None:
    copyfile(sqlite_template, tmp_path / "newsletter.db")
    with served(tmp_path, f"sqlite:///{tmp_path}/newsletter.db", clock) as (_, address):
        assert [httpx.get(f"{address}/preview{path}").status_code for path in ("", "/mail", "/state", "/events")] == [404] * 4


def test_a_sample_is_sent_into_the_inbox_and_counts_nowhere(site: Site) -> None:
    before = contents(site.app.database)
    answer = site.post("/send", {"address": " editor@example.org "}, theme="compact")
    assert answer.status_code == 200
    said = parsed(answer.text).find(".//*[@role='status']")
    assert words(said).startswith("sent to editor@example.org; the server said 250")
    (mail,) = mails(site.app)
    assert mail["To"] == "editor@example.org"
    assert mail["Subject"].startswith("[Test] Paper 1")
    (caught,) = site.app.inbox.messages()
    assert caught.rcpt_tos == ("editor@example.org",)
    assert contents(site.app.database) == before


def test_a_sample_goes_to_the_configured_relay_as_it_is_configured_then(
    tmp_path: Path, sqlite_template: Path, clock: ManualClock
) -> None:
    with smtp_server() as first, smtp_server() as second:
        settings = '[smtp]\nhost = "127.0.0.1"\nport = {}\nsecurity = "none"\n'
        extra = settings.format(first.port)
        with small_site(tmp_path, sqlite_template, clock, extra=extra, base_url="https://papers.example.org") as site:
            assert "sent to editor@example.org" in site.post("/send", {"address": "editor@example.org"}).text
            text = site.config.read_text(encoding="utf-8")
            site.config.write_text(text.replace(f"port = {first.port}", f"port = {second.port}"), encoding="utf-8")
            assert "sent to editor@example.org" in site.post("/send", {"address": "editor@example.org"}).text
            site.config.write_text(text.replace('host = "127.0.0.1"', 'host = ""'), encoding="utf-8")
            assert "start the preview again" in site.post("/send", {"address": "editor@example.org"}).text
        assert [[each.recipient for each in server.accepted] for server in (first, second)] == [["editor@example.org"]] * 2


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@example.org, b@example.org", "a@example.org\r\nRCPT TO:<b@example.org>", "<a@example.org>"]
)
def test_what_is_no_address_is_refused_with_words(small: Site, address: str) -> None:
    answer = small.post("/send", {"address": address})
    assert answer.status_code == 200
    assert "not an e-mail address" in words(parsed(answer.text).find(".//*[@role='status']"))
    assert mails(small.app) == []


def test_a_suppressed_address_is_written_to_by_nobody(small: Site) -> None:
    small.app.subscribers.suppress("never@example.org", SuppressionReason.OPERATOR)
    answer = small.post("/send", {"address": "Never@EXAMPLE.org"})
    assert "suppressed" in words(parsed(answer.text).find(".//*[@role='status']"))
    assert mails(small.app) == []


def test_where_there_is_nothing_to_send_nothing_is_sent(small: Site) -> None:
    assert "nothing to send" in small.post("/send", {"address": "editor@example.org"}, case="none").text
    assert mails(small.app) == []


def test_the_table_of_mail_programs_is_fetched_when_its_button_is_pressed(
    tmp_path: Path, sqlite_template: Path, clock: ManualClock
) -> None:
    with serving() as elsewhere:
        good = Reply(body=json.dumps(TABLE).encode(), headers=JSON)
        elsewhere.script("/table.json", good, Reply(body=b'{"data": 7}', headers=JSON), Reply(500), good)
        extra = f'[preview]\ncaniemail = "{elsewhere.url("/table.json")}"\n'
        with small_site(tmp_path, sqlite_template, clock, extra=extra) as site:
            kept = site.app.config.paths.data / "caniemail.json"
            assert "is not here yet" in site.get(view="checks").text
            assert elsewhere.asked == []
            assert "table of 2026-06-29" in words(
                parsed(site.post("/abilities", view="checks").text).find(".//*[@role='status']")
            )
            page = words(site.page(view="checks"))
            assert "Media queries" in page
            content = kept.read_bytes()
            for _ in range(2):
                refused = parsed(site.post("/abilities", view="checks").text)
                status = refused.find(".//*[@role='status']")
                assert status is not None
                assert "bad" in status.get("class", "")
                assert kept.read_bytes() == content
            assert [path.name for path in kept.parent.glob("caniemail*")] == ["caniemail.json"]


def test_a_damaged_table_is_as_good_as_none_and_a_new_one_is_used_at_once(small: Site) -> None:
    kept = small.app.config.paths.data / "caniemail.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("{", encoding="utf-8")
    assert "is not here yet" in small.get(view="checks", date="2026-08-17").text
    kept.write_text(json.dumps(TABLE), encoding="utf-8")
    assert "Media queries" in small.get(view="checks", date="2026-08-17").text


def test_many_ask_at_once_and_all_are_answered(site: Site) -> None:
    views = [*VIEWS] * 3
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda view: site.get(view=view).status_code, views))
    assert answers == [200] * len(views)
