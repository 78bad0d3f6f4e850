"""CSV files of a lake export as Arrow batches: streamed, only the columns that are needed, all as text."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.outcomes import counted
from segment_exports.settings import bounds
from segment_exports.sieve.net import names_told
from segment_exports.sources.lake.encodings import ColumnTexts, OtherEncodingError
from segment_exports.sources.lake.headers.first_row import judge_first_row
from segment_exports.sources.lake.headers.header import Header, looks_like_header, matched_header, own_header
from segment_exports.sources.lake.headers.mixed_rows import MixedRows
from segment_exports.sources.lake.quoting import MalformedQuotingError, QuotingRules
from segment_exports.sources.lake.text_blocks import (
    CheckedStream,
    OverlongRowError,
    TextBlocks,
    row_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.sources.lake.model_json import CsvFormat
    from segment_exports.sources.lake.storage import ExportFolder, FileState
    from segment_exports.sources.lake.text_blocks import Readable

_HEAD_BYTES = 256 * 1024
_HEAD_ROWS = 200
_DELIMITERS = ",;\t|"
_WRONG_COUNT = re.compile(r"\ACSV parse error: Row #(\d+): Expected (\d+) columns, got (\d+):")


class CsvFile:
    """One file of a table.

    After it was read, ``header`` is what its first row said and ``doubts`` what is doubtful.

    :param relative: where it lies in the folder.
    :param columns: names of the table's columns, as ``model.json`` gives them; None where nobody knows them,
        so that the file has to name them.
    :param state: which bytes the file must have.
    :param block_bytes: how much is held at once; no row may be longer.
    """

    header: Header | None = None
    is_empty = False

    def __init__(
        self,
        folder: ExportFolder,
        relative: str,
        columns: Sequence[str] | None,
        layout: CsvFormat,
        *,
        state: FileState | None = None,
        block_bytes: int = bounds.ROW_BYTES,
    ) -> None:
        self.doubts: list[str] = []
        self.path = folder.path(relative)
        self._folder = folder
        self._relative = relative
        self._columns = None if columns is None else tuple(columns)
        self._state = state
        self._layout = layout
        self._block_bytes = block_bytes
        self._rules = (
            QuotingRules(layout.delimiter, layout.by_backslash, layout.stray_quotes)
            if layout.quoted
            else None
        )

    @property
    def is_blank(self) -> bool:
        """Whether the file that was read has neither rows nor a header."""
        return self.is_empty and self.header is None

    def read(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read the wanted columns as string columns, in their order; empty values are null.

        One thread, since that is what tells the number of a broken row.

        :raises SourceNotReadyError: the file is missing; it may be replaced just now.
        :raises SourceError: its quotes aren't whole, a row has too many or too few
            columns, bytes aren't of the file's encoding, a value has more than 1 MiB, the header isn't the
            columns, or stands once more among the rows.
        """
        try:
            with self._folder.open(self._relative, self._state) as raw:
                yield from self._batches(CheckedStream(self._blocks(raw), self._rules), wanted)
        except FileNotFoundError:
            raise SourceNotReadyError(
                f"{self.path} is missing; wait for the export to end, or run it again"
            ) from None
        except MalformedQuotingError as error:
            raise SourceError(
                f"{self.path}: row {self._row_at(error.offset)}: {error}{self._other_delimiter()}. "
                "Nothing of the file is kept"
            ) from None
        except OverlongRowError:
            raise SourceError(self._overlong()) from None
        except OtherEncodingError as error:
            raise SourceError(
                f"{self.path} seems to be {error}, and model.json says {self._layout.encoding}"
            ) from None
        except pa.ArrowInvalid as error:
            raise SourceError(self._explained(str(error))) from None
        except UnicodeDecodeError:
            raise SourceError(f"{self.path} holds bytes that aren't {self._layout.encoding}") from None
        except UnicodeError:
            raise SourceError(
                f"{self.path} isn't {self._layout.encoding}, or lacks the byte order mark that this needs"
            ) from None

    def _batches(self, stream: CheckedStream, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        first, *others = self._first_rows(stream.look(0)) or [[]]
        self.header = self._recognised(first, wanted)
        if not (others if self.header else first) and not stream.look(1):
            self.is_empty = True
            return
        if self.header is None and (doubt := judge_first_row(first, others, self._names(), self.path)):
            self.doubts.append(doubt)
        first_row = 2 if self.header else 1
        mixed, texts = MixedRows(self._names(), self.path, first_row), ColumnTexts(first_row)
        for raw in open_csv(pa.PythonFile(stream, mode="r"), *self._options(self._present(wanted))):
            self._check_lengths(raw)
            batch = texts.of(raw)
            mixed.check(batch)
            yield batch
        self.doubts += mixed.doubts
        self._judge_broken(texts)
        if stream.is_cut:
            self.doubts.append(
                f"{self.path} ends without a line end: if it was cut off, rows are missing, and "
                f"{self._names()[-1]} of the last one is shorter than it was"
            )
        if stream.scanner and stream.scanner.rowlike:
            values = counted(stream.scanner.rowlike, "quoted value holds", "quoted values hold")
            at = self._row_at(stream.scanner.first_rowlike)
            self.doubts.append(
                f"{self.path}: {values} line ends and would be whole rows without the quotes, the first in "
                f"row {at}: if that is no text of several lines, a quote was not closed, people are missing, "
                "and the person of that row has what another one permits"
            )
        if stream.scanner and stream.scanner.strays:
            at = self._row_at(stream.scanner.first_stray)
            self.doubts.append(
                f"{self.path} has {stream.scanner.strays:,} quotes inside values that don't begin with one, "
                f"the first in row {at}: they are taken for characters, though by RFC 4180 such a value is "
                "quoted"
            )

    def _judge_broken(self, texts: ColumnTexts) -> None:
        if texts.told and texts.is_other_encoding:
            raise SourceError(
                f"{self.path} holds {texts.told}, and too few others beyond ASCII to be taken for "
                f"{self._layout.encoding}. Correct the encoding in model.json, or the value in its source"
            )
        if texts.told:
            self.doubts.append(
                f"{self.path} holds {texts.told}: U+FFFD stands for them, and an address with it is refused"
            )

    def _blocks(self, raw: Readable) -> TextBlocks:
        return TextBlocks(raw, self._layout.encoding, self._block_bytes)

    def _row_at(self, offset: int) -> int:
        """Count rows up to an offset, by reading once more: only a message needs it."""
        with self._folder.open(self._relative, self._state) as raw:
            return row_at(self._blocks(raw), self._rules or QuotingRules(), offset)

    def _other_delimiter(self) -> str:
        """Say by which other delimiter the first row has the table's columns; nothing where by none.

        Reads the beginning once more: only a message needs it.
        """
        with self._folder.open(self._relative, self._state) as raw:
            block = next(iter(self._blocks(raw)), b"")
        declared, columns = self._layout.delimiter, len(self._columns or ())
        for delimiter in _DELIMITERS.replace(declared, ""):
            first = next(iter(self._first_rows(block, delimiter)), [])
            if 1 < len(first) == columns:
                return (
                    f"; by the delimiter {delimiter!r} row 1 has {columns}, and model.json says {declared!r}"
                )
        return ""

    def _first_rows(self, block: bytes, delimiter: str = "") -> list[list[str]]:
        """Return the first rows that aren't empty, up to one that is too long for a header."""
        text = block[:_HEAD_BYTES].decode(errors="ignore")
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._layout.quoted else csv.QUOTE_NONE
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter or self._layout.delimiter, quoting=quoting
        )
        found: list[list[str]] = []
        try:
            found.extend(islice(filter(None, rows), _HEAD_ROWS))
        except csv.Error:
            found.append(["a field too long for a header"])
        return found

    def _recognised(self, first: Sequence[str], wanted: Sequence[str]) -> Header | None:
        """Return the header if there is one.

        :raises SourceError: there should be one and isn't, or it isn't the columns.
        """
        if self._columns is None:
            return own_header(first, wanted, self.path) if first else None
        if looks_like_header(first, self._columns):
            header = matched_header(first, self._columns, self.path)
            if header.otherwise:
                self.doubts.append(
                    f"{self.path} names its columns in other letter case than model.json, or with blanks "
                    f"around ({names_told(header.otherwise)}): they were matched by name"
                )
            return header
        if self._layout.header and first:
            raise SourceError(
                f"{self.path}: row 1 should be the header, and has {counted(len(first), 'column')} "
                f"other than the attributes of model.json: {names_told(self._columns)}"
                f"{self._other_delimiter()}"
            )
        return None

    def _present(self, wanted: Sequence[str]) -> list[str]:
        """Return the wanted columns that the file has; only previous ids may lack."""
        columns = self._names()
        return [name for name in wanted if name in columns]

    def _names(self) -> tuple[str, ...]:
        return self.header.columns if self.header else self._columns or ()

    def _options(self, wanted: Sequence[str]) -> tuple[ReadOptions, ParseOptions, ConvertOptions]:
        return (
            ReadOptions(
                use_threads=False,
                block_size=self._block_bytes,
                column_names=list(self._names()),
                skip_rows_after_names=int(self.header is not None),
            ),
            ParseOptions(
                delimiter=self._layout.delimiter,
                quote_char='"' if self._layout.quoted else False,
                newlines_in_values=self._layout.quoted,
            ),
            ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _explained(self, message: str) -> str:
        """Say what Arrow found, without the values that its message repeats."""
        # Not by Arrow's handler of such rows: it can't be called with bytes that aren't of the encoding.
        if count := _WRONG_COUNT.match(message):
            row, expected, actual = count.groups()
            columns = counted(int(actual), "column")
            hint = self._other_delimiter()
            return f"{self.path}: row {row} has {columns}; model.json gives the table {expected}{hint}"
        if "straddl" in message:
            return self._overlong()
        return f"{self.path} can't be read as CSV"

    def _overlong(self) -> str:
        return f"{self.path} has a row of over {self._block_bytes >> 20} MiB; an unclosed quote does that too"

    def _check_lengths(self, batch: pa.RecordBatch) -> None:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > bounds.VALUE_BYTES:
                raise SourceError(
                    f"{self.path}: a value of {name} has {longest:,} bytes; "
                    f"at most {bounds.VALUE_BYTES:,} are read"
                )


class OneOrder:
    """Refuses files of one snapshot where the header of one gives another order than another one may have.

    A large file that was cut has its header in the first piece alone.

    :param columns: in the order of ``model.json``, which is that of a file without a header; None where every
        file has one.
    """

    def __init__(self, columns: Sequence[str] | None) -> None:
        self._columns = tuple(columns or ())
        self._reordered: str | None = None
        self._without: str | None = None

    def add(self, file: CsvFile) -> None:
        """Take a file that was read.

        :raises SourceError: one names its columns in another order, and one doesn't name them.
        """
        if file.header is None:
            self._without = self._without if file.is_empty else file.path
        elif file.header.columns != self._columns:
            self._reordered = file.path
        if self._reordered and self._without:
            raise SourceError(
                f"{self._reordered} names its columns in another order than model.json, and {self._without} "
                "doesn't name them: which order it has can't be known"
            )
