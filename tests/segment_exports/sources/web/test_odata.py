from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sources.web.odata import SeenKeys

ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(), max_size=3), max_size=4)


@given(st.lists(ROWS, max_size=3), st.sets(st.sampled_from("abc")))
def test_a_column_that_no_row_has_is_missed_and_one_without_a_value_is_not(
    pages: list[list[dict[str, Any]]], wanted: set[str]
) -> None:
    seen = SeenKeys("The service", "the table", wanted)
    for rows in pages:
        seen.add(rows)

    every = [row for rows in pages for row in rows]
    missing = sorted(wanted - {key for row in every for key in row})
    if not (every and missing):
        seen.require_all()
        return
    with pytest.raises(
        SourceError, match=rf"the table without {', '.join(missing)} in any row \({len(every)} read\)"
    ):
        seen.require_all()
