"""Lists on which another ledger of the staging has people: a first plan for them knows nothing of these.

So it is where an export got another name, its connection another, or a segment moved to another definition
with its list. The other ledger may be looked at by no run any more.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from segment_exports.planning.lists.titles_now import ids_of_definition
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.notes.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.ledger import LedgerInfo
    from segment_exports.records.staging import Store


def lists_of_others(
    staging: Store,
    definition: ExportDefinition,
    account: str,
    made: Mapping[str, str],
    info: LedgerInfo | None,
) -> tuple[Loss, ...]:
    """Return the lists of the definition on which other ledgers have people whom the export's can't know.

    A list is one by its id; where lists are fields, by its title.

    :param account: id of the connection that the export goes by now.
    :param made: ids of the lists that we made in the account, by title.
    :param info: of the export's ledger for its account, before its titles are those of now.
    :raises LedgerError: a ledger of another export or connection can't be believed.
    """
    kind = definition.destination.membership.kind
    own = _titles_by_list(kind, ids_of_definition(definition, made))
    known = _titles_by_list(kind, info.lists) if info is not None and info.membership == kind else {}
    return tuple(
        Loss.of_list(own[key], members, other, account)
        for other in _others(staging, definition.name, account)
        if other.membership == kind
        for key, members in _held(kind, other).items()
        if key in own and (key not in known or _took_over(other, info))
    )


def _others(staging: Store, export: str, account: str) -> Iterator[LedgerInfo]:
    for name in staging.names():
        if not name.startswith("_"):
            for ledger in newest_ledgers(staging.sub(name), name):
                info = ledger.info
                if info is not None and (info.export, info.account) != (export, account):
                    yield info


def _took_over(other: LedgerInfo, info: LedgerInfo | None) -> bool:
    """Tell whether the export has gone by another connection since its ledger for this one was written."""
    if info is None or other.export != info.export:
        return False
    return datetime.fromisoformat(other.written_at) > datetime.fromisoformat(info.written_at)


def _titles_by_list(kind: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Return titles by what tells one list from another; a list without an id is still to be made."""
    if kind != "list":
        return {title: title for title in ids}
    return {list_id: title for title, list_id in ids.items() if list_id}


def _held(kind: str, other: LedgerInfo) -> dict[str, int]:
    found = _titles_by_list(kind, other.lists)
    return {key: other.members[title] for key, title in found.items() if other.members.get(title)}
