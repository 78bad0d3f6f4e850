"""What lies in an export's folder of a table: by snapshot, and outside of all snapshots."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.sources.lake.locations import data_file, is_note, listed_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.sources.lake.storage import ExportFolder, FileState


@dataclass(frozen=True)
class Listing:
    """The files of a table.

    :param snapshots: by snapshot's folder what lies in it, by name; of no use is what has no byte.
    :param elsewhere: paths of files in no snapshot's folder: nothing names or reads them.
    """

    snapshots: Mapping[str, Mapping[str, FileState]]
    elsewhere: tuple[str, ...]

    @classmethod
    def of(cls, folder: ExportFolder, table: str) -> Listing:
        """List them.

        :raises SourceError: the folder can't be listed.
        """
        found: dict[str, dict[str, FileState]] = defaultdict(dict)
        elsewhere: list[str] = []
        for path, state in folder.files(table).items():
            file = listed_file(path, folder.root, table)
            if file is None:
                if state.size and not is_note(path.removeprefix(folder.root)):
                    elsewhere.append(path.removeprefix(folder.root).lstrip("/"))
            elif state.size or data_file(file.path, table):
                found[file.folder][file.name] = state
        return cls(found, tuple(elsewhere))
