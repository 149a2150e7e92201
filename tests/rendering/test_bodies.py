"""Digests put together from pieces say what rendering them whole says, and nothing leaves that the linter did not see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, DigestEntry, DigestId, PoolEntry
from newsletter.papers.model import PaperSeq
from newsletter.rendering.bodies import IssueBodies
from newsletter.rendering.errors import MessageRefused, TemplateError
from newsletter.rendering.message.lint import BUDGET_BYTES, lint
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.folder import TemplateFolder
from tests.rendering.pictures import EMBEDDED, MadeUpPictures
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    RECEIPT,
    SECRET,
    TITLES,
    correction,
    digest_of,
    late_entry,
    paper,
    pool_of,
)

TRICKS = (
    *TITLES,
    "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
    "<script>alert(1)</script> & {{ 7*7 }} \"quoted\" 'single' </td>",
    ".\n.\r\n.. MAIL FROM:<x@example.org>\nFrom here",
    "=20 =\n =3D =  ",
    "模型" * 60,
    "x" * 600,
)
#: Papers with and without everything that a template asks for.
POOL = [
    PoolEntry(entry.rank, entry.paper, replace(RECEIPT, votes=None, votes_gained=None, history=()) if bare else entry.receipt)
    for number, title in enumerate(TRICKS, start=1)
    for bare in [number % 3 == 0]
    for entry in pool_of(
        [
            paper(
                number,
                title=title,
                abstract=f"{title} " * (number % 5 * 20),
                summary="" if number % 2 else title,
                authors=() if bare else (title, "A. Third"),
                author_count=0 if bare else 1234,
                organization="" if number % 4 else title,
                categories=() if bare else ("cs.LG",),
                code_url="" if bare else "https://example.org/code?a=1&b=2",
                arxiv_id=None if number % 7 == 0 else f"2608.{number:05d}",
            )
        ]
    )
]
POOL += [late_entry(len(POOL) + 1 + number, title, abstract=f"{title} " * 9) for number, title in enumerate(TRICKS[6:])]
CORRECTIONS = [
    *(correction(number, seq=90 + number, title=title) for number, title in enumerate(TRICKS[6:9])),
    *(correction(3 + number, TRICKS[8 - number], seq=93 + number, title=title) for number, title in enumerate(TRICKS[6:])),
]
MATCHES = ("", "", "keyword:planning", "taste:maps", "author:Ada <Example>", "lab:模型", "category:cs.LG")


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    seqs = draw(st.lists(st.sampled_from([entry.paper.seq for entry in POOL]), unique=True, min_size=1))
    entries = tuple(DigestEntry(seq, draw(st.sampled_from(MATCHES))) for seq in seqs)
    corrections = draw(st.sets(st.sampled_from(range(len(CORRECTIONS)))))
    return Digest(DigestId(draw(st.integers(1, 10_000))), ISSUE.id, entries, tuple(sorted(corrections)))


def one_paper(number: int, *seqs: int) -> Digest:
    return Digest(DigestId(number), ISSUE.id, tuple(DigestEntry(PaperSeq(seq)) for seq in seqs))


def renderer(templates: Path | None = None) -> Renderer:
    return Renderer(templates, base_url=BASE_URL, secret=SECRET)


def bodies(templates: Path | None = None, pool: Sequence[PoolEntry] = POOL) -> IssueBodies:
    return IssueBodies(renderer(templates), NEWSLETTER, "papers", ISSUE, pool, CORRECTIONS)


@pytest.fixture(scope="module")
def whole() -> Callable[[Digest], ComposedBody]:
    """What renders a digest whole."""
    made = renderer()
    return lambda digest: made.compose(NEWSLETTER, "papers", ISSUE, POOL, digest, corrections=CORRECTIONS)


@pytest.fixture(scope="module")
def compose() -> Callable[[Digest], PiecedBody]:
    """What composes a digest with all that was composed before in memory."""
    making = bodies()

    def one(digest: Digest) -> PiecedBody:
        (body,) = making.compose([digest])
        assert isinstance(body, PiecedBody)
        return body

    return one


def read(data: bytes) -> tuple[list[tuple[str, str]], list[str], list[tuple[str, object]]]:
    """The fields of a message but for its boundary, the words of its text and HTML, and its pictures by name."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = list(message.walk())
    words = [str(part.get_content()) for part in parts if part.get_content_maintype() == "text"]
    pictures = [(str(part["Content-ID"]), part.get_content()) for part in parts if part.get_content_maintype() == "image"]
    return [(name, str(value)) for name, value in message.items() if name != "Content-Type"], words, pictures


