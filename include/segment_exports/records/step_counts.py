"""What the steps before planning counted, read back from their small JSON files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from segment_exports.errors import StagingError
from segment_exports.records.refusals import Reading
from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_exports.records.staging import Store


class _SegmentRead(BaseModel):
    read: int
    snapshot: str
    whole: bool
    judged: bool | None = None


class _Extracted(BaseModel):
    """``extract/<unit>.json``, as far as it counts."""

    segments: dict[str, _SegmentRead]
    seconds: float


class _SegmentMapped(BaseModel):
    contacts: int
    permission: dict[str, int] = {}


class _ProfilesMapped(BaseModel):
    model_config = ConfigDict(extra="allow")

    read: int
    invalid: int
    withheld: int
    merged: int
    merged_same_customer: int
    merged_same_address: int
    contacts: int


class _Mapped(BaseModel):
    """``map.json``, as far as it counts."""

    profiles: _ProfilesMapped
    segments: dict[str, _SegmentMapped]
    withheld_addresses: dict[str, int] = {}
    implausible: tuple[str, ...] = ()
    unjudged_permission: str | None = None
    consent_fingerprint: str | None = None
    seconds: float


@dataclass(frozen=True)
class SegmentReads:
    """What extract read, by segment.

    ``read`` counts profiles of the run, ``snapshots`` are ISO 8601. ``whole``: all profiles are the run's
    (no sample). ``judged``: all were read, be it only to see who gives no permission.
    """

    read: Mapping[str, int]
    snapshots: Mapping[str, str]
    whole: Mapping[str, bool]
    judged: Mapping[str, bool]
    extract_seconds: float

    @classmethod
    def of(cls, store: Store) -> SegmentReads:
        """Read what the extract tasks of a run left.

        :raises StagingError: none has run, or what one left can't be believed.
        """
        units = [store.read_model(f"extract/{name}", _Extracted) for name in store.names("extract")]
        segments = {name: told for unit in units for name, told in unit.segments.items()}
        if not segments:
            raise StagingError(
                f"{store.path('extract')} holds no counts; clear the extract tasks of this run"
            )
        return cls(
            read={name: told.read for name, told in segments.items()},
            snapshots={name: told.snapshot for name, told in segments.items()},
            whole={name: told.whole for name, told in segments.items()},
            judged={
                name: told.whole if told.judged is None else told.judged for name, told in segments.items()
            },
            extract_seconds=sum(unit.seconds for unit in units),
        )

    def reading(self, segments: Iterable[str]) -> Reading:
        """Return what was judged, held against the segments of the definition."""
        return Reading.of(self.snapshots, self.judged, segments)


@dataclass(frozen=True)
class RunCounts(SegmentReads):
    """Counts of extract and map.

    ``consents`` are rows by what they say of permission (``yes``, …), ``withheld_addresses`` counts those by
    reason, ``implausible`` are sentences on columns, ``unjudged_permission`` is the one on a permission that
    says nothing of anybody. ``consent_fingerprint`` names the rule that people were judged by; None where
    that was not written down yet.
    """

    profiles: Mapping[str, int]
    contacts_by_segment: Mapping[str, int]
    map_seconds: float
    consents: Mapping[str, int]
    withheld_addresses: Mapping[str, int]
    implausible: tuple[str, ...]
    unjudged_permission: str | None
    consent_fingerprint: str | None

    @property
    def everybody_agrees(self) -> bool:
        """Whether there are rows, and each gives permission."""
        return 0 < self.consents.get("yes", 0) == sum(self.consents.values())

    @classmethod
    def of(cls, store: Store) -> RunCounts:
        """Read the counts of a run.

        :raises StagingError: extract or map has not run, or what they left can't be believed.
        """
        reads, mapped = SegmentReads.of(store), store.read_model(RunFiles.MAP, _Mapped)
        return cls(
            **vars(reads),
            profiles=mapped.profiles.model_dump(),
            contacts_by_segment={name: told.contacts for name, told in mapped.segments.items()},
            map_seconds=mapped.seconds,
            consents=sum((Counter(told.permission) for told in mapped.segments.values()), Counter()),
            withheld_addresses=mapped.withheld_addresses,
            implausible=mapped.implausible,
            unjudged_permission=mapped.unjudged_permission,
            consent_fingerprint=mapped.consent_fingerprint,
        )

    def reading(self, segments: Iterable[str]) -> Reading:
        """Return what was judged; that is not all where the permission says nothing of anybody."""
        reading = super().reading(segments)
        return reading if self.unjudged_permission is None else replace(reading, is_full=False)

    @property
    def profiles_read(self) -> int:
        """Profiles that map_profiles saw."""
        return self.profiles["read"]

    @property
    def invalid(self) -> int:
        """Profiles refused before sending."""
        return self.profiles["invalid"]

    @property
    def contacts(self) -> int:
        """Contacts after merging, before the limit."""
        return self.profiles["contacts"]
