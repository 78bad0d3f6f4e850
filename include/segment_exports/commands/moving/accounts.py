"""From which account an export is moved to which, and which lists are its own there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.destinations.moving import CanBeLeft, CanBeMovedTo
from segment_exports.errors import DefinitionError, DestinationError, LeaseHeldError, StagingError
from segment_exports.records.lease import holder
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.plan import planned
from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.definition import ExportDefinition
    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.destinations.opening import Destination
    from segment_exports.records.staging import Store

    OpenAccount = Callable[[str], tuple[Destination, AccountConnection]]


@dataclass(frozen=True)
class OldAccount:
    """Where people are; ``list_ids`` are those of the export's lists, as far as we know them."""

    destination: CanBeLeft
    account: AccountConnection
    list_ids: tuple[str, ...]


@dataclass(frozen=True)
class NewAccount:
    """Where they go."""

    destination: CanBeMovedTo
    account: AccountConnection


def old_account(
    definition: ExportDefinition, staging: Store, open_account: OpenAccount, from_: str | None, to: str
) -> OldAccount:
    """Return the account that an export leaves.

    :param from_: its connection; None for the one of the definition, or else of the export's ledgers.
    :raises DefinitionError: nothing tells which it is, or it is the new one.
    :raises DestinationError: its connection may not be used, or it is of a type that nothing is moved from.
    """
    connection = from_ or _told_account(definition, staging, to)
    if connection == to:
        raise DefinitionError(
            f"{to} is what {definition.name} is to leave: name another connection to move to"
        )
    destination, account = open_account(connection)
    kept = staging.sub(staging.named("_accounts", connection))
    known = destination.known_lists(kept)
    ours = [known.get(one.title) for one in definition.lists]
    if definition.destination.connection == connection:
        ours += [one.list_id for one in definition.lists]
    account.require_usable()
    if not isinstance(destination, CanBeLeft):
        raise _unable(f"{connection} is an account of {destination.name}, from which nothing is moved")
    return OldAccount(destination, account, tuple(dict.fromkeys(filter(None, ours))))


def new_account(open_account: OpenAccount, to: str) -> NewAccount:
    """Return the account that an export goes to.

    :raises DestinationError: its connection may not be used, or it is of a type that nothing is moved to.
    """
    destination, account = open_account(to)
    account.require_usable()
    if not isinstance(destination, CanBeMovedTo):
        raise _unable(f"{to} is an account of {destination.name}, to which nothing is moved")
    return NewAccount(destination, account)


def require_idle(staging: Store, to: str) -> None:
    """Refuse while a run delivers to the new account: nobody may stand in two requests at once.

    :raises LeaseHeldError: one does, or was killed while it did.
    """
    for name in staging.names():
        lease = None if name.startswith("_") else holder(staging.sub(name))
        if lease is None:
            continue
        with suppress(StagingError):  # it has planned nothing yet
            if planned(RunFiles(staging.sub(name), lease.run_id).store).account == to:
                raise LeaseHeldError(
                    f"run {lease.run_id} of {name} delivers to {to}, or was killed while it did: wait for "
                    f"its end, or trigger the export once more. Exports that are moved should be paused"
                )


def _unable(told: str) -> DestinationError:
    return DestinationError(f"{told}: exports are moved from Autopilot to Ortto")


def _told_account(definition: ExportDefinition, staging: Store, to: str) -> str:
    """Return the connection of the definition, or where that is the new one already, of its other ledger."""
    if definition.destination.connection != to:
        return definition.destination.connection
    ledgers = newest_ledgers(staging.sub(definition.name), definition.name)
    others = sorted({one.info.account for one in ledgers if one.info} - {to})
    if len(others) == 1:
        return others[0]
    told = f"its ledgers are of {', '.join(others)}" if others else "it has no ledger of another account"
    raise DefinitionError(
        f"which account {definition.name} leaves for {to} isn't clear: {told}. Name its connection (FROM=)"
    )
