"""The ledger: what the destination is known to hold for an export, per contact, as keyed hashes.

One Parquet file per settled run, ``ledger/<account>/<sequence>-<run>.parquet``; the highest sequence
counts, and the sequence is the fence of the lease that the run planned under. What is true of the
whole ledger (:class:`LedgerInfo`) lies in the file's own metadata, so both are written in one step.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from segment_exports.errors import DamagedFileError, LedgerError, StagingError
from segment_exports.records.storing.damage import parsed
from segment_exports.records.storing.file_names import file_name, text_of
from segment_exports.records.tables.schemas import LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping
    from datetime import datetime

    import pyarrow.parquet as pq

    from segment_exports.records.staging import Store

_RESTORE = (
    "It is a ledger: restore it from a backup; or move it away: then the one before it counts, with what the "
    "runs since have left. Where these are purged, the next run says so, and what to do"
)
_NAME = re.compile(r"\d{10}-.+\.parquet")
_NEEDED = ("email_hash", "contact_id", "member_of", "uncertain_of")
_METADATA_KEY = b"segment_exports.ledger"
_KEPT = 5
_REPEATING = (
    *(f"{name}.list.element" for name in MEMBERSHIPS),
    "uncertain_run",
    "rejected_reason",
)


class LedgerInfo(BaseModel):
    """What holds for a ledger as a whole.

    ``snapshots`` names per segment the newest snapshot that was delivered (ISO 8601, UTC). ``lists``
    are all list titles with their ids, also those that the definition no longer names; an id is
    empty in field mode. ``members`` counts the memberships held per list. ``filled`` are the lists
    that were once read whole and got all their members: only then do many additions look wrong.
    ``tombstones`` counts those that the run knew: later there can't be fewer.
    ``settled`` is the sequence of the newest ledger that a settled run wrote, where a reconcile wrote this.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    export: str
    account: str
    sequence: int
    run_id: str
    written_at: str
    secret_fingerprint: str
    mapping_fingerprint: str
    membership: str
    snapshots: dict[str, str]
    lists: dict[str, str]
    members: dict[str, int]
    addresses: int
    filled: tuple[str, ...] = ()
    tombstones: int = 0
    settled: int | None = None

    @property
    def settled_sequence(self) -> int:
        """Sequence of the newest ledger that a settled run wrote: this one, or one before it."""
        return self.sequence if self.settled is None else self.settled

    def titles_now(self, ids: Mapping[str, str]) -> dict[str, str]:
        """Return the title under which what each title holds belongs now: memberships go with a list's id.

        A title whose list has another id now is a former one of its own, which tells the old id. Where lists
        are fields, their title is all that they have.

        :param ids: ids of the definition's lists by title, as far as they are known.
        """
        if self.membership != "list":
            return {title: title for title in self.lists}
        of_id = {list_id: title for title, list_id in ids.items() if list_id}
        return {
            title: of_id.get(held) or (_former_title(title, held, ids) if held and ids.get(title) else title)
            for title, held in self.lists.items()
        }

    def former_lists(self, ids: Mapping[str, str]) -> dict[str, int]:
        """Return the lists that a definition names no more, each with its members.

        :param ids: titles of the definition, each with its list's id as far as it is known.
        """
        held: Counter[str] = Counter()
        for title, now in self.titles_now(ids).items():
            held[now] += self.members.get(title, 0)
        return {title: count for title, count in held.items() if count and title not in ids}


def _former_title(title: str, list_id: str, taken: Container[str]) -> str:
    former = f"{title} ({list_id})"
    return _former_title(former, list_id, taken) if former in taken else former


