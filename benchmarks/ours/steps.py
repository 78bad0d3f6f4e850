"""The steps of one run of this project, as the tasks of its DAG call them, without Airflow.

Imports stand inside the steps where the tasks have them inside too: a step that runs alone loads what
it needs and no more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.contacts import SNAPSHOTS
from benchmarks.ours.definition import CONNECTION, EXPORT, LEDGER_SECRET, write_definition
from segment_exports.definition import load_definition
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import RunFiles, Store

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition
    from segment_exports.delivery.destination import DeliveryDestination
    from segment_exports.delivery.job import ChunkJob
    from segment_exports.records.lease import Lease

NO_LIMIT = 1e6
_REFERENCES = "chunks.json"


@dataclass(frozen=True)
class OurRun:
    """One run: what it reads, where it keeps its files, whom it sends to.

    A run that was killed is one that is made again with the same ``snapshot``: as in Airflow, where a
    task is tried again, the steps that had ended stay ended and the upload goes on.
    """

    folder: Path
    lake: Path
    snapshot: str
    url: str
    key: str
    in_flight: int = 8
    rate: float | None = None
    connection: ClassVar[str] = CONNECTION

    @property
    def definition(self) -> ExportDefinition:
        """The definition, written anew."""
        path = write_definition(self.folder / "exports", lake=self.lake, in_flight=self.in_flight)
        return load_definition(path)

    @property
    def staging(self) -> Store:
        """The staging root."""
        return Store.local(self.folder / "staging")

    @property
    def files(self) -> RunFiles:
        """The run's own files."""
        return RunFiles(self.staging.sub(EXPORT), f"manual__{self.snapshot}")

    @property
    def hasher(self) -> KeyedHasher:
        """The hasher of the ledger."""
        return KeyedHasher(LEDGER_SECRET)

    def extract(self) -> dict[str, Any]:
        """Read the segment's snapshot."""
        from fsspec.implementations.local import LocalFileSystem

        from segment_exports.definition import LakeSource
        from segment_exports.extracting.extract_unit import extract_unit
        from segment_exports.refresh.snapshot_choice import choose_snapshots
        from segment_exports.sources.opening import lake_location, open_lake

        definition = self.definition
        assert isinstance(definition.source, LakeSource)
        source = open_lake(definition.source, LocalFileSystem(), lake_location(definition.source))
        chosen = choose_snapshots(source, definition.segment_names, as_of=SNAPSHOTS[self.snapshot])
        units = source.read_units(chosen)
        return {"read": [extract_unit(source, unit, definition, self.files) for unit in units]}

    def map(self) -> dict[str, Any]:
        """Validate, map and merge."""
        from segment_exports.mapping.map_profiles import map_profiles

        return map_profiles(self.definition, self.files, self.hasher).to_json()

    def plan(self) -> dict[str, Any]:
        """Compare with the ledger."""
        from segment_exports.planning.basis import PlanRequest
        from segment_exports.planning.plan_changes import plan_changes
        from segment_exports.records.lease import acquire
        from segment_exports.records.plan import RunOptions

        lease: Lease = acquire(self.files.export, self.files.run, is_alive=lambda _: False)
        request = PlanRequest(
            staging=self.staging,
            files=self.files,
            definition=self.definition,
            account=self.connection,
            hasher=self.hasher,
            options=RunOptions(),
            lease=lease,
            requests_per_second=self.rate or NO_LIMIT,
            now=datetime.now(UTC),
        )
        return {"due": plan_changes(request).contacts.due}

    def chunk(self) -> list[dict[str, Any]]:
        """Cut the changes into chunks; the references lie beside the run, as XCom would keep them."""
        from segment_exports.planning.chunk_changes import chunk_changes
        from segment_exports.records.plan import Plan

        duties = Plan.model_validate(self.files.store.read_json(self.files.PLAN)).duty_chunks
        references = [one.to_json() for one in (*duties, *chunk_changes(self.files))]
        self.files.store.write_json(_REFERENCES, references)
        return references

    def upload_first(self) -> list[dict[str, Any]]:
        """Deliver the first chunk alone: what one upload task does."""
        return self.upload(at_most=1)

    def upload(self, at_most: int | None = None) -> list[dict[str, Any]]:
        """Deliver the chunks one after the other, as the pool's one slot does.

        :raises RuntimeError: something was left undone.
        """
        return [self.deliver(one) for one in self.references()[:at_most]]

    def references(self) -> list[dict[str, Any]]:
        """Return what the upload tasks are given."""
        found: list[dict[str, Any]] = self.files.store.read_json(_REFERENCES)
        return found

    def deliver(self, reference: dict[str, Any]) -> dict[str, Any]:
        """Deliver one chunk.

        :raises RuntimeError: something was left undone.
        """
        from segment_exports.delivery.engine import deliver_chunk_blocking

        result = deliver_chunk_blocking(self._job(self.definition, reference), self._destination())
        if not result.complete:
            raise RuntimeError(f"chunk {reference['number']}: {result.stopped} {result.counts}")
        return result.to_json()

    def settle(self) -> dict[str, Any]:
        """Fold the receipts into the ledger and write the report.

        :raises RuntimeError: the run is red.
        """
        from segment_exports.settling.settle_run import Ending, settle_run

        now = datetime.now(UTC)
        report = settle_run(
            Ending(
                staging=self.staging,
                files=self.files,
                definition=self.definition,
                account=self.connection,
                agreement=None,
                list_ids={},
                failed_steps=(),
                dry_run=False,
                started_at=now,
                now=now,
            )
        )
        if report.red:
            raise RuntimeError(f"the run is red: {report.red_reasons}")
        return report.model_dump(mode="json")

    def _job(self, definition: ExportDefinition, reference: dict[str, Any]) -> ChunkJob:
        from segment_exports.delivery.job import ChunkJob

        return ChunkJob(
            run=self.files.store,
            number=reference["number"],
            fingerprint=reference["fingerprint"],
            account=self.staging.sub(f"_accounts/{self.connection}"),
            lists=definition.lists,
            membership=definition.destination.membership.value,
            requests_in_flight=self.in_flight,
        )

    def _destination(self) -> DeliveryDestination:
        from segment_exports.destinations.autopilot.client import AutopilotClient
        from segment_exports.destinations.autopilot.destination import AutopilotDestination
        from segment_exports.transport.pacing import Pacer

        return AutopilotDestination(AutopilotClient(f"{self.url}/v1", self.key, pacer=Pacer(self.rate)))


def run_of_environment(folder: str, lake: str) -> OurRun:
    """Return the run that the harness describes in the environment (see ``benchmarks.tools``)."""
    return OurRun(
        folder=Path(folder),
        lake=Path(lake),
        snapshot=os.environ["BENCH_SNAPSHOT"],
        url=os.environ["BENCH_URL"],
        key=os.environ["BENCH_KEY"],
        in_flight=int(os.environ.get("BENCH_IN_FLIGHT", "8")),
        rate=float(os.environ.get("BENCH_RATE", "0")) or None,
    )
