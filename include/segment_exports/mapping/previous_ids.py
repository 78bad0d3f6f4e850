"""Customer ids that merged into a customer, as Customer Insights lists them in ``PreviousCustomerId``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

_SEPARATOR = ";"


@dataclass(frozen=True)
class PreviousIds:
    """The single ids of a column, and the row each stands in; rows ascend."""

    ids: pa.StringArray
    rows: npt.NDArray[np.int64]


def split_previous_ids(values: pa.StringArray) -> PreviousIds:
    """Split a column at its semicolons; blanks around an id and empty ids are dropped."""
    given = np.flatnonzero(np.asarray(values.is_valid()))
    lists = pc.split_pattern(values.drop_null(), _SEPARATOR)
    ids = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    kept = pc.not_equal(ids, "")
    return PreviousIds(ids.filter(kept), given[np.asarray(pc.list_parent_indices(lists).filter(kept))])
