"""The tenant of the demo: generated customers, written as Customer Insights' lake export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMERS, SNAPSHOTS, PARTITIONS = 20_000, 2, 3
ATTRIBUTES_OF_NEWSLETTER = ("string--Loyalty--Tier", "integer--Reward--Points", "date--Date--Of--Birth")


@dataclass(frozen=True)
class WrittenLake:
    """What was written: profiles are the rows of all segments of the newest snapshot."""

    profiles: int
    segments: int
    snapshots: int


def write_lake(folder: Path, customers: int = CUSTOMERS, snapshots: int = SNAPSHOTS) -> WrittenLake:
    """Write the lake export of a generated tenant to a folder."""
    tenant = Tenant(customers)
    export = LakeExport(folder, tenant, partitions=PARTITIONS)
    for snapshot in range(snapshots):
        export.write(snapshot)
    rows = sum(batch.num_rows for name in tenant.segments for batch in tenant.segment(snapshots - 1, name))
    return WrittenLake(rows, len(tenant.segments), snapshots)
