"""Which DAG a definition becomes: its id, also where the name of its file is one that Airflow refuses."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.definition import LoadedDefinition

_PREFIX = "export_"
LONGEST = len(_PREFIX) + bounds.EXPORT_NAME_CHARACTERS
"""Airflow refuses a longer id, and with it every DAG of the file that makes it."""
_OTHERS = re.compile(r"[^A-Za-z0-9_.-]")


def dag_id_of(export: str) -> str:
    """Return the id of an export's DAG."""
    return f"{_PREFIX}{export}"


def dag_ids(loaded: Sequence[LoadedDefinition]) -> list[str]:
    """Return the DAG id of each definition, in their order; all are different.

    A definition that can be used has the id of its name. A broken one has that of its file's name, in
    characters and a length that Airflow takes; where another has that id already, it is numbered.
    """
    stems = [one.stem for one in loaded]
    ids = {place: dag_id_of(one.stem) for place, one in enumerate(loaded) if one.definition}
    # Databases may not tell upper case from lower.
    taken = {one.lower() for one in ids.values()}
    broken = [place for place in range(len(loaded)) if place not in ids]
    # First those whose names Airflow takes: they keep their id, whatever file comes beside them.
    for place in sorted(broken, key=lambda place: _safe(stems[place]) != dag_id_of(stems[place])):
        ids[place] = next(one for one in _numbered(stems[place]) if one.lower() not in taken)
        taken.add(ids[place].lower())
    return [ids[place] for place in range(len(loaded))]


def _safe(stem: str) -> str:
    return _OTHERS.sub("_", dag_id_of(stem))[:LONGEST]


def _numbered(stem: str) -> Iterator[str]:
    safe = _safe(stem)
    yield safe
    for number in itertools.count(2):
        ending = f"-{number}"
        yield safe[: LONGEST - len(ending)] + ending
