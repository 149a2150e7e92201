"""What the strict check finds, and that its table of elements is what the compiler really does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mjml import mjml2html

from newsletter.rendering.template.elements import ELEMENTS, Content, may_stand_in
from newsletter.rendering.template.folder import make_environment
from newsletter.rendering.template.mjml import check_mjml
from newsletter.rendering.template.scanner import scan
from newsletter.rendering.template.strict import check
from newsletter.rendering.template.styles import check_css
from newsletter.rendering.template.values import (
    ANY,
    BORDER,
    COLOUR,
    COUNT,
    LENGTH,
    LINE_HEIGHT,
    PADDINGS,
    PIXELS,
    SIZE,
    SIZES,
    SPACING,
    WEIGHT,
    Kind,
)

COLUMN = "<mjml><mj-body><mj-section><mj-column>\n{}\n</mj-column></mj-section></mj-body></mjml>"


def problems(document: str) -> list[str]:
    """Return what is wrong with a document, each with its line."""
    found = check_mjml("m.mjml", lambda _name: document, make_environment())
    return [str(problem).removeprefix("m.mjml:") for problem in found]


def in_column(body: str) -> list[str]:
    return problems(COLUMN.format(body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        # Elements.
        ("<mj-tex></mj-tex>", "2: <mj-tex> is no MJML element; the compiler would leave it out; did you mean <mj-text>?"),
        ("<mj-html-attributes />", "2: <mj-html-attributes> does not work here: the compiler does not know it"),
        ("<mj-column></mj-column>", "2: <mj-column> does nothing in <mj-column>; it works in <mj-group> or <mj-section>"),
        ("<mj-text>\n<mj-button>x</mj-button></mj-text>", "3: <mj-button> does nothing in <mj-text>; it works in <mj-column>"),
        ("<mj-text><p>\n<mj-divider /></p></mj-text>", "3: <mj-divider> does nothing in <p>"),
        ("<mj-style>p { color: red }</mj-style>", "2: <mj-style> does nothing in <mj-column>; it works in <mj-head>"),
        # Attributes.
        ('<mj-text\n  colour="red">x</mj-text>', "3: <mj-text> has no attribute colour; did you mean color?"),
        ('<mj-spacer color="red" />', "2: <mj-spacer> has no attribute color"),
        ('<mj-button title="x">x</mj-button>', "2: the compiler ignores title on <mj-button>; take it out"),
        ('<mj-text align="left"\nalign="right">x</mj-text>', "3: <mj-text> has align twice; only one of them counts"),
        ('<mj-text><p id="a" id="b">x</p></mj-text>', "2: <p> has id twice"),
        ("<mj-text align>x</mj-text>", '2: align of <mj-text> has no value; write align="…"'),
        ("<mj-text><p {% if x %} id='a' {% else %} id='b' {% endif %}>x</p></mj-text>", "2: <p> has id twice; only one of"),
        ("<mj-text><p {% if x %}id='a'{% endif %}>x</p></mj-text>", "2: a space is missing behind the value of {% if x %}id"),
        ("<mj-text {{ x }}>x</mj-text>", "2: among the attributes of <mj-text> the compiler drops Jinja"),
        # Values.
        ('<mj-text color="rde">x</mj-text>', "2: color of <mj-text> must be a colour such as #b4431f, not 'rde'"),
        ('<mj-text color="#12345">x</mj-text>', "2: color of <mj-text> must be a colour"),
        ('<mj-image src="a" width="50%" />', "2: width of <mj-image> must be a size in pixels such as 24px, not '50%'"),
        ('<mj-spacer height="20" />', "2: height of <mj-spacer> must be a size in pixels such as 24px, not '20'"),
        ('<mj-text padding="1px 2px 3px 4px 5px">x</mj-text>', "2: padding of <mj-text> must be one to four sizes"),
        ('<mj-text align="centre">x</mj-text>', "2: align of <mj-text> must be left or center or right or justify"),
        ('<mj-text font-weight="heavy">x</mj-text>', "2: font-weight of <mj-text> must be bold, normal, or a number"),
        ('<mj-table cellpadding="2px"><tbody></tbody></mj-table>', "2: cellpadding of <mj-table> must be a whole number"),
        ('<mj-text line-height="tall">x</mj-text>', "2: line-height of <mj-text> must be"),
        ('<mj-image src="a" border="thick" />', "2: border of <mj-image> must be a line such as 1px solid #e4e0d6, or none"),
        # Text.
        ("text", "2: text directly in <mj-column>; put it into an <mj-text>"),
        ("{{ x }}", "2: text directly in <mj-column>"),
        ("<p>text</p>", "2: <p> stands directly in <mj-column>; put it into an <mj-text> or <mj-raw>"),
        ("<mj-spacer>text</mj-spacer>", "2: text in <mj-spacer>, which shows none"),
        ("<mj-text>a < b</mj-text>", "2: a bare '<' in the text, which begins neither a tag nor a comment; write &lt;"),
        ("<mj-text>a &\nb</mj-text>", "2: a bare '&' in the text; write &amp; for the sign"),
        ("<mj-text>&nothing;</mj-text>", "2: &nothing; is no character that HTML knows"),
        ("<mj-text>a ]]> b</mj-text>", "2: ']]>' in the text; write ]]&gt;"),
        ("<mj-text>\n\x0b</mj-text>", "3: a control character, '\\x0b'; take it out"),
        # Tags.
        ("<mj-text><p>\nx</mj-text>", "2: <p> is still open at </mj-text> in m.mjml:3; write </p> before that"),
        ("<mj-text>\nx</p></mj-text>", "3: </p> closes nothing; <mj-text> is open since m.mjml:2"),
        ("<mj-text><p>x</p class='a'></mj-text>", "2: a closing tag has no attributes; take it out"),
        ("<mj-text><p @click='a'>x</p></mj-text>", "2: '@click' is no name of an attribute; take it out"),
        ("<mj-text><p class=a>x</p></mj-text>", '2: the value of class needs quotation marks: class="a"'),
        ("<mj-text><p class='a'id='b'>x</p></mj-text>", "2: a space is missing behind the value of class"),
        ("<mj-text>\n<p class='a>x</p></mj-text>", "3: the value of class has no end; look for a missing quotation mark"),
        ("<mj-text>\n<p class='a'>x</p", "3: <p> is never closed; write > at its end"),
        ("<mj-text>x<br/ ></mj-text>", "2: '/' has no place in <br> here"),
        ("<mj-text>x<BR></mj-text>", "2: write <br> in small letters"),
        ("<mj-text>x</mj-text>\n<!-- x", "3: this comment is never closed"),
        ("<mj-raw><!--[if mso]><table><![endif]--></mj-raw>", "2: <table> is still open at </mj-raw> in m.mjml:2"),
        ("<script>x</script>", "2: <script> has no place in a mail; take it out"),
        ("<style>p { color: red }</style>", "2: <style> does nothing here; use <mj-style> in <mj-head>"),
        # What is no value, no class, no declaration.
        ("<mj-text>No.\n{ view.number }</mj-text>", "3: every reader would see { view.number } as it is; was {{ v"),
        ('<mj-text mj-class="topp">x</mj-text>', "2: there is no mj-class 'topp'; write <mj-class name=\"topp\""),
        ('<mj-text><p style="color: red font-size: 1px">x</p></mj-text>', "2: style of <p>: the value of color holds a ':'; w"),
        # Jinja.
        ("<mj-text>\n{% if a = 3 %}x{% endif %}</mj-text>", "3: expected token 'end of statement block', got '='; write == to"),
        ("<mj-text>\n{% if a %}x\n</mj-text>", "3: this {% if %} is never closed; write {% endif %} where it ends"),
        ("{% for a in b %}\n{% if a %}\n{% endfor %}", "4: {% endfor %} while the {% if %} of line 3 is open; write {% endif"),
        # What HTML parsers move.
        ("<mj-table><tr><td>x</td></tr></mj-table>", "2: <tr> stands directly in <mj-table>; write <tbody> around it"),
        ("<mj-table><tbody><td>x</td></tbody></mj-table>", "2: <td> stands directly in <tbody>; write <tr> around it"),
        ("<mj-table><tbody>{{ x }}</tbody></mj-table>", "2: text directly in <tbody>; put it into a <td>"),
        ("<mj-text><p>\nx <b><div>y</div></b></p></mj-text>", "3: HTML ends a <p> before <div>; close the <p> of m.mjml:2"),
    ],
)  # fmt: skip
def test_a_mistake_that_the_compiler_passes_over_is_named_with_its_line(body: str, found: str) -> None:
    first = in_column(body)[0]
    assert first.startswith(found)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("", "1: there is no <mj-body>; readers would get an empty mail"),
        ("<mjml><mj-body /><mj-body /></mjml>", "1: a second <mj-body>; only one of them counts"),
        ("<mjml><mj-body /></mjml>\ntext", "2: text outside of <mjml>; no reader would see it"),
        ("<mjml><mj-body /></mjml>\n<p>x</p>", "2: <p> stands outside of <mjml>"),
        ("<mj-text>x</mj-text><mjml><mj-body /></mjml>", "1: <mj-text> stands outside of <mjml>; it works in <mj-column>"),
        ("<mjml><mj-body>\n<mj-section>x</mj-section></mj-body></mjml>", "2: text directly in <mj-section>"),
        ("<mjml><mj-body>\n<mj-text>x</mj-text></mj-body></mjml>", "2: <mj-text> does nothing in <mj-body>"),
        ("<mjml><mj-head><mj-title>a <b>c</b></mj-title></mj-head><mj-body /></mjml>", "1: <b> stands in <mj-title>, which"),
        ("<mjml><mj-head><mj-title>{% if x %}a{% endif %}</mj-title></mj-head><mj-body /></mjml>", "1: <mj-title> takes no st"),
        ('<mjml><mj-head><mj-font name="A" href="x" /></mj-head><mj-body /></mjml>', "1: <mj-font> does not work here"),
        ("<mjml><mj-body>\n<mj-section>", "1: <mjml> is never closed; write </mjml> where it ends"),
        ('<mjml owa="desktop"><mj-body /></mjml>', "1: the compiler ignores owa on <mjml>"),
        ("<mjml><mj-head>\n<mj-style>\np { color red }</mj-style></mj-head><mj-body /></mjml>", "3: in this style sheet:"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_frame_is_named_with_its_line(document: str, found: str) -> None:
    assert found in problems(document)[0]


def test_a_class_is_looked_for_among_those_that_the_document_has() -> None:
    head = '<mj-head><mj-attributes><mj-class name="top" color="red" /></mj-attributes></mj-head>'
    document = f'<mjml>{head}<mj-body mj-class="top {{{{ x }}}}"><mj-section\nmj-class="topp" /></mj-body></mjml>'
    assert problems(document) == ["2: there is no mj-class 'topp'; did you mean top?"]


def test_an_element_that_is_not_closed_stands_for_all_that_seems_wrong_because_of_it() -> None:
    section = "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>\n"
    unclosed = section.replace("</mj-section>", "")
    document = f"<mjml><mj-body>\n{unclosed}{section * 9}</mj-body></mjml>"
    assert problems(document) == ["2: <mj-section> is still open at </mj-body> in m.mjml:12; write </mj-section> before that"]
    # What comes behind it is another matter.
    assert len(in_column("<mj-text><p>x</mj-text>\n<mj-txt />")) == 2


def test_all_mistakes_are_named_in_the_order_of_the_document() -> None:
    body = '<mj-text colour="red">x & y</mj-text>\n<mj-spacer height="1" />\n<mj-txt>x</mj-txt>'
    assert [problem.partition(":")[0] for problem in in_column(body)] == ["2", "2", "3", "4"]


@pytest.mark.parametrize(
    "body",
    [
        '<mj-text color="{{ c }}" padding="0 {{ n }}px" align="{{ a }}">x &amp; y &#8203; &nbsp;</mj-text>',
        '<mj-text><a {% if x %} class="a" {% endif %} href="?a=1&b=2">x</a><br><img src="cid:a" alt="">y</mj-text>',
        "{% for n in x %}<mj-text>{{ n }}</mj-text>{% endfor %}<mj-divider />",
        "<mj-raw><tr><td>{{ x }}</td></tr></mj-raw>",
        "<mj-text><!--[if mso]><i>&nbsp;</i><![endif]--><!--[if !mso]><!--><b>x</b><!--<![endif]--></mj-text>",
        '<mj-text font-family="Charter, \'Iowan Old Style\'" line-height="1.5" color="rgb(0, 0, 0)">x</mj-text>',
        '<mj-image src="a" border="1px solid rgba(0, 0, 0, 0.5)" height="auto" css-class="any thing" />',
        "<mj-table><tbody><tr><th>x</th></tr><tr><td><p>x</p><table><tbody></tbody></table></td></tr></tbody></mj-table>",
        "<mj-text><p>x</p><div>y <p>z</p></div><style>a > b { color: red }</style></mj-text>",
    ],
)  # fmt: skip
def test_what_is_right_is_let_pass(body: str) -> None:
    assert in_column(body) == []


def test_style_sheets_may_hold_values_and_no_statements() -> None:
    frame = "<mjml><mj-head><mj-style>{}</mj-style></mj-head><mj-body /></mjml>"
    assert problems(frame.format(".a { color: {{ c }}; width: {{ n }}px; margin-{{ side }}: 0 } .b > p { padding: 0 }")) == []
    (problem,) = problems(frame.format("\n{% if x %}.a { color: red }{% endif %}"))
    assert problem == "2: in a style sheet Jinja's statements do not work; write {{ … if … else … }} as a value"


@pytest.mark.parametrize(
    ("css", "found"),
    [
        (".a {\n color red;\n width: 1px }", (2, "this is no declaration such as color: red")),
        (".a { color: }", (1, "color has no value")),
        (".a { color: red\n", (1, "this { is never closed")),
        (".a { color: red }\n@media print { .b { color: red }", (2, "this { is never closed")),
        (".a { color: red }\n}", (2, "this is no rule such as p { color: red }")),
        (".a { color: red } b", (1, "this is no rule such as p { color: red }")),
        (".a {\n .b { color: red } }", (2, "a rule within a rule, which few mail clients know; write it by itself")),
        ("{ color: red }", (1, "no selector stands before this {")),
        (".a { content: 'x\n }", (1, "the value of content cannot be read")),
        (".a { color: red\n font-size: 1px }", (1, "the value of color holds a ':'; write ; before font-size")),
        ("@media print {\n .a { b }\n}", (2, "this is no declaration such as color: red")),
    ],
)
def test_a_mistake_in_a_style_sheet_is_named_with_its_line(css: str, found: tuple[int, str]) -> None:
    line, _, problem = next(iter(check_css(css)))
    assert (line, problem) == found


def test_style_sheets_without_mistakes_are_let_pass() -> None:
    assert list(check_css(".a { filter: progid:X.Y(z=1); background: url(data:image/png;base64,AA) }")) == []
    css = "@import url(a.css); /* { */ .a::before { content: '}' } @font-face { src: url(b) } @media (x) { .a { color: red } }"
    assert list(check_css(css)) == []


@given(st.text(alphabet="<>/!-=\"'& \nabmj{}%z", max_size=80))
def test_any_text_is_read_to_its_end_and_places_are_within_it(text: str) -> None:
    for found in scan(text):
        assert 0 <= found.start <= len(text)
    for flaw in check(text, re.compile("zjinja"), str):
        assert 0 <= flaw.start <= len(text)


SAMPLES = {
    ANY: "zz",
    COLOUR: "#123456",
    PIXELS: "37px",
    SIZE: "37px",
    LENGTH: "37px",
    SIZES: "37px",
    PADDINGS: "37px",
    SPACING: "3px",
    LINE_HEIGHT: "37px",
    WEIGHT: "900",
    COUNT: "7",
    BORDER: "3px solid #123456",
}
#: Attributes without which others of the same element show nothing.
NEEDED = {
    **dict.fromkeys(("mj-section", "mj-wrapper"), 'background-url="u"'),
    "mj-hero": 'background-url="u" background-height="100px" background-width="200px" height="300px"',
    "mj-column": 'padding="1px"',
    "mj-navbar": 'hamburger="hamburger"',
    **dict.fromkeys(("mj-image", "mj-social-element", "mj-carousel-image"), 'src="s" href="h"'),
    **dict.fromkeys(("mj-button", "mj-navbar-link"), 'href="h"'),
}
#: What the compiler knows by name only.
NAMED = {("mj-social-element", "name"): "github"}
ROW = "<tbody><tr><td>x</td></tr></tbody>"


def compiled_with(element: str, attribute: str, value: str | None, *, defaults: str = "") -> str:
    """Compile a mail that has every element, one of them with an attribute; without it if ``value`` is None."""

    def tag(name: str, inner: str = "") -> str:
        attributes = NEEDED.get(name, "")
        if name == element:
            attributes = re.sub(rf'(?<![\w-]){attribute}="[^"]*"', "", attributes)
            attributes += "" if value is None else f' {attribute}="{value}"'
        return f"<{name} {attributes}>{inner}</{name}>"

    def section(*inner: str) -> str:
        return tag("mj-section", tag("mj-column", "".join(inner)))

    leaves = [tag(name) for name in ("mj-image", "mj-divider", "mj-spacer")] + [tag("mj-table", ROW), tag("mj-button", "x")]
    fold = tag("mj-accordion-element", tag("mj-accordion-title", "t") + tag("mj-accordion-text", "x"))
    nested = [
        tag("mj-accordion", fold),
        tag("mj-carousel", tag("mj-carousel-image") * 2),
        tag("mj-navbar", tag("mj-navbar-link", "x")),
        tag("mj-social", tag("mj-social-element", "x")),
    ]
    group = tag(
        "mj-section", tag("mj-group", tag("mj-column", tag("mj-text", "x")) + "<mj-column><mj-text>y</mj-text></mj-column>")
    )
    wrapped = tag("mj-wrapper", section("<mj-text>x</mj-text>") + "<mj-section><mj-column></mj-column></mj-section>")
    raw = tag("mj-raw", "<!-- x -->")
    body = section(*leaves, *nested) + group + wrapped + tag("mj-hero", tag("mj-text", "x")) + raw
    head = tag("mj-title", "x") + tag("mj-preview", "x")
    head += f'<mj-attributes><mj-class name="k" css-class="zz" />{defaults}</mj-attributes>'
    # One at most, and it has no effect without its width.
    head += tag("mj-breakpoint") if element == "mj-breakpoint" else ""
    return mjml2html(tag("mjml", tag("mj-head", head) + tag("mj-body", body)), disable_comments=False, fonts={})


def samples_of(element: str, name: str, kind: Kind) -> list[str]:
    if (element, name) in NAMED:
        return [NAMED[element, name]]
    return [SAMPLES[kind]] if kind in SAMPLES else kind.wanted.split(" or ")


#: Defaults have no place of their own; classes and inline style sheets are ours or have a test of their own.
MEASURED = [
    pytest.param(name, attribute, id=f"{name}-{attribute}")
    for name, element in ELEMENTS.items()
    if name not in {"mj-all", "mj-class", "mj-style"}
    for attribute in element.attributes
    if attribute != "mj-class"
]


@pytest.mark.parametrize(("name", "attribute"), MEASURED)
def test_an_attribute_makes_a_difference_unless_it_is_listed_as_ignored(name: str, attribute: str) -> None:
    element = ELEMENTS[name]
    samples = samples_of(name, attribute, element.attributes[attribute])
    assert all(element.attributes[attribute].fits(sample) for sample in samples)
    plain = compiled_with(name, attribute, None)
    changed = [sample for sample in samples if compiled_with(name, attribute, sample) != plain]
    if attribute in element.ignored:
        assert all(compiled_with(name, attribute, sample).count(sample) == plain.count(sample) for sample in samples)
    else:
        assert changed


@pytest.mark.parametrize("name", [name for name in ELEMENTS if may_stand_in(name, "mj-attributes")])
def test_an_element_takes_its_attributes_from_a_class_and_from_the_defaults(name: str) -> None:
    if name not in {"mj-all", "mj-class"}:
        plain = compiled_with(name, "mj-class", None)
        assert compiled_with(name, "mj-class", "k") != plain
        assert compiled_with(name, "mj-class", None, defaults=f'<{name} css-class="zz" />') != plain


def test_the_table_of_elements_is_consistent() -> None:
    for name, element in ELEMENTS.items():
        assert element.ignored <= element.attributes.keys(), name
        assert element.parents <= ELEMENTS.keys(), name
        assert all(ELEMENTS[parent].content is Content.ELEMENTS for parent in element.parents), name


@pytest.mark.parametrize(("value", "is_right"), [("30px 36px 0px", True), ("0", True), ("0px", True), ("30px 36px 0", False)])
def test_a_bare_zero_among_paddings_is_refused_as_outlook_would_get_columns_too_wide(value: str, is_right: bool) -> None:
    assert ELEMENTS["mj-section"].attributes["padding"].fits(value) is is_right
    column = "<mj-column><mj-text>a</mj-text></mj-column>"
    page = mjml2html(f'<mjml><mj-body width="600px"><mj-section padding="{value}">{column}</mj-section></mj-body></mjml>')
    narrow = "width:528px" if "36px" in value else "width:600px"
    assert (narrow in page) is is_right