@dataclass(frozen=True)
class Ledger:
    """One ledger file; ``info`` is None for the empty ledger before the first run."""

    store: Store
    name: str | None
    info: LedgerInfo | None

    @property
    def sequence(self) -> int:
        """Sequence of the file; 0 for the empty ledger."""
        return self.info.sequence if self.info else 0

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the lists that the ledger may hold memberships of."""
        return tuple(self.info.lists) if self.info else ()

    @contextmanager
    def opened(self) -> Iterator[pq.ParquetFile | None]:
        """Open the file for reading; None for the empty ledger."""
        if self.name is None:
            yield None
            return
        with self.store.parquet_file(self.name, _NEEDED, advice=_RESTORE) as file:
            yield file


class LedgerFolder:
    """All ledgers of one export and one account."""

    def __init__(self, export: Store, export_name: str, account: str) -> None:
        """``account`` is the id of the destination's connection."""
        self._export = export
        self._store = export.sub(export.named("ledger", account))
        self._export_name = export_name
        self._account = account

    def latest(self) -> Ledger:
        """Return the ledger with the highest sequence, or the empty one."""
        names = _names_in(self._store)
        return self._open(names[-1]) if names else Ledger(self._store, None, None)

    def all(self) -> list[Ledger]:
        """Return all ledgers that are kept, oldest first.

        :raises LedgerError: one can't be believed.
        """
        return [self._open(name) for name in _names_in(self._store)]

    def write_without(self, ledger: Ledger, are_dropped: Callable[[pa.Table], pa.Array]) -> int:
        """Write a ledger anew without some of its rows, and return without how many; else nothing happens.

        Who reads it meanwhile has the old one or the new one. It tells how many members there were still.

        :raises StagingError: another has written it meanwhile, and it is left so.
        """
        name, info = ledger.name, ledger.info
        if name is None or info is None:
            return 0
        written = self._store.modified(name)
        with ledger.opened() as file:
            pieces = read_columns(file, LEDGER) if file else iter(())
            if not (dropped := sum(int(pc.sum(are_dropped(rows)).as_py() or 0) for rows in pieces)):
                return 0
        with ledger.opened() as file, self._writing(name, info, anew=True) as writer:
            for rows in read_columns(file, LEDGER) if file else ():
                writer.write(rows.filter(pc.invert(are_dropped(rows))))
            if self._store.modified(name) != written:
                raise StagingError(f"{self._store.path(name)} was written meanwhile and is left as it is")
        return dropped

    def with_sequence(self, sequence: int) -> Ledger:
        """Return the ledger of one sequence; 0 is the empty ledger.

        :raises LedgerError: it is not there (any more).
        """
        if sequence == 0:
            return Ledger(self._store, None, None)
        for name in _names_in(self._store):
            if _sequence(name) == sequence:
                return self._open(name)
        raise LedgerError(
            f"ledger {sequence} of export {self._export_name} for account {self._account} is missing "
            f"in {self._store.root}; trigger a run with full_resync to compare with an empty ledger"
        )

    def is_lost(self) -> bool:
        """Tell whether an earlier run wrote a ledger and none is there now."""
        return not _names_in(self._store) and self._export.exists(self._marker)

    def first_written(self) -> datetime | None:
        """Return when a run wrote the first ledger (UTC), as far as the staging tells; None before that."""
        return self._export.modified(self._marker)

    @contextmanager
    def writing(self, info: LedgerInfo) -> Iterator[LedgerWriter]:
        """Write a ledger; it appears whole or not at all. All older ones but the last few are deleted.

        ``members`` and ``addresses`` of ``info`` are counted from what is written.
        """
        with self._writing(f"{info.sequence:010d}-{file_name(info.run_id)}.parquet", info) as writer:
            yield writer
        # After the ledger: a crash in between must not look like a loss.
        self._export.create(self._marker, b"")
        for old in _names_in(self._store)[:-_KEPT]:
            self._store.remove(old)

    @contextmanager
    def _writing(self, name: str, info: LedgerInfo, *, anew: bool = False) -> Iterator[LedgerWriter]:
        with self._store.parquet_writer(name, LEDGER, repeating=_REPEATING) as file:
            writer = LedgerWriter(file, info)
            yield writer
            members = info.members if anew else dict(writer.members)
            told = writer.info.model_copy(update={"members": members, "addresses": writer.addresses})
            file.add_key_value_metadata({_METADATA_KEY: told.model_dump_json().encode()})

    @property
    def _marker(self) -> str:
        # Outside the ledger's folder: who deletes that folder must not make a loss look like a first run.
        return self._export.named("accounts", self._account, ending=".has-ledger")

    def _open(self, name: str) -> Ledger:
        path, info = self._store.path(name), _told_in(self._store, name)
        if (info.export, info.account) != (self._export_name, self._account):
            raise LedgerError(
                f"{path} is the ledger of {info.export} for {info.account}, not of {self._export_name} for "
                f"{self._account}. {_RESTORE}"
            )
        return Ledger(self._store, name, info)


