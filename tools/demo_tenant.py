"""The tenant of the demo: generated customers, written as Customer Insights' lake export of yesterday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMERS, SNAPSHOTS, PARTITIONS = 20_000, 2, 3
REFRESHED_AT = time(5, tzinfo=UTC)
ATTRIBUTES_OF_NEWSLETTER = ("string--Loyalty--Tier", "integer--Reward--Points", "date--Date--Of--Birth")


@dataclass(frozen=True)
class WrittenLake:
    """What was written: profiles are the rows of all segments of the newest snapshot."""

    profiles: int
    segments: int
    snapshots: int


def write_lake(
    folder: Path, customers: int = CUSTOMERS, snapshots: int = SNAPSHOTS, *, now: datetime | None = None
) -> WrittenLake:
    """Write the lake export of a generated tenant to a folder; its newest snapshot is of yesterday.

    :param now: decides what yesterday is (UTC); the clock by default. Customers don't depend on it.
    """
    newest = _newest_snapshot(now or datetime.now(UTC))
    tenant = Tenant(customers, first_snapshot=newest - (snapshots - 1) * Tenant.between_snapshots)
    export = LakeExport(folder, tenant, partitions=PARTITIONS)
    for snapshot in range(snapshots):
        export.write(snapshot)
    rows = sum(batch.num_rows for name in tenant.segments for batch in tenant.segment(snapshots - 1, name))
    return WrittenLake(rows, len(tenant.segments), snapshots)


def _newest_snapshot(now: datetime) -> datetime:
    """Return one time for a whole day (UTC), which knows no summer time."""
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=1), REFRESHED_AT)
