from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.template.cutting import cut
from newsletter.rendering.template.folder import TemplateFolder, install_words, make_environment, naming
from newsletter.rendering.template.mjml import CompiledMjml, check_mjml, compile_mjml
from newsletter.rendering.view.views import DigestView, PaperView
from newsletter.rendering.words.language import ENGLISH, Language

FRAME = """<mjml>
<mj-head>{head}</mj-head>
<mj-body>
<mj-section>
<mj-column>
{body}
</mj-column>
</mj-section>
</mj-body>
</mjml>
"""
BODY_LINE = 6


def compiled(body: str, head: str = "", files: Mapping[str, str] | None = None) -> CompiledMjml:
    """Compile a mail whose one column holds ``body``, which begins on line 6."""
    sources = {"mail.mjml": FRAME.format(head=head, body=body), **(files or {})}

    def read(name: str) -> str:
        try:
            return sources[name]
        except KeyError:
            raise TemplateMissingError(name, "no such template") from None

    environment = make_environment()
    install_words(environment, ENGLISH)
    return compile_mjml("mail.mjml", read, environment)


def rendered(body: str, head: str = "", files: Mapping[str, str] | None = None, **values: object) -> str:
    return make_environment().from_string(compiled(body, head, files).source).render(**values)


def test_jinja_is_seen_by_neither_the_mjml_nor_the_css_parser() -> None:
    html = rendered(
        "{% for n in numbers if n < 3 and n > 0 %}<mj-text>{{ n }} &amp; {{ t }}</mj-text>{% endfor %}",
        numbers=[0, 1, 2, 3],
        t="<b>",
    )
    assert html.count(" &amp; &lt;b&gt;") == 2
    assert "1 &amp; &lt;b&gt;" in html
    assert "3 &amp;" not in html


def test_a_loop_over_table_rows_stays_in_its_table() -> None:
    body = "<mj-table><tbody>{% for n in numbers %}<tr><td>row {{ n }}</td></tr>{% endfor %}</tbody></mj-table>"
    html = rendered(body, numbers=[1, 2])
    assert "<tbody><tr><td>row 1</td></tr><tr><td>row 2</td></tr></tbody>" in html


def test_values_may_stand_in_links_colours_classes_and_the_title() -> None:
    html = rendered(
        '<mj-text color="{{ c }}" css-class="{{ k }}"><a href="{{ u }}" title="{% if c %}yes{% endif %}">x</a></mj-text>',
        "<mj-title>{{ s }}</mj-title><mj-style>.a { color: {{ c }} }</mj-style>",
        c="#b4431f", k="klass", u="https://example.org/?a=1&b=2", s="Title <1>",
    )  # fmt: skip
    assert "color:#b4431f" in html
    assert "klass" in html
    assert 'href="https://example.org/?a=1&amp;b=2" title="yes"' in html
    assert "<title>Title &lt;1&gt;</title>" in html
    assert ".a { color: #b4431f }" in html


def test_inline_styles_are_inlined_and_the_others_kept() -> None:
    head = (
        '<mj-style inline="inline">.a { color: {{ c }} } @media (min-width: 1px) { .a { color: blue } }</mj-style>'
        "<mj-style>@media (prefers-color-scheme: dark) { .a { color: red !important } }</mj-style>"
    )
    html = rendered('<mj-text><p class="a">x</p></mj-text>', head, c="green")
    assert '<p class="a" style="color: green' in html
    assert "prefers-color-scheme: dark) { .a { color: red !important } }" in html
    assert html.count("green") == 1


def test_a_statement_in_an_inline_style_is_refused_and_a_value_in_an_unused_rule_is_not() -> None:
    unused = '<mj-style inline="inline">.unused { color: {{ c }} }</mj-style>'
    assert "unused" not in rendered("<mj-text>x</mj-text>", unused, c="green")
    with pytest.raises(TemplateError, match="Jinja's statements do not work"):
        compiled("<mj-text>x</mj-text>", '<mj-style inline="inline">{% if c %}.a { color: red }{% endif %}</mj-style>')


