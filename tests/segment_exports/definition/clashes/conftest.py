"""Folders of definitions that clash, and exports that ran."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from segment_exports.definition import load_definition
from segment_exports.records.ledger import LedgerFolder, LedgerInfo
from segment_exports.records.plan import (
    Comparison,
    Plan,
    PlannedContacts,
    PlannedLimit,
    PlannedList,
    PlannedOperations,
    PlanState,
    RequestEstimate,
)
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = 24 * 3600


@pytest.fixture
def aged(write: Callable[..., Path]) -> Callable[..., Path]:
    """Write a definition that was edited so many days ago."""

    def aged(file: str, days: int, text: str | None = None, more: str = "") -> Path:
        path = write(text, file=file, more=more)
        time = 1_790_000_000 - days * DAY
        os.utime(path, (time, time))
        return path

    return aged


@pytest.fixture
def staging(tmp_path: Path) -> Store:
    (tmp_path / "staging").mkdir()
    return Store.local(tmp_path / "staging")


@pytest.fixture
def ran(staging: Store, tmp_path: Path) -> Callable[..., None]:
    """Leave the ledger of a run that delivered a definition as its file is now, so many days ago."""

    def ran(path: Path, days: int = 1, members: int = 1) -> None:
        definition = load_definition(path)
        titles = [one.title for one in definition.lists]
        export = staging.sub(definition.name)
        account = definition.destination.connection
        info = LedgerInfo(
            export=definition.name,
            account=account,
            sequence=1,
            run_id="run_1",
            written_at="2026-09-01T05:00:00+00:00",
            secret_fingerprint="secret",
            mapping_fingerprint=definition.mapping_fingerprint,
            membership=definition.destination.membership.kind,
            snapshots={},
            lists={one.title: one.list_id or "" for one in definition.lists},
            members={},
            addresses=0,
        )
        row = {"email_hash": bytes(16), "member_of": titles, "uncertain_of": [], "suppressed": False}
        with LedgerFolder(export, definition.name, account).writing(info) as writer:
            writer.write(pa.Table.from_pylist([row] * members, schema=LEDGER))
        (marker,) = (tmp_path / "staging" / definition.name / "accounts").glob("*")
        time = 1_790_000_000 - days * DAY
        os.utime(marker, (time, time))

    return ran


@pytest.fixture
def planned(staging: Store) -> Callable[..., None]:
    """Leave the plan of a first run that puts people on the lists of a definition."""

    def planned(path: Path, *, dry_run: bool = False, account: str | None = None) -> None:
        definition = load_definition(path)
        plan = Plan(
            export=definition.name,
            account=account or definition.destination.connection,
            run_id="run_1",
            state=PlanState.READY,
            planned_at="2026-09-01T05:00:00+00:00",
            fence=1,
            base_sequence=0,
            dry_run=dry_run,
            comparison=Comparison.FIRST,
            comparison_why=None,
            mapping_fingerprint=definition.mapping_fingerprint,
            secret_fingerprint="secret",
            membership=definition.destination.membership,
            requests_per_second=5.0,
            snapshots={},
            over_limit=0,
            contacts=PlannedContacts(total=1, due=1),
            operations=PlannedOperations(upsert=1, join=1),
            lists=tuple(
                PlannedList(
                    title=one.title,
                    list_id=None,
                    held=0,
                    joins=1,
                    added=1,
                    leaves=0,
                    whole=True,
                    filled=False,
                )
                for one in definition.lists
            ),
            limit=PlannedLimit(scope="export", allowed=10, used=1),
            least_requests=RequestEstimate({"list": 2}),
            tripped_guards=(),
            red_reasons=(),
            warnings=(),
        )
        run = RunFiles(staging.sub(definition.name), "run_1")
        run.store.write_json(RunFiles.PLAN, plan.model_dump(mode="json"))

    return planned
