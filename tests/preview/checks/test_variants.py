from __future__ import annotations

import pytest

from newsletter.preview.checks.page import Page
from newsletter.preview.checks.spoken import Role, Spoken, reading_order
from newsletter.preview.checks.variants import without_pictures, without_style_blocks
from newsletter.preview.checks.word import word_engine
from tests.preview.checks.mails import packaged_mail, packaged_mails


def test_a_picture_that_is_off_leaves_a_box_of_its_size_with_its_words() -> None:
    image = '<img src="https://example.org/x.png" width="100" height="50" alt="A &lt;map&gt;" style="color:red">'
    html = without_pictures(f"<p>{image}</p>")
    assert "example.org" not in html
    box = Page.of(html).elements("span")[0]
    assert box.attributes["aria-label"] == "A <map>"
    assert {"width:100px", "height:50px", "color:red"} <= set(box.attributes["style"].split(";"))
    assert Page.of(html).texts()[0].text == "A <map>"


def test_pictures_behind_text_are_off_too() -> None:
    html = without_pictures('<td background="x" style="background:url(x);color:red"><p style="color:red">y')
    assert html == '<td style="color:red"><p style="color:red">y'


def test_without_style_blocks_only_attributes_are_left_of_the_look() -> None:
    html = without_style_blocks('<style>p{}</style><!--[if mso]>x<![endif]--><p class="a" id="b" style="color:blue">y</p>')
    assert html == '<p style="color:blue">y</p>'


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<!--[if mso]>in<![endif]-->", "in"),
        ("<!--[if mso | IE]>in<![endif]-->", "in"),
        ("<!--[if gte mso 9]>in<![endif]-->", "in"),
        ("<!--[if (gt mso 15)&(lt mso 17)]>in<![endif]-->", "in"),
        ("<!--[if lte mso 11]>in<![endif]-->", ""),
        ("<!--[if mso 12]>in<![endif]-->", ""),
        ("<!--[if IE]>in<![endif]-->", ""),
        ("<!--[if !mso]><!-->out<!--<![endif]-->x", "x"),
        ("<![if !mso]>out<![endif]>x", "x"),
        ("<!--[if mso]>a<!--[if !mso]>b<![endif]-->c<![endif]-->d", "acd"),
        ("<!-- a comment -->x", "x"),
        ("<xml><o:x>96</o:x></xml>x", "x"),
        ('<p style="border-radius:3px;color:red">', '<p style="color:red">'),
        ('<p style="padding:3px;width:9px">', '<p style="">'),
        ('<td style="padding:3px;width:9px">', '<td style="padding:3px;width:9px">'),
        ('<td style="mso-padding-alt:14px 30px;padding:1px">', '<td style="padding:14px 30px">'),
        ('<div style="display:flex;max-width:600px;margin:0 auto">', '<div style="margin:0 0">'),
        ('<div style="display:none;float:left;position:absolute">', '<div style="display:none">'),
        ('<p style="mso-hide:all">', '<p style="display:none">'),
        ('<p style="background:url(x);box-shadow:none">', '<p style="">'),
        ("<style>@media (max-width:9px){a{color:red}}</style>", "<style></style>"),
        ("<style>a, b > i {color:red;border-radius:1px}</style>", "<style>a { color:red }</style>"),
    ],
)
def test_word_leaves_what_it_knows(html: str, left: str) -> None:
    assert word_engine(html) == left


def test_a_rule_for_word_cannot_end_its_style_block() -> None:
    html = word_engine("<style>a { color: '<\\/style><script>' }</style>")
    assert Page.of(html).elements("script") == []


def test_a_screen_reader_says_the_mail_in_order() -> None:
    html = (
        '<head><title>No</title><style>p{}</style></head><h1>Name</h1><h2>1 <a href="x">A <b>title</b></a></h2>'
        "<p>By <bdi>Somebody</bdi>\nand more</p><img alt=''><img alt='A map'><span role=img aria-label='rising'>▁▂</span>"
        "<p aria-hidden=true>no</p><p style='display:none'>no</p><p hidden>no</p>"
        "<ul><li>One<li>Two</ul><table><tr><td>7</table><table role=presentation><tr><td>8<td>9</table>"
        '<a href="x" aria-label="More like this">more</a>'
    )
    assert reading_order(html) == [
        Spoken(Role.HEADING, "Name", 1),
        Spoken(Role.HEADING, "1", 2),
        Spoken(Role.LINK, "A title", 2),
        Spoken(Role.TEXT, "By Somebody and more"),
        Spoken(Role.IMAGE, "A map"),
        Spoken(Role.IMAGE, "rising"),
        Spoken(Role.LIST_ITEM, "One"),
        Spoken(Role.LIST_ITEM, "Two"),
        Spoken(Role.CELL, "7"),
        Spoken(Role.TEXT, "8"),
        Spoken(Role.TEXT, "9"),
        Spoken(Role.LINK, "More like this"),
    ]


def test_every_variant_of_a_packaged_mail_says_the_same_words() -> None:
    html = packaged_mails()["quiet digest"].html
    whole = [each.text for each in reading_order(html)]
    assert [each.text for each in reading_order(without_style_blocks(html))] == whole
    assert [each.text for each in reading_order(word_engine(html))] == whole
    pictures = packaged_mail("rich", "digest").html
    assert [each.text for each in reading_order(without_pictures(pictures))] == [each.text for each in reading_order(pictures)]
