"""What was found of people who were named, as data: what ``--json`` writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Known:
    """A contact as the ledger of an account has it.

    :param known_as: which of the names it is (``address, line 1``, ``CustomerId, line 2``), or another.
    :param contact_id: its id at the destination, where that was told.
    :param has_data: its fields were delivered, as far as is known.
    :param on_lists: lists that it was put on, acknowledged.
    :param maybe_on: lists that it may be on: a request was never answered.
    :param seen_on: lists on which others put it.
    :param refused_at: when the destination refused it last (UTC), for ``refused_why``.
    :param is_suppressed: it stands on the destination's own list of people who get no mail.
    :param last_sent_at: when something was sent of it last that was acknowledged (UTC).
    """

    known_as: str
    contact_id: str | None
    has_data: bool
    on_lists: tuple[str, ...]
    maybe_on: tuple[str, ...]
    seen_on: tuple[str, ...]
    refused_at: datetime | None
    refused_why: str | None
    is_suppressed: bool
    last_sent_at: datetime | None = None


@dataclass(frozen=True)
class Operation:
    """One row of ``history/operations``, with its columns (docs/history.md)."""

    known_as: str
    account: str
    run_id: str
    recorded_at: datetime | None
    operation: str
    list: str | None
    outcome: str
    reason: str | None
    http_status: int | None
    attempts: int | None


@dataclass(frozen=True)
class Refused:
    """A line of ``refused.csv``."""

    segment: str
    field: str
    reason: str
    kind: str


@dataclass(frozen=True)
class InRun:
    """What the files of one run hold.

    :param files: rows of theirs, by file.
    :param withheld: reasons why the run left them out.
    """

    run_id: str
    files: dict[str, int]
    withheld: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class InExport:
    """What one export knows.

    :param accounts: by the connection of an account, whom its newest ledger holds.
    :param refusals: snapshots of the segments (ISO 8601) in which they gave no permission.
    :param searched: how many ledgers, runs in the history, and runs with files were looked through.
    :param under_way: the run that may be sending, of which the history has nothing yet.
    :param problem: why not all could be looked through.
    """

    accounts: dict[str, tuple[Known, ...]] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    refusals: tuple[dict[str, str], ...] = ()
    runs: tuple[InRun, ...] = ()
    searched: dict[str, int] = field(default_factory=dict)
    under_way: str | None = None
    problem: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether anything was found."""
        return bool(any(self.accounts.values()) or self.operations or self.refusals or self.runs)


@dataclass(frozen=True)
class Found:
    """What is known of all who were named.

    :param staging: the root of the staging that was searched.
    :param addresses: how many were named, beside ``customer_ids``.
    :param erased: which of the names were erased, and when (ISO 8601, UTC; None where that isn't told).
    :param to_be_deleted: accounts (connections) at which some of them are still to be deleted.
    :param unknown: which of the names nothing at all is known of.
    """

    staging: str
    addresses: int
    customer_ids: int
    erased: dict[str, str | None]
    to_be_deleted: tuple[str, ...]
    unknown: tuple[str, ...]
    exports: dict[str, InExport]

    @property
    def contact_ids(self) -> frozenset[str]:
        """Ids of their contacts at destinations."""
        known = (one for export in self.exports.values() for held in export.accounts.values() for one in held)
        return frozenset(one.contact_id for one in known if one.contact_id)

    @property
    def is_whole(self) -> bool:
        """Whether all could be looked through."""
        return not any(one.problem for one in self.exports.values())
