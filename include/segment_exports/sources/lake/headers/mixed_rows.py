"""Headers amid the rows of a file, as files have that were put together from several.

What comes after one may have its columns in another order, so that a refusal is read as a consent.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.lake.headers.column_names import ColumnNames, numbers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_MIXED = "several files were put together, and the columns after it may be others"
_SUSPECT_NAMES = 2
"""So many cells of a row without an address may be values by chance; a header in other words has as many."""


class MixedRows:
    """Looks for headers in the batches of one file.

    Only rows without an ``@`` are looked at closely: no header has one, and few people have none.

    :param columns: names of all columns of the file: a header may have them in another order.
    :param path: of the file, for messages.
    :param first_row: number of the first row of the first batch.
    """

    def __init__(self, columns: Sequence[str], path: str, first_row: int) -> None:
        self._names = ColumnNames([*columns, CUSTOMER_ID])
        self._id = self._names.place_of(CUSTOMER_ID)
        self._path = path
        self._row = first_row
        self._suspects = 0
        self._first_suspect = 0

    @property
    def doubts(self) -> list[str]:
        """What is doubtful about the rows that were looked at."""
        if not self._suspects:
            return []
        rows = counted(self._suspects, "row has", "rows have")
        return [
            f"{self._path}: {rows} no address, and {_SUSPECT_NAMES} or more values that are names of columns "
            f"(the first is row {self._first_suspect}): if that is a header, in part in other words, then "
            "several files were put together, and the columns after it may be others"
        ]

    def check(self, batch: pa.RecordBatch) -> None:
        """Look at the next batch, of the wanted columns as text.

        :raises SourceError: a row is a header, in whatever form or order, or begins with a byte order mark.
        """
        masks = [_is_true(pc.match_substring(column, "@")) for column in batch.columns]
        places = pc.indices_nonzero(pc.invert(reduce(pc.or_, masks)))
        if len(places):
            self._judge(batch.take(places), numbers_of(places))
        self._refuse_marks(batch)
        self._row += batch.num_rows

    def _judge(self, rows: pa.RecordBatch, places: npt.NDArray[Any]) -> None:
        # All columns as one: an expression is compiled anew for each array.
        texts = pa.concat_arrays(rows.columns)
        shape = rows.num_columns, rows.num_rows
        found = self._names.named_in(texts).reshape(shape)
        is_full = numbers_of(pc.cast(texts.is_valid(), "uint8")).reshape(shape)
        names = (found >= 0).sum(axis=0)
        headers = places[(2 * names > rows.num_columns) | (found == self._id).any(axis=0)]
        if len(headers):
            raise SourceError(f"{self._path}: row {self._row + headers[0]} is a header once more: {_MIXED}")
        suspects = places[(names >= _SUSPECT_NAMES) & is_full.all(axis=0)]
        if len(suspects) and not self._suspects:
            self._first_suspect = self._row + int(suspects[0])
        self._suspects += len(suspects)

    def _refuse_marks(self, batch: pa.RecordBatch) -> None:
        place = batch.schema.get_field_index(CUSTOMER_ID)
        if place < 0:
            return
        places = pc.indices_nonzero(pc.starts_with(batch.column(place), pattern="\ufeff"))
        if len(places):
            row = self._row + numbers_of(places)[0]
            raise SourceError(f"{self._path}: row {row} begins with a byte order mark: {_MIXED}")


def _is_true(mask: pa.BooleanArray) -> pa.BooleanArray:
    return pc.and_kleene(mask, mask.is_valid())
