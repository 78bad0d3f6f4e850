"""Rows of the tables as the services write them in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.tenant import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from segment_emulators.customer_insights.tables import Tables

_TYPES = {attribute.name: attribute.data_type for attribute in ATTRIBUTES}


def profile_rows(
    tables: Tables, rows: NDArray[np.int64], names: Mapping[str, str], *, numbers: bool
) -> list[dict[str, Any]]:
    """Return some customers with some attributes (tenant's name → name in the answer)."""
    chosen = tables.profiles.select(list(names)).take(rows)
    columns = {
        public: _values(chosen.column(name).to_pylist(), _TYPES[name] if numbers else "string")
        for name, public in names.items()
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(texts: list[str | None], data_type: str) -> list[Any]:
    if data_type == "int64":
        return [_number(text, int) for text in texts]
    if data_type == "double":
        return [_number(text, float) for text in texts]
    return texts


def _number(text: str | None, kind: type[int] | type[float]) -> Any:
    """Return a number, or the text as it is: generated data hold ``n/a`` in a column of numbers."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        return text
