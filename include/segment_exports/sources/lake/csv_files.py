"""CSV files of a lake export as Arrow batches: streamed, only the columns that are needed, all as text."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fsspec.implementations.local import LocalFileSystem
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

from segment_exports.errors import SourceError
from segment_exports.sources.lake.model_json import names_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fsspec import AbstractFileSystem

    from segment_exports.sources.lake.model_json import CsvFormat

BLOCK_BYTES = 2 * 1024 * 1024
LONGEST_FIELD_BYTES = 1024 * 1024
_HEAD_BYTES = 256 * 1024
_WRONG_COUNT = re.compile(r"\ACSV parse error: Row #(\d+): Expected (\d+) columns, got (\d+):")
_COLUMN = re.compile(r"CSV column #(\d+)")


class CsvFile:
    """One file of a table.

    :param columns: names of the table's columns, as ``model.json`` gives them.
    """

    def __init__(self, fs: AbstractFileSystem, path: str, columns: Sequence[str], layout: CsvFormat) -> None:
        self._fs = fs
        self._path = path
        self._columns = tuple(columns)
        self._layout = layout

    def read(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read the wanted columns as string columns, in their order; empty values are null.

        One thread, since that is what tells the number of a broken row.

        :raises SourceError: the file is missing, a row has too many or too few columns, bytes aren't
            of the file's encoding, a value has more than 1 MiB, the header isn't the columns.
        """
        try:
            with self._opened() as stream:
                header, names, is_empty = self._beginning(stream)
            if is_empty:
                return
            with self._opened() as stream:
                for batch in open_csv(stream, *self._options(header, names, wanted)):
                    self._check_lengths(batch)
                    yield batch
        except pa.ArrowInvalid as error:
            raise SourceError(self._explained(str(error))) from None
        except UnicodeDecodeError:
            raise SourceError(f"{self._path} holds bytes that aren't {self._layout.encoding}") from None
        except UnicodeError:
            raise SourceError(
                f"{self._path} isn't {self._layout.encoding}, or lacks the byte order mark that this needs"
            ) from None

    def _opened(self) -> Any:
        try:
            if isinstance(self._fs, LocalFileSystem):
                return pa.OSFile(self._path)
            return self._fs.open(self._path, "rb")
        except FileNotFoundError:
            raise SourceError(
                f"{self._path} is missing; wait for the export to end, or run it again"
            ) from None
        except Exception as error:  # every file system has errors of its own
            raise SourceError(f"{self._path} can't be read ({type(error).__name__})") from error

    def _beginning(self, stream: Any) -> tuple[bool, tuple[str, ...], bool]:
        """Return (has a header, names of the columns in the file's order, has no row)."""
        head = bytes(stream.read(_HEAD_BYTES))
        text = head.decode(self._layout.encoding, errors="ignore").removeprefix("\ufeff")
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._layout.quoted else csv.QUOTE_NONE
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self._layout.delimiter, quoting=quoting)
        first, second = _next_row(rows), _next_row(rows)
        whole = len(head) < _HEAD_BYTES
        header = sorted(first) == sorted(self._columns)
        if self._layout.header and not header and first:
            raise SourceError(
                f"{self._path}: row 1 should be the header, and has {len(first)} columns that aren't the "
                f"attributes of model.json: {names_told(self._columns)}"
            )
        return header, tuple(first) if header else self._columns, whole and not (second if header else first)

    def _options(
        self, header: bool, names: Sequence[str], wanted: Sequence[str]
    ) -> tuple[ReadOptions, ParseOptions, ConvertOptions]:
        return (
            ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                column_names=list(names),
                skip_rows_after_names=int(header),
                encoding=self._layout.encoding,
            ),
            ParseOptions(
                delimiter=self._layout.delimiter,
                quote_char='"' if self._layout.quoted else False,
                newlines_in_values=self._layout.quoted,
            ),
            ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _explained(self, message: str) -> str:
        """Say what Arrow found, without the values that its message repeats."""
        # Not by Arrow's handler of such rows: it can't be called with bytes that aren't of the encoding.
        if count := _WRONG_COUNT.match(message):
            row, expected, actual = count.groups()
            return f"{self._path}: row {row} has {actual} columns; model.json gives the table {expected}"
        if "straddl" in message:
            return f"{self._path} has a row of over {BLOCK_BYTES >> 20} MiB; an unclosed quote does that too"
        if "UTF8" in message and (match := _COLUMN.search(message)):
            return (
                f"{self._path} holds bytes that aren't {self._layout.encoding} in column {int(match[1]) + 1}"
            )
        return f"{self._path} can't be read as CSV"

    def _check_lengths(self, batch: pa.RecordBatch) -> None:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > LONGEST_FIELD_BYTES:
                raise SourceError(
                    f"{self._path}: a value of {name} has {longest:,} bytes; "
                    f"at most {LONGEST_FIELD_BYTES:,} are read"
                )


def _next_row(rows: Iterator[list[str]]) -> list[str]:
    """Return the next row that isn't empty; an empty list at the end."""
    try:
        return next((row for row in rows if row), [])
    except csv.Error:
        return ["a field too long for a header"]
