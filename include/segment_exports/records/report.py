"""``report.json``: the account of one run. Its model enforces the identities of the design.

profiles.read  = invalid + withheld + merged + over_limit + contacts.total
contacts.total = unchanged + delivered + rejected + suppressed + failed + not_sent
operations.planned = delivered + rejected + suppressed + failed + not_sent   for upsert, join, leave
operations.join    = the sum over the lists
operations.leave   = the sum over the lists + unsubscribes
"""

from __future__ import annotations

import json
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segment_exports.records.notes.approval import Approval  # noqa: TC001 - pydantic needs it
from segment_exports.records.outcomes import Operation
from segment_exports.records.wait_record import WaitRecord  # noqa: TC001 - pydantic needs it
from segment_exports.records.warnings import bounded


class RunState(StrEnum):
    """What a run came to. Which of them are red: see ``red_reasons`` of the report."""

    DELIVERED = "delivered"
    NOTHING_CHANGED = "nothing_changed"
    DRY_RUN = "dry_run"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    FAILED = "failed"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentCounts(_Model):
    """One segment: profiles ``read``, at which snapshot (ISO 8601, UTC), and whether all of them."""

    read: int
    snapshot: str | None = None
    whole: bool | None = None


class MergedCounts(_Model):
    """Why rows were folded into another row's contact."""

    same_customer: int = Field(default=0, description="The same CustomerId in several segments or rows.")
    same_address: int = Field(default=0, description="Different customers behind one address.")


class ProfileCounts(_Model):
    """Profiles that map_profiles saw, and what became of those that are no contacts."""

    read: int = 0
    invalid: int = 0
    withheld: int = 0
    merged: int = 0
    over_limit: int = 0
    merged_why: MergedCounts = MergedCounts()


class ContactCounts(_Model):
    """Contacts by outcome; the worst of a contact's operations decides."""

    total: int = 0
    unchanged: int = 0
    delivered: int = 0
    rejected: int = 0
    suppressed: int = 0
    failed: int = 0
    not_sent: int = 0

    @model_validator(mode="after")
    def _adds_up(self) -> ContactCounts:
        parts = {name: count for name, count in self if name != "total"}
        if self.total != sum(parts.values()):
            raise ValueError(f"contacts.total is {self.total}, but its parts are {parts}")
        return self


class OperationCounts(_Model):
    """Operations of one kind; ``planned`` is the sum of the others, those added while sending included."""

    planned: int = 0
    delivered: int = 0
    rejected: int = 0
    suppressed: int = 0
    failed: int = 0
    not_sent: int = 0

    @model_validator(mode="after")
    def _adds_up(self) -> OperationCounts:
        parts = {name: count for name, count in self if name != "planned"}
        if self.planned != sum(parts.values()):
            raise ValueError(f"{self.planned} operations were planned, but their outcomes are {parts}")
        return self


class RequestCounts(_Model):
    """Requests to the destination over all attempts of all upload tasks."""

    total: int = 0
    throttled: int = 0
    retried: int = 0
    least: int | None = Field(default=None, description="The least number that the plan needs in this mode.")
    least_seconds: int | None = Field(default=None, description="The time that takes at the account's rate.")


class Seconds(_Model):
    """Time spent; ``upload`` is the sum over the upload tasks, ``run`` from the run's start to its report."""

    extract: float = 0.0
    map: float = 0.0
    upload: float = 0.0
    run: float = 0.0


class LimitUse(_Model):
    """The profile limit and how much of it is used."""

    scope: str | None = None
    allowed: int
    used: int


class RejectedCounts(_Model):
    """Contacts in ``refused.csv``: refused anything in this run, or ``before`` and not asked again."""

    new: int = 0
    before: int = 0


class ErasureCounts(_Model):
    """What was done about erased people, of whom no more than keyed hashes (tombstones) is kept."""

    tombstones: int = Field(default=0, description="Erased addresses, and forms of CustomerIds.")
    new: int = Field(default=0, description="Those of them that the run before did not know.")
    withheld: int = Field(
        default=0, description="Addresses that the source has still, and that were left out."
    )
    leaving: int = Field(default=0, description="Erased people who were on our lists, or may have been.")
    left: int = Field(default=0, description="Those of them who are off all our lists since.")
    not_sent: int = Field(default=0, description="Operations on people who were erased after the plan.")
    forgotten: int = Field(default=0, description="Rows taken out of ledgers, history and refusals.")
    waiting: int = Field(
        default=0, description="Contacts that stay in the ledger until they left their lists."
    )

    @model_validator(mode="after")
    def _adds_up(self) -> ErasureCounts:
        if not (self.left <= self.leaving and self.new <= self.tombstones):
            raise ValueError(
                f"of {self.leaving} erased people on lists {self.left} have left, of "
                f"{self.tombstones} tombstones {self.new} are new"
            )
        return self


