"""How long each task may take before Airflow ends it (``execution_timeout``), and that it ends in good order.

Each limit stands above what the task's own bounds add up to: those end it earlier, and with better words.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowTaskTimeout

from segment_exports.errors import Advice
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_exports.records.problems import Reason

STOPS_WITHIN = timedelta(minutes=2)
"""For an upload that is told to stop: an answer is awaited for a minute, and its receipts are written."""


def time_limit(task_id: str) -> timedelta:
    """Return how long one attempt of a task may take; a sensor, one look."""
    reading = timedelta(seconds=bounds.SOURCE_READING_SECONDS)
    return {
        "extract": reading + bounds.WORK,
        "map_profiles": bounds.WORK,
        "plan_changes": bounds.LISTING + bounds.WORK,
        "upload_duties": bounds.UPLOAD + bounds.LOOK,
        "upload": bounds.UPLOAD + bounds.LOOK,
        "settle_run": bounds.WORK,
    }.get(task_id, bounds.LOOK)


def is_timeout(error: BaseException) -> bool:
    """Tell whether an error is Airflow's timeout, or a group that holds one: it is raised anywhere."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_timeout, error.exceptions))
    return isinstance(error, AirflowTaskTimeout)


def told_timeout(limit: timedelta | None) -> Reason:
    """Say that a task was ended, for its log and the run report."""
    from segment_exports.records.problems import Reason

    time = f"{limit.total_seconds() / 60:,.0f} minutes" if limit else "its time"
    return Reason(
        f"took longer than {time} (execution_timeout) and was ended. What it had done is kept: another "
        f"attempt, or clearing the task, goes on from there",
        Advice.CONTINUED,
    )


@contextmanager
def stopped_at_timeout(stop: Callable[[], None]) -> Iterator[None]:
    """Let work stop by itself when its time is over, rather than be broken off at any point of it.

    Airflow raises its timeout from a signal, wherever the work is just then: in an event loop that may be a
    callback, whose errors nobody hears of. Work that doesn't stop within :data:`STOPS_WITHIN` is broken off.
    """
    breaks_off = signal.getsignal(signal.SIGALRM)
    if threading.current_thread() is not threading.main_thread() or not callable(breaks_off):
        yield  # Airflow has set no timeout
        return

    def is_over(*_: object) -> None:
        stop()
        signal.signal(signal.SIGALRM, breaks_off)
        signal.setitimer(signal.ITIMER_REAL, STOPS_WITHIN.total_seconds())

    signal.signal(signal.SIGALRM, is_over)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, breaks_off)
