"""A red task's log ends with the reason and what to do, in lines that are seen whole."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import capture_logs

from segment_exports.errors import AgreementMissingError, SegmentExportError, UnforeseenError
from segment_exports.records.problems import Reason
from segment_exports_airflow.operators.export import BrokenDefinitionOperator
from segment_exports_airflow.task_log import (
    WIDTH,
    ForeseenFailure,
    ForeseenTimeout,
    end_with,
    figures,
    lines_of,
    make_plain,
    reason_at_end,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def task() -> BrokenDefinitionOperator:
    return BrokenDefinitionOperator(task_id="check_destination", message="unused")


def told_by(callbacks: Any, **ti: int) -> list[str]:
    """Return the lines of the log, as Airflow runs callbacks and ends its group after them."""
    with capture_logs() as logged:
        make_plain()
        for callback in callbacks:
            callback({"ti": SimpleNamespace(**ti)})
        structlog.get_logger(logger_name="task").info("::endgroup::")
    return [one["event"] for one in logged]


class TestLines:
    def test_a_long_line_goes_on_in_the_next_ones(self) -> None:
        text = " ".join(["word"] * 60)
        lines = list(lines_of(text))

        assert len(lines) == 4
        assert all(len(line) <= WIDTH for line in lines)
        assert " ".join(line.strip() for line in lines) == text

    def test_lines_of_a_text_stay_lines_and_their_ends_hang_below_them(self) -> None:
        assert list(lines_of(f"two errors:\n- first\n- {'second ' * 20}")) == [
            "two errors:",
            "- first",
            f"- {('second ' * 11).strip()}",
            f"  {('second ' * 9).strip()}",
        ]

    def test_a_path_that_is_too_wide_is_broken_at_a_slash(self) -> None:
        path = f"/staging/{'folder/' * 20}report.json"
        lines = list(lines_of(f"Report: {path}"))

        assert all(len(line) <= WIDTH for line in lines)
        assert "".join(line.strip() for line in lines) == f"Report:{path}"
        assert lines[1].endswith("/")

    def test_zeros_are_left_out_of_figures(self) -> None:
        assert figures({"total": 0, "unchanged": 0}) == "0 total"
        assert figures({"total": 12_345, "refused_before": 1, "gone": 0}) == "12,345 total, 1 refused before"


class TestEnd:
    def test_it_is_the_reason_and_what_to_do_outside_of_any_group(self) -> None:
        operator = task()
        with pytest.raises(AgreementMissingError), reason_at_end(operator, "check_destination"):
            raise AgreementMissingError("nobody has agreed")

        lines = told_by(operator.on_failure_callback)
        assert lines[:3] == [
            "::endgroup::",
            "check_destination failed.",
            "Why: nobody has agreed",
        ]
        assert lines[3].startswith("What to do: Open the connection under Admin > Connections, read")
        assert " ".join(map(str.strip, lines)).endswith("clear the failed task with what follows.")

    def test_a_task_that_is_tried_again_says_so(self) -> None:
        operator = task()
        with pytest.raises(SegmentExportError), reason_at_end(operator, "upload 2"):
            raise SegmentExportError("no answer came")

        assert told_by(operator.on_retry_callback, try_number=1, max_tries=4) == [
            "::endgroup::",
            "upload 2 failed.",
            "Why: no answer came",
            "Airflow tries again by itself: this was attempt 1 of 5.",
        ]

    def test_one_that_a_person_has_marked_as_failed_is_not_tried_again(self) -> None:
        operator = task()
        with pytest.raises(SegmentExportError), reason_at_end(operator, "upload 2"):
            raise SegmentExportError("Airflow ended the task")

        marked = {"try_number": 1, "max_tries": 4, "_terminal_state_send_failed": True}
        assert told_by(operator.on_retry_callback, **marked)[3].startswith("What to do: ")

    def test_several_reasons_come_each_with_what_to_do(self) -> None:
        operator = task()
        end_with(operator, "The run is red.", [Reason("one", "This."), Reason("two", "That.")], "Report: x")

        assert told_by(operator.on_failure_callback) == [
            "::endgroup::",
            "The run is red.",
            *("Why: one", "What to do: This."),
            *("Why: two", "What to do: That."),
            "Report: x",
        ]

    def test_a_task_that_succeeds_ends_as_airflow_ends_it(self) -> None:
        operator = task()
        with reason_at_end(operator, "check_destination"):
            pass

        assert told_by(operator.on_failure_callback) == ["::endgroup::"]

    def test_callbacks_of_others_stay(self) -> None:
        def others(_: object) -> None: ...

        operator = BrokenDefinitionOperator(task_id="x", message="y", on_failure_callback=others)
        end_with(operator, "It failed.", [Reason("so")])

        assert operator.on_failure_callback[0] is others

    def test_a_broken_definition_is_told_line_by_line(self) -> None:
        operator = BrokenDefinitionOperator(task_id="x", message="a.yaml has 2 errors:\n- one\n- two")
        with pytest.raises(ForeseenFailure):
            operator.execute({})  # type: ignore[typeddict-item]

        assert told_by(operator.on_failure_callback)[2:] == [
            "Why: a.yaml has 2 errors:",
            "- one",
            "- two",
            "What to do: Correct the definition, then clear the failed task with what follows.",
        ]


def logged_with(error: BaseException) -> dict[str, Any]:
    """Return what comes to whoever writes Airflow's line of an exception."""
    with capture_logs() as logged:
        make_plain()
        try:
            raise error
        except type(error):
            structlog.get_logger(logger_name="task").exception("Task failed with exception", ti=sys)
    (event,) = logged
    return dict(event)


@pytest.mark.parametrize(
    "error", [AgreementMissingError("x"), ForeseenFailure("x"), ForeseenTimeout("x"), SegmentExportError("x")]
)
def test_no_frames_are_shown_of_what_was_foreseen(error: BaseException) -> None:
    assert "exc_info" not in logged_with(error)


@pytest.mark.parametrize("make", [lambda: UnforeseenError.of(KeyError("x")), lambda: ZeroDivisionError("x")])
def test_the_frames_of_all_else_are(make: Callable[[], BaseException]) -> None:
    assert logged_with(make())["exc_info"] is True


def test_what_the_core_tells_is_seen_whole(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    make_plain()
    logging.getLogger("segment_exports.extracting").info("%s rows: %s", 7, "word " * 40)

    (told,) = caplog.messages
    assert len(told.split()) == 42
    assert max(map(len, told.splitlines())) <= WIDTH


def test_no_object_of_airflow_is_written_out() -> None:
    assert "ti" not in logged_with(ZeroDivisionError())
