"""``plan.json``: what a run is going to do, decided before the first request.

The plan is the only thing that chunking, uploading and settling believe; they never ask the definition
again, which may have changed since.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, RootModel

from segment_exports.errors import Advice, StagingError
from segment_exports.records.problems import Reason
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.file_names import is_cut, text_of

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_WITHOUT_A_PLAN = (
    "Restore it from a backup. Else: if nothing was uploaded yet, clear plan_changes with what follows; if "
    "something was, move the folder of that run away and trigger a run with reconcile, which reads back what "
    "it sent"
)
RETRY_REJECTED_AFTER = timedelta(days=7)
"""How long a contact that was refused is held back, unless its data or the mapping change."""


class PlanState(StrEnum):
    """What the plan comes to."""

    READY = "ready"
    NOTHING_DUE = "nothing_due"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"


class Comparison(StrEnum):
    """Against what the contacts were compared."""

    FIRST = "first"
    CHANGES = "changes"
    FULL = "full"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedContacts(_Model):
    """Contacts of the run by what is due; ``total`` is the sum of the others.

    ``superseded`` wait since their segment's snapshot is older, ``unjudged`` since a row that was not read
    may give no permission for their address. ``gone`` were erased, or
    refused, after they were mapped.
    """

    total: int = 0
    unchanged: int = 0
    due: int = 0
    refused_before: int = 0
    suppressed_before: int = 0
    superseded: int = 0
    unjudged: int = 0
    gone: int = 0


class PlannedOperations(_Model):
    """Operations that are due."""

    upsert: int = 0
    join: int = 0
    leave: int = 0


class PlannedList(_Model):
    """One list: ``held`` memberships before the run, what changes, and whether it was read whole.

    ``added`` are those joins whose member wasn't held before: the others are sent again. ``duties`` are
    those leaves whose people withdrew or were erased. ``filled``: the list once got all members of its
    segments.
    """

    title: str
    list_id: str | None
    held: int
    joins: int
    added: int
    leaves: int
    whole: bool
    filled: bool
    duties: int = 0


class PlannedLimit(_Model):
    """The profile limit; ``used`` counts distinct addresses, this run's included."""

    scope: str
    allowed: int
    used: int


class RequestEstimate(RootModel[dict[str, int]]):
    """The least number of requests by way of keeping membership; the account's rate turns it into time.

    The first way is the one that is reckoned with where none is decided.
    """

    model_config = ConfigDict(frozen=True)

    def of(self, way: str) -> int:
        """Return the estimate of a way, or of the first one where that way has none of its own."""
        return self.root.get(way, next(iter(self.root.values())))


@dataclass(frozen=True)
class PlannedWork:
    """What a plan is made of, for those who reckon what it costs at a destination.

    ``places`` counts an upsert, or as many entries in batches as a contact joins lists. ``rows`` are all
    people with something due, ``nameless`` those of them who are no contacts;
    ``earlier_contacts`` are contacts to look at that people were under other addresses.
    """

    rows: int
    upserts: int
    joins: int
    leaves: int
    unsubscribes: int
    places: int
    nameless: int
    earlier_contacts: int


@dataclass(frozen=True)
class ChunkReference:
    """What an upload task is given: which chunk file, its fingerprint, and how much is in it."""

    number: int
    fingerprint: str
    contacts: int
    requests: int

    def to_json(self) -> dict[str, Any]:
        """Return the reference as JSON values, for XCom."""
        return asdict(self)


