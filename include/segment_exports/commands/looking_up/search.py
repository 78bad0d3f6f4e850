"""Search everything that is kept for people who are named by addresses and CustomerIds.

They are found under all forms of an id, under other addresses that ledgers or files of runs link to them, and
as all customers behind an address: as an erasure finds them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_exports.commands.erasing.erased_there import noted_by_account
from segment_exports.commands.looking_up.found import Found, InExport
from segment_exports.commands.looking_up.in_books import (
    files_of_history,
    hashes_in,
    known_to,
    operations_of,
    refusals_of,
)
from segment_exports.commands.looking_up.in_runs import runs_of
from segment_exports.commands.named_people import hashes_of
from segment_exports.errors import LedgerError, own_words
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.lease import holder
from segment_exports.records.ledger import ledger_folders
from segment_exports.records.plan import files_of_runs
from segment_exports.records.secret_in_use import ledgers_in_use, written_under_another
from segment_exports.records.tombstones import TOMBSTONES, erased_hashes
from segment_exports.settings.names import LEDGER_SECRET
from segment_exports.settling.forgetting import people_named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import RunFiles, Store

OTHER_ADDRESS = "another address of theirs"


def search(
    staging: Store, hasher: KeyedHasher, *, emails: Sequence[str] = (), customer_ids: Sequence[str] = ()
) -> Found:
    """Return what is known of people; nothing is changed.

    :raises StagingError: an address can't be one, or nobody is named.
    :raises LedgerError: ledgers, tombstones or a run under way were written under another key: under this
        one nothing would be known of anybody.
    """
    if others := written_under_another(staging, hasher, ledgers_in_use(staging)):
        raise LedgerError(
            f"nobody was looked up: another key than this ({hasher.in_words}) stands behind "
            f"{', '.join(others)}. Set {LEDGER_SECRET} to the key that Airflow has"
        )
    _, addresses, ids = hashes_of(emails, customer_ids, hasher, undone="nobody was looked up")
    names = _names(addresses, "address") | _names(ids, "CustomerId")
    standing = erased_hashes(staging, hasher)
    exports, seen = dict[str, InExport](), set[str]()
    for name in (one for one in staging.names() if not one.startswith("_")):
        exports[name] = _in_export(staging.sub(name), name, hasher, names, seen)
    known = seen | {told for one, told in names.items() if one in standing}
    found = Found(
        staging=staging.path("").rstrip("/"),
        addresses=len(addresses),
        customer_ids=len(ids),
        erased={told: _erased_at(staging, hasher, one) for one, told in names.items() if one in standing},
        to_be_deleted=(),
        unknown=tuple(told for told in dict.fromkeys(names.values()) if told not in known),
        exports=exports,
    )
    wanted = {one.hex() for one in names} | found.contact_ids
    accounts = (
        one.connection
        for one in noted_by_account(staging)
        if wanted.intersection((*one.email_hashes, *one.contact_ids))
    )
    return replace(found, to_be_deleted=tuple(accounts))


def _names(hashes: Mapping[int, Iterable[bytes]], kind: str) -> dict[bytes, str]:
    return {one: f"{kind}, line {place}" for place, forms in hashes.items() for one in forms}


def _in_export(
    export: Store, name: str, hasher: KeyedHasher, names: Mapping[bytes, str], seen: set[str]
) -> InExport:
    """Return what one export knows; what is wrong with it is told, and stops no other.

    :param seen: gets the names under which somebody was found.
    """

    def known_as(row: Mapping[str, Any]) -> str:
        told = [names[row[key]] for key in ("email_hash", "customer_hash") if row.get(key) in names]
        seen.update(told)
        return " and ".join(told) or OTHER_ADDRESS

    try:
        runs, folders = files_of_runs(export), ledger_folders(export, name)
        people = people_named(export, name, runs, pa.array(sorted(names), HASH_TYPE))
        operations, last = operations_of(export, people, known_as)
        ledgers = [folder.latest() for folder in folders]
        accounts = {
            ledger.info.account: known
            for ledger in ledgers
            if ledger.info and (known := known_to(ledger, people, known_as, last))
        }
        hashes = people.addresses.union(*(hashes_in(one, people) for one in ledgers))
        refusals = refusals_of(export, hasher, sorted(hashes))
        in_runs = tuple(runs_of(runs, people, hasher))
        seen.update(_seen_elsewhere(export, name, hasher, names, seen, runs if in_runs else ()))
        searched = {"ledgers": len(ledgers), "history": len(files_of_history(export)), "runs": len(runs)}
        under_way = lease.run_id if (lease := holder(export)) else None
        return InExport(accounts, operations, refusals, in_runs, searched, under_way)
    except Exception as error:  # noqa: BLE001 - it is told, and the other exports are looked through
        return InExport(problem=str(own_words(error)))


def _seen_elsewhere(
    export: Store,
    name: str,
    hasher: KeyedHasher,
    names: Mapping[bytes, str],
    seen: Collection[str],
    runs: Sequence[RunFiles],
) -> Iterator[str]:
    """Give the names that books tell nothing of, and refusals or files of runs do."""
    for told in dict.fromkeys(one for one in names.values() if one not in seen):
        forms = sorted(one for one, other in names.items() if other == told)
        alone = people_named(export, name, runs, pa.array(forms, HASH_TYPE))
        if refusals_of(export, hasher, forms) or any(runs_of(runs, alone, hasher)):
            yield told


def _erased_at(staging: Store, hasher: KeyedHasher, one: bytes) -> str | None:
    told: Any = json.loads(staging.read_bytes(f"{TOMBSTONES}/{hasher.fingerprint}/{one.hex()}") or b"{}")
    return told.get("erased_at") if isinstance(told, dict) else None