class LedgerWriter:
    """Appends rows in the order of their hash and counts what is told of the ledger as a whole.

    ``info`` may be replaced until the last row is written.
    """

    def __init__(self, file: pq.ParquetWriter, info: LedgerInfo) -> None:
        self._file = file
        self.info = info
        self.members: Counter[str] = Counter()
        self.addresses = 0

    def write(self, rows: pa.Table) -> None:
        """Append rows of the schema LEDGER."""
        if not len(rows):
            return
        self._file.write_table(rows)
        for entry in pc.value_counts(pc.list_flatten(rows["member_of"])).to_pylist():
            self.members[entry["values"]] += entry["counts"]
        self.addresses += int(pc.sum(counts_as_address(rows)).as_py() or 0)


def counts_as_address(ledger: pa.Table) -> pa.ChunkedArray:
    """Tell per row whether the destination holds the contact or may do so: then it counts to the limit.

    One that was never given anything and was only seen on a list is nobody's, as far as is known.
    """
    member, unsure, seen = (
        pc.fill_null(pc.greater(pc.list_value_length(ledger[name]), 0), False) for name in MEMBERSHIPS
    )
    was_only_seen = pc.and_not(seen, pc.or_(member, unsure))
    return pc.or_(
        pc.or_(pc.is_valid(ledger["payload_hash"]), pc.is_valid(ledger["uncertain_run"])),
        pc.and_not(pc.is_valid(ledger["contact_id"]), was_only_seen),
    )


def ledger_folders(export: Store, export_name: str) -> list[LedgerFolder]:
    """Return the ledgers of an export, for each account that it was ever delivered to."""
    accounts = (_account_of(export.sub(f"ledger/{name}"), name) for name in export.names("ledger"))
    found = dict.fromkeys(one for one in accounts if one is not None)
    return [LedgerFolder(export, export_name, one) for one in found]


def newest_ledgers(export: Store, export_name: str) -> list[Ledger]:
    """Return the ledger that counts for each account that an export was ever delivered to."""
    ledgers = (folder.latest() for folder in ledger_folders(export, export_name))
    return [ledger for ledger in ledgers if ledger.info is not None]


def newest_sequence(export: Store) -> int:
    """Return the highest sequence of any ledger of an export, whatever its account; 0 if there is none."""
    names = (name for account in export.names("ledger") for name in export.names(f"ledger/{account}"))
    return max((_sequence(name) for name in names if _NAME.fullmatch(name)), default=0)


def _account_of(ledgers: Store, name: str) -> str | None:
    """Return the account of a folder of ledgers; None where neither its name nor a ledger tells it."""
    account = text_of(name)
    if account is not None:
        return account
    return _told_in(ledgers, found[-1]).account if (found := _names_in(ledgers)) else None


def _names_in(ledgers: Store) -> list[str]:
    return [name for name in ledgers.names() if _NAME.fullmatch(name)]


def _told_in(ledgers: Store, name: str) -> LedgerInfo:
    """Return what a ledger tells of itself.

    :raises LedgerError: it can't be believed.
    """
    try:
        with ledgers.parquet_file(name, _NEEDED, advice=_RESTORE) as file:
            told = (file.metadata.metadata or {}).get(_METADATA_KEY, b"")
        return parsed(told, LedgerInfo, ledgers.path(name), _RESTORE)
    except DamagedFileError as error:
        raise LedgerError(str(error)) from error


def _sequence(name: str) -> int:
    return int(name.split("-", 1)[0])
