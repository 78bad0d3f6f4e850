"""List membership as boolean matrices: one row per contact, one column per list.

Set algebra on membership (who joins, who leaves) is then plain numpy, and costs one byte per contact
and list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Matrix = npt.NDArray[np.bool_]


def to_matrix(column: pa.ChunkedArray | pa.Array, titles: Sequence[str]) -> Matrix:
    """Return a list<string> column as a matrix; values that are not in ``titles`` are left out."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    matrix = np.zeros((len(array), len(titles)), dtype=np.bool_)
    if len(array) and titles:
        place = pc.index_in(pc.list_flatten(array), pa.array(titles, pa.string()))
        known = pc.is_valid(place)
        rows = pc.filter(pc.list_parent_indices(array), known).to_numpy()
        matrix[rows, pc.filter(place, known).to_numpy()] = True
    return matrix


def to_lists(matrix: Matrix, titles: Sequence[str]) -> pa.ListArray:
    """Return a matrix as a list<string> column, titles in the order given."""
    rows, columns = np.nonzero(matrix)
    offsets = np.zeros(len(matrix) + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=len(matrix)), out=offsets[1:])
    values = pa.array(titles, pa.string()).take(pa.array(columns.astype(np.int32)))
    return pa.ListArray.from_arrays(pa.array(offsets), values)
