"""Contacts that have another address at the destination than in the ledger: two rows are one contact.

Either the run gave them the person's new address, or somebody had done so at the destination before. The
row of the new address takes over what they are members of; the one of the old address ends. Where the new
address is another person's, it is in doubt what of the first one's memberships is theirs, and the first one
has no contact any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.receipts import read_receipts
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER, LIST_KEYS, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import read_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.parquet as pq

    from segment_exports.records.staging import RunFiles
    from segment_exports.records.tables.memberships import Matrix

_KNOWN = pa.schema([LEDGER.field(name) for name in ("contact_id", *MEMBERSHIPS)])
EARLIER = _KNOWN.append(pa.field("left", LIST_KEYS))
"""What contacts of earlier addresses are members of after the run, and what they ``left`` in it."""

_COLUMNS = ["contact_id", "joins", "leaves", "moved_contact_id", "previous_contact_ids"]


class EarlierContacts(NamedTuple):
    """``known`` (schema EARLIER) are those that have a new address, or may; ``moved_ids`` those that have.

    ``taken_ids`` have another person's.
    """

    known: pa.Table
    moved_ids: pa.Array
    taken_ids: pa.Array


def earlier_contacts(
    files: RunFiles, ledger: pq.ParquetFile | None, titles: Sequence[str]
) -> EarlierContacts:
    """Find out by the answers to a run which contacts of the ledger have another row's address now."""
    moving, moved, others = ([pa.array([], pa.string())] for _ in range(3))
    for number, chunk in _chunks(files) if ledger else ():
        upserts = _answers(files, number, Operation.UPSERT, Outcome.DELIVERED)
        moving.append(chunk["moved_contact_id"].combine_chunks().drop_null())
        moved.append(_met(names_of_earlier(chunk), upserts))
        others.append(_other_than_known(chunk, upserts))
    met, unknown = pa.concat_arrays(moved), pa.concat_arrays(others)
    unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=met)))
    ids = pc.unique(pa.concat_arrays([*moving, met, unknown]))
    if ledger is None or not len(ids):
        return EarlierContacts(EARLIER.empty_table(), met, unknown.slice(0, 0))
    pieces = read_columns(ledger, _KNOWN)
    found = [piece.filter(pc.is_in(piece["contact_id"], value_set=ids)) for piece in pieces]
    known = pa.concat_tables([_KNOWN.empty_table(), *found]).combine_chunks()
    taken = pc.unique(known["contact_id"])
    taken = taken.filter(pc.is_in(taken, value_set=unknown))
    return EarlierContacts(_after_leaves(files, known, titles), met, taken)


def names_of_earlier(chunk: pa.Table) -> pa.Table:
    """Return pairs of a chunk's ``row`` and the id of a contact that its person was at another address."""
    previous = chunk["previous_contact_ids"].combine_chunks()
    rows = pc.list_parent_indices(previous)
    pairs = pa.table({"row": rows.cast(pa.int64()), "contact_id": pc.list_flatten(previous)})
    moving = chunk["moved_contact_id"].combine_chunks()
    places = pa.array(np.flatnonzero(pc.is_valid(moving).to_numpy(zero_copy_only=False)), pa.int64())
    return pa.concat_tables([pairs, pa.table({"row": places, "contact_id": moving.drop_null()})])


def _after_leaves(files: RunFiles, known: pa.Table, titles: Sequence[str]) -> pa.Table:
    """Return what they are members of after what they left; a leave of unknown fate leaves that in doubt.

    Who left is told by the answer: under the address of another row, where no move was possible.
    """
    ids = known["contact_id"].combine_chunks()
    sure, unsure, seen = (to_matrix(known[name], titles) for name in _KNOWN.names[1:])
    left, doubted = np.zeros_like(sure), np.zeros_like(sure)
    for number, chunk in _chunks(files):
        done_by_all = _answers(files, number, Operation.LEAVE, Outcome.DELIVERED)
        left |= _matrix(done_by_all, pc.index_in(done_by_all["contact_id"], value_set=ids), len(ids), titles)
        leavers = pc.index_in(chunk["contact_id"], value_set=ids).combine_chunks()
        rows = np.flatnonzero(pc.is_valid(leavers).to_numpy(zero_copy_only=False))
        if not len(rows):
            continue
        places = leavers.drop_null().to_numpy()
        unchanged = _answers(files, number, Operation.LEAVE, Outcome.UNCHANGED)
        done, kept = (
            _matrix(answers, answers["row"], len(chunk), titles)[rows] for answers in (done_by_all, unchanged)
        )
        planned, joins = (to_matrix(chunk[name].take(pa.array(rows)), titles) for name in ("leaves", "joins"))
        np.logical_or.at(doubted, places, (planned & ~done & ~kept) | joins)
    held = (sure & ~left & ~doubted, (unsure | doubted) & ~left, seen & ~left, left)
    return pa.table([ids, *(to_lists(matrix, titles) for matrix in held)], schema=EARLIER)


def _met(pairs: pa.Table, upserts: pa.Table) -> pa.Array:
    """Return the earlier contacts whose ids were answered for the new address."""
    place = pc.index_in(pairs["row"], value_set=upserts["row"].cast(pa.int64()).combine_chunks())
    answered = upserts["contact_id"].take(place)
    return pairs.filter(pc.fill_null(pc.equal(answered, pairs["contact_id"]), False))[
        "contact_id"
    ].combine_chunks()


def _other_than_known(chunk: pa.Table, upserts: pa.Table) -> pa.Array:
    """Return the ids that were answered for rows of whose contact another was known, or none."""
    known = chunk["contact_id"].combine_chunks().take(upserts["row"].combine_chunks())
    is_other = pc.fill_null(pc.not_equal(upserts["contact_id"], known), True)
    return upserts["contact_id"].filter(is_other).combine_chunks().drop_null()


def _chunks(files: RunFiles) -> Iterator[tuple[int, pa.Table]]:
    for name in files.store.names("chunks"):
        number = int(name.removesuffix(".parquet"))
        with files.store.parquet_file(files.chunk(number), _COLUMNS) as file:
            yield number, file.read(columns=_COLUMNS, use_threads=False).combine_chunks()


def _answers(files: RunFiles, number: int, operation: Operation, outcome: Outcome) -> pa.Table:
    answers = read_receipts(files.store, number).table
    return answers.filter(
        pc.and_(pc.equal(answers["operation"], operation.value), pc.equal(answers["outcome"], outcome.value))
    )


def _matrix(answers: pa.Table, rows: pa.ChunkedArray, size: int, titles: Sequence[str]) -> Matrix:
    """Return the lists of these answers by row; those of none (null) are left out."""
    place = pc.index_in(answers["list"], value_set=pa.array(titles, pa.string()))
    known = pc.and_(pc.is_valid(place), pc.is_valid(rows))
    matrix = np.zeros((size, len(titles)), np.bool_)
    matrix[rows.filter(known).to_numpy(), place.filter(known).to_numpy()] = True
    return matrix
