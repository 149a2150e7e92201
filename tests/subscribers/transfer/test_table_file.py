"""Files as people have them: other separators, marks at the start, broken lines, quotation marks that never close."""

from __future__ import annotations

import io
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.errors import FileFormatError
from subscribers.transfer.cells import guard, unguard
from subscribers.transfer.table_file import TableFile


def cells(content: bytes) -> list[tuple[int, list[str] | None]]:
    return [(line.number, line.cells) for line in TableFile(io.BytesIO(content))]


def test_a_plain_list_needs_no_header() -> None:
    assert cells(b"a@example.org\nb@example.org\n\n  \nc@example.org") == [
        (1, ["a@example.org"]),
        (2, ["b@example.org"]),
        (5, ["c@example.org"]),
    ]


def test_two_addresses_on_a_line_of_a_plain_list_are_not_cut_in_two() -> None:
    assert cells(b"a@example.org\nb@example.org,c@example.org\n")[1] == (2, ["b@example.org,c@example.org"])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_marks_and_line_ends_of_all_kinds(separator: str, start: bytes, end: str) -> None:
    content = end.join([separator.join(line) for line in (("Name", "E-Mail", "Hour"), ("Ann", "ann@example.org", "7"))])
    file = TableFile(io.BytesIO(start + content.encode()))
    assert file.columns == {"name": 0, "address": 1, "hour": 2}
    assert [line.cells for line in file] == [["Ann", "ann@example.org", "7"]]


def test_a_quoted_cell_may_hold_separators_quotes_and_line_breaks() -> None:
    content = b'email,note\na@example.org,"x, ""y""\nand more"\nb@example.org,z\n'
    assert cells(content) == [(2, ["a@example.org", 'x, "y"\nand more']), (4, ["b@example.org", "z"])]


def test_a_quotation_mark_that_never_closes_spoils_only_its_line() -> None:
    content = b'email,note\na@example.org,"open\n' + b"".join(b"r%d@example.org,x\n" % place for place in range(200))
    found = cells(content)
    assert found[0] == (2, None)
    assert found[1:] == [(place + 3, [f"r{place}@example.org", "x"]) for place in range(200)]


def test_two_open_quotation_marks_spoil_two_lines() -> None:
    assert cells(b'email\n"a@example.org\n"b@example.org\nc@example.org\n') == [(2, None), (3, None), (4, ["c@example.org"])]


def test_quotation_marks_inside_cells_join_no_lines() -> None:
    content = b'email,note\na@example.org,5" pipe\nb@example.org,3" pipe\n"c@example.org\nd"@example.org,x\ne@example.org,y\n'
    assert cells(content) == [
        (2, ["a@example.org", '5" pipe']),
        (3, ["b@example.org", '3" pipe']),
        (4, None),
        (5, ['d"@example.org', "x"]),
        (6, ["e@example.org", "y"]),
    ]


@given(st.lists(st.text('a",', max_size=8), max_size=12))
def test_every_line_is_a_record_or_part_of_one(lines: list[str]) -> None:
    content = "\n".join(["email", *lines]) + "\n"
    covered = set[int]()
    for number, found in cells(content.encode()):
        inside = sum(cell.count("\n") for cell in found or [])
        covered |= set(range(number, number + 1 + inside))
    assert covered >= {number for number, line in enumerate(lines, 2) if line}


def test_a_quoted_header_of_one_column_is_a_header() -> None:
    assert cells(b'"email"\n"a@example.org"\n') == [(2, ["a@example.org"])]


def test_a_line_that_is_not_utf8_spoils_only_itself() -> None:
    found = cells(b"email\nm\xfcller@example.org\nb@example.org\n")
    assert found[1] == (3, ["b@example.org"])
    assert found[0][1] == ["m\udcfcller@example.org"]


def test_a_file_without_a_column_of_addresses_is_refused_with_what_it_has() -> None:
    with pytest.raises(FileFormatError, match=r"no column is named 'address' or 'email' in the first line; found: name, city"):
        TableFile(io.BytesIO(b"Name,City\nAnn,Bonn\n"))


def test_utf16_is_refused_with_what_to_do() -> None:
    with pytest.raises(FileFormatError, match="save it as 'CSV UTF-8'"):
        TableFile(io.BytesIO("email\na@example.org\n".encode("utf-16")))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"email\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_lines(content: bytes) -> None:
    assert cells(content) == []


@given(st.binary(max_size=300) | st.text('a@",;\n\r\t|x=é', max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_and_no_line_is_lost(content: bytes) -> None:
    try:
        numbers = [number for number, _ in cells(content)]
    except FileFormatError:
        return
    assert numbers == sorted(set(numbers))


@given(st.text() | st.text("=+-@'\t\ra", max_size=5))
def test_a_guarded_cell_comes_back_and_starts_no_formula(text: str) -> None:
    assert unguard(guard(text)) == text
    assert guard(text)[:1] not in set("=+-@\t\r")


@given(st.text('a@",;\n\ré', max_size=200).map(str.encode) | st.binary(max_size=200), st.integers(0, 20))
def test_reading_goes_on_at_any_record(content: bytes, count: int) -> None:
    try:
        file = TableFile(io.BytesIO(content))
    except FileFormatError:
        return
    every = list(TableFile(io.BytesIO(content)))
    lines = iter(file)
    read = list(islice(lines, count))
    position = file.position
    assert read + list(TableFile(io.BytesIO(content), position)) == every
    assert read + list(lines) == every


def test_the_position_at_the_end_is_the_length_of_the_file() -> None:
    content = "\ufeffemail\r\né@example.org\r\n\n".encode()
    file = TableFile(io.BytesIO(content))
    assert len(list(file)) == 1
    assert file.position == (len(content), 4)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_longer_than_a_block_and_blocks_that_end_anywhere(end: bytes) -> None:
    name = b"x" * 99_991
    content = b"email,note" + end + b"".join(b"a%d@example.org,%s%s" % (place, name, end) for place in range(20))
    found = list(TableFile(io.BytesIO(content)))
    assert [line.number for line in found] == list(range(2, 22))
    assert all(line.cells and line.cells[1] == name.decode() for line in found)


def test_a_file_without_line_ends_is_no_list() -> None:
    with pytest.raises(FileFormatError, match="line 1 does not end"):
        TableFile(io.BytesIO(b"x" * 5_000_000))
