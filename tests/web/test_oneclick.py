from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.oneclick import is_one_click

URLENCODED = "application/x-www-form-urlencoded"


def multipart(*fields: tuple[str, str], line: str = "\r\n") -> bytes:
    parts = [f'--b{line}Content-Disposition: form-data; name="{name}"{line}{line}{value}{line}' for name, value in fields]
    return ("".join(parts) + f"--b--{line}").encode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", URLENCODED),
        (b"List-Unsubscribe=One-Click", f"{URLENCODED}; charset=UTF-8"),
        (b"List-Unsubscribe=One-Click", f"{URLENCODED}; charset=utf-16"),
        (b"List-Unsubscribe=One-Click\r\n", URLENCODED.upper()),
        (b"List-Unsubscribe=One-Click", ""),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b"List%2DUnsubscribe=One%2DClick", URLENCODED),
        (b"other=%ff&List-Unsubscribe=One-Click&last=1", URLENCODED),
        (multipart(("List-Unsubscribe", "One-Click")), "multipart/form-data; boundary=b"),
        (multipart(("List-Unsubscribe", "One-Click")), 'Multipart/Form-Data; boundary="b"; charset=utf-16'),
        (multipart(("a", "1"), ("List-Unsubscribe", "One-Click"), ("z", "2")), "multipart/form-data; charset=x; boundary=b"),
        (multipart(("List-Unsubscribe", "One-Click"), line="\n"), "multipart/form-data; boundary=b"),
    ],
)
def test_every_spelling_of_the_one_click_body_is_understood(body: bytes, content_type: str) -> None:
    assert is_one_click(body, content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", URLENCODED),
        (b"List-Unsubscribe=", URLENCODED),
        (b"List-Unsubscribe", URLENCODED),
        (b"One-Click=List-Unsubscribe", URLENCODED),
        (b"x=List-Unsubscribe%3DOne-Click", URLENCODED),
        (b"&".join([b"a=1"] * 2000) + b"&List-Unsubscribe=One-Click", URLENCODED),
        (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
        (multipart(("List-Unsubscribe", "No")), "multipart/form-data; boundary=b"),
        (multipart(("List-Unsubscribe", "One-Click")), "multipart/form-data"),
        (multipart(("List-Unsubscribe", "One-Click")), "multipart/form-data; boundary=other"),
        (b"List-Unsubscribe=One-Click", "multipart/form-data; boundary=b"),
    ],
)
def test_nothing_else_is_taken_for_one_click(body: bytes, content_type: str) -> None:
    assert not is_one_click(body, content_type)


@given(
    st.binary(max_size=300),
    st.one_of(
        st.text(max_size=60), st.sampled_from([URLENCODED, "multipart/form-data; boundary=b", "multipart/x; boundary=\r\n"])
    ),
)
def test_garbage_is_refused_without_an_error(body: bytes, content_type: str) -> None:
    assert not is_one_click(body, content_type)
