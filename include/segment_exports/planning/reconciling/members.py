"""Who is on the lists, read back of the destination: as members of a list, or by a field of contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from segment_exports.errors import NotFoundError
from segment_exports.mapping.email_address import judge_emails
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.tables.memberships import to_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_exports.planning.basis import PlanRequest
    from segment_exports.planning.destination import DestinationReader
    from segment_exports.records.ledger import Ledger


class Shown(NamedTuple):
    """``members`` (schema MEMBERS) by title of their list; the lists of the titles ``gone`` are no more."""

    members: dict[str, pa.Table]
    gone: frozenset[str]


MEMBERS = pa.schema([pa.field("contact_id", pa.string()), pa.field("email_hash", HASH_TYPE)])
"""Members of a list; ``email_hash`` is null where the address is none."""

_ON = pa.field("on", pa.list_(pa.string()))


def read_members(
    request: PlanRequest, ledger: Ledger, reader: DestinationReader, list_ids: Mapping[str, str]
) -> Shown:
    """Return the members of the lists of definition and ledger.

    They are read as the definition keeps membership now. A list without an id is not read; of lists that are
    fields every one is.

    :param list_ids: ids of the lists by title.
    :raises NotFoundError: a list of the definition is gone.
    """
    own = [target.title for target in request.definition.lists]
    titles = tuple(dict.fromkeys([*ledger.titles, *own]))
    if request.definition.destination.membership.kind == "field":
        return Shown(_by_field(request, reader, titles), frozenset())
    members, gone = {}, set()
    for title in filter(list_ids.get, titles):
        try:
            members[title] = _of_list(request, reader, list_ids[title])
        except NotFoundError:
            if title in own:
                raise
            members[title] = MEMBERS.empty_table()
            gone.add(title)
    return Shown(members, frozenset(gone))


def _of_list(request: PlanRequest, reader: DestinationReader, list_id: str) -> pa.Table:
    pages = [
        _people(request, [one[0] for one in page], [one[1] for one in page])
        for page in reader.members(list_id)
    ]
    return pa.concat_tables([MEMBERS.empty_table(), *pages]).combine_chunks()


def _by_field(
    request: PlanRequest, reader: DestinationReader, titles: tuple[str, ...]
) -> dict[str, pa.Table]:
    pages = [MEMBERS.append(_ON).empty_table()]
    for page in reader.flagged(titles):
        people = _people(request, [one[0] for one in page], [one[1] for one in page])
        pages.append(people.append_column(_ON, pa.array([one[2] for one in page], _ON.type)))
    everybody = pa.concat_tables(pages).combine_chunks()
    is_on, people = to_matrix(everybody[_ON.name], titles), everybody.select(MEMBERS.names)
    return {title: people.filter(pa.array(is_on[:, column])) for column, title in enumerate(titles)}


def _people(request: PlanRequest, ids: Sequence[str], emails: Sequence[str | None]) -> pa.Table:
    accepted = judge_emails(pa.array(emails, pa.string())).emails
    return pa.table([ids, request.hasher.column(accepted)], schema=MEMBERS)
