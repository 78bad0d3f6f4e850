"""Profiles of all segments become contacts: one row per address, judged, merged and rendered.

The profiles are streamed once. Each batch is converted and rendered column by column, and its rows
are scattered over shards by their email hash; then each shard is judged and merged by itself. So
memory holds one batch or one shard, whatever the number of profiles.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segment_exports.errors import DefinitionError, StagingError
from segment_exports.mapping.column_counts import (
    ColumnCounts,
    doubtful_columns,
    implausible_columns,
    unjudged_permission,
)
from segment_exports.mapping.extracted_profiles import ExtractedProfiles
from segment_exports.mapping.merging import ROWS, merge_shard
from segment_exports.mapping.permission import PeopleHeldBack
from segment_exports.mapping.profile_batch import ProfileMapper
from segment_exports.mapping.shards import ShardedRows, shard_bits
from segment_exports.records.refusals import NOBODY_REFUSED
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.row_groups import writing_row_groups
from segment_exports.records.tables.schemas import CONTACTS, INVALID, WITHHELD
from segment_exports.records.warnings import record_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.definition import ExportDefinition
    from segment_exports.mapping.merging import MergedShard
    from segment_exports.mapping.profile_batch import MappedBatch
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.step_counts import SegmentReads

STEP = "map_profiles"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MapSummary:
    """What became of the profiles of a run; :meth:`to_json` is the content of ``map.json``.

    ``read``, ``invalid``, ``withheld`` and the two kinds of merged rows count profiles.
    ``invalid_reasons`` counts them per (contact field, reason), ``withheld_addresses`` counts addresses
    per reason, ``empty_values`` per contact field the profiles that had nothing to send, ``columns`` per
    segment what its attributes hold, ``implausible`` are sentences on columns that trip a guard of the plan,
    ``unjudged_permission`` the one on a permission that says nothing of anybody. ``consent_fingerprint``
    names the rule that people were judged by.
    """

    segments_read: dict[str, int]
    segment_contacts: dict[str, int]
    invalid: int
    withheld: int
    merged_same_customer: int
    merged_same_address: int
    contacts: int
    invalid_reasons: Counter[tuple[str, str]]
    withheld_addresses: Counter[str]
    empty_values: Counter[str]
    columns: Mapping[str, ColumnCounts]
    implausible: Sequence[str]
    unjudged_permission: str | None
    consent_fingerprint: str
    seconds: float

    @property
    def read(self) -> int:
        """Profiles read, over all segments."""
        return sum(self.segments_read.values())

    @property
    def merged(self) -> int:
        """Rows folded into another row's contact."""
        return self.merged_same_customer + self.merged_same_address

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "profiles": {
                "read": self.read,
                "invalid": self.invalid,
                "withheld": self.withheld,
                "merged": self.merged,
                "merged_same_customer": self.merged_same_customer,
                "merged_same_address": self.merged_same_address,
                "contacts": self.contacts,
            },
            "segments": {
                name: {
                    "read": read,
                    "contacts": self.segment_contacts[name],
                    "permission": self.columns[name].consents_to_json(),
                }
                for name, read in self.segments_read.items()
            },
            "invalid_reasons": [
                {"field": field, "reason": reason, "profiles": count}
                for (field, reason), count in self.invalid_reasons.most_common()
            ],
            "withheld_addresses": dict(self.withheld_addresses.most_common()),
            "empty_values": dict(self.empty_values),
            "implausible": list(self.implausible),
            "unjudged_permission": self.unjudged_permission,
            "consent_fingerprint": self.consent_fingerprint,
            "recency_unreadable": sum(one.unreadable_recency for one in self.columns.values()),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class PieceSizes:
    """Rows that are held at once. They change speed and memory, never the outcome."""

    batch: int = 16_384
    shard: int = 16_384


def map_profiles(
    definition: ExportDefinition,
    files: RunFiles,
    hasher: KeyedHasher,
    *,
    segments: Sequence[str] | None = None,
    reads: SegmentReads | None = None,
    erased: frozenset[bytes] = frozenset(),
    refused: npt.NDArray[np.uint64] = NOBODY_REFUSED.keys,
    sizes: PieceSizes = PieceSizes(),
    clock: Callable[[], float] = time.monotonic,
) -> MapSummary:
    """Write ``contacts``, ``invalid``, ``withheld`` and ``unjudged.parquet``, and ``map.json``.

    Where the permission is empty for a whole segment, or the rule matches nobody, nobody of it is taken for
    allowed or for withdrawn: the plan sends only what is a duty for other reasons.

    :param segments: the segments to take; all of the definition by default. Their order is always the
        definition's.
    :param reads: what extract read: rows of a segment after the first ``read`` are not the run's, and only
        their refusals count. All rows are the run's by default.
    :param erased: keyed hashes of addresses and customer ids of erased people.
    :param refused: who must not be taken for allowed (:meth:`.refusals.Refusals.against`).
    :raises DefinitionError: ``segments`` names one that the definition doesn't have.
    :raises StagingError: profiles of a segment are missing or lack an attribute.
    """
    begun = clock()
    chosen = _chosen(definition, segments)
    counts = _Counts(chosen)
    profiles = ExtractedProfiles(definition, files, reads, sizes.batch)
    unjudged = unjudged_permission(definition, {one: profiles.permission_of(one) for one in chosen})
    held_back = PeopleHeldBack(erased, refused, hasher)
    mapper = ProfileMapper(definition, hasher, held_back, unjudged=unjudged.segments)
    with ShardedRows(ROWS, shard_bits(profiles.count(chosen), sizes.shard)) as shards:
        _scatter(mapper, profiles, shards, counts)
        record_warnings(files.store, STEP, list(doubtful_columns(definition, counts.columns)))
        _merge(shards, files, hasher, counts)
    implausible = implausible_columns(definition, counts.columns)
    summary = counts.summary(implausible, unjudged.why, definition.consent_fingerprint, clock() - begun)
    files.store.write_json(files.MAP, summary.to_json())
    log.info(
        "%s: mapped %s profiles to %s contacts; %s invalid, %s withheld, %s merged",
        definition.name,
        summary.read,
        summary.contacts,
        summary.invalid,
        summary.withheld,
        summary.merged,
    )
    return summary


