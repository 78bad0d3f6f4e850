"""Runs a whole export with the real operators, one task after the other, as Airflow would, without it.

What Airflow brings (run id, parameters, states of tasks, XCom) is a small honest context; connections,
definitions and staging come through the environment. A task that fails is tried again as the DAG's
retries and its retry policy say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import yaml
from airflow.sdk import RetryAction
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException
from tests.segment_exports.books_agree import require_books_agree

from segment_exports.records.plan import Plan
from segment_exports.records.report import RunReport
from segment_exports.records.staging import RunFiles
from segment_exports_airflow.operators.export import (
    CheckDestinationOperator,
    ChunkChangesOperator,
    ExtractOperator,
    MapProfilesOperator,
)
from segment_exports_airflow.operators.settle import SettleRunOperator
from segment_exports_airflow.operators.upload import UploadOperator
from segment_exports_airflow.sensors import refresh
from segment_exports_airflow.sensors.plan import PlanChangesSensor
from segment_exports_airflow.staging_root import run_files
from segment_exports_airflow.steps import RETRY_POLICY, definition_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from tests.stands.account_stand import AccountStand

ExecutorSafeguard.test_mode = True

UPLOAD_RETRIES = 4
"""As in the DAG."""


class Killed(BaseException):
    """A worker process is gone: no code of the task gets to say anything."""


@dataclass
class RunResult:
    """What became of a run: its report (None while it is not settled), and the errors of each upload task."""

    run_id: str
    report: RunReport | None
    errors: list[str] = field(default_factory=list)
    attempts: int = 0

    @property
    def red(self) -> bool:
        assert self.report is not None
        return self.report.red


class RunningExport:
    """One export and its runs.

    :param stand: the account that it goes to.
    :param settings: the definition, as YAML would hold it; source and name are added, and ``destination`` is
        made what the account's destination takes.
    """

    scheduled: datetime | None = None
    """The scheduled time that its runs stand for; None for runs by hand."""

    def __init__(
        self,
        folder: Path,
        stand: AccountStand,
        monkeypatch: pytest.MonkeyPatch,
        settings: dict[str, Any],
    ) -> None:
        self.name = str(settings.get("name", "newsletter"))
        self.stand = stand
        self.lake = folder / "lake"
        self.staging = folder / "staging"
        self._definitions = folder / "exports"
        self._monkeypatch = monkeypatch
        self._states: dict[str, dict[str, str]] = {}
        self._runs = 0
        self._sent: dict[str, None] = {}
        self._waits_since: datetime | None = None
        for made in (self.lake, self._definitions):
            made.mkdir(exist_ok=True)
        monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(self._definitions))
        monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(self.staging))
        self.define(settings)
        self.connect()

    def define(self, settings: dict[str, Any]) -> None:
        """Write the definition."""
        whole = {"name": self.name, "source": {"type": "lake", "path": str(self.lake)}} | settings
        whole["destination"] = self.stand.destination(settings.get("destination", {}))
        (self._definitions / f"{self.name}.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))

    def connect(self, rate: float = 1e6, **extra: Any) -> None:
        """Set the connection of the account, with the key that is valid now."""
        connection = json.dumps(self.stand.connection(rate, **extra))
        self._monkeypatch.setenv(f"AIRFLOW_CONN_{self.stand.connection_id.upper()}", connection)

    @property
    def last_run(self) -> str:
        """The run that was begun last."""
        return f"manual__{self._runs:03d}"

    def files(self, run_id: str) -> RunFiles:
        return run_files(self.name, run_id)

    def run(
        self,
        *,
        retries: int = UPLOAD_RETRIES,
        settle: bool = True,
        between_looks: Callable[[], None] | None = None,
        before_upload: Callable[[], None] | None = None,
        between_attempts: Callable[[], None] | None = None,
        **params: Any,
    ) -> RunResult:
        """Do a whole run.

        :param retries: how often a failed upload task is tried again.
        :param settle: False leaves the run as a worker that died for good does.
        :param between_looks: called while the run waits for a refresh; without it no run has to.
        :param before_upload: called when all is planned.
        :param between_attempts: called before an upload task is tried again.
        """
        self._runs += 1
        run_id = self.last_run
        result = RunResult(run_id, None)
        try:
            chunks = self._prepare(run_id, params, between_looks)
        except Exception as error:
            result.errors.append(f"{type(error).__name__}: {error}")
            chunks = []
        if before_upload:
            before_upload()
        for index, chunk in enumerate(chunks):
            self._upload(run_id, index, chunk, params, result, retries, between_attempts)
        if settle:
            result.report = self.settle(run_id, **params)
        return result

    def run_until_calm(self) -> RunResult:
        """Do the run that ends what disturbed ones left in doubt, and return the one after it."""
        assert not self.run().red
        return self.run()

    def deliver_staged(self, run_id: str) -> RunResult:
        """Plan, chunk, upload and settle a run whose contacts are staged already."""
        self._states[run_id] = {}
        result = RunResult(run_id, None)
        self._plan(run_id, {})
        for index, chunk in enumerate(self._chunk(run_id, {})):
            self._upload(run_id, index, chunk, {}, result, UPLOAD_RETRIES, None)
        result.report = self.settle(run_id)
        return result

    def clear_upload(self, run_id: str, *, settle: bool = True, **params: Any) -> RunResult:
        """Clear the upload tasks of a run and what follows; ``settle=False`` ends the run before that."""
        result = RunResult(run_id, None)
        self._states[run_id] = {}
        for index, chunk in enumerate(self._chunk(run_id, params)):
            self._upload(run_id, index, chunk, params, result, UPLOAD_RETRIES, None)
        if settle:
            result.report = self.settle(run_id, **params)
        else:
            self._states[run_id]["@ended"] = "yes"
        return result

    def clear_run(self, run_id: str, **params: Any) -> RunResult:
        """Clear all tasks of a run: everything is done again, under the same run id."""
        result = RunResult(run_id, None)
        for index, chunk in enumerate(self._prepare(run_id, params)):
            self._upload(run_id, index, chunk, params, result, UPLOAD_RETRIES, None)
        result.report = self.settle(run_id, **params)
        return result

    def settle(self, run_id: str, **params: Any) -> RunReport:
        """Execute ``settle_run`` and return the report; a red run raises, a green one doesn't."""
        context = self.context(run_id, params, "settle_run")
        try:
            SettleRunOperator(task_id="settle_run", export=self.name).execute(context)
            raised = False
        except AirflowFailException:
            if not self.files(run_id).store.exists(RunFiles.REPORT):
                raise
            raised = True
        report = RunReport.model_validate(self.files(run_id).store.read_json(RunFiles.REPORT))
        assert report.red == raised
        require_books_agree(self.files(run_id))
        self._states.setdefault(run_id, {})["@ended"] = "yes"
        return report

    def context(self, run_id: str, params: dict[str, Any], task_id: str, map_index: int = -1) -> Any:
        """Return what Airflow gives a task of a manual run."""
        known = {name: state for name, state in self._states.get(run_id, {}).items() if name[0] != "@"}
        ti = SimpleNamespace(
            task_id=task_id,
            map_index=map_index,
            dag_id=f"export_{self.name}",
            run_id=run_id,
            get_task_states=lambda dag_id, run_ids=(), task_ids=(), map_index=None: (
                {run_id: known} if run_ids else {one: {} for one in self._sent}
            ),
            get_dr_count=lambda dag_id, run_ids, states: sum(map(self._is_running, run_ids)),
            get_first_reschedule_date=lambda context: self._waits_since,
            xcom_pull=lambda task_ids: None,
        )
        dag_run = SimpleNamespace(
            run_id=run_id,
            run_type="scheduled" if self.scheduled else "manual",
            logical_date=self.scheduled,
            conf=params,
            start_date=datetime.now(UTC),
        )
        dag = SimpleNamespace(task_dict=dict.fromkeys(_TASKS))
        return {"ti": ti, "run_id": run_id, "params": params, "dag_run": dag_run, "dag": dag}

    def _is_running(self, run_id: str) -> bool:
        """A run whose worker died is not running: here every run but the present one has ended."""
        return run_id == self.last_run and "@ended" not in self._states.get(run_id, {})

    def _prepare(
        self, run_id: str, params: dict[str, Any], between_looks: Callable[[], None] | None = None
    ) -> list[dict[str, Any]]:
        """Do everything before the uploads; return the chunks."""
        self._states[run_id] = {}
        self._try(
            "check_destination",
            run_id,
            params,
            CheckDestinationOperator(task_id="t", export=self.name).execute,
        )
        for unit in self._wait_for_refresh(run_id, params, between_looks):
            operator = ExtractOperator(task_id="t", export=self.name, unit=unit)
            self._try("extract", run_id, params, operator.execute)
        self._try("map_profiles", run_id, params, MapProfilesOperator(task_id="t", export=self.name).execute)
        self._plan(run_id, params)
        return self._chunk(run_id, params)

    def _wait_for_refresh(
        self, run_id: str, params: dict[str, Any], between_looks: Callable[[], None] | None
    ) -> list[dict[str, Any]]:
        wait = definition_of(self.name).wait_for_refresh
        sensor = refresh.RefreshSensor(task_id="t", export=self.name, wait=wait)
        self._waits_since = None
        while not (answer := self._try("wait_for_refresh", run_id, params, sensor.poke)).is_done:
            assert between_looks, "the run waits for a refresh"
            self._waits_since = self._waits_since or refresh.utc_now()
            between_looks()
        units: list[dict[str, Any]] = answer.xcom_value
        return units

    def _plan(self, run_id: str, params: dict[str, Any]) -> None:
        sensor = PlanChangesSensor(task_id="t", export=self.name)
        assert self._try("plan_changes", run_id, params, sensor.poke).is_done

    def _chunk(self, run_id: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Cut the changes; return all chunks, those of the duties first."""
        plan = Plan.model_validate(self.files(run_id).store.read_json(RunFiles.PLAN))
        operator = ChunkChangesOperator(task_id="t", export=self.name)
        chunks: list[dict[str, Any]] = self._try("chunk_changes", run_id, params, operator.execute)
        return json.loads(json.dumps([*(one.to_json() for one in plan.duty_chunks), *chunks]))

    def _try(self, task_id: str, run_id: str, params: dict[str, Any], step: Callable[[Any], Any]) -> Any:
        """Do a step with two retries, as the DAG has them."""
        for attempt in range(3):
            try:
                return step(self.context(run_id, params, task_id))
            except Exception as error:
                if attempt == 2 or not _may_retry(error):
                    self._states[run_id][task_id] = "failed"
                    raise
        raise AssertionError

    def _upload(
        self,
        run_id: str,
        index: int,
        chunk: dict[str, Any],
        params: dict[str, Any],
        result: RunResult,
        retries: int,
        between_attempts: Callable[[], None] | None,
    ) -> None:
        self._sent[run_id] = None
        for attempt in range(retries + 1):
            if attempt and between_attempts:
                between_attempts()
            result.attempts += 1
            operator = UploadOperator(task_id="upload", export=self.name, chunk=chunk)
            try:
                operator.execute(self.context(run_id, params, "upload", index))
            except (Killed, BaseExceptionGroup):
                result.errors.append("killed")
            except Exception as error:
                result.errors.append(f"{type(error).__name__}: {error}")
                if not _may_retry(error):
                    break
            else:
                return
        self._states[run_id][f"upload_{index}"] = "failed"


_TASKS = (
    "check_destination", "wait_for_refresh", "extract", "map_profiles", "plan_changes", "chunk_changes",
    "upload", "settle_run",
)  # fmt: skip


def _may_retry(error: BaseException) -> bool:
    return RETRY_POLICY.evaluate(error, 1, 5).action is not RetryAction.FAIL
