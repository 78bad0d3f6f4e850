"""What a plan starts from: the ledger that counts, the counts of the run, and the rules that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_exports.definition import LimitScope
from segment_exports.errors import LedgerError, StagingError
from segment_exports.planning.earlier_refusals import refusals_of_run
from segment_exports.planning.lists.titles_now import ids_of_lists
from segment_exports.planning.profile_limit import other_ledgers
from segment_exports.planning.rules import Rules
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import counted
from segment_exports.records.plan import RETRY_REJECTED_AFTER
from segment_exports.records.staging import RunFiles
from segment_exports.records.step_counts import RunCounts
from segment_exports.records.tables.schemas import CONTACTS
from segment_exports.records.tombstones import TOMBSTONES, erased_hashes
from segment_exports.settings.names import LEDGER_SECRET
from segment_exports.settling.usable_ledger import usable_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.lease import Lease
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.notes.losses import Loss
    from segment_exports.records.plan import RunOptions
    from segment_exports.records.refusals import Reading, Refusals
    from segment_exports.records.staging import Store


@dataclass(frozen=True)
class PlanRequest:
    """All that a plan depends on.

    :param staging: the staging root, which holds the ledgers of the account's other exports.
    :param account: id of the destination's connection.
    :param lease: None in a dry run.
    :param now: the present (UTC).
    :param unasked: the schedule or an event began the run, and no person.
    :param list_ids: ids of the lists that we made in the account, by title.
    :param connection_fingerprint: of the connection as it is now.
    :param ledger: what the contacts are compared with, where that isn't the export's newest one.
    """

    staging: Store
    files: RunFiles
    definition: ExportDefinition
    account: str
    hasher: KeyedHasher
    options: RunOptions
    lease: Lease | None
    requests_per_second: float
    now: datetime
    unasked: bool = False
    list_ids: Mapping[str, str] = field(default_factory=dict)
    connection_fingerprint: str = ""
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Beginning:
    """What was found before planning.

    :param warnings: what was doubtful.
    :param losses: what is lost and not made up for.
    :param mends: those of ``losses`` that the run makes up for once all is done that it plans.
    """

    warnings: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    mends: tuple[Loss, ...] = ()


NOTHING_FOUND = Beginning()


@dataclass(frozen=True)
class PlanBasis:
    """All that is known before contacts are compared.

    :param others: ledgers of the account's other exports, where the limit counts them.
    :param erased: sorted keyed hashes of addresses and customer ids of erased people.
    :param superseded: segments whose snapshot is older than the ledger's.
    :param refusals: who gives no permission, after this run's rows were judged.
    :param implausible: the sentence of a guard where they are not believed.
    :param membership_kind: ``list`` or ``field``: memberships of one say nothing of the other.
    :param list_ids: ids of the lists of definition and ledger by title, empty where none is known.
    """

    request: PlanRequest
    counts: RunCounts
    ledger: Ledger
    others: tuple[Ledger, ...]
    erased: pa.FixedSizeBinaryArray
    refusals: Refusals
    implausible: str | None
    superseded: tuple[str, ...]
    membership_kind: str
    list_ids: Mapping[str, str]
    rules: Rules
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, request: PlanRequest) -> PlanBasis:
        """Read ledger and counts of a run.

        :raises LedgerError: the ledger can't be believed, or tombstones are lost or of another secret.
        :raises StagingError: the contacts were hashed with another secret than the ledger is, or judged by
            another permission.
        """
        counts = RunCounts.of(request.files.store)
        ledger = (
            request.ledger
            or usable_ledger(
                request.files.export,
                request.definition.name,
                request.account,
                request.hasher,
                request.options,
            )[0]
        )
        _require_own_secret(request)
        _require_own_rule(request, counts)
        erased = erased_hashes(request.staging, request.hasher)
        _require_tombstones(request, ledger, len(erased))
        others, warnings = _ledgers_that_count(request)
        superseded = _superseded_segments(request, counts, ledger)
        kind = request.definition.destination.membership.kind
        refusals = refusals_of_run(request.files, counts, request.definition, request.hasher, ledger)
        rules = _rules(request, counts, ledger, superseded, kind, refusals.standing)
        return cls(
            request=request,
            counts=counts,
            ledger=ledger,
            others=others,
            erased=pa.array(sorted(erased), HASH_TYPE),
            refusals=refusals.standing,
            implausible=refusals.implausible,
            superseded=superseded,
            membership_kind=kind,
            list_ids=ids_of_lists(request.definition, request.list_ids, ledger.info),
            rules=rules,
            warnings=(
                *warnings,
                *refusals.doubts,
                *told_of_other_kind(ledger, kind),
            ),
        )

    @property
    def reading(self) -> Reading:
        """What the run judged."""
        return self.counts.reading(self.request.definition.segment_names)

    @property
    def refused_elsewhere(self) -> npt.NDArray[np.uint64]:
        """Who must not be taken for allowed (:meth:`.Refusals.against`), whatever this run read of them.

        Where its permission isn't believed that is everybody who refused, also if a person lets it pass.
        """
        if self.implausible is not None:
            return np.unique(self.refusals.keys)
        return self.refusals.against(self.reading)

    @property
    def all_superseded(self) -> bool:
        """Whether no segment of the run is at least as new as the ledger."""
        return set(self.counts.snapshots) <= set(self.superseded)


def _require_own_secret(request: PlanRequest) -> None:
    with request.files.store.parquet_file(RunFiles.CONTACTS, CONTACTS.names) as file:
        first = next(file.iter_batches(1, columns=["email_hash", "email"], use_threads=False), None)
    if first is not None and len(first):
        row = first.to_pylist()[0]
        if row["email_hash"] != request.hasher.text(row["email"]):
            raise StagingError(
                f"{request.files.store.path(RunFiles.CONTACTS)} was hashed with another {LEDGER_SECRET} "
                f"than is set now; clear the task map_profiles"
            )


def told_of_other_kind(ledger: Ledger, kind: str) -> tuple[str, ...]:
    """Return a warning where the ledger's memberships are not of the kind that is kept now."""
    if ledger.info is None or ledger.info.membership == kind:
        return ()
    return (
        f"membership was kept as {ledger.info.membership} and is kept as {kind} from now on: everybody joins "
        f"anew, and the memberships kept as {ledger.info.membership} stay as they are, also those of people "
        f"who leave or withdraw their permission after this run",
    )


