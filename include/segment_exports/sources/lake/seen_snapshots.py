"""What ``model.json`` said of each snapshot while it named it: which files, and which columns they have.

``model.json`` tells of the last refresh alone. Of the folders of earlier ones it doesn't say how many files
they had, nor which column was consent on that day. So whoever looks at it keeps what it says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from segment_exports.settings import bounds
from segment_exports.sources import Attribute
from segment_exports.sources.lake.locations import SnapshotFile
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.storage import FileState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_exports.records.staging import Store

_TAKE_AWAY = "Take it away: then no earlier snapshot is known, and each is refused"


@dataclass(frozen=True)
class SeenFile:
    """A file of a snapshot; ``state`` is None where it wasn't there."""

    name: str
    state: FileState | None
    layout: CsvFormat


@dataclass(frozen=True)
class SeenSnapshot:
    """A snapshot of a table as it is known, perhaps not whole.

    :param folder: ``YYYY/MM/DD/HHMM``.
    :param attributes: its columns, in the order of files without a header; None where nobody knows them, so
        that its files have to name them.
    """

    table: str
    folder: str
    attributes: tuple[Attribute, ...] | None
    files: tuple[SeenFile, ...]

    def file(self, seen: SeenFile) -> SnapshotFile:
        """Return where a file of it lies."""
        return SnapshotFile(self.table, self.folder, seen.name)

    def held_against(self, before: SeenSnapshot | None) -> SeenSnapshot:
        """Return it without columns if the same files had others before: either may be wrong."""
        if before is None or not self.files or self._bytes() is None or self._bytes() != before._bytes():
            return self
        now, then = (
            None if one.attributes is None else [attribute.name for attribute in one.attributes]
            for one in (self, before)
        )
        return self if now == then else replace(self, attributes=None)

    def _bytes(self) -> list[tuple[str, FileState]] | None:
        """Return which bytes its files have; None where one wasn't there."""
        states = [(one.name, one.state) for one in self.files if one.state is not None]
        return sorted(states, key=itemgetter(0)) if len(states) == len(self.files) else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with the paths of its files."""
        return {
            "folder": self.folder,
            "attributes": None
            if self.attributes is None
            else [[one.name, one.data_type] for one in self.attributes],
            "files": [
                {
                    "name": one.name,
                    "state": None if one.state is None else [one.state.size, one.state.mark],
                    "layout": asdict(one.layout),
                }
                for one in self.files
            ],
        }

    @classmethod
    def from_json(cls, table: str, value: Mapping[str, Any]) -> SeenSnapshot:
        """Return what :meth:`to_json` wrote."""
        attributes = value["attributes"]
        return cls(
            table,
            value["folder"],
            None if attributes is None else tuple(Attribute(*one) for one in attributes),
            tuple(
                SeenFile(
                    one["name"],
                    None if one["state"] is None else FileState(*one["state"]),
                    CsvFormat(**one["layout"]),
                )
                for one in value["files"]
            ),
        )


@dataclass(frozen=True)
class _KeptFile:
    name: str
    state: tuple[int, str] | None
    layout: CsvFormat

    def seen(self) -> SeenFile:
        return SeenFile(self.name, None if self.state is None else FileState(*self.state), self.layout)


@dataclass(frozen=True)
class _KeptSnapshot:
    attributes: Annotated[int, Field(ge=0)]
    files: tuple[_KeptFile, ...]


@dataclass(frozen=True)
class _Kept:
    attributes: tuple[tuple[tuple[str, str], ...] | None, ...]
    snapshots: dict[str, _KeptSnapshot]

    def __post_init__(self) -> None:
        if any(one.attributes >= len(self.attributes) for one in self.snapshots.values()):
            raise ValueError("names columns that it doesn't hold")


class SeenSnapshots:
    """Remembers what was seen, in the folder of an export; a file for each table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, table: str) -> dict[str, SeenSnapshot]:
        """Return what was seen of a table, by the snapshot's folder.

        :raises StagingError: what was remembered can't be believed.
        """
        name = self._name(table)
        if not self._store.exists(name):
            return {}
        kept = self._store.read_model(name, _Kept, advice=_TAKE_AWAY)
        columns = [
            None if one is None else tuple(Attribute(*pair) for pair in one) for one in kept.attributes
        ]
        return {
            folder: SeenSnapshot(
                table, folder, columns[one.attributes], tuple(file.seen() for file in one.files)
            )
            for folder, one in kept.snapshots.items()
        }

    def keep(self, seen: SeenSnapshot, known: Mapping[str, SeenSnapshot]) -> None:
        """Remember a snapshot beside those that are known; what is written doesn't change until it does."""
        if _without_marks(known.get(seen.folder)) == _without_marks(seen):
            return
        kept = sorted({**known, seen.folder: seen}.items())[-bounds.SEEN_SNAPSHOTS :]
        self._store.write_json(self._name(seen.table), _compact(one for _, one in kept))

    def _name(self, table: str) -> str:
        return self._store.named("snapshots", table, ending=".json")


def _compact(snapshots: Iterable[SeenSnapshot]) -> dict[str, Any]:
    """Return snapshots as JSON values; columns, which seldom change, stand once."""
    attributes: list[Any] = []
    found: dict[str, Any] = {}
    for one in snapshots:
        value = one.to_json()
        if value["attributes"] not in attributes:
            attributes.append(value["attributes"])
        value["attributes"] = attributes.index(value["attributes"])
        found[value.pop("folder")] = value
    return {"attributes": attributes, "snapshots": found}


def _without_marks(seen: SeenSnapshot | None) -> SeenSnapshot | None:
    """Return a snapshot without what changes when its files are copied elsewhere."""
    if seen is None:
        return None
    files = (replace(one, state=one.state and FileState(one.state.size)) for one in seen.files)
    return replace(seen, files=tuple(files))
