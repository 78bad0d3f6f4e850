"""Tombstones of erased people: no run, resync or backfill brings them back.

    python -m segment_exports.commands.erasure STAGING --emails FILE --customer-ids FILE

STAGING is the folder or URL of the staging root, a FILE has one address or CustomerId a line (``-`` is
standard input: nothing personal stands in the shell's history). The key is read from the environment,
AUTOPILOT_LEDGER_KEY or AIRFLOW_VAR_AUTOPILOT_LEDGER_KEY.

A tombstone is the keyed hash of an address or CustomerId, the name of a file in
``_erased/<fingerprint of the key>/``; it can't be turned back into the address. Mapping withholds who
has one, planning takes off our lists whom a ledger knows, also where the source has them no more, and an
upload of what was planned before leaves them out.
Ledger rows stay, since they say of which lists a person is to be taken off, and hold hashes only. An
address stands for all customers behind it; give the CustomerIds too, so that a person is known under
another address. Contacts at the destination are deleted there, by hand.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import LedgerError, SegmentExportError, StagingError
from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.secret_in_use import hasher_in_use
from segment_exports.records.staging import Store
from segment_exports.records.tombstones import other_tombstones, write_tombstones
from segment_exports.settings.ledger_secret import ledger_secret_without_airflow
from segment_exports.settings.names import LEDGER_SECRET, STAGING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.ledger import Ledger


@dataclass(frozen=True)
class Erasure:
    """What became of it: tombstones that are ``new``, those that stood ``already``.

    ``known_to`` counts by export the rows of its ledgers that are these people's.
    """

    new: int
    already: int
    known_to: dict[str, int]


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
    :raises StagingError: an address can't be one; the text names its place, and nothing was written.
    """
    ledgers = dict(_ledgers(staging))
    _require_their_key(staging, hasher, ledgers)
    texts = [*_normalised(emails), *(one.strip() for one in customer_ids if one.strip())]
    hashes = sorted({hasher.text(text) for text in texts})
    made = write_tombstones(staging, hasher, hashes, now)
    return Erasure(made, len(hashes) - made, dict(_known_to(ledgers, hashes)))


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
        erasure = erase(
            staging,
            hasher_in_use(staging, ledger_secret_without_airflow()),
            emails=_lines(chosen.emails),
            customer_ids=_lines(chosen.customer_ids),
            now=datetime.now(UTC),
        )
    except SegmentExportError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_told(erasure))
    return 0


def _normalised(emails: Sequence[str]) -> Iterator[str]:
    for place, text in enumerate(emails, start=1):
        if not text.strip():
            continue
        judged = judge_email(text)
        if isinstance(judged, EmailRefusal):
            raise StagingError(
                f"address {place} of {len(emails)} is none ({judged.value}); nobody was erased"
            )
        yield judged


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
            f"nobody was erased: {', '.join(others)} were written under another key than this "
            f"({hasher.in_words}). Set {LEDGER_SECRET} to the key that Airflow has. If that one is lost, "
            f"move what is named here away, erase everybody again, and only then run the exports with "
            f"full_resync"
        )


def _ledgers(staging: Store) -> Iterator[tuple[str, list[Ledger]]]:
    """Give each export's ledgers that count."""
    for name in staging.names():
        if not name.startswith("_"):
            yield name, newest_ledgers(staging.sub(name), name)


def _known_to(ledgers: Mapping[str, list[Ledger]], hashes: Sequence[bytes]) -> Iterator[tuple[str, int]]:
    wanted = pa.array(hashes, HASH_TYPE)
    for name, newest in ledgers.items():
        count = 0
        for ledger in newest:
            with ledger.opened() as file:
                for batch in file.iter_batches(columns=["email_hash", "customer_hash"]) if file else ():
                    found = (pc.is_in(batch[column], value_set=wanted) for column in (0, 1))
                    count += pc.sum(pc.or_(*found)).as_py() or 0
        if count:
            yield name, count


def _told(erasure: Erasure) -> str:
    exports = ", ".join(f"{name} ({count})" for name, count in erasure.known_to.items()) or "none"
    return (
        f"{erasure.new} tombstones were written, {erasure.already} stood already.\n"
        f"Exports that delivered to these people: {exports}. They leave the lists of each at its next run.\n"
        f"An upload under way leaves them out within seconds.\n"
        f"Left to do: delete their contacts at the destination. Files of runs that hold their profiles are "
        f"purged retention_days after the run.\n"
    )


def _lines(file: str | None) -> list[str]:
    if file is None:
        return []
    if file == "-":
        return sys.stdin.read().splitlines()
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StagingError(f"{file} can't be read as UTF-8 text: {type(error).__name__}") from error


if __name__ == "__main__":
    sys.exit(main())
