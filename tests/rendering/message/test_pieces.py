"""Bodies in pieces, stored and read again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.lint import Expectation
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.message.pieces import (
    PiecedBody,
    common_piece,
    is_pieced,
    own_piece,
    read_piece,
    read_recipe,
    shared_piece,
)

COMMON = Expectation("", "Trending Papers", "papers@example.org", "A subject", ("List-Id",), (("unsubscribe", "https://x/"),))
BODY = PiecedBody(
    42,
    "A subject: überall",
    common_piece(COMMON),
    (
        shared_piece(b"To: \0to\0\r\n"),
        own_piece(b"Subject: \0a\0\0b\0\r\n"),
        shared_piece(b"To: \0to\0\r\n"),
        shared_piece(b""),
    ),
)
VALUES = {"to": b"ada@example.org", "a": b"1", "b": b"2"}


def test_a_body_is_filled_in_alike_at_once_and_for_many() -> None:
    filled = b"To: ada@example.org\r\nSubject: 12\r\nTo: ada@example.org\r\n"
    assert BODY.fill(VALUES) == BODY.gapped().fill(VALUES) == filled
    with pytest.raises(KeyError):
        BODY.fill({})


def test_a_stored_body_is_the_same_again_with_its_pieces() -> None:
    stored = BODY.to_bytes()
    assert is_pieced(stored)
    recipe = read_recipe(stored)
    kept = {piece.key: piece.content for piece in (BODY.common, *BODY.pieces) if piece.key}
    assert set(recipe.keys) == set(kept)
    again = recipe.body({key: read_piece(key, content) for key, content in kept.items()})
    assert again.pieces == BODY.pieces
    assert (again.html_bytes, again.subject) == (42, "A subject: überall")
    assert again.to_bytes() == stored
    assert b"Subject: " in stored
    assert b"To: " not in stored


def test_a_missing_and_a_changed_piece_are_named_as_such() -> None:
    with pytest.raises(RenderingError, match="missing; restore"):
        read_recipe(BODY.to_bytes()).body({})
    with pytest.raises(RenderingError, match="damaged; restore"):
        read_piece(BODY.pieces[0].key, b"To: \0cc\0\r\n")


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 20), slice(0, 16)])
def test_damaged_stored_bytes_are_named_as_such(cut: slice) -> None:
    with pytest.raises(RenderingError, match="stored message body is damaged"):
        read_recipe(BODY.to_bytes()[cut])


def test_fewer_own_words_than_a_body_had_are_damage() -> None:
    stored = BODY.to_bytes()
    with pytest.raises(RenderingError, match="damaged"):
        read_recipe(stored[: stored.rindex(b"[")] + b"[]]")
    assert not is_pieced(stored.replace(b"body 3", b"body 2"))
    with pytest.raises(RenderingError, match="unknown format"):
        ComposedBody.from_bytes(stored)


@pytest.mark.parametrize(
    ("content", "is_safe"),
    [(b"To: \0to\0\r\n", True), (b"", True), (b".\r\n", False), (b"\0to\0\r\n", False), (b"x\n", False), (b"x", False)],
)
def test_a_body_is_as_safe_on_the_wire_as_its_pieces(content: bytes, *, is_safe: bool) -> None:
    assert replace(BODY, pieces=(own_piece(b"A: b\r\n"), own_piece(content))).is_wire_safe() is is_safe
