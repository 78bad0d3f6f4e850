from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.dataverse.memberships import member_batches, segment_list

NAMES = st.lists(st.sampled_from(["A", "B", "C", "Other"]), max_size=4)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"Segments":["A","B"]}', ["A", "B"]),
        ('{"segments":["A"],"version":1}', ["A"]),
        ('["A","B"]', ["A", "B"]),
        ("[]", []),
        ('{"Segments":[]}', []),
    ],
)
def test_both_shapes_of_the_list_are_read(text: str, names: list[str]) -> None:
    assert segment_list(text) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A;B", "no JSON but 3 characters"),
        ("{}", "an object with 0 keys"),
        ('{"Segments":"A"}', "an object with 1 keys"),
        ("[1]", "a list of 1"),
        ('"A"', "str"),
        ("null", "NoneType"),
    ],
)
def test_another_shape_is_told_without_its_content(text: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        segment_list(text)


def batches(rows: list[dict[str, Any]], **only: str) -> list[tuple[str, int]]:
    numbers = {"A": 0, "B": 1}
    found = member_batches([rows], id_column="id", list_column="list", only=only, number_of=numbers.get)
    return [
        pair
        for batch in found
        for pair in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]


@given(st.lists(NAMES, max_size=30))
def test_each_wanted_membership_comes_once(lists: list[list[str]]) -> None:
    rows = [{"id": str(place), "list": json.dumps(names)} for place, names in enumerate(lists)]

    expected = [
        (str(place), ["A", "B"].index(name))
        for place, names in enumerate(lists)
        for name in dict.fromkeys(names)
        if name in ("A", "B")
    ]
    assert batches(rows) == expected


def test_rows_of_another_kind_are_left_out_and_rows_without_one_are_not() -> None:
    rows = [
        {"id": "1", "list": '["A"]', "kind": "Customer"},
        {"id": "2", "list": '["A"]', "kind": "Account"},
        {"id": "3", "list": '["A"]', "kind": None},
        {"id": "4", "list": None, "kind": "Customer"},
    ]

    assert batches(rows, kind="Customer") == [("1", 0), ("3", 0)]


def test_a_list_that_is_json_already_is_read_too() -> None:
    assert batches([{"id": "1", "list": {"Segments": ["B"]}}]) == [("1", 1)]


def test_a_membership_without_customer_is_nobodys() -> None:
    assert batches([{"id": None, "list": '["A"]'}, {"id": "1", "list": '["A"]'}]) == [("1", 0)]


def test_the_lists_of_a_page_have_so_many_names_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name takes many times its own bytes, and none of them counts among the values of the answer."""
    monkeypatch.setattr(bounds, "SOURCE_VALUES", 1_000)
    rows = [{"id": str(place), "list": json.dumps(["A", *[f"n{place}"] * 250])} for place in range(4)]
    assert len(batches(rows)) == 4
    rows.append({"id": "more", "list": '["A","B"]'})
    with pytest.raises(SourceError, match="with more than 1,000 segments in its lists; ask for fewer rows"):
        batches(rows)
