"""Problems that stopped a step, kept as files beside the run so that its report can tell them.

A failed task leaves no XCom, and its log is not the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.records.storing.damage import ASIDE
from segment_exports.records.storing.file_names import file_name
from segment_exports.sieve.telling import as_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.records.staging import Store

_FOLDER = "problems"


@dataclass(frozen=True)
class _Problem:
    step: str
    message: str


def record_problem(run: Store, step: str, message: str) -> None:
    """Keep what stopped a step; ``message`` holds no personal data (see :mod:`segment_exports.errors`)."""
    run.write_json(f"{_FOLDER}/{file_name(step)}.json", {"step": step, "message": as_told(message)})


def forget_problem(run: Store, step: str) -> None:
    """Forget what stopped a step, now that it succeeded."""
    run.remove(f"{_FOLDER}/{file_name(step)}.json")


def forget_problems(run: Store) -> None:
    """Forget what stopped any step: the run is planned anew, and its mapped tasks may be others."""
    run.remove(_FOLDER)


def recorded_problems(run: Store) -> dict[str, str]:
    """Return the problems of a run by step."""
    told = [run.read_model(f"{_FOLDER}/{name}", _Problem, advice=ASIDE) for name in run.names(_FOLDER)]
    return {one.step: one.message for one in told}


def what_stopped(problems: Mapping[str, str], failed_steps: Iterable[str]) -> Iterator[str]:
    """Return the reason of each step that was stopped, and the names of those that could leave none here."""
    yield from (f"{step}: {message}" for step, message in problems.items())
    untold = [step for step in failed_steps if step not in problems]
    if untold:
        yield f"failed and left no reason in the staging: {', '.join(untold)}; see the log of that task"
