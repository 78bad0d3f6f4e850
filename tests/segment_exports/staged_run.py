"""Stages runs of one export without a source or a destination: contacts in, receipts as told, report out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.segment_exports.books_agree import require_books_agree

from segment_exports.definition import ExportDefinition
from segment_exports.planning.basis import PlanRequest
from segment_exports.planning.chunk_changes import chunk_changes
from segment_exports.planning.plan_run import plan_run
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import LedgerFolder
from segment_exports.records.notes import approval
from segment_exports.records.notes.approval import Decision
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import Plan, RunOptions
from segment_exports.records.receipts import ReceiptFolder, Tally, chunk_fingerprint, planned_operations
from segment_exports.records.refusals import Reading, RefusalFolder
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK, CONTACTS, INVALID, RECEIPT, WITHHELD
from segment_exports.settling.settle_run import Ending, settle_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from segment_exports.records.report import RunReport

ACCOUNT = "autopilot_default"
START = datetime(2026, 11, 1, 5, tzinfo=UTC)
LEDGERS_SECRET = "a secret of the tests alone"
"""Hashes decide the order of rows, and so what befalls whom in a run that is disturbed by a seed."""
HASHER = KeyedHasher(LEDGERS_SECRET)


def definition_of(**changes: Any) -> ExportDefinition:
    """Return an export of two segments, each with its own list, without guards that trip."""
    return ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": "lake"},
            "destination": {"connection": ACCOUNT},
            "segments": ["A", "B"],
            "mapping": {"Email": "EMail"},
            "guards": {
                "stop_above_added": 1.0,
                "stop_above_removed": 1.0,
                "stop_above_invalid": 1.0,
                "min_count": 10**6,
            },
        }
        | changes
    )


@dataclass(frozen=True)
class Person:
    """One contact of a run; ``version`` makes its payload."""

    email: str
    customer: str
    segments: tuple[str, ...] = ("A",)
    version: int = 0
    previous: tuple[str, ...] = ()

    @property
    def payload(self) -> str:
        return json.dumps({"Email": self.email, "Version": self.version}, separators=(",", ":"))


@dataclass
class Stage:
    """One export's staging; runs follow each other.

    ``store`` is the staging root where it is no folder. ``hasher`` is the one that plans. The destination
    shows ``members`` by the id of their list, and ``flags`` by the title of the list whose field they have.
    ``made`` are the ids of the lists that we made there, by title.
    """

    folder: Path
    definition: ExportDefinition = field(default_factory=definition_of)
    store: Store | None = None
    account: str = ACCOUNT
    hasher: KeyedHasher = HASHER
    alive: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    existing: Callable[[Sequence[str]], int] = len
    members: dict[str, list[str]] = field(default_factory=dict)
    flags: dict[str, list[str]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    @property
    def staging(self) -> Store:
        return self.store or Store.local(self.folder)

    @property
    def export(self) -> Store:
        return self.staging.sub(self.definition.name)

    @property
    def ledgers(self) -> LedgerFolder:
        return LedgerFolder(self.export, self.definition.name, self.account)

    def run(self, number: int, export: str | None = None) -> Run:
        files = RunFiles(self.staging.sub(export or self.definition.name), f"run_{number:03d}")
        return Run(self, files, START + timedelta(days=number))

    def ledger_rows(self) -> dict[bytes, dict[str, Any]]:
        with self.ledgers.latest().opened() as file:
            rows = file.read().to_pylist() if file else []
        return {row["email_hash"]: row for row in rows}

    def known(self, email: str) -> dict[str, Any]:
        return self.ledger_rows()[HASHER.text(email)]


@dataclass
class Run:
    """One run and the steps it has done."""

    stage: Stage
    files: RunFiles
    now: datetime

    def read(
        self,
        people: Iterable[Person],
        *,
        withheld: Iterable[Person] = (),
        invalid: Iterable[str] = (),
        snapshot: datetime | None = None,
        segments: Sequence[str] = ("A", "B"),
        whole: bool = True,
        older: Sequence[str] = (),
        unjudged: str | None = None,
    ) -> Run:
        """Write what extract and map would have left.

        The snapshot of ``older`` segments is the first day's. ``unjudged``: the permission says nothing.
        """
        invalid = list(invalid)
        people, withheld, earlier = self._judge(people, withheld, snapshot, segments, older, whole=whole)
        _write_sorted(self.files, RunFiles.CONTACTS, CONTACTS, [_contact_row(one) for one in people])
        gone = [
            {
                "email_hash": HASHER.text(one.email),
                "customer_hash": HASHER.text(one.customer),
                "reason": "permission_refused" if one in withheld else "permission_refused_earlier",
                "email": one.email,
            }
            for one in (*withheld, *earlier)
        ]
        _write_sorted(self.files, RunFiles.WITHHELD, WITHHELD, gone)
        with self.files.store.parquet_writer(RunFiles.INVALID, INVALID) as writer:
            rows = [
                {"segment": "A", "row": 1, "customer_id": one, "field": "Email", "reason": "missing"}
                | {"withdrawn": False, "silent": False}
                for one in invalid
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=INVALID))
        counts = {name: sum(name in one.segments for one in people) for name in segments}
        snapshots = self._snapshots(snapshot, segments, older)
        self.files.store.write_json(
            RunFiles.extract("all"),
            {
                "unit": "all",
                "segments": {
                    name: {
                        "read": counts[name],
                        "snapshot": snapshots[name],
                        "whole": whole,
                    }
                    for name in segments
                },
                "seconds": 1.0,
            },
        )
        read = len(people) + len(withheld) + len(earlier) + len(invalid)
        self.files.store.write_json(
            RunFiles.MAP,
            {
                "profiles": {
                    "read": read,
                    "invalid": len(invalid),
                    "withheld": len(withheld) + len(earlier),
                    "merged": 0,
                    "merged_same_customer": 0,
                    "merged_same_address": 0,
                    "contacts": len(people),
                },
                "segments": {
                    name: {
                        "read": counts[name],
                        "contacts": counts[name],
                        "permission": {"yes": counts[name], "empty": 0, "other": len(withheld)},
                    }
                    for name in segments
                },
                "seconds": 1.0,
                "unjudged_permission": unjudged,
            },
        )
        with self.files.store.parquet_writer(RunFiles.UNJUDGED, WITHHELD):
            pass
        return self

    def _snapshots(
        self, snapshot: datetime | None, segments: Sequence[str], older: Sequence[str]
    ) -> dict[str, str]:
        at = (snapshot or self.now).isoformat()
        return {name: START.isoformat() if name in older else at for name in segments}

    def _judge(
        self,
        people: Iterable[Person],
        withheld: Iterable[Person],
        snapshot: datetime | None,
        segments: Sequence[str],
        older: Sequence[str],
        *,
        whole: bool,
    ) -> tuple[list[Person], list[Person], list[Person]]:
        """Return who is allowed, withheld, and withheld for a refusal that stands, as mapping would."""
        judged = dict.fromkeys(segments, whole)
        reading = Reading.of(
            self._snapshots(snapshot, segments, older), judged, self.stage.definition.segment_names
        )
        standing = RefusalFolder(self.files.export, self.stage.hasher.fingerprint).latest().against(reading)

        def refused(one: Person) -> bool:
            known = (one.email, one.customer, *one.previous)
            return any(int.from_bytes(HASHER.text(text)[:8]) in standing for text in known)

        people = list(people)
        earlier = [one for one in people if refused(one)]
        return [one for one in people if one not in earlier], list(withheld), earlier

    def request(self, *, unasked: bool = False, **options: Any) -> PlanRequest:
        return PlanRequest(
            staging=self.stage.staging,
            files=self.files,
            definition=self.stage.definition,
            account=self.stage.account,
            hasher=self.stage.hasher,
            options=RunOptions(**options),
            lease=None,
            requests_per_second=5.0,
            now=self.now,
            unasked=unasked,
            list_ids=self.stage.made,
        )

    def plan(self, *, unasked: bool = False, **options: Any) -> Plan:
        return plan_run(
            self.request(unasked=unasked, **options),
            is_alive=self.stage.alive.__contains__,
            have_sent=self.stage.sent,
            reader=_Reader(self.stage),
        )

    def chunks(self, *, approved: bool = False) -> list[pa.Table]:
        plan = Plan.model_validate(self.files.store.read_json(RunFiles.PLAN))
        if approved:
            self.answer(approved=True)
        references = [*plan.duty_chunks, *chunk_changes(self.files)]
        return [self.chunk(one.number) for one in references]

    def chunk(self, number: int) -> pa.Table:
        with self.files.store.parquet_file(self.files.chunk(number)) as file:
            return file.read().cast(CHUNK)

    def deliver(
        self,
        outcome: Callable[[dict[str, Any], str, str | None], Outcome | None] = lambda *_: Outcome.DELIVERED,
        *,
        contact_id: Callable[[str], str] = lambda email: f"person_{email}",
        reason: Callable[[str], str] = lambda operation: "as the test says",
        ended: bool = True,
        numbers: Sequence[int] | None = None,
    ) -> Run:
        """Write receipts as an upload would; ``outcome`` gets (row, operation, list), None writes none."""
        names = self.files.store.names("chunks")
        for number in numbers or [int(name.removesuffix(".parquet")) for name in names]:
            self._deliver_chunk(number, outcome, contact_id, reason, ended=ended)
        return self

    def _deliver_chunk(self, number: int, outcome: Any, contact_id: Any, reason: Any, *, ended: bool) -> None:
        chunk = self.chunk(number)
        rows = chunk.to_pylist()
        receipts = ReceiptFolder(self.files.store, number, chunk_fingerprint(self.files.store, number))
        attempt = receipts.begin(self.now.isoformat())
        told = []
        recreated = set()
        # Leaves first, as the delivery does it.
        due = sorted(planned_operations(chunk).to_pylist(), key=_comes_later)
        for operation in due:
            row = rows[operation["row"]]
            fate = outcome(row, operation["operation"], operation["list"])
            if fate is None:
                continue
            delivered = fate is Outcome.DELIVERED and operation["operation"] != "leave"
            answered = contact_id(row["email"]) if delivered else None
            if operation["operation"] == "upsert" and answered and row["contact_id"] not in (None, answered):
                # Made anew under another id: what it was a member of is due again.
                recreated.add(operation["row"])
                lost = [title for title in row["member_of"] if title not in row["joins"]]
                due += [operation | {"operation": "join", "list": title} for title in lost]
            row["contact_id"] = answered or row["contact_id"]
            told.append(
                operation
                | {
                    "outcome": fate.value,
                    "contact_id": answered,
                    "recreated": operation["row"] in recreated,
                    "reason": None if fate is Outcome.DELIVERED else reason(operation["operation"]),
                    "http_status": 200,
                    "attempts": 1,
                    "at": self.now,
                }
            )
        tally = Tally(total=len(told), membership="list", ended=ended)
        receipts.write(attempt, 1, pa.Table.from_pylist(told, schema=RECEIPT), tally)

    def answer(self, *, approved: bool) -> None:
        """Let a person answer, as the step does that asks."""
        plan = Plan.model_validate(self.files.store.read_json(RunFiles.PLAN))
        asked = approval.ask(self.files.store, plan, now=self.now, until=self.now + timedelta(hours=1))
        decision = Decision.APPROVED if approved else Decision.REJECTED
        approval.answer(self.files.store, asked, decision, by="maria", at=self.now)

    def settle(self, *, failed_steps: tuple[str, ...] = (), approved: bool | None = None) -> RunReport:
        if approved is not None:
            self.answer(approved=approved)
        plan = self.files.store.read_json(RunFiles.PLAN) if self.files.store.exists(RunFiles.PLAN) else {}
        report = settle_run(
            Ending(
                staging=self.stage.staging,
                files=self.files,
                definition=self.stage.definition,
                account=self.stage.account,
                agreement=None,
                list_ids=self.stage.made,
                failed_steps=failed_steps,
                dry_run=bool(plan.get("dry_run")),
                started_at=self.now - timedelta(minutes=1),
                now=self.now,
            )
        )
        require_books_agree(self.files)
        return report

    def whole(self, people: Iterable[Person], **read: Any) -> RunReport:
        """Do a whole run in which everything is delivered."""
        self.read(people, **read).plan()
        self.chunks()
        return self.deliver().settle()


@dataclass(frozen=True)
class _Reader:
    stage: Stage

    def members(self, list_id: str) -> list[list[tuple[str, str | None]]]:
        return [[(one, one.removeprefix("person_")) for one in self.stage.members.get(list_id, [])]]

    def flagged(self, titles: Sequence[str]) -> list[list[tuple[str, str | None, list[str]]]]:
        shown = {
            one: [title for title in titles if one in self.stage.flags.get(title, ())]
            for one in dict.fromkeys(one for people in self.stage.flags.values() for one in people)
        }
        return [[(one, one.removeprefix("person_"), on) for one, on in shown.items() if on]]

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        return self.stage.existing(contact_ids)


def _comes_later(operation: dict[str, Any]) -> bool:
    return operation["operation"] != "leave"


def _contact_row(person: Person) -> dict[str, Any]:
    return {
        "email_hash": HASHER.text(person.email),
        "email": person.email,
        "customer_id": person.customer,
        "customer_hash": HASHER.text(person.customer),
        "previous_customer_hashes": [HASHER.text(one) for one in person.previous],
        "segments": list(person.segments),
        "payload": person.payload,
        "payload_hash": HASHER.text(person.payload),
    }


def _write_sorted(files: RunFiles, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["email_hash"]), schema=schema)
    with files.store.parquet_writer(name, schema) as writer:
        writer.write_table(table)


def operations(chunks: Iterable[pa.Table]) -> dict[tuple[str, str, str | None], int]:
    """Return how often each (who, operation, list) stands in the chunks.

    Who is the email, and of people who are no contacts the id if it is known.
    """
    found: dict[tuple[str, str, str | None], int] = {}
    for chunk in chunks:
        rows = chunk.to_pylist()
        for one in planned_operations(chunk).to_pylist():
            row = rows[one["row"]]
            by_email = row["is_contact"] or not row["contact_id"]
            key = (row["email" if by_email else "contact_id"], one["operation"], one["list"])
            found[key] = found.get(key, 0) + 1
    return found
