"""Two stray quotes that are whole by RFC 4180: nobody between them is lost, nobody gets another's consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fsspec
import pytest

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.lake.csv_files import CsvFile
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.storage import ExportFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("CustomerId", "EMail", "FirstName", "Consent")
PEOPLE = [[f"c{number}", f"p{number}@example.com", f"Ann {number}", "Yes"] for number in range(9)]


def csv_file(text: str, *, by_backslash: bool = False, block_bytes: int = bounds.ROW_BYTES) -> CsvFile:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/swallowed/file.csv", text.encode())
    layout = CsvFormat(by_backslash=by_backslash)
    return CsvFile(ExportFolder(fs, "/swallowed"), "file.csv", COLUMNS, layout, block_bytes=block_bytes)


def with_quotes(column: int, first: int, last: int, line_end: str = "\n") -> str:
    """Return the file with a quote before a value of one row and one behind that of a later row."""
    rows: list[list[str]] = [[*row] for row in PEOPLE]
    rows[first][column] = '"' + rows[first][column]
    rows[last][column] += '"'
    return "".join(",".join(row) + line_end for row in rows)


def names(file: CsvFile, wanted: Sequence[str] = COLUMNS) -> list[str]:
    return [str(name) for batch in file.read(wanted) for name in batch.column("FirstName").to_pylist()]


@pytest.mark.parametrize("block_bytes", [bounds.ROW_BYTES, 256, 130])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 4), (2, 6), (0, 8)])
@pytest.mark.parametrize("column", range(4))
def test_a_value_that_is_several_people_is_refused_with_its_row(
    column: int, first: int, last: int, line_end: str, block_bytes: int
) -> None:
    file = csv_file(with_quotes(column, first, last, line_end), block_bytes=block_bytes)
    with pytest.raises(SourceError) as refused:
        names(file)
    told = str(refused.value)
    if "has a row of over" not in told:  # as it is where it doesn't fit into a block
        assert f"row {first + 1}: a quoted value holds line ends and falls apart into whole rows" in told


def test_it_is_refused_too_where_the_column_is_not_read_and_backslashes_escape() -> None:
    text = with_quotes(2, 3, 5).replace("Ann 0", '"The \\"Bakery\\""')
    with pytest.raises(SourceError, match="row 4: a quoted value holds line ends and falls apart"):
        list(csv_file(text, by_backslash=True).read(["CustomerId", "EMail", "Consent"]))


@pytest.mark.parametrize("pad", ["", " "])
def test_it_is_refused_too_where_another_column_speaks_of_an_address(pad: str) -> None:
    told = {0: "you @ home", 3: "mail me: ann@example.com", 4: "or @work"}
    rows = [[one[0], pad + one[1], told.get(place, one[2]), one[3]] for place, one in enumerate(PEOPLE)]
    rows[2][2], rows[5][2] = '"' + rows[2][2], rows[5][2] + '"'
    with pytest.raises(SourceError, match="row 3: a quoted value holds line ends and falls apart"):
        names(csv_file("".join(",".join(row) + "\n" for row in rows)))


@pytest.mark.parametrize("without", [2, 3, 5])
def test_it_is_refused_too_where_one_of_the_people_has_no_address(without: int) -> None:
    text = with_quotes(2, 2, 5).replace(f"p{without}@example.com", "")
    with pytest.raises(SourceError, match="row 3: a quoted value holds line ends and falls apart"):
        names(csv_file(text))


def test_a_text_of_several_lines_is_read() -> None:
    note = 'Ann, who is\nat home, and\r\n"busy", as ann@example.com says'
    quoted = '"' + note.replace('"', '""') + '"'
    file = csv_file("".join(f"{one[0]},{one[1]},{quoted},Yes\n" for one in PEOPLE))
    assert names(file) == [note] * len(PEOPLE)
    assert file.doubts == []


def test_several_people_one_of_whom_has_a_delimiter_too_many_are_doubted() -> None:
    file = csv_file(with_quotes(2, 3, 4).replace("Ann 4", "Ann 4, Miss"))
    assert len(names(file)) == len(PEOPLE) - 1
    assert "1 quoted value holds line ends and would be whole rows" in file.doubts[0]


def test_one_that_would_be_rows_by_chance_is_read_with_a_doubt() -> None:
    note = "Ann, at home\nor, if not, at work"
    file = csv_file(f'c0,p0@example.com,Bob,Yes\nc1,p1@example.com,"{note}",No\n')
    assert names(file) == ["Bob", note]
    (doubt,) = file.doubts
    assert "1 quoted value holds line ends and would be whole rows" in doubt
    assert "the first in row 2" in doubt


@pytest.mark.parametrize(
    "note",
    [
        "ask,\nAnn, at b@x.example, or Bo",
        "ask,\nAnn, b@x.example, or Bo",
        "ask,\nthis,b@x.example (Ann), or Bo",
    ],
)
def test_so_is_one_that_speaks_of_an_address_where_the_column_has_them(note: str) -> None:
    file = csv_file(f'c0,p0@example.com,Bob,Yes\nc1,p1@example.com,"{note}",No\n')
    assert names(file) == ["Bob", note]
    assert len(file.doubts) == 1
