"""``make move EXPORT=newsletter TO=ortto_default``: whoever may not be mailed, before the first export.

A dry run by default. It needs the secret of the ledgers, for of whom was erased nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from segment_exports.commands.given import add_staging
from segment_exports.commands.moving.accounts import new_account, old_account, require_idle
from segment_exports.commands.moving.marker import Moved, note_moved
from segment_exports.commands.moving.move import look, read_refusals, write
from segment_exports.commands.moving.refused import RefusedPeople
from segment_exports.commands.moving.told import (
    Names,
    told_of_doubt,
    told_of_dry_run,
    told_of_the_new,
    told_of_the_old,
    told_of_written,
)
from segment_exports.commands.terminal import complain, say
from segment_exports.definition import definitions_folder, delivered_in, load_export
from segment_exports.errors import DefinitionError, own_words
from segment_exports.records.secret_in_use import hasher_in_use
from segment_exports.records.tombstones import erased_hashes
from segment_exports.settings.ledger_secret import ledger_secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from segment_exports.commands.given import LookUp, OpenStaging
    from segment_exports.commands.moving.accounts import NewAccount, OldAccount, OpenAccount
    from segment_exports.commands.moving.move import Counts
    from segment_exports.destinations.moving import RefusalWriter
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import Store

_WHOLE, _LISTS = "account", "lists"


def main(
    arguments: list[str],
    *,
    open_staging: OpenStaging,
    look_up: LookUp,
    open_account: OpenAccount,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Move an export, or tell what that would do.

    :return: 0; 1 where it was not moved: what to do stands on standard error; 2 for a wrong command line; 130
        where it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="segment-exports move",
        description="Keep whoever may not be mailed by one account from being mailed by another.",
    )
    add_staging(parser)
    parser.add_argument("export", help="name of the export")
    parser.add_argument("to", help="connection of the account that it moves to")
    parser.add_argument(
        "--from", dest="from_", metavar="CONNECTION", help="that of the account which it leaves, if unclear"
    )
    parser.add_argument(
        "--scope",
        choices=(_WHOLE, _LISTS),
        default=_WHOLE,
        help="whose permission is moved: everybody's of the old account, for they may get into a segment "
        "later (default), or that of the people on the export's lists",
    )
    parser.add_argument("--apply", action="store_true", help="write it; without, nothing is written anywhere")
    chosen = parser.parse_args(arguments)
    if not (chosen.export and chosen.to):
        parser.error(
            "name an export (EXPORT=newsletter) and the connection that it moves to (TO=ortto_default)"
        )
    try:
        staging = open_staging(chosen.staging)
        definition = load_export(definitions_folder(), chosen.export, delivered_in(lambda: staging))
        old = old_account(definition, staging, open_account, chosen.from_, chosen.to)
        new = new_account(open_account, chosen.to)
        hasher = hasher_in_use(staging, ledger_secret(look_up))
        move = _Move(definition.name, staging, old, new, hasher, chosen.scope)
        if chosen.apply:
            require_idle(staging, chosen.to)
        return asyncio.run(move.run(sleep if chosen.apply else None))
    except KeyboardInterrupt:
        complain("Ended before it was done, and nothing is noted. Run the same command again: it goes on")
        return 130
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1


class _Move:
    """One move, with what it is made of."""

    def __init__(
        self,
        export: str,
        staging: Store,
        old: OldAccount,
        new: NewAccount,
        hasher: KeyedHasher,
        scope: str,
    ) -> None:
        self._staging, self._old, self._new = staging, old, new
        self._hasher, self._scope = hasher, scope
        self._names = Names(
            export,
            f"{old.destination.name} ({old.account.connection_id})",
            f"{new.destination.name} ({new.account.connection_id})",
        )
        if scope == _LISTS and not old.list_ids:
            raise DefinitionError(
                f"no list of {export} is known in {self._names.old}: move the permission of the whole account"
            )

    async def run(self, sleep: Callable[[float], Awaitable[object]] | None) -> int:
        """Do it; without anything to wait by, only tell what it would do."""
        people, counts = await self._read()
        try:
            async with self._new.destination.refusal_writer(self._new.account) as writer:
                found = await look(writer, people)
                say(told_of_the_new(self._names, found, people))
                if sleep is not None:
                    return await self._write(writer, people, counts, sleep)
                each = (found.nobody + found.maybe_mailed, counts.undeliverable)
                requests = sum(-(-one // writer.most_written) for one in each)
                say(told_of_dry_run(self._names, counts, found, requests))
                return 0
        finally:
            people.close()

    async def _read(self) -> tuple[RefusedPeople, Counts]:
        people, counts = await read_refusals(
            self._old.destination.refusals(self._old.account),
            partial(RefusedPeople, self._hasher),
            self._hasher,
            ours=frozenset(self._old.list_ids),
            erased=erased_hashes(self._staging, self._hasher),
            list_ids=self._old.list_ids if self._scope == _LISTS else None,
        )
        say(told_of_the_old(self._names, counts, self._scope))
        if not counts.contacts:
            people.close()
            raise DefinitionError(
                f"{self._names.export} is not moved: {self._names.old} shows nobody at all. Is the key in "
                f"its connection that of the account which you leave?"
            )
        return people, counts

    async def _write(
        self,
        writer: RefusalWriter,
        people: RefusedPeople,
        counts: Counts,
        sleep: Callable[[float], Awaitable[object]],
    ) -> int:
        why = f"Unsubscribed in {self._old.destination.name}, from where {self._names.export} moved"
        erased = partial(erased_hashes, self._staging, self._hasher)
        written, doubt = await write(writer, people, why, erased=erased, sleep=sleep)
        if doubt.left.any():
            complain(told_of_doubt(self._names, doubt, people))
            return 1
        say(told_of_written(self._names, written))
        move = Moved(
            export=self._names.export,
            from_connection=self._old.account.connection_id,
            to_connection=self._new.account.connection_id,
            moved_at=datetime.now(UTC),
            scope=self._scope,
            contacts=counts.contacts,
            unsubscribed=written.refused,
            undeliverable=counts.undeliverable,
        )
        place = note_moved(self._staging, move)
        say(
            f"{move.export} is moved, which {place} notes. What is left to do, above all in the definition, "
            f"is in docs/moving-to-ortto.md.\n"
        )
        return 0
