"""Uploads one chunk."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowTaskTimeout

from segment_exports import errors
from segment_exports.definition import Membership
from segment_exports.settings import bounds
from segment_exports.settings.names import LEDGER_SECRET
from segment_exports_airflow.operators.export import ExportOperator
from segment_exports_airflow.staging_root import ledger_hasher, staging_root
from segment_exports_airflow.task_log import figures, tell
from segment_exports_airflow.time_limits import stopped_at_timeout

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.definition import ListTarget
    from segment_exports.delivery.job import ChunkJob, ChunkResult
    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.lease import Lease
    from segment_exports.records.plan import Plan
    from segment_exports.records.staging import RunFiles


class UploadOperator(ExportOperator):
    """Deliver one chunk: in batches, several requests in flight, paced to the account's rate.

    Every outcome is written down before the next step relies on it: a task that is retried, cleared or
    killed sends again at most what was in flight.

    :param export: name of the definition.
    :param chunk: reference to the chunk, from
        :class:`~segment_exports_airflow.operators.export.ChunkChangesOperator`.
    """

    def __init__(self, *, chunk: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunk = chunk
        self.ended_by_airflow = self.is_over = False
        self.stopped_as: type[errors.SegmentExportError] = errors.ConnectionDisabledError

    def on_kill(self) -> None:
        """Let the delivery end cleanly: what is in flight is awaited and written down."""
        self.ended_by_airflow = True

    def _end(self) -> None:
        self.ended_by_airflow = self.is_over = True

    def perform(self, context: Context) -> dict[str, Any]:
        """Deliver what is due in the chunk and was not acknowledged yet; answer the counts.

        :raises RunSupersededError: a newer run has planned since.
        :raises LedgerError: who was erased since can't be told, since the secret is another one now; or the
            connection is another account's since.
        :raises DestinationError: something of the chunk could not be delivered; its kind says what to do.
        """
        from segment_exports.delivery.engine import deliver_chunk_blocking
        from segment_exports.records import lease
        from segment_exports.records.plan import planned
        from segment_exports.records.warnings import record_warnings
        from segment_exports_airflow.accounts import account_of

        files = self.files(context)
        plan = planned(files.store)
        lease.reopen(files.export, _lease_of(plan))
        account = account_of(plan.account, self.definition.destination.type)
        account.require_usable()
        hasher = ledger_hasher()
        self._require_same_account(files, plan, account, hasher)
        job, way = self._job(files, plan, hasher), self.destination.delivery(account, self.definition)
        with stopped_at_timeout(self._end):
            result = deliver_chunk_blocking(job, way)
        if warnings := way.transport.warnings:
            record_warnings(files.store, f"{self.task_id} {result.chunk}", warnings)
        self._tell(result)
        if not result.complete:
            raise AirflowTaskTimeout if self.is_over else _error_of(result, self.stopped_as)
        return result.to_json()

    def _tell(self, result: ChunkResult) -> None:
        """Say what became of the chunk, beside what the delivery itself tells."""
        from segment_exports.records.outcomes import Outcome, counted

        if not result.requests["total"]:
            tell(self.log, "Nothing was left to be sent of this chunk")
        for operation, by_outcome in result.counts.items():
            if set(by_outcome) - {Outcome.DELIVERED}:
                total = {f"{operation} planned": sum(by_outcome.values())}
                tell(self.log, figures(total | dict(by_outcome)))
        if result.membership_note:
            tell(self.log, f"Membership: {result.membership_note}")
        if result.held_back:
            undone = counted(result.held_back, "operation was", "operations were")
            tell(self.log, f"{undone} left undone: their people were erased", logging.WARNING)

    def _require_same_account(
        self, files: RunFiles, plan: Plan, account: AccountConnection, hasher: KeyedHasher
    ) -> None:
        """Look for known contacts where the connection is not as it was when the run was planned.

        :raises LedgerError: none is there: another account's.
        """
        from segment_exports.planning.reconciling.contacts_exist import require_contacts_exist
        from segment_exports.records.ledger import LedgerFolder

        if plan.connection_fingerprint in ("", account.fingerprint(hasher)):
            return
        ledger = LedgerFolder(files.export, plan.export, plan.account).latest()
        require_contacts_exist(ledger, self.destination.reader(account))

    def _job(self, files: RunFiles, plan: Plan, hasher: KeyedHasher) -> ChunkJob:
        from segment_exports.delivery.job import ChunkJob, RejectedGuard
        from segment_exports.records.notes import begun
        from segment_exports.records.tombstones import erased_hashes
        from segment_exports_airflow.accounts import account_folder

        definition, staging = self.definition, staging_root()
        if hasher.fingerprint != plan.secret_fingerprint:
            raise errors.LedgerError(
                f"the run was planned under another {LEDGER_SECRET}, so those of its people who were erased "
                f"since can't be told. Restore that key, or clear the task map_profiles with what follows"
            )
        return ChunkJob(
            run=files.store,
            number=self.chunk["number"],
            fingerprint=self.chunk["fingerprint"],
            account=account_folder(plan.account),
            lists=self._lists(plan),
            former_lists=frozenset(one.title for one in plan.lists)
            - frozenset(target.title for target in definition.lists),
            membership=plan.membership,
            requests_in_flight=definition.destination.requests_in_flight,
            deadline=datetime.now(UTC) + bounds.UPLOAD,
            guard=RejectedGuard(stop_above=definition.guards.stop_above_rejected),
            should_stop=lambda: self._reason_to_stop(files, plan),
            begun=lambda: begun.note(files.export, _lease_of(plan), self.chunk["number"]),
            erased=lambda: erased_hashes(staging, hasher),
        )

    def _reason_to_stop(self, files: RunFiles, plan: Plan) -> str | None:
        from segment_exports.records import lease
        from segment_exports_airflow.accounts import reason_to_stop

        if self.ended_by_airflow:
            self.stopped_as = errors.UploadEndedError
            return "Airflow ended the task, or a person in Airflow did"
        if taken_over := lease.reason_to_stop(files.export, _lease_of(plan)):
            self.stopped_as = errors.RunSupersededError
            return taken_over
        self.stopped_as = errors.ConnectionDisabledError
        return reason_to_stop(plan.account, self.definition.destination.type)

    def _lists(self, plan: Plan) -> tuple[ListTarget, ...]:
        """Return every list that the chunk may name, with the id that it was planned for.

        :raises ListProblemError: the definition gives a title another list since.
        """
        from segment_exports.definition import ListTarget

        planned = {one.title: one.list_id for one in plan.lists}
        for target in self.definition.lists if plan.membership != Membership.FIELD else ():
            was = planned.get(target.title, target.list_id)
            if target.list_id is not None and target.list_id != was:
                raise errors.ListProblemError(
                    f"list {target.title!r} is {target.list_id} in the definition now, and the run was "
                    f"planned for {was or 'one of that title'}: clear plan_changes with what follows"
                )
        return tuple(ListTarget(title, list_id) for title, list_id in planned.items())


def _lease_of(plan: Plan) -> Lease:
    from segment_exports.records.lease import Lease

    return Lease(plan.fence or 0, plan.run_id)


def _error_of(
    result: ChunkResult, stopped_as: type[errors.SegmentExportError] = errors.ConnectionDisabledError
) -> errors.SegmentExportError:
    """Return the error that says what to do about a chunk that is not all delivered.

    :param stopped_as: kind of error where the delivery was asked to stop.
    """
    from segment_exports.delivery.job import StopKind
    from segment_exports.records.outcomes import Outcome, counted

    if result.stopped is None:
        return errors.OutcomeUnknownError(
            f"chunk {result.chunk}: "
            f"{counted(result.count(Outcome.FAILED), 'operation has', 'operations have')} an unknown fate "
            f"and {counted(result.count(Outcome.NOT_SENT), 'was', 'were')} not sent; another attempt goes "
            f"on from here" + (f". Met last: {result.trouble}" if result.trouble else "")
        )
    kinds: dict[StopKind, type[errors.SegmentExportError]] = {
        StopKind.CREDENTIALS: errors.CredentialsRefusedError,
        StopKind.FORBIDDEN: errors.RequestRefusedError,
        StopKind.REFUSED_ALIKE: errors.RequestRefusedError,
        StopKind.LIST: errors.RequestRefusedError,
        StopKind.NOT_THE_API: errors.WrongServerError,
        StopKind.REJECTED_GUARD: errors.GuardTrippedError,
        StopKind.ASKED: stopped_as,
        StopKind.DEADLINE: errors.UploadEndedError,
    }
    return kinds.get(result.stopped.kind, errors.DestinationUnreachableError)(result.stopped.message)
