"""Warnings of the steps of a run, kept as files beside it so that its report can tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.records.storing.damage import ASIDE
from segment_exports.records.storing.file_names import file_name
from segment_exports.settings import bounds
from segment_exports.sieve.telling import as_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from segment_exports.records.staging import Store

_FOLDER = "warnings"


def record_warnings(run: Store, step: str, warnings: Sequence[str]) -> None:
    """Keep the warnings of a step instead of those that it left when it was done before.

    They hold no personal data (see :mod:`segment_exports.errors`).
    """
    name = f"{_FOLDER}/{_file_of(step)}"
    if warnings:
        run.write_json(name, list(bounded(warnings)))
    else:
        run.remove(name)


def bounded(texts: Iterable[str]) -> tuple[str, ...]:
    """Return sentences as they are kept: no more and none longer than is read, and nothing hidden in them."""
    told = tuple(dict.fromkeys(map(as_told, texts)))
    if len(told) <= bounds.WARNINGS:
        return told
    kept = told[: bounds.WARNINGS - 1]
    return (*kept, f"{len(told) - len(kept):,} more like these are left out")


def forget_warnings(run: Store, *, but_for: str) -> None:
    """Forget the warnings of all steps but one: the run reads anew, and its mapped tasks may be others."""
    for name in run.names(_FOLDER):
        if name != _file_of(but_for):
            run.remove(f"{_FOLDER}/{name}")


def _file_of(step: str) -> str:
    return f"{file_name(step)}.json"


def recorded_warnings(run: Store) -> list[str]:
    """Return the warnings of a run, each once."""
    told = (run.read_model(f"{_FOLDER}/{name}", list[str], advice=ASIDE) for name in run.names(_FOLDER))
    return list(dict.fromkeys(text for texts in told for text in texts))
