"""Carries a course of steps out: at the source's files, at the account, with the real tasks of an export."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, refresh_time
from tests.search.knowledge import Reading
from tests.search.promises import Promises
from tests.search.source import Source
from tests.search.steps import (
    LISTS,
    SEGMENTS,
    Cleared,
    Corrected,
    Deleted,
    Erased,
    Lost,
    Refuses,
    Rules,
    Run,
    SignsUp,
    Step,
    TakenOff,
    Unsubscribed,
)
from tests.segment_exports.books_agree import require_books_agree

from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.notes import approval
from segment_exports.records.notes.approval import Decision
from segment_exports.records.plan import PlanState, planned
from segment_exports.records.staging import RunFiles, Store
from segment_exports.refresh.snapshot_choice import choose_snapshots
from segment_exports_airflow.operators.export import ChunkChangesOperator
from segment_exports_airflow.run_form import read_form
from segment_exports_airflow.source_access import open_source
from segment_exports_airflow.steps import definition_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest
    from tests.faults.export_run import RunResult
    from tests.search.watched_account import WatchedAccount

LENIENT = {
    "stop_above_invalid": 1.0,
    "stop_above_added": 1.0,
    "stop_above_removed": 1.0,
    "red_above_rejected": 1.0,
    "min_count": 1000,
}
STRICT = LENIENT | {"stop_above_removed": 0.0, "min_count": 0}


class AskingExport(RunningExport):
    """An export where a person is asked when a guard trips, and answers as the run says."""

    asks = False
    approved = True

    def context(self, run_id: str, params: dict[str, Any], task_id: str, map_index: int = -1) -> Any:
        found = super().context(run_id, params, task_id, map_index)
        found["ti"].xcom_pull = lambda task_ids: {"approved": True} if self._is_asked(run_id) else None
        return found

    def _is_asked(self, run_id: str) -> bool:
        plan = planned(self.files(run_id).store)
        return self.asks and plan.may_be_approved and not plan.dry_run

    def _wait_for_refresh(
        self, run_id: str, params: dict[str, Any], between_looks: Any
    ) -> list[dict[str, Any]]:
        """Choose the snapshot as the sensor does, without its checks: they take a third of a run's time."""
        definition = definition_of(self.name)
        source, request = open_source(definition), read_form(definition, params)
        snapshots = choose_snapshots(
            source, request.segments, not_before=None, before=None, as_of=request.as_of
        )
        return [unit.to_json() for unit in source.read_units(snapshots)]

    def _chunk(self, run_id: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        chunks = []
        if self._is_asked(run_id):
            store, now = self.files(run_id).store, datetime.now(UTC)
            decision = Decision.APPROVED if self.approved else Decision.REJECTED
            asked = approval.ask(store, planned(store), now=now, until=now)
            approval.answer(store, asked, decision, by="Nora Öz", at=now)
        if self.approved or not self._is_asked(run_id):  # Airflow skips what follows a no
            operator = ChunkChangesOperator(task_id="t", export=self.name)
            chunks = self._try("chunk_changes", run_id, params, operator.execute)
        duties = planned(self.files(run_id).store).duty_chunks
        return [*(one.to_json() for one in duties), *chunks]


class Course:
    """One source, one export, one account, and what is promised."""

    def __init__(
        self,
        folder: Path,
        watched: WatchedAccount,
        monkeypatch: pytest.MonkeyPatch,
        rules: Rules,
        held: frozenset[str] = frozenset(),
    ) -> None:
        self.stand = watched.stand
        self.stand.reset()
        self.stand.join_in_upserts()
        watched.deeds.clear()
        self.watched = watched
        self.way = self.stand.usual_way if rules.membership not in self.stand.ways else rules.membership
        self.source = Source()
        self.promises = Promises(rules, self.stand, held=held)
        self.export = AskingExport(folder, self.stand, monkeypatch, _definition(rules))
        self.export.asks = rules.guards == "ask"
        self.lake = LakeFolder(self.export.lake)
        self.hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
        self.last: tuple[Run, Reading, str] | None = None

    def take(self, steps: Iterable[Step]) -> Course:
        """Do steps one after the other, each followed by every check."""
        for step in steps:
            self._do(step)
        return self

    def _do(self, step: Step) -> None:
        match step:
            case Run():
                self._run(step)
            case Cleared():
                self._clear()
            case Lost(what, segments):
                self._lose(what, segments)
            case Erased(person, address, customer):
                self._erase(person, address=address, customer=customer)
            case Corrected() | Unsubscribed() | Deleted() | SignsUp() | TakenOff() | Refuses():
                self._by_hand(step)
            case _:
                self.source.change(step)

    # By hand

    def _by_hand(self, step: Step) -> None:
        if isinstance(step, Refuses):
            bad = self.stand.refused
            self.stand.refuse(bad | {step.address} if step.refuses else bad - {step.address})
            self.promises.gave_up(step.address)
        elif isinstance(step, SignsUp):
            if self.stand.person(step.address) is None:
                self.stand.staff.add_contact(step.address)
        elif contact := self.stand.person(step.address):
            self._to_contact(step, contact.id)

    def _to_contact(self, step: Step, contact: str) -> None:
        staff = self.stand.staff
        known = self.promises.ours.get(contact)
        concerned = [step.address, *([known.address] if known else [])]
        match step:
            case Corrected(_, to) if self.stand.person(to) is None:
                staff.change_email(contact, to)
                if self._is_somebody_elses(to, contact):
                    self.promises.gave_up(*concerned, to)
            case Unsubscribed():
                staff.unsubscribe(contact)
            case Deleted():
                staff.delete_contact(contact)
                self.promises.gave_up(*concerned)
            case TakenOff(_, segment) if LISTS[segment] in self.stand.lists_of(contact):
                self.stand.take_off(LISTS[segment], contact, self.way)
                self.promises.gave_up(*concerned)

    def _is_somebody_elses(self, address: str, contact: str) -> bool:
        """Staff gave a contact the address of another one of ours: whose it is nobody can know."""
        known = self.promises.ours.get(contact)
        rows = [one for one in self.source.profiles.values() if one.EMail == address]
        return known is None or any(one.CustomerId not in known.ids for one in rows)

    def _erase(self, person: str, *, address: bool, customer: bool) -> None:
        profile = self.source.profiles.get(person)
        emails = [profile.EMail] if profile and address and "@" in profile.EMail else []
        ids = [person] if customer else []
        if not emails + ids:
            return  # the command refuses a list that names nobody
        erase(
            Store.local(self.export.staging),
            self.hasher,
            emails=emails,
            customer_ids=ids,
            now=datetime.now(UTC),
        )
        self.promises.knowledge.erased |= {*emails, *ids}

    # Runs

    def _run(self, run: Run) -> None:
        if self.source.refresh():
            number = len(self.source.snapshots)
            self.lake.write(number, self.source.snapshots[-1])
        reading = self._reading(run)
        self.export.approved = run.approved
        erased = set(self.promises.knowledge.erased)
        result = self.export.run(
            settle=run.settled,
            before_upload=lambda: run.erased and self._erase(run.erased, address=True, customer=True),
            **self._params(run, reading),
        )
        self.last = (run, reading, result.run_id)
        self._hold(run, reading, result, erased=erased)

    def _lose(self, what: str, segments: tuple[str, ...]) -> None:
        """Lose the ledger, or the last run's files, and repair that: first by a part, if that is asked."""
        if self.last is None:
            return
        run, _, run_id = self.last
        export = self.export.files(run_id).export
        if what == "ledger" and export.exists("ledger"):
            export.remove("ledger")
        elif what == "run" and not run.settled and not run.dry_run:
            export.remove(f"runs/{run_id}")
        else:
            return
        self.promises.lost()
        for part in (segments, ()) if segments else ((),):
            self._run(Run(segments=part, full_resync=what == "ledger", reconcile=True))

    def _clear(self) -> None:
        """Clear the uploads of the last run, if it planned something."""
        if self.last is None:
            return
        run, reading, run_id = self.last
        if not self.export.files(run_id).store.exists(RunFiles.PLAN) or run.dry_run:
            return
        result = self.export.clear_upload(run_id, **self._params(run, reading))
        self._hold(run, reading, result, erased=None)

    def _reading(self, run: Run) -> Reading:
        number = max(1, len(self.source.snapshots) - run.back)
        chosen = [one for one in SEGMENTS if not run.segments or one in run.segments]
        rows = {one: self.source.snapshots[number - 1][one] for one in chosen}
        return Reading.of(number, rows, is_sample=run.sample is not None)

    def _params(self, run: Run, reading: Reading) -> dict[str, Any]:
        asked = {
            "segments": list(run.segments),
            "sample": run.sample,
            "snapshot": refresh_time(reading.number).isoformat() if run.back else None,
        }
        names = ("force", "dry_run", "full_resync", "reconcile", "retry_rejected")
        return asked | {name: getattr(run, name) for name in names}

    def _hold(self, run: Run, reading: Reading, result: RunResult, *, erased: set[str] | None) -> None:
        """Check everything.

        :param erased: who was erased before the plan; None where uploads of an earlier plan were cleared.
        """
        files = self.export.files(result.run_id)
        exists = files.store.exists(RunFiles.PLAN)
        plan = planned(files.store) if exists else None
        deeds, self.watched.deeds[:] = list(self.watched.deeds), []
        is_approved = self.export.asks and run.approved
        is_sent = plan is not None and not plan.contacts.superseded and not result.errors
        is_sent &= plan is not None and (
            plan.state in (PlanState.READY, PlanState.NOTHING_DUE)
            or (plan.state is PlanState.STOPPED and is_approved)
        )
        is_judged = plan is not None and plan.state is not PlanState.SUPERSEDED and erased is not None
        self.promises.hold(
            run,
            reading,
            deeds,
            erased=(erased or set()) if is_judged else None,
            is_done=is_sent and is_judged,
        )
        if result.report is not None:
            require_books_agree(files)
        # A snapshot that no run has seen while it was the newest may be refused.
        unexpected = [one for one in result.errors if not one.startswith("SourceError: ")]
        assert not unexpected or run.erased or erased is None, unexpected


def _definition(rules: Rules) -> dict[str, Any]:
    guards = LENIENT if rules.guards == "lenient" else STRICT
    return {
        "destination": {"membership": rules.membership},
        "segments": [{"name": name, "list": title} for name, title in LISTS.items()],
        "mapping": {"Email": "EMail", "FirstName": "FirstName", "LastName": "LastName"},
        "permission": {"attribute": "Subscriber", "equals": "Yes"},
        "when_member_leaves": rules.leavers,
        "when_email_changes": rules.emails,
        "when_permission_withdrawn": rules.withdrawn,
        "guards": guards | {"when_tripped": "ask" if rules.guards == "ask" else "stop"},
    }
