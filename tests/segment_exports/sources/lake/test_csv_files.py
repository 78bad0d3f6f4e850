"""CSV files: every way they may be written, read as Python's own reader reads them; broken ones are told."""

from __future__ import annotations

import csv
import gzip
import io
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.memory_taken import MemoryTaken

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.lake.csv_files import CsvFile
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.storage import ExportFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

COLUMNS = ("CustomerId", "EMail", "Note")
DEFAULTS = CsvFormat()


def csv_file(
    raw: bytes,
    columns: Sequence[str] = COLUMNS,
    layout: CsvFormat = DEFAULTS,
    block_bytes: int = bounds.ROW_BYTES,
) -> CsvFile:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/lake_csv/file.csv", raw)
    return CsvFile(ExportFolder(fs, "/lake_csv"), "file.csv", columns, layout, block_bytes=block_bytes)


def read(
    raw: bytes,
    wanted: Sequence[str] = COLUMNS,
    columns: Sequence[str] = COLUMNS,
    layout: CsvFormat = DEFAULTS,
    block_bytes: int = bounds.ROW_BYTES,
) -> list[dict[str, str | None]]:
    batches = list(csv_file(raw, columns, layout, block_bytes).read(wanted))
    for batch in batches:
        assert batch.schema.names == list(wanted)
        assert set(batch.schema.types) == {pa.string()}
    return [row for batch in batches for row in batch.to_pylist()]


def refusal(raw: bytes, **options: object) -> str:
    with pytest.raises(SourceError) as refused:
        read(raw, **options)  # type: ignore[arg-type]
    return str(refused.value)


def rows(*values: tuple[str | None, str | None, str | None]) -> list[dict[str, str | None]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in values]


def test_an_empty_value_is_null_in_quotes_or_not() -> None:
    assert read(b'"1","",\n2,,""\n') == rows(("1", None, None), ("2", None, None))


def test_blanks_and_words_for_nothing_are_values() -> None:
    assert read(b"1, ,NULL\nNA,nan,null\n") == rows(("1", " ", "NULL"), ("NA", "nan", "null"))


def test_quotes_commas_and_line_breaks_inside_values() -> None:
    assert read(b'1,"a ""b""","x,\r\ny"\r\n2,c,\xc3\xbc\xf0\x9f\x8e\x89\r\n') == rows(
        ("1", 'a "b"', "x,\r\ny"), ("2", "c", "ü🎉")
    )


def test_numbers_and_dates_stay_text() -> None:
    assert read(b"007,1e3,2026-01-05T05:00:00Z\n") == rows(("007", "1e3", "2026-01-05T05:00:00Z"))


def test_only_the_wanted_columns_come_in_the_order_asked_for() -> None:
    assert read(b"1,a,b\n", ("Note", "CustomerId")) == [{"Note": "b", "CustomerId": "1"}]


@pytest.mark.parametrize("declared", [None, False, True])
def test_a_header_is_noticed_whatever_the_settings_say(declared: bool | None) -> None:
    assert read(b"CustomerId,EMail,Note\n1,a,b\n", layout=CsvFormat(header=declared)) == rows(("1", "a", "b"))


def test_a_header_decides_the_order_of_the_columns() -> None:
    assert read(b'\xef\xbb\xbf"Note","CustomerId","EMail"\nb,1,a\n') == rows(("1", "a", "b"))


def test_a_header_in_other_letter_case_is_matched_by_name_and_doubted() -> None:
    file = csv_file(b' note,EMAIL ,"customerid"\nb,a,1\n')
    assert next(file.read(COLUMNS)).to_pylist() == rows(("1", "a", "b"))
    (doubt,) = file.doubts
    assert "names its columns in other letter case than model.json, or with blanks around" in doubt
    assert doubt.endswith("(EMAIL, customerid, note): they were matched by name")


@pytest.mark.parametrize("declared", [None, False, True])
@pytest.mark.parametrize(
    ("first", "told"),
    [
        (
            "CustomerId,EMail,other",
            "are no attribute of model.json: other; attributes that no cell names: Note",
        ),
        ("Customer ID,Mail,Other", "no attribute of model.json: Customer ID, Mail, Other; attributes that"),
        ("CustomerId,EMail,Note,Note", "(named by more than one cell: Note)"),
        ("CustomerId,EMail", "(attributes that no cell names: Note)"),
        ("EMail,Note,x@mail.example", "no attribute of model.json: (an address); attributes that no cell"),
    ],
)
def test_a_header_of_other_columns_is_never_a_person(declared: bool | None, first: str, told: str) -> None:
    message = refusal(f"{first}\n1,a,b\n".encode(), layout=CsvFormat(header=declared))
    assert "row 1 names other columns than model.json" in message
    assert told in message


