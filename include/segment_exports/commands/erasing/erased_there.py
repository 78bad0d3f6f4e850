"""Erased people are deleted at the destinations too, where the person who erases them asks for that.

The ledgers tell which account holds whom, and as which contact; the plan of a run that is under way tells it
of those whom no ledger has yet. That is noted (``_accounts/<connection>/to_be_erased.json``: contact ids and
keyed hashes) before ledgers forget it, and the note goes with the last of it that is done: so it can be done
again after anything.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from segment_exports.destinations.erasing import Fate
from segment_exports.errors import own_words
from segment_exports.records.lease import holder
from segment_exports.records.ledger import counts_as_address
from segment_exports.records.plan import planned
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import LEDGER
from segment_exports.records.tables.sorted_tables import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.destinations.opening import Destination
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store
    from segment_exports.settling.forgetting import ErasedPeople

OpenAccount: TypeAlias = "Callable[[str], tuple[Destination, AccountConnection]]"
"""Leads from the id of a connection to its account, as the connection is now."""

_ACCOUNTS = "_accounts"
_NOTE = "to_be_erased.json"
_ADVICE = (
    "It names contacts that are still to be deleted: restore it, or delete them by hand and move it away"
)
_OF_A_PLAN = (RunFiles.CHANGES, RunFiles.DUTIES)
_PLANNED = ("email_hash", "customer_hash", "contact_id", "previous_customer_hashes")


class Due(BaseModel):
    """Whom an account is to be asked for: contacts by id, and addresses by the digits of their hash.

    ``coming`` names the exports of which a run is under way that may make them anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection: str
    contact_ids: tuple[str, ...] = ()
    email_hashes: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()

    def left(self, ids: Sequence[Fate], emails: Mapping[str, Fate]) -> Due:
        """Return who is left to ask for.

        :param ids: the fate of each contact.
        :param emails: of the addresses that were asked for, by their hash.
        """
        of_ids = zip(self.contact_ids, ids, strict=True)
        contacts = tuple(one for one, fate in of_ids if fate is Fate.LEFT)
        hashes = tuple(one for one in self.email_hashes if emails.get(one, Fate.LEFT) is Fate.LEFT)
        return self.model_copy(update={"contact_ids": contacts, "email_hashes": hashes})