class ListCounts(_Model):
    """One list: what this run did to it, and the memberships that the ledger holds before and after.

    ``held_after`` is null where the run wrote no ledger. In a dry run all that is planned stands under
    ``operations`` as not sent.
    """

    list_id: str | None = Field(
        description="Null where there is no list: it was not made yet, or membership is a field."
    )
    held_before: int
    held_after: int | None = None
    joins: int = Field(description="Joins that the destination acknowledged.")
    leaves: int = Field(description="Leaves that the destination acknowledged.")
    operations: dict[Operation, OperationCounts] = Field(
        description="What became of the joins and leaves that were planned, and of those added while sending."
    )

    @model_validator(mode="after")
    def _is_what_was_done(self) -> ListCounts:
        done = {kind: counts.delivered for kind, counts in self.operations.items()}
        told = {Operation.JOIN: self.joins, Operation.LEAVE: self.leaves}
        if done != told:
            raise ValueError(f"joins and leaves are {told}, but delivered were {done}")
        return self


class RunReport(_Model):
    """The account of one run; schema in ``docs/run-report.schema.json``."""

    export: str
    run_id: str
    settled_at: str | None = Field(default=None, description="When the run was settled, ISO 8601 in UTC.")
    snapshot: str | None = Field(description="Newest snapshot delivered, ISO 8601 in UTC.")
    state: RunState
    red: bool
    red_reasons: tuple[str, ...] = ()
    what_to_do: tuple[str, ...] = Field(
        default=(), description="What a person does about each of the red reasons, in their order."
    )
    warnings: tuple[str, ...] = ()
    account: str
    agreement: dict[str, str] | None = Field(default=None, description="Who agreed to the transfer, when.")
    approval: Approval | None = Field(
        default=None, description="What a person was asked since a guard tripped; null where nobody was."
    )
    refresh: WaitRecord | None = Field(
        default=None, description="What the run waited for; null where an older snapshot was asked for."
    )
    comparison: str | None = None
    comparison_why: str | None = None
    membership: str | None = Field(default=None, description="The way membership was kept.")
    membership_notes: tuple[str, ...] = ()
    segments: dict[str, SegmentCounts] = {}
    profiles: ProfileCounts = ProfileCounts()
    contacts: ContactCounts = ContactCounts()
    rejected: RejectedCounts = RejectedCounts()
    erasures: ErasureCounts = ErasureCounts()
    recreated: int = 0
    operations: dict[Operation, OperationCounts] = {operation: OperationCounts() for operation in Operation}
    unsubscribes: OperationCounts = Field(
        default=OperationCounts(), description="Those of operations.leave that unsubscribe: of no list."
    )
    lists: dict[str, ListCounts] = {}
    requests: RequestCounts = RequestCounts()
    seconds: Seconds = Seconds()
    limit: LimitUse

    @field_validator("red_reasons", "warnings", "membership_notes")
    @classmethod
    def _without_data(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return bounded(texts)

    @model_validator(mode="after")
    def _adds_up(self) -> RunReport:
        profiles = self.profiles
        gone = profiles.invalid + profiles.withheld + profiles.merged + profiles.over_limit
        if profiles.read != gone + self.contacts.total:
            raise ValueError(
                f"profiles.read is {profiles.read}, but invalid + withheld + merged + over_limit is {gone} "
                f"and contacts.total is {self.contacts.total}"
            )
        return self

    @model_validator(mode="after")
    def _has_advice_for_each_reason(self) -> RunReport:
        if self.what_to_do and len(self.what_to_do) != len(self.red_reasons):
            raise ValueError(
                f"{len(self.red_reasons)} reasons, but what to do stands there {len(self.what_to_do)} times"
            )
        return self

    @model_validator(mode="after")
    def _lists_add_up(self) -> RunReport:
        of_no_list = {Operation.JOIN: OperationCounts(), Operation.LEAVE: self.unsubscribes}
        for kind, other in of_no_list.items():
            whole = self.operations.get(kind, OperationCounts())
            parts = [other, *(one.operations[kind] for one in self.lists.values())]
            for name, count in whole:
                if count != (told := sum(getattr(part, name) for part in parts)):
                    raise ValueError(f"operations.{kind}.{name} is {count}, but its lists come to {told}")
        return self

    def text(self) -> str:
        """Return the report as it lies in ``report.json``."""
        return self.model_dump_json(indent=2) + "\n"


def schema_text() -> str:
    """Return the JSON Schema of the report as it lies in ``docs/``."""
    return json.dumps(RunReport.model_json_schema(mode="serialization"), indent=2) + "\n"