def test_a_name_of_an_attribute_may_be_a_value() -> None:
    assert read(b"1,a@x.example,CustomerId\n2,b@x.example,CustomerId\n") == rows(
        ("1", "a@x.example", "CustomerId"), ("2", "b@x.example", "CustomerId")
    )
    assert "row 1 names other columns" in refusal(b"Mail,Remark,CustomerId\na@x.example,b,1\n")


def test_a_header_among_the_rows_is_refused() -> None:
    told = refusal(b"CustomerId,EMail,Note\n1,a,b\nCustomerId,Note,EMail\n2,c,d\n")
    assert "row 3 is a header once more: several files were put together" in told


@pytest.mark.parametrize("name", ["EMail", "email"])
def test_attributes_that_differ_by_letter_case_alone_are_told_apart(name: str) -> None:
    columns = ("CustomerId", "EMail", "email")
    assert read(b"email,CustomerId,EMail\nb,1,a\n", [name], columns) == [
        {name: "a" if name == "EMail" else "b"}
    ]
    assert "no attribute of model.json: EMAIL" in refusal(b"CustomerId,EMAIL,email\n", columns=columns)


def test_a_file_that_is_cut_off_inside_a_quoted_value_is_refused() -> None:
    told = refusal(b'1,a,b\n"2","c","d\n3,e,f\n')
    assert "file.csv: row 2: the file ends inside a quoted value: there is a quote too many" in told
    assert told.endswith("or the file was cut off. Nothing of the file is kept")


@pytest.mark.parametrize(
    ("raw", "row", "cause"),
    [
        (b'1,a,b\n2,",c\n3,"d",e\n', 2, "neither doubled nor at its end. Nothing"),
        (b'CustomerId,EMail,Note\n1,"a" b,c\n', 2, "neither doubled nor at its end. Nothing"),
        (
            b'1,"x\ny","z"\n2,"a \\"b\\"",c\n',
            2,
            "neither doubled nor at its end; quotes seem to be escaped by a",
        ),
        (
            b'"1","a","b"\n2,19" c,d\n',
            2,
            "a value that doesn't begin with one, in a file that has quoted values",
        ),
        (
            b'2,19" c,d\n"1","a","b"\n',
            1,
            "a value that doesn't begin with one, in a file that has quoted values",
        ),
        (
            b'1,"likes \\", fish",b\n',
            1,
            "doesn't begin with one, in a file that has quoted values; quotes seem",
        ),
        (b'1,"a","b', 1, "the file ends inside a quoted value"),
        (b'1,"a",b\n2,"c","19\\""\n', 2, "or the file was cut off; quotes seem to be escaped by a backslash"),
        (b'1, "a, b",c\n2,"d",e\n', 1, "a value that doesn't begin with one"),
    ],
)
def test_quotes_that_are_not_whole_are_refused_with_row_and_cause(raw: bytes, row: int, cause: str) -> None:
    told = refusal(raw)
    assert f"file.csv: row {row}: " in told
    assert cause in told


def test_a_quote_in_a_file_that_quotes_nothing_is_a_character_and_doubted() -> None:
    file = csv_file(b'1,a,b\n2,19" c,5" d"\n')
    assert [row for batch in file.read(COLUMNS) for row in batch.to_pylist()][1] == {
        "CustomerId": "2",
        "EMail": '19" c',
        "Note": '5" d"',
    }
    (doubt,) = file.doubts
    assert "has 3 quotes inside values that don't begin with one, the first in row 2" in doubt


def test_where_quotes_count_after_a_delimiter_alone_others_are_characters() -> None:
    layout = CsvFormat(stray_quotes=True)
    assert read(b'1,"a, b",19" c\n', layout=layout) == rows(("1", "a, b", '19" c'))