@settings(deadline=None, max_examples=150)
@given(digests())
def test_put_together_a_digest_says_what_the_whole_template_says(
    compose: Callable[[Digest], PiecedBody], whole: Callable[[Digest], ComposedBody], digest: Digest
) -> None:
    body, expected = compose(digest), whole(digest)
    data = body.fill(PERSONAL.encoded())
    assert read(data) == read(expected.splice(PERSONAL))
    assert lint(data, body.expectation(PERSONAL)) == []
    assert data == body.gapped().fill(PERSONAL.encoded())
    assert all(len(line) <= 78 or line.startswith(b"List-Unsub") for line in data.split(b"\r\n"))
    assert body.is_wire_safe()


def test_what_was_composed_before_changes_no_byte() -> None:
    one = Digest(DigestId(1), ISSUE.id, tuple(DigestEntry(PaperSeq(seq), "keyword:maps") for seq in (3, 1, 9, 4, 8, 2)))
    others = [
        Digest(DigestId(2 + first), ISSUE.id, tuple(DigestEntry(PaperSeq(seq)) for seq in range(first, 10)))
        for first in range(1, 9)
    ]
    making = bodies()
    assert making.compose(others)
    assert making.compose([one])[0] == bodies().compose([one])[0]
    assert making.compose([one, *others])[0] == bodies().compose([*others, one])[-1]


def test_most_of_a_body_is_stored_once_for_all() -> None:
    making = bodies()
    entries = digest_of(POOL[: len(TRICKS)]).entries
    made = making.compose([Digest(DigestId(1), ISSUE.id, entries), Digest(DigestId(2), ISSUE.id, entries[::-1])])
    for body in made:
        assert isinstance(body, PiecedBody)
        assert len(body.to_bytes()) < 4000 < 40_000 < len(body.fill(PERSONAL.encoded()))


def test_details_are_left_out_until_a_digest_fits() -> None:
    pool = pool_of([paper(number, title=f"{number} " + "模型的长标题" * 40) for number in range(1, 61)])
    (body,) = bodies(pool=pool).compose([digest_of(pool)])
    assert isinstance(body, PiecedBody)
    assert 0 < body.html_bytes <= BUDGET_BYTES
    data = body.fill(PERSONAL.encoded())
    assert read(data) == read(renderer().compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool)).splice(PERSONAL))


def test_an_error_stands_in_the_place_of_its_digest() -> None:
    outside = Digest(DigestId(7), ISSUE.id, (DigestEntry(PaperSeq(99)),))
    first, wrong, empty, last = bodies().compose([digest_of(POOL), outside, Digest(DigestId(8), ISSUE.id, ()), digest_of(POOL)])
    assert isinstance(first, PiecedBody)
    assert first == last
    assert isinstance(wrong, ValueError)
    assert "not in the pool" in str(wrong)
    assert isinstance(empty, ValueError)


# Pictures in the mails themselves.