@dataclass
class AccountErasure:
    """What became of erased people at one account.

    :param name: of the service; empty where the connection doesn't tell.
    :param asked: how many contacts and addresses were asked for, or would be.
    :param absent: those of them that weren't there.
    :param left: those that may be there still, for ``reasons``.
    :param unnamed: addresses that are known by their hash alone: only who has them can ask for them.
    :param of_others: contacts that ledgers have as other people's too.
    """

    name: str = ""
    asked: int = 0
    deleted: int = 0
    absent: int = 0
    left: int = 0
    reasons: tuple[str, ...] = ()
    unnamed: int = 0
    of_others: int = 0
    coming: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nobody of them can be there any more."""
        return not (self.left or self.reasons or self.unnamed or self.of_others or self.coming)


@dataclass
class _Found:
    """Whom exports know at one account."""

    contact_ids: set[str] = field(default_factory=set)
    email_hashes: set[bytes] = field(default_factory=set)
    coming: set[str] = field(default_factory=set)
    of_others: set[str] = field(default_factory=set)


class Destinations:
    """The accounts that erased people are deleted at.

    :param staging: the root of all exports.
    :param addresses: those that were given, by their keyed hash.
    """

    def __init__(self, staging: Store, addresses: Mapping[bytes, str]) -> None:
        self._staging = staging
        self._addresses = addresses
        self._found: dict[str, _Found] = defaultdict(_Found)
        for one in noted_by_account(staging):
            noted = self._found[one.connection]
            noted.contact_ids.update(one.contact_ids)
            noted.email_hashes.update(map(bytes.fromhex, one.email_hashes))

    def add(self, name: str, ledgers: Sequence[Ledger], people: ErasedPeople) -> None:
        """Take note of those whom an export knows: its ledgers, and the run that is under way.

        :raises StagingError: a file of that run can't be believed.
        """
        for ledger in ledgers:
            for rows in _rows(ledger):
                theirs = rows.filter(people.rows(rows))
                self._add(_account(ledger), theirs.filter(counts_as_address(theirs)))
        export = self._staging.sub(name)
        if (lease := holder(export)) is None:
            return
        # What it has on the wire comes after the deletion, and no ledger may know of it.
        store = RunFiles(export, lease.run_id).store
        for table in filter(store.exists, _OF_A_PLAN):
            account = planned(store).account
            for rows in _planned_rows(store, table):
                if self._add(account, rows.filter(people.rows(rows))):
                    self._found[account].coming.add(name)

    def spare(self, ledgers: Sequence[Ledger], people: ErasedPeople) -> None:
        """Leave alone the contacts that an export's ledgers have as somebody's who isn't erased."""
        for ledger in ledgers:
            found = self._found.get(_account(ledger), _Found())
            wanted = pa.array(sorted(found.contact_ids), pa.string())
            for rows in _rows(ledger) if len(wanted) else ():
                held = rows.filter(pc.is_in(rows["contact_id"], value_set=wanted))
                found.of_others.update(held.filter(pc.invert(people.rows(held)))["contact_id"].to_pylist())

    def due(self) -> list[Due]:
        """Return whom each account is to be asked for, by what was added and what was noted before."""
        return [
            Due(
                connection=account,
                contact_ids=tuple(sorted(found.contact_ids - found.of_others)),
                email_hashes=tuple(sorted(one.hex() for one in found.email_hashes)),
                coming=tuple(sorted(found.coming)),
            )
            for account, found in sorted(self._found.items())
        ]

    def note(self, due: Due) -> None:
        """Write down whom an account is to be asked for, in place of what was noted; nothing for nobody."""
        folder = self._staging.sub(self._staging.named(_ACCOUNTS, due.connection))
        if due.contact_ids or due.email_hashes:
            folder.write_json(_NOTE, due.model_dump(mode="json", exclude={"coming"}))
        else:
            folder.remove(_NOTE)

    def delete(self, due: Due, open_account: OpenAccount, *, is_dry_run: bool = False) -> AccountErasure:
        """Delete people at one account, and note who is left.

        :param is_dry_run: look only whether it may be asked, and for how many.
        """
        emails = self._given(due)
        told = AccountErasure(
            asked=len(due.contact_ids) + len(emails),
            unnamed=len(due.email_hashes) - len(emails),
            of_others=len(self._found[due.connection].of_others),
            coming=due.coming,
        )
        try:
            destination, account = open_account(due.connection)
            told.name = destination.name
            account.require_usable()
            if is_dry_run or not told.asked:
                return told
            eraser = destination.eraser(account)
            found = asyncio.run(eraser.erase(list(emails.values()), due.contact_ids))
        except Exception as error:  # noqa: BLE001 - it is told; our own records are erased all the same
            told.left, told.reasons = told.asked, (str(own_words(error)),)
            return told
        fates = [*found.contact_ids, *found.emails]
        told.deleted, told.absent, told.left = map(fates.count, (Fate.DELETED, Fate.ABSENT, Fate.LEFT))
        told.reasons = found.reasons
        if not due.coming:
            self.note(due.left(found.contact_ids, dict(zip(emails, found.emails, strict=True))))
        return told

    def _add(self, account: str, theirs: pa.Table) -> bool:
        """Add people: a contact by its id; an address where it is given, or all that is known of somebody."""
        if not len(theirs):
            return False
        found = self._found[account]
        found.contact_ids.update(theirs["contact_id"].drop_null().to_pylist())
        nameless = theirs.filter(pc.is_null(theirs["contact_id"]))
        found.email_hashes.update(nameless["email_hash"].to_pylist())
        found.email_hashes.update(one for one in theirs["email_hash"].to_pylist() if one in self._addresses)
        return True

    def _given(self, due: Due) -> dict[str, str]:
        """Return those of the addresses that are given, by their hash."""
        found = {one: self._addresses.get(bytes.fromhex(one)) for one in due.email_hashes}
        return {one: text for one, text in found.items() if text is not None}


def noted_by_account(staging: Store) -> Iterator[Due]:
    """Give whom each account is still to be asked for, as it was noted.

    :raises StagingError: a note can't be believed.
    """
    for name in staging.names(_ACCOUNTS):
        folder = staging.sub(f"{_ACCOUNTS}/{name}")
        if folder.exists(_NOTE):
            yield folder.read_model(_NOTE, Due, advice=_ADVICE)


def _account(ledger: Ledger) -> str:
    return ledger.info.account if ledger.info else ""


def _rows(ledger: Ledger) -> Iterator[pa.Table]:
    with ledger.opened() as file:
        yield from read_columns(file, LEDGER) if file else ()


def _planned_rows(store: Store, table: str) -> Iterator[pa.Table]:
    with store.parquet_file(table, ["email_hash", "contact_id"]) as file:
        columns = [one for one in _PLANNED if one in file.schema_arrow.names]
        for batch in file.iter_batches(columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])