class Plan(_Model):
    """The whole plan of one run. ``fence`` is None in a dry run, which takes no lease.

    ``destination`` is the type of destination; plans that were made before there was a choice have none.
    ``connection_fingerprint`` names address and key of the connection; empty in older plans.
    ``exceeded_limit`` says what is over the profile limit, ``unjudged_permission`` why the permission says
    nothing of anybody: nobody can let either pass. ``duty_chunks`` hold the leaves of people who
    withdrew or were erased. They are the first chunks, and are sent whatever the state.
    ``all_whole``: every segment of the definition was read whole. ``tombstones`` counts those that stood,
    ``new_tombstones`` those of them that the ledger before does not know of.
    ``mends`` names the losses (:mod:`segment_exports.records.notes.losses`) that it makes up for once all is
    done that it has.
    """

    export: str
    account: str
    destination: str | None = None
    run_id: str
    state: PlanState
    planned_at: str
    fence: int | None
    base_sequence: int
    dry_run: bool
    comparison: Comparison
    comparison_why: str | None
    mapping_fingerprint: str
    secret_fingerprint: str
    connection_fingerprint: str = ""
    membership: str
    requests_per_second: float
    snapshots: dict[str, str]
    over_limit: int
    all_whole: bool = False
    tombstones: int = 0
    new_tombstones: int = 0
    mends: tuple[str, ...] = ()
    contacts: PlannedContacts
    operations: PlannedOperations
    lists: tuple[PlannedList, ...]
    limit: PlannedLimit
    least_requests: RequestEstimate
    tripped_guards: tuple[str, ...]
    red_reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    exceeded_limit: str | None = None
    unjudged_permission: str | None = None
    duty_chunks: tuple[ChunkReference, ...] = ()

    @property
    def may_be_approved(self) -> bool:
        """Whether only guards hold the plan back, so that a person can let it pass."""
        must_be_mended = self.exceeded_limit is not None or self.unjudged_permission is not None
        return self.state is PlanState.STOPPED and not must_be_mended

    @property
    def stopped_by(self) -> tuple[Reason, ...]:
        """Sentences on what holds the plan back, each with what kind of thing that is."""
        return (
            *(
                _kind("permission", text, Advice.PERMISSION)
                for text in filter(None, [self.unjudged_permission])
            ),
            *(_kind("guard", text, Advice.GUARD) for text in self.tripped_guards),
            *(_kind("limit", text, Advice.LIMIT) for text in filter(None, [self.exceeded_limit])),
        )

    def is_stopped(self, *, approved: bool) -> bool:
        """Tell whether nothing is sent but duties, with this answer of a person."""
        return self.state is PlanState.STOPPED and not (approved and self.may_be_approved)

    def least_seconds(self, way: str) -> int:
        """Return the least time (whole seconds) at the account's rate, by one way of keeping membership."""
        return round(self.least_requests.of(way) / self.requests_per_second)


def _kind(name: str, text: str, advice: Advice) -> Reason:
    return Reason(f"{name}: {text}", advice)


def planned(run: Store) -> Plan:
    """Return the plan of a run.

    :raises StagingError: there is none, or it can't be believed.
    """
    return run.read_model(RunFiles.PLAN, Plan, advice=_WITHOUT_A_PLAN)


def files_of_runs(export: Store) -> list[RunFiles]:
    """Return the files of all runs; where nothing tells a run's id, the name of its folder stands for it."""
    names = [name for name in export.names("runs") if text_of(name) is not None or is_cut(name)]
    return [RunFiles(export, _run_in(export.sub(f"runs/{name}"), name), name) for name in names]


def _run_in(folder: Store, name: str) -> str:
    run_id = text_of(name)
    with suppress(StagingError):  # not planned yet, or damaged
        run_id = planned(folder).run_id if run_id is None else run_id
    return name if run_id is None else run_id


@dataclass(frozen=True)
class RunOptions:
    """What an operator chose in the trigger form, or nothing.

    ``full_resync`` ignores what the ledger knows to be delivered; with ``reconcile`` it also confirms that
    a lost ledger is to be made anew. ``retry_rejected`` sends what was refused before, and asks again for
    those who unsubscribed under an earlier address. ``force`` sends a snapshot older than the ledger's.
    ``reconcile`` reads back first who is on the lists.
    """

    dry_run: bool = False
    full_resync: bool = False
    retry_rejected: bool = False
    force: bool = False
    reconcile: bool = False

    @property
    def makes_anew(self) -> bool:
        """Whether what is lost may be made anew: all is sent, and who must leave is looked for."""
        return self.full_resync and self.reconcile
