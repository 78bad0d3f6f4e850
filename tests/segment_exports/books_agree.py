"""Holds the books of a settled run against each other: report, refused file, history and ledger.

It reads files only, so that it can be asked after any run, however that was made and ended.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from segment_exports.errors import LedgerError
from segment_exports.records.ledger import Ledger, LedgerFolder
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.plan import Plan
from segment_exports.records.receipts import read_receipts, settle
from segment_exports.records.report import RunReport
from segment_exports.records.staging import RunFiles
from segment_exports.settling.history import operations_file

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

    Rows = list[dict[str, Any]]

ANSWERS = (Outcome.DELIVERED, Outcome.REJECTED, Outcome.SUPPRESSED, Outcome.FAILED)


def require_books_agree(files: RunFiles) -> None:
    """Raise AssertionError, with words, where two books of a settled run tell different things of it."""
    report = RunReport.model_validate_json(files.store.read_bytes(RunFiles.REPORT))
    if not files.store.exists(RunFiles.REFUSED):
        assert report.red, "it could not be settled, and must say why"
        return
    refused = _refused(files.store)
    _require_reasons(refused)
    _require_equal("refused.csv, invalid", len(refused["invalid"]), len(_rows(files.store, RunFiles.INVALID)))
    _require_equal("rejected.new and refused.csv", report.rejected.new, len(refused["rejected"]))
    _require_equal("rejected.before and refused.csv", report.rejected.before, len(refused["rejected before"]))
    named = report.rejected.new + report.rejected.before - report.contacts.rejected
    assert 0 <= named <= report.contacts.failed + report.contacts.not_sent, (
        f"{report.contacts.rejected} contacts were rejected and refused.csv names {report.rejected}"
    )
    if not files.store.exists(RunFiles.PLAN) or report.contacts.total != _planned(files).contacts.total:
        return
    plan = _planned(files)
    history = _history(files, plan)
    if any(reason.startswith("settle_run: ") for reason in report.red_reasons):
        return  # it could not be written down, and says so
    _require_operations(report, history or [])
    _require_lists(files.store, report, history)
    _require_contacts(files.store, report, history or [], refused)
    ledger = _ledger(files, plan)
    if ledger is not None:
        _require_ledger(files, report, plan, history or [], ledger)


def _planned(files: RunFiles) -> Plan:
    return Plan.model_validate(files.store.read_json(RunFiles.PLAN))


def _require_reasons(refused: dict[str, Rows]) -> None:
    for kind, lines in refused.items():
        for line in lines:
            assert line["Reason"], f"refused.csv: {kind} without a reason"


def _planned_rows(store: Store) -> Rows:
    return [row for name in (RunFiles.CHANGES, RunFiles.DUTIES) for row in _rows(store, name)]


def _require_operations(report: RunReport, history: Rows) -> None:
    told = Counter((row["operation"], row["outcome"]) for row in history)
    for operation, counts in report.operations.items():
        for outcome in ANSWERS:
            what = f"operations.{operation}.{outcome} and the history"
            _require_equal(what, getattr(counts, outcome.value), told[operation, outcome])


def _require_lists(store: Store, report: RunReport, history: Rows | None) -> None:
    """Hold what the report says of each list against history and plan; without a history nothing was done."""
    told = Counter((row["operation"], row["list"], row["outcome"]) for row in history or ())
    planned, in_chunks = _of_lists(_planned_rows(store)), _of_lists(_chunk_rows(store) if history else [])
    named = {title for _, title in planned if title != UNSUBSCRIBE}
    assert named <= report.lists.keys(), f"the report has {list(report.lists)}, planned were {named}"
    of_no_list = (UNSUBSCRIBE, Operation.LEAVE, report.unsubscribes)
    of_lists = [(title, *pair) for title, one in report.lists.items() for pair in one.operations.items()]
    for title, operation, counts in (*of_lists, of_no_list):
        what = f"{operation} of {title}"
        for outcome in ANSWERS:
            answered = told[operation, title, outcome]
            _require_equal(f"{what}: {outcome}, and the history", getattr(counts, outcome), answered)
        left = planned[operation, title] - in_chunks[operation, title]
        unsent = left + told[operation, title, Outcome.NOT_SENT]
        _require_equal(f"{what}: not sent, and what is left of the plan", counts.not_sent, unsent)


def _of_lists(rows: Rows) -> Counter[tuple[str, str]]:
    columns = {Operation.JOIN: "joins", Operation.LEAVE: "leaves"}
    return Counter((kind, title) for row in rows for kind, name in columns.items() for title in row[name])


def _chunk_rows(store: Store) -> Rows:
    return [row for name in store.names("chunks") for row in _rows(store, f"chunks/{name}")]


def _require_contacts(store: Store, report: RunReport, history: Rows, refused: dict[str, Rows]) -> None:
    customers = {row["email_hash"]: row["customer_id"] or "" for row in _rows(store, RunFiles.CONTACTS)}
    due = {row["email_hash"] for row in _rows(store, RunFiles.CHANGES) if row["is_contact"]}
    held_back = {row["email_hash"]: Outcome(row["outcome"]) for row in _rows(store, RunFiles.HELD_BACK)}
    answered: dict[bytes, list[Outcome]] = defaultdict(list)
    for row in history:
        if row["email_hash"] in due:
            answered[row["email_hash"]].append(Outcome(row["outcome"]))
    worst: Counter[Outcome] = Counter()
    for person in due | held_back.keys():
        outcomes = answered[person] or ([Outcome.NOT_SENT] if person in due else [])
        before = [held_back[person]] if person in held_back else []
        worst[max(outcomes + before, key=lambda outcome: outcome.severity)] += 1
    for outcome in ANSWERS:
        what = f"contacts.{outcome} and what history and held_back.parquet come to"
        _require_equal(what, getattr(report.contacts, outcome.value), worst[outcome])
    now = {person for person, outcomes in answered.items() if Outcome.REJECTED in outcomes}
    before = {person for person, outcome in held_back.items() if outcome is Outcome.REJECTED} - now
    for kind, people in (("rejected", now), ("rejected before", before)):
        named = Counter(line["CustomerId"] for line in refused[kind])
        _require_equal(f"customers {kind}", named, Counter(customers[person] for person in people))


def _require_ledger(files: RunFiles, report: RunReport, plan: Plan, history: Rows, ledger: Ledger) -> None:
    rows = {row["email_hash"]: row for row in _rows(ledger.store, ledger.name or "")}
    held = Counter(title for row in rows.values() for title in row["member_of"])
    assert ledger.info is not None
    _require_equal("members of the ledger and its rows", Counter(ledger.info.members), held)
    base = LedgerFolder(files.export, plan.export, plan.account).with_sequence(plan.base_sequence)
    before = base.info.members if base.info else {}
    for title, told in report.lists.items():
        _require_equal(f"list {title}: held before", told.held_before, before.get(title, 0))
        if not any(text.startswith("settled before") for text in report.warnings):
            _require_equal(f"list {title}: held after", told.held_after, held[title])
    planned = _planned_rows(files.store)
    changes = {row["email_hash"]: row for row in planned}
    _require_equal("rows that are planned, and people", len(planned), len(changes))
    _require_equal("rows of the ledger, ascending", list(rows), sorted(rows))
    told_of: dict[bytes, Rows] = defaultdict(list)
    for row in history:
        told_of[row["email_hash"]].append(row)
    # Who had a contact that is another's now is remembered by a row that has nothing but its id.
    contacts = {
        row["contact_id"]: row for row in sorted(rows.values(), key=lambda one: bool(one["payload_hash"]))
    }
    before_it = _rows(base.store, base.name or "") if base.info is not None else []
    taken = _taken(history, before_it, changes)
    robbed = {row["email_hash"] for row in before_it if row["contact_id"] in taken}
    forgotten = {one["email_hash"] for one in history if one.get("is_erased")} - rows.keys()
    for person in told_of.keys() - robbed - forgotten:
        _require_row(changes[person], told_of[person], rows.get(person), contacts, taken)
    if base.info is not None and base.info.membership == ledger.info.membership:
        moved = {row["moved_contact_id"] for row in changes.values()} - {None}
        for row in before_it:
            now = rows.get(row["email_hash"], {"contact_id": None, "member_of": [], "uncertain_of": []})
            if row["email_hash"] in robbed:
                assert now["contact_id"] != row["contact_id"], f"the contact of {row} is another's now"
            elif row["email_hash"] not in told_of and row["contact_id"] not in moved:
                _require_untouched(row, now)


def _require_untouched(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Hold a row of whom nothing was done; one that held nothing may end where another has its contact."""
    for name in ("member_of", "uncertain_of", "seen_on"):
        was, became = (set(row.get(name) or ()) for row in (before, now))
        assert became == was, f"nothing was done, and {name} became {became}, was {was}"


