"""The steps of an export that are plain tasks: check, extract, map, chunk."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from segment_exports.errors import DefinitionError, ListProblemError
from segment_exports_airflow.installation import require_plugin
from segment_exports_airflow.pools import pool_of
from segment_exports_airflow.staging_root import ledger_hasher, require_good_ledger_secret, staging_root
from segment_exports_airflow.steps import ExportStep, runs_that_sent
from segment_exports_airflow.task_log import ForeseenFailure, end_with, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.destinations.check_destination import AccountConnection


class BrokenDefinitionOperator(BaseOperator):
    """The one task of an export whose definition is broken: it fails and says what is wrong.

    :param message: what is wrong with the file.
    """

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail.

        :raises AirflowFailException: always.
        """
        from segment_exports.records.problems import Reason

        title = "This export does nothing until its definition is corrected."
        end_with(self, title, [Reason(self.message, DefinitionError.advice)])
        raise ForeseenFailure(self.message)


class ExportOperator(ExportStep, BaseOperator):
    """A step whose error stands in the run report.

    :param export: name of the definition.
    """

    def __init__(self, *, export: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.export = export

    def execute(self, context: Context) -> Any:
        """Do the step; what stops it is kept for the run report."""
        return self.told_in_report(context, lambda: self.perform(context))

    @abstractmethod
    def perform(self, context: Context) -> Any:
        """Do the step and answer what goes to XCom: counts and references, never rows."""


class CheckDestinationOperator(ExportOperator):
    """Make sure that data may be sent, before any is read: agreement, enabled, key, lists, fields.

    :param export: name of the definition.
    """

    def perform(self, context: Context) -> dict[str, Any]:
        """Check and answer what was found; the agreement is kept for the report.

        :raises DefinitionError: the run was asked for something that its form does not offer.
        :raises AgreementMissingError: nobody agreed to the transfer, or its text has changed since.
        :raises ConnectionDisabledError: the connection is switched off.
        :raises CredentialsRefusedError: the key is wrong.
        :raises LedgerError: the secret of the ledgers is missing, a new one that is short, or two that
            differ; lists have vanished because it is another account, or one that was emptied; or the staging
            knows nothing of runs that sent.
        :raises SettingsError: the package isn't installed, so that nothing makes the account's pool.
        :raises StagingError: no files can be written in the staging.
        :raises ListProblemError: a list has vanished, stands twice, is not ours, or has two titles here.
        """
        from segment_exports.records.warnings import record_warnings
        from segment_exports.settling.unknown_runs import require_known_runs
        from segment_exports_airflow.accounts import AGREEMENT_FILE, account_folder, account_of

        options, wanted = self.request(context).options, self.definition.destination
        require_plugin(pool_of(wanted.connection))
        self._require_writable(context, wanted.connection)
        require_known_runs(self.files(context).export, self.export, runs_that_sent(context), options)
        account = account_of(wanted.connection, wanted.type)
        account.require_usable()
        told_of_secret = require_good_ledger_secret()
        ledger_hasher(self.export)
        if account.agreement is not None:
            self.files(context).store.write_json(AGREEMENT_FILE, account.agreement.to_json())
        asked = self.destination.account(account, account_folder(account.connection_id))
        try:
            found = asyncio.run(asked.check(self.definition))
        except ListProblemError:
            # In another account than ours no list is: its key is the problem, and none of the lists.
            if not options.full_resync:
                self._require_own_account(context, account)
            raise
        tell(self.log, found.message)
        warnings = [*found.warnings, *told_of_secret]
        record_warnings(self.files(context).store, "check_destination", warnings)
        return {"lists": found.lists, "seconds": round(found.seconds, 3)}

    def _require_writable(self, context: Context, connection: str) -> None:
        """Try once whether files can be written, wherever this run will: a folder may be another user's."""
        from segment_exports_airflow.accounts import account_folder

        files = self.files(context)
        ledgers = files.export.named("ledger", connection)
        folders = ("lease", ledgers, "history/runs", "runs")
        there = [files.export.sub(name) for name in folders if files.export.exists(name)]
        for folder in (files.export, *there, account_folder(connection), files.store):
            folder.require_writable()

    def _require_own_account(self, context: Context, account: AccountConnection) -> None:
        from segment_exports.planning.reconciling.contacts_exist import require_contacts_exist
        from segment_exports.records.ledger import LedgerFolder

        folder = LedgerFolder(self.files(context).export, self.export, account.connection_id)
        require_contacts_exist(folder.latest(), self.destination.reader(account), lists_gone=True)


class ExtractOperator(ExportOperator):
    """Read one unit of the source into ``profiles/<segment>.parquet``.

    :param export: name of the definition.
    :param unit: the read unit as JSON, from :class:`~segment_exports_airflow.sensors.refresh.RefreshSensor`.
    """

    def __init__(self, *, unit: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit

    def perform(self, context: Context) -> dict[str, Any]:
        """Read the unit and answer what was counted.

        :raises SourceError: an attribute, file or table is missing or broken.
        """
        from segment_exports.extracting.extract_unit import extract_unit
        from segment_exports.sources import ReadUnit
        from segment_exports_airflow.source_access import open_source

        counted = extract_unit(
            open_source(self.definition),
            ReadUnit.from_json(self.unit),
            self.definition,
            self.files(context),
            sample=self.request(context).sample,
        )
        for name, one in counted["segments"].items():
            tell(self.log, f"Read {one['read']:,} profiles of {name}, of the snapshot {one['snapshot']}")
        return counted


class MapProfilesOperator(ExportOperator):
    """Validate, map and merge the profiles into ``contacts.parquet``: one row per address.

    :param export: name of the definition.
    """

    def perform(self, context: Context) -> dict[str, Any]:
        """Map the profiles and answer the counts.

        :raises DefinitionError: the mapping names an attribute that was not read.
        """
        from segment_exports.mapping.map_profiles import map_profiles
        from segment_exports.records.refusals import RefusalFolder
        from segment_exports.records.step_counts import SegmentReads
        from segment_exports.records.tombstones import erased_hashes

        files, hasher = self.files(context), ledger_hasher(self.export)
        reads = SegmentReads.of(files.store)
        refusals = RefusalFolder(files.export, hasher.fingerprint).latest()
        summary = map_profiles(
            self.definition,
            files,
            hasher,
            segments=self.request(context).segments,
            reads=reads,
            erased=erased_hashes(staging_root(), hasher),
            refused=refusals.against(reads.reading(self.definition.segment_names)),
        )
        counts: dict[str, Any] = summary.to_json()
        return counts


class ChunkChangesOperator(ExportOperator):
    """Cut the changes into chunks, each the work of one upload task.

    :param export: name of the definition.
    """

    def perform(self, context: Context) -> list[dict[str, Any]]:
        """Answer a reference to each chunk, with its fingerprint; none where nothing is to be sent."""
        from segment_exports.planning.chunk_changes import chunk_changes
        from segment_exports.records.outcomes import counted

        chunks = chunk_changes(self.files(context))
        for one in chunks:
            tell(self.log, f"Chunk {one.number}: {counted(one.contacts, 'contact')} to send")
        if not chunks:
            tell(self.log, "Nothing is to be sent")
        return [one.to_json() for one in chunks]
