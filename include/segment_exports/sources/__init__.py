"""The source seam: how segments are read from Customer Insights.

Three ways in implement :class:`Source`: the lake export (:mod:`.lake`), Dataverse
(:mod:`.dataverse`) and Customer Insights' REST API (:mod:`.ci_api`). All give the same profiles for
the same tenant: every attribute as text (Arrow strings), an empty value as null, dates in ISO 8601,
booleans as ``true``/``false``, the customer's id in a column ``CustomerId``.

lake              a package for each way in
dataverse
ci_api
web               what the two over HTTP share
opening           from a definition's ``source`` to the source itself
refresh_evidence  what a source sees of a refresh
attribute_names   attributes by the tenant's names
seen_columns      which column each attribute was when it was read last
snapshot_marks    whether a source without history is still the same
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from segment_exports.errors import SourceNotReadyError
from segment_exports.sources.refresh_evidence import EvaluationStatus, SegmentState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa


@dataclass(frozen=True)
class Attribute:
    """A profile attribute that the source announces."""

    name: str
    data_type: str
    semantic_type: str | None = None


@dataclass(frozen=True)
class SegmentInfo:
    """What a source announces of a segment; None where it doesn't tell.

    :param evaluation: how its last evaluation ended, of a source that tells evaluations.
    :param fault: why it can't be exported, where the source announces it and describes it wrongly.
    """

    name: str
    attributes: tuple[Attribute, ...]
    state: SegmentState = SegmentState.UNKNOWN
    members: int | None = None
    evaluated_at: datetime | None = None
    size_bytes: int | None = None
    evaluation: EvaluationStatus | None = None
    fault: str | None = None


@dataclass(frozen=True)
class ReadUnit:
    """What one extract task reads: one or more segments, each at its snapshot (UTC, ISO 8601).

    Travels through XCom as :meth:`to_json`: references, never rows. ``detail`` is the source's own
    (JSON values only).

    :param whole: False where a part of its segments may not be read, by the rules of the definition: who
        isn't among the rows may be in a segment all the same.
    :param judged: False where such a part is there, which may hold a refusal.
    """

    name: str
    snapshots: Mapping[str, str]
    detail: Mapping[str, Any]
    whole: bool = True
    judged: bool = True

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments that this unit brings."""
        return tuple(self.snapshots)

    def to_json(self) -> dict[str, Any]:
        """Return the unit as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ReadUnit:
        """Return the unit that :meth:`to_json` wrote."""
        return cls(**value)


@runtime_checkable
class TellsDoubts(Protocol):
    """A source that finds out by reading what is doubtful about its answers; the texts are for the report."""

    doubts: list[str]


def doubts_of(source: Source) -> list[str]:
    """Return what a source found doubtful so far."""
    return list(dict.fromkeys(source.doubts)) if isinstance(source, TellsDoubts) else []


@runtime_checkable
class FindsAttributes(Protocol):
    """A source that knows an attribute by more names than the one that it announces."""

    def unknown_attributes(self, wanted: Sequence[str]) -> list[str]:
        """Return the names for which :meth:`Source.read` would find no attribute.

        :raises SourceError: the source can't be read, or a name fits several attributes.
        """


@runtime_checkable
class TellsUnsure(Protocol):
    """A source that finds out by reading which attributes don't mean one thing: attribute → why."""

    unsure: dict[str, str]


def require_sure(source: Source, attribute: str) -> None:
    """Refuse an attribute by which people are judged, where its values don't mean one thing.

    :raises SourceNotReadyError: they don't.
    """
    if isinstance(source, TellsUnsure) and (why := source.unsure.get(attribute)):
        raise SourceNotReadyError(f"{attribute}: {why}. Nobody's permission is judged by that")


@runtime_checkable
class TellsUnread(Protocol):
    """A source that finds out by reading which segments may have members that it couldn't read."""

    unread: frozenset[str]


def unread_of(source: Source) -> frozenset[str]:
    """Return the segments that a source couldn't read whole: who isn't among the rows may be in them."""
    return source.unread if isinstance(source, TellsUnread) else frozenset()


@runtime_checkable
class TellsPerhapsMembers(Protocol):
    """A source that finds out by reading who may be in a segment, though it can't read that of them."""

    perhaps_members: list[pa.RecordBatch]


def perhaps_members_of(source: Source) -> list[pa.RecordBatch]:
    """Return profiles, as :meth:`Source.read` gives them, of whom nobody knows which segments they are in.

    They aren't sent for that, and what they refuse counts all the same.
    """
    return source.perhaps_members if isinstance(source, TellsPerhapsMembers) else []


@runtime_checkable
class GivesSample(Protocol):
    """A source that can show some profiles at once, where to read a segment takes long."""

    def sample(self, segment: str, attributes: Sequence[str], rows: int) -> pa.RecordBatch:
        """Return up to so many profiles as :meth:`Source.read` does, of the segment where that can be told.

        :raises SourceError: as :meth:`Source.read`.
        """


class Source(Protocol):
    """One place to read segments from."""

    has_history: bool
    """Whether older snapshots can be read; a source without history reads the present and says so."""

    def segments(self) -> list[SegmentInfo]:
        """Return all segments that can be exported, by name.

        :raises SourceError: the source can't be read.
        """

    def snapshots(self, segment: str) -> list[datetime]:
        """Return the times (UTC) of the whole snapshots of a segment, oldest first.

        A source without history answers the one time mark that it knows, or the present.

        :raises SourceError: the segment isn't there; the text names those that are.
        """

    def read_units(self, snapshots: Mapping[str, datetime]) -> list[ReadUnit]:
        """Return what is to be read for these segments at these snapshots."""

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Read a unit as (segment, batch) with the given attributes as string columns, in their order.

        Each (customer, segment) comes once per row of the source. ``PreviousCustomerId`` may be
        asked for and is left out where the source has no such attribute. A batch with members of whom the
        source has no profile has the column ``WITHOUT_PROFILE`` too.

        :raises SourceError: unknown attribute, missing or broken file; the text says which exist.
        """
