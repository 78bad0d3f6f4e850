"""Tombstones of erased people: no run, resync or backfill brings them back.

    python -m segment_exports.commands.erasure STAGING --emails FILE --customer-ids FILE

STAGING is the folder or URL of the staging root, a FILE has one address or CustomerId a line (``-`` is
standard input: nothing personal stands in the shell's history). The secret of the ledgers is read from the
environment, under the name that it has in Airflow, with or without AIRFLOW_VAR_ before it.

A tombstone is the keyed hash of an address or CustomerId, the name of a file in
``_erased/<fingerprint of the key>/``; it can't be turned back into the address. Mapping withholds who
has one, planning takes off our lists whom a ledger knows, also where the source has them no more, and an
upload of what was planned before leaves them out.
Then it takes them out of what is kept of them (:mod:`segment_exports.settling.forgetting`, and
:mod:`segment_exports.commands.erased_files`), and names what it could not reach. A ledger's row stays while
it says of which lists a person is to be taken off: the run that takes them off ends it. An
address stands for all customers behind it; give the CustomerIds too, so that a person is known under
another address. An id is erased in its capitals and small letters too, and without quotes or braces
around it, for other systems print a GUID so. Contacts at the destination are deleted there, by hand.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.commands.erased_files import TakenOut, take_out_of_runs
from segment_exports.commands.terminal import complain, say
from segment_exports.errors import LedgerError, StagingError, own_words
from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.lease import holder
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.outcomes import counted
from segment_exports.records.plan import files_of_runs
from segment_exports.records.secret_in_use import hasher_in_use, require_long_if_new
from segment_exports.records.staging import Store
from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign
from segment_exports.records.tombstones import other_tombstones, write_tombstones
from segment_exports.settings import bounds
from segment_exports.settings.ledger_secret import (
    ledger_secret_without_airflow,
    look_up_without_airflow,
    told_of_ledger_secret,
)
from segment_exports.settings.names import LEDGER_SECRET, STAGING
from segment_exports.settling.forgetting import Forgotten, erased_people, forget_erased

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.ledger import Ledger

_OF_ALL_EXPORTS = ("_accounts", "_erased")
_OF_AN_EXPORT = ("ledger", "runs")
_MOST_TOLD = 20
_AROUND_AN_ID = "\"'{}()<>,;\u200b\ufeff \t"
"""What lists and other systems put around an id."""


@dataclass(frozen=True)
class Erasure:
    """What became of it: how many addresses and ids are ``new``, how many were erased ``already``.

    ``known_to`` counts by export the rows of its ledgers that are these people's. ``unknown_emails`` and
    ``unknown_ids`` are the places, from 1, of what no ledger knows: nobody was ever delivered under it.
    ``taken_out`` tells by export what was taken out of its files, and what is left there.
    """

    new: int
    already: int
    known_to: dict[str, int]
    unknown_emails: tuple[int, ...] = ()
    unknown_ids: tuple[int, ...] = ()
    taken_out: dict[str, ExportErasure] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportErasure:
    """What was taken out of an export's files, of all who were ever erased.

    :param problem: why not all of them could be looked into.
    """

    books: Forgotten = field(default_factory=Forgotten)
    files: TakenOut = field(default_factory=TakenOut)
    problem: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether anybody was found, or may not have been."""
        return self != ExportErasure()


