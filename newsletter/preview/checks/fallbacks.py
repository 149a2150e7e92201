"""What is shown instead where a client shows nothing of a feature that the packaged mails use.

A test holds the list to what they use: what is unsupported somewhere in Gmail, Outlook, Apple Mail, Yahoo or Proton and not in
it, fails, and so does what is in it and not used.
"""

from __future__ import annotations

from collections.abc import Mapping

_NO_SHEET = "what it sets is a smaller margin or title on phones, or a dark colour; the look itself stands in style attributes"

#: By caniemail's name of the feature.
FALLBACKS: Mapping[str, str] = {
    "css-at-media": "a column as wide as the window, at most 600 px, with the margins and sizes of the desktop; light colours",
    "css-at-media-prefers-color-scheme": "the light colours, or the client's own inversion of them",
    "css-border-radius": "square corners",
    "css-color-scheme": "the light colours, or the client's own inversion of them",
    "css-cursor": "the cursor that the client has for links",
    "css-height": "a least height instead: rules and gaps hold nothing higher, and a picture's width alone gives its shape",
    "css-outline": "none is set, only taken away: the client's own frame around a linked picture may show",
    "css-overflow": "square corners: it only keeps the ground within the round ones",
    "css-overflow-wrap": "word-break next to it, which breaks a long word too; Outlook makes the column wider",
    "css-selector-child": f"no narrower margins on phones, no dark ground: {_NO_SHEET}",
    "css-selector-class": _NO_SHEET,
    "css-selector-descendant": _NO_SHEET,
    "css-selector-grouping": _NO_SHEET,
    "css-selector-id": "nothing: the rule with it is for Outlook's pages in a browser",
    "css-selector-type": f"the client's own margins of paragraphs and pictures where none is in a style attribute; {_NO_SHEET}",
    "css-table-layout": "columns take the width of what is in them, or that of the first row; no table needs the other",
    "css-text-decoration": "links as the client marks them, underlined or not",
    "css-white-space": "a date, a figure or a chip may break at a blank",
    "css-word-break": "overflow-wrap next to it, or the client breaks long words itself",
    "css-word-spacing": "none is set but the normal one",
    "html-aria-label": "the text of the link, or the blocks of the trend bar, whose figures stand beside it as text",
    "html-bdi": "a name from the right stands where it should; a comma beside it may change sides",
    "html-body": "the client's own ground around the mail: an element within the body has the same colour",
    "html-doctype": "no difference: nothing here depends on the box model, widths stand on tables and cells",
    "html-meta-color-scheme": "the light colours, or the client's own inversion of them",
    "html-style": f"style attributes alone: {_NO_SHEET}",
    "html-target": "links open in a new window in any case",
}
