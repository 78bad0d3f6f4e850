"""Quotes: what is refused and what is read, against a slow parser that knows nothing of blocks or bits."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import pairwise

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sources.lake.csv_files import CsvFile
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.quoting import MalformedQuotingError, QuoteScanner, QuotingRules
from segment_exports.sources.lake.storage import ExportFolder

COLUMNS = ("CustomerId", "EMail", "Note")


class MalformedError(Exception):
    """The slow parser refuses the text."""


@dataclass
class SlowParser:
    """Reads a text character by character, as the rules are written down."""

    delimiter: str = ","
    by_backslash: bool = False
    stray_allowed: bool = False

    def rows(self, text: str) -> list[list[str]]:
        """Return the rows; empty lines are none.

        :raises MalformedError: the quotes aren't whole.
        """
        rows: list[list[str]] = []
        row: list[str] = []
        place, has_quoted, strays = 0, False, 0
        while place < len(text):
            if text[place] == '"':
                has_quoted = True
                value, place = self._quoted(text, place + 1)
            else:
                begin = place
                while place < len(text) and text[place] not in (self.delimiter, "\r", "\n"):
                    place += 1
                value = text[begin:place]
                strays += value.count('"')
            row.append(value)
            if place < len(text) and text[place] == self.delimiter:
                place += 1
                if place == len(text) or text[place] in "\r\n":
                    row.append("")
                else:
                    continue
            if row != [""]:
                rows.append(row)
            row = []
            place += 2 if text.startswith("\r\n", place) else 1
        if strays and has_quoted and not self.stray_allowed:
            raise MalformedError
        return rows

    def _quoted(self, text: str, place: int) -> tuple[str, int]:
        value = ""
        while place < len(text):
            pair = text[place : place + 2]
            if pair in (['\\"', "\\\\"] if self.by_backslash else ['""']):
                value += pair[1]
                place += 2
            elif text[place] == '"':
                if pair[1:] not in ("", self.delimiter, "\r", "\n"):
                    raise MalformedError
                return value, place + 1
            else:
                value += text[place]
                place += 1
        raise MalformedError


_PIECES = st.lists(
    st.sampled_from(
        ['"', '"', '""', ',"', '",', '\\"', "\\\\", "\\", ",", "\n", "\r\n", "\r", "a", "bc", "é", " "]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=400)
@given(_PIECES, st.data(), st.booleans(), st.booleans())
def test_blocks_are_refused_or_passed_on_as_the_slow_parser_says(
    text: str, data: st.DataObject, by_backslash: bool, stray_allowed: bool
) -> None:
    rules = QuotingRules(by_backslash=by_backslash, stray_allowed=stray_allowed)
    slow = SlowParser(by_backslash=by_backslash, stray_allowed=stray_allowed)
    raw = text.encode()
    ends = [place for place in range(1, len(raw)) if raw[place - 1 : place] == b"\n"]
    cuts = data.draw(st.sets(st.sampled_from(ends))) if ends else set()
    places = [0, *sorted(cuts), len(raw)]
    scanner = QuoteScanner(rules)
    try:
        expected = slow.rows(text)
    except MalformedError:
        with pytest.raises(MalformedQuotingError):
            passed_on(scanner, raw, places)
        return
    passed = passed_on(scanner, raw, places).decode()
    assert SlowParser(stray_allowed=True).rows(passed) == expected
    if not by_backslash:
        assert passed == text


def passed_on(scanner: QuoteScanner, raw: bytes, places: list[int]) -> bytes:
    blocks = [raw[begin:end] for begin, end in pairwise(places)]
    passed = b"".join([scanner.check(block) for block in blocks])
    scanner.end()
    return passed


@pytest.mark.parametrize("length", [1, 62, 63, 64, 65, 127, 128, 65_535, 65_536, 65_537])
def test_quotes_are_seen_wherever_they_stand_in_a_word_and_a_piece(length: int) -> None:
    good = b'"' + b"x" * length + b'"\n'
    assert passed_on(QuoteScanner(QuotingRules()), good * 3, [0, len(good), 3 * len(good)]) == good * 3
    for bad, begins in ((b'"' + b"x" * length + b'"y\n', 0), (b"y" * length + b',"\n', length + 1)):
        with pytest.raises(MalformedQuotingError) as refused:
            passed_on(QuoteScanner(QuotingRules()), good + bad, [0, len(good), len(good) + len(bad)])
        assert refused.value.offset == len(good) + begins


_CHARACTERS = [*'ab"\\,;|é', " ", "\n", "\r", "\r\n"]
_VALUES = st.lists(st.sampled_from(_CHARACTERS), max_size=6).map("".join)
_ROWS = st.lists(st.tuples(st.text("123", min_size=1, max_size=3), _VALUES, _VALUES), min_size=1, max_size=30)


def written(rows: list[tuple[str, str, str]], layout: CsvFormat, end: str, always: bool) -> str:
    def cell(value: str) -> str:
        if not always and not any(one in value for one in f'"\r\n{layout.delimiter}'):
            return value
        if layout.by_backslash:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + (value if layout.by_backslash else value.replace('"', '""')) + '"'

    return "".join(layout.delimiter.join(map(cell, row)) + end for row in rows)


@settings(max_examples=300, deadline=None)
@given(
    _ROWS,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(160, 400),
    st.data(),
)
def test_a_file_is_read_value_by_value_or_refused_even_if_it_was_damaged(
    rows: list[tuple[str, str, str]],
    delimiter: str,
    encoding: str,
    end: str,
    by_backslash: bool,
    always: bool,
    header: bool,
    block_bytes: int,
    data: st.DataObject,
) -> None:
    layout = CsvFormat(delimiter=delimiter, encoding=encoding, by_backslash=by_backslash)
    text = written([COLUMNS, *rows] if header else rows, layout, end, always)
    damage = data.draw(st.sampled_from(["", "", '"', "\\", "cut", "out"]))
    place = data.draw(st.integers(0, len(text) - 1))
    if damage == "out":
        text = text[:place] + text[place + 1 :]
    elif damage:
        text = text[:place] + ("" if damage == "cut" else damage + text[place:])
    try:
        parsed = SlowParser(delimiter, by_backslash).rows(text)
    except MalformedError:
        parsed = []
    expected = parsed[1:] if parsed[:1] == [list(COLUMNS)] else parsed
    found = found_in(text.encode(encoding), layout, block_bytes)
    if not damage:
        assert expected == [list(row) for row in rows]
        assert found is not None
    if found is not None:
        assert found == expected


def found_in(raw: bytes, layout: CsvFormat, block_bytes: int) -> list[list[str]] | None:
    """Return the values that are read, or None where the file is refused."""
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/lake_csv/quoting.csv", raw)
    file = CsvFile(ExportFolder(fs, "/lake_csv"), "quoting.csv", COLUMNS, layout, block_bytes=block_bytes)
    try:
        batches = list(file.read(COLUMNS))
    except SourceError:
        return None
    return [[value or "" for value in row.values()] for batch in batches for row in batch.to_pylist()]


def test_the_slow_parser_is_right_where_pythons_own_is() -> None:
    text = '1,"a ""b""","x\r\ny"\r\n2,,\n'
    assert SlowParser().rows(text) == list(csv.reader(io.StringIO(text, newline="")))
