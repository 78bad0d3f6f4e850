"""What was found of people, as text for a terminal, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segment_exports.commands.terminal import columns
from segment_exports.records.outcomes import UNSUBSCRIBE, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.commands.looking_up.found import Found, InExport, InRun, Known, Operation

_NONE = "-"


def as_json(found: Found) -> str:
    """Return all of it as one JSON object; times are ISO 8601 in UTC."""
    told = asdict(found) | {"is_whole": found.is_whole}
    return json.dumps(told, ensure_ascii=False, indent=2, default=_iso) + "\n"


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def told_of_search(found: Found) -> str:
    """Return it as lines for a person."""
    lines = [f"Searched {found.staging} for {_named(found)}. Nothing was changed."]
    if found.exports:
        lines.append(f"Exports: {', '.join(map(_searched, found.exports.items()))}.")
    else:
        lines.append("No export has run here: is it the staging of the Airflow that is meant?")
    lines += [f"Nothing is known of the {one}. Is it spelt as the source spells it?" for one in found.unknown]
    for told, at in found.erased.items():
        when = f" on {_time(datetime.fromisoformat(at))}" if at else ""
        lines.append(f"The {told} was erased{when}: no run sends anything to it.")
    lines += [
        f"{account}: still to be deleted there, by the next erasure with --at-destination."
        for account in found.to_be_deleted
    ]
    for name, one in found.exports.items():
        if one.problem is not None:
            lines.append(f"{name}: not all could be looked through: {one.problem}")
        elif one.is_any:
            lines += ["", *_export(name, one)]
        if one.under_way is not None:
            lines.append(f"{name}: what the run {one.under_way} does is not told before it has ended.")
    if found.addresses and not found.customer_ids:
        lines += ["", "Look the CustomerId up too: it leads to other addresses that the person has or had."]
    return "\n".join(lines) + "\n"


def _named(found: Found) -> str:
    kinds = ((found.addresses, "address", "addresses"), (found.customer_ids, "CustomerId", "CustomerIds"))
    return " and ".join(counted(count, one, many) for count, one, many in kinds if count)


def _searched(pair: tuple[str, InExport]) -> str:
    name, one = pair
    told = one.searched
    if not told:
        return name
    return (
        f"{name} ({counted(told['ledgers'], 'ledger')}, the history of {counted(told['history'], 'run')}, "
        f"files of {counted(told['runs'], 'run')})"
    )


def _export(name: str, one: InExport) -> Iterator[str]:
    for account, known in one.accounts.items():
        yield f"Export {name}, account {account}"
        for contact in known:
            yield from _indented(columns(list(_contact(contact))))
    if not one.accounts:
        yield f"Export {name}: no ledger has them, so nothing of theirs counts as delivered"
    for snapshots in one.refusals:
        times = ((segment, _time(datetime.fromisoformat(at))) for segment, at in snapshots.items())
        yield f"  gave no permission in: {', '.join(f'{segment} of {at}' for segment, at in times)}"
    if one.operations:
        table = columns(list(_sent(one.operations)))
        yield from _indented(["", "What was sent, and what became of it:", *table])
    if one.runs:
        yield from _indented(["", "Files of runs, until they are purged:", *columns(list(_files(one.runs)))])
    refused = [(run.run_id, line) for run in one.runs for line in run.refused]
    if refused:
        rows = [(run, two.kind, two.segment, two.field or _NONE, two.reason) for run, two in refused]
        head = ("run", "kind", "segment", "field", "reason")
        yield from _indented(["", "In refused.csv:", *columns([head, *rows])])


def _contact(one: Known) -> Iterator[tuple[str, str]]:
    yield "known by", one.known_as
    yield "contact", one.contact_id or "its id was never told"
    yield "on lists", _listed(one.on_lists)
    if one.maybe_on:
        yield "maybe on", f"{_listed(one.maybe_on)}: a request was not answered; the next run settles it"
    if one.seen_on:
        yield "seen on", f"{_listed(one.seen_on)}: put there by others"
    yield "its data", "delivered" if one.has_data else "not known to be there"
    yield "last sent", _time(one.last_sent_at)
    if one.refused_at:
        yield "refused", f"{_time(one.refused_at)}: {one.refused_why or 'no reason was told'}"
    if one.is_suppressed:
        yield "suppressed", "the destination sends them no mail, by its own list"


def _sent(operations: Sequence[Operation]) -> Iterator[tuple[str, ...]]:
    yield "when", "run", "account", "what", "list", "outcome", "reason", "known by"
    for one in operations:
        is_unsubscribe = one.list == UNSUBSCRIBE
        what = "unsubscribe" if is_unsubscribe else one.operation
        title = _NONE if is_unsubscribe or one.list is None else one.list
        outcome, reason = one.outcome.replace("_", " "), one.reason or _NONE
        yield _time(one.recorded_at), one.run_id, one.account, what, title, outcome, reason, one.known_as


def _files(runs: Sequence[InRun]) -> Iterator[tuple[str, ...]]:
    yield "run", "rows by file", "withheld for"
    for run in runs:
        held = ", ".join(f"{name} {count}" for name, count in run.files.items())
        yield run.run_id, held or _NONE, ", ".join(run.withheld) or _NONE


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles) or "none"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else _NONE


def _indented(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" if line else "" for line in lines)
