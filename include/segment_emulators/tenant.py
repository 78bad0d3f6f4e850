"""A generated Customer Insights tenant: the same customers for the lake, Dataverse and API emulators.

Everything is a pure function of (customers, seed, segments): the same on every machine, any block of any
snapshot by itself, memory flat in the number of customers. Nobody in it exists, and every address
ends in a domain that RFC 2606 reserves.

    tenant = Tenant(20_000, seed=7)
    for batch in tenant.snapshot(1):            # every attribute, then one boolean column per segment
        ...
    for batch in tenant.segment(0, "ChurnProne"):   # the members' rows, attributes only
        ...

Attribute names are those of Microsoft's Contoso sample. All attributes are Arrow strings, as a CSV
holds them: a column typed ``int64`` in Customer Insights may hold ``n/a``, and the names of the types
stand in :data:`ATTRIBUTES`. An empty value is null. Dates are ISO 8601.

Snapshots are a day apart (:meth:`Tenant.snapshot_time`), any number of them. From one to the next about
1 % of the customers change (loyalty tier, points, income, place, street, telephone), some are new, erased,
merged into another one, withdraw their permission, get another address, or enter or leave a segment:
:meth:`Tenant.events` names them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from segment_emulators.counter_random import CounterRandom
from segment_emulators.tenant_columns import DIRT, DIRT_PERIOD, customer_ids, dirt_rows, render, soil
from segment_emulators.tenant_history import EVENTS, BlockHistory, DailyRates, block_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK = 16_384
"""Customers that are generated at once; even, since neighbours may merge."""


class TenantAttribute(NamedTuple):
    """An attribute of the unified profile, as the model and the metadata API announce it."""

    name: str
    data_type: str
    semantic_type: str | None = None


ATTRIBUTES: tuple[TenantAttribute, ...] = (
    TenantAttribute("CustomerId", "string"),
    TenantAttribute("FirstName", "string", "Person.FirstName"),
    TenantAttribute("LastName", "string", "Person.LastName"),
    TenantAttribute("FullName", "string", "Person.FullName"),
    TenantAttribute("EMail", "string", "Identity.Service.Email"),
    TenantAttribute("Telephone", "string", "Identity.Service.Phone"),
    TenantAttribute("StreetAddress", "string", "Location.Address"),
    TenantAttribute("City", "string", "Location.City"),
    TenantAttribute("State", "string", "Location.State"),
    TenantAttribute("Country", "string", "Location.Country"),
    TenantAttribute("PostCode", "string", "Location.PostalCode"),
    TenantAttribute("DateOfBirth", "dateTime", "Person.BirthDate"),
    TenantAttribute("Gender", "string", "Person.Gender"),
    TenantAttribute("Loyalty Tier", "string"),
    TenantAttribute("Email Subscriber", "string"),
    TenantAttribute("RewardPoints", "int64"),
    TenantAttribute("Income", "double"),
    TenantAttribute("Occupation", "string"),
    TenantAttribute("CreatedOn", "dateTime"),
    TenantAttribute("PreviousCustomerId", "string"),
)
"""Attributes in the order of the columns."""

ATTRIBUTE_NAMES: tuple[str, ...] = tuple(attribute.name for attribute in ATTRIBUTES)
PROFILE_SCHEMA = pa.schema([pa.field(name, pa.string()) for name in ATTRIBUTE_NAMES])
MEMBERSHIP_SCHEMA = pa.schema(
    [
        pa.field("CustomerId", pa.string(), nullable=False),
        pa.field("segments", pa.list_(pa.string()), nullable=False),
    ]
)

SEGMENTS: dict[str, float] = {"HighValueSegment": 0.25, "ChurnProne": 0.15, "NewsletterReaders": 0.80}
"""The segments and the share of the customers that each has; they overlap at random."""

FIRST_SNAPSHOT = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    """A tenant of so many customers at its first snapshot. Snapshots count from 0."""

    customers: int = 20_000
    seed: int = 7
    segments: Mapping[str, float] = field(default_factory=lambda: dict(SEGMENTS))
    dirt: bool = True
    rates: DailyRates = field(default_factory=DailyRates)
    first_snapshot: datetime = FIRST_SNAPSHOT
    between_snapshots: timedelta = timedelta(days=1)

    def snapshot_time(self, snapshot: int) -> datetime:
        """Return when a snapshot was taken (UTC)."""
        return self.first_snapshot + snapshot * self.between_snapshots

    def profiles(self, snapshot: int = 0) -> Iterator[pa.RecordBatch]:
        """Yield the Customer table (:data:`PROFILE_SCHEMA`) in stable order."""
        for batch in self.snapshot(snapshot):
            yield batch.select(list(ATTRIBUTE_NAMES))

    def segment(self, snapshot: int, name: str) -> Iterator[pa.RecordBatch]:
        """Yield a segment's table (:data:`PROFILE_SCHEMA`): the rows of its members, batches may be empty.

        :raises KeyError: no such segment.
        """
        if name not in self.segments:
            raise KeyError(f"no segment {name!r}; there are {', '.join(self.segments)}")
        for batch in self.snapshot(snapshot):
            yield batch.filter(batch[name]).select(list(ATTRIBUTE_NAMES))

    def snapshot(self, snapshot: int = 0) -> Iterator[pa.RecordBatch]:
        """Yield every profile with its attributes and, per segment, a boolean column of that name.

        A customer of dirt ``duplicate_row`` stands there twice, in neighbouring rows.
        """
        random = CounterRandom(self.seed)
        schema = pa.schema([*PROFILE_SCHEMA, *(pa.field(name, pa.bool_()) for name in self.segments)])
        for state in self._blocks(snapshot):
            columns = render(state, random)
            if self.dirt:
                columns = soil(columns, state.index)
            for name, member in state.members.items():
                columns[name] = pa.array(member)
            batch = pa.RecordBatch.from_pydict(columns, schema=schema)
            yield batch.take(pa.array(self._rows(state)))

    def memberships(self, snapshot: int = 0) -> Iterator[pa.RecordBatch]:
        """Yield one row per customer with the segments they are in (:data:`MEMBERSHIP_SCHEMA`).

        Customers in no segment have an empty list. Nobody stands twice.
        """
        random = CounterRandom(self.seed)
        names = pa.array(list(self.segments), pa.string())
        for state in self._blocks(snapshot):
            flags = np.stack([member[state.alive] for member in state.members.values()], axis=1)
            offsets = np.concatenate([[0], np.cumsum(flags.sum(axis=1))]).astype(np.int32)
            segments = pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(np.nonzero(flags)[1])))
            ids = customer_ids(state.index[state.alive], random)
            yield pa.RecordBatch.from_arrays([ids, segments], schema=MEMBERSHIP_SCHEMA)

    def members(self, snapshot: int, name: str) -> int:
        """Return how many customers a segment has (duplicate rows counted once)."""
        return sum(int((state.members[name] & state.alive).sum()) for state in self._blocks(snapshot))

    def events(self, snapshot: int) -> dict[str, list[str]]:
        """Return who had what happen since the snapshot before: event → CustomerIds.

        Events: ``joined, changed, withdrawn, moved, merged, erased``. Who merged away stands in the
        ``PreviousCustomerId`` of the one in ``merged``.
        """
        random = CounterRandom(self.seed)
        found: dict[str, list[str]] = {event: [] for event in EVENTS}
        for state in self._blocks(snapshot):
            for event, flags in state.last.items():
                found[event] += customer_ids(state.index[flags], random).to_pylist()
        return found

    def dirt_ids(self, kind: str) -> list[str]:
        """Return the customers of the first snapshot that have one kind of dirt (:data:`DIRT`)."""
        if not self.dirt:
            return []
        index = np.arange(DIRT[kind], self.customers, DIRT_PERIOD, dtype=np.uint64)
        return list(customer_ids(index, CounterRandom(self.seed)).to_pylist())

    @property
    def _joining_daily(self) -> int:
        return max(1, round(self.customers * self.rates.joined)) if self.rates.joined else 0

    def _blocks(self, snapshot: int) -> Iterator[BlockHistory]:
        """Yield the history of every block up to a snapshot."""
        if snapshot < 0:
            raise ValueError(f"snapshots count from 0, not {snapshot}")
        joining = self._joining_daily
        population = self.customers + snapshot * joining
        random = CounterRandom(self.seed)
        for start in range(0, population, BLOCK):
            index = np.arange(start, min(start + BLOCK, population), dtype=np.uint64)
            later = index.astype(np.int64) - self.customers
            joined_on = np.where(later < 0, 0, later // max(1, joining) + 1)
            yield block_history(
                index,
                joined_on=joined_on,
                snapshot=snapshot,
                random=random,
                rates=self.rates,
                shares=self.segments,
            )

    def _rows(self, state: BlockHistory) -> np.ndarray:
        """Return the places in a block that make rows: the living, some of them twice."""
        times = state.alive.astype(np.int64)
        if self.dirt:
            times[dirt_rows(state.index, "duplicate_row")] *= 2
        return np.repeat(np.arange(len(times)), times)