def erase(
    staging: Store,
    hasher: KeyedHasher,
    *,
    emails: Sequence[str] = (),
    customer_ids: Sequence[str] = (),
    now: datetime,
) -> Erasure:
    """Write the tombstones of people; doing it again changes nothing.

    :raises LedgerError: ledgers or tombstones were written under another key; nothing was written.
    :raises StagingError: an address can't be one, or nobody is named; nothing was written.
    """
    ledgers = dict(_ledgers(staging))
    _require_their_key(staging, hasher, ledgers)
    addresses = {place: (hasher.text(text),) for place, text in _normalised(emails)}
    ids = {
        place: tuple(hasher.text(form) for form in _forms(text.strip()))
        for place, text in enumerate(customer_ids, start=1)
        if text.strip()
    }
    each = sorted({*addresses.values(), *ids.values()})
    if not each:
        raise StagingError("nobody was erased: no line names anybody. See why the list is empty")
    new = sum(write_tombstones(staging, hasher, hashes, now) > 0 for hashes in each)
    known_to, known = _known_to(ledgers, sorted({one for hashes in each for one in hashes}))
    unknown_emails, unknown_ids = (
        tuple(place for place, hashes in named.items() if known.isdisjoint(hashes))
        for named in (addresses, ids)
    )
    taken_out = {name: one for name in ledgers if (one := _take_out(staging, name, hasher, now)).is_any}
    return Erasure(new, len(each) - new, known_to, unknown_emails, unknown_ids, taken_out)


def _take_out(staging: Store, name: str, hasher: KeyedHasher, now: datetime) -> ExportErasure:
    """Take all who were ever erased out of one export; what is wrong with it is told, and stops no other."""
    export = staging.sub(name)
    try:
        people = erased_people(staging, export, name, files_of_runs(export))
        books = forget_erased(export, name, people, with_ledgers=holder(export) is None)
        if not (books.waiting or books.ledger_rows):
            books = replace(books, ledgers_left=False)
        return ExportErasure(books, take_out_of_runs(export, people, hasher, now))
    except Exception as error:  # noqa: BLE001 - it is told, and the other exports are seen to
        return ExportErasure(problem=str(own_words(error)))


def main(arguments: list[str] | None = None) -> int:
    """Erase the people named in files, and tell what is left to do."""
    parser = argparse.ArgumentParser(
        prog="python -m segment_exports.commands.erasure",
        description="Hold erased people back from every export, for ever.",
    )
    parser.add_argument("staging", help=f"folder or URL of the staging root ({STAGING})")
    parser.add_argument("--emails", metavar="FILE", help="one address a line; - for standard input")
    parser.add_argument("--customer-ids", metavar="FILE", help="one CustomerId a line; - for standard input")
    chosen = parser.parse_args(arguments)
    if not (chosen.emails or chosen.customer_ids):
        parser.error("name a file of --emails, of --customer-ids, or of both")
    try:
        staging = Store.at(chosen.staging)
        secret = ledger_secret_without_airflow()
        told = told_of_ledger_secret(look_up_without_airflow())
        hasher = hasher_in_use(staging, secret)
        emails, customer_ids = _lines(chosen.emails), _lines(chosen.customer_ids)
        _require_staging_root(staging)
        require_long_if_new(staging, secret)
        erasure = erase(staging, hasher, emails=emails, customer_ids=customer_ids, now=datetime.now(UTC))
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    for text in told:
        complain(text)
    say(_told(erasure))
    return 0


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


def _forms(customer_id: str) -> list[str]:
    """Give an id as it is written and without quotes or braces around, each in small letters and capitals.

    It is one id to who wrote it, and a form that nobody has holds nobody back.
    """
    written = {customer_id, customer_id.strip(_AROUND_AN_ID) or customer_id}
    return sorted({form for one in written for form in (one, one.lower(), one.upper())})


