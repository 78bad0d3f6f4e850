"""``settle_run``: the end of a run, whatever became of it: ledger, history, report, refused file, purge."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.errors import (
    Advice,
    DamagedFileError,
    RunSupersededError,
    SegmentExportError,
    StagingError,
    UnforeseenError,
)
from segment_exports.records import lease as leasing
from segment_exports.records.lease import Lease
from segment_exports.records.notes import begun, losses
from segment_exports.records.notes.approval import approval_of
from segment_exports.records.outcomes import counted
from segment_exports.records.plan import Plan, planned
from segment_exports.records.problems import Reason, bounded_reasons, recorded_problems, what_stopped
from segment_exports.records.report import LimitUse, RunReport, RunState
from segment_exports.records.staging import RunFiles
from segment_exports.records.step_counts import RunCounts
from segment_exports.records.storing.trouble import in_words
from segment_exports.records.wait_record import kept_wait
from segment_exports.records.warnings import recorded_warnings
from segment_exports.settling.counting import Settlement, people_to_leave, standing_tombstones
from segment_exports.settling.forgetting import Forgotten, forget_in_books
from segment_exports.settling.history import write_run
from segment_exports.settling.history_term import purge_history
from segment_exports.settling.refused_file import write_refused
from segment_exports.settling.report_figures import RunFacts
from segment_exports.settling.report_writing import make_report
from segment_exports.settling.retention import purge_runs
from segment_exports.settling.settle_plan import (
    count_plan,
    has_receipts,
    is_settled,
    settle_plan,
    who_is_held_back,
)
from segment_exports.sieve.foreign import error_told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.staging import Store


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """What settling needs to know of the run from outside.

    :param failed_steps: tasks that failed, by name.
    :param agreement: who agreed to the transfer, when, and to which text.
    """

    staging: Store
    files: RunFiles
    definition: ExportDefinition
    account: str
    agreement: Mapping[str, str] | None
    list_ids: Mapping[str, str]
    failed_steps: tuple[str, ...]
    dry_run: bool
    started_at: datetime
    now: datetime


def settle_run(ending: Ending) -> RunReport:
    """Settle the run, write its report and its refused file, purge old runs, and release the lease."""
    store = ending.files.store
    plan = planned(store) if store.exists(RunFiles.PLAN) or has_receipts(store) else None
    counts, problems, warnings = _counts(store), recorded_problems(store), recorded_warnings(store)
    settlement, tombstones = Settlement(), standing_tombstones(ending.staging)
    if plan is not None:
        settlement, problem, warning = _settle(ending, plan, tombstones)
        problems |= {"settle_run": problem} if problem else {}
        warnings += [warning] if warning else []
    forgotten, untold = Forgotten(), list[str]()
    if not ending.dry_run:
        forgotten, untold = forget_in_books(ending.staging, ending.files, ending.definition.name, plan)
    if told := forgotten.told:
        log.info("Of erased people: %s", told)
    warnings += untold + _purge(ending)
    if plan is not None and counts is not None and plan.contacts.total + plan.over_limit != counts.contacts:
        # Mapped again after that plan, and not planned since: its figures are of other contacts.
        problems.setdefault(
            "plan_changes", Reason("the contacts are newer than the plan; clear the task plan_changes")
        )
        plan, settlement = None, Settlement()
    problems = _write_refused(ending, settlement) | problems
    report = make_report(
        RunFacts(
            definition=ending.definition,
            account=ending.account,
            run_id=ending.files.run,
            agreement=dict(ending.agreement) if ending.agreement else None,
            refresh=kept_wait(store),
            counts=counts,
            plan=plan,
            settlement=settlement,
            leaving=people_to_leave(ending.files, settlement) if plan is not None else 0,
            forgotten=forgotten,
            problems=problems,
            failed_steps=ending.failed_steps,
            approval=approval_of(store, plan) if plan is not None else None,
            dry_run=ending.dry_run,
            list_ids=ending.list_ids,
            settled_at=ending.now,
            run_seconds=(ending.now - ending.started_at).total_seconds(),
            warnings=tuple(warnings),
            unmended_losses=tuple(_unmended(ending.files.export, plan)),
        )
    )
    return _written_down(ending.files, report, ending.now, and_then=lambda: _release(ending, plan))


def _unmended(export: Store, plan: Plan | None) -> Iterator[str]:
    """Give the losses that a plan was to make up for and did not, and those of its own run, in words."""
    if plan is not None:
        names = {*plan.mends, losses.Loss.of_run(plan.run_id).name}
        yield from (one.told for one in losses.open_losses(export, plan.account) if one.name in names)


def report_unsettled(
    files: RunFiles,
    export: str,
    definition: ExportDefinition | None,
    error: Exception | Reason,
    *,
    failed_steps: tuple[str, ...],
    now: datetime,
) -> RunReport:
    """Write the report of a run that could not be settled: why, and none of its figures.

    Its receipts stay, so that the next run or a second settling folds them into the ledger.

    :param definition: None where it is gone or broken.
    :param error: what stopped the settling.
    """
    problems = _problems_known(files.store)
    told = error if isinstance(error, Reason) else _reason(error)
    if told.text not in [one.text for one in problems.values()]:
        problems["settle_run"] = told
    reasons = [*what_stopped(problems, failed_steps)]
    has_sent = _has_sent(files.store)
    if has_sent:
        reasons.append(
            Reason(
                "what was sent is not counted here; the next run counts it, and so does settle_run when it "
                "is cleared after this was mended",
                Advice.AS_SAID,
            )
        )
    kept = bounded_reasons(reasons)
    report = RunReport(
        export=export,
        run_id=files.run,
        settled_at=now.isoformat(),
        snapshot=None,
        state=RunState.FAILED if has_sent else RunState.STOPPED,
        red=True,
        red_reasons=tuple(one.text for one in kept),
        what_to_do=tuple(one.advice for one in kept),
        account=definition.destination.connection if definition else "unknown",
        limit=LimitUse(allowed=definition.limit.profiles if definition else 0, used=0),
    )
    return _written_down(files, report, now)


def where_written(files: RunFiles, report: RunReport) -> str:
    """Return where a report lies, or that it does not: one of an earlier settling may lie there."""
    path = files.store.path(RunFiles.REPORT)
    try:
        found = files.store.read_model(RunFiles.REPORT, RunReport)
    except (SegmentExportError, OSError):
        found = None
    is_this = found is not None and found.settled_at == report.settled_at
    return path if is_this else f"could not be written to {path}"


def _written_down(
    files: RunFiles, report: RunReport, now: datetime, *, and_then: Callable[[], None] = lambda: None
) -> RunReport:
    """Write report and history; where that fails, return the report with that reason, for the log."""
    try:
        files.store.write_bytes(RunFiles.REPORT, report.text().encode())
        write_run(files.export, report, now)
        and_then()
    except (SegmentExportError, OSError) as error:
        told = in_words(error, files.store.root)
        reasons = (*report.red_reasons, f"settle_run: the run could not be written down: {told}")
        advice = (*report.what_to_do, told.advice)
        return report.model_copy(update={"red": True, "red_reasons": reasons, "what_to_do": advice})
    return report


def _reason(error: Exception) -> Reason:
    if isinstance(error, SegmentExportError):
        return Reason.of(error)
    return Reason(f"{error_told(error)}; see its log", Advice.FAULT)


def _words_of(error: Exception) -> str:
    return str(error) if isinstance(error, SegmentExportError) else error_told(error)


def _has_sent(store: Store) -> bool:
    try:
        return bool(store.names("receipts"))
    except (StagingError, OSError):  # it can't be told, as the reasons say
        return False


def _problems_known(store: Store) -> dict[str, Reason]:
    try:
        return recorded_problems(store)
    except (
        StagingError,
        ValueError,
        OSError,
    ):  # then they may be what stopped the settling
        return {}


def _settle(
    ending: Ending, plan: Plan, tombstones: pa.FixedSizeBinaryArray
) -> tuple[Settlement, Reason | None, str | None]:
    """Settle the plan; return what became of it, and a problem or a warning if it was not written down."""
    files = ending.files
    try:
        if plan.fence is not None:
            lease = Lease(plan.fence, plan.run_id)
            leasing.confirm(files.export, lease)
            if begun.has_lost_receipts(files.export, lease):
                losses.note(files.export, [losses.Loss.of_run(plan.run_id)])
        settlement = settle_plan(files, plan, list_ids=ending.list_ids, now=ending.now, tombstones=tombstones)
    except RunSupersededError as error:
        settlement = count_plan(files, plan, tombstones)
        if is_settled(files, plan, settlement):
            return settlement, None, f"settled before, so the ledger was left as it is: {error}"
        return settlement, Reason.of(error), None
    except SegmentExportError as error:
        return _counted(files, plan, tombstones), Reason.of(error), None
    return settlement, None, None


def _counted(files: RunFiles, plan: Plan, tombstones: pa.FixedSizeBinaryArray) -> Settlement:
    try:
        return count_plan(files, plan, tombstones)
    except SegmentExportError:  # a receipt that can't be read, which the problem tells already
        return Settlement(held_back=who_is_held_back(files))


def _purge(ending: Ending) -> list[str]:
    """Purge old runs and history and return warnings; no trouble with them makes this run red."""
    if ending.dry_run:
        return []
    try:
        purged = purge_runs(ending.files.export, ending.definition.retention_days, ending.now)
        ended = purge_history(ending.files.export, ending.definition.history_days, ending.now)
    except Exception as error:  # noqa: BLE001 - an object store may raise anything
        return [f"old runs could not be purged, the next run tries again: {_words_of(error)}"]
    for count, what, days in (
        (len(purged.gone), "files", ending.definition.retention_days),
        (ended, "history", ending.definition.history_days),
    ):
        if count:
            log.info("Purged the %s of %s older than %s days", what, counted(count, "run"), days)
    for run_id, why in purged.kept.items():
        log.warning("Run %s is kept: %s", run_id, why)
    return []


def _write_refused(ending: Ending, settlement: Settlement) -> dict[str, Reason]:
    """Write the refused file; where that fails, return it as a problem: the report has its figures still."""
    try:
        rejected = {"rejected": settlement.rejected_now, "rejected before": settlement.rejected_before}
        write_refused(ending.files.store, rejected)
    except (SegmentExportError, pa.ArrowException, OSError) as error:
        told = UnforeseenError.of(error)
        log.error("The refused file could not be written", exc_info=told)  # noqa: TRY400 - without its words
        text, advice = _reason(error)
        return {"settle_run": Reason(f"{RunFiles.REFUSED} could not be written: {text}", advice)}
    return {}


def _counts(store: Store) -> RunCounts | None:
    try:
        return RunCounts.of(store)
    except DamagedFileError:
        raise
    except StagingError:  # it did not come so far
        return None


def _release(ending: Ending, plan: Plan | None) -> None:
    newest = leasing.current_lease(ending.files.export)
    if newest is not None and newest.run_id == ending.files.run and not (plan and plan.dry_run):
        leasing.release(ending.files.export, newest)