def test_no_font_is_loaded_from_anywhere() -> None:
    html = rendered('<mj-text font-family="Roboto, Open Sans">x</mj-text>')
    assert "fonts.googleapis" not in html
    assert "@import" not in html
    assert "<link" not in html


def test_comments_of_the_author_do_not_reach_readers_but_conditional_ones_do() -> None:
    conditional = "<!--[if mso]>{% if y %}word {{ y }}{% endif %}<![endif]-->"
    html = rendered(f"<!-- a\nsecret --><mj-text>x{{# secret #}}</mj-text><mj-raw>{conditional}</mj-raw>", y=1)
    assert "secret" not in html
    assert "<!--[if mso]>word 1<![endif]-->" in html


def test_includes_are_put_in_place_and_listed() -> None:
    files = {"partials/a.mjml": '<mj-include path="partials/b.mjml" />', "partials/b.mjml": "<mj-text>{{ x }}</mj-text>"}
    mail = compiled('<mj-include path="partials/a.mjml"></mj-include>', files=files)
    assert mail.files == ("mail.mjml", "partials/a.mjml", "partials/b.mjml")
    assert "{{ x }}" in mail.source


def test_a_section_from_an_include_keeps_its_width() -> None:
    section = "<mj-section><mj-column><mj-text>inside</mj-text></mj-column></mj-section>"
    main = '<mjml><mj-body width="600px"><mj-include path="s.mjml" /></mj-body></mjml>'
    sources = {"mail.mjml": main, "s.mjml": section}
    html = compile_mjml("mail.mjml", lambda name: sources[name], make_environment()).source
    assert "max-width:600px" in html


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("\n<mj-txt>x</mj-txt>", BODY_LINE + 1, "would leave it out; did you mean <mj-text>?"),
        ("<mj-text>{{ x }</mj-text>", BODY_LINE, "unexpected"),
        ("\n\n{% if x %}<mj-text>x</mj-text>", BODY_LINE + 2, "this {% if %} is never closed"),
        ("<mj-text>x</mj-text>\n{% endfor %}", BODY_LINE + 1, "endfor"),
        ('<mj-text>x</mj-text>\n<mj-image width="{{ w }}" src="cid:x" />', BODY_LINE + 1, "drops {{ w }} in the width of"),
        ("<mj-text>\n{{ x | nummer }}</mj-text>", BODY_LINE + 1, "there is no filter 'nummer'; did you mean number?"),
        ("<mj-text>{% if x is evn %}y{% endif %}</mj-text>", BODY_LINE, "there is no test 'evn'; did you mean even?"),
        ("<mj-text>x }} y</mj-text>", BODY_LINE, "'}}' has no partner"),
        ('<mj-include path="partials/none.mjml" />', BODY_LINE, "partials/none.mjml: no such template"),
        ("<mj-include />", BODY_LINE, "needs a path"),
        ('\n<mj-include path="mail.mjml" />', BODY_LINE + 1, "within itself"),
        ('<mj-text>{% include "a.txt" %}</mj-text>', BODY_LINE, "'include' does not work in MJML"),
        ("<mj-text>{% raw %}{{ x }}{% endraw %}</mj-text>", BODY_LINE, "'raw' does not work"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_file_and_line(body: str, line: int, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compiled(body)
    assert (caught.value.template, caught.value.line) == ("mail.mjml", line)
    assert problem in str(caught.value)


def test_a_mistake_in_an_include_is_reported_where_it_stands() -> None:
    with pytest.raises(TemplateError) as caught:
        compiled('<mj-include path="partials/a.mjml" />', files={"partials/a.mjml": "\n\n<mj-colum></mj-colum>"})
    assert (caught.value.template, caught.value.line) == ("partials/a.mjml", 3)


def test_broken_mjml_is_reported_with_the_line_in_the_right_file() -> None:
    head = '<mj-style inline="inline">\n.a {\ncolor: red }\n</mj-style><!-- ü\n --><mj-include path="partials/a.mjml" />'
    with pytest.raises(TemplateError, match="not valid MJML") as caught:
        compiled("<mj-text>ü</mj-text>", head, {"partials/a.mjml": "\n  <mj-attributes><mj-class /></mj-attributes>"})
    assert (caught.value.template, caught.value.line) == ("partials/a.mjml", 2)


def test_what_only_the_compiler_finds_fault_with_is_reported_in_its_words() -> None:
    with pytest.raises(TemplateError, match=r"mail\.mjml: not valid MJML: unable to parse next template"):
        compiled("<mj-text><a:>x</a:></mj-text>")


def test_everything_that_is_wrong_comes_with_the_first_error_in_the_order_of_the_document() -> None:
    files = {"partials/a.mjml": "<mj-text colour='red'>x</mj-text>\n<mj-text width='1px'>x</mj-text>"}
    with pytest.raises(TemplateError, match=r"partials/a\.mjml:1: .* did you mean color\?") as caught:
        compiled('<mj-include path="partials/a.mjml" />\n<mj-colum></mj-colum>', files=files)
    assert [(error.template, error.line) for error in caught.value.further] == [
        ("partials/a.mjml", 2),
        ("mail.mjml", BODY_LINE + 1),
    ]


def test_files_that_cannot_be_read_are_all_named_and_nothing_else_is() -> None:
    sources = {
        "mail.mjml": '<mjml><mj-body><mj-include path="a.mjml" /><mj-include path="b.mjml" />\n<mj-include path="c.mjml" />',
        "a.mjml": "\n{% if x %}",
        "b.mjml": "{{ x",
    }

    def read(name: str) -> str:
        if name not in sources:
            raise TemplateMissingError(name, "no such template")
        return sources[name]

    problems = check_mjml("mail.mjml", read, make_environment())
    assert [(problem.template, problem.line) for problem in problems] == [("a.mjml", 2), ("b.mjml", 1), ("mail.mjml", 2)]
    assert check_mjml("none.mjml", read, make_environment())[0].line is None


def test_a_default_for_what_this_mail_has_none_of_may_hold_a_value_and_one_that_is_used_must_not_lose_it() -> None:
    head = '<mj-attributes><mj-class name="b" color="{{ c }}" /><mj-image width="{{ w }}" /></mj-attributes>'
    head = head.replace("<mj-class", '<mj-class name="a" padding="0" /><mj-class', 1)
    assert "{{ c }}" not in compiled("<mj-text>x</mj-text>", head).source
    assert "color:{{ c }}" in compiled('<mj-text mj-class="b">x</mj-text>', head).source
    with pytest.raises(TemplateError, match=r"drops \{\{ w \}\} in the width of <mj-image>"):
        compiled('<mj-image src="cid:x" />', head)
    with pytest.raises(TemplateError, match=r"drops \{\{ c \}\} in the color of <mj-class>"):
        compiled('<mj-image src="cid:x" width="9px" mj-class="a b" />', head)


def failed(page: str, files: Mapping[str, str] | None = None, **values: object) -> tuple[str, int | None, str]:
    """Render a mail and return where it fails, and why."""
    environment = make_environment()
    sources = {"mail.mjml": FRAME.format(head="", body=page), **(files or {})}
    template = environment.from_string(compile_mjml("mail.mjml", sources.__getitem__, environment).source)
    with pytest.raises(TemplateError) as caught, naming("mail.mjml"):
        template.render(**values)
    return caught.value.template, caught.value.line, caught.value.problem


def test_what_fails_while_a_mail_is_rendered_is_named_with_the_line_it_was_written_on() -> None:
    row = "<p>{{ x }} {{ x }}\n{{ y.z }} {% if x %}{{\n\n  nothing }}{% endif %}</p>"
    assert failed(f"<mj-text>{row}</mj-text>", x=1, y={})[:2] == ("mail.mjml", BODY_LINE + 1)
    assert failed(f"<mj-text>{row}</mj-text>", x=1, y={"z": 1})[:2] == ("mail.mjml", BODY_LINE + 3)
    include = '<mj-text>\n{{ x }}</mj-text><mj-include path="a.mjml" />\n<mj-text>{{ last }}</mj-text>'
    part = {"a.mjml": "\n<mj-text>{% for n in x %}\n{{ 1 // n }}{% endfor %}</mj-text>"}
    assert failed(include, part, x=[1, 0])[:2] == ("a.mjml", 3)
    assert failed(include, part, x=3)[:2] == ("a.mjml", 2)
    assert failed(include, part, x=[1])[:2] == ("mail.mjml", BODY_LINE + 2)


def test_what_fails_in_a_part_is_named_with_its_line_too() -> None:
    environment = make_environment()
    row = "<p>{{ paper.place }} {{ paper.place }}\n{{ paper.nothing }}</p>"
    body = f"<mj-text>{{% for paper in view.cards %}}{row}{{% endfor %}}</mj-text>"
    page = compile_mjml("mail.mjml", lambda _name: FRAME.format(head="", body=body), environment)
    parts = cut(page.source, "mail.mjml", environment, str)
    (loop,) = parts.loops
    view, paper = object.__new__(DigestView), PaperView(*([1] + [""] * 15))  # type: ignore[arg-type]  # no text is read
    with pytest.raises(TemplateError, match=r"mail\.mjml:7: PaperView has no attribute 'nothing'"):
        [parts.render(part, view, {loop.target: paper}) for part in loop.parts]


def test_what_fails_says_what_is_missing_without_the_names_of_modules() -> None:
    problem = failed("<mj-text>{{ error.nmae }}</mj-text>", error=TemplateError("a", "b"))[2]
    assert problem == "TemplateError has no attribute 'nmae'; docs/templates.md says what a template is given"


def test_what_the_html_parser_would_move_for_reasons_of_its_own_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"mail\.mjml:7: near here, HTML does not allow <a> where it stands"):
        compiled("<mj-text>\n{{ x }}<a>x <a>y</a></a></mj-text>")


def test_the_packaged_digest_compiles_to_the_same_html_every_time() -> None:
    folder = TemplateFolder(theme="quiet")
    environments = make_environment(), make_environment()
    for environment in environments:
        install_words(environment, ENGLISH)
    first, second = (compile_mjml("digest.mjml", folder.read, environment) for environment in environments)
    assert first == second
    assert first.files[0] == "digest.mjml"
    assert "zjinja" not in first.source


def test_a_table_without_headers_is_one_for_the_layout() -> None:
    rows = "<tbody><tr><td>a</td></tr></tbody>"
    page = compiled(f"<mj-table>{rows}</mj-table><mj-table><caption>b</caption>{rows}</mj-table>").source
    assert re.findall(r"<table[^>]* role=\"presentation\"[^>]*>(?=<tbody><tr><td[^>]*>a)", page)
    assert re.search(r"<table(?![^>]* role=)[^>]*><caption", page)


def test_two_values_in_one_tag_may_come_in_any_order() -> None:
    for tag in (
        '<img class="x" src="{{ a }}" width="{{ b }}" alt="{{ c }}" />',
        '<img src="{{ a }}" class="x" alt="{{ c }}" />',
    ):
        page = compiled(f"<mj-text>{tag}</mj-text>", '<mj-style inline="inline">.x { color: #000000 }</mj-style>').source
        assert re.search(r'src="{{\s+a }}"', page)
        assert re.search(r'alt="{{\s+c }}"', page)


@pytest.mark.parametrize(("code", "side"), [("en", ("left", "right", "ltr", "1px")), ("ar", ("right", "left", "rtl", "0"))])
def test_what_only_the_direction_decides_is_no_jinja_once_the_language_is_known(code: str, side: tuple[str, ...]) -> None:
    environment = make_environment(None)
    install_words(environment, Language(code))
    words = "{{ view.start }} {{ view.end }} {{view.direction}} {{ '0' if view.direction == 'rtl' else '1px' }}"
    text = f"<mj-column><mj-text>{words} {{{{ view.name }}}}</mj-text></mj-column>"
    source = f"<mjml><mj-body><mj-section>{text}</mj-section></mj-body></mjml>"
    page = compile_mjml("mail.mjml", lambda _: source, environment).source
    assert " ".join(side) in page
    assert re.findall(r"{{\s+(\S+) }}", page) == ["view.name"]