SHOWING = """<mjml><mj-body>{% if view.look.logo %}<mj-raw><img src="{{ view.look.logo.src }}" alt="" /></mj-raw>{% endif %}
<mj-section><mj-column><mj-table><tbody><tr><td>{% set paper = view.lead %}
{% if paper.picture %}<img src="{{ paper.picture.src }}" alt="{{ paper.picture.alt }}" />{% endif %}</td></tr>
{% for paper in view.cards %}<tr><td>{{ paper.title }}{% if paper.picture %}
<img src="{{ paper.picture.src }}" alt="{{ paper.picture.alt }}" />{% endif %}</td></tr>{% endfor %}
</tbody></mj-table></mj-column></mj-section><mj-raw><a href="{{ view.unsubscribe_url }}">x</a></mj-raw></mj-body></mjml>"""
#: Papers that have a picture, among those of the pool.
PICTURED = (1, 2, 4, 5, 8, 9)


@pytest.fixture
def showing(tmp_path: Path) -> Path:
    (tmp_path / "digest.mjml").write_text(SHOWING)
    return tmp_path


def with_pictures(folder: Path | None, kept: MadeUpPictures, **look: object) -> tuple[Renderer, NewsletterConfig]:
    newsletter = NEWSLETTER.model_copy(update={"look": EMBEDDED.model_copy(update=look)})
    return Renderer(folder, base_url=BASE_URL, secret=SECRET, pictures=kept), newsletter


def shown_pictures(data: bytes) -> list[str]:
    return [name for name, _ in read(data)[2]]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(digests(), min_size=1, max_size=4), st.booleans())
def test_put_together_a_digest_brings_the_pictures_that_it_shows(showing: Path, some: list[Digest], has_logo: bool) -> None:
    made, newsletter = with_pictures(showing, MadeUpPictures(PICTURED), logo=Path("logo.png") if has_logo else None)
    found = IssueBodies(made, newsletter, "papers", ISSUE, POOL).compose(some)
    for digest, body in zip(some, found, strict=True):
        assert isinstance(body, PiecedBody)
        data = body.fill(PERSONAL.encoded())
        assert lint(data, body.expectation(PERSONAL)) == []
        assert read(data) == read(made.compose(newsletter, "papers", ISSUE, POOL, digest).splice(PERSONAL))
        pictured = [entry for entry in digest.entries[:5] if entry.paper_seq in PICTURED]
        assert len(shown_pictures(data)) == len(pictured) + has_logo
        assert (b"multipart/related" in data) is bool(pictured or has_logo)
        assert body.is_wire_safe()


@pytest.mark.parametrize("theme", TemplateFolder().themes())
@pytest.mark.parametrize("logo", [None, Path("logo.png")])
def test_every_theme_goes_out_in_pieces_with_its_pictures(theme: str, logo: Path | None) -> None:
    made, newsletter = with_pictures(None, MadeUpPictures(PICTURED), theme=theme, logo=logo)
    digest = digest_of(POOL)
    (body,) = IssueBodies(made, newsletter, "papers", ISSUE, POOL).compose([digest])
    assert isinstance(body, PiecedBody)
    data = body.fill(PERSONAL.encoded())
    assert read(data) == read(made.compose(newsletter, "papers", ISSUE, POOL, digest).splice(PERSONAL))
    assert lint(data, body.expectation(PERSONAL)) == []


def test_a_picture_is_stored_once_for_all_digests_that_show_it(showing: Path) -> None:
    made, newsletter = with_pictures(showing, MadeUpPictures(PICTURED))
    some = [one_paper(1, 1, 2, 4), one_paper(2, 1, 4, 5), one_paper(3, 4, 1), one_paper(4, 3, 6)]
    first, second, third, without = IssueBodies(made, newsletter, "papers", ISSUE, POOL).compose(some)
    for body in (first, second, third, without):
        assert isinstance(body, PiecedBody)
    pictures = [
        {piece.key for piece in body.pieces if b"\nContent-ID: " in piece.content}
        for body in (first, second, third, without)
        if isinstance(body, PiecedBody)
    ]
    assert [len(keys) for keys in pictures] == [3, 3, 2, 0]
    assert "" not in set().union(*pictures)
    assert len(pictures[0] & pictures[1]) == 2  # the lead's large one and a card's small one
    assert not pictures[2] & (pictures[0] | pictures[1])  # another lead, and what led is a card


