"""Past: runs that had operations and whose history is purged, so that they stay known as settled here.

Each is a file ``past/<fence>-<run>`` that names the destination's account, and nobody. A staging that lacks a
run is an older one, or another's; one that purged it is neither.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from segment_exports.records.storing.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.records.staging import Store

_FOLDER = "past"


def note(export: Store, run_id: str, account: str, fence: int = 0) -> None:
    """Remember a run.

    :param fence: of the plan that was settled; 0 where it came to send nothing.
    """
    told = json.dumps({"account": account, "run_id": run_id}, ensure_ascii=False)
    export.create(f"{_FOLDER}/{fence:010d}-{file_name(run_id)}", told.encode())


def names(export: Store) -> set[str]:
    """Return the runs, as names of files."""
    return {name.partition("-")[2] for name in export.names(_FOLDER)}


def newest_fence(export: Store) -> int:
    """Return the highest fence of a plan that is remembered; 0 if there is none."""
    return max(map(_fence, export.names(_FOLDER)), default=0)


def after(export: Store, account: str, fence: int) -> Iterator[str]:
    """Give the runs for an account that were settled under a higher fence, newest first."""
    for name in sorted(export.names(_FOLDER), reverse=True):
        if _fence(name) > fence:
            told = export.read_model(f"{_FOLDER}/{name}", dict[str, str], advice="Move it away")
            if told.get("account") == account:
                yield told.get("run_id", name)


def _fence(name: str) -> int:
    head = name.split("-", 1)[0]
    return int(head) if head.isdigit() else 0
