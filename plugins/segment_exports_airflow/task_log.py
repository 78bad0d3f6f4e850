"""What the log of a task tells: plain lines that no page cuts off, and of a red one the reason at the end.

Airflow logs an exception with the frames of code that led to it, and after that lines of its own in a group
that its page folds up. So the reason is told by a callback, which runs after those, outside of any group.
"""

from __future__ import annotations

import logging
import re
import sys
import textwrap
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from segment_exports.errors import SegmentExportError, UnforeseenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping

    from airflow.sdk import BaseOperator, Context

    from segment_exports.records.problems import Reason

WIDTH = 84
"""Characters of a line: beside its grid Airflow's page shows 88 in a window of 1280 pixels, and cuts off the
rest."""
_LONG_WORD = re.compile(rf"\S{{{WIDTH - 4},}}")
_END_OF_GROUP = "::endgroup::"


class ForeseenFailure(AirflowFailException):
    """A task failed for good, for a reason that its log tells."""


class ForeseenTimeout(AirflowTaskTimeout):
    """A task was ended, as its log tells."""


def lines_of(text: str) -> Iterator[str]:
    """Yield a text in lines that are no wider than is seen; a long path is broken after a slash."""
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip(" -"))) or "  "
        short = _LONG_WORD.sub(partial(_broken, width=WIDTH - len(indent)), line)
        yield from textwrap.wrap(short, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _broken(path: re.Match[str], width: int) -> str:
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+", path[0]):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return " ".join(lines)


def tell(log: Any, text: str, level: int = logging.INFO) -> None:
    """Log a text, a record for each of its lines."""
    for line in lines_of(text):
        log.log(level, "%s", line)


def in_words(name: str) -> str:
    """Return a name of the code, such as that of a state, as it is said."""
    return str(name).replace("_", " ")


def figures(counts: Mapping[str, int]) -> str:
    """Return figures in words: ``773 total, 700 unchanged, 73 due``; of those after the first, no zero."""
    first, *others = counts.items()
    return ", ".join(f"{count:,} {in_words(name)}" for name, count in (first, *(o for o in others if o[1])))


@contextmanager
def reason_at_end(task: BaseOperator, step: str) -> Iterator[None]:
    """Let the log of a task end with the reason for which its work fails, if it does.

    :param step: names the task; one of several mapped tasks with its number.
    """
    from segment_exports.records.problems import Reason

    make_plain()
    try:
        yield
    except SegmentExportError as error:
        end_with(task, f"{step} failed.", [Reason.of(error)])
        raise


def end_with(task: BaseOperator, title: str, reasons: Iterable[Reason], after: str = "") -> None:
    """Let the log of a task that fails now, or is tried again, end with the reasons and what to do.

    :param after: lines that come last.
    """
    known = list(reasons)

    def failed(_: Context) -> None:
        told = (f"Why: {text}\nWhat to do: {advice}" for text, advice in known)
        _tell_last(task, [title, *told, after], logging.ERROR)

    def tried_again(context: Context) -> None:
        ti = context["ti"]
        if getattr(ti, "_terminal_state_send_failed", False):  # a person has given it a state meanwhile
            failed(context)
            return
        told = (f"Why: {one.text}" for one in known)
        again = f"Airflow tries again by itself: this was attempt {ti.try_number} of {ti.max_tries + 1}."
        _tell_last(task, [title, *told, again], logging.WARNING)

    make_plain()
    task.on_failure_callback = [*task.on_failure_callback, failed]
    task.on_retry_callback = [*task.on_retry_callback, tried_again]


def _tell_last(task: BaseOperator, texts: Iterable[str], level: int) -> None:
    structlog.get_logger(logger_name="task").info(_END_OF_GROUP)
    tell(task.log, "\n".join(texts), level)
    _plain.is_at_end = True


def make_plain() -> None:
    """Leave out of this process's log the frames of errors that were foreseen, what is no text, wide lines.

    Where Airflow's log is made in another way than in 3.3, they stay, and the reason is told all the same.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_in_lines)
    processors = structlog.get_config().get("processors")
    if isinstance(processors, list) and _plain not in processors:
        processors.insert(0, _plain)
    _plain.is_at_end = False


def _in_lines(record: logging.LogRecord) -> bool:
    """Break what the core tells into lines that are seen whole."""
    if record.name.startswith("segment_exports"):
        record.msg, record.args = "\n".join(lines_of(record.getMessage())), ()
    return True


class _Plain:
    """A step in the making of a line of the log, before all others.

    ``is_at_end``: the reason was told, so that the mark of the end of a group that follows is one too many.
    """

    is_at_end = False

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if self.is_at_end and event.get("event") == _END_OF_GROUP:
            raise structlog.DropEvent
        if event.get("exc_info") is True and _is_foreseen(sys.exc_info()[1]):
            del event["exc_info"]
        if not isinstance(event.get("ti"), str):
            event.pop("ti", None)  # the task instance, as "Pushing xcom" has it; each line names it anyway
        return event


_plain = _Plain()


def _is_foreseen(error: BaseException | None) -> bool:
    if isinstance(error, UnforeseenError):
        return False
    return isinstance(error, SegmentExportError | ForeseenFailure | ForeseenTimeout)
