"""Pages of the profiles' table, as batches with the wanted attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.dataverse.columns import FORMATTED, label_of
from segment_exports.sources.web.json_columns import text_column
from segment_exports.sources.web.odata import SeenKeys, follow_next_links, quoted, rows_of
from segment_exports.sources.web.read_ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.sources.attribute_names import ServiceAttribute
    from segment_exports.sources.web.http_reading import JsonReader
    from segment_exports.sources.web.odata import Row

SERVICE = "Dataverse"
PROFILES = "msdynci_customerprofiles"
ID = "msdynci_customerid"
_ID_SPACE = 16**3


class ProfilePages:
    """Reads all profiles, once.

    :param wanted: attribute (``CustomerId`` among them) → its column.
    """

    def __init__(self, reader: JsonReader, wanted: Mapping[str, ServiceAttribute], *, page_size: int) -> None:
        self._reader = reader
        self._wanted = wanted
        self._page_size = page_size
        has_choices = any(one.is_choice for one in wanted.values())
        self._prefer = f'odata.include-annotations="{FORMATTED}"' if has_choices else ""
        self._labelled: set[str] = set()
        self._unlabelled: set[str] = set()
        self._without_id = 0

    def read(self, parallel_reads: int) -> Iterable[pa.RecordBatch]:
        """Yield the pages of so many ranges of ids at once, in the order in which they come.

        One without an id is nobody's and left out.

        :raises SourceError: a broken page, a column that no row has.
        """
        return read_ahead([self._pages(condition) for condition in _id_ranges(parallel_reads)])

    def first(self, rows: int) -> pa.RecordBatch:
        """Return the first profiles of the table.

        :raises SourceError: as :meth:`read`.
        """
        keys = self._keys()
        answer = self._reader.get(
            PROFILES,
            {"$select": ",".join(keys), "$top": str(rows)},
            {"Prefer": self._prefer} if self._prefer else None,
        )
        found = rows_of(answer, SERVICE, PROFILES, asked=rows)
        seen = SeenKeys(SERVICE, PROFILES, keys)
        seen.add(found)
        seen.require_all()
        return self._batch(found)

    def doubts(self) -> Iterator[str]:
        """Yield what was doubtful about the values that were read."""
        if self._unlabelled:
            names = ", ".join(sorted({self._wanted[name].name for name in self._unlabelled}))
            yield f"{names}: Dataverse tells no label of some values of this choice; their numbers are sent"
        if self._without_id:
            yield (
                f"{counted(self._without_id, 'profile')} of Dataverse without {ID}: whose they are isn't "
                f"known, so that they aren't read"
            )
        yield from self._reader.counts.doubts(SERVICE)

    def labelled(self) -> dict[str, bool | None]:
        """Return of each choice whether labels came; None where no value did."""
        told = self._labelled | self._unlabelled
        return {
            name: name in self._labelled if name in told else None
            for name, one in self._wanted.items()
            if one.is_choice
        }

    def unsure(self) -> dict[str, str]:
        """Return the attributes whose values are labels here and numbers there, and words for it."""
        why = "Dataverse tells labels of some values of this choice, and of others only the number"
        return dict.fromkeys(self._labelled & self._unlabelled, why)

    def _pages(self, condition: str | None) -> Iterator[pa.RecordBatch]:
        keys = self._keys()
        params = {"$select": ",".join(keys)} | ({"$filter": condition} if condition else {})
        seen = SeenKeys(SERVICE, PROFILES, keys)
        pages = follow_next_links(
            self._reader,
            PROFILES,
            params,
            identity=lambda row: row.get(ID),
            page_size=self._page_size,
            prefer=self._prefer,
        )
        for rows in pages:
            seen.add(rows)
            batch = self._batch(rows)
            ids = batch.column(CUSTOMER_ID)
            self._without_id += ids.null_count
            yield batch.filter(ids.is_valid()) if ids.null_count else batch
        seen.require_all()

    def _keys(self) -> dict[str, None]:
        return dict.fromkeys(one.key for one in self._wanted.values())

    def _batch(self, rows: list[Row]) -> pa.RecordBatch:
        columns = [self._values(rows, name, one) for name, one in self._wanted.items()]
        return pa.RecordBatch.from_arrays(columns, names=list(self._wanted))

    def _values(self, rows: list[Row], name: str, column: ServiceAttribute) -> pa.StringArray:
        values = text_column(rows, column.key)
        if not column.is_choice:
            return values
        labels = text_column(rows, label_of(column.key))
        if labels.null_count < len(labels):
            self._labelled.add(name)
        if labels.null_count > values.null_count:
            self._unlabelled.add(name)
        return pc.coalesce(labels, values)


def _id_ranges(number: int) -> list[str | None]:
    """Return conditions that each customer's id meets exactly one of; ids are mostly hexadecimal."""
    bounds = [f"{_ID_SPACE * index // number:03x}" for index in range(1, number)]
    lower = [None, *(f"{ID} ge {quoted(bound)}" for bound in bounds)]
    upper = [*(f"{ID} lt {quoted(bound)}" for bound in bounds), None]
    return [" and ".join(part for part in pair if part) or None for pair in zip(lower, upper, strict=True)]
