"""What a definition may set of the Dataverse source."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from segment_exports import definition

MOST_AT_ONCE = 52


@dataclass(frozen=True)
class DataverseSettings:
    """What is not documented for every tenant, with a default.

    :param membership_type: ``SegmentMembershipType`` of the rows to read.
    :param segment_provider: ``SegmentProvider`` of the rows to read; None for all.
    :param page_size: rows a page; Dataverse gives at most 5,000.
    :param parallel_reads: profile pages asked for at once, each in its own range of ids (1 to 52).
    :param prefix: what stands before the tenant's names in logical names.
    :param time_mark: column with the time of a row's last change.
    :param missing_profiles: share of the members that may have no profile (yet).
    :param absent_is_empty: a segment that nobody is in has no members, rather than a wrong name.
    """

    membership_type: str = "Customer"
    segment_provider: str | None = None
    page_size: int = 5000
    parallel_reads: int = 1
    prefix: str = "msdynci_"
    time_mark: str = "modifiedon"
    missing_profiles: float = 0.01
    absent_is_empty: bool = False

    @classmethod
    def of(cls, source: definition.DataverseSource) -> DataverseSettings:
        """Return the settings in a definition."""
        same = {one.name: getattr(source, one.name) for one in fields(cls) if one.name != "absent_is_empty"}
        return cls(**same, absent_is_empty=source.checks.when_absent == "empty")

    def __post_init__(self) -> None:
        for name, value, most in (
            ("page_size", self.page_size, 5000),
            ("parallel_reads", self.parallel_reads, MOST_AT_ONCE),
        ):
            if not 1 <= value <= most:
                raise SourceError(f"{name} of the Dataverse source is {value}; it must be 1 to {most}")
