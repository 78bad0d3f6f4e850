"""What an erasure did, for each export and each account, and as text for a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.commands.erasing.erased_files import TakenOut
from segment_exports.records.outcomes import counted
from segment_exports.settling.forgetting import Forgotten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_exports.commands.erasing.erased_there import AccountErasure

_MOST_TOLD = 20


@dataclass(frozen=True)
class Erasure:
    """What became of it: how many addresses and ids are ``new``, how many were erased ``already``.

    ``known_to`` counts by export the rows of its ledgers that are these people's. ``unknown_emails`` and
    ``unknown_ids`` are the places, from 1, of what no ledger knows: nobody was ever delivered under it.
    ``taken_out`` tells by export what was taken out of its files, and what is left there. ``there`` tells by
    connection what was asked of its account; it is None where destinations were left alone. In a rehearsal
    (``is_dry_run``) all of it is what would be.
    """

    new: int
    already: int
    known_to: dict[str, int]
    unknown_emails: tuple[int, ...] = ()
    unknown_ids: tuple[int, ...] = ()
    taken_out: dict[str, ExportErasure] = field(default_factory=dict)
    there: dict[str, AccountErasure] | None = None
    is_dry_run: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to do at a destination that was to be asked."""
        if self.there is None:
            return True
        has_problem = any(one.problem is not None for one in self.taken_out.values())
        return not has_problem and all(one.is_done for one in self.there.values())


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


def told_of_erasure(erasure: Erasure) -> str:
    """Return what became of it and what is left to do, as lines for a person."""
    exports = ", ".join(f"{name} ({count})" for name, count in erasure.known_to.items()) or "none"
    unknown = _unknown("addresses", erasure.unknown_emails) + _unknown("ids", erasure.unknown_ids)
    if erasure.is_dry_run:
        return (
            f"Nothing was done: this is a rehearsal.\n"
            f"Addresses and ids to be erased: {erasure.new}; erased before: {erasure.already}.\n{unknown}"
            f"Exports that delivered to these people: {exports}.\n{_asked(erasure.there or {})}"
        )
    return (
        f"Addresses and ids erased: {erasure.new}; erased before: {erasure.already}.\n{unknown}"
        f"Exports that delivered to these people: {exports}. They leave the lists of each at its next run.\n"
        f"An upload under way leaves them out within seconds.\n"
        f"{''.join(_left(name, one) for name, one in erasure.taken_out.items())}"
        f"{'' if erasure.there is None else _deleted(erasure.there)}"
        f"Left to do: {_LEFT_THERE[erasure.there is not None]}, and delete their profiles in the source. "
        f"This command doesn't reach backups of the staging, other staging roots and Airflow's logs.\n"
    )


_LEFT_THERE = {
    False: "delete their contacts at the destination, which keeps a record of its own",
    True: "see to the record that each destination keeps of its own",
}


def _asked(there: Mapping[str, AccountErasure]) -> str:
    lines = []
    for connection, one in there.items():
        how_many = counted(one.asked, "contact or address", "contacts or addresses")
        lines.append(f"{_called(connection, one)} would be asked to delete {how_many}.\n")
        lines.append(_unfinished(connection, one))
    return "".join(lines) or _NOBODY_THERE


def _deleted(there: Mapping[str, AccountErasure]) -> str:
    lines = [
        f"{_called(connection, one)}: {one.asked} asked for: {one.deleted} deleted, {one.absent} not there"
        f"{f', {one.left} left' if one.left else ''}.\n{_unfinished(connection, one)}"
        for connection, one in there.items()
    ]
    return "".join(lines) or _NOBODY_THERE


_NOBODY_THERE = "No ledger or run knows of an account that holds them, so no destination is asked.\n"


def _called(connection: str, one: AccountErasure) -> str:
    return f"{connection} ({one.name})" if one.name else connection


def _unfinished(connection: str, one: AccountErasure) -> str:
    """Tell what is left at an account, and what to do."""
    lines = []
    if one.reasons:
        lines.append(f"{'; '.join(one.reasons)}. Mend it, and erase the same people again")
    if one.unnamed:
        lines.append(
            f"of {counted(one.unnamed, 'person', 'people')} who may be there no more than a hash is known: "
            f"erase them again by their addresses"
        )
    if one.of_others:
        lines.append(
            f"{counted(one.of_others, 'contact is', 'contacts are')} somebody else's too, as a ledger knows, "
            f"and left alone: look at the people there by hand"
        )
    if one.coming:
        lines.append(
            f"a run of {', '.join(one.coming)} is under way, or was killed, and what it had sent by now may "
            f"come there still: erase the same people again when it has ended"
        )
    return "".join(f"{connection}: {line}.\n" for line in lines)


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
