"""What the parts of a template depend on, and templates that cannot be cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.cutting import cut
from newsletter.rendering.template.folder import TemplateFolder, make_environment
from newsletter.rendering.template.parts import OF_DIGEST, OF_ISSUE, OF_SHAPE, ROWS, IndivisibleError, Loop, Part, Step
from newsletter.rendering.template.tags import at_tags, tag_state
from newsletter.rendering.view.views import DigestView

INCLUDED = {"card.txt": "{{ paper.title }}", "round.txt": "{% include 'round.txt' %}"}


def steps_of(source: str, name: str = "digest.mjml") -> tuple[Step, ...]:
    return cut(source, name, make_environment(), INCLUDED.__getitem__).steps


def told(steps: Sequence[Step]) -> Iterator[object]:
    """What parts need, and for papers whether they depend on the paper and its place."""
    for step in steps:
        if isinstance(step, Part):
            yield step.needs
        elif isinstance(step, Loop):
            yield step.over, [(part.is_of_paper, part.is_of_place) for part in step.parts]
        else:
            yield list(told(step.yes)), list(told(step.no))


def test_every_field_of_a_view_is_known_to_be_of_the_issue_or_of_the_digest() -> None:
    kinds = [OF_ISSUE, OF_DIGEST, OF_SHAPE, ROWS]
    known = [name for kind in kinds for name in kind]
    assert sorted(known) == sorted(name for name in dir(DigestView) if not name.startswith("_"))


@pytest.mark.parametrize("theme", TemplateFolder().themes())
def test_the_packaged_templates_can_be_cut(theme: str) -> None:
    html, text = Templates.of(TemplateFolder(), theme, "en").parts("digest")
    assert {loop.over for loop in html.loops} == {loop.over for loop in text.loops} == ROWS


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a{{ view.name }}b{% if view.tagline %}c{% endif %}", [()]),
        ("{{ view.intro }}{{ view.count }}", [("intro",), ("shape",)]),
        ("{{ view.name }}{% if view.more_online %}{{ view.more_online }}{% endif %}", [(), ("shape",)]),
        ("<html dir='{{ view.direction }}'>{{ view.look.accent }}{{ view.online_url }}", [()]),
        ("{% if view.intro %}{{ view.preheader }}{% endif %}", [("intro", "preheader")]),
        ("{% if view.cards or not view.rising %}x{% endif %}", [("shape",)]),
        ("{{ view.cards | length }} of {{ view.count }}", [("shape",)]),
        ("{% set paper = view.lead %}<p>{{ paper.title }}</p>{{ view.name }}", [(), ("lead",), ()]),
        ("{% with paper = view.lead %}{{ paper.title }}{% endwith %}", [("lead",)]),
        ("{% for paper in view.cards %}<p>{{ paper.title }}{% endfor %}", [("cards", [(True, False)])]),
        (
            "{% for p in view.rising %}<b>{{ p.place }}</b><i>{{ p.title }}{{ view.name }}</i>{% endfor %}",
            [("rising", [(False, True), (True, False)])],
        ),
        ("{% for p in view.cards %}{% set x = p.place %}{{ x }}{% endfor %}", [("cards", [(False, True)])]),
        ("{% for p in view.cards %}{{ p }}{% endfor %}", [("cards", [(True, True)])]),
        (
            "{% for p in view.cards %}{% for x in p.facts %}{% if loop.first %}{{ x }}{% endif %}{% endfor %}{% endfor %}",
            [("cards", [(True, False)])],
        ),
        (
            "{% if view.cards %}<p>{% for p in view.cards %}x{% endfor %}{% elif view.rising %}y{% else %}z{% endif %}",
            [([(), ("cards", [(False, False)])], [("shape",)])],
        ),
        ('<p>{{ view.name }}</p><a title="{{ view.subject }}">{{ view.intro }}</a>', [(), ("subject",), ("intro",), ()]),
        ("<style>.a { width: {{ view.count }}px }</style>{{ view.name }}", [("shape",), ()]),
    ],
)  # fmt: skip
def test_parts_say_what_they_depend_on(source: str, expected: list[object]) -> None:
    assert list(told(steps_of(source))) == expected


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for p in view.cards %}{{ loop.index }}{% endfor %}", "uses loop"),
        ("{% for p in view.cards %}{{ view.intro }}{% endfor %}", "beyond the paper"),
        ("{% for p in view.cards %}x{% else %}none{% endfor %}", "conditions"),
        ("{% for p in view.cards if p.votes %}x{% endfor %}", "conditions"),
        ("{% for p in view.cards[:2] %}x{% endfor %}", "otherwise than in a loop"),
        ("{{ view.cards[0].title }}", "otherwise than in a loop"),
        ("{{ (view.cards or view.rising)[0].title }}", "otherwise than in a loop"),
        ("{% if view.intro %}{% for p in view.cards %}x{% endfor %}{% endif %}", "on a condition"),
        ("{{ view }}", "as a whole"),
        ("{{ view.nothing }}", "reads view.nothing"),
        ("{{ other }}", "uses other"),
        ("{{ lipsum() }}", "uses lipsum"),
        ("{{ [1, 2] | random }}", "filter"),
        ("{% macro card(p) %}{% endmacro %}", "macro"),
        ("{% set view = 1 %}", "sets"),
        ("{% if view.count %}{% set x = 1 %}{% endif %}{{ x }}", "in an if"),
        ("{% set x = namespace(n=0) %}{% set x.n = 1 %}{{ x.n }}", "nsref"),
        ("{% for p in view.cards %}<b title='{% endfor %}", "beyond the paper"),
        ("<b title='{% for p in view.cards %}x{% endfor %}'>", "conditions"),
        ("{% if view.name %}<b title='{% endif %}x'>", "on a condition"),
        ("{% if view.cards %}{% for p in view.cards %}x{% endfor %}<b {% endif %}>", "within a tag"),
    ],
)  # fmt: skip
def test_what_may_depend_on_anything_is_not_cut(source: str, why: str) -> None:
    with pytest.raises(IndivisibleError, match=why):
        steps_of(source)


def test_what_a_text_includes_is_cut_where_it_stands() -> None:
    source = "{% for paper in view.cards %}{{ paper.place }} {% include 'card.txt' %}{% endfor %}"
    assert list(told(steps_of(source, "digest.txt"))) == [("cards", [(False, True), (True, False)])]
    for odd in ("{% include 'round.txt' %}", "{% include view.name %}", "{% include 'card.txt' ignore missing %}"):
        with pytest.raises(IndivisibleError, match="includes"):
            steps_of(odd, "digest.txt")


@pytest.mark.parametrize(
    ("text", "state", "after"),
    [
        ("<p>a</p>", "", ""),
        ("<a href='x", "", "<'"),
        ("x' title=", "<'", "<"),
        ("x > y", "", ""),
        ("1 < 2", "", ""),
        ("<!-- <p> ", "", "<!--"),
        ("x --> y", "<!--", ""),
        ("<!--[if !mso]><!--><b>", "", ""),
        ("<style type='a'>p > a", "", "style"),
        ("b { } </style ><p>", "style", ""),
        ("", "<", "<"),
    ],
)
def test_it_is_known_whether_a_text_ends_within_a_tag(text: str, state: str, after: str) -> None:
    assert tag_state(text, state) == after


def test_text_is_cut_beside_the_tags_that_are_open_at_its_ends() -> None:
    assert at_tags("'>a<p>b</p><a href='", "<'") == ["'>", "a<p>b</p>", "<a href='"]
    assert at_tags("a<p>b", "") == ["a<p>b"]
    assert at_tags("x", "<'") == ["x"]
    assert at_tags("", "") == []
