"""Columns that every segment of ``profiles/`` has or may have, whatever its attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

CUSTOMER_ID = "CustomerId"
PREVIOUS_CUSTOMER_ID = "PreviousCustomerId"
"""Ids that merged into this customer, separated by semicolons; read where the source has it."""
WITHOUT_PROFILE = "@without_profile"
"""Has a value where the source knows of a member no more than the CustomerId: no attribute has such a name.
What isn't known of somebody, their permission too, is not an empty value."""


def has_profile(profiles: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell for each row of a batch whether the source had a profile."""
    if WITHOUT_PROFILE not in profiles.schema.names:
        return np.ones(len(profiles), np.bool_)
    return np.asarray(profiles.column(WITHOUT_PROFILE).is_null())