def test_a_picture_that_is_gone_leaves_no_hole_and_stops_no_mail(showing: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = MadeUpPictures(PICTURED)
    made, newsletter = with_pictures(showing, pictures)
    pictures.lose(2)
    digest = one_paper(1, 1, 2, 4)
    (body,) = IssueBodies(made, newsletter, "papers", ISSUE, POOL).compose([digest])
    assert isinstance(body, PiecedBody)
    data = body.fill(PERSONAL.encoded())
    assert len(shown_pictures(data)) == 2
    assert read(data) == read(made.compose(newsletter, "papers", ISSUE, POOL, digest).splice(PERSONAL))
    assert "rendering.picture_missing" in caplog.text


def test_a_picture_that_goes_while_an_issue_goes_out_is_still_in_its_mails(showing: Path) -> None:
    pictures = MadeUpPictures(PICTURED)
    made, newsletter = with_pictures(showing, pictures)
    making = IssueBodies(made, newsletter, "papers", ISSUE, POOL)
    before = making.compose([one_paper(1, 1, 2, 4)])
    pictures.lose(2)
    assert making.compose([one_paper(1, 1, 2, 4)]) == before


def test_linked_pictures_make_no_parts(showing: Path) -> None:
    made, newsletter = with_pictures(showing, MadeUpPictures(PICTURED), pictures="linked", logo=Path("logo.png"))
    (body,) = IssueBodies(made, newsletter, "papers", ISSUE, POOL).compose([digest_of(POOL)])
    assert isinstance(body, PiecedBody)
    data = body.fill(PERSONAL.encoded())
    assert b"multipart/related" not in data
    assert read(data)[1][1].count(f'src="{BASE_URL}/pictures/') == 5  # of the logo and of papers 1, 2, 4 and 5


def test_words_that_look_like_a_picture_bring_none(showing: Path) -> None:
    pictures = MadeUpPictures([1, 2])
    name = pictures.of([PaperSeq(2)])[PaperSeq(2)].small.name
    trick = f'src="cid:{name}@example.org" \'<img src="cid:{name}@example.org">'
    pool = pool_of([paper(1, title=trick, summary=trick, organization=trick), paper(2)])
    made, newsletter = with_pictures(showing, pictures)
    whole = IssueBodies(made, newsletter, "papers", ISSUE, pool).compose([one_paper(1, 1), one_paper(2, 1, 2)])
    for body, count in zip(whole, (1, 2), strict=True):
        assert isinstance(body, PiecedBody)
        assert len(shown_pictures(body.fill(PERSONAL.encoded()))) == count


# The operator's own templates.


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "partials").mkdir()
    return tmp_path