def _taken(history: Rows, before: Rows, changes: dict[bytes, dict[str, Any]]) -> set[str]:
    """Return the contacts that were answered for somebody else than the ledger had them for."""
    owners = {row["contact_id"]: row["email_hash"] for row in before if row["contact_id"]}
    answered = [
        one for one in history if one["operation"] == "upsert" and one["outcome"] == Outcome.DELIVERED
    ]
    return {
        one["contact_id"]
        for one in answered
        if owners.get(one["contact_id"], one["email_hash"]) != one["email_hash"]
        and one["contact_id"] not in (changes[one["email_hash"]]["previous_contact_ids"] or ())
        and one["contact_id"] != changes[one["email_hash"]]["moved_contact_id"]
    }


def _require_row(
    change: dict[str, Any],
    operations: Rows,
    row: dict[str, Any] | None,
    contacts: dict[str | None, dict[str, Any]],
    taken: set[str],
) -> None:
    """Hold what the history tells of one person against their row of the ledger.

    :param contacts: the ledger's rows by contact: what left may be another one than has the address now.
    :param taken: contacts that were another's: what they are members of may be in doubt.
    """
    known = row or {"member_of": [], "uncertain_of": [], "rejected_at": None, "suppressed": False}
    # A contact of an earlier address brings along what it is a member of.
    moved = (
        change["moved_contact_id"] is not None or known.get("contact_id") in change["previous_contact_ids"]
    )
    doubted = _unsubscribe_is_due(operations)
    # What one contact left another may have joined, whom a request made that was never answered.
    joining = {
        one["list"] for one in operations if (one["operation"], one["outcome"]) == ("join", Outcome.FAILED)
    }
    for one in operations:
        what, outcome, title = one["operation"], Outcome(one["outcome"]), one["list"]
        held = contacts.get(one["contact_id"], known) if what == "leave" and one["contact_id"] else known
        is_member, in_doubt = held["member_of"], held["uncertain_of"]
        told = f"{what} of {title or 'data'} was {outcome}, the ledger has {held}"
        if what == "upsert":
            assert outcome is not Outcome.DELIVERED or known["payload_hash"] == change["payload_hash"], told
        elif title == UNSUBSCRIBE:
            continue
        elif outcome is Outcome.DELIVERED and what == "join":
            is_doubtful = known["contact_id"] in taken and title in in_doubt
            assert title in is_member or is_doubtful, told
        elif outcome is Outcome.DELIVERED:
            assert title not in is_member or moved, told
            assert title not in in_doubt or doubted or moved or title in joining, told
        elif outcome is Outcome.FAILED:
            assert title in in_doubt or (title in is_member and moved), told
        elif outcome is Outcome.SUPPRESSED:
            assert known["suppressed"], told
    _require_refusal(change, operations, known)


