"""Tombstones of erased people: no run, resync or backfill brings them back.

    segment-exports erase --emails FILE --customer-ids FILE

A FILE has one address or CustomerId a line (``-`` is standard input: nothing personal stands in the shell's
history). Staging and secret of the ledgers are those of the Airflow where it runs.

A tombstone is the keyed hash of an address or CustomerId, the name of a file in
``_erased/<fingerprint of the key>/``; it can't be turned back into the address. Mapping withholds who
has one, planning takes off our lists whom a ledger knows, also where the source has them no more, and an
upload of what was planned before leaves them out.
Then it takes them out of what is kept of them (:mod:`segment_exports.settling.forgetting`, and
:mod:`segment_exports.commands.erasing.erased_files`), and names what it could not reach. A ledger's row
stays while it says of which lists a person is to be taken off: the run that takes them off ends it. An
address stands for all customers behind it; give the CustomerIds too, so that a person is known under
another address. An id is erased in its capitals and small letters too, and without quotes or braces
around it, for other systems print a GUID so. Contacts at the destination are deleted there by hand, or with
``--at-destination`` (:mod:`segment_exports.commands.erasing.erased_there`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.commands.erasing.erased_files import take_out_of_runs
from segment_exports.commands.erasing.erased_there import Destinations, Due, OpenAccount
from segment_exports.commands.erasing.erasure_told import Erasure, ExportErasure, told_of_erasure
from segment_exports.commands.given import add_staging
from segment_exports.commands.named_people import hashes_of, lines_of
from segment_exports.commands.terminal import complain, say
from segment_exports.errors import LedgerError, StagingError, own_words
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.lease import holder
from segment_exports.records.plan import files_of_runs
from segment_exports.records.secret_in_use import (
    hasher_in_use,
    ledgers_in_use,
    require_long_if_new,
    written_under_another,
)
from segment_exports.records.tombstones import erased_hashes, write_tombstones
from segment_exports.settings.ledger_secret import ledger_secret, told_of_ledger_secret
from segment_exports.settings.names import LEDGER_SECRET, STAGING
from segment_exports.settling.forgetting import ErasedPeople, erased_people, forget_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segment_exports.commands.given import LookUp, OpenStaging
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store

_OF_ALL_EXPORTS = ("_accounts", "_erased")
_OF_AN_EXPORT = ("ledger", "runs")
_NOT_WHOLE = 3


def erase(
    staging: Store,
    hasher: KeyedHasher,
    *,
    emails: Sequence[str] = (),
    customer_ids: Sequence[str] = (),
    now: datetime,
    open_account: OpenAccount | None = None,
    is_dry_run: bool = False,
) -> Erasure:
    """Write the tombstones of people; doing it again changes nothing.

    :param open_account: leads to the accounts that they are deleted at too; None leaves these alone.
    :param is_dry_run: tell what would be done, and do nothing.
    :raises LedgerError: ledgers or tombstones were written under another key; nothing was written.
    :raises StagingError: an address can't be one, or nobody is named; nothing was written.
    """
    ledgers = ledgers_in_use(staging)
    _require_their_key(staging, hasher, ledgers)
    texts, addresses, ids = hashes_of(emails, customer_ids, hasher, undone="nobody was erased")
    each = sorted({*addresses.values(), *ids.values()})
    destinations = Destinations(staging, {hasher.text(text): text for text in texts.values()})
    named = {one for hashes in each for one in hashes}
    known_to, known = _known_to(ledgers, sorted(named))
    unknown_emails, unknown_ids = (
        tuple(place for place, hashes in one.items() if known.isdisjoint(hashes)) for one in (addresses, ids)
    )
    if is_dry_run:
        standing = erased_hashes(staging, hasher)
        new = sum(not standing.issuperset(hashes) for hashes in each)
        problems: dict[str, str] = {}
        people = dict.fromkeys(ledgers, _known_by(named | standing))
    else:
        new = sum(write_tombstones(staging, hasher, hashes, now) > 0 for hashes in each)
        people, problems = _people(staging, ledgers)
    due: list[Due] = []
    if open_account is not None:
        problems |= _add_all(destinations, ledgers, people)
        due = destinations.due()
    taken_out = {name: ExportErasure(problem=why) for name, why in problems.items()}
    if not is_dry_run:
        for one in due:
            destinations.note(one)
        found = {name: _take_out(staging.sub(name), name, who, hasher, now) for name, who in people.items()}
        taken_out |= {name: one for name, one in found.items() if one.is_any}
    there = None
    if open_account is not None:
        asked = ((one, destinations.delete(one, open_account, is_dry_run=is_dry_run)) for one in due)
        there = {one.connection: account for one, account in asked}
    new_ones = (new, len(each) - new)
    return Erasure(*new_ones, known_to, unknown_emails, unknown_ids, taken_out, there, is_dry_run)


def _people(staging: Store, exports: Iterable[str]) -> tuple[dict[str, ErasedPeople], dict[str, str]]:
    """Return all who were ever erased, as each export knows them; and why one could not be asked."""
    people, problems = dict[str, ErasedPeople](), dict[str, str]()
    for name in exports:
        export = staging.sub(name)
        try:
            people[name] = erased_people(staging, export, name, files_of_runs(export))
        except Exception as error:  # noqa: BLE001 - it is told, and the other exports are seen to
            problems[name] = str(own_words(error))
    return people, problems


def _known_by(hashes: Iterable[bytes]) -> ErasedPeople:
    """Return people who are known by no more than what names them."""
    nobody = pa.array([], HASH_TYPE)
    return ErasedPeople(pa.array(sorted(hashes), HASH_TYPE), pa.array([], pa.binary()), nobody)


def _add_all(
    destinations: Destinations, ledgers: Mapping[str, Sequence[Ledger]], people: dict[str, ErasedPeople]
) -> dict[str, str]:
    """Tell the destinations whom each export knows; return which can't say, and take these out of ``people``.

    Nobody is taken out of such an export: it would forget whom to ask for.
    """
    problems = {}
    for name, who in list(people.items()):
        try:
            destinations.add(name, ledgers[name], who)
        except Exception as error:  # noqa: BLE001 - it is told, and the other exports are seen to
            problems[name] = str(own_words(error))
            del people[name]
    for name, who in people.items():
        destinations.spare(ledgers[name], who)
    return problems


def _take_out(
    export: Store, name: str, people: ErasedPeople, hasher: KeyedHasher, now: datetime
) -> ExportErasure:
    """Take erased people out of one export; what is wrong with it is told, and stops no other."""
    try:
        books = forget_erased(export, name, people, with_ledgers=holder(export) is None)
        if not (books.waiting or books.ledger_rows):
            books = replace(books, ledgers_left=False)
        return ExportErasure(books, take_out_of_runs(export, people, hasher, now))
    except Exception as error:  # noqa: BLE001 - it is told, and the other exports are seen to
        return ExportErasure(problem=str(own_words(error)))


def main(
    arguments: list[str], *, open_staging: OpenStaging, look_up: LookUp, open_account: OpenAccount
) -> int:
    """Erase the people named in files, and tell what is left to do.

    :param open_account: leads to the accounts of connections.
    :return: 0; 1 where nobody was erased; 3 where they were, and something is left to do at a destination;
        130 where it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="segment-exports erase",
        description="Hold erased people back from every export, for ever.",
    )
    add_staging(parser)
    parser.add_argument("--emails", metavar="FILE", help="one address a line; - for standard input")
    parser.add_argument("--customer-ids", metavar="FILE", help="one CustomerId a line; - for standard input")
    parser.add_argument(
        "--at-destination",
        action="store_true",
        help="delete their contacts at the destinations too, for good",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    chosen = parser.parse_args(arguments)
    if not (chosen.emails or chosen.customer_ids):
        parser.error("name a file of --emails, of --customer-ids, or of both")
    try:
        staging = open_staging(chosen.staging)
        secret = ledger_secret(look_up)
        told = told_of_ledger_secret(look_up)
        hasher = hasher_in_use(staging, secret)
        emails, customer_ids = lines_of(chosen.emails), lines_of(chosen.customer_ids)
        _require_staging_root(staging)
        require_long_if_new(staging, secret)
        erasure = erase(
            staging,
            hasher,
            emails=emails,
            customer_ids=customer_ids,
            now=datetime.now(UTC),
            open_account=open_account if chosen.at_destination else None,
            is_dry_run=chosen.dry_run,
        )
    except KeyboardInterrupt:
        complain("Ended before all was done: erase the same people again, which completes it")
        return 130
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    for text in told:
        complain(text)
    say(told_of_erasure(erasure))
    return 0 if erasure.is_whole else _NOT_WHOLE


def _require_staging_root(staging: Store) -> None:
    """Refuse a folder that no run has used: no export would ever look for the tombstones there."""
    names = staging.names()
    is_export = any(part in names for part in _OF_AN_EXPORT)
    has_exports = any(staging.names(f"{name}/{part}") for name in names for part in _OF_AN_EXPORT)
    if is_export or not (has_exports or any(name in names for name in _OF_ALL_EXPORTS)):
        raise StagingError(
            f"nobody was erased: {staging.path('')} is no staging root, for no export has run in it. "
            f"Name the folder that {STAGING} names for Airflow; is its volume mounted here? If no export has "
            f"run yet, trigger a dry run first"
        )


def _require_their_key(staging: Store, hasher: KeyedHasher, ledgers: Mapping[str, list[Ledger]]) -> None:
    """Refuse a key that is not the one of the ledgers: its tombstones would hold nobody back."""
    others = written_under_another(staging, hasher, ledgers)
    if others:
        raise LedgerError(
            f"nobody was erased: another key than this ({hasher.in_words}) stands behind "
            f"{', '.join(others)}. Set {LEDGER_SECRET} to the key that Airflow has. If that one is lost, "
            f"move what is named here away, erase everybody again, and only then run the exports with "
            f"full_resync"
        )


def _known_to(
    ledgers: Mapping[str, list[Ledger]], hashes: Sequence[bytes]
) -> tuple[dict[str, int], set[bytes]]:
    """Count each export's rows of these people, and tell which of the hashes its ledgers hold."""
    wanted = pa.array(hashes, HASH_TYPE)
    counts, known = dict.fromkeys(ledgers, 0), set[bytes]()
    for name, newest in ledgers.items():
        for ledger in newest:
            with ledger.opened() as file:
                for batch in file.iter_batches(columns=["email_hash", "customer_hash"]) if file else ():
                    found = [pc.is_in(batch[column], value_set=wanted) for column in (0, 1)]
                    counts[name] += pc.sum(pc.or_(*found)).as_py() or 0
                    for column, is_wanted in enumerate(found):
                        known.update(batch[column].filter(is_wanted).to_pylist())
    return {name: count for name, count in counts.items() if count}, known
