"""Asks a person where a guard tripped, instead of stopping the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from segment_exports_airflow.markdown import as_code, as_text, table
from segment_exports_airflow.refresh_schedule import next_refresh
from segment_exports_airflow.steps import ExportStep, in_own_words
from segment_exports_airflow.task_log import in_words, reason_at_end, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.records.plan import Plan

WAITS_WITHOUT_SCHEDULE = timedelta(hours=24)


class GuardApprovalOperator(ExportStep, ApprovalOperator):
    """Return at once unless a guard of the plan tripped; then wait for a person's answer.

    Nobody's answer before the next refresh means no. A rejected run is red; ``settle_run`` sees to that.

    :param export: name of the definition.
    """

    def __init__(self, *, export: str, **kwargs: Any) -> None:
        kwargs.setdefault("subject", f"Guards of the export {export} tripped")
        # Told when it asks; without any, an execution_timeout would be taken for it.
        kwargs.setdefault("response_timeout", WAITS_WITHOUT_SCHEDULE)
        super().__init__(defaults=self.REJECT, **kwargs)
        self.export = export

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Ask, if there is something to ask; answer ``{"approved": …}``, or None if nothing was asked."""
        self.told_in_report(context, lambda: self._ask(context))
        return None

    def _ask(self, context: Context) -> None:
        from segment_exports.records.notes import approval
        from segment_exports.records.plan import planned
        from segment_exports.records.staging import RunFiles
        from segment_exports.settling.refused_file import write_refused

        run = self.files(context).store
        plan = planned(run)
        if plan.dry_run or not plan.may_be_approved:
            tell(self.log, "No guard tripped that a person may let pass: nobody is asked")
            approval.forget(run)
            return
        # The question names this file, which else is written when the run is settled, after the answer.
        write_refused(run)
        self.body = _question(plan, run.path(RunFiles.REFUSED))
        now = datetime.now(UTC)
        self.response_timeout = self._time_to_answer(now)
        approval.ask(run, plan, now=now, until=now + self.response_timeout)
        guards = (f"- {text}" for text in plan.tripped_guards)
        tell(self.log, "\n".join(["Asking a person, under Required Actions:", *guards]))
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Write the answer down for the report, and skip the rest of the run where it is no.

        :return: what was decided, and when; who it was stands in the report.
        """
        with reason_at_end(self, self.task_id):
            return in_own_words(lambda: self._keep_answer(context, event))

    def _keep_answer(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if "error" in event:
            super().execute_complete(context, event)
        # Before Airflow takes it in: where the rest is skipped, that comes as an exception.
        told = self._answered(context, event)
        tell(self.log, f"The answer: {in_words(told['decision'])}")
        super().execute_complete(context, event)
        return told

    def _answered(self, context: Context, answer: dict[str, Any]) -> dict[str, Any]:
        """Write down what was answered, and by whom; return what may be told of it."""
        from segment_exports.records.notes import approval
        from segment_exports.records.notes.approval import Decision
        from segment_exports.records.plan import planned

        run, at = self.files(context).store, answer["responded_at"]
        plan = planned(run)
        asked = approval.approval_of(run, plan) or approval.ask(run, plan, now=at, until=at)
        person = answer.get("responded_by_user") or {}
        decision = Decision.REJECTED
        if answer["chosen_options"] == [self.APPROVE]:
            decision = Decision.APPROVED
        elif answer.get("timedout") or not person:
            decision = Decision.NOT_ANSWERED
        by = person.get("name") or person.get("id")
        told = approval.answer(run, asked, decision, by=by, at=at)
        return told.model_dump(mode="json", include={"decision", "at"})

    def _time_to_answer(self, now: datetime) -> timedelta:
        refresh = self.definition.refresh
        return next_refresh(refresh, now) - now if refresh else WAITS_WITHOUT_SCHEDULE


def _question(plan: Plan, refused: str) -> str:
    from segment_exports.records.outcomes import counted

    reasons = "\n".join(f"- {as_text(text)}" for text in plan.tripped_guards)
    lists = [(one.title, str(one.held), str(one.joins), str(one.leaves - one.duties)) for one in plan.lists]
    duties = sum(one.contacts for one in plan.duty_chunks)
    return (
        f"The plan of this run trips a guard:\n\n{reasons}\n\n"
        f"It would send {counted(plan.operations.upsert, 'contact')}, with these joins and leaves:\n\n"
        f"{table(('list', 'members now', 'join', 'leave'), lists)}\n\n"
        f"{_of_duties(duties)}"
        f"Profiles that are invalid, each with its reason: {as_code(refused)}\n\n"
        "**Approve** sends it. **Reject**, or no answer before the next refresh, sends nothing."
    )


def _of_duties(count: int) -> str:
    from segment_exports.records.outcomes import counted

    if not count:
        return ""
    who = counted(count, "person who withdrew or was erased", "people who withdrew or were erased")
    return f"Taken off our lists before you were asked: {who}.\n\n"