def _require_refusal(change: dict[str, Any], operations: Rows, known: dict[str, Any]) -> None:
    given = [one for one in operations if one["operation"] != "leave"]
    refused = [one["reason"] for one in given if one["outcome"] == Outcome.REJECTED]
    if refused:
        assert known["rejected_at"] is not None, f"was refused, and the ledger has {known}"
        assert known["rejected_hash"] == change["payload_hash"], f"other data were refused than {known}"
        assert known["rejected_reason"] in refused, f"refused for {refused}, and the ledger has {known}"
    elif any(one["outcome"] == Outcome.DELIVERED for one in given):
        assert known["rejected_at"] is None, f"was delivered since it was refused: {known}"


def _unsubscribe_is_due(operations: Rows) -> bool:
    return any(one["list"] == UNSUBSCRIBE and one["outcome"] != Outcome.DELIVERED for one in operations)


def _require_equal(what: str, one: object, other: object) -> None:
    assert one == other, f"{what}: {one} and {other}"


def _refused(store: Store) -> dict[str, Rows]:
    lines = csv.DictReader(io.StringIO(store.read_bytes(RunFiles.REFUSED).decode(), newline=""))
    by_kind: dict[str, Rows] = {"invalid": [], "rejected": [], "rejected before": []}
    for line in lines:
        by_kind[line["Kind"]].append(line)
    return by_kind


def _history(files: RunFiles, plan: Plan) -> Rows | None:
    """Return the operations of the run's plan; None where it wrote none."""
    name = operations_file(files.export, plan.run_id, plan.fence or 0)
    if plan.fence is None or not files.export.exists(name):
        return None
    rows = _rows(files.export, name)
    people = _people_of_operations(files.store)
    if len(people) != len(rows):
        return rows
    for row, (email_hash, _) in zip(rows, people, strict=True):
        assert row["email_hash"] in (None, email_hash), "the history and the chunks name the same people"
    return [
        row | {"email_hash": email_hash, "contact_id": contact_id, "is_erased": row["email_hash"] is None}
        for row, (email_hash, contact_id) in zip(rows, people, strict=True)
    ]


def _people_of_operations(run: Store) -> list[tuple[bytes, str | None]]:
    """Return who each operation of the history is of, and the contact that was answered.

    The history keeps no contact's id and names nobody who was erased; chunks and receipts do.
    """
    people: list[tuple[bytes, str | None]] = []
    for name in run.names("chunks"):
        with run.parquet_file(f"chunks/{name}") as file:
            chunk = file.read()
        settled = settle(chunk, read_receipts(run, int(name.removesuffix(".parquet"))))
        hashes = chunk["email_hash"].to_pylist()
        told = [*settled.planned.to_pylist(), *settled.extra.to_pylist()]
        people += [(hashes[one["row"]], one["contact_id"]) for one in told]
    return people


def _ledger(files: RunFiles, plan: Plan) -> Ledger | None:
    """Return the ledger that this run wrote, if it did and it is still kept."""
    try:
        return LedgerFolder(files.export, plan.export, plan.account).with_sequence(plan.fence or -1)
    except LedgerError:
        return None


def _rows(store: Store, name: str) -> Rows:
    if not store.exists(name):
        return []
    with store.parquet_file(name) as file:
        # Payloads are large and of no use here.
        rows: Rows = file.read([one for one in file.schema_arrow.names if one != "payload"]).to_pylist()
    return rows
