from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.sources.web.odata import SeenKeys

ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(), max_size=3), max_size=4)


@given(st.lists(ROWS, max_size=3), st.sets(st.sampled_from("abc")))
def test_a_column_that_a_row_lacks_is_missed_and_one_without_a_value_is_not(
    pages: list[list[dict[str, Any]]], wanted: set[str]
) -> None:
    seen = SeenKeys("The service", "the table", wanted)
    every = [row for rows in pages for row in rows]
    lacking = {key: sum(key not in row for row in every) for key in wanted}

    def take_all() -> None:
        for rows in pages:
            seen.add(rows)
        seen.require_all()

    if not any(lacking.values()):
        take_all()
    elif any(0 < count < len(every) for count in lacking.values()):
        with pytest.raises(SourceNotReadyError, match=r"the table without .* in \d+ of \d+ rows"):
            take_all()
    else:
        missing = ", ".join(sorted(key for key, count in lacking.items() if count))
        with pytest.raises(
            SourceError, match=rf"the table without {missing} in any row \({len(every)} read\)"
        ):
            take_all()
