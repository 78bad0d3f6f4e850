"""Plans the run, as soon as no other run of the export delivers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.sensor import PokeReturnValue

from segment_exports.errors import LeaseHeldError
from segment_exports.settings import bounds
from segment_exports_airflow.sensors.export import ExportSensor
from segment_exports_airflow.staging_root import ledger_hasher, staging_root
from segment_exports_airflow.steps import began_by_itself, runs_that_sent
from segment_exports_airflow.task_log import figures, in_words, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from segment_exports.records.plan import Plan

LOOKS_EVERY = timedelta(seconds=15)


class PlanChangesSensor(ExportSensor):
    """Compare the run's contacts with the ledger and decide all that will be sent; send nothing.

    First takes the export's lease, which the run holds until it is settled. While another run holds it,
    this one is rescheduled and holds no worker slot. A dry run takes no lease and waits for nobody.

    :param export: name of the definition.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(poke_interval=LOOKS_EVERY, timeout=bounds.LEASE_WAIT, **kwargs)

    def poke(self, context: Context) -> PokeReturnValue:
        """Try to take the lease and plan; answer the chunks of its duties, or that the run has to wait.

        :raises LedgerError: the ledger can't be trusted, or none of its contacts exists any more.
        """
        from segment_exports.records.warnings import bounded

        plan = self.told_in_report(context, lambda: self._plan_unless_held(context))
        if plan is None:
            return PokeReturnValue(is_done=False)
        for text in bounded([*(one.text for one in plan.stopped_by), *plan.warnings]):
            tell(self.log, text, logging.WARNING)
        tell(self.log, f"The plan: {in_words(plan.state)}")
        tell(self.log, f"Contacts: {figures(plan.contacts.model_dump())}")
        tell(self.log, f"To do: {figures(plan.operations.model_dump())}")
        return PokeReturnValue(is_done=True, xcom_value=[one.to_json() for one in plan.duty_chunks])

    def _plan_unless_held(self, context: Context) -> Plan | None:
        try:
            return self._plan(context)
        except LeaseHeldError as error:
            self.waits_for = str(error)
            tell(self.log, f"Waiting: {error}")
            return None

    def _plan(self, context: Context) -> Plan:
        from segment_exports.planning.basis import PlanRequest
        from segment_exports.planning.plan_run import plan_run
        from segment_exports_airflow.accounts import account_folder, account_of

        definition, connection = self.definition, self.definition.destination.connection
        account = account_of(connection, definition.destination.type)
        hasher = ledger_hasher(self.export)
        return plan_run(
            PlanRequest(
                staging=staging_root(),
                files=self.files(context),
                definition=definition,
                account=connection,
                hasher=hasher,
                connection_fingerprint=account.fingerprint(hasher),
                options=self.request(context).options,
                lease=None,
                requests_per_second=account.lasting_rate,
                now=datetime.now(UTC),
                unasked=began_by_itself(context),
                list_ids=self.destination.known_lists(account_folder(connection)),
            ),
            is_alive=_asks_airflow(context),
            have_sent=runs_that_sent(context),
            reader=self.destination.reader(account),
        )


def _asks_airflow(context: Context) -> Callable[[str], bool]:
    """Return what tells of a run of this DAG whether it is running.

    A run that waits to run again after it was cleared is not: it finds its lease taken over, and says so.
    """
    ti = context["ti"]

    def is_running(run_id: str) -> bool:
        return bool(ti.get_dr_count(ti.dag_id, run_ids=[run_id], states=["running"]))

    return is_running
