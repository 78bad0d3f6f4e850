"""The ledger, with every membership under the title that its list has now.

A ledger knows lists by title, and a definition may give a title another list, or a list another title. What
was held goes with the list: under its new title, or else under a former one of its own, where it stays due
to leave of whoever withdraws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import SortedReader, hash_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.ledger import Ledger, LedgerFolder, LedgerInfo
    from segment_exports.records.tables.memberships import Matrix


def ids_of_lists(
    definition: ExportDefinition, made: Mapping[str, str], info: LedgerInfo | None
) -> dict[str, str]:
    """Return the ids of the lists of definition and ledger by title, empty where none is known.

    :param made: ids of the lists that we made in the account, by title. Of a former list the ledger's counts:
        another one may have got its title since.
    """
    former = {title: held or made.get(title, "") for title, held in (info.lists if info else {}).items()}
    named = ids_of_definition(definition, made)
    return former | {title: list_id or former.get(title, "") for title, list_id in named.items()}


def ids_of_definition(definition: ExportDefinition, made: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the definition's lists by title, empty where it names none and we made none."""
    return {one.title: one.list_id or made.get(one.title, "") for one in definition.lists}


def with_titles_now(
    ledger: Ledger, ids: Mapping[str, str], *, into: LedgerFolder, told: Mapping[str, object]
) -> Ledger:
    """Return the ledger itself, or a new one where a list's title or a title's list is another now.

    :param ids: of the definition's lists (:func:`ids_of_definition`).
    :param into: where the new one is written.
    :param told: what is told of it as a whole: sequence, run_id, written_at.
    """
    if ledger.info is None:
        return ledger
    now = ledger.info.titles_now(ids)
    if all(title == former for former, title in now.items()):
        return ledger
    filled = tuple(dict.fromkeys(now.get(title, title) for title in ledger.info.filled))
    lists = {now[title]: list_id for title, list_id in ledger.info.lists.items()}
    settled = ledger.info.settled_sequence
    now_told = {**told, "lists": lists, "filled": filled, "settled": settled}
    info = ledger.info.model_copy(update=now_told)
    with ledger.opened() as file, into.writing(info) as writer:
        rows = SortedReader.of_file(file, LEDGER)
        for bound in hash_ranges(file.metadata.num_rows if file else 0):
            writer.write(_renamed(rows.below(bound), now))
    return into.latest()


def _renamed(rows: pa.Table, now: Mapping[str, str]) -> pa.Table:
    before, after = list(now), list(dict.fromkeys(now.values()))
    sources = [[at for at, title in enumerate(before) if now[title] == one] for one in after]
    sure, unsure, seen = (to_matrix(rows[name], before) for name in MEMBERSHIPS)
    # Two titles of one list: what they don't agree on is in doubt.
    certain = _of_each(sure, sources, np.logical_and)
    doubted = _of_each(sure | unsure, sources, np.logical_or) & ~certain
    seen = _of_each(seen, sources, np.logical_or) & ~certain & ~doubted
    for name, matrix in zip(MEMBERSHIPS, (certain, doubted, seen), strict=True):
        rows = rows.set_column(LEDGER.names.index(name), LEDGER.field(name), to_lists(matrix, after))
    return rows


def _of_each(held: Matrix, sources: Sequence[Sequence[int]], way: np.ufunc) -> Matrix:
    columns = [way.reduce(held[:, of], axis=1) for of in sources]
    matrix: Matrix = np.stack(columns, axis=1)
    return matrix