def _normalised(emails: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give each address as mapping would hash it, with its place."""
    for place, text in enumerate(emails, start=1):
        if not text.strip():
            continue
        judged = judge_email(text)
        if isinstance(judged, EmailRefusal):
            raise StagingError(
                f"address {place} of {len(emails)} is none ({judged.value}); nobody was erased"
            )
        yield place, judged


def _require_their_key(staging: Store, hasher: KeyedHasher, ledgers: Mapping[str, list[Ledger]]) -> None:
    """Refuse a key that is not the one of the ledgers: its tombstones would hold nobody back."""
    others = [f"the tombstones {folder}" for folder in other_tombstones(staging, hasher)] + [
        f"the ledger {ledger.store.path(ledger.name or '')} of export {export}"
        for export, newest in ledgers.items()
        for ledger in newest
        if ledger.info is not None and ledger.info.secret_fingerprint != hasher.fingerprint
    ]
    if others:
        raise LedgerError(
            f"nobody was erased: another key than this ({hasher.in_words}) stands behind "
            f"{', '.join(others)}. Set {LEDGER_SECRET} to the key that Airflow has. If that one is lost, "
            f"move what is named here away, erase everybody again, and only then run the exports with "
            f"full_resync"
        )


def _ledgers(staging: Store) -> Iterator[tuple[str, list[Ledger]]]:
    """Give each export's ledgers that count."""
    for name in staging.names():
        if not name.startswith("_"):
            yield name, newest_ledgers(staging.sub(name), name)


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


def _told(erasure: Erasure) -> str:
    exports = ", ".join(f"{name} ({count})" for name, count in erasure.known_to.items()) or "none"
    return (
        f"Addresses and ids erased: {erasure.new}; erased before: {erasure.already}.\n"
        f"{_unknown('addresses', erasure.unknown_emails)}{_unknown('ids', erasure.unknown_ids)}"
        f"Exports that delivered to these people: {exports}. They leave the lists of each at its next run.\n"
        f"An upload under way leaves them out within seconds.\n"
        f"{''.join(_left(name, one) for name, one in erasure.taken_out.items())}"
        f"Left to do: delete their contacts at the destination, which keeps a record of its own, and their "
        f"profiles in the source. This command doesn't reach backups of the staging, other staging roots and "
        f"Airflow's logs.\n"
    )


def _left(name: str, one: ExportErasure) -> str:
    """Tell what was taken out of an export, and what it still holds."""
    lines = []
    if one.problem is not None:
        lines.append(f"not all could be looked into: {one.problem}. Mend it, and erase the same people again")
    books, files = one.books, one.files
    if taken := books.ledger_rows + books.operations + books.refusals + files.rows:
        lines.append(
            f"taken out of {counted(taken, 'row')}: {books.ledger_rows} of ledgers, {books.operations} of "
            f"the history, {books.refusals} of refusals, {files.rows} of files of runs"
        )
    if books.waiting:
        lines.append(
            f"{counted(books.waiting, 'contact is', 'contacts are')} on a list or may be: the run that takes "
            f"them off takes them out of the ledgers too"
        )
    elif books.ledgers_left:
        lines.append("a run holds the lease: its end takes them out of the ledgers")
    lines += [f"run {run} holds them still: {why}" for run, why in files.left.items()]
    if files.left:
        lines.append("erase them again when that is over, or purge the runs (docs/privacy.md)")
    return "".join(f"{name}: {line}.\n" for line in lines)


def _unknown(kind: str, places: Sequence[int]) -> str:
    if not places:
        return ""
    told = ", ".join(str(place) for place in places[:_MOST_TOLD]) + (
        ", ..." if len(places) > _MOST_TOLD else ""
    )
    return (
        f"No ledger knows {len(places)} of the {kind} (line {told}): held back from now on, but nobody "
        f"was ever delivered under them. Are they spelt as the source spells them?\n"
    )


def _lines(file: str | None) -> list[str]:
    if file is None:
        return []
    try:
        text = _typed() if file == "-" else read_foreign(file, bounds.ERASED_BYTES).decode()
    except ForeignFileError as error:
        raise StagingError(f"{file} {error}") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # or UTF-16 without a mark, which is UTF-8 too: nobody has such an address or id
        raise StagingError(f"{file} can't be read as UTF-8 text; save it as UTF-8")
    return text.removeprefix("\ufeff").splitlines()  # a byte order mark, as Windows' editors write it


def _typed() -> str:
    """Return standard input."""
    text = sys.stdin.read(bounds.ERASED_BYTES + 1)
    if len(text) > bounds.ERASED_BYTES:
        raise StagingError(
            f"standard input has more than {bounds.ERASED_BYTES:,} characters; give it in parts"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
