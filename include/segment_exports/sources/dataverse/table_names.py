"""Which columns the attributes of a definition are, by the metadata of a table or by its first row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.sources.attribute_names import AttributeNames
from segment_exports.sources.dataverse.columns import columns_of_row, first_row, table_columns
from segment_exports.sources.seen_columns import ColumnUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from segment_exports.sources.attribute_names import ServiceAttribute
    from segment_exports.sources.seen_columns import SeenColumns
    from segment_exports.sources.web.http_reading import JsonReader

log = logging.getLogger(__name__)

CLOSED = (
    "Dataverse's metadata (EntityDefinitions) can't be read: columns are taken by their logical name, and "
    "labels can't be read, so that a choice comes as its number. Give the app the right to read it"
)


class TableNames:
    """Looks attributes up, and holds what is found against what a run before found.

    :param prefix: what stands before the tenant's names in logical names.
    :param doubt: takes what is doubtful.
    """

    def __init__(
        self, reader: JsonReader, prefix: str, seen: SeenColumns, doubt: Callable[[str], None]
    ) -> None:
        self._reader = reader
        self._prefix = prefix
        self._seen = seen
        self._doubt = doubt
        self._is_told: dict[str, bool] = {}
        self._found: dict[str, dict[str, ColumnUse]] = {}

    def of(self, logical_name: str, table: str) -> AttributeNames:
        """Return a table's columns from its metadata, or from its first row where that never was open to us.

        :raises SourceError: the table can't be read.
        :raises SourceNotReadyError: the metadata was open in a run before.
        """
        try:
            found = table_columns(self._reader, logical_name)
            self._is_told[table] = True
        except SourceNotReadyError:
            raise
        except SourceError as error:
            self._seen.require_metadata(table, error)
            log.info("The metadata of %s can't be read, its first row is looked at: %s", table, error)
            self._doubt(CLOSED)
            found = columns_of_row(first_row(self._reader, table, {}) or {})
            self._is_told[table] = False
        return AttributeNames(found, table=f"{self._reader.service}'s {table}", prefix=self._prefix)

    def resolve(self, logical_name: str, table: str, wanted: Sequence[str]) -> dict[str, ServiceAttribute]:
        """Return the column of each attribute; ``PreviousCustomerId`` is left out where there is none.

        :raises SourceError: unknown attributes, or one that is another column than in a run before.
        """
        found = self.of(logical_name, table).resolve(wanted)
        self._hold(table, wanted, found)
        return found

    def present(self, logical_name: str, table: str, wanted: Sequence[str]) -> dict[str, ServiceAttribute]:
        """Return the column of each attribute that is there.

        :raises SourceError: one is another column than in a run before.
        """
        names = self.of(logical_name, table)
        found = {name: one for name in wanted if (one := names.find(name)) is not None}
        self._hold(table, wanted, found)
        return found

    def keep(self, table: str, labelled: Mapping[str, bool | None]) -> None:
        """Remember the columns of a table as they were read.

        :param labelled: of the choices, whether labels came; None where no value did.
        :raises SourceError: a choice had labels in a run before, and numbers now, or the other way round.
        """
        found = self._found[table]
        found |= {name: ColumnUse(found[name].column, one) for name, one in labelled.items()}
        self._seen.require_same(table, found, found)
        self._seen.keep(table, found, metadata=self._is_told[table])

    def _hold(self, table: str, wanted: Iterable[str], found: Mapping[str, ServiceAttribute]) -> None:
        uses = {name: ColumnUse(one.key, None if one.is_choice else False) for name, one in found.items()}
        self._seen.require_same(table, wanted, uses)
        self._found[table] = uses
