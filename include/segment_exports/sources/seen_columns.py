"""Which column each attribute was when it was read last: another one is never read in silence.

A service's metadata say which column an attribute of the definition is, and whether its numbers stand for
labels. They change, and a service may close them: read by its name alone, consent of today may be the column
with the consent of years ago. So what every read found is kept, and the next one is held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError, SourceNotReadyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_exports.records.staging import Store


@dataclass(frozen=True)
class ColumnUse:
    """How an attribute is read.

    :param column: what the service calls its value in a row.
    :param labelled: labels stand for its numbers; None where no value came that could tell.
    """

    column: str
    labelled: bool | None = False


@dataclass(frozen=True)
class _Kept:
    metadata: bool
    columns: dict[str, ColumnUse]


class SeenColumns:
    """Remembers the columns of an export's attributes, a file for each table of the service.

    :param store: the folder of the export; without one nothing is remembered.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def require_metadata(self, table: str, error: SourceError) -> None:
        """Refuse to do without metadata that could be read before.

        :param error: why it can't be read now.
        :raises SourceNotReadyError: it could; the text names the file that remembers it.
        :raises StagingError: what was remembered can't be believed.
        """
        if self._of(table).metadata:
            raise SourceNotReadyError(
                f"The metadata of {table} can't be read now, though a run before this one did: without it "
                f"an attribute may be another column, and a choice its number. ({error}) Give the right to "
                f"read it back; if it is to stay closed, {self._advice(table)}"
            )

    def require_same(self, table: str, wanted: Iterable[str], found: Mapping[str, ColumnUse]) -> None:
        """Refuse attributes that are read otherwise than before.

        :param wanted: attributes that were looked for.
        :param found: those of them that are there.
        :raises SourceError: one is another column, is there no more, or changed between number and label.
        :raises StagingError: what was remembered can't be believed.
        """
        known = self._of(table).columns
        changes = {name: _change(known[name], found.get(name)) for name in wanted if name in known}
        changed = [f"{name!r} {change}" for name, change in changes.items() if change]
        if changed:
            raise SourceError(
                f"{table}: the attribute {'; '.join(changed)}. Which one is meant, its name doesn't tell: "
                f"write the column's own name in the definition, or {self._advice(table)}"
            )

    def keep(self, table: str, found: Mapping[str, ColumnUse], *, metadata: bool) -> None:
        """Remember how attributes were read; what is written doesn't change until they do.

        :param metadata: whether the service's metadata were read.
        """
        if self._store is None:
            return
        known = self._of(table)
        told = {
            name: known.columns.get(name, one) if one.labelled is None else one for name, one in found.items()
        }
        kept = _Kept(metadata, known.columns | told)
        if kept != known:
            columns = {name: vars(one) for name, one in sorted(kept.columns.items())}
            self._store.write_json(_name(self._store, table), {"metadata": metadata, "columns": columns})

    def _of(self, table: str) -> _Kept:
        if self._store is None or not self._store.exists(_name(self._store, table)):
            return _Kept(metadata=False, columns={})
        return self._store.read_model(_name(self._store, table), _Kept, advice=_capital(self._advice(table)))

    def _advice(self, table: str) -> str:
        place = self._store.path(_name(self._store, table)) if self._store else ""
        return f"take {place} away: then columns are looked for anew"


def _change(before: ColumnUse, now: ColumnUse | None) -> str:
    if now is None:
        return f"was the column {before.column} in a run before, and is none now"
    if now.column != before.column:
        return f"was the column {before.column} in a run before, and is {now.column} now"
    if now.labelled is None or before.labelled is None or now.labelled == before.labelled:
        return ""
    before_and_now = ("labels", "numbers") if before.labelled else ("numbers", "labels")
    return "({}) had {} in a run before, and has {} now".format(now.column, *before_and_now)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _name(store: Store, table: str) -> str:
    return store.named("columns", table, ending=".json")