def _require_own_rule(request: PlanRequest, counts: RunCounts) -> None:
    if counts.consent_fingerprint not in (None, request.definition.consent_fingerprint):
        raise StagingError(
            f"permission or segments of {request.definition.name} were changed after {RunFiles.CONTACTS} of "
            f"this run was written: its people were judged by what was asked before. Clear map_profiles with "
            f"what follows, or extract where the segments or the permission's attribute are others now"
        )


def _require_tombstones(request: PlanRequest, ledger: Ledger, count: int) -> None:
    known = ledger.info.tombstones if ledger.info else 0
    if count < known and not request.options.full_resync:
        raise LedgerError(
            f"tombstones of erased people are lost: {counted(known, 'was', 'were')} known when the ledger of "
            f"{request.definition.name} was written, and {counted(count, 'is', 'are')} left in "
            f"{request.staging.path(TOMBSTONES)}. Restore them, or erase the same people again; where they "
            f"were taken away on purpose, trigger a run with full_resync"
        )


def _ledgers_that_count(request: PlanRequest) -> tuple[tuple[Ledger, ...], tuple[str, ...]]:
    if request.definition.limit.scope is not LimitScope.DESTINATION:
        return (), ()
    ledgers, warnings = [], []
    for name, ledger in other_ledgers(request.staging, request.account, request.definition.name):
        if ledger.info is not None and ledger.info.secret_fingerprint == request.hasher.fingerprint:
            ledgers.append(ledger)
        else:
            warnings.append(
                f"the ledger of export {name} was written with another {LEDGER_SECRET}; its addresses "
                f"are not counted to the limit"
            )
    return tuple(ledgers), tuple(warnings)


def _superseded_segments(request: PlanRequest, counts: RunCounts, ledger: Ledger) -> tuple[str, ...]:
    if ledger.info is None or request.options.force:
        return ()
    newest = {name: datetime.fromisoformat(time) for name, time in ledger.info.snapshots.items()}
    return tuple(
        name
        for name, time in counts.snapshots.items()
        if name in newest and datetime.fromisoformat(time) < newest[name]
    )


def _rules(
    request: PlanRequest,
    counts: RunCounts,
    ledger: Ledger,
    superseded: tuple[str, ...],
    kind: str,
    refusals: Refusals,
) -> Rules:
    definition, options, info = request.definition, request.options, ledger.info
    segments = [one for one in definition.segment_names if one in counts.snapshots]
    titles = tuple(dict.fromkeys([*(target.title for target in definition.lists), *ledger.titles]))
    read_whole = {one for one in segments if counts.whole[one] and one not in superseded}
    own = {title: {one.name for one in definition.segments if one.list == title} for title in titles}
    changed = info is not None and info.mapping_fingerprint != definition.mapping_fingerprint
    is_full = counts.reading(definition.segment_names).is_full
    refusals_known = refusals.complete_for == definition.consent_fingerprint
    retrying = options.retry_rejected or options.full_resync or changed
    return Rules(
        titles=titles,
        lists_of_segments={one: definition.list_of(one) for one in segments},
        superseded=superseded,
        whole=np.array([bool(own[title]) and own[title] <= read_whole for title in titles], np.bool_),
        remove_leavers=definition.removes_leavers,
        all_whole=read_whole == set(definition.segment_names),
        unsubscribe_withdrawn=definition.when_permission_withdrawn == "unsubscribe",
        move_addresses=definition.when_email_changes == "move",
        send_all=options.full_resync,
        only_known=definition.permission is not None and not (is_full and refusals_known),
        judges_all=is_full,
        refusals_known=refusals_known,
        memberships_known=info is None or info.membership == kind,
        retry_before=None if retrying else request.now - RETRY_REJECTED_AFTER,
        retry_suppressed=options.retry_rejected,
    )
