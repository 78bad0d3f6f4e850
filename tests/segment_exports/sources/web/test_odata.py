from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sources.ci_api.member_pages import Paging, member_pages
from segment_exports.sources.web.odata import SeenKeys, follow_next_links, rows_of

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


def test_a_page_may_have_more_rows_than_were_asked_for_but_not_any_number() -> None:
    most = 2 * 100 + bounds.PAGE_ROWS_BEYOND
    assert len(rows_of({"value": [{}] * most}, "The service", "t", asked=100)) == most
    with pytest.raises(SourceError, match="with 30,201 rows, where 100 were asked for: at most 30,200"):
        rows_of({"value": [{}] * (most + 1)}, "The service", "t", asked=100)


class Pages:
    """Answers pages that lead on and on; the rows of each are new."""

    service = "The service"

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.asked = 0

    def get(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        first = self.asked * self._rows
        rows = [{"id": str(first + number)} for number in range(self._rows)]
        return {"value": rows, "@odata.nextLink": f"https://service.example.com/t?page={self.asked}"}


@pytest.mark.parametrize(
    ("rows", "bound", "most", "asked"),
    [(0, "EMPTY_PAGES", 200, 201), (2, "TABLE_PAGES", 30, 31), (2, "TABLE_ROWS", 30, 16)],
)
def test_pages_that_lead_on_for_ever_are_given_up(monkeypatch, rows, bound, most, asked) -> None:
    monkeypatch.setattr(bounds, bound, most)
    pages: Any = Pages(rows)
    with pytest.raises(SourceError, match="the paging doesn't end, so what was read isn't whole"):
        list(follow_next_links(pages, "t", {}, identity=lambda row: row.get("id"), page_size=100))
    assert pages.asked == asked


@pytest.mark.parametrize(("bound", "most"), [("TABLE_PAGES", 30), ("TABLE_ROWS", 30)])
def test_so_are_pages_of_new_members_for_ever(monkeypatch, bound, most) -> None:
    """With a link in each, and by ``$skip`` where none is looked for."""
    monkeypatch.setattr(bounds, bound, most)
    for paging in Paging:
        pages: Any = Pages(2)
        with pytest.raises(SourceError, match="the paging doesn't end, so what was read isn't whole"):
            list(member_pages(pages, {}, page_size=100, paging=paging))
        assert pages.asked <= 31