class _Counts:
    """Counts of a run under way."""

    def __init__(self, segments: Sequence[str]) -> None:
        self.segments = segments
        self.read = dict.fromkeys(segments, 0)
        self.invalid_reasons: Counter[tuple[str, str]] = Counter()
        self.empty_values: Counter[str] = Counter()
        self.columns = {name: ColumnCounts() for name in segments}
        self.withheld = 0
        self.withheld_addresses: Counter[str] = Counter()
        self.merged_same_customer = 0
        self.merged_same_address = 0
        self.contacts = 0
        self.in_segment = np.zeros(len(segments), dtype=np.int64)

    def add_batch(self, segment: str, batch: MappedBatch, rows: int) -> None:
        self.read[segment] += rows
        columns = (batch.invalid.column(name).to_pylist() for name in ("field", "reason"))
        self.invalid_reasons.update(zip(*columns, strict=True))
        self.empty_values.update(batch.empty_values)
        self.columns[segment].add(batch.columns)

    def add_shard(self, shard: MergedShard) -> None:
        self.withheld += shard.withheld_rows
        self.withheld_addresses.update(shard.withheld_addresses)
        self.merged_same_customer += shard.merged_same_customer
        self.merged_same_address += shard.merged_same_address
        self.contacts += len(shard.contacts)
        self.in_segment += shard.in_segment

    def summary(
        self, implausible: Sequence[str], unjudged: str | None, consent_fingerprint: str, seconds: float
    ) -> MapSummary:
        summary = MapSummary(
            segments_read=self.read,
            segment_contacts=dict(zip(self.segments, self.in_segment.tolist(), strict=True)),
            invalid=self.invalid_reasons.total(),
            withheld=self.withheld,
            merged_same_customer=self.merged_same_customer,
            merged_same_address=self.merged_same_address,
            contacts=self.contacts,
            invalid_reasons=self.invalid_reasons,
            withheld_addresses=self.withheld_addresses,
            empty_values=self.empty_values,
            columns=self.columns,
            implausible=implausible,
            unjudged_permission=unjudged,
            consent_fingerprint=consent_fingerprint,
            seconds=seconds,
        )
        known = summary.invalid + summary.withheld + summary.merged + summary.contacts
        if summary.read != known:
            raise StagingError(f"{summary.read} profiles were read, but the fate of {known} is known")
        return summary


def _chosen(definition: ExportDefinition, segments: Sequence[str] | None) -> list[str]:
    unknown = sorted(set(segments or ()) - set(definition.segment_names))
    if unknown:
        raise DefinitionError(
            f"{definition.name} has no segment {', '.join(unknown)}; "
            f"it has {', '.join(definition.segment_names)}"
        )
    return [name for name in definition.segment_names if segments is None or name in segments]


def _scatter(
    mapper: ProfileMapper, profiles: ExtractedProfiles, shards: ShardedRows, counts: _Counts
) -> None:
    with writing_row_groups(profiles.files.store, RunFiles.INVALID, INVALID) as invalid:
        for place, segment in enumerate(counts.segments):
            for rows, is_of_run in profiles.of(segment):
                if is_of_run:
                    first_row = counts.read[segment] + 1
                    batch = mapper.map(rows, segment=segment, place=place, first_row=first_row)
                    counts.add_batch(segment, batch, len(rows))
                    invalid.add(batch.invalid)
                    shards.add(batch.rows)
                else:
                    judged = mapper.judge(rows, segment=segment, place=place)
                    counts.columns[segment].add(judged.columns)
                    shards.add(judged.rows)
                pa.default_memory_pool().release_unused()


def _merge(shards: ShardedRows, files: RunFiles, hasher: KeyedHasher, counts: _Counts) -> None:
    with (
        writing_row_groups(files.store, files.CONTACTS, CONTACTS) as contacts,
        writing_row_groups(files.store, files.WITHHELD, WITHHELD) as withheld,
        writing_row_groups(files.store, files.UNJUDGED, WITHHELD) as unjudged,
    ):
        for rows in shards.shards():
            shard = merge_shard(rows, counts.segments, hasher)
            counts.add_shard(shard)
            contacts.add(shard.contacts)
            withheld.add(shard.withheld)
            unjudged.add(shard.unjudged)
            pa.default_memory_pool().release_unused()
