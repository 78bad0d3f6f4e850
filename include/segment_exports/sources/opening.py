"""From a definition's ``source`` to the source itself."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from segment_exports.definition import LakeSource, definitions_folder
from segment_exports.errors import SourceError
from segment_exports.settings.environment import read_settings
from segment_exports.settings.names import LAKE
from segment_exports.sources.lake.seen_snapshots import SeenSnapshots
from segment_exports.sources.lake.source import LakeExport
from segment_exports.sources.lake.storage import ExportFolder
from segment_exports.sources.lake.wholeness import WRITTEN_IN, LakeRules

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from segment_exports.records.staging import Store


_ABSENT_IS_EMPTY_AFTER = {"wait": WRITTEN_IN, "empty": timedelta(), "refuse": None}


def lake_location(source: LakeSource) -> str:
    """Return where the export lies: a URL of an object store, or an absolute path of this machine.

    A relative path counts from the folder that SEGMENT_EXPORTS_LAKE names, or else from the folder of
    the definitions.

    :raises SourceError: a relative path leads nowhere and SEGMENT_EXPORTS_LAKE isn't set.
    :raises SettingsError: that setting can't be used as it is.
    """
    if source.is_url:
        return source.path.rstrip("/")
    path = Path(source.path.removeprefix("file://"))
    named = read_settings(LAKE).lake
    base = named or definitions_folder()
    if named is None and not path.is_absolute() and not (base / path).exists():
        raise SourceError(
            f"There is no {path} in {base}. A relative source.path counts from the folder that the "
            f"environment variable {LAKE} names; it isn't set"
        )
    return os.path.normpath((base / path).absolute())


def open_lake(
    source: LakeSource, fs: AbstractFileSystem, root: str, export: Store | None = None
) -> LakeExport:
    """Return the lake export in a folder of a file system.

    :param export: where the export keeps its files: what model.json says of each snapshot is remembered
        there. Where it is left out nothing is, and so no earlier snapshot known.
    """
    return LakeExport(
        ExportFolder(fs, root.rstrip("/")),
        snapshot_timezone=source.snapshot_timezone,
        rules=LakeRules(
            by_backslash=source.csv_escape == "backslash",
            unaccounted_allowed=source.checks.when_unaccounted == "warn",
            absent_is_empty_after=_ABSENT_IS_EMPTY_AFTER[source.checks.when_absent],
            unseen_allowed=source.unseen_snapshots == "read",
        ),
        seen=None if export is None else SeenSnapshots(export),
    )
