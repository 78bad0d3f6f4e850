from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.web.page_guard import PageGuard, RowsAgainError

PAGES = st.lists(st.lists(st.integers(0, 30), max_size=5), max_size=8)


def rows(*names: object) -> list[dict[str, Any]]:
    return [{"id": name} for name in names]


def guard() -> PageGuard:
    return PageGuard("The service", "the table", lambda row: row.get("id"))


@given(PAGES)
def test_pages_pass_if_no_row_comes_twice_and_are_refused_if_one_does(pages: list[list[int]]) -> None:
    found = guard()
    every = [name for page in pages for name in page]

    def take_all() -> None:
        for page in pages:
            found.check_rows(rows(*page))
        found.require_distinct()

    if len(set(every)) == len(every):
        take_all()
    else:
        with pytest.raises(SourceError, match="a second time"):
            take_all()


def test_rows_that_come_again_are_noticed_before_the_paging_has_ended() -> None:
    found = guard()

    def never_ends() -> None:
        for number in itertools.count():
            found.check_rows(rows(number % 7, f"new {number}"))

    with pytest.raises(RowsAgainError, match=r"\d+ of \d+ rows of the table a second time"):
        never_ends()


def test_the_same_page_is_told_as_such() -> None:
    found = guard()
    found.check_rows(rows("a", "b"))

    with pytest.raises(SourceError, match="a page of the table a second time"):
        found.check_rows(rows("a", "b"))


def test_some_empty_pages_pass_and_no_end_of_them_is_given_up() -> None:
    found = guard()
    for _ in range(bounds.EMPTY_PAGES):
        found.check_rows([])
    found.check_rows(rows("a"))
    for _ in range(bounds.EMPTY_PAGES):
        found.check_rows([])

    with pytest.raises(SourceError, match="201 empty pages of the table in a row"):
        found.check_rows([])


def test_rows_that_nothing_tells_apart_are_not_taken_for_one() -> None:
    found = guard()
    found.check_rows(rows(None, None, "a"))

    found.require_distinct()


@pytest.mark.parametrize(("bound", "most"), [("TABLE_PAGES", 30), ("TABLE_ROWS", 60)])
def test_new_rows_by_new_links_for_ever_are_given_up(bound, most, monkeypatch) -> None:
    monkeypatch.setattr(bounds, bound, most)
    found = guard()
    for number in range(30):
        found.check_rows(rows(2 * number, 2 * number + 1))
        found.check_link(f"page {number}")

    with pytest.raises(SourceError, match="has sent 31 pages and 62 rows of the table, and at most"):
        found.check_rows(rows("one", "more"))