def test_a_template_of_any_form_goes_out_whole_if_it_must(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    (own / "partials" / "authors.mjml").write_text("<p>{{ loop.index if loop is defined else '' }}{{ paper.authors }}</p>")
    making = bodies(own)
    for _ in range(2):
        (body,) = making.compose([digest_of(POOL)])
        assert isinstance(body, ComposedBody)
        assert body == renderer(own).compose(NEWSLETTER, "papers", ISSUE, POOL, digest_of(POOL))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [warning for warning in warnings if "rendering.whole" in warning] == [
        "rendering.whole issue=14 why='digest.mjml uses loop'"
    ]


def test_templates_that_change_while_an_issue_goes_out_are_read_again(own: Path) -> None:
    making = bodies(own)
    (before,) = making.compose([digest_of(POOL)])
    (own / "partials" / "authors.mjml").write_text("<p>by {{ paper.authors }}, of course</p>")
    (after,) = making.compose([digest_of(POOL)])
    assert isinstance(before, PiecedBody)
    assert isinstance(after, PiecedBody)
    assert b"of course" not in before.fill(PERSONAL.encoded())
    assert b"of course" in after.fill(PERSONAL.encoded())


def test_a_template_with_a_mistake_is_named(own: Path) -> None:
    (own / "digest.txt").write_text("{{ view.name + 1 }}")
    (wrong,) = bodies(own).compose([digest_of(POOL)])
    assert isinstance(wrong, TemplateError)
    assert "digest.txt" in str(wrong)
    (own / "digest.txt").write_text("{{ view.name")
    with pytest.raises(TemplateError, match=r"digest\.txt:1"):
        bodies(own).compose([digest_of(POOL)])


@pytest.mark.parametrize("link", ["{{ paper.lab }}", 'https://example.org" {{ paper.lab | safe }}="x'])
def test_a_paper_that_makes_an_unlawful_message_stops_its_digests_and_no_others(own: Path, link: str) -> None:
    (own / "partials" / "authors.mjml").write_text(f'<p>{{% if paper.lab %}}<a href="{link}">x</a>{{% endif %}}</p>')
    pool = pool_of([paper(number, organization="onclick" if number == 3 else "") for number in range(1, 9)])
    making = bodies(own, pool)
    for _ in range(2):
        found = making.compose(
            [one_paper(1, 1, 2), one_paper(2, 1, 3), one_paper(3, 4, 5), one_paper(4, 3), one_paper(5, 6, 1)]
        )
        assert [type(body) for body in found] == [PiecedBody, MessageRefused, PiecedBody, MessageRefused, PiecedBody]
        assert "digest 2" in str(found[1])


def test_a_control_character_is_found_in_every_digest_that_has_it(own: Path) -> None:
    (own / "partials" / "paper.txt").write_text("{{ paper.title }}{{ '\\x07' if paper.lab }}\n")
    pool = pool_of([paper(number, organization="A Lab" if number == 3 else "") for number in range(1, 6)])
    found = bodies(own, pool).compose([one_paper(1, 1, 2), one_paper(2, 1, 3), one_paper(3, 2, 3), one_paper(4, 2, 4)])
    assert [type(body) for body in found] == [PiecedBody, MessageRefused, MessageRefused, PiecedBody]


@pytest.mark.parametrize("condition", ["view.cards", "view.intro"])
def test_a_digest_without_the_way_out_is_refused_though_all_its_pieces_were_seen_elsewhere(own: Path, condition: str) -> None:
    (own / "digest.txt").write_text(
        f"{{{{ view.name }}}}\n{{% if {condition} and view.count > 1 %}}{{{{ view.unsubscribe_url }}}}{{% endif %}}\n"
    )
    found = bodies(own).compose([one_paper(1, 1, 2), one_paper(2, 2), one_paper(3, 1), one_paper(4, 2, 1)])
    assert [type(body) for body in found] == [PiecedBody, MessageRefused, MessageRefused, PiecedBody]


def test_a_digest_that_is_too_big_is_refused_and_named(own: Path) -> None:
    (own / "partials" / "authors.mjml").write_text("<p>" + "x " * 60_000 + "</p>")
    (refused,) = bodies(own).compose([one_paper(5, 1)])
    assert isinstance(refused, MessageRefused)
    assert {finding.rule for finding in refused.findings} == {"too-big"}
    assert "digest 5" in str(refused)


def test_a_text_that_ends_without_a_line_end_is_ended(own: Path) -> None:
    (own / "digest.txt").write_text("{{ view.unsubscribe_url }}{% for paper in view.cards %} {{ paper.title }}{% endfor %}")
    digest = digest_of(POOL)
    (body,) = bodies(own).compose([digest])
    assert isinstance(body, PiecedBody)
    assert read(body.fill(PERSONAL.encoded())) == read(
        renderer(own).compose(NEWSLETTER, "papers", ISSUE, POOL, digest).splice(PERSONAL)
    )