def test_quotes_escaped_by_a_backslash_are_read_as_spark_writes_them() -> None:
    raw = rb"""1,"a \"b\"","C:\\dir\\"
2,"C:\dir",C:\plain\
3,"","\\\"\\"
""".replace(rb"\n", b"\n")
    assert read(raw, layout=CsvFormat(by_backslash=True)) == rows(
        ("1", 'a "b"', "C:\\dir\\"), ("2", "C:\\dir", "C:\\plain\\"), ("3", None, '\\"\\')
    )


def test_doubled_quotes_where_a_backslash_should_escape_are_refused() -> None:
    told = refusal(b'1,"a ""b""",c\n', layout=CsvFormat(by_backslash=True))
    assert (
        "neither escaped by a backslash nor at its end; quotes seem to be doubled: take `csv_escape" in told
    )


@pytest.mark.parametrize(
    ("encoding", "seems"),
    [
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-16-le", "UTF-16 or UTF-32"),
        ("utf-16-be", "UTF-16 or UTF-32"),
    ],
)
@pytest.mark.parametrize("declared", ["utf-8", "windows-1252", "shift_jis"])
def test_another_encoding_than_the_declared_one_is_told_not_read_as_nothing(
    encoding: str, seems: str, declared: str
) -> None:
    text = "CustomerId,EMail,Note\n1,a@mail.example,b\n"
    told = refusal(text.encode(encoding), layout=CsvFormat(encoding=declared))
    assert told.endswith(f"file.csv seems to be {seems}, and model.json says {declared}")


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "cp1251", "gb18030", "ascii"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_is_not_read_by_another_charset(declared: str, mark: bytes) -> None:
    people = "".join(f"{number},p{number}@mail.example,x\n" for number in range(500))
    raw = mark + (people + "501,rené@mail.example,Größe\n").encode()
    told = refusal(raw, layout=CsvFormat(encoding=declared), block_bytes=4096)
    assert told.endswith(f"file.csv seems to be UTF-8, and model.json says {declared}") or (
        declared == "ascii" and not mark and "holds bytes that aren't ascii" in told
    )


def test_a_charset_that_is_declared_rightly_is_read() -> None:
    text = "1,É”,x\n2,rené@mail.example,Größe\n"
    assert read(text.encode("cp1252"), layout=CsvFormat(encoding="cp1252")) == rows(
        ("1", "É”", "x"), ("2", "rené@mail.example", "Größe")
    )


@pytest.mark.parametrize(("encoding", "declared"), [("utf-16-be", "utf-16-le"), ("utf-16-le", "utf-16-be")])
def test_the_other_byte_order_is_told(encoding: str, declared: str) -> None:
    told = refusal("\ufeff1,a,b\n".encode(encoding), layout=CsvFormat(encoding=declared))
    assert f"seems to be UTF-16 of the other byte order, and model.json says {declared}" in told


@pytest.mark.parametrize(
    "raw", [b"", b"\xef\xbb\xbf", b"\n", b"CustomerId,EMail,Note", b"CustomerId,EMail,Note\r\n"]
)
def test_a_file_without_rows_has_none(raw: bytes) -> None:
    assert read(raw) == []


def test_a_header_that_should_be_there_and_is_not_is_told() -> None:
    told = refusal(b"1,a,b\n", layout=CsvFormat(header=True))
    assert "row 1 should be the header" in told
    assert "CustomerId, EMail, Note" in told


def test_without_quoting_a_quote_is_a_character() -> None:
    assert read(b'1,"a,b"\n', layout=CsvFormat(quoted=False)) == rows(("1", '"a', 'b"'))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16le", "windows-1252", "utf-8-sig"])
