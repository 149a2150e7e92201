"""The operator's own fields: every value comes back as it was, and what is none is refused with what to write."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.fields import FieldKind, FieldsError, OwnField, fields_to_text, parse_fields
from subscribers.model import FieldValue

CITY = OwnField("city", "City", FieldKind.TEXT, required=True)
SEATS = OwnField("seats", "Seats", FieldKind.NUMBER)
JOINED = OwnField("joined", "Joined on", FieldKind.DATE)
DIET = OwnField("diet", "Diet", FieldKind.CHOICE, options=("None", "Vegan", "No nuts"))
MEMBER = OwnField("member", "Member", FieldKind.YES_NO)
ALL = (CITY, SEATS, JOINED, DIET, MEMBER)


def test_what_was_written_becomes_values_in_the_order_of_their_names() -> None:
    given = {"city": "  Bonn ", "seats": "-12", "joined": "2026-08-21", "diet": "no NUTS", "member": "on"}
    assert parse_fields(ALL, given) == (
        ("city", "Bonn"), ("diet", "No nuts"), ("joined", "2026-08-21"), ("member", True), ("seats", -12),
    )  # fmt: skip


def test_an_empty_text_is_no_value() -> None:
    assert parse_fields(ALL, {"city": "Bonn", "seats": "", "member": "  "}) == (("city", "Bonn"),)


@pytest.mark.parametrize("given", [{}, {"city": ""}, {"city": " \u3000"}])
def test_a_required_field_must_be_filled_in_unless_an_operator_writes(given: dict[str, str]) -> None:
    with pytest.raises(FieldsError) as refused:
        parse_fields(ALL, given)
    assert refused.value.problems == {"city": "must be filled in"}
    assert parse_fields(ALL, given, may_lack=True) == ()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("city", "x" * 501, "longer than 500"),
        ("city", "a\nb", "line break"),
        ("city", "a\x1b[31m", "control character"),
        ("city", "a\u202eb", "control character"),
        ("seats", "1.5", "whole number"),
        ("seats", "1_000", "whole number"),
        ("seats", "٣", "whole number"),
        ("seats", "1000000000000001", "whole number"),
        ("seats", "9" * 5000, "whole number"),
        ("seats", "--1", "whole number"),
        ("joined", "21.8.2026", "write it like 2026-08-21"),
        ("joined", "2026-02-30", "write it like 2026-08-21"),
        ("diet", "Steak", "is none of: None, Vegan, No nuts"),
        ("member", "perhaps", "neither yes nor no"),
        ("shoes", "43", "there is city, seats"),
    ],
)
def test_what_is_no_value_is_refused_with_what_to_write(name: str, text: str, problem: str) -> None:
    with pytest.raises(FieldsError) as refused:
        parse_fields(ALL, {"city": "Bonn", name: text})
    assert list(refused.value.problems) == [name]
    assert problem in refused.value.problems[name]
    assert text not in str(refused.value) or name == "shoes"


def test_all_problems_are_told_together() -> None:
    with pytest.raises(FieldsError) as refused:
        parse_fields(ALL, {"seats": "x", "joined": "x", "\x1b": "x"})
    assert list(refused.value.problems) == ["city", "seats", "joined", "?"]
    with pytest.raises(FieldsError, match="there is none"):
        parse_fields((), {"city": "Bonn"})


values = st.fixed_dictionaries(
    {},
    optional={
        "city": st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=100),
        "seats": st.integers(-(10**15), 10**15),
        "joined": st.dates().map(str),
        "diet": st.sampled_from(DIET.options),
        "member": st.booleans(),
    },
)


@given(values)
def test_values_come_back_from_their_text(written: dict[str, FieldValue]) -> None:
    parsed = parse_fields(ALL, fields_to_text(written.items()), may_lack=True)
    assert dict(parsed) == {
        name: unicodedata.normalize("NFC", value) if isinstance(value, str) else value for name, value in written.items()
    }
    assert parse_fields(ALL, fields_to_text(parsed), may_lack=True) == parsed
