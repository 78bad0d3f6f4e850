"""Shows in the terminal how a run of an export goes on."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from segment_emulators.account_api.control_client import EmulatorControl

STEPS = (
    "check_destination", "wait_for_refresh", "extract", "map_profiles", "plan_changes", "upload_duties",
    "ask_a_person", "chunk_changes", "upload", "settle_run",
)  # fmt: skip
_ENDED = {"success", "failed"}
_MOST_SECONDS = 1800


def watch(airflow: LocalAirflow, dag_id: str, run_id: str, account: EmulatorControl | None = None) -> str:
    """Show each step as it ends, and what the account holds meanwhile; return the run's state.

    :raises LocalAirflowError: the run did not end within half an hour.
    """
    started = time.monotonic()
    told: set[str] = set()
    live = sys.stdout.isatty()

    def has_ended() -> bool:
        instances = airflow.task_instances(dag_id, run_id)
        for step, states in _by_step(instances).items():
            if step not in told and not states - {"success", "failed", "skipped", "upstream_failed"}:
                told.add(step)
                _line(f"   {time.monotonic() - started:5.0f} s  {step:18}{_summary(instances, step)}\n", live)
        if live and account is not None:
            _line(f"   {time.monotonic() - started:5.0f} s  {_holds(account)}", live)
        return airflow.run_state(dag_id, run_id) in _ENDED

    airflow.wait_for(f"run {run_id}", has_ended, seconds=_MOST_SECONDS)
    has_ended()
    _line("", live)
    return airflow.run_state(dag_id, run_id)


def _by_step(instances: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in STEPS:
        states = {str(one["state"]) for one in instances if one["task_id"] == step}
        if states:
            found[step] = states
    return found


def _summary(instances: list[dict[str, Any]], step: str) -> str:
    mine = [one for one in instances if one["task_id"] == step]
    states = Counter(str(one["state"]) for one in mine)
    told = ", ".join(f"{count} {state}" if len(mine) > 1 else state for state, count in states.items())
    return f"{told} ({sum(one['duration'] or 0 for one in mine):.1f} s)"


def _holds(account: EmulatorControl) -> str:
    state = account.state()
    members = sum(one["members"] for one in state["lists"])
    return f"the account holds {state['contacts']:,} contacts and {members:,} memberships"


def _line(text: str, live: bool) -> None:
    sys.stdout.write(f"\r\033[K{text}" if live else text)
    sys.stdout.flush()
