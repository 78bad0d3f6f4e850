"""What Airflow shows of the log of a red task: at its end why, and what to do; nowhere code or objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.errors import Advice

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(600)]

OBJECT = re.compile(r"\b[A-Z]\w+\(\w+=|<\w+ object at|\{'\w+'")
"""How Python writes an object or a mapping."""
WIDEST = 84


def logs_of(stage: Stage, export: str, run_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of each task that ran, as the API gives them to the page."""
    where, found = f"/dags/export_{export}/dagRuns/{run_id}/taskInstances", {}
    for one in stage.airflow.task_instances(f"export_{export}", run_id):
        if not one["try_number"] or one["task_id"] == "after_duties":
            continue
        log = f"{where}/{one['task_id']}/logs/{one['try_number']}?map_index={one['map_index']}"
        content = stage.airflow.get(f"{log}&full_content=true")["content"]
        found[one["task_id"]] = [line for line in content if line.get("logger")]
    return found


def told_last(lines: list[dict[str, Any]]) -> str:
    """Return what stands after the last group, which the page doesn't fold up, as running text."""
    texts = [str(line["event"]) for line in lines]
    last = len(texts) - texts[::-1].index("::endgroup::")
    assert all(line["level"] == "error" for line in lines[last:])
    assert all(len(text) <= WIDEST for text in texts[last:])
    return " ".join(text.strip() for text in texts[last:])


def of_ours(lines: list[dict[str, Any]]) -> list[str]:
    """Return a step's lines, but for those of Airflow before it begins, with all that stands in each."""
    begin = next(place for place, line in enumerate(lines) if line["event"] == "::endgroup::")
    return [" ".join(map(str, line.values())) for line in lines[begin:]]


def ended(stage: Stage, export: str) -> dict[str, list[dict[str, Any]]]:
    run_id = stage.airflow.trigger(f"export_{export}")
    stage.airflow.wait_for(
        "the red run", lambda: stage.airflow.run_state(f"export_{export}", run_id) == "failed", seconds=240
    )
    return logs_of(stage, export, run_id)


def test_a_red_run_ends_with_the_reason_and_what_to_do(stage: Stage) -> None:
    logs = ended(stage, "unagreed")

    assert set(logs) == {"check_destination", "settle_run"}
    for task, lines in logs.items():
        told = told_last(lines)
        assert re.search(r"Why: .*nobody has agreed.*autopilot_unagreed", told), (task, told)
        assert f"What to do: {Advice.AGREEMENT}" in told
        assert "agreed_by" not in told.replace("(agreed_by)", "")
        assert not [line for line in lines if line.get("error_detail")], "frames of code"
        assert not [line for line in of_ours(lines) if OBJECT.search(line)]
    assert told_last(logs["settle_run"]).startswith("The run is red. Why: check_destination: ")
    assert re.search(r"Report: \S.*report\.json$", told_last(logs["settle_run"]))


def test_a_broken_definition_is_told_line_by_line(stage: Stage) -> None:
    (lines,) = ended(stage, "broken_file").values()

    told = told_last(lines)
    assert "Why: broken_file.yaml has" in told
    assert told.endswith(f"What to do: {Advice.DEFINITION}")
    assert not [line for line in lines if line.get("error_detail")]


def test_no_line_of_a_green_run_holds_an_object(stage: Stage) -> None:
    run_id = stage.airflow.trigger("export_agreed")
    assert stage.ended("agreed", run_id)["state"] == "delivered"
    logs = logs_of(stage, "agreed", run_id)

    assert {"extract", "map_profiles", "plan_changes", "upload", "settle_run"} <= set(logs)
    found = {task: [line for line in of_ours(lines) if OBJECT.search(line)] for task, lines in logs.items()}
    assert {task: lines for task, lines in found.items() if lines} == {}
    uploaded = [str(line["event"]) for line in logs["upload"]]
    assert any(re.match(r"Uploaded ([\d,]+) of \1 contacts \(100 %\)", line) for line in uploaded)