@pytest.mark.parametrize("header", [True, False])
def test_other_encodings_are_read(encoding: str, header: bool) -> None:
    text = ("CustomerId;EMail;Note\n" if header else "") + "1;ü;ß\n"
    assert read(text.encode(encoding), layout=CsvFormat(delimiter=";", encoding=encoding)) == rows(
        ("1", "ü", "ß")
    )


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"1,a,b\n2,c,d,e\n", "file.csv: row 2 has 4 columns; model.json gives the table 3"),
        (b"1,a,b\n2,c\n", "file.csv: row 2 has 2 columns"),
        (b"CustomerId,EMail,Note\n1,a,b\n2,c\n", "file.csv: row 3 has 2 columns"),
        (b"1,a,b\n" * 200_000 + b"1,a\n", "file.csv: row 200001 has 2 columns"),
        (b"1,a,b\n2,c,d,\xff\n", "file.csv: row 2 has 4 columns; model.json gives the table 3"),
        (b"1,a,b\n2,c\xff\n3,e,f\n", "file.csv: row 2 has 2 columns; model.json gives the table 3"),
        (
            b"1,a,b\n2,\xff,d\n",
            "file.csv holds bytes that aren't utf-8 in 1 value (one is EMail in row 2)",
        ),
    ],
)
def test_a_broken_row_is_told_without_its_values(
    raw: bytes, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    message = refusal(raw)
    assert told in message
    assert "c,d" not in message
    assert capfd.readouterr().err == ""


def test_bytes_that_are_not_of_a_declared_encoding_are_told() -> None:
    assert "aren't ascii" in refusal("1,ü,b\n".encode("latin-1"), layout=CsvFormat(encoding="ascii"))


def test_a_byte_order_mark_that_is_missing_is_told() -> None:
    told = refusal("1,ü,b\n".encode("utf-16le"), layout=CsvFormat(encoding="utf-16"))
    assert told.endswith("file.csv isn't utf-16, or lacks the byte order mark that this needs")


def test_a_value_that_is_too_long_is_told() -> None:
    long = b"x" * (bounds.VALUE_BYTES + 1)
    assert f"a value of EMail has {bounds.VALUE_BYTES + 1:,} bytes" in refusal(b"1," + long + b",b\n")


def test_one_broken_character_stops_nobody_in_a_file_that_plainly_is_utf_8() -> None:
    people = [f"{number},p{number}@mail.example,René\n".encode() for number in range(40)]
    broken = b"40,p40@mail.example,Ren\xc3\n41,p\xe9@mail.example,Ann\n"
    file = csv_file(b"CustomerId,EMail,Note\n" + b"".join(people) + broken)

    found = [row for batch in file.read(COLUMNS) for row in batch.to_pylist()]
    assert [row["Note"] for row in found] == ["René"] * 40 + ["Ren\ufffd", "Ann"]
    assert found[-1]["EMail"] == "p\ufffd@mail.example"
    (doubt,) = file.doubts
    assert "bytes that aren't utf-8 in 2 values (one is EMail in row 43)" in doubt


def test_some_broken_characters_in_a_file_of_another_encoding_are_not_mended() -> None:
    people = [f"{number},p{number}@mail.example,René\n".encode() for number in range(40)]
    others = "50,p50@mail.example,Jürgen\n".encode("windows-1252") * 5
    assert "too few others beyond ASCII to be taken for utf-8" in refusal(b"".join(people) + others)


@pytest.mark.parametrize(
    ("end", "is_doubted"),
    [(b"b@mail.example.co", True), (b"b@mail.example.com\n", False), (b'"b@mail.example.com"', False)],
)
def test_a_last_value_that_may_have_been_cut_off_is_doubted(end: bytes, is_doubted: bool) -> None:
    file = csv_file(b"1,Ann,a@mail.example.com\n2,Bob," + end, ("CustomerId", "Note", "EMail"))
    assert sum(batch.num_rows for batch in file.read(["CustomerId", "EMail"])) == 2
    told = (
        "ends without a line end: if it was cut off, rows are missing, and EMail of the last one is shorter"
    )
    assert [told in doubt for doubt in file.doubts] == [True] * is_doubted


def test_a_field_of_200_mb_is_refused_and_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    with path.open("wb") as file:
        file.write(b'1,a,b\n2,"')
        for _ in range(200):
            file.write(b"x\n" * (512 * 1024))
        file.write(b'",d\n')
    # Arrow reads up to 32 blocks ahead on a thread of its own, which lets go of them when it comes to it.
    bound = 48 * bounds.ROW_BYTES
    before = pa.total_allocated_bytes()
    with pytest.raises(SourceError, match="has a row of over 2 MiB"):
        list(CsvFile(ExportFolder.local(tmp_path), path.name, COLUMNS, CsvFormat()).read(["CustomerId"]))
    assert pa.total_allocated_bytes() - before < bound


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv is missing"):
        list(CsvFile(ExportFolder.local("/"), "nowhere.csv", COLUMNS, CsvFormat()).read(COLUMNS))


_VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(_VALUES.filter(bool), _VALUES, _VALUES), max_size=8),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_pythons_writer_wrote_is_read_back(
    values: list[tuple[str, str, str]], quoting: int, delimiter: str, header: bool, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([COLUMNS, *values] if header else values)
    found = read(text.getvalue().encode(), layout=CsvFormat(header=header or None, delimiter=delimiter))
    assert found == [{name: one or None for name, one in zip(COLUMNS, row, strict=True)} for row in values]


@pytest.mark.parametrize("declared", [None, False])
def test_a_first_row_in_other_words_is_no_person(declared: bool | None) -> None:
    people = b"".join(b"c%d,p%d@mail.example,x\n" % (one, one) for one in range(300))
    layout = CsvFormat(header=declared)
    told = refusal(b"T.CustomerId,T.EMail,T.Note\n" + people, layout=layout)
    assert (
        "row 1 names other columns than model.json (cells that are no attribute of model.json: T.Cust" in told
    )
    told = refusal(b"Kunde,EMail,Bemerkung\n" + people, layout=layout)
    assert "row 1 seems to be a header that isn't that of model.json" in told
    file = csv_file(b"Kunde,Adresse,Bemerkung\n" + people, layout=layout)
    assert sum(batch.num_rows for batch in file.read(COLUMNS)) == 301
    assert "row 1 holds no address, unlike the rows after it" in file.doubts[0]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (gzip.compress(b"1,a,b\n", mtime=0), "compressed by gzip"),
        (b"PK\x03\x04\x14\x00\x00", "a zip archive"),
        (b"PAR1\x15\x04\x15", "a Parquet file"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252"])
def test_what_is_no_text_is_told_by_its_kind(raw: bytes, kind: str, encoding: str) -> None:
    told = refusal(raw, layout=CsvFormat(encoding=encoding))
    assert told.endswith(f"file.csv seems to be no text but {kind}, and model.json says {encoding}")


@pytest.mark.parametrize("raw", [b"1;a;b\n", b'"1";"a";"b"\n', b"CustomerId;EMail;Note\n1;a;b\n"])
@pytest.mark.parametrize("header", [None, True])
def test_another_delimiter_is_named_as_the_likely_cause(raw: bytes, header: bool | None) -> None:
    told = refusal(raw, layout=CsvFormat(header=header))
    assert "; by the delimiter ';' row 1 has 3, and model.json says ','" in told
    assert "by the delimiter" not in refusal(b"1,a,b\n2,c\n")


class Endless:
    """A file that never ends; ``taken`` are the bytes that were read of it."""

    def __init__(self, piece: bytes) -> None:
        self.taken = 0
        self._piece = piece

    def read(self, size: int) -> bytes:
        self.taken += size
        return (self._piece * (size // len(self._piece) + 1))[:size]


@pytest.mark.parametrize("piece", [b"x", b'"', b'""', b",", b'"a,', b"\\", b"\0", "ü".encode()])
@pytest.mark.parametrize("begin", [b"", b"1,a@mail.example,b\n", b"CustomerId,EMail,Note\n", b'"'])
def test_a_row_or_header_without_end_is_refused_in_little_memory(begin: bytes, piece: bytes) -> None:
    """Whatever it is made of, no more than a few blocks of it are looked at."""
    file = Endless(piece)

    class Folder(ExportFolder):
        def open(self, *_: object) -> Any:
            return nullcontext(SimpleNamespace(read=iter_of(begin, file)))

    csv = CsvFile(Folder(fsspec.filesystem("memory"), "/lake_csv"), "f.csv", COLUMNS, DEFAULTS)
    with MemoryTaken() as memory, pytest.raises(SourceError, match=r"f\.csv"):
        list(csv.read(COLUMNS))
    assert file.taken < 8 * bounds.ROW_BYTES
    assert memory.most < 64 * bounds.ROW_BYTES


def iter_of(begin: bytes, file: Endless) -> Callable[[int], bytes]:
    held = [begin]

    def read(size: int) -> bytes:
        first, held[0] = held[0][:size], held[0][size:]
        return first or file.read(size)

    return read


@pytest.mark.parametrize("columns", [3, 5_000])
def test_a_header_of_many_cells_is_judged_soon(columns: int) -> None:
    names = ["CustomerId", "EMail", *(f"a{number}" for number in range(columns - 2))]
    begun = time.perf_counter()
    told = refusal(b"CustomerId,EMail" + b",a" * 100_000 + b"\n1,2\n", columns=names, wanted=names[:2])
    assert time.perf_counter() - begun < 20
    assert "file.csv" in told
    assert len(told) < 5_000
