from __future__ import annotations

from collections.abc import Mapping

import pytest

from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.template.folder import TemplateFolder, make_environment
from newsletter.rendering.template.mjml import CompiledMjml, compile_mjml

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

    return compile_mjml("mail.mjml", read, make_environment())


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
    with pytest.raises(TemplateError, match=r"drops \{% if c %\} here"):
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
        ("\n<mj-txt>x</mj-txt>", BODY_LINE + 1, "<mj-txt> is no MJML element"),
        ("<mj-text>{{ x }</mj-text>", BODY_LINE, "unexpected"),
        ("\n\n{% if x %}<mj-text>x</mj-text>", BODY_LINE + 2, "Unexpected end of template"),
        ("<mj-text>x</mj-text>\n{% endfor %}", BODY_LINE + 1, "endfor"),
        ('<mj-text>x</mj-text>\n<mj-image width="{{ w }}" src="cid:x" />', BODY_LINE + 1, "drops {{ w }} here"),
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
    with pytest.raises(TemplateError, match="unexpected element") as caught:
        compiled("<mj-text>ü</mj-text>", head, {"partials/a.mjml": "\n  <title>ü</title>"})
    assert (caught.value.template, caught.value.line) == ("partials/a.mjml", 2)


def test_an_element_left_open_is_reported() -> None:
    with pytest.raises(TemplateError, match=r"mail\.mjml: not valid MJML"):
        compiled("<mj-text>x")


@pytest.mark.parametrize(
    "body",
    ["<mj-table><tr><td>x</td></tr></mj-table>", "<mj-table><tbody>{{ x }}<tr><td>x</td></tr></tbody></mj-table>"],
)
def test_a_table_that_the_html_parser_would_rearrange_is_refused(body: str) -> None:
    with pytest.raises(TemplateError, match=r"mail\.mjml:\d+: near here, HTML does not allow"):
        compiled(body)


def test_the_packaged_digest_compiles_to_the_same_html_every_time() -> None:
    folder = TemplateFolder()
    first, second = (compile_mjml("digest.mjml", folder.read, make_environment()) for _ in range(2))
    assert first == second
    assert first.files[0] == "digest.mjml"
    assert "zjinja" not in first.source
