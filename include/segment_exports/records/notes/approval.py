"""What a person was asked of a run's plan, and what they decided: ``approval.json`` of the run.

It counts for the plan that they were asked about, and for no other: a run that is planned anew asks anew.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segment_exports.records.storing.damage import ASIDE

if TYPE_CHECKING:
    from datetime import datetime

    from segment_exports.records.plan import Plan
    from segment_exports.records.staging import Store

_NOTE = "approval.json"


class Decision(StrEnum):
    """What came of a question. Only the first one lets a plan pass."""

    APPROVED = "approved"
    REJECTED = "rejected"
    NOT_ANSWERED = "not_answered"
    WAITING = "waiting"


class Approval(BaseModel):
    """A question on a plan that guards hold back, and its answer. Times are ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    planned_at: str | None = Field(default=None, description="When the plan was made that it is about.")
    asked_at: str | None = None
    until: str | None = Field(default=None, description="Without an answer by then it is a no.")
    guards: tuple[str, ...] = Field(default=(), description="What tripped, in words.")
    upserts: int = Field(default=0, description="Contacts that would be sent.")
    joins: int = Field(default=0, description="Joins that would be sent.")
    leaves: int = Field(
        default=0,
        description="Leaves that would be sent; those of people who withdrew or were erased wait "
        "for no answer, and are not counted.",
    )
    decision: Decision = Field(
        description="`not_answered`: no answer in time, so it is a no. `waiting`: the run ended without one."
    )
    by: str | None = Field(default=None, description="Who answered, as Airflow calls them.")
    at: str | None = Field(default=None, description="When it was answered.")

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_version(cls, told: Any) -> Any:
        if not (isinstance(told, dict) and "approved" in told):
            return told
        decision = Decision.APPROVED if told["approved"] is True else Decision.REJECTED
        return {"decision": decision, "by": told.get("by"), "at": told.get("at")}

    @property
    def is_given(self) -> bool:
        """Whether the plan may be sent."""
        return self.decision is Decision.APPROVED


def ask(run: Store, plan: Plan, *, now: datetime, until: datetime) -> Approval:
    """Write down that a person is asked of a plan."""
    duties = sum(one.duties for one in plan.lists)
    asked = Approval(
        planned_at=plan.planned_at,
        asked_at=now.isoformat(),
        until=until.isoformat(),
        guards=plan.tripped_guards,
        upserts=plan.operations.upsert,
        joins=plan.operations.join,
        leaves=sum(one.leaves for one in plan.lists) - duties,
        decision=Decision.WAITING,
    )
    return _keep(run, asked)


def answer(run: Store, asked: Approval, decision: Decision, *, by: str | None, at: datetime) -> Approval:
    """Write down what was decided."""
    return _keep(run, asked.model_copy(update={"decision": decision, "by": by, "at": at.isoformat()}))


def forget(run: Store) -> None:
    """Take back what was asked before: of this plan nothing is asked."""
    run.remove(_NOTE)


def approval_of(run: Store, plan: Plan) -> Approval | None:
    """Return what was asked of a plan, and decided; None where nobody was asked of this one.

    :raises StagingError: the note can't be believed.
    """
    if not run.exists(_NOTE):
        return None
    found = run.read_model(_NOTE, Approval, advice=ASIDE)
    return found if found.planned_at in (None, plan.planned_at) else None


def _keep(run: Store, approval: Approval) -> Approval:
    run.write_json(_NOTE, approval.model_dump(mode="json"))
    return approval
