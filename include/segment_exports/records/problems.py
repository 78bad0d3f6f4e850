"""Problems that stopped a step, kept as files beside the run so that its report can tell them.

A failed task leaves no XCom, and its log is not the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from segment_exports.errors import Advice, SegmentExportError
from segment_exports.records.storing.damage import ASIDE
from segment_exports.records.storing.file_names import file_name
from segment_exports.records.warnings import bounded
from segment_exports.sieve.telling import as_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.records.staging import Store

_FOLDER = "problems"


class Reason(NamedTuple):
    """Why something is not as it should be, and what a person does about it."""

    text: str
    advice: str = Advice.AS_SAID

    @classmethod
    def of(cls, error: SegmentExportError) -> Reason:
        """Return what an error tells."""
        return cls(str(error), error.advice)


@dataclass(frozen=True)
class _Problem:
    step: str
    message: str
    advice: str = Advice.AS_SAID


def record_problem(run: Store, step: str, reason: Reason) -> None:
    """Keep what stopped a step; it holds no personal data (see :mod:`segment_exports.errors`)."""
    problem = {"step": step, "message": as_told(reason.text), "advice": str(reason.advice)}
    run.write_json(f"{_FOLDER}/{file_name(step)}.json", problem)


def forget_problem(run: Store, step: str) -> None:
    """Forget what stopped a step, now that it succeeded."""
    run.remove(f"{_FOLDER}/{file_name(step)}.json")


def forget_problems(run: Store) -> None:
    """Forget what stopped any step: the run is planned anew, and its mapped tasks may be others."""
    run.remove(_FOLDER)


def recorded_problems(run: Store) -> dict[str, Reason]:
    """Return the problems of a run by step."""
    told = [run.read_model(f"{_FOLDER}/{name}", _Problem, advice=ASIDE) for name in run.names(_FOLDER)]
    return {one.step: Reason(one.message, one.advice) for one in told}


def what_stopped(problems: Mapping[str, Reason], failed_steps: Iterable[str]) -> Iterator[Reason]:
    """Return the reason of each step that was stopped, and the names of those that could leave none here."""
    yield from (Reason(f"{step}: {one.text}", one.advice) for step, one in problems.items())
    untold = [step for step in failed_steps if step not in problems]
    if untold:
        yield Reason(
            f"failed and left no reason in the staging: {', '.join(untold)}; see the log of that task",
            Advice.FAULT,
        )


def bounded_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return reasons as they are kept: each once, no more and none longer than is read."""
    told: dict[str, str] = {}
    for text, advice in reasons:
        told.setdefault(as_told(text), str(advice))
    texts = bounded(told)
    return tuple(Reason(text, told.get(text, Advice.AS_SAID)) for text in texts)
