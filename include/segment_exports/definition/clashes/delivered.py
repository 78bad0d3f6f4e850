"""What runs of an export have delivered to its account: the evidence of who had a claim first.

It is asked only where definitions clash or one can't be read. It is the same for every process that sees
the staging, whatever was copied, cloned or edited when.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from segment_exports.definition.clashes.claims import Kind
from segment_exports.definition.segment_targets import folded_title
from segment_exports.errors import own_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.definition.clashes.claims import Claim
    from segment_exports.definition.model import ExportDefinition
    from segment_exports.records.ledger import LedgerInfo
    from segment_exports.records.plan import Plan
    from segment_exports.records.staging import Store

LATER_THAN_ALL = datetime.max.replace(tzinfo=UTC)


class Standing(IntEnum):
    """How well an export's runs prove a claim of its definition."""

    NEW = 0
    PLANNED = 1
    """It delivered nothing yet, but a run of it has planned to, and may wait for a person."""
    OTHERWISE = 2
    """It delivered to the account, but nothing proves that it was this: the claim may be an edit."""
    BEFORE = 3
    """It wrote this list once, and holds nobody on it."""
    DELIVERS = 4


@dataclass(frozen=True)
class Delivered:
    """What one export delivered to the account that its definition names.

    ``lists`` are titles and ids of lists, ``filled`` those of lists that people were put on, ``mappings`` the
    fingerprints of mappings that were delivered, ``since`` when it delivered first; ``planned`` tells that it
    didn't yet, but a run is about to. ``trouble`` tells why nobody knows. Where its definition can't be read,
    ``holds`` has account, title and id (or nothing) of the lists that people were put on, and nothing else is
    known.
    """

    lists: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    mappings: frozenset[str] = frozenset()
    since: datetime | None = None
    planned: bool = False
    holds: frozenset[tuple[str, str, str]] = frozenset()
    trouble: str | None = None

    def standing(self, claim: Claim, definition: ExportDefinition) -> Standing:
        """Return how well this proves a claim of a definition."""
        if self.trouble is not None:
            return Standing.OTHERWISE
        if self.since is None:
            return Standing.PLANNED if self.planned else Standing.NEW
        if claim.list is None:
            same = definition.mapping_fingerprint in self.mappings
            return Standing.DELIVERS if same else Standing.OTHERWISE
        return next(
            (level for level, names in self._lists() if _is_among(claim, names)),
            Standing.OTHERWISE,
        )

    def _lists(self) -> Iterator[tuple[Standing, frozenset[str]]]:
        yield Standing.DELIVERS, self.filled
        yield Standing.BEFORE, self.lists


Evidence: TypeAlias = Callable[[str, "ExportDefinition | None"], Delivered]
"""Tells what was delivered for an export by its name and definition, None where that can't be read."""

NOTHING = Delivered()


def delivered_in(staging: Callable[[], Store]) -> Evidence:
    """Return what tells of the exports of a staging root; whatever can't be read is told as trouble.

    :param staging: opens the root; called only where something is asked.
    """
    known: dict[str, set[str]] = {}

    def delivered(name: str, definition: ExportDefinition | None) -> Delivered:
        try:
            root = staging()
            if name not in known.setdefault("exports", set(root.names())):
                return NOTHING
            return _holding(root.sub(name), name) if definition is None else _read(root, definition)
        except Exception as error:  # noqa: BLE001 - the definitions are loaded all the same
            return Delivered(trouble=str(own_words(error)))

    return delivered


def in_time(evidence: Evidence, seconds: float) -> Evidence:
    """Return evidence that takes no longer than so many seconds in all: what comes later is told as trouble.

    For whoever must not be held up by a staging that hangs, as Airflow's reading of DAG files.
    """
    left = [seconds]

    def delivered(name: str, definition: ExportDefinition | None) -> Delivered:
        found = list[Delivered]()
        asking = threading.Thread(target=lambda: found.append(evidence(name, definition)), daemon=True)
        begun = time.monotonic()
        if left[0] > 0:
            asking.start()
            asking.join(left[0])
            left[0] -= time.monotonic() - begun
        return found[0] if found else Delivered(trouble=f"the staging didn't tell within {seconds:g} s")

    return delivered


def _read(root: Store, definition: ExportDefinition) -> Delivered:
    from segment_exports.records.ledger import LedgerFolder

    export, account = root.sub(definition.name), definition.destination.connection
    ledgers = LedgerFolder(export, definition.name, account)
    info, first = ledgers.latest().info, ledgers.first_written()
    plans = [plan for plan in _under_way(export) if plan.account == account]
    begun = [datetime.fromisoformat(plan.planned_at) for plan in plans]
    times = [time for time in (first, *begun) if time is not None]
    if info is None and not times:
        return Delivered(planned=_is_planned(export, account))
    return Delivered(
        lists=frozenset(_lists_of(info, plans)),
        filled=frozenset(_filled(info, plans)),
        mappings=frozenset([*(plan.mapping_fingerprint for plan in plans), *_mapping_of(info)]),
        since=min(times, default=LATER_THAN_ALL),
    )


def _holding(export: Store, name: str) -> Delivered:
    """Return what an export's runs hold in whatever account."""
    from segment_exports.records.ledger import newest_ledgers

    told = [ledger.info for ledger in newest_ledgers(export, name) if ledger.info]
    held = [
        (info.account, title, list_id)
        for info in told
        for title, list_id in info.lists.items()
        if info.members.get(title)
    ]
    joined = [
        (plan.account, one.title, one.list_id or "")
        for plan in _under_way(export)
        for one in plan.lists
        if one.joins or one.held
    ]
    return Delivered(holds=frozenset([*held, *joined]), since=LATER_THAN_ALL if held or joined else None)


def _lists_of(info: LedgerInfo | None, plans: list[Plan]) -> Iterator[str]:
    for title, list_id in info.lists.items() if info else ():
        yield from filter(None, (title, list_id))
    yield from _planned(plans)


def _filled(info: LedgerInfo | None, plans: list[Plan]) -> Iterator[str]:
    for title, list_id in info.lists.items() if info else ():
        if info and info.members.get(title):
            yield from filter(None, (title, list_id))
    yield from _planned(plans)


def _planned(plans: list[Plan]) -> Iterator[str]:
    for one in (one for plan in plans for one in plan.lists if one.joins or one.held):
        yield from filter(None, (one.title, one.list_id))


def _mapping_of(info: LedgerInfo | None) -> list[str]:
    return [info.mapping_fingerprint] if info else []


def _under_way(export: Store) -> Iterator[Plan]:
    """Give the plans of runs that began to send and are not settled: they have no ledger yet."""
    from segment_exports.records.notes.begun import runs_begun
    from segment_exports.records.plan import planned
    from segment_exports.records.staging import RunFiles

    for lease in runs_begun(export):
        run = RunFiles(export, lease.run_id)
        if run.store.exists(RunFiles.PLAN):
            yield planned(run.store)


def _is_planned(export: Store, account: str) -> bool:
    """Return whether a run has planned to deliver, and hasn't ended."""
    from segment_exports.records.plan import files_of_runs, planned
    from segment_exports.records.staging import RunFiles

    for run in files_of_runs(export):
        if run.store.exists(RunFiles.PLAN) and not run.store.exists(RunFiles.REPORT):
            plan = planned(run.store)
            if plan.account == account and not plan.dry_run:
                return True
    return False


def _is_among(claim: Claim, names: frozenset[str]) -> bool:
    if claim.kind is Kind.TAG:
        return claim.key in {folded_title(one) for one in names}
    return claim.list in names or (claim.kind is Kind.LIST_ID and claim.key in names)
