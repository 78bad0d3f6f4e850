"""One DAG per export definition: ``include/exports/newsletter.yaml`` becomes ``export_newsletter``.

    check_destination → wait_for_refresh → extract → map_profiles → plan_changes → upload_duties
        → after_duties [→ ask_a_person] → chunk_changes → upload → settle_run

People who withdrew or were erased leave our lists first (``upload_duties``), whatever a guard or a person
says of the rest; the rest goes on whatever became of that (``after_duties``).

Wiring only; each step is an operator or sensor of this package, and what it does is in
``segment_exports``. SEGMENT_EXPORTS_DEFINITIONS names another folder of definitions. A definition that is
broken becomes a DAG that says so, and leaves the others alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from segment_exports.definition import (
    WhenTripped,
    definitions_folder,
    delivered_in,
    in_time,
    load_definitions,
)
from segment_exports.settings import bounds
from segment_exports.sieve.visible import visible
from segment_exports_airflow.dags.dag_docs import broken_doc, doc_of, tags_of
from segment_exports_airflow.dags.dag_ids import dag_id_of, dag_ids
from segment_exports_airflow.operators.approval import GuardApprovalOperator
from segment_exports_airflow.operators.export import (
    BrokenDefinitionOperator,
    CheckDestinationOperator,
    ChunkChangesOperator,
    ExtractOperator,
    MapProfilesOperator,
)
from segment_exports_airflow.operators.settle import SettleRunOperator
from segment_exports_airflow.operators.upload import UploadOperator
from segment_exports_airflow.pools import pool_of
from segment_exports_airflow.refresh_schedule import schedule_of
from segment_exports_airflow.run_form import form_fields
from segment_exports_airflow.sensors.plan import PlanChangesSensor
from segment_exports_airflow.sensors.refresh import RefreshSensor
from segment_exports_airflow.staging_root import staging_root
from segment_exports_airflow.steps import RETRY_POLICY, UPLOADS
from segment_exports_airflow.time_limits import time_limit

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition, LoadedDefinition

ASK = "ask_a_person"
# Not a lock: one run delivers at a time because of its lease. Dry runs need none and wait for nobody.
MOST_RUNS = 16
BEFORE_ALL_SNAPSHOTS = datetime(2020, 1, 1, tzinfo=UTC)


def export_dags() -> dict[str, DAG]:
    """Return the DAG of each definition by its id, for the globals of a DAG file."""
    evidence = in_time(delivered_in(staging_root), bounds.EVIDENCE_SECONDS)
    found = load_definitions(definitions_folder(), evidence)
    return {
        dag_id: export_dag(one.definition) if one.definition else broken_dag(one, dag_id)
        for one, dag_id in zip(found, dag_ids(found), strict=True)
    }


def export_dag(definition: ExportDefinition) -> DAG:
    """Return the DAG of one export."""
    export = definition.name

    def step(task_id: str) -> dict[str, Any]:
        return {"task_id": task_id, "export": export, "execution_timeout": time_limit(task_id)}

    with DAG(
        dag_id=dag_id_of(export),
        dag_display_name=definition.title,
        description=visible(definition.description or "") or None,
        doc_md=doc_of(definition),
        tags=tags_of(definition),
        schedule=schedule_of(definition),
        start_date=BEFORE_ALL_SNAPSHOTS,
        catchup=False,
        max_active_runs=MOST_RUNS,
        default_args={
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": RETRY_POLICY,
        },
    ) as dag:
        check = CheckDestinationOperator(**step("check_destination"))
        wait = RefreshSensor(**step("wait_for_refresh"), wait=definition.wait_for_refresh)
        extract = ExtractOperator.partial(
            **step("extract"), map_index_template="{{ task.unit['name'] }}"
        ).expand(unit=wait.output)
        map_profiles = MapProfilesOperator(**step("map_profiles"))
        plan = PlanChangesSensor(**step("plan_changes"))
        asks = definition.guards.when_tripped is WhenTripped.ASK
        chunk = ChunkChangesOperator(**step("chunk_changes"))
        upload_duties, upload = (
            UploadOperator.partial(
                **step(task_id),
                pool=pool_of(definition.destination.connection),
                retries=4,
                retry_exponential_backoff=True,
                max_retry_delay=timedelta(minutes=10),
                map_index_template="{{ task.chunk['number'] }}: {{ task.chunk['contacts'] }} contact"
                "{{ '' if task.chunk['contacts'] == 1 else 's' }}",
            ).expand(chunk=cut.output)
            for task_id, cut in zip(UPLOADS, (plan, chunk), strict=True)
        )
        # Takes no worker: the scheduler itself ends it.
        after_duties = EmptyOperator(
            task_id="after_duties",
            trigger_rule=TriggerRule.ALL_DONE,
            execution_timeout=time_limit("after_duties"),
        )
        settle = SettleRunOperator(**step("settle_run"), retries=0, trigger_rule=TriggerRule.ALL_DONE)

        check >> wait >> extract >> map_profiles >> plan >> upload_duties >> after_duties
        if asks:
            [plan, after_duties] >> GuardApprovalOperator(**step(ASK)) >> chunk
        else:
            [plan, after_duties] >> chunk
        chunk >> upload >> settle
    # Last: each operator would copy them, and the DAG hold its own constants against their schema with
    # every parse. With 50 exports that took two thirds of the time.
    dag.params.update(form_fields(definition))
    return dag


def broken_dag(loaded: LoadedDefinition, dag_id: str) -> DAG:
    """Return the DAG that tells what is wrong with a definition."""
    message = loaded.error or "The definition is broken"
    with DAG(
        dag_id=dag_id,
        doc_md=broken_doc(loaded.path.name, message),
        tags=["segment-export", "broken"],
        schedule=None,
        catchup=False,
    ) as dag:
        name = "definition_is_broken"
        BrokenDefinitionOperator(task_id=name, message=message, execution_timeout=time_limit(name))
    return dag
